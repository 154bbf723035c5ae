package patrol

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// PatrolPlanItem is a plan as lists and its page show it.
type PatrolPlanItem struct {
	ID         string       `json:"id"`
	Content    Content      `json:"content"`
	Words      string       `json:"words" doc:"The schedule in words"`
	State      PlanState    `json:"state" enum:"draft,enabled,paused,ended"`
	RegionCode string       `json:"regionCode"`
	RegionName string       `json:"regionName"`
	OrgName    string       `json:"orgName"`
	Version    int          `json:"version"`
	Cameras    int          `json:"cameras"`
	NextAt     *clock.Stamp `json:"nextAt"`
	NextRandom bool         `json:"nextRandom"`
	Rate       *PatrolRate  `json:"rate,omitempty" doc:"The last 30 days"`
	UpdatedBy  string       `json:"updatedBy"`
	UpdatedAt  clock.Stamp  `json:"updatedAt"`
	CreatedBy  string       `json:"createdBy"`
	CreatedAt  clock.Stamp  `json:"createdAt"`
	Rev        int64        `json:"rev"`
}

// PatrolRate is how tasks went.
type PatrolRate struct {
	Key     string `json:"key"`
	Name    string `json:"name"`
	Tasks   int64  `json:"tasks"`
	Done    int64  `json:"done"`
	Late    int64  `json:"late"`
	Overdue int64  `json:"overdue"`
	Spots   int64  `json:"spots"`
	Seen    int64  `json:"seen"`
	Manual  int64  `json:"manual"`
	Waived  int64  `json:"waived"`
}

func (s *Service) planItem(p Plan) PatrolPlanItem {
	return PatrolPlanItem{
		ID: p.ID, Content: p.Content, Words: p.Content.Schedule.Words(), State: p.State, RegionCode: p.RegionCode, RegionName: s.regions.Name(p.RegionCode), OrgName: p.OrgName,
		Version: p.Version, Cameras: p.Cameras, NextAt: p.NextAt, NextRandom: p.Content.Schedule.RandomMin > 0, UpdatedBy: p.UpdatedBy, UpdatedAt: p.UpdatedAt,
		CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, Rev: p.Rev,
	}
}

// PatrolPlanList is a page of plans with the numbers of their states and what
// a form may choose from.
type PatrolPlanList struct {
	httpx.List[PatrolPlanItem]
	Counts map[PlanState]int64 `json:"counts"`
	Risks  []RiskLevel         `json:"risks" doc:"Risk levels that plans may choose, empty while shops are not scored"`
}

type contentInput struct {
	Body struct {
		Content Content `json:"content"`
		Enable  bool    `json:"enable,omitempty"`
	}
}

func (s *Service) registerPlans(api huma.API, op opFunc) {
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/plans", "list-patrol-plans", "List plans"),
		func(ctx context.Context, in *struct {
			Kind   string `query:"kind" enum:"survey,inspection"`
			State  string `query:"state" maxLength:"60"`
			Org    string `query:"org" maxLength:"40"`
			Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
			httpx.Paging
		},
		) (*httpx.Body[PatrolPlanList], error) {
			states, err := planStates(in.State)
			if err != nil {
				return nil, err
			}
			return httpx.Out(s.planList(ctx, PlanFilter{Kind: Kind(in.Kind), States: states, Org: in.Org, Region: region.Prefix(in.Region)}, in.Paging))
		})
	httpx.Register(api, access.PatrolPlan, op(http.MethodPost, "/api/patrol/plans", "create-patrol-plan", "Make a plan"),
		func(ctx context.Context, in *contentInput) (*httpx.Body[PatrolPlanItem], error) {
			return s.planAnswer(s.CreatePlan(ctx, in.Body.Content, in.Body.Enable))
		})
	httpx.Register(api, access.PatrolPlan, op(http.MethodPost, "/api/patrol/plan-preview", "preview-patrol-plan", "What would follow from a plan"),
		func(ctx context.Context, in *struct {
			Body struct {
				ID      string  `json:"id,omitempty" maxLength:"40" doc:"The plan that is changed"`
				Content Content `json:"content"`
			}
		},
		) (*httpx.Body[PatrolPreview], error) {
			p, err := s.PreviewPlan(ctx, in.Body.ID, in.Body.Content)
			return httpx.Out(previewItem(p), err)
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/plans/{id}", "get-patrol-plan", "One plan"),
		func(ctx context.Context, in *IDInput) (*httpx.Body[PatrolPlanItem], error) {
			return s.planAnswer(s.Plan(ctx, in.ID))
		})
	httpx.Register(api, access.PatrolPlan, op(http.MethodPut, "/api/patrol/plans/{id}", "update-patrol-plan", "Write a new version of a plan"),
		func(ctx context.Context, in *struct {
			IDInput
			Body struct {
				Content Content `json:"content"`
				Rev     int64   `json:"rev"`
				Reason  string  `json:"reason,omitempty" maxLength:"200"`
			}
		},
		) (*httpx.Body[PatrolPlanItem], error) {
			return s.planAnswer(s.UpdatePlan(ctx, in.ID, in.Body.Content, in.Body.Rev, in.Body.Reason))
		})
	s.registerPlanActs(api, op)
}

func (s *Service) registerPlanActs(api huma.API, op opFunc) {
	httpx.Register(api, access.PatrolPlan, op(http.MethodPost, "/api/patrol/plans/{id}/state", "set-patrol-plan-state", "Enable, pause or end a plan"),
		func(ctx context.Context, in *struct {
			IDInput
			Body struct {
				State  PlanState `json:"state" enum:"enabled,paused,ended"`
				Rev    int64     `json:"rev"`
				Reason string    `json:"reason,omitempty" maxLength:"200"`
			}
		},
		) (*httpx.Body[PatrolPlanItem], error) {
			return s.planAnswer(s.SetPlanState(ctx, in.ID, in.Body.State, in.Body.Rev, in.Body.Reason))
		})
	httpx.Register(api, access.PatrolPlan, op(http.MethodPost, "/api/patrol/plans/{id}/copy", "copy-patrol-plan", "Make a draft of a plan's content"),
		func(ctx context.Context, in *IDInput) (*httpx.Body[PatrolPlanItem], error) {
			return s.planAnswer(s.CopyPlan(ctx, in.ID))
		})
	httpx.Register(api, access.PatrolPlan, op(http.MethodPost, "/api/patrol/plans/{id}/run", "run-patrol-plan", "Run a plan at once"),
		func(ctx context.Context, in *struct {
			IDInput
			Body struct {
				Reason string `json:"reason,omitempty" maxLength:"200"`
			}
		},
		) (*httpx.Body[[]PatrolTask], error) {
			list, err := s.RunNow(ctx, in.ID, in.Body.Reason)
			out := make([]PatrolTask, len(list))
			for i, t := range list {
				out[i] = taskItem(t)
			}
			return httpx.Out(out, err)
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/plans/{id}/versions", "list-patrol-plan-versions", "What a plan was"),
		func(ctx context.Context, in *IDInput) (*httpx.Body[[]PatrolVersion], error) {
			list, err := s.Versions(ctx, in.ID)
			out := make([]PatrolVersion, len(list))
			for i, v := range list {
				out[i] = PatrolVersion{Version: v.Version, Content: v.Content, Words: v.Content.Schedule.Words(), Reason: v.Reason, MadeBy: v.MadeBy, MadeAt: v.MadeAt}
			}
			return httpx.Out(out, err)
		})
}

// PatrolVersion is one version of a plan.
type PatrolVersion struct {
	Version int         `json:"version"`
	Content Content     `json:"content"`
	Words   string      `json:"words"`
	Reason  string      `json:"reason"`
	MadeBy  string      `json:"madeBy"`
	MadeAt  clock.Stamp `json:"madeAt"`
}

func (s *Service) planAnswer(p Plan, err error) (*httpx.Body[PatrolPlanItem], error) {
	if err != nil {
		return nil, err
	}
	return httpx.Out(s.planItem(p), nil)
}

func (s *Service) planList(ctx context.Context, f PlanFilter, p httpx.Paging) (PatrolPlanList, error) {
	res, err := s.Plans(ctx, f, p)
	if err != nil {
		return PatrolPlanList{}, err
	}
	ids := make([]string, len(res.Items))
	items := make([]PatrolPlanItem, len(res.Items))
	for i, x := range res.Items {
		ids[i], items[i] = x.ID, s.planItem(x)
	}
	rates, err := s.RatesOfPlans(ctx, ids)
	if err != nil {
		return PatrolPlanList{}, err
	}
	for i := range items {
		if r, ok := rates[items[i].ID]; ok {
			x := PatrolRate(r)
			items[i].Rate = &x
		}
	}
	out := PatrolPlanList{List: httpx.NewList(items, res.Total, p, res.AsOf.Time()), Risks: []RiskLevel{}}
	if s.risk != nil {
		out.Risks = s.risk.Levels()
	}
	out.Counts, err = s.PlanCounts(ctx)
	return out, err
}

// PatrolPreview is what would follow from a plan.
type PatrolPreview struct {
	Words    string             `json:"words"`
	Cameras  int                `json:"cameras"`
	Spots    int                `json:"spots"`
	Offline  int                `json:"offline"`
	ClueOnly int                `json:"clueOnly"`
	NoZone   int                `json:"noZone"`
	NoBox    int                `json:"noBox"`
	Units    []PatrolUnit       `json:"units"`
	Runs     []PatrolPreviewRun `json:"runs"`
	Warnings []PatrolWarning    `json:"warnings"`
}

// PatrolUnit is one unit's share of a run.
type PatrolUnit struct {
	OrgID   string `json:"orgId"`
	Name    string `json:"name"`
	Cameras int    `json:"cameras"`
}

// PatrolPreviewRun is one of the next runs; of a random one the window.
type PatrolPreviewRun struct {
	YMD     int             `json:"ymd"`
	From    clock.Stamp     `json:"from"`
	Until   clock.Stamp     `json:"until"`
	Random  bool            `json:"random"`
	Minutes int             `json:"minutes"`
	Looks   int             `json:"looks"`
	Boxes   []PatrolBoxLoad `json:"boxes" doc:"The busiest boxes first, five at most"`
}

// PatrolBoxLoad is how busy a box would be; 1 is full.
type PatrolBoxLoad struct {
	BoxID   string  `json:"boxId"`
	Name    string  `json:"name"`
	Cameras int     `json:"cameras"`
	Base    float64 `json:"base"`
	Added   float64 `json:"added"`
	Others  float64 `json:"others"`
	Total   float64 `json:"total"`
	Known   bool    `json:"known" doc:"The box has told its load"`
}

// PatrolWarning is something to know before saving.
type PatrolWarning struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

func previewItem(p Preview) PatrolPreview {
	out := PatrolPreview{
		Words: p.Words, Cameras: p.Cameras, Spots: p.Spots, Offline: p.Offline, ClueOnly: p.ClueOnly, NoZone: p.NoZone, NoBox: p.NoBox,
		Units: []PatrolUnit{}, Runs: []PatrolPreviewRun{}, Warnings: []PatrolWarning{},
	}
	for _, u := range p.Units {
		out.Units = append(out.Units, PatrolUnit(u))
	}
	for _, w := range p.Warnings {
		out.Warnings = append(out.Warnings, PatrolWarning(w))
	}
	for _, r := range p.Runs {
		x := PatrolPreviewRun{YMD: r.YMD, From: r.From, Until: r.Until, Random: r.Random, Minutes: r.Minutes, Looks: r.Looks, Boxes: []PatrolBoxLoad{}}
		for _, b := range r.Boxes[:min(5, len(r.Boxes))] {
			x.Boxes = append(x.Boxes, PatrolBoxLoad{BoxID: b.BoxID, Name: b.Name, Cameras: b.Cameras, Base: b.Base, Added: b.Added, Others: b.Others, Total: b.Total(), Known: b.Known})
		}
		out.Runs = append(out.Runs, x)
	}
	return out
}
