//go:build eval

package infer_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/modelv1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"
)

// These tests look at material that is not part of the repository:
// JIEXUN_SHARED=… go test -tags eval -run Eval -v ./edge-agent/internal/infer

func shared(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("JIEXUN_SHARED")
	if dir == "" {
		t.Fatal("set JIEXUN_SHARED to the folder with testdata and models")
	}
	return filepath.Join(dir, path)
}

// clip decodes a clip at the given pictures a second.
func clip(t testing.TB, path string, w, h int, rate string) []*picture.YUV {
	t.Helper()
	raw, err := exec.Command("ffmpeg", "-v", "error", "-i", path, "-vf", "fps="+rate+",scale="+fmt.Sprint(w)+":"+fmt.Sprint(h),
		"-pix_fmt", "yuv420p", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []*picture.YUV
	for n := w * h * 3 / 2; len(raw) >= n; raw = raw[n:] {
		out = append(out, &picture.YUV{W: w, H: h, Y: raw[:w*h], U: raw[w*h : w*h*5/4], V: raw[w*h*5/4 : n], YStride: w, CStride: w / 2})
	}
	return out
}

func TestEvalDetectorsOnClips(t *testing.T) {
	r := open(t, infer.Options{})
	for _, c := range []struct {
		name string
		w, h int
	}{{"vtest.avi", 768, 576}, {"aboda_video4.avi", 720, 480}, {"car-detection.mp4", 768, 432}} {
		frames := clip(t, shared(t, "testdata/clips/"+c.name), c.w, c.h, "0.5")
		for _, model := range []string{"ssd-oidv4", "nanodet-g"} {
			d, err := r.Detector(model)
			if err != nil {
				t.Fatal(err)
			}
			summarize(t, d, model, c.name, frames)
		}
	}
}

func summarize(t *testing.T, d *infer.Detector, model, name string, frames []*picture.YUV) {
	t.Helper()
	persons, vehicles, withVehicle := 0, 0, 0
	start := time.Now()
	for _, f := range frames {
		o, err := d.DetectYUV(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		v := count(o, analytic.Vehicle, 0.4)
		persons += count(o, analytic.Person, 0.4)
		vehicles += v
		withVehicle += min(v, 1)
	}
	n := float64(len(frames))
	t.Logf("%-10s %-18s %d frames: %.1f persons and %.1f vehicles a frame at 0.4, a vehicle in %d frames, %.1f ms each",
		model, name, len(frames), float64(persons)/n, float64(vehicles)/n, withVehicle, float64(time.Since(start).Milliseconds())/n)
}

func TestEvalImportedYOLOX(t *testing.T) {
	weights, err := os.ReadFile(shared(t, "models/yolox_nano.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	nano, err := os.ReadFile(filepath.Join(local(t), "models/nanodet-g/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	coco, err := modelv1.Parse(nano)
	if err != nil {
		t.Fatal(err)
	}
	sha, sm := sha256.Sum256(weights), sm3.Sum(weights)
	m := modelv1.Manifest{
		Schema: 1, Name: "yolox-nano", Version: "0.1.1", Head: modelv1.HeadYOLOX, Source: modelv1.Source{Ecosystem: modelv1.Upload},
		Files:  []modelv1.File{{Name: modelv1.WeightsFile, Digest: modelv1.Digest{Size: int64(len(weights)), SHA256: hex.EncodeToString(sha[:]), SM3: hex.EncodeToString(sm[:])}}},
		Labels: coco.Labels, Classes: coco.Classes,
		Input: modelv1.Input{
			Name: "images", Layout: "NCHW", Width: 416, Height: 416, Planes: []string{"B", "G", "R"}, Scale: 1,
			Mean: []float64{0, 0, 0}, Std: []float64{1, 1, 1}, Fit: "letterbox", Pad: 114,
		},
		Outputs:  []modelv1.Output{{Name: "output", Holds: "predictions", Activation: "none"}},
		MinScore: 0.3, MaxOverlap: 0.45, Licence: modelv1.Licence{SPDX: "Apache-2.0", Holder: "Megvii"},
	}
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range map[string][]byte{modelv1.ManifestFile: data, modelv1.WeightsFile: weights} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := open(t, infer.Options{})
	d, err := r.ImportedDetector(dir)
	if err != nil {
		t.Fatal(err)
	}
	frames := clip(t, shared(t, "testdata/clips/vtest.avi"), 768, 576, "0.5")
	summarize(t, d, "yolox-nano", "vtest.avi", frames)
	o, err := d.DetectYUV(t.Context(), frames[10])
	if err != nil || count(o, analytic.Person, 0.4) < 3 {
		t.Errorf("persons in %+v, %v", o, err)
	}
}

func TestEvalReadsRealSigns(t *testing.T) {
	r := open(t, infer.Options{})
	finder, err := r.TextFinder("ppocr-v4-det")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := r.TextReader("ppocr-v4-rec")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"shop_yijiaren.jpg": "依佳人网咖", "shop_abc_bank.jpg": "中国农业银行"} {
		f, err := os.Open(shared(t, "testdata/signs/"+name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := jpeg.Decode(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		yuv := picture.FromImage(img)
		p := yuv.ToRGB(yuv.Full())
		m, err := finder.FindText(t.Context(), p, 960)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, box := range blobs(m) {
			steps, err := reader.ReadSteps(t.Context(), p.Crop(box))
			if err != nil {
				t.Fatal(err)
			}
			if s := decode(steps, reader.Alphabet()); s != "" {
				all = append(all, s)
			}
		}
		t.Logf("%s: %q", name, all)
		if !strings.Contains(strings.Join(all, "|"), want) {
			t.Errorf("%s: %s not read", name, want)
		}
	}
}

// blobs gives an upright box, grown a little, for each connected text region;
// enough for the level signs of this test.
func blobs(m analytic.TextMap) []picture.Rect {
	seen := make([]bool, len(m.P))
	var out []picture.Rect
	for i := range m.P {
		if seen[i] || m.P[i] < 0.3 {
			continue
		}
		b := picture.Rect{X0: m.W, Y0: m.H}
		stack := []int{i}
		seen[i] = true
		for len(stack) > 0 {
			k := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			x, y := k%m.W, k/m.W
			b.X0, b.X1, b.Y0, b.Y1 = min(b.X0, x), max(b.X1, x), min(b.Y0, y), max(b.Y1, y)
			for _, d := range [4][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				x2, y2 := x+d[0], y+d[1]
				if n := y2*m.W + x2; x2 >= 0 && y2 >= 0 && x2 < m.W && y2 < m.H && !seen[n] && m.P[n] >= 0.3 {
					seen[n] = true
					stack = append(stack, n)
				}
			}
		}
		if b.W() < 12 || b.H() < 4 {
			continue
		}
		grow := b.H() * 4 / 10
		out = append(out, picture.Rect{
			X0: int(float64(b.X0-grow) * m.ScaleX), Y0: int(float64(b.Y0-grow) * m.ScaleY),
			X1: int(float64(b.X1+grow) * m.ScaleX), Y1: int(float64(b.Y1+grow) * m.ScaleY),
		})
	}
	return out
}
