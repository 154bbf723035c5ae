package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/testkit"
)

func fast() jobs.Options {
	return jobs.Options{Beat: 200 * time.Millisecond, Poll: 20 * time.Millisecond}
}

// until waits for a state that other goroutines bring about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never came: %s", what)
}

func tx(t *testing.T, d *db.DB, f func(ctx context.Context, tx db.Tx) error) {
	t.Helper()
	if err := d.InTx(caller.With(t.Context(), caller.Caller{ID: "p1", Name: "张三"}), f); err != nil {
		t.Fatal(err)
	}
}

func started(t *testing.T, r *jobs.Runner) {
	t.Helper()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

func eachRunner(t *testing.T, f func(t *testing.T, d *db.DB, c *clock.Fake, r *jobs.Runner)) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		if err := jobs.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if err := jobs.Migrate(t.Context(), d); err != nil {
			t.Fatalf("second migration: %v", err)
		}
		f(t, d, c, jobs.NewWith(d, testkit.Log(t), nil, fast()))
	})
}

// Of two centers one runs the periodic job; the other takes over when the
// first has been silent for three intervals. A panic ends the run only.
func TestOneRunner(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		var a, b atomic.Int32
		one, two := jobs.New(d, testkit.Log(t), nil), jobs.New(d, testkit.Log(t), nil)
		one.Every("x", "甲", time.Minute, func(ctx context.Context) error {
			if caller.From(ctx).Name != "甲" {
				t.Error("the job has no name as the caller")
			}
			a.Add(1)
			return nil
		})
		two.Every("x", "乙", time.Minute, func(context.Context) error { b.Add(1); panic("a fault of the code") })
		for range 3 {
			if err := one.RunOnce(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
			if err := two.RunOnce(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if a.Load() != 3 || b.Load() != 0 {
			t.Fatalf("runs %d and %d, want 3 and 0", a.Load(), b.Load())
		}
		c.Advance(3*time.Minute + time.Second)
		if err := two.RunOnce(t.Context(), "x"); err == nil {
			t.Fatal("the panic was not reported")
		}
		if err := one.RunOnce(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		if a.Load() != 3 || b.Load() != 1 {
			t.Fatalf("runs %d and %d, want 3 and 1", a.Load(), b.Load())
		}
		list, err := two.Periodics(t.Context())
		if err != nil || len(list) != 1 || list[0].Runs != 4 || list[0].Failures != 1 || !strings.Contains(list[0].LastError, "a fault") || list[0].LastRunAt == nil {
			t.Fatalf("periodic jobs %+v, %v", list, err)
		}
	})
}

// A person asks for a periodic job that is due in an hour: it runs now.
func TestAsk(t *testing.T) {
	eachRunner(t, func(t *testing.T, _ *db.DB, _ *clock.Fake, r *jobs.Runner) {
		var n atomic.Int32
		r.Every("x", "甲", time.Hour, func(context.Context) error { n.Add(1); return nil })
		started(t, r)
		until(t, "the run at the start", func() bool { return n.Load() == 1 })
		if err := r.Ask(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
		until(t, "the run that was asked for", func() bool { return n.Load() == 2 })
		if err := r.Ask(t.Context(), "y"); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("asked for a job that is not there: %v", err)
		}
	})
}

func TestTimers(t *testing.T) {
	eachRunner(t, func(t *testing.T, d *db.DB, c *clock.Fake, r *jobs.Runner) {
		got := []string{}
		r.HandleTx("note", "记一笔", func(ctx context.Context, tx db.Tx, p json.RawMessage) error {
			var s string
			if err := json.Unmarshal(p, &s); err != nil {
				return err
			}
			got = append(got, s)
			if s == "again" { // an effect may set its own timer again
				return r.At(ctx, tx, "note", "b", tx.Now().Add(time.Hour), "last")
			}
			return nil
		})
		now := d.Now()
		fire := func(want ...string) {
			t.Helper()
			got = got[:0]
			if n, err := r.Fire(t.Context()); err != nil || n != len(want) {
				t.Fatalf("fired %d, %v; want %d", n, err, len(want))
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("fired %v, want %v", got, want)
			}
		}
		tx(t, d, func(ctx context.Context, tx db.Tx) error {
			return errors.Join(
				r.At(ctx, tx, "note", "a", now.Add(time.Hour), "one"),
				r.At(ctx, tx, "note", "b", now.Add(2*time.Hour), "again"),
				r.At(ctx, tx, "note", "c", now.Add(time.Hour), "never"),
				r.At(ctx, tx, "note", "a", now.Add(90*time.Minute), "moved"),
				r.Cancel(ctx, tx, "note", "c"), r.Cancel(ctx, tx, "note", "c"),
			)
		})
		fire()
		c.Advance(time.Hour)
		fire()
		c.Advance(30 * time.Minute)
		fire("moved")
		c.Advance(30 * time.Minute)
		fire("again")
		fire()
		c.Advance(time.Hour)
		fire("last")
		if err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return r.At(ctx, tx, "other", "x", now, nil) }); err == nil {
			t.Error("a timer of no kind was set")
		}
		list, n, err := r.Timers(t.Context(), "", "", 10, 0)
		if err != nil || n != 4 || len(list) != 4 || list[0].KindTitle != "记一笔" {
			t.Fatalf("timers %+v, %d, %v", list, n, err)
		}
	})
}

// A timer whose effect fails leaves nothing behind, is tried again later, and
// is given up in the end; a person sets it again.
func TestTimerFails(t *testing.T) {
	eachRunner(t, func(t *testing.T, d *db.DB, c *clock.Fake, r *jobs.Runner) {
		if _, err := d.SQL().Exec("CREATE TABLE effects (n INTEGER)"); err != nil {
			t.Fatal(err)
		}
		broken := true
		r.HandleTx("x", "坏", func(ctx context.Context, tx db.Tx, _ json.RawMessage) error {
			if _, err := tx.NewRaw("INSERT INTO effects VALUES (1)").Exec(ctx); err != nil {
				return err
			}
			if broken {
				panic("a fault of the code")
			}
			return nil
		})
		tx(t, d, func(ctx context.Context, tx db.Tx) error { return r.At(ctx, tx, "x", "k", tx.Now(), nil) })
		for i := range 20 {
			if n, err := r.Fire(t.Context()); n != 1 || err == nil {
				t.Fatalf("try %d: fired %d, %v", i, n, err)
			}
			c.Advance(2 * time.Hour)
		}
		if n, err := r.Fire(t.Context()); n != 0 || err != nil {
			t.Fatalf("after the last try: fired %d, %v", n, err)
		}
		count := func() (n int) {
			if err := d.SQL().QueryRow("SELECT count(*) FROM effects").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 0 {
			t.Fatalf("%d effects of failed tries are there", n)
		}
		list, _, err := r.Timers(t.Context(), jobs.TimerFailed, "x", 10, 0)
		if err != nil || len(list) != 1 || list[0].Tries != 20 || !strings.Contains(list[0].LastError, "a fault") {
			t.Fatalf("failed timers %+v, %v", list, err)
		}
		broken = false
		tx(t, d, func(ctx context.Context, tx db.Tx) error { return r.RetryTimer(ctx, tx, list[0].ID) })
		if n, err := r.Fire(t.Context()); n != 1 || err != nil {
			t.Fatalf("after it was set again: fired %d, %v", n, err)
		}
		if n := count(); n != 1 {
			t.Fatalf("%d effects, want one", n)
		}
	})
}

// Two runners on one database fire each timer once.
func TestTwoCentersFireOnce(t *testing.T) {
	eachRunner(t, func(t *testing.T, d *db.DB, _ *clock.Fake, one *jobs.Runner) {
		if _, err := d.SQL().Exec("CREATE TABLE effects (n INTEGER)"); err != nil {
			t.Fatal(err)
		}
		two := jobs.NewWith(d, testkit.Log(t), nil, fast())
		for _, r := range []*jobs.Runner{one, two} {
			r.HandleTx("x", "记", func(ctx context.Context, tx db.Tx, p json.RawMessage) error {
				_, err := tx.NewRaw("INSERT INTO effects VALUES (?)", string(p)).Exec(ctx)
				return err
			})
			if d.Postgres() || r == one { // a SQLite file has one center
				started(t, r)
			}
		}
		const n = 200
		for i := range n {
			tx(t, d, func(ctx context.Context, tx db.Tx) error { return one.At(ctx, tx, "x", fmt.Sprint(i), tx.Now(), i) })
		}
		until(t, "all timers fired", func() bool {
			_, left, err := one.Timers(t.Context(), jobs.TimerPending, "", 1, 0)
			return err == nil && left == 0
		})
		var all, different int
		if err := d.SQL().QueryRow("SELECT count(*), count(DISTINCT n) FROM effects").Scan(&all, &different); err != nil || all != n || different != n {
			t.Fatalf("%d effects of %d timers, want %d; %v", all, different, n, err)
		}
	})
}

func TestQueuedJob(t *testing.T) {
	eachRunner(t, func(t *testing.T, d *db.DB, _ *clock.Fake, r *jobs.Runner) {
		var tries atomic.Int32
		r.Handle("report", "出报表", func(ctx context.Context, run *jobs.Run) error {
			var n int64
			if err := run.Decode(&n); err != nil {
				return err
			}
			run.Log("开始 %d", n)
			run.Progress(n, n, "写完")
			if tries.Add(1) == 1 {
				panic("a fault of the code")
			}
			return nil
		})
		r.Handle("wrong", "写错", func(_ context.Context, run *jobs.Run) error { var n int64; return run.Decode(&n) })
		if err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
			if _, err := r.Enqueue(ctx, tx, "report", 7); err != nil {
				return err
			}
			return errors.New("not now")
		}); err == nil {
			t.Fatal("no error")
		}
		var id, bad string
		tx(t, d, func(ctx context.Context, tx db.Tx) (err error) {
			if id, err = r.Enqueue(ctx, tx, "report", 7, jobs.Titled("七月报表"), jobs.Queue(jobs.QueueExport)); err != nil {
				return err
			}
			bad, err = r.Enqueue(ctx, tx, "wrong", "seven")
			return err
		})
		started(t, r)
		until(t, "the first try failed", func() bool { it, err := r.Get(t.Context(), id); return err == nil && it.State == jobs.Retrying })
		it, err := r.Get(t.Context(), id)
		if err != nil || !strings.Contains(it.LastError, "a fault") {
			t.Fatalf("job %+v, %v", it, err)
		}
		tx(t, d, func(ctx context.Context, tx db.Tx) error { return r.RetryJob(ctx, tx, id) })
		until(t, "the job is done", func() bool { it, err = r.Get(t.Context(), id); return err == nil && it.State == jobs.Done })
		if it.Title != "七月报表" || it.ByName != "张三" || it.Done != 7 || it.Note != "写完" || it.KindTitle != "出报表" || it.EndedAt == nil {
			t.Errorf("job %+v", it)
		}
		until(t, "a wrong payload ends it for good", func() bool { it, err = r.Get(t.Context(), bad); return err == nil && it.State == jobs.Cancelled })
		log, err := r.Lines(t.Context(), id)
		if err != nil || len(log) != 3 || log[0].Line != "开始 7" || log[1].Attempt != 1 || log[2].Attempt != 2 {
			t.Errorf("log %+v, %v", log, err)
		}
		list, n, err := r.List(t.Context(), jobs.Filter{State: jobs.Done, Kind: "report", Q: "七月"}, 10, 0)
		if err != nil || n != 1 || len(list) != 1 {
			t.Errorf("the job that was rolled back is there, or the list is wrong: %+v, %d, %v", list, n, err)
		}
		for _, f := range []func(ctx context.Context, tx db.Tx) error{
			func(ctx context.Context, tx db.Tx) error { return r.CancelJob(ctx, tx, id) },
			func(ctx context.Context, tx db.Tx) error { return r.RetryJob(ctx, tx, id) },
		} {
			if err := d.InTx(t.Context(), f); !errs.Is(err, errs.ConflictCode) {
				t.Errorf("changed a job that is done: %v", err)
			}
		}
		if err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return r.CancelJob(ctx, tx, "999999") }); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("cancelled a job that is not there: %v", err)
		}
	})
}

// A running job learns that a person cancelled it; a stop of the center is
// not a failure, and the job goes on after the start.
func TestCancelAndStop(t *testing.T) {
	eachRunner(t, func(t *testing.T, d *db.DB, _ *clock.Fake, r *jobs.Runner) {
		var begun atomic.Int32
		long := func(ctx context.Context, run *jobs.Run) error {
			begun.Add(1)
			<-ctx.Done()
			if !run.Cancelled() {
				t.Error("the run does not know that it is over")
			}
			return ctx.Err()
		}
		r.Handle("long", "慢", long)
		var a, b string
		tx(t, d, func(ctx context.Context, tx db.Tx) (err error) { a, err = r.Enqueue(ctx, tx, "long", nil); return err })
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, "it runs", func() bool { return begun.Load() == 1 })
		tx(t, d, func(ctx context.Context, tx db.Tx) error { return r.CancelJob(ctx, tx, a) })
		until(t, "it is cancelled", func() bool { it, err := r.Get(t.Context(), a); return err == nil && it.State == jobs.Cancelled })
		tx(t, d, func(ctx context.Context, tx db.Tx) (err error) { b, err = r.Enqueue(ctx, tx, "long", nil); return err })
		until(t, "the other runs", func() bool { return begun.Load() == 2 })
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		it, err := r.Get(t.Context(), b)
		if err != nil || it.State != jobs.Waiting || it.LastError != "" {
			t.Fatalf("after the stop: %+v, %v", it, err)
		}
		next := jobs.NewWith(d, testkit.Log(t), nil, fast())
		next.Handle("long", "快", func(context.Context, *jobs.Run) error { return nil })
		started(t, next)
		until(t, "it is done after the start", func() bool { it, err := next.Get(t.Context(), b); return err == nil && it.State == jobs.Done })
	})
}

// What a center was doing when it died runs again on another.
func TestDeadCenter(t *testing.T) {
	eachRunner(t, func(t *testing.T, d *db.DB, c *clock.Fake, r *jobs.Runner) {
		var ran atomic.Int32
		r.Handle("x", "做", func(context.Context, *jobs.Run) error { ran.Add(1); return nil })
		var id string
		tx(t, d, func(ctx context.Context, tx db.Tx) (err error) { id, err = r.Enqueue(ctx, tx, "x", nil); return err })
		who := `'["dead"]'`
		if d.Postgres() {
			who = "ARRAY['dead']"
		}
		if _, err := d.SQL().Exec("UPDATE river_job SET state = 'running', attempt = 1, attempted_at = CURRENT_TIMESTAMP, attempted_by = " + who); err != nil {
			t.Fatal(err)
		}
		c.Advance(time.Hour)
		started(t, r)
		until(t, "it ran", func() bool { it, err := r.Get(t.Context(), id); return err == nil && it.State == jobs.Done })
		if ran.Load() != 1 {
			t.Fatalf("ran %d times", ran.Load())
		}
	})
}
