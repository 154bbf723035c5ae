package infer_test

import (
	"context"
	"errors"
	"fmt"
	"image"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"
)

// local is the folder with the library and the weights; make setup fills it.
func local(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("JIEXUN_LOCAL")
	if dir == "" {
		dir = "../../../.local"
	}
	if _, err := os.Stat(filepath.Join(dir, "lib", infer.LibraryFile)); err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	return dir
}

func open(t testing.TB, opts infer.Options) *infer.Runtime {
	t.Helper()
	if opts.Local == "" {
		opts.Local = local(t)
	}
	r, err := infer.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// frame decodes one picture of the clip vtest.avi: a walkway with persons and
// two parked vehicles, 768x576.
func frame(t testing.TB, second string) *picture.YUV {
	t.Helper()
	clip := filepath.Join(local(t), "media", "vtest.avi")
	if _, err := os.Stat(clip); err != nil {
		clip = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-ss", second, "-i", clip, "-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
	raw, err := cmd.Output()
	const w, h = 768, 576
	if err != nil || len(raw) != w*h*3/2 {
		t.Fatalf("decode %s: %v, %d bytes; run make setup", clip, err, len(raw))
	}
	return &picture.YUV{W: w, H: h, Y: raw[:w*h], U: raw[w*h : w*h*5/4], V: raw[w*h*5/4:], YStride: w, CStride: w / 2}
}

func count(objects []analytic.Object, c analytic.Class, least float64) int {
	n := 0
	for _, o := range objects {
		if o.Class == c && o.Score >= least {
			n++
		}
	}
	return n
}

func TestDetectorsFindPersonsAndVehicles(t *testing.T) {
	r := open(t, infer.Options{})
	f := frame(t, "20")
	for _, name := range []string{"ssd-oidv4"} {
		d, err := r.Detector(name)
		if err != nil {
			t.Fatal(err)
		}
		planar, err := d.DetectYUV(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		packed, err := d.Detect(t.Context(), f.ToRGB(f.Full()))
		if err != nil {
			t.Fatal(err)
		}
		for how, objects := range map[string][]analytic.Object{"planar": planar, "packed": packed} {
			if p := count(objects, analytic.Person, 0.35); p < 3 || p > 12 {
				t.Errorf("%s, %s: %d persons in %+v", name, how, p, objects)
			}
			if v := count(objects, analytic.Vehicle, 0.35); v < 1 || v > 4 {
				t.Errorf("%s, %s: %d vehicles in %+v", name, how, v, objects)
			}
			for _, o := range objects {
				b := o.Box
				if o.Score < 0.3 || o.Score > 1 || b.X < 0 || b.Y < 0 || b.X+b.W > 1.0001 || b.Y+b.H > 1.0001 {
					t.Errorf("%s, %s: impossible %+v", name, how, o)
				}
				if o.Class == analytic.Person && b.H*576 < b.W*768 {
					t.Errorf("%s, %s: a person wider than high: %+v", name, how, o)
				}
			}
		}
		if ref := d.Ref(); ref.Name != name || len(ref.Digest) != 64 || ref.Version == "" {
			t.Errorf("reference %+v", ref)
		}
	}
}

func TestDetectorSeesTheCropItIsGiven(t *testing.T) {
	r := open(t, infer.Options{})
	d, err := r.Detector("ssd-oidv4")
	if err != nil {
		t.Fatal(err)
	}
	f := frame(t, "20")
	objects, err := d.DetectYUV(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var best analytic.Object
	for _, o := range objects {
		if o.Class == analytic.Person && o.Score > best.Score {
			best = o
		}
	}
	// A square of three times the person's height around the strongest person.
	cx, cy := (best.Box.X+best.Box.W/2)*768, (best.Box.Y+best.Box.H/2)*576
	half := best.Box.H * 576
	crop := f.ToRGB(picture.Rect{X0: int(cx - half), Y0: int(cy - half), X1: int(cx + half), Y1: int(cy + half)})
	in, err := d.Detect(t.Context(), crop)
	if err != nil {
		t.Fatal(err)
	}
	if count(in, analytic.Person, 0.5) < 1 {
		t.Errorf("no person in the crop around %+v: %+v", best, in)
	}
}

func TestBlankPictureHoldsNothing(t *testing.T) {
	r := open(t, infer.Options{})
	d, err := r.Detector("ssd-oidv4")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := d.DetectYUV(t.Context(), picture.NewYUV(640, 360))
	if err != nil || len(objects) != 0 {
		t.Errorf("objects %+v, error %v", objects, err)
	}
	for _, bad := range []*picture.RGB{nil, {}, {W: 10, H: 10, Pix: make([]byte, 5)}} {
		if _, err := d.Detect(t.Context(), bad); err == nil {
			t.Error("a broken picture was taken")
		}
	}
}

// sign draws text in dark letters of the given height on a light board.
func sign(t testing.TB, text string, size float64, w, h, x, baseline int) *picture.RGB {
	t.Helper()
	path := "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	c, err := opentype.ParseCollection(data)
	if err != nil {
		t.Fatal(err)
	}
	ft, err := c.Font(2) // Simplified Chinese
	if err != nil {
		t.Fatal(err)
	}
	face, err := opentype.NewFace(ft, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		t.Fatal(err)
	}
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 225
	}
	d := font.Drawer{Dst: img, Src: image.NewUniform(image.Black), Face: face, Dot: fixed.P(x, baseline)}
	d.DrawString(text)
	p := picture.NewRGB(w, h)
	for i := range w * h {
		copy(p.Pix[i*3:i*3+3], img.Pix[i*4:])
	}
	return p
}

func TestTextIsFoundAndRead(t *testing.T) {
	r := open(t, infer.Options{})
	finder, err := r.TextFinder("ppocr-v4-det")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := r.TextReader("ppocr-v4-rec")
	if err != nil {
		t.Fatal(err)
	}
	p := sign(t, "老城隍庙小吃店", 40, 700, 300, 200, 150)
	m, err := finder.FindText(t.Context(), p, 640)
	if err != nil {
		t.Fatal(err)
	}
	if m.W != 640 || m.H%32 != 0 || len(m.P) != m.W*m.H {
		t.Fatalf("map of %dx%d with %d values", m.W, m.H, len(m.P))
	}
	x0, y0, x1, y1 := m.W, m.H, 0, 0
	for i, v := range m.P {
		if v > 0.5 {
			x0, x1 = min(x0, i%m.W), max(x1, i%m.W)
			y0, y1 = min(y0, i/m.W), max(y1, i/m.W)
		}
	}
	got := [4]float64{float64(x0) * m.ScaleX, float64(y0) * m.ScaleY, float64(x1) * m.ScaleX, float64(y1) * m.ScaleY}
	want := [4]float64{200, 115, 480, 155}
	for i := range got {
		if math.Abs(got[i]-want[i]) > 16 {
			t.Fatalf("text located at %v, expected near %v", got, want)
		}
	}
	for text, line := range map[string]*picture.RGB{
		"老城隍庙小吃店": p.Crop(picture.Rect{X0: 192, Y0: 108, X1: 490, Y1: 164}),
		"中国农业银行":  sign(t, "中国农业银行", 60, 400, 90, 15, 68),
		"茶 A8":    sign(t, "茶 A8", 40, 150, 60, 15, 45),
	} {
		steps, err := reader.ReadSteps(t.Context(), line)
		if err != nil {
			t.Fatal(err)
		}
		if s := decode(steps, reader.Alphabet()); s != text && s != strings.ReplaceAll(text, " ", "") {
			t.Errorf("read %q instead of %q", s, text)
		}
	}
	if a := reader.Alphabet(); len(a) != 6625 || a[0] != "" || a[6624] != " " {
		t.Errorf("alphabet of %d", len(a))
	}
}

func decode(steps []analytic.TextStep, alphabet []string) string {
	var b strings.Builder
	last := 0
	for _, s := range steps {
		if s.Class != last {
			b.WriteString(alphabet[s.Class])
		}
		last = s.Class
	}
	return b.String()
}

// planes installs the network that gives the mean of each plane.
func planes(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(mustAbs(t, filepath.Join(local(t), "lib")), filepath.Join(dir, "lib")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(dir, "models", "plane-means"), os.DirFS("testdata/plane-means")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustAbs(t testing.TB, p string) string {
	t.Helper()
	a, err := filepath.Abs(p)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func look(ref, cur [3]byte, mask byte) analytic.Look {
	l := analytic.Look{Reference: picture.NewRGB(64, 64), Current: picture.NewRGB(64, 64), Mask: picture.NewGray(64, 64)}
	for i := range 64 * 64 {
		copy(l.Reference.Pix[i*3:], ref[:])
		copy(l.Current.Pix[i*3:], cur[:])
		l.Mask.Pix[i] = mask
	}
	return l
}

func TestVerifierFollowsItsManifest(t *testing.T) {
	r := open(t, infer.Options{Local: planes(t)})
	v, err := r.Verifier("plane-means")
	if err != nil {
		t.Fatal(err)
	}
	j, err := v.Judge(t.Context(), look([3]byte{51, 102, 153}, [3]byte{204, 255, 0}, 255))
	if err != nil {
		t.Fatal(err)
	}
	// The network's planes are cur, then ref; its labels begin with removed, thing.
	want := analytic.Judgement{Removed: 0.8, Thing: 1, Person: 0, Vehicle: 0.2, Light: 0.4, Nothing: 0.6}
	for _, d := range []float64{j.Removed - want.Removed, j.Thing - want.Thing, j.Person - want.Person, j.Vehicle - want.Vehicle, j.Light - want.Light, j.Nothing - want.Nothing} {
		if math.Abs(d) > 1e-4 {
			t.Fatalf("judgement %+v instead of %+v", j, want)
		}
	}
	if _, err := v.Judge(t.Context(), analytic.Look{Reference: picture.NewRGB(32, 32)}); err == nil {
		t.Error("a look of the wrong size was taken")
	}
}

// TestManyCamerasShareOneNetwork gives each caller its own picture and checks
// that each gets its own answer, also when pictures share a run.
func TestManyCamerasShareOneNetwork(t *testing.T) {
	for _, batch := range []int{1, 8} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			r := open(t, infer.Options{Local: planes(t), Parallel: 2, MaxBatch: batch})
			v, err := r.Verifier("plane-means")
			if err != nil {
				t.Fatal(err)
			}
			const cameras, looks = 16, 20
			var wg sync.WaitGroup
			for c := range cameras {
				wg.Go(func() {
					for k := range looks {
						val := byte(c*looks + k)
						j, err := v.Judge(t.Context(), look([3]byte{}, [3]byte{val, 0, 0}, 0))
						if err != nil || math.Abs(j.Removed*255-float64(val)) > 0.1 {
							t.Errorf("camera %d look %d: %+v, %v", c, k, j, err)
						}
					}
				})
			}
			wg.Wait()
			m := r.Metrics()[0]
			if m.Items != cameras*looks || m.Runs > m.Items || m.Waiting != 0 || m.Failed != 0 || m.RunTime <= 0 {
				t.Errorf("metrics %+v", m)
			}
			if batch == 1 && m.Runs != m.Items || batch > 1 && m.Runs == m.Items {
				t.Errorf("%d items in %d runs with batches of at most %d", m.Items, m.Runs, batch)
			}
		})
	}
}

func TestCallersCanLeaveAndClosingEnds(t *testing.T) {
	r := open(t, infer.Options{Parallel: 1})
	d, err := r.Detector("ssd-oidv4")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = d.DetectYUV(ctx, picture.NewYUV(320, 240)) })
	}
	for r.Metrics()[0].Items < 2 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	wg.Wait()
	gone := 0
	for _, err := range errs {
		if errors.Is(err, context.Canceled) {
			gone++
		} else if err != nil {
			t.Errorf("unexpected %v", err)
		}
	}
	if gone == 0 {
		t.Error("nobody was told that the context ended")
	}
	if _, err := d.DetectYUV(t.Context(), picture.NewYUV(320, 240)); err != nil {
		t.Errorf("after others left: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.DetectYUV(t.Context(), picture.NewYUV(320, 240)); !errors.Is(err, infer.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestFramesShareARunOfTheRealDetector compares runs of several frames with
// runs of one.
func TestFramesShareARunOfTheRealDetector(t *testing.T) {
	frames := []*picture.YUV{frame(t, "5"), frame(t, "20"), frame(t, "35"), frame(t, "50")}
	one := open(t, infer.Options{})
	many := open(t, infer.Options{Parallel: 1, MaxBatch: 4})
	single, err := one.Detector("ssd-oidv4")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := many.Detector("ssd-oidv4")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for round := range 3 {
		for i, f := range frames {
			wg.Go(func() {
				want, err := single.DetectYUV(t.Context(), f)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := shared.DetectYUV(t.Context(), f)
				if err != nil || len(got) != len(want) {
					t.Errorf("round %d frame %d: %d objects instead of %d, %v", round, i, len(got), len(want), err)
					return
				}
				for k := range got {
					if got[k].Class != want[k].Class || math.Abs(got[k].Score-want[k].Score) > 1e-4 || math.Abs(got[k].Box.X-want[k].Box.X) > 1e-4 {
						t.Errorf("round %d frame %d: %+v instead of %+v", round, i, got[k], want[k])
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestWithoutAGPUTheProcessorServes(t *testing.T) {
	var log strings.Builder
	r := open(t, infer.Options{Local: planes(t), Provider: infer.ProviderCUDA, Log: slog.New(slog.NewTextHandler(&log, nil))})
	v, err := r.Verifier("plane-means")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Judge(t.Context(), look([3]byte{}, [3]byte{}, 0)); err != nil {
		t.Fatal(err)
	}
	switch m := r.Metrics()[0]; m.Provider {
	case infer.ProviderCUDA: // this machine has a GPU and its libraries
	case infer.ProviderCPU:
		if !strings.Contains(log.String(), "plane-means") || !strings.Contains(log.String(), "reason=") {
			t.Errorf("the log does not say why: %s", &log)
		}
	default:
		t.Errorf("provider %q", m.Provider)
	}
}

func TestMissingAndDamagedFilesAreNamed(t *testing.T) {
	if _, err := infer.Open(infer.Options{Local: local(t), Provider: "npu"}); err == nil || !strings.Contains(err.Error(), "npu") {
		t.Errorf("unknown provider: %v", err)
	}
	dir := planes(t)
	r := open(t, infer.Options{Local: dir})
	_, err := r.Detector("ssd-oidv4")
	if !errors.Is(err, infer.ErrMissing) || !strings.Contains(err.Error(), "ssd-oidv4/manifest.json") || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("missing model: %v", err)
	}
	if _, err := r.Detector("plane-means"); err == nil || !strings.Contains(err.Error(), "no detector") {
		t.Errorf("verifier as detector: %v", err)
	}
	weights := filepath.Join(dir, "models", "plane-means", "model.onnx")
	data, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(weights, data, 0o644); err != nil {
		t.Fatal(err)
	}
	r2 := open(t, infer.Options{Local: dir})
	if _, err := r2.Verifier("plane-means"); err == nil || !strings.Contains(err.Error(), "SM3 differs") {
		t.Errorf("damaged weights: %v", err)
	}
}
