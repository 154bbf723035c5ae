package evidence

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/emmansun/gmsm/sm3"
)

// Digest is the SM3 of data as 64 lower-case hex digits.
func Digest(data []byte) string {
	sum := sm3.Sum(data)
	return hex.EncodeToString(sum[:])
}

// IsDigest tells whether s has the form of a digest.
func IsDigest(s string) bool {
	if len(s) != 2*sm3.Size {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func digestOf(r io.Reader) (string, error) {
	h := sm3.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", fmt.Errorf("read for digest: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// VerifyFile checks a file whose name, without its extension, is its digest.
// The error says what is wrong.
func VerifyFile(path string) error {
	name := filepath.Base(path)
	want := strings.TrimSuffix(name, filepath.Ext(name))
	if !IsDigest(want) {
		return fmt.Errorf("%s: the name must be the file's SM3 digest of 64 hex digits", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer f.Close()
	got, err := digestOf(f)
	if err != nil {
		return fmt.Errorf("verify %s: %w", path, err)
	}
	if got != want {
		return fmt.Errorf("%s: %w: the content's SM3 is %s", path, ErrCorrupt, got)
	}
	return nil
}
