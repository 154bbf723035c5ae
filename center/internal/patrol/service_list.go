package patrol

import (
	"context"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

// Tasks gives one page of the tasks that the actor may see.
func (s *Service) Tasks(ctx context.Context, f TaskFilter, p httpx.Paging) (httpx.List[Task], error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return httpx.List[Task]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	now := s.db.Now()
	list, total, err := listTasks(ctx, s.db.Read(), who, f, p, now)
	if err != nil {
		return httpx.List[Task]{}, err
	}
	return httpx.NewList(list, total, p, now), nil
}

// TaskCounts gives the numbers of the tabs.
func (s *Service) TaskCounts(ctx context.Context, f TaskFilter) (TaskCounts, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return TaskCounts{}, err
	}
	return countTasks(ctx, s.db.Read(), who, f, s.db.Now())
}

// Detail is a task with what its page shows.
type Detail struct {
	Task    Task
	Legs    []Leg
	Reasons []ReasonCount
	Steps   []Step
	// May tell what the actor may do.
	MayAssign, MayHandle, MayCancel bool
	Now                             time.Time
}

// Leg is how a box takes part.
type Leg struct {
	BoxID, BoxName string
	State          LegState
	Cameras        int
	Detail         string
	At             clock.Stamp
}

// Step is one line of a task's history.
type Step struct {
	At            clock.Stamp
	Act, By, Text string
}

// Task gives one task.
func (s *Service) Task(ctx context.Context, id string) (Detail, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return Detail{}, err
	}
	r := s.db.Read()
	t, err := getTask(ctx, r, who, id)
	if err != nil {
		return Detail{}, err
	}
	out := Detail{Task: t, Now: s.db.Now(), Legs: []Leg{}, Steps: []Step{}}
	legs, err := legsOf(ctx, r, id)
	if err != nil {
		return out, err
	}
	ids := make([]string, len(legs))
	for i, l := range legs {
		ids[i] = l.BoxID
	}
	boxes, err := boxesByID(ctx, r, ids)
	if err != nil {
		return out, err
	}
	for _, l := range legs {
		out.Legs = append(out.Legs, Leg{BoxID: l.BoxID, BoxName: orElse(boxes[l.BoxID].Name, l.BoxID), State: l.State, Cameras: len(split(l.Cameras)), Detail: l.Detail, At: l.At})
	}
	if out.Reasons, err = reasonsOf(ctx, r, id); err != nil {
		return out, err
	}
	steps, err := stepsOf(ctx, r, id)
	if err != nil {
		return out, err
	}
	for _, x := range steps {
		out.Steps = append(out.Steps, Step{At: x.At, Act: x.Act, By: x.ByName, Text: x.Text})
	}
	out.MayAssign = t.State.Open() && who.Has(access.PatrolAssign)
	out.MayHandle = t.State != Cancelled && who.Has(access.PatrolHandle)
	out.MayCancel = t.State.Open() && who.Has(access.PatrolPlan)
	return out, nil
}

// Spots gives one page of the places of a task.
func (s *Service) Spots(ctx context.Context, id string, f SpotFilter, p httpx.Paging) (httpx.List[Spot], error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return httpx.List[Spot]{}, err
	}
	if _, err := getTask(ctx, s.db.Read(), who, id); err != nil {
		return httpx.List[Spot]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	list, total, err := listSpots(ctx, s.db.Read(), id, f, p)
	if err != nil {
		return httpx.List[Spot]{}, err
	}
	return httpx.NewList(list, total, p, s.db.Now()), nil
}

// observationDays is how far back a list of observations goes that says
// neither what nor since when.
const observationDays = 7

// Observations gives one page of what was seen.
func (s *Service) Observations(ctx context.Context, f ObservationFilter, p httpx.Paging) (httpx.List[observationRow], error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return httpx.List[observationRow]{}, err
	}
	if f.Task == "" && f.Camera == "" && f.Zone == "" && f.From == nil {
		f.From = clock.Ptr(s.db.Now().Add(-observationDays * 24 * time.Hour))
	}
	list, total, err := listObservations(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[observationRow]{}, err
	}
	return httpx.NewList(list, total, p, s.db.Now()), nil
}

// Cover gives one page of places by when they were last seen.
func (s *Service) Cover(ctx context.Context, f CoverFilter, p httpx.Paging) (httpx.List[coverRow], CoverCounts, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return httpx.List[coverRow]{}, CoverCounts{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	list, total, err := listCover(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[coverRow]{}, CoverCounts{}, err
	}
	n, err := countCover(ctx, s.db.Read(), who, f)
	return httpx.NewList(list, total, p, s.db.Now()), n, err
}

// Groupings of statistics: the key and the name of each.
func groupings() map[string][2]string {
	return map[string][2]string{
		"plan": {"t.plan_id", "MAX(t.plan_name)"}, "org": {"t.org_id", "MAX(t.org_name)"}, "kind": {"t.kind", "t.kind"},
		"day": {"CAST(t.ymd AS TEXT)", "CAST(t.ymd AS TEXT)"}, "district": {"SUBSTR(t.region_code, 1, 6)", "SUBSTR(t.region_code, 1, 6)"},
	}
}

// Stats tells how the tasks of a time went, grouped.
func (s *Service) Stats(ctx context.Context, by string, f StatsFilter) ([]Rate, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return nil, err
	}
	g, ok := groupings()[by]
	if !ok {
		g = groupings()["plan"]
	}
	list, err := rates(ctx, s.db.Read(), who, g[0], g[1], f, 400)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if by == "district" {
			list[i].Name = s.regions.Name(list[i].Key)
		}
		if by == "kind" {
			list[i].Name = Kind(list[i].Key).Label()
		}
		list[i].Name = orElse(list[i].Name, "未分派")
	}
	return list, nil
}

// RatesOfPlans gives how the tasks of plans went in the last 30 days.
func (s *Service) RatesOfPlans(ctx context.Context, plans []string) (map[string]Rate, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil || len(plans) == 0 {
		return nil, err
	}
	now := s.db.Now()
	list, err := rates(ctx, s.db.Read(), who, "t.plan_id", "MAX(t.plan_name)", StatsFilter{From: clock.YMD(now.Add(-29 * 24 * time.Hour)), To: clock.YMD(now), Plans: plans, Sources: []Source{FromPlan}}, int64(len(plans)))
	out := map[string]Rate{}
	for _, r := range list {
		out[r.Key] = r
	}
	return out, err
}

// SeesBlob tells whether the actor may see a picture.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil {
		return false, err
	}
	if !who.Has(access.PatrolView) {
		return false, nil
	}
	who.Scope = who.ScopeFor(access.PatrolView)
	return seesPicture(ctx, s.db.Read(), who, sm3)
}

// TaskColumns are those of an exported list.
func TaskColumns() []sheet.Column {
	return []sheet.Column{
		{Title: "任务号", Width: 18}, {Title: "类型", Width: 8}, {Title: "来源", Width: 10}, {Title: "计划", Width: 26}, {Title: "状态", Width: 10}, {Title: "责任单位", Width: 18},
		{Title: "开始", Width: 19}, {Title: "结束", Width: 19}, {Title: "期限", Width: 19}, {Title: "点位", Width: 8}, {Title: "位置", Width: 8}, {Title: "看到", Width: 8},
		{Title: "补录", Width: 8}, {Title: "无法查看", Width: 8}, {Title: "店招", Width: 8}, {Title: "未结束事件", Width: 10}, {Title: "逾期过", Width: 8}, {Title: "完成时间", Width: 19},
	}
}

// CountTasks gives the number of the tasks that an export would have.
func (s *Service) CountTasks(ctx context.Context, f TaskFilter) (int64, error) {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return 0, err
	}
	return countAll(ctx, s.db.Read(), who, f, s.db.Now())
}

// EachTask gives the rows of an exported list.
func (s *Service) EachTask(ctx context.Context, f TaskFilter, emit func(values ...any) error) error {
	who, err := access.Need(ctx, access.PatrolView)
	if err != nil {
		return err
	}
	return eachTask(ctx, s.db.Read(), who, f, s.db.Now(), func(t Task) error {
		return emit(t.No, t.Kind.Label(), t.Source.Label(), t.PlanName, t.State.Label(), t.OrgName, sheetTime(&t.FromAt), sheetTime(&t.UntilAt), sheetTime(t.DueAt),
			t.Cameras, t.Spots, t.Seen, t.Manual, t.Waived, t.Signs, t.Opens, map[bool]string{true: "是", false: "否"}[t.Late], sheetTime(t.ClosedAt))
	})
}

func sheetTime(s *clock.Stamp) string {
	if s == nil {
		return ""
	}
	return s.Time().In(clock.Shanghai()).Format(time.DateTime)
}
