//go:build eval

package models_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"jiexun/models/internal/ortrun"
)

// These tests compare with independent conversions that are not part of the
// repository:
// JIEXUN_SHARED=… go test -tags eval -run Eval -v ./models
// They want the optional network: models fetch --with nanodet.

func TestEvalConversionsAgreeOnARealFrame(t *testing.T) {
	shared := os.Getenv("JIEXUN_SHARED")
	if shared == "" {
		t.Fatal("set JIEXUN_SHARED to the folder with testdata and models")
	}
	dir, lib, err := ortrun.Local("..")
	if err != nil {
		t.Fatal(err)
	}
	clip := filepath.Join(shared, "testdata/clips/vtest.avi")
	for _, c := range []struct {
		name, reference, planes string
		size                    int
		shape                   []int64
		scale, offset           float32
		outputs                 map[string]string
	}{
		{
			"ssd-oidv4", "ssd_oidv4.onnx", "rgb24", 300, []int64{1, 300, 300, 3}, 1 / 127.5, -1,
			map[string]string{"raw_outputs/box_encodings": "T241", "raw_outputs/class_predictions": "T244"},
		},
		{
			"nanodet-g", "nanodet.onnx", "gbrp", 416, []int64{1, 3, 416, 416}, 1.0 / 58, -2,
			map[string]string{"Identity": "Identity", "Identity_1": "Identity_1", "Identity_2": "Identity_2", "Identity_3": "Identity_3", "Identity_4": "Identity_4", "Identity_5": "Identity_5"},
		},
	} {
		size := fmt.Sprintf("scale=%d:%d", c.size, c.size)
		raw, err := exec.Command("ffmpeg", "-v", "error", "-ss", "20", "-i", clip, "-frames:v", "1", "-vf", size, "-pix_fmt", c.planes, "-f", "rawvideo", "-").Output()
		if err != nil || len(raw) != c.size*c.size*3 {
			t.Fatalf("decode %s: %v, %d bytes", clip, err, len(raw))
		}
		in := make([]float32, len(raw))
		for i, b := range raw {
			in[i] = float32(b)*c.scale + c.offset
		}
		ours, err := os.ReadFile(filepath.Join(dir, "models", c.name, "model.onnx"))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := os.ReadFile(filepath.Join(shared, "models", c.reference))
		if err != nil {
			t.Fatal(err)
		}
		a, err := ortrun.Run(lib, ours, c.shape, in)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ortrun.Run(lib, theirs, c.shape, in)
		if err != nil {
			t.Fatal(err)
		}
		for x, y := range c.outputs {
			worst := 0.0
			if len(a[x]) != len(b[y]) || len(a[x]) == 0 {
				t.Fatalf("%s: output %s has %d values, the reference %d", c.name, x, len(a[x]), len(b[y]))
			}
			for i := range a[x] {
				worst = max(worst, math.Abs(float64(a[x][i]-b[y][i])))
			}
			t.Logf("%s %s: %d values, largest difference %.2g", c.name, x, len(a[x]), worst)
			if worst > 1e-4 {
				t.Errorf("%s %s differs by %g", c.name, x, worst)
			}
		}
	}
}
