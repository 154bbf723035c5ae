package patrol

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
)

// What a look costs a box, in seconds of one core, measured with the bench on
// two cores; and how much of a box should be busy at most.
const (
	surveyCost     = 2.2
	inspectionCost = 0.15
	advisedLoad    = 0.7
	// boxCores is what a box is taken to have where it does not tell.
	boxCores = 4.0
)

func lookCost(k Kind) float64 {
	if k == Survey {
		return surveyCost
	}
	return inspectionCost
}

// Preview is what would follow from a plan before it is saved.
type Preview struct {
	Words    string
	Cameras  int
	Spots    int
	Offline  int
	ClueOnly int
	NoZone   int
	NoBox    int
	Units    []UnitShare
	Runs     []PreviewRun
	Warnings []Warning
}

// UnitShare is how much of a run is one unit's work.
type UnitShare struct {
	OrgID, Name string
	Cameras     int
}

// PreviewRun is one of the next runs. Of a run with a drawn time only the
// window is shown, so that nobody can tell.
type PreviewRun struct {
	YMD         int
	From, Until clock.Stamp
	Random      bool
	Minutes     int
	Looks       int
	Boxes       []BoxLoad
}

// BoxLoad is how busy a box would be in a run: Base is what it is now, Added
// what this plan adds, Others what other plans add at the same time.
type BoxLoad struct {
	BoxID, Name   string
	Cameras       int
	Base          float64
	Added, Others float64
	Known         bool
}

// Total is the whole load, 1 is a full box.
func (b BoxLoad) Total() float64 { return b.Base + b.Added + b.Others }

// Warning is something that a person should know before saving.
type Warning struct {
	Code string // load | conflict | offline | clue | noZone | noBox | noRuns | calendar | unit
	Text string
}

// previewRuns is how many runs a preview shows.
const previewRuns = 20

// PreviewPlan says what would follow from a plan; id is the plan that is
// changed, empty for a new one.
func (s *Service) PreviewPlan(ctx context.Context, id string, c Content) (Preview, error) {
	who, err := access.Need(ctx, access.PatrolPlan)
	if err != nil {
		return Preview{}, err
	}
	st, err := s.settle(ctx, who, &c)
	if err != nil {
		return Preview{}, err
	}
	cal, err := s.calendar.Calendar(ctx)
	if err != nil {
		return Preview{}, fmt.Errorf("read the calendar: %w", err)
	}
	// A preview's draw is its own: the plan's seed stays unknown.
	seed := newSeed()
	if id != "" {
		p, err := getPlan(ctx, s.db.Read(), who, id)
		if err != nil {
			return Preview{}, err
		}
		seed = p.seed
	}
	now := s.db.Now()
	runs := c.Runs(cal, seed, now, now.Add(horizon*24*time.Hour), previewRuns)
	out := Preview{Words: c.Schedule.Words(), Spots: len(st.places), Cameras: countCameras(st.places)}
	cams := s.countPlaces(&out, st.places)
	if out.ClueOnly, err = clueOnly(ctx, s.db.Read(), cams); err != nil {
		return out, err
	}
	if err := s.shares(ctx, &out, c, st); err != nil {
		return out, err
	}
	others, shared, err := s.others(ctx, id, st.places, cams)
	if err != nil {
		return out, err
	}
	if err := s.loads(ctx, &out, c, st.places, runs, others, cal); err != nil {
		return out, err
	}
	s.warn(&out, c, runs, others, shared, cal)
	return out, nil
}

// countPlaces counts what a preview says of the cameras, and lists them.
func (s *Service) countPlaces(out *Preview, places []place) []string {
	cams := []string{}
	seen := map[string]bool{}
	for _, p := range places {
		if p.ZoneID == "" {
			out.NoZone++
		}
		if seen[p.CameraID] {
			continue
		}
		seen[p.CameraID] = true
		cams = append(cams, p.CameraID)
		if p.state != "online" {
			out.Offline++
		}
		if p.BoxID == "" {
			out.NoBox++
		}
	}
	return cams
}

func (s *Service) shares(ctx context.Context, out *Preview, c Content, st settled) error {
	groups, err := s.byUnit(ctx, Plan{Content: c, RegionCode: st.region}, st.places)
	if err != nil {
		return err
	}
	for _, g := range groups {
		name := g.org.Name
		if name == "" {
			name = "待分派（" + s.regions.Name(strings.TrimPrefix(g.unit, "street:")) + "没有中队）"
		}
		out.Units = append(out.Units, UnitShare{OrgID: g.org.ID, Name: name, Cameras: countCameras(g.places)})
	}
	return nil
}

// others finds the plans in force that share cameras or boxes with a list.
func (s *Service) others(ctx context.Context, id string, places []place, cams []string) (map[string]Plan, map[string]int, error) {
	shared, err := sharedCameras(ctx, s.db.Read(), id, cams)
	if err != nil {
		return nil, nil, err
	}
	boxes := boxesOf(places)
	onBoxes, err := camerasOnBoxes(ctx, s.db.Read(), id, boxes)
	if err != nil {
		return nil, nil, err
	}
	ids := []string{}
	for k := range onBoxes {
		ids = append(ids, k)
	}
	for k := range shared {
		if onBoxes[k] == nil {
			ids = append(ids, k)
		}
	}
	list, err := plansByID(ctx, s.db.Read(), ids)
	if err != nil {
		return nil, nil, err
	}
	out := map[string]Plan{}
	for _, p := range list {
		if p.State == Enabled {
			out[p.ID] = p
		}
	}
	return out, shared, nil
}

func boxesOf(places []place) []string {
	out := []string{}
	seen := map[string]bool{}
	for _, p := range places {
		if p.BoxID != "" && !seen[p.BoxID] {
			seen[p.BoxID] = true
			out = append(out, p.BoxID)
		}
	}
	slices.Sort(out)
	return out
}

// added is the share of a box that looks take while a run lasts.
func added(k Kind, cameras, looks int, length time.Duration) float64 {
	return lookCost(k) * float64(cameras*looks) / max(length.Seconds(), 60) / boxCores
}

// loads fills in how busy each box would be in each run.
func (s *Service) loads(ctx context.Context, out *Preview, c Content, places []place, runs []Run, others map[string]Plan, cal calendar.Calendar) error {
	byBox := map[string]map[string]bool{}
	for _, p := range places {
		if p.BoxID == "" {
			continue
		}
		if byBox[p.BoxID] == nil {
			byBox[p.BoxID] = map[string]bool{}
		}
		byBox[p.BoxID][p.CameraID] = true
	}
	ids := boxesOf(places)
	boxes, err := boxesByID(ctx, s.db.Read(), ids)
	if err != nil {
		return err
	}
	onBoxes, err := camerasOnBoxes(ctx, s.db.Read(), "", ids)
	if err != nil {
		return err
	}
	otherRuns := map[string][]Run{}
	if len(runs) > 0 {
		for id, p := range others {
			otherRuns[id] = p.Content.Runs(cal, p.seed, runs[0].From.Add(-24*time.Hour), runs[len(runs)-1].Until, 2000)
		}
	}
	for _, r := range runs {
		pr := PreviewRun{YMD: r.YMD, From: clock.At(r.From), Until: clock.At(r.Until), Looks: r.Looks, Minutes: int(r.Until.Sub(r.From).Minutes()), Boxes: []BoxLoad{}}
		if c.Schedule.RandomMin > 0 {
			pr.Random, pr.From, pr.Until = true, clock.At(r.Slot), clock.At(r.WindowEnd)
		}
		for _, b := range ids {
			l := BoxLoad{BoxID: b, Name: orElse(boxes[b].Name, b), Cameras: len(byBox[b]), Base: boxes[b].Load, Known: boxes[b].Known}
			l.Added = added(c.Kind, l.Cameras, r.Looks, r.Until.Sub(r.From))
			for id, list := range otherRuns {
				n := onBoxes[id][b]
				for _, o := range list {
					if n > 0 && o.From.Before(r.Until) && r.From.Before(o.Until) {
						l.Others += added(others[id].Content.Kind, n, o.Looks, o.Until.Sub(o.From))
					}
				}
			}
			pr.Boxes = append(pr.Boxes, l)
		}
		slices.SortStableFunc(pr.Boxes, func(a, b BoxLoad) int {
			if a.Total() > b.Total() {
				return -1
			}
			if a.Total() < b.Total() {
				return 1
			}
			return 0
		})
		out.Runs = append(out.Runs, pr)
	}
	return nil
}

// warn writes what a person should know.
func (s *Service) warn(out *Preview, c Content, runs []Run, others map[string]Plan, shared map[string]int, cal calendar.Calendar) {
	add := func(code, format string, args ...any) {
		out.Warnings = append(out.Warnings, Warning{code, fmt.Sprintf(format, args...)})
	}
	out.Warnings = []Warning{}
	if len(runs) == 0 {
		add("noRuns", "按现在的频次和起止日期，不会有任何一次执行")
	}
	worst, at := BoxLoad{}, PreviewRun{}
	for _, r := range out.Runs {
		if len(r.Boxes) > 0 && r.Boxes[0].Total() > worst.Total() {
			worst, at = r.Boxes[0], r
		}
	}
	if worst.Total() > advisedLoad {
		add("load", "边缘盒 %s 在 %s 负载约 %.0f%%，高于 %.0f%% 的建议值；可以拉长间隔、错开时段或减少点位", worst.Name, shanghai(at.From), worst.Total()*100, advisedLoad*100)
	}
	out.Warnings = append(out.Warnings, conflicts(c, runs, others, shared, cal)...)
	if out.Offline > 0 {
		add("offline", "%d 个点位现在不在线，到时可能看不到", out.Offline)
	}
	if out.NoBox > 0 {
		add("noBox", "%d 个点位没有分配边缘盒，只能人工补录", out.NoBox)
	}
	if out.NoZone > 0 && c.Kind == Inspection {
		add("noZone", "%d 个点位没有对应的电子围栏，只能人工补录", out.NoZone)
	}
	if out.ClueOnly > 0 {
		add("clue", "%d 个点位的画面仅作线索", out.ClueOnly)
	}
	if len(runs) > 0 {
		if years := cal.Missing(runs[0].From, runs[len(runs)-1].Until); len(years) > 0 {
			add("calendar", "%d 年的节假日还没有录入工作日历，执行日期可能变动", years[0])
		}
	}
	for _, u := range out.Units {
		if u.OrgID == "" {
			add("unit", "%d 个点位没有责任单位，任务生成后要先分派", u.Cameras)
		}
	}
}

// conflicts tells which plans of the same kind look at the same cameras at
// the same time.
func conflicts(c Content, runs []Run, others map[string]Plan, shared map[string]int, cal calendar.Calendar) []Warning {
	out := []Warning{}
	if len(runs) == 0 {
		return out
	}
	ids := []string{}
	for id := range shared {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		p, ok := others[id]
		if !ok || p.Content.Kind != c.Kind || len(out) >= 5 {
			continue
		}
		list := p.Content.Runs(cal, p.seed, runs[0].From.Add(-24*time.Hour), runs[len(runs)-1].Until, 2000)
		n, first := 0, time.Time{}
		for _, r := range runs {
			for _, o := range list {
				// Whole windows meet: what is drawn of them stays unknown.
				if o.Slot.Before(r.WindowEnd) && r.Slot.Before(o.WindowEnd) {
					if n++; n == 1 {
						first = r.Slot
					}
					break
				}
			}
		}
		if n > 0 {
			out = append(out, Warning{"conflict", fmt.Sprintf("与计划“%s”有 %d 个相同点位，接下来 %d 次里有 %d 次时段重叠，最近一次在 %s", p.Content.Name, shared[id], len(runs), n, shanghai(clock.At(first)))})
		}
	}
	return out
}

func shanghai(t clock.Stamp) string { return t.Time().In(clock.Shanghai()).Format("01-02 15:04") }

// CalendarRun is a run on the calendar page: made ones with their task, the
// others as they will be.
type CalendarRun struct {
	PlanID, Name string
	Kind         Kind
	YMD          int
	From, Until  clock.Stamp
	Random       bool
	Looks        int
	Tasks        int
	State        TaskState // of the task that is worst off; empty for what is to come
	Spots, Seen  int
}

// calendarPlans and calendarRuns bound a calendar.
const (
	calendarPlans = 200
	calendarRuns  = 2000
)

// CalendarBetween lists the runs of the plans that the actor sees between two
// moments, at most 45 days apart.
func (s *Service) CalendarBetween(ctx context.Context, from, to time.Time) ([]CalendarRun, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return nil, err
	}
	if to.Sub(from) > 45*24*time.Hour {
		to = from.Add(45 * 24 * time.Hour)
	}
	out, err := madeRuns(ctx, s.db.Read(), who, clock.At(from), clock.At(to), calendarRuns)
	if err != nil {
		return nil, err
	}
	plans, err := visiblePlans(ctx, s.db.Read(), who, calendarPlans)
	if err != nil {
		return nil, err
	}
	cal, err := s.calendar.Calendar(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the calendar: %w", err)
	}
	for _, p := range plans {
		after := from.Add(-24 * time.Hour)
		if made := p.MadeToAt.Time(); made.After(after) {
			after = made
		}
		for _, r := range p.Content.Runs(cal, p.seed, after, to, calendarRuns-min(len(out), calendarRuns)) {
			c := CalendarRun{PlanID: p.ID, Name: p.Content.Name, Kind: p.Content.Kind, YMD: r.YMD, From: clock.At(r.From), Until: clock.At(r.Until), Looks: r.Looks}
			if p.Content.Schedule.RandomMin > 0 {
				c.Random, c.From, c.Until = true, clock.At(r.Slot), clock.At(r.WindowEnd)
			}
			if c.Until.Time().After(from) {
				out = append(out, c)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b CalendarRun) int { return int(a.From - b.From) })
	return out, nil
}
