package live

import (
	"context"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Quality is what people decided about recognitions.
type Quality struct {
	Key  string `json:"key" doc:"Kind, camera, region or day"`
	Name string `json:"name"`
	// Right were confirmed as what was seen, Wrong rejected or something
	// else; Open wait for a person; Gone ended before anyone looked.
	Right int64 `json:"right"`
	Wrong int64 `json:"wrong"`
	Open  int64 `json:"open"`
	Gone  int64 `json:"gone"`
	// Precision is Right over Right and Wrong; absent without a decision.
	Precision *float64 `json:"precision,omitempty"`
}

func (q *Quality) settle() {
	if n := q.Right + q.Wrong; n > 0 {
		p := float64(q.Right) / float64(n)
		q.Precision = &p
	}
}

// QualityFilter narrows the report.
type QualityFilter struct {
	By, Region, Kind, Camera string
	From, To                 int // days such as 20261124, inclusive
}

// mostDays bounds a report.
const mostDays = 31

func (f *QualityFilter) settle(now time.Time) error {
	var bad errs.Fields
	bad.Check(slices.Contains([]string{"kind", "camera", "region", "day"}, f.By), "by", "应为 kind、camera、region 或 day")
	if f.To == 0 {
		f.To = clock.YMD(now)
	}
	if f.From == 0 {
		f.From = clock.YMD(now.AddDate(0, 0, -29))
	}
	a, err1 := dayOf(f.From)
	b, err2 := dayOf(f.To)
	bad.Check(err1 == nil, "from", "日期应写作 20261124 的样式")
	bad.Check(err2 == nil, "to", "日期应写作 20261124 的样式")
	if err1 == nil && err2 == nil {
		bad.Check(!b.Before(a), "to", "结束日期应不早于开始日期")
		bad.Check(b.Sub(a) < mostDays*24*time.Hour, "to", "一次最多统计 %d 天", mostDays)
	}
	return bad.Err()
}

func dayOf(ymd int) (time.Time, error) {
	t := time.Date(ymd/10000, time.Month(ymd/100%100), ymd%100, 0, 0, 0, 0, clock.Shanghai())
	if clock.YMD(t) != ymd || ymd < 20200101 || ymd > 21000101 {
		return t, errs.Invalidf("day", "没有这一天")
	}
	return t, nil
}

// Report tells how well recognition does, by what people decided.
func (s *Service) Report(ctx context.Context, f QualityFilter) ([]Quality, error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return nil, err
	}
	if err := f.settle(s.o.Clock.Now()); err != nil {
		return nil, err
	}
	out, err := quality(ctx, s.o.DB.Read(), who, f)
	for i := range out {
		out[i].settle()
	}
	return out, err
}

// Trial is a past recognition under another rule.
type Trial struct {
	ID    string      `json:"id"`
	No    string      `json:"no"`
	Kind  string      `json:"kind"`
	State string      `json:"state"`
	Score float64     `json:"score"`
	Thumb string      `json:"thumb,omitempty"`
	Since clock.Stamp `json:"since"`
	// Raised tells whether the rule would still raise it, else Why not.
	Raised bool   `json:"raised"`
	Why    string `json:"why,omitempty"`
}

// TrialRule is the rule that is tried on a zone. Zero values leave as it was.
type TrialRule struct {
	ZoneID    string
	Days      int
	OpenScore float64
	DwellS    float64
	MinArea   float64
	Polygon   []edgev1.Point
}

// TrialResult says what a rule would have changed. It can only tell what
// would not be raised any more: what was never raised has left no trace.
type TrialResult struct {
	Items []Trial `json:"items"`
	// Right and Wrong were decided so; the Kept ones would still be raised.
	Right     int `json:"right"`
	RightKept int `json:"rightKept"`
	Wrong     int `json:"wrong"`
	WrongKept int `json:"wrongKept"`
	Open      int `json:"open"`
	OpenKept  int `json:"openKept"`
}

// Try tells what a rule would have made of the recognitions of a zone that
// are stored, with their scores, sizes and times.
func (s *Service) Try(ctx context.Context, cameraID string, r TrialRule) (TrialResult, error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return TrialResult{}, err
	}
	var f errs.Fields
	f.Check(r.OpenScore >= 0 && r.OpenScore <= 1, "openScore", "应在 0 到 1 之间")
	f.Check(r.DwellS >= 0 && r.DwellS <= 86400, "dwellS", "应为 0 到 86400 秒")
	f.Check(r.MinArea >= 0 && r.MinArea <= 1, "minArea", "应在 0 到 1 之间")
	if len(r.Polygon) > 0 {
		fault := edgev1.CheckPolygon(r.Polygon)
		f.Check(fault == "", "polygon", "%s", fault)
	}
	if r.Days == 0 {
		r.Days = 30
	}
	f.Check(r.Days >= 1 && r.Days <= 90, "days", "应为 1 到 90 天")
	if err := f.Err(); err != nil {
		return TrialResult{}, err
	}
	if _, err := s.o.Rights.Need(ctx, cameraID, ""); err != nil {
		return TrialResult{}, err
	}
	past, err := pastEvents(ctx, s.o.DB.Read(), who, cameraID, r.ZoneID, clock.At(s.o.Clock.Now().AddDate(0, 0, -r.Days)))
	if err != nil {
		return TrialResult{}, err
	}
	out := TrialResult{Items: []Trial{}}
	for _, p := range past {
		t := Trial{ID: p.ID, No: p.No, Kind: p.Kind, State: p.State, Score: p.Score, Thumb: p.Thumb, Since: p.SinceAt}
		t.Why = r.judge(p.event)
		t.Raised = t.Why == ""
		out.count(p, t.Raised)
		out.Items = append(out.Items, t)
	}
	return out, nil
}

func (o *TrialResult) count(p pastEvent, raised bool) {
	all, kept := &o.Open, &o.OpenKept
	switch p.verdict() {
	case "right":
		all, kept = &o.Right, &o.RightKept
	case "wrong":
		all, kept = &o.Wrong, &o.WrongKept
	}
	*all++
	if raised {
		*kept++
	}
}

// judge gives the reason why the rule would not raise the event, empty when
// it would.
func (r TrialRule) judge(e edgev1.Event) string {
	if r.OpenScore > 0 && !reaches(e, r.OpenScore) {
		return "得分达不到新的开启阈值"
	}
	if r.MinArea > 0 && e.Area < r.MinArea {
		return "面积小于新的最小面积"
	}
	if r.DwellS > 0 && stood(e) < r.DwellS {
		return "停留时间短于新的静置时长"
	}
	if len(r.Polygon) > 0 && e.Box.W > 0 && !inside(r.Polygon, edgev1.Point{X: e.Box.X + e.Box.W/2, Y: e.Box.Y + e.Box.H}) {
		return "落地点不在新的围栏内"
	}
	return ""
}

// reaches tells whether k of some n looks in a row reach the score, by the
// event's own k and n.
func reaches(e edgev1.Event, open float64) bool {
	if len(e.Scores) == 0 {
		return e.Score >= open
	}
	k, n := max(1, e.Rule.K), max(1, e.Rule.N)
	for i := range e.Scores {
		good := 0
		for _, p := range e.Scores[i:min(i+n, len(e.Scores))] {
			if p.Score >= open {
				good++
			}
		}
		if good >= min(k, len(e.Scores)) {
			return true
		}
	}
	return false
}

// stood is for how many seconds the thing was seen.
func stood(e edgev1.Event) float64 {
	end := e.ConfirmedAt.Time
	if n := len(e.Scores); n > 0 && e.Scores[n-1].At.After(end) {
		end = e.Scores[n-1].At.Time
	}
	if e.EndedAt != nil && e.EndedAt.After(end) {
		end = e.EndedAt.Time
	}
	return end.Sub(e.Since.Time).Seconds()
}

// inside tells whether a point is in a polygon.
func inside(poly []edgev1.Point, p edgev1.Point) bool {
	in := false
	for i, a := range poly {
		b := poly[(i+1)%len(poly)]
		if (a.Y > p.Y) != (b.Y > p.Y) && p.X < (b.X-a.X)*(p.Y-a.Y)/(b.Y-a.Y)+a.X {
			in = !in
		}
	}
	return in
}
