package media

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"

	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

// clips generates each test video once.
type clips struct {
	mu   sync.Mutex
	have map[rtsptest.Spec]rtsptest.Media
}

var cache = &clips{have: make(map[rtsptest.Spec]rtsptest.Media)}

func generate(t testing.TB, s rtsptest.Spec) rtsptest.Media {
	t.Helper()
	cache.mu.Lock()
	defer cache.mu.Unlock()
	m, ok := cache.have[s]
	if !ok {
		var err error
		if m, err = rtsptest.Generate(context.Background(), s); err != nil {
			t.Fatal(err)
		}
		cache.have[s] = m
	}
	return m
}

func units(t testing.TB, m rtsptest.Media) []*source.AccessUnit {
	t.Helper()
	asm := source.NewAssembler(m.Codec, nil, nil, nil)
	var out []*source.AccessUnit
	for _, n := range m.Units {
		if u := asm.Unit(n); u != nil {
			out = append(out, u)
		}
	}
	return out
}

func keys(all []*source.AccessUnit) []*source.AccessUnit {
	var out []*source.AccessUnit
	for _, u := range all {
		if u.Key {
			out = append(out, u)
		}
	}
	return out
}

func small(c source.Codec) rtsptest.Spec {
	return rtsptest.Spec{Codec: c, Width: 320, Height: 180, FPS: 10, GOP: 5, Seconds: 2, Noise: 5}
}

// TestKeyMatchesFFmpeg compares with the pixels that the ffmpeg command
// gives for the same stream.
func TestKeyMatchesFFmpeg(t *testing.T) {
	for _, s := range []rtsptest.Spec{small(source.H264), small(source.H265), {Codec: source.H264, Width: 322, Height: 182, FPS: 10, GOP: 5, Seconds: 1}} {
		m := generate(t, s)
		pool := NewFramePool()
		d := NewDecoder(pool)
		defer d.Close()
		all := units(t, m)
		var stream []byte
		for _, u := range all {
			stream = u.AppendAnnexB(stream)
		}
		kind := map[source.Codec]string{source.H264: "h264", source.H265: "hevc"}[s.Codec]
		cmd := exec.Command("ffmpeg", "-v", "error", "-f", kind, "-i", "-", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
		cmd.Stdin = bytes.NewReader(stream)
		raw, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		size := s.Width*s.Height + 2*((s.Width+1)/2)*((s.Height+1)/2)
		if len(raw) != size*len(all) {
			t.Fatalf("ffmpeg gave %d bytes for %d pictures of %d", len(raw), len(all), size)
		}
		for i, u := range all {
			if !u.Key {
				continue
			}
			f, err := d.Key(u)
			if err != nil {
				t.Fatalf("%s picture %d: %v", s.Codec, i, err)
			}
			if !bytes.Equal(flat(&f.YUV), raw[i*size:(i+1)*size]) {
				t.Errorf("%s %dx%d: picture %d differs from ffmpeg's", s.Codec, s.Width, s.Height, i)
			}
			f.Release()
		}
		if pool.Out() != 0 {
			t.Errorf("%d frames leaked", pool.Out())
		}
	}
}

// flat gives the planes one after another without padding.
func flat(p *picture.YUV) []byte {
	q := p.Clone()
	return append(append(append([]byte(nil), q.Y...), q.U...), q.V...)
}

func TestKeyWithBFrames(t *testing.T) {
	s := small(source.H264)
	s.BFrames = 3
	all := units(t, generate(t, s))
	if !all[0].Params.Reorder {
		t.Error("the stream does not tell that it holds B-frames")
	}
	d := NewDecoder(NewFramePool())
	defer d.Close()
	for i, u := range keys(all) {
		f, err := d.Key(u)
		if err != nil {
			t.Fatalf("key picture %d of a stream with B-frames: %v", i, err)
		}
		f.Release()
	}
}

// TestOneDecoderManyCameras mixes codings and sizes and compares with what a
// decoder of its own gives each camera.
func TestOneDecoderManyCameras(t *testing.T) {
	specs := []rtsptest.Spec{
		small(source.H264), small(source.H265),
		{Codec: source.H264, Width: 322, Height: 182, FPS: 10, GOP: 5, Seconds: 1},
		{Codec: source.H264, Width: 160, Height: 96, FPS: 10, GOP: 2, Seconds: 1},
		{Codec: source.H265, Width: 160, Height: 96, FPS: 10, GOP: 2, Seconds: 1},
	}
	pool := NewFramePool()
	shared := NewDecoder(pool)
	defer shared.Close()
	want := make(map[*source.AccessUnit][]byte)
	var order []*source.AccessUnit
	for _, s := range specs {
		own := NewDecoder(pool)
		for _, u := range keys(units(t, generate(t, s))) {
			f, err := own.Key(u)
			if err != nil {
				t.Fatal(err)
			}
			want[u] = flat(&f.YUV)
			order = append(order, u)
			f.Release()
		}
		own.Close()
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		u := order[r.IntN(len(order))]
		f, err := shared.Key(u)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(flat(&f.YUV), want[u]) {
			t.Fatalf("%s %dx%d: another camera's data came through", u.Codec, u.Params.Width, u.Params.Height)
		}
		f.Release()
	}
	if len(shared.slots) > maxContexts {
		t.Errorf("%d contexts kept", len(shared.slots))
	}
}

// TestDamagedKey breaks key pictures in many ways: each must be an error or
// a picture, never a crash or a leak.
func TestDamagedKey(t *testing.T) {
	for _, c := range []source.Codec{source.H264, source.H265} {
		pool := NewFramePool()
		d := NewDecoder(pool)
		r := rand.New(rand.NewPCG(7, 7))
		ks := keys(units(t, generate(t, small(c))))
		f, err := d.Key(ks[0])
		if err != nil {
			t.Fatal(err)
		}
		want := f.Clone()
		f.Release()
		bad, wrong, rounds := 0, 0, 300
		for range rounds {
			f, err := d.Key(mutate(r, ks[0]))
			switch {
			case errors.Is(err, ErrDamaged), errors.Is(err, ErrSize), errors.Is(err, ErrNotKey):
				bad++
				continue
			case err != nil:
				t.Fatal(err)
			}
			if meanDiff(&f.YUV, want) > 3 {
				wrong++
			}
			f.Release()
		}
		t.Logf("%s: of %d damaged key pictures %d refused, %d came out visibly wrong", c, rounds, bad, wrong)
		// libavcodec notices nearly all damage in H.264, but little in H.265,
		// where only lost packets (AccessUnit.Damaged) and the picture
		// diagnosis protect.
		limit := map[source.Codec]int{source.H264: rounds / 20, source.H265: rounds / 2}[c]
		if wrong > limit {
			t.Errorf("%s: %d of %d damaged pictures came out wrong without an error", c, wrong, rounds)
		}
		if pool.Out() != 0 {
			t.Errorf("%s: %d frames leaked", c, pool.Out())
		}
		if f, err = d.Key(ks[1]); err != nil {
			t.Fatalf("%s: a good picture after bad ones: %v", c, err)
		}
		f.Release()
		d.Close()
		if _, err := d.Key(ks[0]); !errors.Is(err, ErrClosed) {
			t.Errorf("closed decoder: %v", err)
		}
	}
}

// mutate copies a unit with some bytes changed, cut short, or slices lost.
func mutate(r *rand.Rand, u *source.AccessUnit) *source.AccessUnit {
	v := *u
	v.NALUs = nil
	for _, n := range u.NALUs {
		m := bytes.Clone(n)
		switch r.IntN(3) {
		case 0:
			for range 1 + r.IntN(8) {
				m[1+r.IntN(len(m)-1)] = byte(r.Uint32())
			}
		case 1:
			m = m[:1+r.IntN(len(m)-1)]
		case 2:
			at := r.IntN(len(m))
			clear(m[at:min(len(m), at+50)])
		}
		v.NALUs = append(v.NALUs, m)
	}
	return &v
}

func meanDiff(a, b *picture.YUV) float64 {
	if a.W != b.W || a.H != b.H {
		return 255
	}
	x, y := flat(a), flat(b)
	sum := 0
	for i := range x {
		sum += max(int(x[i])-int(y[i]), int(y[i])-int(x[i]))
	}
	return float64(sum) / float64(len(x))
}

func TestStreamDecoder(t *testing.T) {
	s := small(source.H264)
	s.BFrames = 2
	all := units(t, generate(t, s))
	d, err := NewStreamDecoder(source.H264, NewFramePool())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	seen, shown := 0, 0
	for _, u := range all {
		err := d.Decode(u, func() bool { seen++; return seen%5 == 0 }, func(p *picture.YUV) {
			shown++
			if p.W != 320 || p.H != 180 {
				t.Errorf("picture of %dx%d", p.W, p.H)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < len(all)-4 || shown < seen/5 {
		t.Errorf("%d of %d pictures came out, %d shown", seen, len(all), shown)
	}
}

func FuzzKey(f *testing.F) {
	for _, c := range []source.Codec{source.H264, source.H265} {
		u := keys(units(f, generate(f, rtsptest.Spec{Codec: c, Width: 64, Height: 64, FPS: 2, GOP: 1, Seconds: 1})))[0]
		f.Add(u.AppendAnnexB(nil), c == source.H265)
	}
	f.Add([]byte{0, 0, 1, 0x67, 0, 0, 1, 0x68, 0, 0, 1, 0x65}, false)
	pool := NewFramePool()
	f.Fuzz(func(t *testing.T, b []byte, h265 bool) {
		c := source.H264
		if h265 {
			c = source.H265
		}
		d := NewDecoder(pool)
		defer d.Close()
		asm := source.NewAssembler(c, nil, nil, nil)
		for _, p := range source.Pictures(c, source.SplitAnnexB(b)) {
			u := asm.Unit(p)
			if u == nil || u.Params.Width*u.Params.Height > 1<<22 {
				continue
			}
			if fr, err := d.Key(u); err == nil {
				if err := fr.Check(); err != nil {
					t.Error(err)
				}
				fr.Release()
			}
		}
		if pool.Out() != 0 {
			t.Fatalf("%d frames leaked", pool.Out())
		}
	})
}

func BenchmarkKey(b *testing.B) {
	for _, c := range []source.Codec{source.H264, source.H265} {
		for _, size := range [][2]int{{1920, 1080}, {640, 360}} {
			b.Run(string(c)+"/"+map[int]string{1920: "1080p", 640: "360p"}[size[0]], func(b *testing.B) {
				u := keys(units(b, generate(b, rtsptest.Spec{Codec: c, Width: size[0], Height: size[1], FPS: 2, GOP: 1, Seconds: 1, Noise: 10})))[0]
				d := NewDecoder(NewFramePool())
				defer d.Close()
				for b.Loop() {
					f, err := d.Key(u)
					if err != nil {
						b.Fatal(err)
					}
					f.Release()
				}
			})
		}
	}
}
