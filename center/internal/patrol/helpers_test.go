package patrol_test

import (
	"context"
	"fmt"
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
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/base"
)

// orgs is an organisation tree of one district with two squads; street 003
// has none.
type orgs struct{}

func (orgs) Org(_ context.Context, id string) (patrol.Org, bool, error) {
	o, ok := map[string]patrol.Org{
		"d1": {ID: "d1", Name: "黄浦区局", Kind: "district", RegionCode: "310101"}, "q1": {ID: "q1", Name: "外滩中队", Kind: "squad", RegionCode: "310101002"},
		"q2": {ID: "q2", Name: "南京东路中队", Kind: "squad", RegionCode: "310101013"},
	}[id]
	return o, ok, nil
}

func (o orgs) SquadOf(ctx context.Context, code string) (patrol.Org, bool, error) {
	id := map[string]string{"310101002": "q1", "310101013": "q2"}[code]
	return o.Org(ctx, id)
}

type days struct{ cal calendar.Calendar }

func (d *days) Calendar(context.Context) (calendar.Calendar, error) { return d.cal, nil }

// line is the boxes of a center.
type line struct {
	online map[string]bool
	refuse string
	sent   []edgev1.Command
}

func (l *line) Connected() []string {
	out := []string{}
	for b, on := range l.online {
		if on {
			out = append(out, b)
		}
	}
	return out
}

func (l *line) Send(_ context.Context, edge string, c edgev1.Command) (edgev1.Result, error) {
	if !l.online[edge] {
		return edgev1.Result{}, errs.New(errs.Unavailable, "边缘盒不在线")
	}
	c.V, c.ID, c.SentAt = 1, ids.New(), edgev1.At(testkit.Start())
	if err := c.Validate(); err != nil {
		return edgev1.Result{}, fmt.Errorf("command: %w", err)
	}
	l.sent = append(l.sent, c)
	return edgev1.Result{OK: l.refuse == "", Message: l.refuse}, nil
}

type allPictures struct{}

func (allPictures) Has(context.Context, string) (bool, error) { return true, nil }

// dueClocks gives tasks a day after their window.
type dueClocks struct{}

func (dueClocks) TaskClock(_ context.Context, _ db.Tx, t patrol.Task) (*clock.Stamp, error) {
	return clock.Ptr(t.UntilAt.Time().Add(24 * time.Hour)), nil
}

type rig struct {
	t     *testing.T
	db    *db.DB
	clock *clock.Fake
	jobs  *jobs.Runner
	s     *patrol.Service
	line  *line
	days  *days
}

func newRig(t *testing.T, d *db.DB, c *clock.Fake) *rig {
	t.Helper()
	r := &rig{t: t, db: d, clock: c, line: &line{online: map[string]bool{"b1": true, "b2": true}}, days: &days{}}
	r.cameras()
	r.jobs, r.s = r.center()
	return r
}

// center makes one more center on the same database.
func (r *rig) center() (*jobs.Runner, *patrol.Service) {
	r.t.Helper()
	regions, err := base.Regions()
	if err != nil {
		r.t.Fatal(err)
	}
	j := jobs.New(r.db, testkit.Log(r.t), nil)
	return j, patrol.New(patrol.Options{
		DB: r.db, Regions: regions, People: orgs{}, Calendar: r.days, Timers: j, Boxes: r.line, Pictures: allPictures{}, Clocks: dueClocks{}, Log: testkit.Log(r.t),
	})
}

func (r *rig) exec(q string, args ...any) {
	r.t.Helper()
	if err := r.db.InTx(r.t.Context(), func(ctx context.Context, tx db.Tx) error { _, err := tx.NewRaw(q, args...).Exec(ctx); return err }); err != nil {
		r.t.Fatalf("%s: %v", q, err)
	}
}

// cameras puts cameras c1 to c4 into two streets: c1 and c2 on box b1, c3 on
// b2, c4 on none and in a street without a squad.
func (r *rig) cameras() {
	r.t.Helper()
	cols := r.columns("dir_cameras")
	for i, x := range []struct{ id, region, box string }{{"c1", "310101002", "b1"}, {"c2", "310101013", "b1"}, {"c3", "310101013", "b2"}, {"c4", "310101015", ""}} {
		r.row("dir_cameras", cols, map[string]any{"id": x.id, "code": x.id, "name": "点位 " + x.id, "address": fmt.Sprintf("福州路 %d 号", i+1), "region_code": x.region, "lng": 121.48, "lat": 31.23, "box_id": x.box})
		r.row("dir_states", r.columns("dir_states"), map[string]any{"camera_id": x.id, "state": "online"})
	}
	for _, z := range []struct{ id, cam, kind string }{{"z1", "c1", "pavement"}, {"z2", "c1", "frontage"}, {"z3", "c2", "pavement"}, {"s1", "c1", "sign"}, {"s3", "c3", "sign"}} {
		r.row("dir_zones", r.columns("dir_zones"), map[string]any{"id": z.id, "camera_id": z.cam, "name": "围栏 " + z.id, "kind": z.kind})
	}
}

type column struct {
	name          string
	textual, flag bool
}

// columns reads what a table needs, so that rows of other domains can be made
// whatever columns those domains add.
func (r *rig) columns(table string) []column {
	r.t.Helper()
	rows, err := r.db.SQL().Query("SELECT * FROM " + table + " WHERE 1 = 0")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	types, err := rows.ColumnTypes()
	if err != nil {
		r.t.Fatal(err)
	}
	out := []column{}
	for _, x := range types {
		out = append(out, column{name: x.Name(), textual: x.DatabaseTypeName() == "TEXT", flag: strings.HasPrefix(x.DatabaseTypeName(), "BOOL")})
	}
	return out
}

func (r *rig) row(table string, cols []column, values map[string]any) {
	r.t.Helper()
	q, marks, args := "INSERT INTO "+table+" (", "", []any{}
	for _, c := range cols {
		v, given := values[c.name]
		if !given {
			if len(c.name) > 3 && c.name[len(c.name)-3:] == "_at" {
				continue
			}
			switch v = any(0); {
			case c.textual:
				v = ""
			case c.flag:
				v = false
			}
		}
		if len(args) > 0 {
			q, marks = q+", ", marks+", "
		}
		q, marks, args = q+c.name, marks+"?", append(args, v)
	}
	for _, c := range []string{"created_at", "updated_at", "since_at", "at"} {
		for _, have := range cols {
			if have.name == c {
				q, marks, args = q+", "+c, marks+", ?", append(args, 1)
			}
		}
	}
	r.exec(q+") VALUES ("+marks+")", args...)
}

func actor(perms ...string) access.Actor {
	a := access.Actor{ID: "p1", Name: "李倩", OrgID: "d1", RegionCode: "310101", Perms: map[string]bool{}, Scope: access.Scope{Prefixes: []string{"310101"}}}
	for _, p := range perms {
		a.Perms[p] = true
	}
	return a
}

func (r *rig) as(perms ...string) context.Context {
	if len(perms) == 0 {
		perms = []string{access.PatrolView, access.PatrolPlan, access.PatrolAssign, access.PatrolHandle}
	}
	return access.With(r.t.Context(), actor(perms...))
}

func (r *rig) at(s string) {
	r.t.Helper()
	t, err := time.ParseInLocation("2006-01-02 15:04", s, clock.Shanghai())
	if err != nil {
		r.t.Fatal(err)
	}
	r.clock.Set(t.UTC())
}

func (r *rig) fire() {
	r.t.Helper()
	if _, err := r.jobs.Fire(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func content() patrol.Content {
	return patrol.Content{
		Name: "早高峰巡检", Kind: patrol.Inspection, Scope: patrol.Scope{Regions: []string{"310101"}}, OrgMode: patrol.ByOrg, OrgID: "d1", From: "2026-11-25",
		Schedule: patrol.Schedule{Repeat: patrol.Daily, Workdays: true, Windows: []patrol.Window{{From: "07:30", To: "09:30"}}, EveryMin: 20},
	}
}
