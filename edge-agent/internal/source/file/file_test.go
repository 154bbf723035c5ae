package file

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

func video(t *testing.T, c source.Codec) string {
	t.Helper()
	m, err := rtsptest.Generate(t.Context(), rtsptest.Spec{Codec: c, Width: 160, Height: 96, FPS: 25, GOP: 5, Seconds: 1})
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, unit := range m.Units {
		for _, n := range unit {
			b = append(append(b, 0, 0, 0, 1), n...)
		}
	}
	path := filepath.Join(t.TempDir(), "v."+strings.ToLower(string(c)))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlay(t *testing.T) {
	for _, c := range []source.Codec{source.H264, source.H265} {
		var mu sync.Mutex
		var units []*source.AccessUnit
		s := New(Options{Path: video(t, c), Loop: true, Sink: source.Sink{Unit: func(u *source.AccessUnit) {
			mu.Lock()
			defer mu.Unlock()
			units = append(units, u)
		}}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Run(ctx); close(done) }()
		enough := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(units) >= 25 && s.Stats().Sessions >= 2
		}
		for end := time.Now().Add(20 * time.Second); !enough() && time.Now().Before(end); {
			time.Sleep(5 * time.Millisecond)
		}
		st := s.Stats()
		cancel()
		<-done
		if st.State != edgev1.Online || st.Codec != c || st.Width != 160 || st.FPS < 24 || st.FPS > 26 {
			t.Errorf("%s: %+v", c, st)
		}
		mu.Lock()
		if len(units) < 25 || !units[0].Key || units[24].PTS < 900*time.Millisecond {
			t.Errorf("%s: %d units", c, len(units))
		}
		mu.Unlock()
	}
}

func TestMissingFile(t *testing.T) {
	s := New(Options{Path: filepath.Join(t.TempDir(), "none.h264")})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	<-s.Ended()
	if st := s.Stats(); st.State != edgev1.Refused || !strings.Contains(st.Detail, "无法播放") {
		t.Errorf("%+v", st)
	}
	cancel()
	<-done
}
