package deadline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/testkit"
)

// bench is a service on a real database with a list of what fired.
type bench struct {
	t     *testing.T
	d     *db.DB
	c     *clock.Fake
	jobs  *jobs.Runner
	s     *deadline.Service
	bus   *events.Bus
	fired []deadline.Fired
}

func each(t *testing.T, f func(b *bench)) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		if err := jobs.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, d: d, c: c, jobs: jobs.NewWith(d, testkit.Log(t), nil, jobs.Options{Poll: 20 * time.Millisecond}), bus: events.NewBus(d, testkit.Log(t), nil)}
		b.s = deadline.New(deadline.Options{DB: d, Jobs: b.jobs, Log: testkit.Log(t)})
		b.s.RegisterRecord(deadline.Record{Kind: "case", Label: "案件", Perm: access.OrderView, Act: access.OrderReview, CanSee: func(_ context.Context, id string) error {
			if strings.HasPrefix(id, "hidden") {
				return errs.NotFound("案件")
			}
			return nil
		}})
		b.bus.Subscribe(deadline.TopicFired, "test", func(_ context.Context, _ db.Tx, e events.Event) error {
			var x deadline.Fired
			if err := e.Decode(&x); err != nil {
				return err
			}
			b.fired = append(b.fired, x)
			return nil
		})
		f(b)
	})
}

// as makes a context of a person with permissions in Huangpu.
func as(t *testing.T, id string, perms ...string) context.Context {
	m := map[string]bool{}
	for _, p := range perms {
		m[p] = true
	}
	return access.With(t.Context(), access.Actor{ID: id, Name: "演示" + id, Perms: m, Scope: access.Scope{Prefixes: []string{"310101"}}})
}

func (b *bench) manager() context.Context {
	return as(b.t, "m", access.DeadlineManage, access.CalendarManage)
}

func (b *bench) tx(ctx context.Context, f func(ctx context.Context, tx db.Tx) error) {
	b.t.Helper()
	if err := b.d.InTx(ctx, f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) refused(code errs.Code, f func(ctx context.Context, tx db.Tx) error) {
	b.t.Helper()
	if err := b.d.InTx(as(b.t, "p"), f); !errs.Is(err, code) {
		b.t.Fatalf("want %s, got %v", code, err)
	}
}

// at moves the clock to a Shanghai time and lets everything due fire; it
// gives what fired since the last call.
func (b *bench) at(when string) string {
	b.t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", when, clock.Shanghai())
	if err != nil {
		b.t.Fatal(err)
	}
	b.c.Set(v)
	if _, err := b.jobs.Fire(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.bus.Drain(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	out := []string{}
	for _, f := range b.fired {
		out = append(out, f.Kind+f.Level)
	}
	b.fired = nil
	return strings.Join(out, " ")
}

func (b *bench) want(got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Fatalf("fired %q, want %q", got, want)
	}
}

func (b *bench) start(id, rule, when string) deadline.Clock {
	b.t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", when, clock.Shanghai())
	if err != nil {
		b.t.Fatal(err)
	}
	var c deadline.Clock
	b.tx(as(b.t, "p"), func(ctx context.Context, tx db.Tx) (err error) {
		c, err = b.s.Start(ctx, tx, deadline.StartClock{Record: "case", RecordID: id, Name: "办案", Title: "案件 " + id, Path: "/cases/" + id, Rule: rule, RegionCode: "310101013", At: v, Vars: map[string]any{"major": id == "c1"}})
		return err
	})
	return c
}

func (b *bench) one(id string) deadline.View {
	b.t.Helper()
	list, err := b.s.Of(b.t.Context(), "case", id)
	if err != nil || len(list) != 1 {
		b.t.Fatalf("clocks of %s: %+v, %v", id, list, err)
	}
	return list[0]
}

func (b *bench) due(id, want string) {
	b.t.Helper()
	v := b.one(id)
	got := ""
	if v.DueAt != nil {
		got = v.DueAt.Time().In(clock.Shanghai()).Format("2006-01-02 15:04")
	}
	if got != want {
		b.t.Fatalf("due %q, want %q (%+v)", got, want, v)
	}
}

func (b *bench) rule(change func(*deadline.RuleInput)) deadline.RuleInput {
	in := deadline.RuleInput{Code: "test.rule", Name: "试验", Terms: deadline.Terms{Unit: deadline.Workday, Amount: 5}, Near: 1, PauseEvents: []string{"听证"}, ExtCount: 1, ExtAmount: 3, Source: "试验",
		Levels: []deadline.Level{
			{ID: "early", Offset: -2, Action: deadline.Notify, To: "squad_leader", Label: "提前", When: "major"},
			{ID: "over", Offset: 0, Action: deadline.Red, Label: "到期"}, {ID: "later", Offset: 2, Action: deadline.Raise, Label: "超期两天"},
		}}
	if change != nil {
		change(&in)
	}
	return in
}

func (b *bench) publish(in deadline.RuleInput, apply bool) deadline.Published {
	b.t.Helper()
	p, err := b.s.Publish(b.manager(), in, apply, "试验")
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// Levels fire once each, conditions are heard, and nothing fires after the
// record has left its state; come back, it is armed again.
func TestLevels(t *testing.T) {
	each(t, func(b *bench) {
		b.publish(b.rule(nil), false)
		b.start("c1", "test.rule", "2026-11-23 10:00") // Monday: due the end of Monday 30
		b.start("c2", "test.rule", "2026-11-23 10:00")
		b.due("c1", "2026-11-30 23:59")
		b.want(b.at("2026-11-25 09:00"), "")
		b.want(b.at("2026-11-27 00:00"), "levelearly") // c1 only: c2 is not major
		b.want(b.at("2026-11-28 00:00"), "warn warn")
		if v := b.one("c2"); v.Remaining.State != deadline.Near {
			t.Fatalf("state %+v", v.Remaining)
		}
		b.want(b.at("2026-11-28 00:00"), "")
		b.want(b.at("2026-12-01 00:00"), "due levelover due levelover")
		if v := b.one("c1"); v.Remaining.State != deadline.Over || v.Remaining.Text != "超期 1 个工作日" || v.OverAt == nil || v.Level != "over" {
			t.Fatalf("state %+v", v)
		}
		stop := func(ctx context.Context, tx db.Tx) error {
			return b.s.Stop(ctx, tx, "case", "c1", "办案", "已决定")
		}
		b.tx(as(t, "p"), stop)
		b.tx(as(t, "p"), stop)
		b.want(b.at("2026-12-03 00:00"), "levellater") // c2
		if v := b.one("c1"); v.Remaining.State != deadline.Ended || v.DueAt == nil || v.Level != "" {
			t.Fatalf("ended %+v", v)
		}
		// The decision was undone: the start is the first one, and what is
		// past fires once more in the new round.
		if c := b.start("c1", "test.rule", "2026-12-03 00:00"); c.StartedAt.Time().In(clock.Shanghai()).Day() != 23 {
			t.Fatalf("the start was reset: %v", c.StartedAt)
		}
		b.want(b.at("2026-12-03 09:00"), "levelearly warn due levelover levellater")
		b.want(b.at("2026-12-20 09:00"), "")
		b.tx(as(t, "p"), func(ctx context.Context, tx db.Tx) error { return b.s.Transfer(ctx, tx, "case", "c1", "310104", nil) })
		if v := b.one("c1"); v.RegionCode != "310104" || v.StartedAt.Time().In(clock.Shanghai()).Day() != 23 {
			t.Fatalf("after a transfer: %+v", v)
		}
	})
}

func TestPauseAndExtend(t *testing.T) {
	each(t, func(b *bench) {
		b.publish(b.rule(nil), false)
		c := b.start("c2", "test.rule", "2026-11-23 10:00")
		b.at("2026-11-24 15:00")
		b.refused(errs.Invalid, func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.Pause(ctx, tx, c.ID, "想停", "")
			return err
		})
		b.tx(as(t, "p"), func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.Pause(ctx, tx, c.ID, "听证", "x")
			return err
		})
		b.refused(errs.ConflictCode, func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.Pause(ctx, tx, c.ID, "听证", "")
			return err
		})
		b.due("c2", "")
		if v := b.one("c2"); v.Remaining.State != deadline.Paused || v.Remaining.Text != "已暂停，剩 5 个工作日" {
			t.Fatalf("paused: %+v", v.Remaining)
		}
		b.want(b.at("2026-12-10 15:00"), "") // nothing fires while it stands
		b.tx(as(t, "p"), func(ctx context.Context, tx db.Tx) error { _, err := b.s.Resume(ctx, tx, c.ID, "y"); return err })
		b.due("c2", "2026-12-16 23:59") // the 10th counts, and four more
		ask := func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.AskExtension(ctx, tx, c.ID, 3, "案情复杂")
			return err
		}
		b.tx(as(t, "p"), ask)
		b.refused(errs.ConflictCode, ask)
		ext := b.one("c2").Extensions[0].ID
		decide := func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.DecideExtension(ctx, tx, c.ID, ext, true, "同意")
			return err
		}
		b.refused(errs.ForbiddenCode, decide) // the one who asked
		b.want(b.at("2026-12-16 10:00"), "warn")
		b.tx(as(t, "q"), decide)
		b.due("c2", "2026-12-21 23:59")
		b.refused(errs.ConflictCode, ask) // one extension is the most
		b.want(b.at("2026-12-17 10:00"), "")
		b.want(b.at("2026-12-22 10:00"), "warn due levelover")
	})
}

// A rule is changed, switched off and on; open clocks are computed again by a
// job, and their starts and pauses stay.
func TestRuleChanges(t *testing.T) {
	each(t, func(b *bench) {
		b.publish(b.rule(nil), false)
		for i := range 250 { // more than one batch
			b.start(fmt.Sprintf("n%d", i), "test.rule", "2026-11-23 10:00")
		}
		longer := b.rule(func(r *deadline.RuleInput) { r.Amount = 10; r.EffectiveFrom = clock.At(b.d.Now()) })
		p, err := b.s.PreviewRule(b.manager(), longer)
		if err != nil || p.Open != 250 || p.Moved != 250 || p.NewOver != 0 || len(p.Changes) != 20 {
			t.Fatalf("preview %+v, %v", p, err)
		}
		b.due("n0", "2026-11-30 23:59")
		pub := b.publish(longer, true)
		if pub.Rule.Version != 2 || pub.JobID == "" {
			t.Fatalf("published %+v", pub)
		}
		if err := b.jobs.Start(b.t.Context()); err != nil {
			t.Fatal(err)
		}
		b.t.Cleanup(func() { _ = b.jobs.Close() })
		b.wait(pub.JobID)
		b.due("n0", "2026-12-07 23:59")
		b.due("n249", "2026-12-07 23:59")
		off, err := b.s.Switch(b.manager(), "test.rule", false, "停")
		if err != nil {
			t.Fatal(err)
		}
		b.wait(off)
		viewer := as(t, "v", access.OrderView)
		b.c.Set(time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC))
		m, err := b.s.Monitor(viewer, deadline.Filter{State: deadline.Over}, httpx.Paging{Size: 10})
		if err != nil || m.Total != 0 || m.Counts[deadline.Off] != 250 {
			t.Fatalf("the rule is off, overdue: %d, counts %v, %v", m.Total, m.Counts, err)
		}
		on, err := b.s.Switch(b.manager(), "test.rule", true, "启")
		if err != nil {
			t.Fatal(err)
		}
		b.wait(on)
		m, err = b.s.Monitor(viewer, deadline.Filter{State: deadline.Over, Q: "案件"}, httpx.Paging{Size: 10})
		if err != nil || m.Total != 250 || len(m.Items) != 10 || m.Items[0].Label != "案件" {
			t.Fatalf("the rule is on again, overdue: %d, %v", m.Total, err)
		}
		if other, err := b.s.Monitor(as(t, "w", access.AlertView), deadline.Filter{}, httpx.Paging{Size: 10}); err != nil || other.Total != 0 {
			t.Fatalf("somebody who may not see the records sees %d clocks, %v", other.Total, err)
		}
	})
}

// wait lets a job come to its end.
func (b *bench) wait(id string) {
	b.t.Helper()
	for range 1500 {
		it, err := b.jobs.Get(b.t.Context(), id)
		if err == nil && it.State == jobs.Done {
			return
		}
		if err == nil && (it.State == jobs.Failed || it.State == jobs.Retrying || it.State == jobs.Cancelled) {
			b.t.Fatalf("job %+v", it)
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("the job never ended")
}

// The class of a record changes while its clock stands: the pause stays, and
// so does the start.
func TestMoveWithinAPause(t *testing.T) {
	each(t, func(b *bench) {
		b.publish(b.rule(nil), false)
		b.publish(b.rule(func(r *deadline.RuleInput) { r.Code, r.Name, r.Amount, r.Levels = "test.short", "短", 2, nil }), false)
		c := b.start("c2", "test.rule", "2026-11-23 10:00")
		b.at("2026-11-24 15:00")
		b.tx(as(t, "p"), func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.Pause(ctx, tx, c.ID, "听证", "")
			return err
		})
		b.tx(as(t, "p"), func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.Move(ctx, tx, c.ID, "test.short", "改类")
			return err
		})
		b.due("c2", "")
		b.at("2026-11-26 09:00")
		b.tx(as(t, "p"), func(ctx context.Context, tx db.Tx) error { _, err := b.s.Resume(ctx, tx, c.ID, ""); return err })
		b.due("c2", "2026-11-27 23:59")
		b.refused(errs.NotFoundCode, func(ctx context.Context, tx db.Tx) error {
			_, err := b.s.Move(ctx, tx, c.ID, "no.rule", "")
			return err
		})
	})
}

// A version holds for clocks that begin while it is in force.
func TestVersionOfTheDay(t *testing.T) {
	each(t, func(b *bench) {
		b.publish(b.rule(nil), false)
		next := b.rule(func(r *deadline.RuleInput) {
			r.Amount = 3
			r.EffectiveFrom = clock.At(time.Date(2026, 12, 1, 0, 0, 0, 0, clock.Shanghai()))
		})
		b.publish(next, false)
		b.start("c2", "test.rule", "2026-11-30 10:00")
		b.due("c2", "2026-12-07 23:59")
		b.start("c3", "test.rule", "2026-12-01 10:00")
		b.due("c3", "2026-12-04 23:59")
		if _, err := b.s.Publish(b.manager(), b.rule(nil), false, ""); !errs.Is(err, errs.Invalid) {
			t.Errorf("a version before the last one: %v", err)
		}
		if _, err := b.s.Publish(as(t, "p"), next, false, ""); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("published without the permission: %v", err)
		}
	})
}

func TestCalendar(t *testing.T) {
	each(t, func(b *bench) {
		y, err := b.s.Year(b.manager(), 2026)
		if err != nil || !y.Entered || y.Verified || len(y.Days) != 39 || y.Workdays != 248 || len(y.Missing) != 1 || y.Missing[0] != 2027 {
			t.Fatalf("2026: %d days, %d workdays, missing %v, %v", len(y.Days), y.Workdays, y.Missing, err)
		}
		b.publish(b.rule(nil), false)
		b.start("c2", "test.rule", "2026-12-29 10:00")
		b.due("c2", "2027-01-05 23:59")
		if v := b.one("c2"); !strings.Contains(v.Note, "2027") {
			t.Fatalf("no note of the missing year: %q", v.Note)
		}
		if err := b.jobs.Start(b.t.Context()); err != nil {
			t.Fatal(err)
		}
		b.t.Cleanup(func() { _ = b.jobs.Close() })
		job, err := b.s.Import(b.manager(), deadline.ImportYear{Year: 2027, Source: "试验", Text: "日期\t放假或上班\t名称\n2027-01-01\t放假\t元旦\n2027/1/2,放假,元旦\n2027年1月3日 放假 元旦\n2027-01-04 放假 试验\n"})
		if err != nil {
			t.Fatal(err)
		}
		b.wait(job)
		b.due("c2", "2027-01-07 23:59") // Monday the 4th is off now
		if v := b.one("c2"); v.Note != "" {
			t.Fatalf("note %q", v.Note)
		}
		if job, err = b.s.SetDay(b.manager(), deadline.Holiday{YMD: 20270104}, ""); err != nil {
			t.Fatal(err)
		}
		b.wait(job)
		b.due("c2", "2027-01-06 23:59")
		if _, err = b.s.SetDay(b.manager(), deadline.Holiday{YMD: 20270104, Kind: "on"}, ""); !errs.Is(err, errs.Invalid) {
			t.Errorf("a Monday was made a worked weekend: %v", err)
		}
		var e *errs.Error
		_, err = b.s.Import(b.manager(), deadline.ImportYear{Year: 2027, Source: "试验", Text: "2027-02-30 放假\n2027-01-01 也许\n昨天 放假\n2026-01-01 放假\n2027-01-01 放假\n2027-01-01 放假\nx"})
		if !errors.As(err, &e) || len(e.Fields) != 6 {
			t.Errorf("wrong lines: %v", err)
		}
	})
}

func TestSimulate(t *testing.T) {
	each(t, func(b *bench) {
		start := clock.At(time.Date(2026, 9, 28, 10, 0, 0, 0, clock.Shanghai()))
		out, err := b.s.Simulate(b.manager(), b.rule(nil), start, 2, nil)
		if err != nil || out.DueAt == nil || len(out.Fires) != 5 {
			t.Fatalf("%+v, %v", out, err)
		}
		if got := out.DueAt.Time().In(clock.Shanghai()).Format("2006-01-02"); got != "2026-10-13" {
			t.Errorf("due %s", got)
		}
	})
}

func TestRuleValidation(t *testing.T) {
	b := &bench{t: t}
	for name, change := range map[string]func(*deadline.RuleInput){
		"unit":      func(r *deadline.RuleInput) { r.Unit = "year" },
		"amount":    func(r *deadline.RuleInput) { r.Amount = 0 },
		"near":      func(r *deadline.RuleInput) { r.Near = 5 },
		"roll":      func(r *deadline.RuleInput) { r.Unit, r.Roll = deadline.Hour, true },
		"condition": func(r *deadline.RuleInput) { r.Levels[0].When = "major +" },
		"not bool":  func(r *deadline.RuleInput) { r.Levels[0].When = "1 + 1" },
		"same id":   func(r *deadline.RuleInput) { r.Levels[1].ID = "early" },
		"action":    func(r *deadline.RuleInput) { r.Levels[1].Action = "shout" },
		"source":    func(r *deadline.RuleInput) { r.Source = " " },
		"extension": func(r *deadline.RuleInput) { r.ExtAmount = 0 },
	} {
		if err := b.rule(change).Validate(); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := b.rule(nil).Validate(); err != nil {
		t.Error(err)
	}
	if _, err := json.Marshal(b.rule(nil)); err != nil {
		t.Error(err)
	}
}

func FuzzParseDays(f *testing.F) {
	for _, s := range []string{"2027-01-01\t放假\t元旦", "2027年1月1日 上班", "\ufeff日期\n2027/1/1,off,x", "2027-13-40 放假", ""} {
		f.Add(s, 2027)
	}
	f.Fuzz(func(t *testing.T, text string, year int) {
		days, err := deadline.ParseDays(text, year)
		if err != nil {
			return
		}
		for _, d := range days {
			if d.YMD/10000 != year || d.Kind != "off" && d.Kind != "on" {
				t.Fatalf("read %+v out of %q", d, text)
			}
		}
	})
}
