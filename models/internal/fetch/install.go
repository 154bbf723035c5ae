package fetch

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/modelv1"
	"jiexun/models/internal/tfjs"
	"jiexun/models/internal/tflite"
)

// item is one thing to install: a network with its folder, or a library that
// shares the folder lib with others.
type item struct {
	name     string
	dir      string
	shared   bool // the folder holds other things too
	source   modelv1.Source
	files    []modelv1.File
	manifest []byte
	open     func(name string) (fs.File, error) // of the repository
	// kept is where the parts of a converted network stay, so that another
	// converter needs no download; empty where the parts are the result.
	kept string
}

// stamp is written when an item is complete. While the catalogue and the
// files' lengths and times are those of the stamp, nothing has to be hashed.
type stamp struct {
	Item  string      `json:"item"` // SM3 of what the catalogue says
	Files []stampFile `json:"files"`
}

type stampFile struct {
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	ModNano int64  `json:"modNano"`
}

// identity changes whenever the catalogue says something else about the item.
func (it *item) identity() string {
	var b bytes.Buffer
	b.Write(it.manifest)
	for _, f := range it.files {
		fmt.Fprintf(&b, "%s %d %s %s\n", f.Name, f.Size, f.SHA256, f.SM3)
	}
	sum := sm3.Sum(b.Bytes())
	return hex.EncodeToString(sum[:])
}

func (it *item) stampPath() string {
	if it.shared {
		return filepath.Join(it.dir, "."+it.name+".stamp.json")
	}
	return filepath.Join(it.dir, ".stamp.json")
}

// names are the files that must lie in the folder.
func (it *item) names() []string {
	var n []string
	for _, f := range it.files {
		n = append(n, f.Name)
	}
	if it.manifest != nil {
		n = append(n, modelv1.ManifestFile)
	}
	return n
}

// installed tells without hashing whether the item is complete; the reason
// says what is missing.
func (it *item) installed() (bool, string) {
	data, err := os.ReadFile(it.stampPath())
	if err != nil {
		return false, "not installed"
	}
	var s stamp
	if err := json.Unmarshal(data, &s); err != nil || s.Item != it.identity() || len(s.Files) != len(it.names()) {
		return false, "another version is installed"
	}
	for i, n := range it.names() {
		st, err := os.Stat(filepath.Join(it.dir, n))
		if err != nil {
			return false, n + " is missing"
		}
		if f := s.Files[i]; f.Name != n || f.Size != st.Size() || f.ModNano != st.ModTime().UnixNano() {
			return false, n + " was changed after it was installed"
		}
	}
	if !it.sourceKept(false) {
		return false, "its source is not in the cache"
	}
	return true, ""
}

// sourceKept tells whether the parts to convert are in the cache, by their
// length or by their digests.
func (it *item) sourceKept(hash bool) bool {
	if it.kept == "" {
		return true
	}
	for _, p := range it.source.Parts {
		path := filepath.Join(it.kept, p.As)
		if st, err := os.Stat(path); err != nil || st.Size() != p.Size {
			return false
		}
		if hash && checkFile(path, p.Digest) != nil {
			return false
		}
	}
	return true
}

// needsPackage tells whether installing takes the package file.
func (it *item) needsPackage() bool {
	return it.source.Ecosystem == modelv1.NPM && (it.kept == "" || !it.sourceKept(true))
}

// verify hashes every installed file.
func (it *item) verify() error {
	for _, f := range it.files {
		if err := checkFile(filepath.Join(it.dir, f.Name), f.Digest); err != nil {
			return err
		}
	}
	if it.manifest == nil {
		return nil
	}
	path := filepath.Join(it.dir, modelv1.ManifestFile)
	got, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("check %s: %w", path, err)
	}
	if !bytes.Equal(got, it.manifest) {
		return fmt.Errorf("%w: %s differs from the catalogue", ErrDigest, path)
	}
	return nil
}

func (it *item) writeStamp(dir string) error {
	s := stamp{Item: it.identity()}
	for _, n := range it.names() {
		st, err := os.Stat(filepath.Join(dir, n))
		if err != nil {
			return fmt.Errorf("look at %s: %w", n, err)
		}
		s.Files = append(s.Files, stampFile{n, st.Size(), st.ModTime().UnixNano()})
	}
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write the stamp of %s: %w", it.name, err)
	}
	return writeFile(filepath.Join(dir, filepath.Base(it.stampPath())), bytes.NewReader(data))
}

// install builds the item in a folder of its own, checks every digest there
// and only then moves it to its place.
func (f *Fetcher) install(ctx context.Context, it *item) error {
	start := f.Now()
	tmp, err := os.MkdirTemp(f.cache(), tmpPrefix)
	if err != nil {
		return fmt.Errorf("make a folder to build %s: %w", it.name, err)
	}
	defer os.RemoveAll(tmp)
	parts, ready := filepath.Join(tmp, "parts"), filepath.Join(tmp, "ready")
	for _, d := range []string{parts, ready} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return fmt.Errorf("make a folder to build %s: %w", it.name, err)
		}
	}
	from := parts
	switch {
	case it.source.Ecosystem == modelv1.Project:
		err = it.copyProject(parts)
	case it.needsPackage():
		if err = extract(f.tarball(&it.source), it.source.Parts, parts); err == nil && it.kept != "" {
			err = it.keep(parts)
			from = it.kept
		}
	default:
		from = it.kept
	}
	if err != nil {
		return fmt.Errorf("install %s: %w", it.name, err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("install %s: %w", it.name, err)
	}
	if err := it.build(from, parts, ready); err != nil {
		return fmt.Errorf("install %s: %w", it.name, err)
	}
	if err := it.place(ready, tmp); err != nil {
		return fmt.Errorf("install %s into %s: %w", it.name, it.dir, err)
	}
	f.say("%s: installed in %s, %.1f s", it.name, it.dir, f.Now().Sub(start).Seconds())
	return nil
}

func (it *item) copyProject(dir string) error {
	for _, file := range it.files {
		src, err := it.open(file.Name)
		if err != nil {
			return err
		}
		err = writeFile(filepath.Join(dir, file.Name), src)
		if cerr := src.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("copy %s: %w", file.Name, err)
		}
	}
	return nil
}

// keep moves the checked parts to the cache.
func (it *item) keep(parts string) error {
	if err := os.RemoveAll(it.kept); err != nil {
		return fmt.Errorf("clear the cache: %w", err)
	}
	if err := os.MkdirAll(it.kept, 0o755); err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	for _, p := range it.source.Parts {
		if err := os.Rename(filepath.Join(parts, p.As), filepath.Join(it.kept, p.As)); err != nil {
			return fmt.Errorf("keep %s: %w", p.As, err)
		}
	}
	return nil
}

// build turns the source, in the folder from, into the files that the
// manifest promises.
func (it *item) build(from, parts, ready string) error {
	if it.source.Convert != "" {
		out, err := convert(it.name, it.source.Convert, it.source.Parts, from)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(parts, modelv1.WeightsFile), bytes.NewReader(out)); err != nil {
			return err
		}
	}
	for _, f := range it.files {
		if err := checkFile(filepath.Join(parts, f.Name), f.Digest); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(parts, f.Name), filepath.Join(ready, f.Name)); err != nil {
			return fmt.Errorf("move %s: %w", f.Name, err)
		}
	}
	if it.manifest != nil {
		if err := writeFile(filepath.Join(ready, modelv1.ManifestFile), bytes.NewReader(it.manifest)); err != nil {
			return err
		}
	}
	return it.writeStamp(ready)
}

func convert(name, how string, parts []modelv1.Part, dir string) ([]byte, error) {
	var data [][]byte
	for _, p := range parts {
		b, err := os.ReadFile(filepath.Join(dir, p.As))
		if err != nil {
			return nil, fmt.Errorf("convert: %w", err)
		}
		data = append(data, b)
	}
	switch {
	case how == "tflite" && len(data) == 1:
		return tflite.Convert(name, data[0])
	case how == "tfjs" && len(data) == 2:
		return tfjs.Convert(name, data[0], data[1])
	}
	return nil, fmt.Errorf("convert: %s from %d parts is not supported", how, len(data))
}

// place moves the finished files to where they are used. A network's folder
// is exchanged as a whole; a library replaces one file, its stamp comes last.
func (it *item) place(ready, tmp string) error {
	if it.shared {
		if err := os.MkdirAll(it.dir, 0o755); err != nil {
			return err
		}
		for _, n := range append(it.names(), filepath.Base(it.stampPath())) {
			if err := os.Rename(filepath.Join(ready, n), filepath.Join(it.dir, n)); err != nil {
				return err
			}
		}
		return syncDir(it.dir)
	}
	if err := os.MkdirAll(filepath.Dir(it.dir), 0o755); err != nil {
		return err
	}
	if err := os.Rename(it.dir, filepath.Join(tmp, "old")); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Rename(ready, it.dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(it.dir))
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
