package fleet_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/testkit"
)

type rig struct {
	*fleet.Service
	t     *testing.T
	db    *db.DB
	clock *clock.Fake
	gone  []string
	box   string
}

func newRig(t *testing.T, d *db.DB, c *clock.Fake) *rig {
	t.Helper()
	tree, err := region.Parse(strings.NewReader("310000,上海市,city,\n310101,黄浦区,district,310000\n310104,徐汇区,district,310000\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, db: d, clock: c}
	r.Service = fleet.New(fleet.Options{
		DB: d, Log: testkit.Log(t), Regions: tree, Address: func() string { return "https://127.0.0.1:8443" }, Fingerprint: "ab",
		Disconnect: func(id string) { r.gone = append(r.gone, id) }, TopicOffline: "edge.offline",
	})
	if r.box, err = r.EnsureBox(t.Context(), "黄浦一号盒", "310101"); err != nil {
		t.Fatal(err)
	}
	return r
}

func actor(prefix string) context.Context {
	return access.With(context.Background(), access.Actor{ID: "p", Name: "演示", Perms: map[string]bool{access.BoxView: true, access.BoxEdit: true}, Scope: access.Scope{Prefixes: []string{prefix}}})
}

func (r *rig) state() fleet.State {
	r.t.Helper()
	b, err := r.Get(actor("31"), r.box)
	if err != nil {
		r.t.Fatal(err)
	}
	// The list says the same, and its filter agrees.
	l, n, err := r.List(actor("31"), fleet.Filter{State: b.State, Order: "b.name", Limit: 10})
	if err != nil || n != 1 || l[0].State != b.State {
		r.t.Fatalf("detail says %s, the list %+v (%d, %v)", b.State, l, n, err)
	}
	return b.State
}

func (r *rig) status() {
	r.t.Helper()
	now := clock.At(r.clock.Now())
	err := r.db.InTx(r.t.Context(), func(ctx context.Context, tx db.Tx) error {
		return r.TakeStatus(ctx, tx, fleet.Heard{Edge: r.box, ReceivedAt: now, Missing: 2, Status: edgev1.Status{
			Version: "1", OutboxDepth: 5, Cameras: []edgev1.CameraStatus{{State: edgev1.Online}, {State: edgev1.Refused}},
		}})
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) enrol(token, instance, serial string) error {
	_, err := r.Enrol(r.t.Context(), edgev1.EnrolRequest{Token: token, Instance: instance}, func(string) (string, string, error) { return "chain", serial, nil })
	return err
}

func secret(token string) string { return strings.Split(token, "#")[1] }

func TestEnrolment(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		token := func() string {
			e, err := r.NewEnrolment(actor("310101"), r.box)
			if err != nil {
				t.Fatal(err)
			}
			return e.Token
		}
		if _, err := r.NewEnrolment(actor("310104"), r.box); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("token for a box of another district: %v", err)
		}
		first := token()
		if !strings.HasPrefix(first, "https://127.0.0.1:8443#") || !strings.HasSuffix(first, "#ab") {
			t.Fatalf("token %s", first)
		}
		second := token()
		if err := r.enrol(secret(first), "m1", "1"); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("a replaced token: %v", err)
		}
		// Many machines with one token: exactly one gets in.
		var wg sync.WaitGroup
		var mu sync.Mutex
		in := 0
		for range 8 {
			wg.Go(func() {
				if r.enrol(secret(second), "m1", "1") == nil {
					mu.Lock()
					in++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if in != 1 {
			t.Fatalf("%d machines enrolled with one token", in)
		}
		late := token()
		c.Advance(25 * time.Hour)
		if err := r.enrol(secret(late), "m1", "2"); !errs.Is(err, errs.Unauthenticated) {
			t.Errorf("an expired token: %v", err)
		}
		for name, tc := range map[string]struct {
			serial, instance string
			want             errs.Code
		}{
			"itself": {"1", "m1", ""}, "over HTTPS": {"1", "", ""}, "old certificate": {"0", "m1", errs.ForbiddenCode}, "second machine": {"1", "m2", errs.ConflictCode},
		} {
			if err := r.Admit(t.Context(), r.box, tc.serial, tc.instance); errs.CodeOf(err) != tc.want {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s := r.state(); s != fleet.Duplicate {
			t.Errorf("after a second machine the state is %s", s)
		}
		c.Advance(6 * time.Minute)
		if s := r.state(); s != fleet.Never {
			t.Errorf("later the state is %s", s)
		}
		if err := r.enrol(token(), "m9", "3"); err != nil { // the whole text, pasted
			t.Fatal(err)
		}
		if err := r.Admit(t.Context(), r.box, "1", "m1"); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("the machine that was replaced: %v", err)
		}
		if _, err := r.Revoke(actor("310101"), r.box, "退役"); err != nil {
			t.Fatal(err)
		}
		if err := r.Admit(t.Context(), r.box, "3", "m9"); !errs.Is(err, errs.ForbiddenCode) || len(r.gone) != 1 {
			t.Errorf("revoked: %v, %d lines ended", err, len(r.gone))
		}
		if _, err := r.Revoke(actor("310101"), r.box, "再次"); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("revoked twice: %v", err)
		}
		if _, err := r.NewEnrolment(actor("310101"), r.box); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("token of a revoked box: %v", err)
		}
		if s := r.state(); s != fleet.Revoked {
			t.Errorf("state %s", s)
		}
	})
}

// The state follows from ages: online only while a status is younger than
// three intervals, and an offline box takes its cameras with it.
func TestStates(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		want := func(s fleet.State, cameras int) {
			t.Helper()
			if got := r.state(); got != s {
				t.Fatalf("state %s, want %s", got, s)
			}
			b, err := r.Box(t.Context(), r.box)
			if err != nil || b.Cameras.Online != cameras {
				t.Fatalf("%d cameras online, want %d, %v", b.Cameras.Online, cameras, err)
			}
		}
		offline := func() int {
			var n int
			if err := d.SQL().QueryRow("SELECT COUNT(*) FROM event_outbox WHERE topic = 'edge.offline'").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		want(fleet.Never, 0)
		r.status()
		want(fleet.Online, 1)
		c.Advance(29 * time.Second)
		if err := r.Age(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(fleet.Online, 1)
		c.Advance(2 * time.Second)
		want(fleet.Offline, 0) // even before the job has run
		if err := r.Age(t.Context()); err != nil {
			t.Fatal(err)
		}
		want(fleet.Offline, 0)
		if offline() != 1 {
			t.Fatalf("%d notices that the box is silent, want 1", offline())
		}
		r.status()
		want(fleet.Online, 1)
		old := clock.At(c.Now().Add(-time.Minute))
		err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return r.TakeOffline(ctx, tx, r.box, old, "迟到的消息")
		})
		if err != nil {
			t.Fatal(err)
		}
		want(fleet.Online, 1)
		c.Advance(time.Second)
		err = d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			return r.TakeOffline(ctx, tx, r.box, clock.At(c.Now()), "连接断开")
		})
		if err != nil {
			t.Fatal(err)
		}
		want(fleet.Offline, 0)
		b, err := r.Get(actor("310101"), r.box)
		if err != nil || len(b.History) != 4 || b.History[0].Reason != "连接断开" || b.Status == nil || b.Gaps != 2 {
			t.Fatalf("%+v %v", b, err)
		}
		if _, err := r.Get(actor("310104"), r.box); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("out of scope: %v", err)
		}
	})
}

func TestInputs(t *testing.T) {
	c := clock.NewFake(testkit.Start())
	r := newRig(t, testkit.SQLite(t, c), c)
	for name, tc := range map[string]struct{ name, region, field string }{
		"no name": {" ", "310101", "name"}, "no such region": {"x", "999999", "regionCode"}, "other district": {"x", "310104", "regionCode"}, "same name": {"黄浦一号盒", "310101", "name"},
	} {
		_, err := r.Create(actor("310101"), tc.name, tc.region)
		var e *errs.Error
		if !errors.As(err, &e) || len(e.Fields) == 0 || e.Fields[0].Name != tc.field {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.Create(access.With(t.Context(), access.Actor{ID: "x"}), "x", "310101"); !errs.Is(err, errs.ForbiddenCode) {
		t.Errorf("without permission: %v", err)
	}
	if _, err := r.Revoke(actor("310101"), ids.New(), "x"); !errs.Is(err, errs.NotFoundCode) {
		t.Errorf("absent: %v", err)
	}
}
