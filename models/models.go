// Package models holds the catalogue of the neural networks and native
// libraries that the product uses: where each comes from, the digests of its
// files, and how it is used. Weights from registries are not in the
// repository; the program models/cmd/models fetches and converts them.
package models

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"jiexun/api/modelv1"
)

// The second pattern takes in the folder verifier with the project's own
// weights.
//
//go:embed manifests/*.json libraries/*.json verifier/verifier.onnx verifier/verifier.json
var embedded embed.FS

// Catalogue is what the product may fetch.
type Catalogue struct {
	// Models are sorted by name.
	Models []modelv1.Manifest
	// Libraries are the native libraries.
	Libraries []modelv1.Library
	files     fs.FS
}

// Load reads and checks the catalogue that is built into the program.
func Load() (*Catalogue, error) { return load(embedded) }

func load(files fs.FS) (*Catalogue, error) {
	c := &Catalogue{files: files}
	err := each(files, "manifests", func(name string, data []byte) error {
		m, err := modelv1.Parse(data)
		if err == nil && m.Name+".json" != name {
			err = fmt.Errorf("its name is %s", m.Name)
		}
		c.Models = append(c.Models, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(files, "libraries", func(_ string, data []byte) error {
		l, err := modelv1.ParseLibrary(data)
		c.Libraries = append(c.Libraries, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	m, ok, err := c.verifier()
	if err != nil {
		return nil, err
	}
	if ok {
		c.Models = append(c.Models, m)
	}
	slices.SortFunc(c.Models, func(a, b modelv1.Manifest) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

func each(files fs.FS, dir string, use func(name string, data []byte) error) error {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return fmt.Errorf("list %s: %w", dir, err)
	}
	for _, e := range entries {
		data, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err == nil {
			err = use(e.Name(), data)
		}
		if err != nil {
			return fmt.Errorf("read %s/%s: %w", dir, e.Name(), err)
		}
	}
	return nil
}
