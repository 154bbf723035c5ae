package rtsp

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

// media generates one short video per coding for all tests of the package.
type media struct {
	once sync.Once
	m    rtsptest.Media
	err  error
}

var h264, h265 = &media{}, &media{}

func (g *media) get(t testing.TB, c source.Codec) rtsptest.Media {
	t.Helper()
	g.once.Do(func() {
		g.m, g.err = rtsptest.Generate(context.Background(), rtsptest.Spec{Codec: c, Width: 320, Height: 180, FPS: 25, GOP: 10, Seconds: 2, Noise: 8})
	})
	if g.err != nil {
		t.Fatal(g.err)
	}
	return g.m
}

func serve(t *testing.T, o rtsptest.Options) *rtsptest.Server {
	t.Helper()
	s := rtsptest.New(o)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// got gathers what a source hands on.
type got struct {
	mu    sync.Mutex
	keys  []*source.AccessUnit
	units []*source.AccessUnit
}

func (g *got) sink() source.Sink {
	return source.Sink{
		Key:  func(u *source.AccessUnit) { g.mu.Lock(); g.keys = append(g.keys, u); g.mu.Unlock() },
		Unit: func(u *source.AccessUnit) { g.mu.Lock(); g.units = append(g.units, u); g.mu.Unlock() },
	}
}

func (g *got) counts() (keys, units int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.keys), len(g.units)
}

func start(t *testing.T, o Options) *Source {
	t.Helper()
	if o.Ladder == (source.Ladder{}) {
		o.Ladder = source.Ladder{Min: 50 * time.Millisecond, Max: 400 * time.Millisecond, LongLived: time.Minute, Refused: time.Minute}
	}
	s := New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return s
}

// until waits for a condition; it fails after a limit that is far above what
// the condition needs.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name  string
		codec source.Codec
		o     rtsptest.Options
		opt   Options
	}{
		{"h264 tcp", source.H264, rtsptest.Options{Audio: true}, Options{}},
		{"h264 udp", source.H264, rtsptest.Options{UDP: true}, Options{Transport: "udp"}},
		{"h264 tcp digest", source.H264, rtsptest.Options{Username: "admin", Password: "p@ss:/?#"}, Options{Username: "admin", Password: "p@ss:/?#"}},
		{"h264 tcp basic", source.H264, rtsptest.Options{Username: "admin", Password: "x", Basic: true}, Options{Username: "admin", Password: "x"}},
		{"h265 tcp", source.H265, rtsptest.Options{}, Options{}},
		{"h265 udp digest", source.H265, rtsptest.Options{UDP: true, Username: "u", Password: "p"}, Options{Transport: "udp", Username: "u", Password: "p"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := h264
			if c.codec == source.H265 {
				g = h265
			}
			c.o.Media, c.o.Report, c.o.Skew = g.get(t, c.codec), true, 5*time.Second
			srv := serve(t, c.o)
			var gather got
			c.opt.URL, c.opt.Sink = srv.URL("cam/main"), gather.sink()
			s := start(t, c.opt)
			until(t, "three key pictures and a clock", func() bool {
				k, _ := gather.counts()
				return k >= 3 && s.Stats().HasClock && s.Stats().KbitS > 0
			})
			checkRoundTrip(t, s.Stats(), &gather, c.codec, c.o.Audio)
		})
	}
}

func checkRoundTrip(t *testing.T, st source.Stats, g *got, codec source.Codec, audio bool) {
	t.Helper()
	if st.State != edgev1.Online || st.Detail != "" || st.Codec != codec || st.Width != 320 || st.Height != 180 || st.Audio != audio {
		t.Errorf("stats %+v", st)
	}
	if st.FPS < 24 || st.FPS > 26 || st.GOPSeconds < 0.39 || st.GOPSeconds > 0.41 || st.Lost != 0 || st.Attempts != 0 {
		t.Errorf("measured %v fps, GOP %v s, lost %d, attempts %d", st.FPS, st.GOPSeconds, st.Lost, st.Attempts)
	}
	if d := st.ClockOffset - 5*time.Second; d < -time.Second || d > time.Second {
		t.Errorf("clock offset %v, served 5 s ahead", st.ClockOffset)
	}
	if len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], "时钟比本机快") {
		t.Errorf("warnings %q", st.Warnings)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, u := range g.units {
		if i > 0 && u.PTS <= g.units[i-1].PTS {
			t.Fatalf("unit %d at %v after %v", i, u.PTS, g.units[i-1].PTS)
		}
	}
	for _, u := range g.keys {
		if !u.Key || !u.Params.Complete() || len(u.NALUs) == 0 {
			t.Fatalf("key unit not decodable: %+v", u.Params)
		}
	}
	last := g.keys[len(g.keys)-1]
	if d := last.NTP.Sub(last.Received) - 5*time.Second; !last.NTP.IsZero() && (d < -time.Second || d > time.Second) {
		t.Errorf("picture taken at %v, received %v", last.NTP, last.Received)
	}
}

func TestRefused(t *testing.T) {
	m := h264.get(t, source.H264)
	for _, c := range []struct {
		name  string
		o     rtsptest.Options
		opt   Options
		words string
	}{
		{"wrong password", rtsptest.Options{Media: m, Username: "a", Password: "b"}, Options{Username: "a", Password: "wrong"}, "核对用户名和密码"},
		{"no password", rtsptest.Options{Media: m, Username: "a", Password: "b"}, Options{}, "请填写用户名和密码"},
		{"audio only", rtsptest.Options{AudioOnly: true}, Options{}, "只有音频"},
		{"coding", rtsptest.Options{Other: true}, Options{}, "M-JPEG"},
		{"no UDP", rtsptest.Options{Media: m}, Options{Transport: "udp"}, "传输方式"},
		{"transport", rtsptest.Options{Media: m}, Options{Transport: "pigeon"}, "tcp 或 udp"},
		{"address", rtsptest.Options{Media: m}, Options{URL: "http://x/y"}, "rtsp://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, c.o)
			if c.opt.URL == "" {
				c.opt.URL = srv.URL("cam")
			}
			s := start(t, c.opt)
			until(t, "refused", func() bool { return s.Stats().State == edgev1.Refused })
			st := s.Stats()
			if !strings.Contains(st.Detail, c.words) || strings.Contains(st.Detail, "wrong") {
				t.Errorf("detail %q, want %q", st.Detail, c.words)
			}
			if wait := time.Until(st.NextTry); strings.Contains(c.words, "密码") && wait < 20*time.Second {
				t.Errorf("tries again in %v: so soon, the camera will lock the account", wait)
			}
		})
	}
}

func TestRefusedSizes(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{8, 8}, {8320, 64}} {
		m, err := rtsptest.Generate(t.Context(), rtsptest.Spec{Codec: source.H264, Width: size[0], Height: size[1], FPS: 5, GOP: 5, Seconds: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, described := range []bool{true, false} { // in the SDP, or only in the stream
			if !described {
				m.SPS, m.PPS = nil, nil
			}
			srv := serve(t, rtsptest.Options{Media: m})
			s := start(t, Options{URL: srv.URL("cam")})
			until(t, "refused", func() bool { return s.Stats().State == edgev1.Refused })
			if d := s.Stats().Detail; !strings.Contains(d, "像素") || !strings.Contains(d, "请在摄像机上") {
				t.Errorf("%v: %q", size, d)
			}
		}
	}
}

// TestParametersInBand is a camera that describes nothing in its SDP.
func TestParametersInBand(t *testing.T) {
	t.Parallel()
	for _, g := range []struct {
		m *media
		c source.Codec
	}{{h264, source.H264}, {h265, source.H265}} {
		m := g.m.get(t, g.c)
		m.VPS, m.SPS, m.PPS = nil, nil, nil
		srv := serve(t, rtsptest.Options{Media: m})
		s := start(t, Options{URL: srv.URL("cam")})
		until(t, "online", func() bool { st := s.Stats(); return st.State == edgev1.Online && st.Width == 320 })
	}
}

func TestMissingPathIsNotForever(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	s := start(t, Options{URL: srv.URL("missing")})
	until(t, "404 in words", func() bool { return strings.Contains(s.Stats().Detail, "404") })
	until(t, "several tries", func() bool { return s.Stats().Attempts >= 3 })
}

func TestReconnectAndTrueState(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	var g got
	s := start(t, Options{URL: srv.URL("cam"), Sink: g.sink(), Interval: time.Second})
	online := func() bool { return s.Stats().State == edgev1.Online }
	until(t, "online", online)
	srv.Stop()
	gone := time.Now()
	until(t, "not online", func() bool { return !online() })
	if d := time.Since(gone); d > 3*time.Second {
		t.Errorf("noticed after %v, three intervals are 3 s", d)
	}
	until(t, "offline", func() bool { return s.Stats().State == edgev1.Offline })
	if st := s.Stats(); !strings.Contains(st.Detail, "拒绝连接") || st.Attempts == 0 {
		t.Errorf("offline detail %q after %d attempts", st.Detail, st.Attempts)
	}
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "online again", online)
	if st := s.Stats(); st.Sessions != 2 || st.Attempts != 0 || !st.NextTry.IsZero() {
		t.Errorf("after the return: %+v", st)
	}
}

func TestFreezeIsNoticed(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	s := start(t, Options{URL: srv.URL("cam"), Interval: time.Second, StallAfter: 3200 * time.Millisecond})
	until(t, "online", func() bool { return s.Stats().State == edgev1.Online })
	srv.SetFault(rtsptest.Fault{Freeze: true})
	at := time.Now()
	until(t, "not online", func() bool { return s.Stats().State != edgev1.Online })
	if d := time.Since(at); d > 3*time.Second {
		t.Errorf("freeze noticed after %v", d)
	}
	until(t, "session ended by the watchdog", func() bool { return strings.Contains(s.Stats().Detail, "秒没有收到视频包") })
	srv.SetFault(rtsptest.Fault{})
	until(t, "online again", func() bool { return s.Stats().State == edgev1.Online && s.Stats().Sessions >= 2 })
}

func TestNoKeyframesIsNoVerdict(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	s := start(t, Options{URL: srv.URL("cam"), Interval: time.Second})
	until(t, "online", func() bool { return s.Stats().State == edgev1.Online })
	srv.SetFault(rtsptest.Fault{NoKeys: true})
	until(t, "no verdict", func() bool { return s.Stats().State == edgev1.NoVerdict })
	if st := s.Stats(); !strings.Contains(st.Detail, "关键帧") || time.Since(st.LastPacket) > time.Second {
		t.Errorf("%q, last packet %v ago", st.Detail, time.Since(st.LastPacket))
	}
}

func TestLossAndCorruption(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	var g got
	s := start(t, Options{URL: srv.URL("cam"), Sink: g.sink()})
	until(t, "online", func() bool { return s.Stats().State == edgev1.Online })
	srv.SetFault(rtsptest.Fault{DropEvery: 3, CorruptEvery: 7})
	until(t, "losses and broken packets counted", func() bool {
		st := s.Stats()
		return st.Lost > 10 && st.DecodeErrors > 0
	})
	g.mu.Lock()
	for _, u := range g.keys {
		if u.Damaged {
			t.Error("a damaged key picture was handed to analysis")
		}
	}
	g.mu.Unlock()
	srv.SetFault(rtsptest.Fault{})
	before := s.Stats().Keys
	until(t, "healthy again", func() bool { return s.Stats().Keys > before+2 && s.Stats().State == edgev1.Online })
}

// TestChurn kills and blackholes the server over and over and looks for
// what stays behind. JIEXUN_CHURN=full
// makes it 200 rounds.
func TestChurn(t *testing.T) {
	rounds := 20
	if os.Getenv("JIEXUN_CHURN") == "full" {
		rounds = 200
	}
	srv := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	ladder := source.Ladder{Min: 5 * time.Millisecond, Max: 20 * time.Millisecond, LongLived: time.Minute, Refused: time.Minute}
	s := start(t, Options{URL: srv.URL("cam"), Ladder: ladder, StallAfter: 80 * time.Millisecond})
	until(t, "online", func() bool { return s.Stats().State == edgev1.Online })
	goroutines, files := 0, 0
	for i := range rounds {
		sessions := s.Stats().Sessions
		if i%2 == 0 {
			srv.Stop()
			if err := srv.Start(); err != nil {
				t.Fatal(err)
			}
		} else {
			srv.SetFault(rtsptest.Fault{Freeze: true})
			until(t, "watchdog", func() bool { return s.Stats().Sessions > sessions })
			srv.SetFault(rtsptest.Fault{})
		}
		until(t, "next session with a picture", func() bool {
			st := s.Stats()
			return st.Sessions > sessions && st.State == edgev1.Online
		})
		if i == 3 {
			goroutines, files = counts(t)
		}
	}
	until(t, "goroutines and files back to what they were", func() bool {
		g, f := counts(t)
		return g <= goroutines+3 && f <= files+2
	})
	g, f := counts(t)
	t.Logf("%d rounds: goroutines %d -> %d, files %d -> %d, sessions %d", rounds, goroutines, g, files, f, s.Stats().Sessions)
}

func counts(t *testing.T) (goroutines, files int) {
	t.Helper()
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NumGoroutine(), len(open)
}
