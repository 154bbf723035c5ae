package modelv1_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"jiexun/api/modelv1"
)

func detector() modelv1.Manifest {
	digest := modelv1.Digest{Size: 10, SHA256: strings.Repeat("a", 64), SM3: strings.Repeat("b", 64)}
	return modelv1.Manifest{
		Schema: 1, Name: "yolox-nano", Version: "1", Head: modelv1.HeadYOLOX,
		Source: modelv1.Source{
			Ecosystem: modelv1.NPM, Package: "@scope/name", Version: "1.2.3", Integrity: "sha512-" + strings.Repeat("A", 86) + "==", Size: 100,
			Parts: []modelv1.Part{{Path: "package/model.onnx", As: "model.onnx", Digest: digest}},
		},
		Files:  []modelv1.File{{Name: "model.onnx", Digest: digest}},
		Labels: []string{"person", "kite"}, Classes: map[string]string{"person": "person"},
		Input: modelv1.Input{
			Name: "images", Layout: "NCHW", Width: 416, Height: 416, Planes: []string{"B", "G", "R"},
			Scale: 1, Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1}, Fit: "letterbox", Pad: 114,
		},
		Outputs:  []modelv1.Output{{Name: "output", Holds: "predictions", Activation: "none"}},
		MinScore: 0.3, MaxOverlap: 0.5, Licence: modelv1.Licence{SPDX: "Apache-2.0", Holder: "someone"},
	}
}

func TestValidateNamesTheField(t *testing.T) {
	good := detector()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*modelv1.Manifest){
		"schema":                 func(m *modelv1.Manifest) { m.Schema = 2 },
		"name":                   func(m *modelv1.Manifest) { m.Name = "../evil" },
		"version":                func(m *modelv1.Manifest) { m.Version = "" },
		"head":                   func(m *modelv1.Manifest) { m.Head = "magic" },
		"source.ecosystem":       func(m *modelv1.Manifest) { m.Source.Ecosystem = "ftp" },
		"source.package":         func(m *modelv1.Manifest) { m.Source.Package = "--registry=x" },
		"source.version":         func(m *modelv1.Manifest) { m.Source.Version = "latest" },
		"source.integrity":       func(m *modelv1.Manifest) { m.Source.Integrity = "sha1-abc" },
		"source.size":            func(m *modelv1.Manifest) { m.Source.Size = 0 },
		"source.convert":         func(m *modelv1.Manifest) { m.Source.Convert = "keras" },
		"source.parts[0].path":   func(m *modelv1.Manifest) { m.Source.Parts[0].Path = "../../etc/passwd" },
		"source.parts[0].as":     func(m *modelv1.Manifest) { m.Source.Parts[0].As = "a/b" },
		"source.parts[0].length": func(m *modelv1.Manifest) { m.Source.Parts[0].Length = 3 },
		"source.parts[0].sha256": func(m *modelv1.Manifest) { m.Source.Parts[0].SHA256 = "AB" },
		"files[0].name":          func(m *modelv1.Manifest) { m.Files[0].Name = "manifest.json" },
		"files[0].sm3":           func(m *modelv1.Manifest) { m.Files[0].SM3 = "" },
		"files":                  func(m *modelv1.Manifest) { m.Files = nil },
		"classes":                func(m *modelv1.Manifest) { m.Classes = map[string]string{"dog": "animal"} },
		"classes[person]":        func(m *modelv1.Manifest) { m.Classes["person"] = "human" },
		"labels":                 func(m *modelv1.Manifest) { m.Labels = nil },
		"input.layout":           func(m *modelv1.Manifest) { m.Input.Layout = "HWC" },
		"input.width":            func(m *modelv1.Manifest) { m.Input.Width = 0 },
		"input.planes":           func(m *modelv1.Manifest) { m.Input.Planes = []string{"R", "G", "G"} },
		"input.scale":            func(m *modelv1.Manifest) { m.Input.Scale = 0 },
		"input.mean":             func(m *modelv1.Manifest) { m.Input.Mean = nil },
		"input.std[1]":           func(m *modelv1.Manifest) { m.Input.Std[1] = 0 },
		"input.fit":              func(m *modelv1.Manifest) { m.Input.Fit = "crop" },
		"input.pad":              func(m *modelv1.Manifest) { m.Input.Pad = 300 },
		"outputs":                func(m *modelv1.Manifest) { m.Outputs[0].Holds = "boxes" },
		"outputs[0].activation":  func(m *modelv1.Manifest) { m.Outputs[0].Activation = "tanh" },
		"minScore":               func(m *modelv1.Manifest) { m.MinScore = 0 },
		"maxOverlap":             func(m *modelv1.Manifest) { m.MaxOverlap = 2 },
		"licence.spdx":           func(m *modelv1.Manifest) { m.Licence.SPDX = "" },
	} {
		m := detector()
		spoil(&m)
		err := m.Validate()
		if !errors.Is(err, modelv1.ErrInvalid) || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestParseRefusesWhatIsNotOneObject(t *testing.T) {
	good, err := json.Marshal(detector())
	if err != nil {
		t.Fatal(err)
	}
	m, err := modelv1.Parse(good)
	if err != nil || m.Name != "yolox-nano" {
		t.Fatalf("%+v, %v", m, err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "two": append(good, good...), "list": []byte("[]"), "huge": make([]byte, modelv1.MaxManifestBytes+1),
	} {
		if _, err := modelv1.Parse(data); !errors.Is(err, modelv1.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	d := detector()
	good, err := json.Marshal(d)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"schema":1,"head":"nanodet","outputs":[{"holds":"boxes","stride":8},{"holds":"scores"}]}`))
	f.Add([]byte(`{"platforms":{"linux/amd64":{}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := modelv1.Parse(data); err == nil {
			again, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := modelv1.Parse(again); err != nil {
				t.Errorf("a valid manifest is refused after it was written: %v", err)
			}
		}
		if l, err := modelv1.ParseLibrary(data); err == nil && len(l.Platforms) == 0 {
			t.Error("a library without platforms is valid")
		}
	})
}
