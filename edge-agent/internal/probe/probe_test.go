package probe

import (
	"strings"
	"testing"
	"time"

	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsptest"
)

func serve(t *testing.T, spec rtsptest.Spec, o rtsptest.Options) *rtsptest.Server {
	t.Helper()
	if spec.Width > 0 {
		m, err := rtsptest.Generate(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		o.Media = m
	}
	s := rtsptest.New(o)
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func TestGoodStream(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Spec{Codec: source.H264, Width: 640, Height: 360, FPS: 25, GOP: 25, Seconds: 2},
		rtsptest.Options{Username: "u", Password: "p", Audio: true, Report: true, Skew: -7 * time.Second})
	r := Probe(t.Context(), srv.URL("cam"), "u", "p", "tcp", 500*time.Millisecond)
	if !r.OK || r.Codec != "H264" || r.Profile != "High" || r.Width != 640 || r.Height != 360 || !r.Audio || r.Message != "" {
		t.Errorf("%+v", r)
	}
	if r.FPS < 24.5 || r.FPS > 25.5 || r.GOPS < 0.99 || r.GOPS > 1.01 || r.KbitS <= 0 || r.ConnectMS <= 0 || r.FirstKeyMS <= 0 {
		t.Errorf("measured %+v", r)
	}
	if r.ClockSkewMS == nil || *r.ClockSkewMS > -6500 || *r.ClockSkewMS < -7500 {
		t.Errorf("clock skew %v", r.ClockSkewMS)
	}
	all := strings.Join(r.Warnings, "\n")
	if !strings.Contains(all, "关键帧间隔 1.0 秒，长于分析间隔 0.5 秒") || !strings.Contains(all, "慢 7") || len(r.Warnings) != 2 {
		t.Errorf("warnings:\n%s", all)
	}
}

func TestSmartCodecAndNoClock(t *testing.T) {
	t.Parallel()
	srv := serve(t, rtsptest.Spec{Codec: source.H265, Width: 320, Height: 180, FPS: 10, GOP: 300, Seconds: 30}, rtsptest.Options{})
	r := Run(t.Context(), Options{URL: srv.URL("cam"), Most: 4 * time.Second})
	all := strings.Join(r.Warnings, "\n")
	if !r.OK || !strings.Contains(all, "只有一个关键帧") || !strings.Contains(all, "没有收到 RTCP") || !strings.Contains(all, "320×180") || r.GOPS < 2 {
		t.Errorf("%+v\n%s", r, all)
	}
}

func TestFailuresNameTheFix(t *testing.T) {
	t.Parallel()
	locked := serve(t, rtsptest.Spec{Codec: source.H264, Width: 64, Height: 64, FPS: 5, GOP: 5, Seconds: 1}, rtsptest.Options{Username: "u", Password: "p"})
	audio := serve(t, rtsptest.Spec{}, rtsptest.Options{AudioOnly: true})
	for _, c := range []struct{ name, url, user, pass, transport, words string }{
		{"wrong password", locked.URL("cam"), "u", "secret", "", "核对用户名和密码"},
		{"audio", audio.URL("cam"), "", "", "", "只有音频"},
		{"closed port", "rtsp://u:secret@127.0.0.1:1/cam", "", "", "", "核对端口"},
		{"bad address", "cam one", "", "", "", "rtsp://"},
		{"bad transport", locked.URL("cam"), "", "", "smoke", "tcp 或 udp"},
	} {
		r := Probe(t.Context(), c.url, c.user, c.pass, c.transport, time.Second)
		if r.OK || !strings.Contains(r.Message, c.words) || strings.Contains(r.Message+r.URL, "secret") {
			t.Errorf("%s: %+v", c.name, r)
		}
	}
}
