package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/errs"
)

// ErrOffset says that an upload does not continue where the partial file
// ends; Offset is where it does.
type ErrOffset struct{ Offset int64 }

// Error implements error.
func (e *ErrOffset) Error() string {
	return fmt.Sprintf("upload must go on at offset %d", e.Offset)
}

func (s *Store) partialPath(owner, digest string) string {
	return filepath.Join(s.dir, "partial", owner+"-"+digest)
}

// Partial tells how many bytes of an owner's unfinished upload are kept.
// Owner keeps two boxes that send the same file apart.
func (s *Store) Partial(owner, digest string) (int64, error) {
	fi, err := os.Stat(s.partialPath(owner, digest))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, ioError("look at upload", err)
	}
	return fi.Size(), nil
}

// Append adds bytes to an unfinished upload at offset. When total is reached
// the digest is checked: a file that does not match is thrown away and
// refused. It returns the new offset and whether the file is whole.
func (s *Store) Append(ctx context.Context, owner, digest, mediaType string, offset, total int64, r io.Reader) (int64, bool, error) {
	if !ValidDigest(digest) {
		return 0, false, errs.Invalidf("sm3", "摘要应为 64 位小写十六进制")
	}
	p := s.partialPath(owner, digest)
	have, err := s.Partial(owner, digest)
	if err != nil {
		return 0, false, err
	}
	if have != offset {
		return have, false, &ErrOffset{Offset: have}
	}
	f, err := os.OpenFile(p, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return have, false, ioError("continue upload", err)
	}
	n, err := io.Copy(f, io.LimitReader(r, total-offset+1))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), ctx.Err()); err != nil {
		return have + n, false, ioError("continue upload", err)
	}
	switch have += n; {
	case have > total:
		_ = os.Remove(p)
		return 0, false, errs.Invalidf("Upload-Length", "收到的内容多于声明的 %d 字节，已丢弃", total)
	case have < total:
		return have, false, nil
	}
	got, err := digestFile(p)
	if err != nil {
		return have, false, err
	}
	if got != digest {
		_ = os.Remove(p)
		return 0, false, errs.Invalidf("sm3", "内容的 SM3 摘要是 %s，与声明的 %s 不符，已丢弃，请重新上传", got, digest)
	}
	return have, true, s.keep(p, Ref{SM3: digest, Size: total, MediaType: mediaType})
}

func digestFile(p string) (string, error) {
	f, err := os.Open(p)
	if err != nil {
		return "", ioError("check upload", err)
	}
	defer func() { _ = f.Close() }()
	h := sm3.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", ioError("check upload", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Sweep removes unfinished uploads that nothing was added to since before.
func (s *Store) Sweep(before time.Time) (int, error) {
	list, err := os.ReadDir(filepath.Join(s.dir, "partial"))
	if err != nil {
		return 0, ioError("sweep uploads", err)
	}
	n := 0
	for _, e := range list {
		if fi, err := e.Info(); err == nil && fi.ModTime().Before(before) {
			if os.Remove(filepath.Join(s.dir, "partial", e.Name())) == nil {
				n++
			}
		}
	}
	return n, nil
}
