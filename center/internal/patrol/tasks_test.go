package patrol_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/testkit"
)

func (r *rig) tasks(f patrol.TaskFilter) []patrol.Task {
	r.t.Helper()
	list, err := r.s.Tasks(r.as(), f, httpx.Paging{Page: 1, Size: 200, Sort: "fromAt"})
	if err != nil {
		r.t.Fatal(err)
	}
	return list.Items
}

func (r *rig) task(id string) patrol.Task {
	r.t.Helper()
	d, err := r.s.Task(r.as(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return d.Task
}

func (r *rig) take(edge string, list ...edgev1.Observation) map[int]error {
	r.t.Helper()
	var bad map[int]error
	err := r.db.InTx(r.t.Context(), func(ctx context.Context, tx db.Tx) (err error) {
		bad, err = r.s.TakeObservations(ctx, tx, edge, list)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return bad
}

func (r *rig) seen(task, camera, zone string, look int, open ...string) edgev1.Observation {
	return edgev1.Observation{ID: ids.New(), Task: task, Camera: camera, Zone: zone, Look: look, Kind: edgev1.Seen, At: edgev1.At(r.clock.Now()), Open: open}
}

func (r *rig) unseen(task, camera, zone string, look int, why edgev1.UnseenReason) edgev1.Observation {
	o := r.seen(task, camera, zone, look)
	o.Kind, o.Reason = edgev1.Unseen, why
	return o
}

func fieldsOf(err error) []errs.Field {
	var e *errs.Error
	if !errors.As(err, &e) {
		return nil
	}
	return e.Fields
}

func (r *rig) count(q string, args ...any) int {
	r.t.Helper()
	var n int
	if err := r.db.Read().NewRaw(q, args...).Scan(r.t.Context(), &n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// TestPlanToDone follows a plan from its making to a task that people had to
// complete.
func TestPlanToDone(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		p, err := r.s.CreatePlan(r.as(), content(), true)
		if err != nil {
			t.Fatal(err)
		}
		if p.Cameras != 4 || p.State != patrol.Enabled || p.NextAt == nil || p.NextAt.Time().In(clock.Shanghai()).Format("01-02 15:04") != "11-25 07:30" {
			t.Fatalf("plan %+v", p)
		}
		r.at("2026-11-25 07:19")
		r.fire()
		if n := len(r.tasks(patrol.TaskFilter{})); n != 0 {
			t.Fatalf("%d tasks before their time", n)
		}
		r.at("2026-11-25 07:20")
		r.fire()
		list := r.tasks(patrol.TaskFilter{})
		if len(list) != 1 {
			t.Fatalf("%d tasks, want 1", len(list))
		}
		x := list[0]
		// z1, z2 and z3 are zones; c3 and c4 have none for an inspection.
		if x.State != patrol.Running || x.OrgName != "黄浦区局" || x.Cameras != 4 || x.Spots != 5 || x.Boxes != 2 || x.Looks != 7 || !strings.HasPrefix(x.No, "XJ20261125-") {
			t.Fatalf("task %+v", x)
		}
		if n, err := r.s.SendDue(t.Context()); err != nil || n != 2 || len(r.line.sent) != 2 {
			t.Fatalf("%d boxes told, %v", n, err)
		}
		if n, _ := r.s.SendDue(t.Context()); n != 0 {
			t.Fatal("boxes told twice")
		}
		for _, cmd := range r.line.sent {
			if cmd.Task == nil || cmd.Task.ID != x.ID || cmd.Task.Looks != 7 || len(cmd.Task.Cameras) == 0 {
				t.Fatalf("command %+v", cmd)
			}
		}
		r.at("2026-11-25 08:00")
		var first []edgev1.Observation
		for look := 1; look <= 7; look++ {
			first = append(first, r.seen(x.ID, "c1", "z1", look, ids.New()), r.seen(x.ID, "c1", "z2", look), r.unseen(x.ID, "c2", "z3", look, "dark"))
		}
		for range 2 { // delivered twice
			if bad := r.take("b1", first...); len(bad) != 0 {
				t.Fatalf("refused %v", bad)
			}
		}
		x = r.task(x.ID)
		if x.Seen != 2 || x.Unseen != 1 || x.Observations != 21 || x.Opens != 1 {
			t.Fatalf("after the looks %+v", x)
		}
		foreign := r.take("b2", r.seen(x.ID, "c1", "z1", 1), r.seen(ids.New(), "c1", "z1", 1))
		if len(foreign) != 2 || fieldsOf(foreign[0])[0].Name != "observation.camera" || fieldsOf(foreign[1])[0].Name != "observation.task" {
			t.Fatalf("foreign observations: %v", foreign)
		}
		r.at("2026-11-25 09:34")
		r.fire()
		x = r.task(x.ID)
		if x.State != patrol.Supplement || x.Seen != 2 || x.Unseen != 3 {
			t.Fatalf("after the window %+v", x)
		}
		r.supplement(x)
	})
}

// supplement completes what the cameras did not see.
func (r *rig) supplement(x patrol.Task) {
	t := r.t
	t.Helper()
	d, err := r.s.Task(r.as(), x.ID)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int{}
	for _, y := range d.Reasons {
		reasons[y.Reason] = y.N
	}
	if reasons["dark"] != 1 || reasons["missed"] != 1 || reasons[patrol.ReasonNoBox] != 1 {
		t.Fatalf("reasons %v", reasons)
	}
	in := patrol.SupplementInput{Spots: []patrol.SpotKey{{CameraID: "c2", ZoneID: "z3"}}, Result: patrol.ResultClean}
	if _, err := r.s.Supplement(r.as(), x.ID, in); !errs.Is(err, errs.Invalid) {
		t.Fatalf("without a picture: %v", err)
	}
	in.Pictures = []string{strings.Repeat("a", 64)}
	if _, err := r.s.Supplement(r.as(access.PatrolView), x.ID, in); !errs.Is(err, errs.ForbiddenCode) {
		t.Fatalf("without the right: %v", err)
	}
	if x, err = r.s.Supplement(r.as(), x.ID, in); err != nil || x.Manual != 1 || x.State != patrol.Supplement {
		t.Fatalf("one place: %+v %v", x, err)
	}
	// Past its deadline the task is overdue, and done late.
	r.at("2026-11-26 09:31")
	err = r.db.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error { return r.s.TaskOverdue(ctx, tx, x.ID) })
	if x = r.task(x.ID); err != nil || x.State != patrol.Overdue || !x.Late {
		t.Fatalf("overdue: %+v %v", x, err)
	}
	in = patrol.SupplementInput{Spots: []patrol.SpotKey{{CameraID: "c3"}, {CameraID: "c4"}}, Result: patrol.ResultNone, Note: "施工围挡"}
	if x, err = r.s.Supplement(r.as(), x.ID, in); err != nil || x.State != patrol.Done || x.Waived != 2 || x.ClosedAt == nil {
		t.Fatalf("done: %+v %v", x, err)
	}
	rates, err := r.s.RatesOfPlans(r.as(), []string{x.PlanID})
	if err != nil || rates[x.PlanID].Spots != 5 || rates[x.PlanID].Seen != 2 || rates[x.PlanID].Manual != 1 || rates[x.PlanID].Late != 1 {
		t.Fatalf("rates %+v %v", rates, err)
	}
	_, n, err := r.s.Cover(r.as(), patrol.CoverFilter{Since: clock.At(r.clock.Now().Add(-30 * 24 * time.Hour))}, httpx.Paging{Page: 1, Size: 20})
	if err != nil || n.Never != 2 || n.Seen != 3 {
		t.Fatalf("coverage %+v %v", n, err)
	}
}

// TestBySquadAndPause parts a run by squads, pauses its plan, and enters a
// holiday late.
func TestBySquadAndPause(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		in := content()
		in.OrgMode, in.OrgID = patrol.BySquad, ""
		p, err := r.s.CreatePlan(r.as(), in, true)
		if err != nil {
			t.Fatal(err)
		}
		r.at("2026-11-25 07:25")
		r.fire()
		list := r.tasks(patrol.TaskFilter{})
		states := map[string]patrol.TaskState{}
		for _, x := range list {
			states[x.Unit] = x.State
		}
		if len(list) != 3 || states["q1"] != patrol.Running || states["q2"] != patrol.Running || states["street:310101015"] != patrol.Pending {
			t.Fatalf("tasks by unit %v", states)
		}
		for _, x := range list {
			if x.State == patrol.Pending {
				if x, err = r.s.Assign(r.as(), x.ID, "q2", x.Rev, ""); err != nil || x.State != patrol.Running || x.OrgID != "q2" {
					t.Fatalf("assigned %+v %v", x, err)
				}
			}
		}
		if p, err = r.s.SetPlanState(r.as(), p.ID, patrol.Off, p.Rev, "道路施工"); err != nil || p.NextAt != nil {
			t.Fatalf("paused %+v %v", p, err)
		}
		r.at("2026-11-27 12:00")
		r.fire()
		if n := len(r.tasks(patrol.TaskFilter{})); n != 3 {
			t.Fatalf("%d tasks while paused", n)
		}
		if _, err := r.s.SetPlanState(r.as(), p.ID, patrol.Enabled, p.Rev-1, ""); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("old revision: %v", err)
		}
		if p, err = r.s.SetPlanState(r.as(), p.ID, patrol.Enabled, p.Rev, ""); err != nil || p.NextAt.Time().In(clock.Shanghai()).Format("01-02") != "11-30" {
			t.Fatalf("enabled %+v %v", p, err)
		}
		// A holiday that is entered later moves the next run.
		r.days.cal = calendar.Calendar{Off: map[int]bool{20261130: true}}
		if err := r.s.Rearm(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p, err = r.s.Plan(r.as(), p.ID); err != nil || p.NextAt.Time().In(clock.Shanghai()).Format("01-02") != "12-01" {
			t.Fatalf("after the holiday was entered %+v %v", p, err)
		}
		x := r.tasks(patrol.TaskFilter{Org: "q1"})[0]
		if _, err := r.s.Cancel(r.as(), x.ID, x.Rev, ""); !errs.Is(err, errs.Invalid) {
			t.Fatalf("cancelled without a reason: %v", err)
		}
		if x, err = r.s.Cancel(r.as(), x.ID, x.Rev, "重复"); err != nil || x.State != patrol.Cancelled {
			t.Fatalf("cancelled %+v %v", x, err)
		}
	})
}

// TestSurvey reads signs in zones and outside of them.
func TestSurvey(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		in := content()
		in.Kind, in.Kinds, in.Schedule.EveryMin = patrol.Survey, nil, 0
		in.Scope = patrol.Scope{Cameras: []string{"c1", "c3"}}
		if _, err := r.s.CreatePlan(r.as(), in, true); err != nil {
			t.Fatal(err)
		}
		r.at("2026-11-25 07:30")
		r.fire()
		x := r.tasks(patrol.TaskFilter{})[0]
		if x.Spots != 4 || x.Kind != patrol.Survey || !strings.HasPrefix(x.No, "PM") {
			t.Fatalf("survey %+v", x)
		}
		sign := func(camera, zone, text string, v edgev1.SignVerdict) edgev1.Observation {
			o := r.seen(x.ID, camera, zone, 1)
			o.Kind, o.Sign, o.Box = edgev1.SignFound, &edgev1.SignReading{Verdict: v, Text: text, Confidence: .9, GlyphPx: 30, Lines: []string{text}}, edgev1.Box{X: .1, Y: .1, W: .2, H: .1}
			return o
		}
		r.take("b1", sign("c1", "s1", "好再来", edgev1.SignSame), sign("c1", "", "依佳人", edgev1.SignRead), r.seen(x.ID, "c1", "", 1))
		r.take("b2", sign("c3", "s3", "", edgev1.SignUnreadable), r.seen(x.ID, "c3", "", 1))
		if n := r.count("SELECT COUNT(*) FROM event_outbox WHERE topic = ?", patrol.TopicSign); n != 3 {
			t.Fatalf("%d signs told of, want 3", n)
		}
		x = r.task(x.ID)
		if x.Seen != 3 || x.Unseen != 1 || x.Signs != 3 || x.State != patrol.Supplement {
			t.Fatalf("after the looks %+v", x)
		}
		x, err := r.s.Supplement(r.as(), x.ID, patrol.SupplementInput{
			Spots: []patrol.SpotKey{{CameraID: "c3", ZoneID: "s3"}}, Result: patrol.ResultSign, Text: "老地方面馆", Pictures: []string{strings.Repeat("b", 64)},
		})
		if err != nil || x.State != patrol.Done {
			t.Fatalf("completed %+v %v", x, err)
		}
	})
}

// TestRecheck answers an order once: by a clean look, or at the end.
func TestRecheck(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		ask := func(order, camera, zone string) {
			t.Helper()
			for range 2 {
				err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
					return r.s.AskRecheck(ctx, tx, patrol.RecheckInput{CameraID: camera, ZoneID: zone, OrderID: order, NotBefore: c.Now()})
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		answered := func() int { return r.count("SELECT COUNT(*) FROM event_outbox WHERE topic = ?", patrol.TopicRechecked) }
		ask("o1", "c1", "z1")
		ask("o2", "c2", "z3")
		list := r.tasks(patrol.TaskFilter{Sources: []patrol.Source{patrol.FromRecheck}})
		if len(list) != 2 {
			t.Fatalf("%d tasks for two orders", len(list))
		}
		c.Advance(10 * time.Minute)
		for _, x := range list {
			if x.SourceID == "o1" {
				r.take("b1", r.seen(x.ID, "c1", "z1", 1, ids.New()))
				if answered() != 0 {
					t.Fatal("answered while the thing stood")
				}
				c.Advance(10 * time.Minute)
				r.take("b1", r.seen(x.ID, "c1", "z1", 2), r.seen(x.ID, "c1", "z1", 3))
			}
		}
		if n := answered(); n != 1 {
			t.Fatalf("%d answers after a clean look, want 1", n)
		}
		c.Advance(3 * time.Hour)
		r.fire()
		if n := answered(); n != 2 {
			t.Fatalf("%d answers at the end, want 2", n)
		}
		if n := r.count("SELECT COUNT(*) FROM patrol_rechecks WHERE order_id = 'o2' AND clean = 0 AND seen = 0 AND state = 'answered'"); n != 1 {
			t.Fatal("the camera that saw nothing did not say so")
		}
		for _, x := range r.tasks(patrol.TaskFilter{}) {
			if x.State != patrol.Done {
				t.Errorf("recheck %+v waits for people", x)
			}
		}
	})
}

// TestPreview tells cameras, units, runs and warnings before a plan is saved.
func TestPreview(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		r := newRig(t, d, c)
		if _, err := r.s.CreatePlan(r.as(), content(), true); err != nil {
			t.Fatal(err)
		}
		in := content()
		in.OrgMode = patrol.BySquad
		p, err := r.s.PreviewPlan(r.as(), "", in)
		if err != nil {
			t.Fatal(err)
		}
		codes := map[string]bool{}
		for _, w := range p.Warnings {
			codes[w.Code] = true
		}
		if p.Cameras != 4 || len(p.Runs) != 20 || len(p.Units) != 3 || p.NoBox != 1 || p.Words != "工作日 07:30–09:30 每 20 分" || !codes["conflict"] || !codes["noBox"] || !codes["noZone"] || !codes["unit"] {
			t.Fatalf("preview %+v", p)
		}
		bad := content()
		bad.Schedule.EveryMin, bad.OrgID = 5, ""
		if _, err := r.s.PreviewPlan(r.as(), "", bad); err == nil {
			t.Fatal("a plan with two faults was taken")
		} else if f := fieldsOf(err); len(f) != 2 || f[1].Message != "间隔不能小于 10 分钟，请改为 10 到 240" {
			t.Fatalf("faults %+v", err)
		}
		far := content()
		far.Scope.Regions = []string{"310104"}
		if _, err := r.s.CreatePlan(r.as(), far, true); !errs.Is(err, errs.Invalid) {
			t.Fatalf("a plan outside of the scope: %v", err)
		}
	})
}
