package deadline

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/jobs"
)

const recomputeKind = "deadline.recompute"

// recomputeTask says which clocks are computed again. Rule "" is all; To is
// the version that the clocks of the rule move to, "" keeps theirs.
type recomputeTask struct {
	Rule string `json:"rule,omitempty"`
	To   string `json:"to,omitempty"`
	Why  string `json:"why"`
}

// Rules lists every version of every rule, newest version first.
func (s *Service) Rules(ctx context.Context) ([]Rule, error) {
	if _, err := access.Need(ctx, access.DeadlineManage); err != nil {
		return nil, err
	}
	return listRules(ctx, s.db.Read())
}

// Published is what became of a new version.
type Published struct {
	Rule Rule `json:"rule"`
	// JobID is the job that computes open clocks again, when asked for.
	JobID string `json:"jobId,omitempty"`
}

// Publish adds a version of a rule, or a new rule. Clocks that began before
// it comes into force keep their version, unless apply moves the open ones.
func (s *Service) Publish(ctx context.Context, in RuleInput, apply bool, reason string) (Published, error) {
	who, err := access.Need(ctx, access.DeadlineManage)
	if err != nil {
		return Published{}, err
	}
	if err := in.Validate(); err != nil {
		return Published{}, err
	}
	var out Published
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r := in.rule()
		last, found, err := lastRule(ctx, tx, in.Code)
		if err != nil {
			return err
		}
		var before any
		r.Version, r.Enabled = 1, true
		if found {
			if r.EffectiveFrom < last.EffectiveFrom {
				return errs.Invalidf("effectiveFrom", "生效时间不能早于现行版本的生效时间")
			}
			r.Version, r.Enabled, before = last.Version+1, last.Enabled, last
			if err := closeRule(ctx, tx, last.ID, r.EffectiveFrom); err != nil {
				return err
			}
		}
		r.ID, r.MadeBy, r.MadeAt = ids.New(), who.Name, clock.At(tx.Now())
		if err := insertRule(ctx, tx, r); err != nil {
			return err
		}
		out = Published{Rule: r}
		if apply && found {
			if out.JobID, err = s.timers.Enqueue(ctx, tx, recomputeKind, recomputeTask{Rule: r.Code, To: r.ID, Why: "规则“" + r.Name + "”改版"}, jobs.Titled("重算期限："+r.Name)); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "deadline.rule.publish", Object: "deadlineRule", ObjectID: r.Code, Summary: fmt.Sprintf("发布期限规则“%s”第 %d 版", r.Name, r.Version),
			Before: before, After: r, Reason: reason,
		})
	})
	return out, err
}

func (in RuleInput) rule() Rule {
	r := Rule{
		Code: in.Code, Name: in.Name, Terms: in.Terms, Near: in.Near, PauseEvents: in.PauseEvents, ExtCount: in.ExtCount, ExtAmount: in.ExtAmount,
		Levels: in.Levels, EffectiveFrom: in.EffectiveFrom, Source: in.Source, Verified: in.Verified,
	}
	if r.PauseEvents == nil {
		r.PauseEvents = []string{}
	}
	if r.Levels == nil {
		r.Levels = []Level{}
	}
	return r
}

// Switch turns a rule on or off. The open clocks of a rule that is off are due
// at no moment and leave every list of what is near or overdue.
func (s *Service) Switch(ctx context.Context, code string, on bool, reason string) (string, error) {
	if _, err := access.Need(ctx, access.DeadlineManage); err != nil {
		return "", err
	}
	job := ""
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		last, found, err := lastRule(ctx, tx, code)
		if err != nil {
			return err
		}
		if !found {
			return errs.NotFound("期限规则")
		}
		if last.Enabled == on {
			return errs.Conflict(map[bool]string{true: "规则已经启用", false: "规则已经停用"}[on])
		}
		if err := switchRule(ctx, tx, code, on); err != nil {
			return err
		}
		if job, err = s.timers.Enqueue(ctx, tx, recomputeKind, recomputeTask{Rule: code, Why: map[bool]string{true: "规则启用", false: "规则停用"}[on]}, jobs.Titled("重算期限："+last.Name)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "deadline.rule.switch", Object: "deadlineRule", ObjectID: code, Summary: map[bool]string{true: "启用", false: "停用"}[on] + "期限规则“" + last.Name + "”",
			Before: map[string]bool{"enabled": !on}, After: map[string]bool{"enabled": on}, Reason: reason,
		})
	})
	return job, err
}

// batch is how many clocks one transaction computes again, so that others
// can write in between.
const batch = 200

// recompute computes open clocks again, in batches.
func (s *Service) recompute(ctx context.Context, run *jobs.Run) error {
	var task recomputeTask
	if err := run.Decode(&task); err != nil {
		return err
	}
	total, err := countOpen(ctx, s.db.Read(), task.Rule)
	if err != nil {
		return err
	}
	run.Log("%s：%d 个进行中的期限需要重算", task.Why, total)
	done, changed, after := int64(0), int64(0), ""
	for !run.Cancelled() {
		n := 0
		err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			list, err := openClocks(ctx, tx, task.Rule, after, batch)
			if err != nil {
				return err
			}
			n = len(list)
			for _, c := range list {
				moved, err := s.again(ctx, tx, c, task.To)
				if err != nil {
					return err
				}
				if moved {
					changed++
				}
				after = c.ID
			}
			return nil
		})
		if err != nil {
			return err
		}
		done += int64(n)
		run.Progress(done, total, fmt.Sprintf("已有 %d 个到期日改变", changed))
		if n < batch {
			run.Log("重算完成：%d 个期限，%d 个到期日改变", done, changed)
			return nil
		}
	}
	return ctx.Err()
}

// again computes one open clock, by another version when to is given; true
// says that its end moved.
func (s *Service) again(ctx context.Context, tx db.Tx, c Clock, to string) (bool, error) {
	old, was := c.DueAt, c.State
	if to != "" {
		c.RuleID = to
	}
	rule, err := ruleByID(ctx, tx, c.RuleID)
	if err != nil {
		return false, err
	}
	if rule.Enabled, err = enabled(ctx, tx, c.RuleCode); err != nil {
		return false, err
	}
	if err := s.compute(ctx, tx, &c, rule); err != nil {
		return false, err
	}
	same := old == nil && c.DueAt == nil || old != nil && c.DueAt != nil && *old == *c.DueAt
	if same && to == "" && was == c.State {
		return false, nil
	}
	if !same {
		c.Round++ // levels are armed for the new end
		c.Level = ""
		if err := clearFired(ctx, tx, c.ID); err != nil {
			return false, err
		}
	}
	if err := updateClock(ctx, tx, &c); err != nil {
		return false, err
	}
	if err := s.told(ctx, tx, c); err != nil {
		return false, err
	}
	return !same, s.arm(ctx, tx, c, rule)
}

// Change is one clock whose end a new version would move.
type Change struct {
	Title  string       `json:"title"`
	Record string       `json:"record"`
	Path   string       `json:"path"`
	From   *clock.Stamp `json:"from"`
	To     *clock.Stamp `json:"to"`
}

// Preview says what a new version would do to open clocks.
type Preview struct {
	Open    int64 `json:"open"`
	Looked  int64 `json:"looked"`
	Moved   int64 `json:"moved"`
	NewOver int64 `json:"newOver"`
	NoMore  int64 `json:"noMore"`
	// Changes are the first of them.
	Changes []Change `json:"changes"`
}

// previewMax bounds how many open clocks a preview computes.
const previewMax = 5000

// PreviewRule computes what applying a version to open clocks would change.
// Nothing is stored.
func (s *Service) PreviewRule(ctx context.Context, in RuleInput) (Preview, error) {
	if _, err := access.Need(ctx, access.DeadlineManage); err != nil {
		return Preview{}, err
	}
	if err := in.Validate(); err != nil {
		return Preview{}, err
	}
	out := Preview{Changes: []Change{}}
	var err error
	if out.Open, err = countOpen(ctx, s.db.Read(), in.Code); err != nil {
		return out, err
	}
	rule := in.rule()
	cal, err := s.calendar(ctx, s.db.Read())
	if err != nil {
		return out, err
	}
	list, err := openClocks(ctx, s.db.Read(), in.Code, "", previewMax)
	if err != nil {
		return out, err
	}
	all, err := pausesOfMany(ctx, s.db.Read(), list)
	if err != nil {
		return out, err
	}
	now := s.db.Now()
	for _, c := range list {
		out.Looked++
		t := Timing{Start: c.StartedAt.Time(), Terms: rule.Terms, Extra: c.Extra, Pauses: all[c.ID], Minutes: c.limit}
		var to *clock.Stamp
		if due, ok := t.End(cal); ok && c.State == stateRunning {
			to = clock.Ptr(due)
		}
		if c.DueAt == nil && to == nil || c.DueAt != nil && to != nil && *c.DueAt == *to {
			continue
		}
		out.Moved++
		was, is := over(c.DueAt, now), over(to, now)
		if is && !was {
			out.NewOver++
		}
		if was && !is {
			out.NoMore++
		}
		if len(out.Changes) < 20 {
			out.Changes = append(out.Changes, Change{Title: c.Title, Record: s.label(c.Record), Path: c.Path, From: c.DueAt, To: to})
		}
	}
	return out, nil
}

func over(due *clock.Stamp, now time.Time) bool { return due != nil && now.After(due.Time()) }

// Simulation is a computation that is only shown.
type Simulation struct {
	DueAt  *clock.Stamp `json:"dueAt"`
	NearAt *clock.Stamp `json:"nearAt"`
	Fires  []Fires      `json:"fires"`
	Notes  []string     `json:"notes"`
}

// Fires is one moment of a simulation.
type Fires struct {
	At    clock.Stamp `json:"at"`
	Label string      `json:"label"`
}

// SimulatePause is a pause of a simulation.
type SimulatePause struct {
	From clock.Stamp  `json:"from"`
	To   *clock.Stamp `json:"to"`
}

// Simulate computes when a clock by a version would end.
func (s *Service) Simulate(ctx context.Context, in RuleInput, start clock.Stamp, extra int, pauses []SimulatePause) (Simulation, error) {
	out := Simulation{Fires: []Fires{}, Notes: []string{}}
	if _, err := access.Need(ctx, access.DeadlineManage); err != nil {
		return out, err
	}
	in.Source, in.Code, in.Name = cmp.Or(in.Source, "模拟"), cmp.Or(in.Code, "simulation"), cmp.Or(in.Name, "模拟")
	if err := in.Validate(); err != nil {
		return out, err
	}
	cal, err := s.calendar(ctx, s.db.Read())
	if err != nil {
		return out, err
	}
	t := Timing{Start: start.Time(), Terms: in.Terms, Extra: extra}
	for _, p := range pauses {
		x := Pause{From: p.From.Time()}
		if p.To != nil {
			x.To = p.To.Time()
		}
		t.Pauses = append(t.Pauses, x)
	}
	due, ok := t.End(cal)
	if !ok {
		out.Notes = append(out.Notes, "暂停没有结束，期限不会到期")
		return out, nil
	}
	rule := in.rule()
	out.DueAt, out.NearAt = clock.Ptr(due), clock.Ptr(rule.nearAt(cal, due, 0))
	for _, m := range rule.moments(cal, due, 0) {
		label := m.level.Label
		switch m.kind {
		case FiredWarn:
			label = "进入临期"
		case FiredDue:
			label = "到期，此后为超期"
		}
		out.Fires = append(out.Fires, Fires{At: clock.At(m.at), Label: label})
	}
	for _, y := range cal.Missing(t.Start, due) {
		out.Notes = append(out.Notes, fmt.Sprintf("%d 年工作日历尚未录入，暂按周一至周五推算", y))
	}
	return out, nil
}
