// Package backup writes a whole center (database and files) into one archive
// and brings it back, into the same kind of database or the other one. An
// archive is a tar stream, compressed, and sealed with SM4-GCM under a
// passphrase unless the operator asks for a plain one. Every entry is listed
// with its SM3 digest in a manifest at the end; an archive without it is
// incomplete and refused.
package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/db"
)

// Format is the version of the archive's layout.
const Format = 1

const (
	manifestName = "manifest.json"
	tablePrefix  = "db/"
	filePrefix   = "files/"
)

// Entry is one file of the archive.
type Entry struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	SM3  string `json:"sm3"`
	// Rows counts the rows of a table.
	Rows int64 `json:"rows,omitempty"`
}

// Manifest says what an archive holds.
type Manifest struct {
	Format   int       `json:"format"`
	At       time.Time `json:"at"`
	Database string    `json:"database"`
	// Schema lists the versions of the migrations that were applied.
	Schema  []int64 `json:"schema"`
	Entries []Entry `json:"entries"`
}

// Rows counts the rows of all tables.
func (m Manifest) Rows() int64 {
	var n int64
	for _, e := range m.Entries {
		n += e.Rows
	}
	return n
}

// Files counts the entries that are files of the data folder.
func (m Manifest) Files() int {
	n := 0
	for _, e := range m.Entries {
		if strings.HasPrefix(e.Name, filePrefix) {
			n++
		}
	}
	return n
}

// Options say what is backed up or restored.
type Options struct {
	DB *db.DB
	// Data is the folder of the center's files.
	Data string
	// Migrations are the schema of this center.
	Migrations fs.FS
	// Passphrase seals the archive; empty leaves it plain.
	Passphrase string
	// Prepare makes tables that no migration makes (the job queue's); nil
	// when there are none.
	Prepare func(ctx context.Context) error
}

// skipped names of the data folder: the database itself, and what is made
// anew at each start.
func skipped(rel string) bool {
	base := filepath.Base(rel)
	return strings.HasPrefix(base, "jiexun.db") || strings.HasSuffix(base, ".sock") || strings.HasSuffix(base, ".lock") ||
		strings.Contains(filepath.ToSlash(rel)+"/", "/partial/")
}

// Write backs the center up into w. Rows are read in one snapshot, while the
// center goes on working; files are content-addressed and only ever added, so
// that those the snapshot names are there.
func Write(ctx context.Context, o Options, w io.Writer) (Manifest, error) {
	sealed, err := sealTo(w, o.Passphrase)
	if err != nil {
		return Manifest{}, err
	}
	zip := gzip.NewWriter(sealed)
	a := &archive{tar: tar.NewWriter(zip), m: Manifest{Format: Format, At: o.DB.Now(), Database: dialect(o.DB)}}
	if a.m.Schema, err = db.Versions(ctx, o.DB, o.Migrations); err != nil {
		return a.m, err
	}
	if err := dump(ctx, o.DB, a); err != nil {
		return a.m, err
	}
	if err := a.folder(ctx, o.Data); err != nil {
		return a.m, err
	}
	b, err := json.Marshal(a.m)
	if err != nil {
		return a.m, fmt.Errorf("write manifest: %w", err)
	}
	if err := a.bytes(manifestName, b); err != nil {
		return a.m, err
	}
	if err := errors.Join(a.tar.Close(), zip.Close(), sealed.Close()); err != nil {
		return a.m, fmt.Errorf("finish the archive: %w", err)
	}
	return a.m, nil
}

func dialect(d *db.DB) string {
	if d.Postgres() {
		return "postgres"
	}
	return "sqlite"
}

// archive is one that is being written.
type archive struct {
	tar *tar.Writer
	m   Manifest
}

func (a *archive) bytes(name string, b []byte) error {
	h := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(b)), ModTime: a.m.At, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := a.tar.Write(b); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// add copies a stream of known size and lists it.
func (a *archive) add(name string, size, rows int64, r io.Reader) error {
	h := &tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: a.m.At, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	d := sm3.New()
	if _, err := io.Copy(io.MultiWriter(a.tar, d), io.LimitReader(r, size)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	a.m.Entries = append(a.m.Entries, Entry{Name: name, Size: size, SM3: digestOf(d), Rows: rows})
	return nil
}

func digestOf(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// folder adds every file below root.
func (a *archive) folder(ctx context.Context, root string) error {
	var names []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		if d.Type().IsRegular() && !skipped(rel) {
			names = append(names, rel)
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("list the data folder: %w", err)
	}
	slices.Sort(names)
	for _, rel := range names {
		if err := a.file(filepath.Join(root, rel), filePrefix+filepath.ToSlash(rel)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (a *archive) file(path, name string) (err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // swept away since it was listed
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return a.add(name, st.Size(), 0, f)
}

// walk reads an archive and hands on each entry but the manifest.
func walk(r io.Reader, passphrase string, each func(name string, r io.Reader) error) (Manifest, error) {
	var m Manifest
	plain, err := openSealed(r, passphrase)
	if err != nil {
		return m, err
	}
	zip, err := gzip.NewReader(plain)
	if err != nil {
		return m, fmt.Errorf("this is no archive of a center: %w", err)
	}
	t := tar.NewReader(zip)
	seen := map[string]Entry{}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return m, errors.New("the archive is incomplete: it has no manifest at its end")
		}
		if err != nil {
			return m, fmt.Errorf("read the archive: %w", err)
		}
		if h.Name == manifestName {
			if err := json.NewDecoder(io.LimitReader(t, 1<<30)).Decode(&m); err != nil {
				return m, fmt.Errorf("read the manifest: %w", err)
			}
			return m, m.check(seen)
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			return m, fmt.Errorf("the archive holds %q, which is no plain file", h.Name)
		}
		d := sm3.New()
		c := &counting{r: io.TeeReader(t, d)}
		if err := each(h.Name, c); err != nil {
			return m, err
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			return m, fmt.Errorf("read %s: %w", h.Name, err)
		}
		seen[h.Name] = Entry{Name: h.Name, Size: c.n, SM3: digestOf(d)}
	}
}

// check compares what was read with the list.
func (m Manifest) check(seen map[string]Entry) error {
	if m.Format != Format {
		return fmt.Errorf("the archive has format %d, this center reads %d", m.Format, Format)
	}
	for _, e := range m.Entries {
		got, ok := seen[e.Name]
		if !ok {
			return fmt.Errorf("the archive lacks %s", e.Name)
		}
		if got.Size != e.Size || got.SM3 != e.SM3 {
			return fmt.Errorf("%s was changed: its digest is not that of the manifest", e.Name)
		}
		delete(seen, e.Name)
	}
	for name := range seen {
		return fmt.Errorf("the archive holds %s, which its manifest does not list", name)
	}
	return nil
}

// Verify reads a whole archive and checks every digest.
func Verify(r io.Reader, passphrase string) (Manifest, error) {
	return walk(r, passphrase, func(string, io.Reader) error { return nil })
}

type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// spool collects the text of one table: in memory while it is small, in a
// temporary file beyond.
type spool struct {
	buf  bytes.Buffer
	file *os.File
	size int64
}

const spoolMost = 8 << 20

func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	if s.file == nil && s.buf.Len()+len(p) <= spoolMost {
		return s.buf.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "jiexun-backup-*")
		if err != nil {
			return 0, err
		}
		s.file = f
		if _, err := f.Write(s.buf.Bytes()); err != nil {
			return 0, err
		}
		s.buf.Reset()
	}
	return s.file.Write(p)
}

func (s *spool) reader() (io.Reader, error) {
	if s.file == nil {
		return &s.buf, nil
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return s.file, err
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}
