package deadline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// Clock is one deadline of a record. A record may have several, by name.
type Clock struct {
	ID         string       `json:"id"`
	Record     string       `json:"record"`
	RecordID   string       `json:"recordId"`
	Name       string       `json:"name"`
	Title      string       `json:"title"`
	Path       string       `json:"path"`
	RegionCode string       `json:"regionCode"`
	RuleCode   string       `json:"ruleCode"`
	RuleID     string       `json:"ruleId"`
	StartedAt  clock.Stamp  `json:"startedAt"`
	Extra      int          `json:"extra"`
	State      string       `json:"state"`
	Round      int          `json:"round"`
	DueAt      *clock.Stamp `json:"dueAt"`
	NearAt     *clock.Stamp `json:"nearAt"`
	// OverAt is when the clock first was overdue.
	OverAt  *clock.Stamp `json:"overAt"`
	Level   string       `json:"level"`
	Note    string       `json:"note"`
	EndedAt *clock.Stamp `json:"endedAt"`
	Outcome string       `json:"outcome"`
	Rev     int64        `json:"rev"`

	vars map[string]any
	// limit and near are the record's own minutes, 0 takes the rule's.
	limit, near int64
}

// The stored states of clocks.
const (
	stateRunning = "running"
	statePaused  = "paused"
	stateDone    = "done"
	stateOff     = "off"
)

// StartClock says which clock begins.
type StartClock struct {
	Record, RecordID, Name string
	// Title and Path are how lists show and open the record.
	Title, Path string
	// Rule is a code; the version is the one in force at At.
	Rule       string
	RegionCode string
	At         time.Time
	// Vars are for the conditions of levels.
	Vars map[string]any
	// Limit and Near are the record's own in place of the rule's, for rules
	// of hours; whole minutes, 0 takes the rule's.
	Limit, Near time.Duration
}

// Start begins a clock in the transaction. A clock of that record and name
// that runs already stays as it is: its start is never reset. One that had
// ended goes on with its first start, in a new round.
func (s *Service) Start(ctx context.Context, tx db.Tx, in StartClock) (Clock, error) {
	old, found, err := clockOf(ctx, tx, in.Record, in.RecordID, in.Name)
	if err != nil {
		return Clock{}, err
	}
	if found {
		if old.State != stateDone {
			return old, nil
		}
		return s.reopen(ctx, tx, old)
	}
	rule, err := ruleAt(ctx, tx, in.Rule, clock.At(in.At))
	if err != nil {
		return Clock{}, err
	}
	c := Clock{
		ID: ids.New(), Record: in.Record, RecordID: in.RecordID, Name: cmp.Or(in.Name, rule.Name), Title: in.Title, Path: in.Path,
		RegionCode: in.RegionCode, RuleCode: rule.Code, RuleID: rule.ID, StartedAt: clock.At(in.At), State: stateRunning, Round: 1, vars: in.Vars,
		limit: int64(in.Limit.Minutes()), near: int64(in.Near.Minutes()),
	}
	if err := s.compute(ctx, tx, &c, rule); err != nil {
		return Clock{}, err
	}
	if err := insertClock(ctx, tx, c); err != nil {
		return Clock{}, err
	}
	return c, s.arm(ctx, tx, c, rule)
}

// reopen lets an ended clock run on as if it had not ended.
func (s *Service) reopen(ctx context.Context, tx db.Tx, c Clock) (Clock, error) {
	c.State, c.EndedAt, c.Outcome, c.Level = stateRunning, nil, "", ""
	c.Round++
	return c, s.settle(ctx, tx, &c)
}

// timing gathers what decides when a clock ends.
func timing(ctx context.Context, tx db.Tx, c Clock, rule Rule) (Timing, error) {
	list, err := pausesOf(ctx, tx, c.ID)
	if err != nil {
		return Timing{}, err
	}
	t := Timing{Start: c.StartedAt.Time(), Terms: rule.Terms, Extra: c.Extra, Minutes: c.limit}
	for _, p := range list {
		t.Pauses = append(t.Pauses, p.pause())
	}
	return t, nil
}

// compute sets when the clock is due and near. A clock that stands, or whose
// rule is off, is due at no moment.
func (s *Service) compute(ctx context.Context, tx db.Tx, c *Clock, rule Rule) error {
	t, err := timing(ctx, tx, *c, rule)
	if err != nil {
		return err
	}
	cal, err := s.calendar(ctx, tx)
	if err != nil {
		return err
	}
	c.DueAt, c.NearAt, c.Note = nil, nil, ""
	switch {
	case c.State == stateOff && rule.Enabled:
		c.State = stateRunning
	case c.State == stateRunning && !rule.Enabled:
		c.State = stateOff
	}
	if c.State != stateRunning {
		return nil
	}
	due, ok := t.End(cal)
	if !ok {
		return nil
	}
	c.DueAt, c.NearAt = clock.Ptr(due), clock.Ptr(rule.nearAt(cal, due, c.near))
	if rule.Unit == Workday || rule.Unit == Workhour || rule.Roll {
		for _, y := range cal.Missing(t.Start, due) {
			c.Note = fmt.Sprintf("%d 年工作日历尚未录入，暂按周一至周五推算", y)
		}
	}
	return nil
}

// settle computes a clock after a change, stores it and sets its timer.
func (s *Service) settle(ctx context.Context, tx db.Tx, c *Clock) error {
	rule, err := ruleByID(ctx, tx, c.RuleID)
	if err != nil {
		return err
	}
	if rule.Enabled, err = enabled(ctx, tx, c.RuleCode); err != nil {
		return err
	}
	if err := s.compute(ctx, tx, c, rule); err != nil {
		return err
	}
	if err := updateClock(ctx, tx, c); err != nil {
		return err
	}
	if err := s.told(ctx, tx, *c); err != nil {
		return err
	}
	return s.arm(ctx, tx, *c, rule)
}

// told lets the owner of the record know that its clock ends at another time.
func (s *Service) told(ctx context.Context, tx db.Tx, c Clock) error {
	i := slices.IndexFunc(s.records, func(r Record) bool { return r.Kind == c.Record })
	if i < 0 || s.records[i].Moved == nil || c.State == stateDone {
		return nil
	}
	return s.records[i].Moved(ctx, tx, c)
}

// load reads a clock for a change.
func load(ctx context.Context, tx db.Tx, id string) (Clock, error) {
	c, found, err := clockByID(ctx, tx, id)
	if err == nil && !found {
		err = errs.NotFound("期限")
	}
	return c, err
}

// Pause stops a clock for one of its rule's reasons.
func (s *Service) Pause(ctx context.Context, tx db.Tx, id, reason, note string) (Clock, error) {
	c, err := load(ctx, tx, id)
	if err != nil {
		return Clock{}, err
	}
	rule, err := ruleByID(ctx, tx, c.RuleID)
	if err != nil {
		return Clock{}, err
	}
	switch {
	case c.State == statePaused:
		return Clock{}, errs.Conflict("期限已经暂停")
	case c.State != stateRunning:
		return Clock{}, errs.Conflict("期限没有在走，不能暂停")
	case len(rule.PauseEvents) == 0:
		return Clock{}, errs.Conflict("“" + rule.Name + "”不允许暂停")
	case !slices.Contains(rule.PauseEvents, reason):
		return Clock{}, errs.Invalidf("reason", "“%s”不是可以暂停“%s”的情形", reason, rule.Name)
	}
	who := caller.From(ctx)
	p := pauseRow{ID: ids.New(), ClockID: id, FromAt: clock.At(tx.Now()), Reason: reason, Note: note, ByID: who.ID, ByName: who.Name}
	if err := insertPause(ctx, tx, &p); err != nil {
		return Clock{}, err
	}
	c.State = statePaused
	if err := s.settle(ctx, tx, &c); err != nil {
		return Clock{}, err
	}
	return c, record(ctx, tx, c, "deadline.pause", "暂停期限“"+c.Name+"”："+reason, note)
}

// Resume lets a paused clock run on.
func (s *Service) Resume(ctx context.Context, tx db.Tx, id, note string) (Clock, error) {
	c, err := load(ctx, tx, id)
	if err != nil {
		return Clock{}, err
	}
	if c.State != statePaused {
		return Clock{}, errs.Conflict("期限没有暂停")
	}
	if err := endPause(ctx, tx, id); err != nil {
		return Clock{}, err
	}
	c.State = stateRunning
	if err := s.settle(ctx, tx, &c); err != nil {
		return Clock{}, err
	}
	return c, record(ctx, tx, c, "deadline.resume", "恢复期限“"+c.Name+"”", note)
}

// AskExtension asks for more time; another person decides.
func (s *Service) AskExtension(ctx context.Context, tx db.Tx, id string, amount int, reason string) (Extension, error) {
	c, err := load(ctx, tx, id)
	if err != nil {
		return Extension{}, err
	}
	rule, err := ruleByID(ctx, tx, c.RuleID)
	if err != nil {
		return Extension{}, err
	}
	list, err := extensionsOf(ctx, tx, id)
	if err != nil {
		return Extension{}, err
	}
	n := 0
	for _, e := range list {
		if e.State == "asked" {
			return Extension{}, errs.Conflict("已有一项延期申请待批")
		}
		if e.State == "approved" {
			n++
		}
	}
	switch {
	case c.State == stateDone:
		return Extension{}, errs.Conflict("期限已经结束，不能延期")
	case rule.ExtCount == 0:
		return Extension{}, errs.Conflict("“" + rule.Name + "”不允许延期")
	case n >= rule.ExtCount:
		return Extension{}, errs.Conflict(fmt.Sprintf("“%s”最多延期 %d 次，已延期 %d 次", rule.Name, rule.ExtCount, n))
	case amount < 1 || amount > rule.ExtAmount:
		return Extension{}, errs.Invalidf("amount", "每次延期应在 1 到 %d %s之间", rule.ExtAmount, rule.Unit.Label())
	}
	who := caller.From(ctx)
	e := Extension{ID: ids.New(), ClockID: id, Amount: amount, Reason: reason, State: "asked", ByID: who.ID, ByName: who.Name, AskedAt: clock.At(tx.Now())}
	if err := insertExtension(ctx, tx, e); err != nil {
		return Extension{}, err
	}
	return e, record(ctx, tx, c, "deadline.extension.ask", fmt.Sprintf("申请将“%s”延期 %d %s", c.Name, amount, rule.Unit.Label()), reason)
}

// DecideExtension approves or refuses what another person asked for.
func (s *Service) DecideExtension(ctx context.Context, tx db.Tx, id, extension string, approve bool, opinion string) (Clock, error) {
	c, err := load(ctx, tx, id)
	if err != nil {
		return Clock{}, err
	}
	list, err := extensionsOf(ctx, tx, id)
	if err != nil {
		return Clock{}, err
	}
	i := slices.IndexFunc(list, func(e Extension) bool { return e.ID == extension })
	if i < 0 {
		return Clock{}, errs.NotFound("延期申请")
	}
	who, e := caller.From(ctx), list[i]
	switch {
	case e.State != "asked":
		return Clock{}, errs.Conflict("这项延期申请已经有了结论")
	case e.ByID == who.ID:
		return Clock{}, errs.Forbidden("不能审批自己提出的延期申请")
	case c.State == stateDone:
		return Clock{}, errs.Conflict("期限已经结束，不能延期")
	}
	e.State, e.DecidedID, e.DecidedName, e.DecidedAt, e.Opinion = "refused", who.ID, who.Name, clock.Ptr(tx.Now()), opinion
	said := "不同意"
	if approve {
		e.State, said = "approved", "批准"
		c.Extra += e.Amount
	}
	if err := decideExtension(ctx, tx, e); err != nil {
		return Clock{}, err
	}
	if approve {
		c.Round++ // what fired for the old end is armed again for the new one
		if err := clearFired(ctx, tx, c.ID); err != nil {
			return Clock{}, err
		}
		c.Level = ""
		if err := s.settle(ctx, tx, &c); err != nil {
			return Clock{}, err
		}
	}
	return c, record(ctx, tx, c, "deadline.extension.decide", said+"“"+c.Name+"”的延期申请", opinion)
}

// Stop ends a clock when its record leaves the state that it counts. Ended
// already, it stays so.
func (s *Service) Stop(ctx context.Context, tx db.Tx, recordKind, recordID, name, outcome string) error {
	list, err := clocksOf(ctx, tx, recordKind, recordID)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.State == stateDone || name != "" && c.Name != name {
			continue
		}
		if c.State == statePaused {
			if err := endPause(ctx, tx, c.ID); err != nil {
				return err
			}
		}
		c.State, c.EndedAt, c.Outcome, c.Level = stateDone, clock.Ptr(tx.Now()), outcome, ""
		if err := clearFired(ctx, tx, c.ID); err != nil {
			return err
		}
		// An ended clock still says when it was due.
		if err := updateClock(ctx, tx, &c); err != nil {
			return err
		}
		if err := s.timers.Cancel(ctx, tx, timerKind, c.ID); err != nil {
			return err
		}
		if err := events.Publish(ctx, tx, TopicEnded, EndedEvent{ClockID: c.ID, Record: c.Record, RecordID: c.RecordID, Outcome: outcome}); err != nil {
			return err
		}
	}
	return nil
}

// Move gives a record's clock another rule, such as after a change of its
// class. The start, the pauses and the extensions stay.
func (s *Service) Move(ctx context.Context, tx db.Tx, id, ruleCode, reason string) (Clock, error) {
	c, err := load(ctx, tx, id)
	if err != nil {
		return Clock{}, err
	}
	if c.State == stateDone {
		return Clock{}, errs.Conflict("期限已经结束，不能更换规则")
	}
	rule, err := ruleAt(ctx, tx, ruleCode, c.StartedAt)
	if err != nil {
		return Clock{}, err
	}
	c.RuleCode, c.RuleID, c.Level = rule.Code, rule.ID, ""
	c.Round++
	if err := clearFired(ctx, tx, c.ID); err != nil {
		return Clock{}, err
	}
	if err := s.settle(ctx, tx, &c); err != nil {
		return Clock{}, err
	}
	return c, record(ctx, tx, c, "deadline.move", "“"+c.Name+"”改按“"+rule.Name+"”计算", reason)
}

// Transfer notes that a record went to another region or changed what
// conditions ask for. The start is not touched.
func (s *Service) Transfer(ctx context.Context, tx db.Tx, recordKind, recordID, regionCode string, vars map[string]any) error {
	list, err := clocksOf(ctx, tx, recordKind, recordID)
	if err != nil {
		return err
	}
	for _, c := range list {
		c.RegionCode = cmp.Or(regionCode, c.RegionCode)
		if vars != nil {
			c.vars = vars
		}
		if err := updateClock(ctx, tx, &c); err != nil {
			return err
		}
	}
	return nil
}

// View is a clock as people see it.
type View struct {
	Clock
	RuleName   string         `json:"ruleName"`
	Unit       Unit           `json:"unit"`
	Amount     int            `json:"amount"`
	Source     string         `json:"source"`
	Verified   bool           `json:"verified"`
	Remaining  Remaining      `json:"remaining"`
	Pauses     []PauseView    `json:"pauses"`
	Extensions []Extension    `json:"extensions"`
	CanPause   []string       `json:"canPause"`
	CanExtend  int            `json:"canExtend"`
	Label      string         `json:"label"`
	Vars       map[string]any `json:"-"`
}

// Of gives the clocks of a record with what remains of each. Who may see the
// record is the caller's decision.
func (s *Service) Of(ctx context.Context, recordKind, recordID string) ([]View, error) {
	list, err := clocksOf(ctx, s.db.Read(), recordKind, recordID)
	if err != nil {
		return nil, err
	}
	out := make([]View, 0, len(list))
	for _, c := range list {
		v, err := s.view(ctx, c, true)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (s *Service) view(ctx context.Context, c Clock, full bool) (View, error) {
	rule, err := ruleByID(ctx, s.db.Read(), c.RuleID)
	if err != nil {
		return View{}, err
	}
	cal, err := s.calendar(ctx, s.db.Read())
	if err != nil {
		return View{}, err
	}
	v := View{
		Clock: c, RuleName: rule.Name, Unit: rule.Unit, Amount: rule.Amount, Source: rule.Source, Verified: rule.Verified,
		Label: s.label(c.Record), Pauses: []PauseView{}, Extensions: []Extension{}, CanPause: []string{},
	}
	rows, err := pausesOf(ctx, s.db.Read(), c.ID)
	if err != nil {
		return View{}, err
	}
	t := Timing{Start: c.StartedAt.Time(), Terms: rule.Terms, Extra: c.Extra, Minutes: c.limit}
	for _, p := range rows {
		t.Pauses = append(t.Pauses, p.pause())
		v.Pauses = append(v.Pauses, p.view())
	}
	now := s.db.Now()
	switch {
	case c.State == stateDone:
		v.Remaining = Remaining{State: Ended, Text: "已结束"}
		if c.DueAt != nil && c.EndedAt != nil && *c.EndedAt > *c.DueAt {
			v.Remaining.Text = "超期后结束"
		}
	case c.State == stateOff:
		v.Remaining = Remaining{State: Off, Text: "规则已停用"}
	case c.State == statePaused || c.DueAt == nil:
		v.Remaining = pausedText(t, cal, now)
	default:
		v.Remaining = remaining(cal, rule.Unit, c.DueAt.Time(), c.NearAt.Time(), now)
	}
	if !full {
		return v, nil
	}
	if v.Extensions, err = extensionsOf(ctx, s.db.Read(), c.ID); err != nil {
		return View{}, err
	}
	approved := 0
	for _, e := range v.Extensions {
		if e.State == "approved" {
			approved++
		}
	}
	if c.State == stateRunning {
		v.CanPause = rule.PauseEvents
	}
	if c.State != stateDone && approved < rule.ExtCount {
		v.CanExtend = rule.ExtAmount
	}
	return v, nil
}

func record(ctx context.Context, tx db.Tx, c Clock, act, summary, reason string) error {
	return audit.Record(ctx, tx, audit.Entry{
		Act: act, Object: c.Record, ObjectID: c.RecordID, RegionCode: c.RegionCode, Summary: summary, Reason: reason,
		After: map[string]any{"clockId": c.ID, "state": c.State, "dueAt": c.DueAt, "rule": c.RuleID, "extra": c.Extra},
	})
}

// Record is a kind of record that has clocks, registered by the app.
type Record struct {
	Kind, Label string
	// Perm is what a person needs to see records of the kind.
	Perm string
	// Act is what a person needs to change its clocks by hand.
	Act string
	// CanSee gives nil when the actor of the context may see one record.
	CanSee func(ctx context.Context, id string) error
	// Moved is told in the transaction that a clock of the kind changed its
	// end or state; nil when nobody wants to know.
	Moved func(ctx context.Context, tx db.Tx, c Clock) error
}

// RegisterRecord names a kind of record. Call it while the app is wired.
func (s *Service) RegisterRecord(r Record) { s.records = append(s.records, r) }

func (s *Service) label(kind string) string {
	if i := slices.IndexFunc(s.records, func(r Record) bool { return r.Kind == kind }); i >= 0 {
		return s.records[i].Label
	}
	return kind
}

func (s *Service) kind(ctx context.Context, kind string) (Record, error) {
	if _, err := access.From(ctx); err != nil {
		return Record{}, err
	}
	i := slices.IndexFunc(s.records, func(r Record) bool { return r.Kind == kind })
	if i < 0 {
		return Record{}, errs.NotFound("记录")
	}
	return s.records[i], nil
}

// mayView checks that the actor may see the record of a clock.
func (s *Service) mayView(ctx context.Context, kind, id string) error {
	r, err := s.kind(ctx, kind)
	if err != nil {
		return err
	}
	if _, err := access.Need(ctx, r.Perm); err != nil {
		return err
	}
	return r.CanSee(ctx, id)
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
