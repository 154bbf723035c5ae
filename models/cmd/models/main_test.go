package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jiexun/api/modelv1"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSealCompletesAManifest(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "verifier.onnx"), "weights")
	path := write(t, filepath.Join(dir, "verifier.json"), `{
	 "schema": 1, "name": "verifier", "version": "1", "head": "verifier", "source": {"ecosystem": "project"},
	 "labels": ["thing", "removed", "person", "vehicle", "light", "nothing"],
	 "input": {"name": "x", "layout": "NCHW", "width": 64, "height": 64,
	  "planes": ["refR", "refG", "refB", "curR", "curG", "curB", "mask"],
	  "scale": 0.00392156862745098, "mean": [0,0,0,0,0,0,0], "std": [1,1,1,1,1,1,1], "batch": true},
	 "outputs": [{"name": "y", "holds": "judgement", "activation": "softmax"}],
	 "licence": {"spdx": "Apache-2.0", "holder": "the project"}}`)
	if err := (&sealCmd{Manifest: path}).Run(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := modelv1.Parse(data)
	if err != nil || len(m.Files) != 1 || m.Files[0].Name != modelv1.WeightsFile || m.Files[0].Size != 7 {
		t.Errorf("%+v, %v", m.Files, err)
	}
	before := string(data)
	write(t, path, strings.Replace(before, `"NCHW"`, `"CHWN"`, 1))
	if err := (&sealCmd{Manifest: path}).Run(); err == nil || !strings.Contains(err.Error(), "input.layout") {
		t.Errorf("a wrong manifest was sealed: %v", err)
	}
}

func TestConvertNamesWhatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out.onnx")
	for in, says := range map[string]string{"a.tflite": "TFL3", "b.json": "no such file", "c.pb": ".tflite or .json"} {
		err := (&convertCmd{In: write(t, filepath.Join(dir, in), "nothing"), Out: out}).Run()
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
}

func TestShortNameOfTheOptionalDetector(t *testing.T) {
	if s := (selection{With: []string{"nanodet"}}).resolve(); len(s.With) != 1 || s.With[0] != "nanodet-g" {
		t.Errorf("%+v", s)
	}
}
