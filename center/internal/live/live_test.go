package live_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/live"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

type world struct {
	mu     sync.Mutex
	sent   []edgev1.Command
	answer edgev1.Result
	err    error
	kicked []string
}

func (w *world) Need(ctx context.Context, id, action string) (live.Camera, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return live.Camera{}, err
	}
	if id == "away" || !who.Scope.Covers("310101013") {
		return live.Camera{}, errs.NotFound("点位")
	}
	return live.Camera{ID: id, Name: "点位 " + id, BoxID: "b1", RegionCode: "310101013"}, nil
}

func (w *world) May(ctx context.Context, id, action string) (bool, string, error) {
	if _, err := w.Need(ctx, id, action); err != nil {
		return false, err.Error(), nil
	}
	return true, "", nil
}

func (w *world) Send(_ context.Context, _ string, c edgev1.Command) (edgev1.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, c)
	return w.answer, w.err
}

func (w *world) Kick(_ context.Context, protocol, id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kicked = append(w.kicked, protocol+" "+id)
	return nil
}

func (w *world) count(k edgev1.CommandKind) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, c := range w.sent {
		if c.Kind == k {
			n++
		}
	}
	return n
}

func setUp(t *testing.T) (*live.Service, *world, *clock.Fake) {
	t.Helper()
	c := clock.NewFake(testkit.Start())
	w := &world{answer: edgev1.Result{OK: true}}
	s := live.New(live.Options{
		DB: testkit.SQLite(t, c), Clock: c, Log: testkit.Log(t), Rights: w, Commands: w, Media: w,
		RTSP: "rtsp://127.0.0.1:8554", WebRTC: "http://127.0.0.1:8889", HLS: "http://127.0.0.1:8888",
	})
	t.Cleanup(s.Close)
	return s, w, c
}

func viewer(id, prefix string) context.Context {
	return access.With(context.Background(), access.Actor{ID: id, Name: "演示" + id, Perms: map[string]bool{access.CameraView: true}, Scope: access.Scope{Prefixes: []string{prefix}}})
}

func ticketOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.RawQuery
}

func open(t *testing.T, s *live.Service, who context.Context, camera string) live.LiveSession {
	t.Helper()
	x, err := s.Open(who, camera)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTicketsAreBound(t *testing.T) {
	s, w, c := setUp(t)
	a := open(t, s, viewer("1", "310101"), "c1")
	if a.WHEPURL[:len("http://127.0.0.1:8889/live/c1/whep?ticket=")] != "http://127.0.0.1:8889/live/c1/whep?ticket=" || !strings.Contains(a.HLSURL, ":8888/live/c1/index.m3u8?ticket=") {
		t.Fatalf("%+v", a)
	}
	b := open(t, s, viewer("2", "31"), "c2")
	read := func(path, query string) bool {
		return s.Allow(live.AuthRequest{Action: "read", Path: path, Query: query, Protocol: "webrtc", ID: "conn1"})
	}
	q := ticketOf(t, a.WHEPURL)
	push := w.sent[0].PushURL
	for name, tc := range map[string]struct{ got, want bool }{
		"own camera":                 {read("live/c1", q), true},
		"token instead of query":     {s.Allow(live.AuthRequest{Action: "read", Path: "live/c1", Token: strings.TrimPrefix(q, "ticket=")}), true},
		"other camera":               {read("live/c2", q), false},
		"no ticket":                  {read("live/c1", ""), false},
		"other path":                 {read("secret", q), false},
		"viewer may not publish":     {s.Allow(live.AuthRequest{Action: "publish", Path: "live/c1", Query: q}), false},
		"box may publish":            {s.Allow(live.AuthRequest{Action: "publish", Path: "live/c1", Query: ticketOf(t, push)}), true},
		"box may not publish other":  {s.Allow(live.AuthRequest{Action: "publish", Path: "live/c2", Query: ticketOf(t, push)}), false},
		"box's ticket does not read": {read("live/c1", ticketOf(t, push)), false},
		"interface of the server":    {s.Allow(live.AuthRequest{Action: "api", Query: q}), false},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v", name, tc.got)
		}
	}
	c.Advance(59 * time.Second)
	if _, err := s.Renew(viewer("1", "310101"), a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Renew(viewer("1", "310101"), b.ID); !errs.Is(err, errs.NotFoundCode) {
		t.Errorf("renewed another person's session: %v", err)
	}
	c.Advance(2 * time.Second)
	if !read("live/c1", q) || read("live/c2", ticketOf(t, b.WHEPURL)) {
		t.Error("a renewed ticket must hold, the other must not")
	}
	s.Sweep(t.Context())
	if err := s.End(viewer("1", "310101"), a.ID); err != nil {
		t.Fatal(err)
	}
	if read("live/c1", q) || len(w.kicked) != 1 || w.kicked[0] != "webrtc conn1" {
		t.Errorf("after the end: kicked %v", w.kicked)
	}
}

func TestOnePushForAll(t *testing.T) {
	s, w, c := setUp(t)
	var wg sync.WaitGroup
	list := make([]live.LiveSession, 5)
	for i := range list {
		wg.Go(func() {
			x, err := s.Open(viewer("1", "310101"), "c1")
			if err != nil {
				t.Error(err)
			}
			list[i] = x
		})
	}
	wg.Wait()
	if n := w.count(edgev1.CmdPushStart); n != 1 {
		t.Fatalf("%d pushes were started for five viewers", n)
	}
	for i, x := range list {
		if err := s.End(viewer("1", "310101"), x.ID); err != nil {
			t.Fatal(err)
		}
		c.Advance(14 * time.Second)
		if i < len(list)-1 {
			for _, y := range list[i+1:] {
				if _, err := s.Renew(viewer("1", "310101"), y.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		s.Sweep(t.Context())
	}
	if n := w.count(edgev1.CmdPushStop); n != 0 {
		t.Fatalf("stopped %d times before 15 seconds were over", n)
	}
	open(t, s, viewer("2", "31"), "c1") // comes back in time
	c.Advance(2 * time.Second)
	s.Sweep(t.Context())
	if w.count(edgev1.CmdPushStop) != 0 || w.count(edgev1.CmdPushStart) != 1 {
		t.Fatal("a viewer that comes back in time must find the push running")
	}
	c.Advance(61 * time.Second) // never renewed
	s.Sweep(t.Context())
	c.Advance(15 * time.Second)
	s.Sweep(t.Context())
	s.Close()
	if n := w.count(edgev1.CmdPushStop); n != 1 {
		t.Fatalf("stopped %d times, want once", n)
	}
}

func TestRefusals(t *testing.T) {
	s, w, _ := setUp(t)
	if _, err := s.Open(viewer("1", "310104"), "c1"); !errs.Is(err, errs.NotFoundCode) {
		t.Errorf("out of scope: %v", err)
	}
	if _, err := s.Open(viewer("1", "31"), "away"); !errs.Is(err, errs.NotFoundCode) {
		t.Errorf("absent: %v", err)
	}
	if _, err := s.Open(access.With(t.Context(), access.Actor{ID: "x"}), "c1"); !errs.Is(err, errs.ForbiddenCode) {
		t.Errorf("without permission: %v", err)
	}
	w.answer = edgev1.Result{OK: false, Message: "摄像机拒绝连接"}
	if _, err := s.Open(viewer("1", "31"), "c1"); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "摄像机拒绝连接") {
		t.Errorf("a box that cannot: %v", err)
	}
	w.answer = edgev1.Result{OK: true}
	for range 16 {
		open(t, s, viewer("1", "31"), "c1")
	}
	if _, err := s.Open(viewer("1", "31"), "c1"); !errs.Is(err, errs.TooMany) {
		t.Errorf("the 17th: %v", err)
	}
	s.EndActor(t.Context(), "1")
	open(t, s, viewer("1", "31"), "c1")
}

// A push that nobody asked for is stopped after a while; one that broke is
// started again for the next viewer.
func TestStrays(t *testing.T) {
	s, w, c := setUp(t)
	s.SawPushing(t.Context(), "b1", map[string]bool{"c9": true})
	c.Advance(31 * time.Second)
	s.SawPushing(t.Context(), "b1", map[string]bool{"c9": true})
	s.Close()
	if n := w.count(edgev1.CmdPushStop); n != 1 {
		t.Fatalf("a stray push was stopped %d times", n)
	}
	open(t, s, viewer("1", "31"), "c1")
	s.SawPushing(t.Context(), "b1", map[string]bool{"c1": false})
	open(t, s, viewer("1", "31"), "c1")
	if n := w.count(edgev1.CmdPushStart); n != 2 {
		t.Fatalf("started %d times, want twice", n)
	}
}

func TestMediaHook(t *testing.T) {
	s, _, _ := setUp(t)
	app, api := httpx.New(httpx.Options{Log: testkit.Log(t)})
	s.Register(app, api)
	// The test's connection has no address, so it is not this machine.
	testkit.Scenario{Name: "from elsewhere", Method: "POST", Path: "/internal/media/auth", Body: "{}", Status: 403}.Run(t, app)
}
