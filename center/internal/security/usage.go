package security

import (
	"context"
	"strconv"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// UsageFilter narrows every figure and the list behind it alike. Days are
// YYYYMMDD of Shanghai, both included; 0 leaves an end open.
type UsageFilter struct {
	From, To      int
	Region, Op    string
	App           string
	PersonID, Q   string
	Outcome       string // ok, refused (4xx), failed (5xx)
	Order         string
	Limit, Offset int64
	scope         access.Scope
}

func (s *Service) usage(ctx context.Context, f UsageFilter) (UsageFilter, error) {
	who, err := access.Need(ctx, access.UsageView)
	if err != nil {
		return f, err
	}
	f.scope = who.Scope
	for _, d := range []int{f.From, f.To} {
		if d != 0 && (d < 20000101 || d > 99991231) {
			return f, errs.Invalidf("from", "日期应为 20261125 样式的数字")
		}
	}
	return f, nil
}

// UsageSum is what calls come to.
type UsageSum struct {
	Calls  int64 `json:"calls"`
	OK     int64 `json:"ok"`
	Failed int64 `json:"failed"`
	// Refused are answers of 4xx: the caller's fault.
	Refused int64 `json:"refused"`
	MeanMS  int64 `json:"meanMs"`
	P95MS   int64 `json:"p95Ms"`
	// Rate is the share of calls that did not fail, in percent with two
	// decimals.
	Rate float64 `json:"rate"`
}

func (r sumRow) view() UsageSum {
	u := UsageSum{Calls: r.Calls, OK: r.OK, Failed: r.Failed, Refused: r.Calls - r.OK - r.Failed, Rate: 100}
	if r.Calls > 0 {
		u.MeanMS = r.TotalMS / r.Calls
		u.Rate = float64(int64(float64(r.Calls-r.Failed)*10000/float64(r.Calls)+0.5)) / 100
	}
	u.P95MS = quantile(0.95, [10]int64{r.B0, r.B1, r.B2, r.B3, r.B4, r.B5, r.B6, r.B7, r.B8, r.B9})
	return u
}

// UsagePoint is one day or month, one function or one district.
type UsagePoint struct {
	Key string `json:"key"`
	UsageSum
	// People are different people of the day or month; 0 for functions.
	People int64 `json:"people"`
	// Registrations are those of the day, month or district; 0 for functions.
	Registrations
}

// UsageBy says what usage is grouped by.
type UsageBy string

// The groupings.
const (
	ByDay      UsageBy = "day"
	ByMonth    UsageBy = "month"
	ByOp       UsageBy = "op"
	ByDistrict UsageBy = "district"
	ByApp      UsageBy = "app"
)

// Usage groups calls by day, month, function, district or application.
func (s *Service) Usage(ctx context.Context, f UsageFilter, by UsageBy) ([]UsagePoint, error) {
	f, err := s.usage(ctx, f)
	if err != nil {
		return nil, err
	}
	rows, err := sumBy(ctx, s.db.Read(), f, by)
	if err != nil {
		return nil, err
	}
	people, regs := map[string]int64{}, map[string]Registrations{}
	if by == ByDay || by == ByMonth || by == ByDistrict {
		if people, err = peopleBy(ctx, s.db.Read(), f, by); err != nil {
			return nil, err
		}
		if regs, err = registrations(ctx, s.db.Read(), f, by); err != nil {
			return nil, err
		}
	}
	out := make([]UsagePoint, 0, len(rows))
	for _, r := range rows {
		out = append(out, UsagePoint{Key: r.Key, UsageSum: r.view(), People: people[r.Key], Registrations: regs[r.Key]})
	}
	return out, nil
}

// UsageTotal is the whole of a filter.
type UsageTotal struct {
	UsageSum
	People int64 `json:"people"`
	Registrations
	// Lost are calls of this center since its start that were not written.
	Lost int64 `json:"lost"`
	// Since is the oldest call that is kept in the list.
	Since *clock.Stamp `json:"since,omitempty"`
}

// UsageTotal sums everything of a filter.
func (s *Service) UsageTotal(ctx context.Context, f UsageFilter) (UsageTotal, error) {
	f, err := s.usage(ctx, f)
	if err != nil {
		return UsageTotal{}, err
	}
	r, err := sumAll(ctx, s.db.Read(), f)
	if err != nil {
		return UsageTotal{}, err
	}
	t := UsageTotal{UsageSum: r.view(), Lost: s.lost.Load()}
	if t.People, err = peopleAll(ctx, s.db.Read(), f); err != nil {
		return t, err
	}
	regs, err := registrations(ctx, s.db.Read(), f, "")
	if err != nil {
		return t, err
	}
	t.Registrations = regs[""]
	t.Since, err = oldestCall(ctx, s.db.Read())
	return t, err
}

// Call is one answered request in the list.
type Call struct {
	ID         string      `json:"id"`
	At         clock.Stamp `json:"at"`
	Op         string      `json:"op"`
	Method     string      `json:"method"`
	Path       string      `json:"path"`
	App        string      `json:"app"`
	PersonID   string      `json:"personId"`
	PersonName string      `json:"personName"`
	RegionCode string      `json:"regionCode"`
	IP         string      `json:"ip"`
	Status     int         `json:"status"`
	MS         int64       `json:"ms"`
	Bytes      int         `json:"bytes"`
	RequestID  string      `json:"requestId"`
}

// Calls lists the calls behind the figures.
func (s *Service) Calls(ctx context.Context, f UsageFilter) ([]Call, int64, error) {
	f, err := s.usage(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := listCalls(ctx, s.db.Read(), f)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Call, 0, len(rows))
	for _, r := range rows {
		out = append(out, Call{r.ID, r.At, r.Op, r.Method, r.Path, r.App, r.PersonID, r.PersonName, r.RegionCode, r.IP, r.Status, r.MS, r.Bytes, r.RequestID})
	}
	return out, n, nil
}

// noteExport puts an export into the audit chain.
func (s *Service) noteExport(ctx context.Context, n int64) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{Act: "usage.export", Object: "call", Summary: "导出调用记录 " + strconv.FormatInt(n, 10) + " 条"})
	})
}

// ActivePerson is somebody who used the center.
type ActivePerson struct {
	PersonID   string      `json:"personId"`
	PersonName string      `json:"personName"`
	RegionCode string      `json:"regionCode"`
	Calls      int64       `json:"calls"`
	Days       int64       `json:"days"`
	LastAt     clock.Stamp `json:"lastAt"`
}

// People lists who used the center.
func (s *Service) People(ctx context.Context, f UsageFilter) ([]ActivePerson, int64, error) {
	f, err := s.usage(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	return listPeople(ctx, s.db.Read(), f)
}

// keepDays is how long single calls are kept; figures stay.
const keepDays = 90

// Purge forgets calls and hits that are too old; a job calls it.
func (s *Service) Purge(ctx context.Context) error {
	return purge(ctx, s.db, clock.At(s.db.Now().AddDate(0, 0, -keepDays)), clock.At(s.db.Now().AddDate(-1, 0, 0)))
}

// Board is the security dashboard: every number opens the list with the same
// filter.
type Board struct {
	// Open counts alerts that are not closed, by severity.
	Open map[string]int64 `json:"open"`
	// Rules counts alerts of the period by rule, Days by day.
	Rules []CountOf `json:"rules"`
	Days  []CountOf `json:"days"`
	// Failed are failed sign-ins of the period by day.
	Closed  int64 `json:"closed"`
	False   int64 `json:"false"`
	Blocked int   `json:"blocked"`
}

// CountOf is a number with what it counts.
type CountOf struct {
	Key  string `json:"key"`
	Name string `json:"name"`
	N    int64  `json:"n"`
}

// Board gives the dashboard for the days from..to.
func (s *Service) Board(ctx context.Context, from, to int) (Board, error) {
	who, err := access.Need(ctx, access.SecurityView)
	if err != nil {
		return Board{}, err
	}
	b := Board{Open: map[string]int64{Low: 0, Medium: 0, High: 0, Critical: 0}, Rules: []CountOf{}, Days: []CountOf{}}
	q := s.db.Read()
	open, err := countAlerts(ctx, q, who.Scope, "severity", 0, 0, true)
	if err != nil {
		return b, err
	}
	for _, c := range open {
		b.Open[c.Key] = c.N
	}
	t, err := s.titles(ctx)
	if err != nil {
		return b, err
	}
	byRule, err := countAlerts(ctx, q, who.Scope, "rule", from, to, false)
	if err != nil {
		return b, err
	}
	for _, c := range byRule {
		b.Rules = append(b.Rules, CountOf{c.Key, t[c.Key], c.N})
	}
	byDay, err := countAlerts(ctx, q, who.Scope, "ymd", from, to, false)
	if err != nil {
		return b, err
	}
	for _, c := range byDay {
		b.Days = append(b.Days, CountOf{c.Key, c.Key, c.N})
	}
	outcome, err := countAlerts(ctx, q, who.Scope, "outcome", from, to, false)
	if err != nil {
		return b, err
	}
	for _, c := range outcome {
		switch c.Key {
		case "handled":
			b.Closed = c.N
		case "false":
			b.False = c.N
		}
	}
	list, err := blocks(ctx, q, clock.At(s.db.Now()))
	b.Blocked = len(list)
	return b, err
}

// DayNumber reads 2026-11-25 as 20261125, and a moment as its day in
// Shanghai; end says that a moment is exclusive. 0 is no day.
func DayNumber(s string, end bool) int {
	if len(s) > 10 {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil || at.Year() < 2000 || at.Year() > 9999 {
			return 0
		}
		if end {
			at = at.Add(-time.Millisecond)
		}
		return clock.YMD(at)
	}
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0
	}
	n, err := strconv.Atoi(s[:4] + s[5:7] + s[8:])
	if err != nil || n < 0 {
		return 0
	}
	return n
}
