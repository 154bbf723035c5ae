package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/modelv1"
)

// digester counts and hashes what is written to it.
type digester struct {
	size     int64
	sha, sm3 hash.Hash
}

func newDigester() *digester { return &digester{sha: sha256.New(), sm3: sm3.New()} }

// Write takes the next bytes; it never fails.
func (d *digester) Write(b []byte) (int, error) {
	d.size += int64(len(b))
	d.sha.Write(b)
	d.sm3.Write(b)
	return len(b), nil
}

// check compares with what the manifest says.
func (d *digester) check(what string, want modelv1.Digest) error {
	if d.size != want.Size {
		return fmt.Errorf("%w: %s has %d bytes, the manifest says %d", ErrDigest, what, d.size, want.Size)
	}
	if got := hex.EncodeToString(d.sha.Sum(nil)); got != want.SHA256 {
		return fmt.Errorf("%w: %s has SHA-256 %s, the manifest says %s", ErrDigest, what, got, want.SHA256)
	}
	if got := hex.EncodeToString(d.sm3.Sum(nil)); got != want.SM3 {
		return fmt.Errorf("%w: %s has SM3 %s, the manifest says %s", ErrDigest, what, got, want.SM3)
	}
	return nil
}

// checkFile hashes a file on disk and compares.
func checkFile(path string, want modelv1.Digest) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	defer f.Close()
	d := newDigester()
	if _, err := io.Copy(d, f); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return d.check(path, want)
}
