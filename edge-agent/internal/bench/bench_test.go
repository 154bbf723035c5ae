package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"jiexun/edge-agent/internal/picture"
)

// spin burns about d of CPU time on this thread.
func spin(d time.Duration) {
	for end := threadCPU() + d; threadCPU() < end; {
	}
}

// TestRun runs the whole bench on small streams with stages of known cost
// and checks that each cost lands in its place.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	o := Options{Cache: dir, Seconds: 3, Passes: 1, Cameras: 2, SourceSeconds: 1}
	var sizes []int
	runs := int64(0)
	o.Stages = Stages{
		Diagnosis: func(p *picture.YUV) { sizes = append(sizes, p.W); spin(2 * time.Millisecond) },
		Analytics: func(full, small *picture.YUV) {
			if small.W != 640 || small.H != 360 {
				t.Errorf("small picture of %dx%d", small.W, small.H)
			}
			runs++
			spin(6 * time.Millisecond)
		},
		Detect:    func(*picture.YUV) { spin(4 * time.Millisecond) },
		ModelRuns: func() int64 { return runs },
	}
	ctx := context.Background()
	tiny := spec{320, 180, 200}
	main, err := generate(ctx, o, tiny)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := generate(ctx, o, tiny); err != nil || again != main {
		t.Errorf("second run made %s, %v", again, err)
	}
	o.Main = main
	if o.Sub, err = generate(ctx, o, spec{640, 360, 300}); err != nil {
		t.Fatal(err)
	}
	r, err := Run(ctx, o, time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Streams {
		checkStream(t, s)
	}
	if r.Streams[0].Ours.Scale <= 0 || sizes[0] != 640 {
		t.Errorf("main stream: %+v", r.Streams[0].Ours)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "times more cameras") {
		t.Errorf("table: %v\n%s", err, table.String())
	}
	if b, err := json.Marshal(r); err != nil || !bytes.Contains(b, []byte(`"overBare"`)) {
		t.Errorf("JSON: %s, %v", b, err)
	}
}

func checkStream(t *testing.T, s Stream) {
	t.Helper()
	c := s.Ours
	if s.Looks != 3 || s.FPS != 25 || s.GOPS < 0.99 || s.GOPS > 1.01 {
		t.Errorf("%s: %d looks at %.1f pictures a second, GOP %.2f s", s.Name, s.Looks, s.FPS, s.GOPS)
	}
	// The stages spin for known CPU times: 2 and 6 ms a look.
	if c.Diagnosis < 1.9 || c.Analytics < 5.9 || s.Bare.Model < 3.9 || s.NVR.Detect < 5*3.9 {
		t.Errorf("%s: known costs went astray: %+v %+v %+v", s.Name, c, s.Bare, s.NVR)
	}
	if c.Source <= 0 || c.Decode <= 0 || s.Bare.Decode <= 0 || s.NVR.Decode <= 0 {
		t.Errorf("%s: a stage cost nothing: %+v", s.Name, s)
	}
	sum := c.Source + c.Decode + c.Scale + c.Diagnosis + c.Analytics + c.Runtime
	if d := sum - c.Total; d > 0.001 || d < -0.001 || s.Gain <= 0 || s.OverBare <= 0 || s.Bare.ModelRuns != 1 {
		t.Errorf("%s: sums do not agree: %+v", s.Name, s)
	}
}

func TestBadFile(t *testing.T) {
	_, err := Run(context.Background(), Options{Main: filepath.Join(t.TempDir(), "none.h264")}, time.Unix(0, 0))
	if err == nil || !strings.Contains(err.Error(), "none.h264") {
		t.Errorf("missing file: %v", err)
	}
}
