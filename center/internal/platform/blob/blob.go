// Package blob keeps files by the SM3 digest of their content: pictures of
// alerts, photos of officers, sign references. The same content is kept once.
// A file is readable under its digest only when it is whole and checked.
package blob

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"syscall"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// Ref names a stored file.
type Ref struct {
	SM3       string `json:"sm3"`
	Size      int64  `json:"size"`
	MediaType string `json:"mediaType"`
}

// Store is a folder of files.
type Store struct {
	dir      string
	decoding chan struct{}
}

// Open makes the folders of a store under dir.
func Open(dir string) (*Store, error) {
	for _, d := range []string{"files", "partial", "thumbs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o750); err != nil {
			return nil, fmt.Errorf("open blob store: %w", err)
		}
	}
	return &Store{dir: dir, decoding: make(chan struct{}, 2)}, nil
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ValidDigest tells whether s is an SM3 digest in lower-case hexadecimal.
func ValidDigest(s string) bool { return digestForm.MatchString(s) }

// Digest is the SM3 of data.
func Digest(data []byte) string {
	h := sm3.Sum(data)
	return hex.EncodeToString(h[:])
}

func (s *Store) path(kind, digest string) string {
	return filepath.Join(s.dir, kind, digest[:2], digest)
}

// Put stores what r gives, at most max bytes, and returns its digest. When
// the content is there already nothing is written.
func (s *Store) Put(ctx context.Context, r io.Reader, mediaType string, max int64) (Ref, error) {
	tmp := filepath.Join(s.dir, "partial", "put-"+ids.New())
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return Ref{}, ioError("store file", err)
	}
	defer func() { _ = os.Remove(tmp) }() // gone already after a rename
	h := sm3.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(r, max+1))
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close(), ctx.Err())
	if err != nil {
		return Ref{}, ioError("store file", err)
	}
	if n > max {
		return Ref{}, errs.New(errs.TooLarge, "文件超过 %d MB 的上限", max>>20)
	}
	if n == 0 {
		return Ref{}, errs.Invalidf("body", "文件是空的")
	}
	ref := Ref{SM3: hex.EncodeToString(h.Sum(nil)), Size: n, MediaType: mediaType}
	return ref, s.keep(tmp, ref)
}

// PutBytes stores a file that is in memory.
func (s *Store) PutBytes(ctx context.Context, data []byte, mediaType string) (Ref, error) {
	return s.Put(ctx, bytes.NewReader(data), mediaType, int64(len(data)))
}

// keep moves a checked file to its place, with its media type beside it.
func (s *Store) keep(tmp string, ref Ref) error {
	dst := s.path("files", ref.SM3)
	if _, err := os.Stat(dst); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dst), 0o750); err != nil {
		return ioError("store file", err)
	}
	if err := os.WriteFile(dst+".type", []byte(ref.MediaType), 0o640); err != nil {
		return ioError("store file", err)
	}
	if err := os.Rename(tmp, dst); err != nil {
		return ioError("store file", err)
	}
	return syncDir(filepath.Dir(dst))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return ioError("store file", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// Stat gives the reference of a stored file.
func (s *Store) Stat(_ context.Context, digest string) (Ref, error) {
	if !ValidDigest(digest) {
		return Ref{}, errs.Invalidf("sm3", "摘要应为 64 位小写十六进制")
	}
	p := s.path("files", digest)
	fi, err := os.Stat(p)
	if errors.Is(err, os.ErrNotExist) {
		return Ref{}, errs.NotFound("文件")
	}
	if err != nil {
		return Ref{}, ioError("read file", err)
	}
	mt, err := os.ReadFile(p + ".type")
	if err != nil {
		mt = []byte("application/octet-stream")
	}
	return Ref{SM3: digest, Size: fi.Size(), MediaType: string(mt)}, nil
}

// Has tells whether the whole file is there.
func (s *Store) Has(ctx context.Context, digest string) bool {
	_, err := s.Stat(ctx, digest)
	return err == nil
}

// Open gives the content of a stored file.
func (s *Store) Open(ctx context.Context, digest string) (io.ReadSeekCloser, Ref, error) {
	ref, err := s.Stat(ctx, digest)
	if err != nil {
		return nil, Ref{}, err
	}
	f, err := os.Open(s.path("files", digest))
	if err != nil {
		return nil, Ref{}, ioError("read file", err)
	}
	return f, ref, nil
}

// Remove forgets a file that nothing refers to any more; an absent one is no
// error.
func (s *Store) Remove(_ context.Context, digest string) error {
	if !ValidDigest(digest) {
		return errs.Invalidf("sm3", "摘要应为 64 位小写十六进制")
	}
	p := s.path("files", digest)
	for _, name := range []string{p, p + ".type"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return ioError("remove file", err)
		}
	}
	return nil
}

// ioError names a full disk; all else is internal.
func ioError(what string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errs.Wrap(errs.NoSpace, "中心磁盘空间不足，文件没有保存；请清理磁盘后重试", err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
