package models

import (
	"errors"
	"fmt"
	"io/fs"

	"jiexun/api/modelv1"
)

// The verifier is trained by this project; its weights and its manifest lie
// in the folder verifier beside the script that makes them.
const (
	verifierWeights  = "verifier/verifier.onnx"
	verifierManifest = "verifier/verifier.json"
)

// verifier reads the project's own network; ok is false in a tree that does
// not hold its weights.
func (c *Catalogue) verifier() (m modelv1.Manifest, ok bool, err error) {
	data, err := fs.ReadFile(c.files, verifierManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		_, err = fs.Stat(c.files, verifierWeights)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, fmt.Errorf("read %s: %w", verifierManifest, err)
	}
	m, err = modelv1.Parse(data)
	if err != nil {
		return m, false, fmt.Errorf("%s: %w", verifierManifest, err)
	}
	return m, true, nil
}

// ProjectFile opens the weights of a network that lies in the repository.
func (c *Catalogue) ProjectFile(m *modelv1.Manifest, name string) (fs.File, error) {
	if m.Head != modelv1.HeadVerifier || name != modelv1.WeightsFile {
		return nil, fmt.Errorf("open %s of %s: the repository holds only the verifier's weights", name, m.Name)
	}
	return c.files.Open(verifierWeights)
}
