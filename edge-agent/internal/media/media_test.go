package media

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

func gradient(w, h int) *picture.YUV {
	p := picture.NewYUV(w, h)
	for y := range h {
		for x := range w {
			p.Y[y*p.YStride+x] = byte(16 + (x*200)/w)
		}
	}
	for y := range (h + 1) / 2 {
		for x := range (w + 1) / 2 {
			p.U[y*p.CStride+x] = byte(64 + y*128/h)
			p.V[y*p.CStride+x] = byte(200 - x*128/w)
		}
	}
	return p
}

func TestScale(t *testing.T) {
	pool := NewFramePool()
	s := NewScaler(pool)
	defer s.Close()
	for _, size := range [][4]int{{640, 360, 320, 180}, {322, 182, 97, 61}, {64, 64, 160, 90}, {1920, 1080, 640, 360}} {
		src := gradient(size[0], size[1])
		f, err := s.Scale(src, size[2], size[3])
		if err != nil {
			t.Fatal(err)
		}
		want := gradient(size[2], size[3])
		if d := meanDiff(&f.YUV, want); d > 3 {
			t.Errorf("%v: mean difference to the ideal %.1f", size, d)
		}
		f.Release()
		rgb, err := s.RGB(src, size[0], size[1])
		if err != nil {
			t.Fatal(err)
		}
		if d := rgbDiff(rgb, src.ToRGB(src.Full())); d > 3 {
			t.Errorf("%v: RGB differs from the plain conversion by %.1f", size, d)
		}
	}
	if _, err := s.Scale(gradient(8, 8), 0, 5); err == nil {
		t.Error("size 0 must be refused")
	}
	if _, err := s.Scale(&picture.YUV{W: 100, H: 100, YStride: 100, CStride: 50}, 5, 5); err == nil {
		t.Error("a picture without planes must be refused")
	}
	if pool.Out() != 0 {
		t.Errorf("%d frames leaked", pool.Out())
	}
}

func rgbDiff(a, b *picture.RGB) float64 {
	sum := 0
	for i := range a.Pix {
		sum += max(int(a.Pix[i])-int(b.Pix[i]), int(b.Pix[i])-int(a.Pix[i]))
	}
	return float64(sum) / float64(len(a.Pix))
}

// TestPoolIsFair gives one worker far more than it can do: every camera must
// get its turn, the newest picture wins, and what is left out is counted.
func TestPoolIsFair(t *testing.T) {
	ks := keys(units(t, generate(t, small(source.H264))))
	var mu sync.Mutex
	looks := make(map[string][]*source.AccessUnit)
	gate := make(chan struct{})
	p := NewPool(t.Context(), PoolOptions{Workers: 1, Frames: NewFramePool(), Handle: func(_ context.Context, l Look) {
		<-gate
		mu.Lock()
		defer mu.Unlock()
		looks[l.Camera] = append(looks[l.Camera], l.Unit)
	}})
	cams := []string{"a", "b", "c", "d"}
	for _, c := range cams {
		p.Set(c, 0)
	}
	if p.Offer("stranger", ks[0]) {
		t.Error("a camera that was not admitted got in")
	}
	p.Offer("a", ks[0])
	for p.Stats().Waiting != 0 {
		time.Sleep(time.Millisecond) // until the worker holds a's first picture
	}
	for _, u := range ks[:3] {
		p.Offer("a", u) // a is greedy
	}
	for _, c := range cams[1:] {
		p.Offer(c, ks[0])
		p.Offer(c, ks[2])
	}
	close(gate)
	for {
		mu.Lock()
		n := len(looks["a"]) + len(looks["b"]) + len(looks["c"]) + len(looks["d"])
		mu.Unlock()
		if n == 5 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	p.Close()
	for _, c := range cams[1:] {
		if len(looks[c]) != 1 || looks[c][0] != ks[2] {
			t.Errorf("camera %s: %d looks, newest must win", c, len(looks[c]))
		}
		if st := p.Camera(c); st.Looks != 1 || st.Skipped != 1 {
			t.Errorf("camera %s: %+v", c, st)
		}
	}
	if st := p.Camera("a"); st.Looks != 2 || st.Skipped != 2 {
		t.Errorf("greedy camera: %+v", st)
	}
}

func TestPoolKeepsTheInterval(t *testing.T) {
	now := time.Unix(1000, 0)
	s := &seat{interval: time.Second}
	taken := 0
	for i := range 250 { // key pictures every 0.4 s with jitter, for 100 s
		jitter := time.Duration(i%3-1) * 20 * time.Millisecond
		if s.due(now.Add(time.Duration(i)*400*time.Millisecond + jitter)) {
			taken++
		}
	}
	if taken < 80 || taken > 101 {
		t.Errorf("%d looks in 100 s at an interval of 1 s", taken)
	}
	s = &seat{interval: time.Second}
	taken = 0
	for i := range 100 { // key pictures every second, a little early or late
		if s.due(now.Add(time.Duration(i)*time.Second + time.Duration(i%5-2)*40*time.Millisecond)) {
			taken++
		}
	}
	if taken != 100 {
		t.Errorf("%d of 100 key pictures taken when they come once an interval", taken)
	}
}

func TestPoolSurvives(t *testing.T) {
	ks := keys(units(t, generate(t, small(source.H264))))
	frames := NewFramePool()
	var failed atomic.Int64
	p := NewPool(t.Context(), PoolOptions{Workers: 2, Frames: frames,
		Failed: func(string, error) { failed.Add(1) },
		Handle: func(_ context.Context, l Look) {
			if l.Camera == "panic" {
				panic("handler fault")
			}
		}})
	bad := *ks[0]
	bad.NALUs = [][]byte{{0x65, 1, 2, 3}}
	for _, c := range []string{"panic", "bad", "good"} {
		p.Set(c, 0)
	}
	p.Offer("panic", ks[0])
	p.Offer("bad", &bad)
	p.Offer("good", ks[0])
	for failed.Load() < 2 || p.Camera("good").Looks < 1 {
		time.Sleep(time.Millisecond)
	}
	p.Remove("good")
	if p.Offer("good", ks[0]) {
		t.Error("a removed camera got in")
	}
	if e := p.Camera("bad"); e.Errors != 1 || !strings.Contains(e.LastError, "damaged") {
		t.Errorf("%+v", e)
	}
	p.Close()
	if frames.Out() != 0 {
		t.Errorf("%d frames leaked", frames.Out())
	}
}

func TestLatest(t *testing.T) {
	l := NewLatest(NewFramePool())
	defer l.Close()
	if _, _, err := l.JPEG("x", 80); !errors.Is(err, ErrNoPicture) {
		t.Errorf("before a picture: %v", err)
	}
	u := keys(units(t, generate(t, small(source.H265))))[0]
	u.Received = time.Unix(5, 0)
	l.Put("x", u)
	b, at, err := l.JPEG("x", 80)
	if err != nil {
		t.Fatal(err)
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil || img.Bounds().Dx() != 320 || !at.Equal(u.Received) {
		t.Errorf("snapshot: %v, %v, taken %v", img.Bounds(), err, at)
	}
	l.Remove("x")
	if _, _, err := l.Picture("x"); !errors.Is(err, ErrNoPicture) {
		t.Errorf("after removal: %v", err)
	}
}

// timed gives units the times of a live stream.
func timed(all []*source.AccessUnit, fps int, start time.Time) []*source.AccessUnit {
	var out []*source.AccessUnit
	for i, u := range all {
		v := *u
		v.PTS = time.Duration(i) * time.Second / time.Duration(fps)
		v.Received = start.Add(v.PTS)
		out = append(out, &v)
	}
	return out
}

func TestRingAndClip(t *testing.T) {
	start := time.Unix(1000, 0)
	m := generate(t, rtsptest.Spec{Codec: source.H264, Width: 320, Height: 180, FPS: 10, GOP: 5, Seconds: 8, Noise: 5})
	all := timed(units(t, m), 10, start)
	r := NewRing(3*time.Second, 64<<20)
	r.Add(all[1]) // not a key unit: cannot begin
	if n, _ := r.Size(); n != 0 {
		t.Error("the ring began with a picture that cannot be decoded")
	}
	for _, u := range all {
		r.Add(u)
	}
	if n, _ := r.Size(); n < 30 || n > 40 {
		t.Errorf("%d units kept for 3 s at 10 a second", n)
	}
	end := all[len(all)-1].Received
	if k := r.KeyBefore(end.Add(-time.Second)); k == nil || !k.Key || end.Sub(k.Received) < time.Second || end.Sub(k.Received) > 1600*time.Millisecond {
		t.Errorf("picture before: %+v", k)
	}
	if c := r.Clip(start, start.Add(time.Second)); c != nil {
		t.Error("a clip of a time that the ring no longer holds")
	}
	clip := r.Clip(end.Add(-1500*time.Millisecond), end)
	b, err := MP4(clip)
	if err != nil {
		t.Fatal(err)
	}
	checkClip(t, b, clip)
	tiny := NewRing(time.Hour, 1)
	for _, u := range all {
		tiny.Add(u)
	}
	if n, size := tiny.Size(); n != 0 || size != 0 {
		t.Errorf("a ring of one byte holds %d units, %d bytes", n, size)
	}
	if _, err := MP4(nil); !errors.Is(err, ErrEmptyClip) {
		t.Errorf("empty clip: %v", err)
	}
}

// checkClip reads the file back and compares picture by picture.
func checkClip(t *testing.T, b []byte, clip []*source.AccessUnit) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for i, want := range clip {
		u, err := d.Next()
		if err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
		if u.Key != want.Key || len(u.NALUs) != len(want.NALUs) || !bytes.Equal(u.NALUs[len(u.NALUs)-1], want.NALUs[len(want.NALUs)-1]) {
			t.Fatalf("picture %d differs", i)
		}
		if d := (u.PTS - (want.PTS - clip[0].PTS)).Abs(); d > time.Millisecond {
			t.Fatalf("picture %d is off by %v", i, d)
		}
	}
	if _, err := d.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last picture: %v", err)
	}
}

func TestOpenFileRefuses(t *testing.T) {
	if _, err := OpenFile(filepath.Join(t.TempDir(), "none.mp4")); err == nil {
		t.Error("a missing file was opened")
	}
	path := filepath.Join(t.TempDir(), "text.mp4")
	if err := os.WriteFile(path, []byte(strings.Repeat("no video ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenFile(path); err == nil || !strings.Contains(err.Error(), "text.mp4") {
		t.Errorf("text as video: %v", err)
	}
}

func BenchmarkScale(b *testing.B) {
	pool := NewFramePool()
	s := NewScaler(pool)
	defer s.Close()
	src := pool.Copy(gradient(1920, 1080))
	for b.Loop() {
		f, err := s.Scale(&src.YUV, 640, 360)
		if err != nil {
			b.Fatal(err)
		}
		f.Release()
	}
}
