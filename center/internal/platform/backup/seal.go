package backup

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/emmansun/gmsm/sm4"
	"golang.org/x/crypto/argon2"
)

// A sealed archive is the magic, a salt, and pieces: four bytes of length
// (the top bit marks the last piece), then that many bytes of SM4-GCM output.
// The nonce counts the pieces, and the mark is authenticated, so that pieces
// can be neither exchanged nor cut off.
const (
	magic     = "JXBAK1\x00\x00"
	saltLen   = 16
	pieceLen  = 64 << 10
	lastPiece = 1 << 31
)

// cost of the passphrase: a quarter of a second and 64 MiB.
func keyOf(passphrase string, salt []byte) (cipher.AEAD, error) {
	b, err := sm4.NewCipher(argon2.IDKey([]byte(passphrase), salt, 3, 64<<10, 2, sm4.BlockSize))
	if err != nil {
		return nil, fmt.Errorf("make the archive's key: %w", err)
	}
	g, err := cipher.NewGCM(b)
	if err != nil {
		return nil, fmt.Errorf("make the archive's key: %w", err)
	}
	return g, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func sealTo(w io.Writer, passphrase string) (io.WriteCloser, error) {
	if passphrase == "" {
		return nopCloser{w}, nil
	}
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	g, err := keyOf(passphrase, salt)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(append([]byte(magic), salt...)); err != nil {
		return nil, fmt.Errorf("write the archive: %w", err)
	}
	return &sealer{w: w, g: g}, nil
}

type sealer struct {
	w   io.Writer
	g   cipher.AEAD
	buf bytes.Buffer
	n   uint64
}

func (s *sealer) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		k := min(len(p), pieceLen-s.buf.Len())
		s.buf.Write(p[:k])
		p = p[k:]
		if s.buf.Len() == pieceLen {
			if err := s.flush(0); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

func (s *sealer) Close() error { return s.flush(lastPiece) }

func (s *sealer) flush(mark uint32) error {
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(s.buf.Len()+s.g.Overhead())|mark)
	out := s.g.Seal(head[:], nonce(s.g, s.n), s.buf.Bytes(), head[:])
	s.n++
	s.buf.Reset()
	_, err := s.w.Write(out)
	return err
}

func nonce(g cipher.AEAD, n uint64) []byte {
	b := make([]byte, g.NonceSize())
	binary.BigEndian.PutUint64(b[len(b)-8:], n)
	return b
}

func openSealed(r io.Reader, passphrase string) (io.Reader, error) {
	head := make([]byte, len(magic))
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the archive: %w", err)
	}
	if string(head) != magic {
		return io.MultiReader(bytes.NewReader(head[:n]), r), nil
	}
	if passphrase == "" {
		return nil, errors.New("the archive is sealed: give its passphrase")
	}
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(r, salt); err != nil {
		return nil, fmt.Errorf("the archive is cut off: %w", err)
	}
	g, err := keyOf(passphrase, salt)
	if err != nil {
		return nil, err
	}
	return &opener{r: r, g: g}, nil
}

type opener struct {
	r    io.Reader
	g    cipher.AEAD
	have []byte
	n    uint64
	last bool
}

func (o *opener) Read(p []byte) (int, error) {
	for len(o.have) == 0 {
		if o.last {
			return 0, io.EOF
		}
		if err := o.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.have)
	o.have = o.have[n:]
	return n, nil
}

func (o *opener) next() error {
	var head [4]byte
	if _, err := io.ReadFull(o.r, head[:]); err != nil {
		return errors.New("the archive is cut off")
	}
	size := binary.BigEndian.Uint32(head[:])
	o.last = size&lastPiece != 0
	size &^= lastPiece
	if size > pieceLen+uint32(o.g.Overhead()) || size < uint32(o.g.Overhead()) {
		return errors.New("the archive is damaged: a piece has an impossible length")
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(o.r, b); err != nil {
		return errors.New("the archive is cut off")
	}
	plain, err := o.g.Open(b[:0], nonce(o.g, o.n), b, head[:])
	if err != nil {
		if o.n == 0 {
			return errors.New("the passphrase is wrong, or the archive was changed")
		}
		return fmt.Errorf("the archive was changed in piece %d", o.n+1)
	}
	o.n++
	o.have = plain
	return nil
}
