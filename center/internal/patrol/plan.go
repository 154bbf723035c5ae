// Package patrol plans and runs what the cameras look for on their own:
// surveys (排摸) that read the signs of a street, and inspections (巡检) that
// look whether something stands where it must not. plan.go and schedule.go
// have the pure rules of plans, task.go those of tasks, service_*.go the use
// cases, store*.go the SQL, http*.go the routes, ports.go what is asked of
// others.
package patrol

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Kind is what a plan is for.
type Kind string

// The kinds of plans and tasks; the words of the box are the same.
const (
	Survey     Kind = Kind(edgev1.Survey)     // 排摸
	Inspection Kind = Kind(edgev1.Inspection) // 巡检
)

// Label is the word that people see.
func (k Kind) Label() string {
	switch k {
	case Survey:
		return "排摸"
	case Inspection:
		return "巡检"
	}
	return string(k)
}

// PlanState is where a plan stands.
type PlanState string

// The states of plans.
const (
	Draft   PlanState = "draft"   // 草稿
	Enabled PlanState = "enabled" // 已启用
	Off     PlanState = "paused"  // 已暂停
	Ended   PlanState = "ended"   // 已结束
)

// Label is the word that people see.
func (s PlanState) Label() string {
	switch s {
	case Draft:
		return "草稿"
	case Enabled:
		return "已启用"
	case Off:
		return "已暂停"
	case Ended:
		return "已结束"
	}
	return string(s)
}

// OrgMode says whose work the tasks are.
type OrgMode string

// The modes.
const (
	ByOrg   OrgMode = "org"   // one unit does all
	BySquad OrgMode = "squad" // each camera's own squad
)

// Scope says what a plan looks at. Regions, roads and tags hold together: a
// camera must lie in one of the regions, on one of the roads, and bear one of
// the tags, as far as each is given. Cameras, shops and risk levels are added
// to that; of a shop's camera only the shop's own zones are looked at.
type Scope struct {
	Regions []string `json:"regions" maxItems:"50"`
	Roads   []string `json:"roads" maxItems:"50"`
	Tags    []string `json:"tags" maxItems:"20"`
	Cameras []string `json:"cameras" maxItems:"2000"`
	Shops   []string `json:"shops" maxItems:"2000"`
	Risks   []string `json:"risks" maxItems:"5"`
}

func (s Scope) empty() bool {
	return len(s.Regions)+len(s.Roads)+len(s.Tags)+len(s.Cameras)+len(s.Shops)+len(s.Risks) == 0
}

// broad tells whether the part of regions, roads and tags says anything.
func (s Scope) broad() bool { return len(s.Regions)+len(s.Roads)+len(s.Tags) > 0 }

// Content is what people write of a plan. Days are written 2026-11-25.
type Content struct {
	Name string `json:"name" maxLength:"60"`
	Kind Kind   `json:"kind" enum:"survey,inspection"`
	// Kinds are what an inspection looks for: stacking, frontage.
	Kinds    []string `json:"kinds" maxItems:"2"`
	Scope    Scope    `json:"scope"`
	Schedule Schedule `json:"schedule"`
	OrgMode  OrgMode  `json:"orgMode" enum:"org,squad"`
	OrgID    string   `json:"orgId" maxLength:"40"`
	From     string   `json:"from" maxLength:"10"`
	To       string   `json:"to" maxLength:"10" doc:"Last day, empty without an end"`
	// NeedPct is the share of the looks at a place that must succeed for the
	// place to count as seen, 1 to 100.
	NeedPct int    `json:"needPct" minimum:"0" maximum:"100"`
	Note    string `json:"note" maxLength:"200"`
}

// Plan is a plan with its place in the world.
type Plan struct {
	ID         string
	Content    Content
	State      PlanState
	RegionCode string
	OrgName    string
	Version    int
	Cameras    int
	NextAt     *clock.Stamp
	MadeToAt   clock.Stamp
	CreatedBy  string
	CreatedAt  clock.Stamp
	UpdatedBy  string
	UpdatedAt  clock.Stamp
	Rev        int64

	seed string
}

// parseDay reads 2026-11-25 as the first moment of that Shanghai day.
func parseDay(s string) (time.Time, bool) {
	t, err := time.ParseInLocation(time.DateOnly, s, clock.Shanghai())
	return t.UTC(), err == nil && t.Year() >= 2020 && t.Year() < 2100
}

func dayText(t time.Time) string { return t.In(clock.Shanghai()).Format(time.DateOnly) }

// dayInt is a day as the integer of the columns; 0 for an empty text.
func dayInt(s string) int {
	t, ok := parseDay(s)
	if !ok {
		return 0
	}
	return clock.YMD(t)
}

// tidy trims texts and fills what may be left out.
func (c *Content) tidy() {
	c.Name, c.Note = strings.TrimSpace(c.Name), strings.TrimSpace(c.Note)
	c.From, c.To = strings.TrimSpace(c.From), strings.TrimSpace(c.To)
	if c.NeedPct == 0 {
		c.NeedPct = 50
	}
	if c.Kind == Survey {
		c.Kinds = []string{}
	} else if len(c.Kinds) == 0 {
		c.Kinds = []string{string(edgev1.Stacking), string(edgev1.Frontage)}
	}
	c.Kinds = clean(c.Kinds)
	s := &c.Scope
	for _, l := range []*[]string{&s.Regions, &s.Roads, &s.Tags, &s.Cameras, &s.Shops, &s.Risks} {
		*l = clean(*l)
	}
	if c.OrgMode == BySquad {
		c.OrgID = ""
	}
	c.Schedule.tidy()
}

// clean trims, drops empty and repeated ones, and keeps the order.
func clean(list []string) []string {
	out := []string{}
	for _, x := range list {
		if x = strings.TrimSpace(x); x != "" && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// check refuses a plan that says too little or contradicts itself; the fields
// are those of the request.
func (c Content) check(regionName func(string) (string, bool)) error {
	var f errs.Fields
	f.Check(c.Name != "", "name", "请填写计划名称")
	f.Check(utf8.RuneCountInString(c.Name) <= 60, "name", "计划名称不能超过 60 个字")
	f.Check(c.Kind == Survey || c.Kind == Inspection, "kind", "请选择排摸或巡检")
	for _, k := range c.Kinds {
		f.Check(k == string(edgev1.Stacking) || k == string(edgev1.Frontage), "kinds", "巡检类型应为占道堆物或跨门经营")
	}
	f.Check(!c.Scope.empty(), "scope", "请选择对象范围：区或街镇、路段、点位、商铺、标签、风险等级至少一项")
	for i, r := range c.Scope.Regions {
		_, ok := regionName(r)
		f.Check(ok, fmt.Sprintf("scope.regions[%d]", i), "没有区划 %s", r)
	}
	for i, r := range c.Scope.Roads {
		f.Check(utf8.RuneCountInString(r) >= 2 && utf8.RuneCountInString(r) <= 30, fmt.Sprintf("scope.roads[%d]", i), "路段名称应为 2 到 30 个字，例如 福州路")
	}
	f.Check(c.OrgMode == ByOrg || c.OrgMode == BySquad, "orgMode", "请选择责任单位的方式")
	f.Check(c.OrgMode != ByOrg || c.OrgID != "", "orgId", "请选择责任单位")
	from, ok := parseDay(c.From)
	f.Check(ok, "from", "请填写开始日期，例如 2026-11-25")
	if c.To != "" {
		to, okTo := parseDay(c.To)
		f.Check(okTo, "to", "结束日期应写作 2027-02-28 的样式")
		f.Check(!ok || !okTo || !to.Before(from), "to", "结束日期不能早于开始日期")
	}
	f.Check(c.NeedPct >= 1 && c.NeedPct <= 100, "needPct", "看到的比例应为 1 到 100")
	c.Schedule.check(&f)
	return f.Err()
}
