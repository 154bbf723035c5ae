package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/app"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/clock"
)

// drill prepares the plans, lets the year pass while centers die, and
// compares.
func drill(ctx context.Context, o options) (err error) {
	if o.data == "" {
		if o.data, err = os.MkdirTemp("", "taskdrill-"); err != nil {
			return fmt.Errorf("make a folder: %w", err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	}
	if err := prepare(ctx, o); err != nil {
		return fmt.Errorf("prepare the plans: %w", err)
	}
	o.start = time.Now().UnixMilli()
	kills, err := o.pass(ctx)
	if err != nil {
		return err
	}
	return compare(ctx, o, kills)
}

func operator(ctx context.Context) context.Context {
	perms := map[string]bool{}
	for _, p := range access.Permissions() {
		perms[p.Code] = true
	}
	return access.With(ctx, access.Actor{ID: "drill", Name: "演练", OrgID: "org-310000", RegionCode: "310000", Perms: perms, Scope: access.Scope{Prefixes: []string{"31"}}})
}

// prepare makes cameras in three streets and the plans of the year.
func prepare(ctx context.Context, o options) (err error) {
	a, err := o.app(ctx, o.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.CloseUnstarted()) }()
	ctx = operator(ctx)
	if err := cameras(ctx, a); err != nil {
		return err
	}
	for _, p := range plans() {
		if _, err := a.Patrol().CreatePlan(ctx, p.content, true); err != nil {
			return fmt.Errorf("plan %s: %w", p.content.Name, err)
		}
	}
	return nil
}

// streets have a squad each.
func streets() []string { return []string{"310101002", "310101013", "310101015"} }

func cameras(ctx context.Context, a *app.App) error {
	d := a.Demo()
	box, err := d.Fleet.EnsureBox(ctx, "演练盒", "310101")
	if err != nil {
		return err
	}
	for i, street := range streets() {
		for n := range 4 {
			_, err := d.Directory.Create(ctx, directory.CameraInput{
				Code: fmt.Sprintf("YL-%d-%d", i, n), Name: fmt.Sprintf("演练点位 %d-%d", i, n), Address: fmt.Sprintf("演练路 %d 号", 10*i+n), RegionCode: street, Lng: 121.48, Lat: 31.23,
				BoxID: box, URL: fmt.Sprintf("rtsp://127.0.0.1:1/%d-%d", i, n), Legal: directory.Legal{Status: "pending"},
			})
			if err != nil {
				return fmt.Errorf("camera %d-%d: %w", i, n, err)
			}
		}
	}
	return nil
}

// pass lets the year pass. Centers live for some seconds each; now and then
// none does.
func (o options) pass(ctx context.Context) (kills int, err error) {
	dice := rand.New(rand.NewPCG(o.seed, 7)) //nolint:gosec // the seed repeats a drill
	type one struct {
		dies time.Time
		kill func() error
	}
	running := make([]*one, o.centers)
	again := make([]time.Time, o.centers)
	end := time.UnixMilli(o.start).Add(o.year)
	fmt.Printf("a year in %s, %d centers on %s\n", o.year, o.centers, kindOf(o.db))
	for ctx.Err() == nil {
		now := time.Now()
		over := now.After(end)
		for i := range running {
			switch r := running[i]; {
			case r == nil && now.After(again[i]):
				cmd, err := o.spawn(i)
				if err != nil {
					return kills, err
				}
				running[i] = &one{now.Add(time.Duration(1500+dice.IntN(9000)) * time.Millisecond), func() error {
					err := cmd.Process.Kill()
					_ = cmd.Wait() // it was killed
					return err
				}}
			case r != nil && now.After(r.dies) && !over:
				if err := r.kill(); err != nil {
					return kills, fmt.Errorf("kill a center: %w", err)
				}
				kills++
				running[i], again[i] = nil, now.Add(time.Duration(dice.IntN(3000))*time.Millisecond)
			}
		}
		// The last centers catch up in peace.
		if over && now.After(end.Add(20*time.Second)) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, r := range running {
		if r != nil {
			err = errors.Join(err, r.kill())
		}
	}
	return kills, errors.Join(err, ctx.Err())
}

func kindOf(db string) string {
	if db == "" {
		return "SQLite"
	}
	return "PostgreSQL"
}

// compare checks the runs that were made against the year's days.
func compare(ctx context.Context, o options, kills int) (err error) {
	o.start = 0
	a, err := o.app(ctx, o.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.CloseUnstarted()) }()
	off, on, err := holidays(ctx, a)
	if err != nil {
		return err
	}
	want := map[string]bool{}
	for _, p := range plans() {
		for d := begins(); d.Before(ends()); d = d.AddDate(0, 0, 1) {
			p.walk(d, off, on, func(unit string, at time.Time) { want[key(p.content.Name, unit, at.UnixMilli())] = true })
		}
	}
	got, err := made(ctx, a)
	if err != nil {
		return err
	}
	missing, extra, twice := 0, 0, 0
	for k := range want {
		if got[k] == 0 {
			missing++
			fmt.Println("missing:", k)
		}
	}
	for k, n := range got {
		if !want[k] {
			extra++
			fmt.Println("extra:", k)
		}
		twice += n - 1
	}
	audits, events, err := traces(ctx, a)
	if err != nil {
		return err
	}
	fmt.Printf("kills %d, runs expected %d, made %d, missing %d, extra %d, twice %d, audit records per task %s, steps per task %s\n",
		kills, len(want), len(got), missing, extra, twice, audits, events)
	if missing+extra+twice > 0 || audits != "1" || events != "1" {
		return errors.New("the runs are not the expected ones")
	}
	return nil
}

func key(plan, unit string, at int64) string {
	return fmt.Sprintf("%s | %s | %s", plan, unit, time.UnixMilli(at).In(clock.Shanghai()).Format("2006-01-02 15:04"))
}

// planned is a plan with an own walk over the days that knows nothing of the
// planner's code.
type planned struct {
	content patrol.Content
	walk    func(day time.Time, off, on map[int]bool, add func(unit string, at time.Time))
}
