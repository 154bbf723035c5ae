package patrol_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/patrol"
)

// box is an outbox, a clock and eyes that see what they are told.
type box struct {
	out   *outbox.Box
	now   time.Time
	looks map[string]int
	fail  error
	full  bool
}

func (b *box) See(_ context.Context, a patrol.Ask) ([]edgev1.Observation, error) {
	b.looks[fmt.Sprint(a.Camera, "/", a.Look)]++
	if b.fail != nil {
		return nil, b.fail
	}
	return []edgev1.Observation{{Zone: "z1", Kind: edgev1.Seen, At: edgev1.At(b.now)}}, nil
}

func (b *box) Commit(ctx context.Context, list []edgev1.Observation, key string, state []byte) error {
	if b.full {
		return errors.New("disk full")
	}
	_, err := b.out.Commit(ctx, outbox.Change{Observations: list, State: map[string][]byte{key: state}})
	return err
}

func (b *box) State(ctx context.Context, key string) ([]byte, error) { return b.out.State(ctx, key) }

func (b *box) runner(t *testing.T) *patrol.Runner {
	t.Helper()
	r, err := patrol.New(t.Context(), patrol.Options{
		Eyes: b, Store: b, Now: func() time.Time { return b.now }, NewID: func() string { return ulid.Make().String() },
		Offset: func() time.Duration { return 3 * time.Second }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b *box) steps(t *testing.T, r *patrol.Runner) (n int) {
	t.Helper()
	for {
		worked, err := r.Step(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !worked {
			return n
		}
		n++
	}
}

func (b *box) told(t *testing.T) []edgev1.Observation {
	t.Helper()
	list, err := b.out.Pending(t.Context(), 0, 1000, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	out := []edgev1.Observation{}
	for _, e := range list {
		if err := e.Validate(); err != nil {
			t.Fatalf("message %+v: %v", e, err)
		}
		out = append(out, *e.Observation)
	}
	return out
}

func newBox(t *testing.T) *box {
	t.Helper()
	out, err := outbox.Open(t.Context(), outbox.Options{Path: t.TempDir() + "/outbox.db"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	return &box{out: out, now: time.Date(2026, 11, 25, 7, 0, 0, 0, time.UTC), looks: map[string]int{}}
}

func (b *box) task(looks int) edgev1.Task {
	return edgev1.Task{
		V: 1, ID: ulid.Make().String(), Kind: edgev1.Inspection, Cameras: []string{"c1", "c2"}, From: edgev1.At(b.now.Add(10 * time.Minute)), Until: edgev1.At(b.now.Add(70 * time.Minute)), Looks: looks,
	}
}

// Each camera is looked at as often as asked, spread over the window, each
// look once, also over a restart in the middle.
func TestLooksOverARestart(t *testing.T) {
	b := newBox(t)
	r := b.runner(t)
	x := b.task(4)
	for range 2 {
		if err := r.Take(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.steps(t, r); n != 0 {
		t.Fatalf("%d looks before the window", n)
	}
	b.now = x.From.Add(4 * time.Second) // by the center's clock, which is 3 s behind
	if n := b.steps(t, r); n != 1 {
		t.Fatalf("%d looks at the beginning, want the first camera's", n)
	}
	for b.now.Before(x.Until.Time) {
		b.now = b.now.Add(time.Minute)
		r = b.runner(t)
		b.steps(t, r)
	}
	told := b.told(t)
	if len(told) != 8 || len(b.looks) != 8 {
		t.Fatalf("%d observations of %d looks, want 8", len(told), len(b.looks))
	}
	for k, n := range b.looks {
		if n != 1 {
			t.Errorf("look %s was done %d times", k, n)
		}
	}
	for _, o := range told {
		if o.Task != x.ID || o.Kind != edgev1.Seen || o.ClockOffsetMS != 3000 {
			t.Errorf("observation %+v", o)
		}
	}
	if err := r.Take(t.Context(), x); err != nil || b.steps(t, r) != 0 || r.Len() != 0 {
		t.Errorf("a task that was done is done again (%v)", err)
	}
}

// What the box could not do is told, and nothing is told twice when the disk
// was full for a while.
func TestWhatWasMissed(t *testing.T) {
	b := newBox(t)
	r := b.runner(t)
	x := b.task(2)
	if err := r.Take(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	b.now, b.full = x.From.Add(4*time.Second), true
	if _, err := r.Step(t.Context()); err == nil {
		t.Fatal("a full disk went unnoticed")
	}
	b.full, b.fail = false, errors.New("网络故障")
	b.steps(t, r)
	b.now, b.fail = x.Until.Add(time.Minute), nil // the box was off for the rest
	b.steps(t, b.runner(t))
	reasons := map[edgev1.UnseenReason]int{}
	for _, o := range b.told(t) {
		reasons[o.Reason]++
	}
	if reasons[edgev1.UnseenFailed] != 1 || reasons[edgev1.UnseenMissed] != 3 || len(reasons) != 2 {
		t.Fatalf("reasons %v", reasons)
	}
}

func TestTakeAndStop(t *testing.T) {
	b := newBox(t)
	r := b.runner(t)
	old := b.task(1)
	old.From, old.Until = edgev1.At(b.now.Add(-2*time.Hour)), edgev1.At(b.now.Add(-time.Hour))
	if err := r.Take(t.Context(), old); err == nil {
		t.Error("a task of the past was taken")
	}
	x := b.task(3)
	if err := r.Take(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Stop(t.Context(), x.ID); err != nil {
			t.Fatal(err)
		}
	}
	b.now = x.Until.Add(-time.Minute)
	if b.steps(t, b.runner(t)) != 0 {
		t.Error("a stopped task is done")
	}
	// A state that cannot be read costs the tasks, not the box.
	if _, err := b.out.Commit(t.Context(), outbox.Change{State: map[string][]byte{patrol.Key: []byte(`[{"task":{"v":7},"next":{"c":1}}]`)}}); err != nil {
		t.Fatal(err)
	}
	if n := b.runner(t).Len(); n != 0 {
		t.Errorf("%d tasks out of a broken state", n)
	}
}
