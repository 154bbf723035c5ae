package models

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"jiexun/api/modelv1"
)

func TestCatalogueIsValidAndComplete(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	heads := map[modelv1.Head]bool{}
	for i := range c.Models {
		m := &c.Models[i]
		heads[m.Head] = true
		if m.Licence.Holder == "" || len(m.Cost) == 0 && m.Source.Ecosystem == modelv1.NPM {
			t.Errorf("%s: no holder of rights or no measured cost", m.Name)
		}
		if m.Source.Ecosystem == modelv1.Project {
			f, err := c.ProjectFile(m, modelv1.WeightsFile)
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
				continue
			}
			if st, err := f.Stat(); err != nil || st.Size() != m.Files[0].Size {
				t.Errorf("%s: %v, %v", m.Name, st, err)
			}
			f.Close()
		}
	}
	for _, h := range []modelv1.Head{modelv1.HeadSSD, modelv1.HeadNanoDet, modelv1.HeadDB, modelv1.HeadCTC} {
		if !heads[h] {
			t.Errorf("no model for head %s", h)
		}
	}
	for _, l := range c.Libraries {
		for _, p := range []string{"linux/amd64", "linux/arm64"} {
			if _, ok := l.Platforms[p]; !ok {
				t.Errorf("library %s has nothing for %s", l.Name, p)
			}
		}
	}
	if !slices.IsSortedFunc(c.Models, func(a, b modelv1.Manifest) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("models are not sorted")
	}
}

func TestVerifierIsTakenWhenItIsThere(t *testing.T) {
	digest := modelv1.Digest{Size: 4, SHA256: strings.Repeat("a", 64), SM3: strings.Repeat("b", 64)}
	seven := func(v float64) []float64 { return slices.Repeat([]float64{v}, 7) }
	m := modelv1.Manifest{
		Schema: 1, Name: "verifier", Version: "1", Head: modelv1.HeadVerifier, Source: modelv1.Source{Ecosystem: modelv1.Project},
		Files: []modelv1.File{{Name: modelv1.WeightsFile, Digest: digest}}, Labels: modelv1.Judgements(),
		Input: modelv1.Input{
			Name: "x", Layout: "NCHW", Width: 64, Height: 64, Planes: modelv1.VerifierPlanes(), Scale: 1, Mean: seven(0), Std: seven(1),
		},
		Outputs: []modelv1.Output{{Name: "y", Holds: "judgement", Activation: "softmax"}}, Licence: modelv1.Licence{SPDX: "Apache-2.0"},
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	tree := func() fstest.MapFS {
		return fstest.MapFS{"manifests": {Mode: fs.ModeDir}, "libraries": {Mode: fs.ModeDir}}
	}
	if c, err := load(tree()); err != nil || len(c.Models) != 0 {
		t.Errorf("without: %+v, %v", c, err)
	}
	with := tree()
	with["verifier/verifier.json"], with["verifier/verifier.onnx"] = &fstest.MapFile{Data: data}, &fstest.MapFile{Data: []byte("onnx")}
	c, err := load(with)
	if err != nil || len(c.Models) != 1 {
		t.Fatalf("with: %+v, %v", c, err)
	}
	if f, err := c.ProjectFile(&c.Models[0], modelv1.WeightsFile); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if _, err := c.ProjectFile(&c.Models[0], "keys.txt"); err == nil {
		t.Error("a file that is not there was opened")
	}
	with["verifier/verifier.json"] = &fstest.MapFile{Data: []byte("{}")}
	if _, err := load(with); !errors.Is(err, modelv1.ErrInvalid) {
		t.Errorf("a damaged manifest: %v", err)
	}
}
