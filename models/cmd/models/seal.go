package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/modelv1"
)

type sealCmd struct {
	Manifest string `arg:"" help:"Manifest to complete." type:"existingfile"`
	Weights  string `help:"File that becomes model.onnx; by default model.onnx, or the .onnx of the manifest's name, beside the manifest." type:"existingfile"`
}

// Run writes length and digests of the listed files into a manifest, checks
// it, and so readies a trained or imported network for use.
func (c *sealCmd) Run() error {
	data, err := os.ReadFile(c.Manifest)
	if err != nil {
		return err
	}
	var m modelv1.Manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read %s: %w", c.Manifest, err)
	}
	if len(m.Files) == 0 {
		m.Files = []modelv1.File{{Name: modelv1.WeightsFile}}
	}
	for i := range m.Files {
		f := &m.Files[i]
		content, err := os.ReadFile(c.file(f.Name))
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Name, err)
		}
		sha, sm := sha256.Sum256(content), sm3.Sum(content)
		f.Digest = modelv1.Digest{Size: int64(len(content)), SHA256: hex.EncodeToString(sha[:]), SM3: hex.EncodeToString(sm[:])}
	}
	if err := m.Validate(); err != nil {
		return err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		return fmt.Errorf("write the manifest: %w", err)
	}
	if err := replace(c.Manifest, b.Bytes()); err != nil {
		return err
	}
	fmt.Printf("%s: good\n", c.Manifest)
	return nil
}

func (c *sealCmd) file(name string) string {
	dir := filepath.Dir(c.Manifest)
	if name != modelv1.WeightsFile {
		return filepath.Join(dir, name)
	}
	if c.Weights != "" {
		return c.Weights
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		return strings.TrimSuffix(c.Manifest, filepath.Ext(c.Manifest)) + ".onnx"
	}
	return path
}
