package rtsp

import (
	"context"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

func TestPush(t *testing.T) {
	for _, codec := range []source.Codec{source.H264, source.H265} {
		t.Run(string(codec), func(t *testing.T) {
			t.Parallel()
			g := h264
			if codec == source.H265 {
				g = h265
			}
			cam := serve(t, rtsptest.Options{Media: g.get(t, codec)})
			hub := serve(t, rtsptest.Options{Username: "box", Password: "secret"})
			s := start(t, Options{URL: cam.URL("cam")})
			until(t, "online", func() bool { return s.Stats().State == edgev1.Online })
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan error, 1)
			target := strings.Replace(hub.URL("push/cam1"), "rtsp://", "rtsp://box:secret@", 1)
			go func() { done <- s.Push(ctx, target) }()
			until(t, "pictures at the target", func() bool { return len(hub.Taken()) > 30 })
			checkTaken(t, codec, hub.Taken())
			if s.Stats().Pushing != 1 || cam.Players() != 1 {
				t.Errorf("pushing %d, pulls %d: one pull must serve both", s.Stats().Pushing, cam.Players())
			}
			cam.Stop() // the camera comes back within the push's patience
			if err := cam.Start(); err != nil {
				t.Fatal(err)
			}
			before := len(hub.Taken())
			until(t, "push goes on after the camera's restart", func() bool { return len(hub.Taken()) > before+30 })
			checkTaken(t, codec, hub.Taken())
			cancel()
			if err := <-done; err != nil {
				t.Errorf("push ended by its context: %v", err)
			}
			if st := s.Stats(); st.Pushing != 0 || st.State != edgev1.Online {
				t.Errorf("the pull suffered: %+v", st)
			}
		})
	}
}

func checkTaken(t *testing.T, codec source.Codec, taken []rtsptest.Taken) {
	t.Helper()
	asm := source.NewAssembler(codec, nil, nil, nil)
	u := asm.Unit(taken[0].NALUs)
	if u == nil || !u.Key || !u.Params.Complete() {
		t.Fatal("the push does not begin with a complete key picture")
	}
	for i := 1; i < len(taken); i++ {
		if int32(taken[i].RTP-taken[i-1].RTP) <= 0 {
			t.Fatalf("time goes back at picture %d", i)
		}
	}
}

func TestPushFailures(t *testing.T) {
	t.Parallel()
	cam := serve(t, rtsptest.Options{Media: h264.get(t, source.H264)})
	hub := serve(t, rtsptest.Options{Username: "box", Password: "secret"})
	s := start(t, Options{URL: cam.URL("cam")})
	until(t, "online", func() bool { return s.Stats().State == edgev1.Online })
	bad := strings.Replace(hub.URL("push/x?ticket=T0P"), "rtsp://", "rtsp://box:wr0ng@", 1)
	err := s.Push(t.Context(), bad)
	if err == nil || !strings.Contains(err.Error(), "401") || strings.Contains(err.Error(), "wr0ng") || strings.Contains(err.Error(), "T0P") {
		t.Errorf("wrong password at the target: %v", err)
	}
	if err := s.Push(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), "rtsp://host") {
		t.Errorf("bad address: %v", err)
	}
	done := make(chan error, 1)
	good := strings.Replace(hub.URL("push/y"), "rtsp://", "rtsp://box:secret@", 1)
	go func() { done <- s.Push(t.Context(), good) }()
	until(t, "pictures at the target", func() bool { return len(hub.Taken()) > 5 })
	hub.Stop()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a vanished target must be an error")
		}
	case <-time.After(10 * time.Second):
		t.Error("push did not notice that the target went")
	}
	if st := s.Stats(); st.State != edgev1.Online || st.Sessions != 1 {
		t.Errorf("the pull suffered: %+v", st)
	}
}
