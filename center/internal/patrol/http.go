package patrol

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// PatrolTask is a task as lists show it.
type PatrolTask struct {
	ID         string       `json:"id"`
	No         string       `json:"no"`
	PlanID     string       `json:"planId"`
	PlanName   string       `json:"planName"`
	Version    int          `json:"version"`
	Source     Source       `json:"source" enum:"plan,manual,recheck"`
	SourceID   string       `json:"sourceId,omitempty"`
	Kind       Kind         `json:"kind" enum:"survey,inspection"`
	Kinds      []string     `json:"kinds"`
	State      TaskState    `json:"state" enum:"pending,running,supplement,done,overdue,cancelled"`
	RegionCode string       `json:"regionCode"`
	OrgID      string       `json:"orgId"`
	OrgName    string       `json:"orgName"`
	FromAt     clock.Stamp  `json:"fromAt"`
	UntilAt    clock.Stamp  `json:"untilAt"`
	DueAt      *clock.Stamp `json:"dueAt"`
	Looks      int          `json:"looks"`
	NeedPct    int          `json:"needPct"`
	Cameras    int          `json:"cameras"`
	Spots      int          `json:"spots"`
	Seen       int          `json:"seen"`
	Manual     int          `json:"manual"`
	Waived     int          `json:"waived"`
	Unseen     int          `json:"unseen"`
	Signs      int          `json:"signs"`
	Opens      int          `json:"opens"`
	Late       bool         `json:"late"`
	Note       string       `json:"note"`
	MadeAt     clock.Stamp  `json:"madeAt"`
	ClosedAt   *clock.Stamp `json:"closedAt"`
	Rev        int64        `json:"rev"`
}

func taskItem(t Task) PatrolTask {
	return PatrolTask{
		ID: t.ID, No: t.No, PlanID: t.PlanID, PlanName: t.PlanName, Version: t.Version, Source: t.Source, SourceID: t.SourceID, Kind: t.Kind, Kinds: t.Kinds, State: t.State,
		RegionCode: t.RegionCode, OrgID: t.OrgID, OrgName: t.OrgName, FromAt: t.FromAt, UntilAt: t.UntilAt, DueAt: t.DueAt, Looks: t.Looks, NeedPct: t.NeedPct,
		Cameras: t.Cameras, Spots: t.Spots, Seen: t.Seen, Manual: t.Manual, Waived: t.Waived, Unseen: t.Unseen, Signs: t.Signs, Opens: t.Opens, Late: t.Late,
		Note: t.Note, MadeAt: t.MadeAt, ClosedAt: t.ClosedAt, Rev: t.Rev,
	}
}

// PatrolSpot is a place of a task.
type PatrolSpot struct {
	CameraID    string       `json:"cameraId"`
	CameraName  string       `json:"cameraName"`
	ZoneID      string       `json:"zoneId"`
	ZoneName    string       `json:"zoneName"`
	Address     string       `json:"address"`
	ShopID      string       `json:"shopId"`
	ShopName    string       `json:"shopName"`
	State       SpotState    `json:"state" enum:"waiting,seen,unseen,manual,waived"`
	SeenLooks   int          `json:"seenLooks"`
	UnseenLooks int          `json:"unseenLooks"`
	Reason      string       `json:"reason"`
	ReasonText  string       `json:"reasonText"`
	Detail      string       `json:"detail"`
	Signs       int          `json:"signs"`
	Opens       int          `json:"opens"`
	Text        string       `json:"text"`
	Crop        string       `json:"crop"`
	Frame       string       `json:"frame"`
	LookedAt    *clock.Stamp `json:"lookedAt"`
	ByName      string       `json:"byName"`
	Note        string       `json:"note"`
	Pictures    []string     `json:"pictures"`
	DoneAt      *clock.Stamp `json:"doneAt"`
}

func spotItem(s Spot) PatrolSpot {
	return PatrolSpot{
		CameraID: s.CameraID, CameraName: s.CameraName, ZoneID: s.ZoneID, ZoneName: s.ZoneName, Address: s.Address, ShopID: s.ShopID, ShopName: s.ShopName, State: s.State,
		SeenLooks: s.SeenLooks, UnseenLooks: s.UnseenLooks, Reason: s.Reason, ReasonText: ReasonLabel(s.Reason), Detail: s.Detail, Signs: s.Signs, Opens: s.Opens, Text: s.Text,
		Crop: s.Crop, Frame: s.Frame, LookedAt: s.LookedAt, ByName: s.ByName, Note: s.Note, Pictures: s.Pictures, DoneAt: s.DoneAt,
	}
}

// PatrolTaskDetail is a task with its boxes, reasons and history.
type PatrolTaskDetail struct {
	PatrolTask
	Legs      []PatrolLeg    `json:"legs"`
	Reasons   []PatrolReason `json:"reasons"`
	Steps     []PatrolStep   `json:"steps"`
	MayAssign bool           `json:"mayAssign"`
	MayHandle bool           `json:"mayHandle"`
	MayCancel bool           `json:"mayCancel"`
}

// PatrolLeg is how a box takes part in a task.
type PatrolLeg struct {
	BoxID   string      `json:"boxId"`
	BoxName string      `json:"boxName"`
	State   LegState    `json:"state" enum:"waiting,taken,refused,missed,stopping,stopped"`
	Cameras int         `json:"cameras"`
	Detail  string      `json:"detail"`
	At      clock.Stamp `json:"at"`
}

// PatrolReason counts places that were not seen for one reason.
type PatrolReason struct {
	Reason string `json:"reason"`
	Text   string `json:"text"`
	Count  int    `json:"count"`
}

// PatrolStep is one line of a task's history.
type PatrolStep struct {
	At   clock.Stamp `json:"at"`
	Act  string      `json:"act"`
	By   string      `json:"by"`
	Text string      `json:"text"`
}

func detailItem(d Detail) PatrolTaskDetail {
	out := PatrolTaskDetail{PatrolTask: taskItem(d.Task), Legs: []PatrolLeg{}, Reasons: []PatrolReason{}, Steps: []PatrolStep{}, MayAssign: d.MayAssign, MayHandle: d.MayHandle, MayCancel: d.MayCancel}
	for _, l := range d.Legs {
		out.Legs = append(out.Legs, PatrolLeg(l))
	}
	for _, r := range d.Reasons {
		out.Reasons = append(out.Reasons, PatrolReason{r.Reason, ReasonLabel(r.Reason), r.N})
	}
	for _, x := range d.Steps {
		out.Steps = append(out.Steps, PatrolStep(x))
	}
	return out
}

// PatrolSeen is one observation.
type PatrolSeen struct {
	ID         string      `json:"id"`
	TaskID     string      `json:"taskId"`
	CameraID   string      `json:"cameraId"`
	ZoneID     string      `json:"zoneId"`
	Look       int         `json:"look"`
	Kind       string      `json:"kind" enum:"sign,seen,unseen"`
	At         clock.Stamp `json:"at"`
	Verdict    string      `json:"verdict"`
	Text       string      `json:"text"`
	Confidence float64     `json:"confidence"`
	GlyphPx    int         `json:"glyphPx"`
	Box        edgev1.Box  `json:"box"`
	Opens      int         `json:"opens"`
	ReasonText string      `json:"reasonText"`
	Detail     string      `json:"detail"`
	Crop       string      `json:"crop"`
	Frame      string      `json:"frame"`
	ByHand     bool        `json:"byHand"`
}

func seenItem(o observationRow) PatrolSeen {
	out := PatrolSeen{
		ID: o.ID, TaskID: o.TaskID, CameraID: o.CameraID, ZoneID: o.ZoneID, Look: o.Look, Kind: o.Kind, At: o.At, Verdict: o.Verdict, Text: o.Text, Confidence: o.Confidence,
		GlyphPx: o.GlyphPx, Opens: o.Opens, ReasonText: ReasonLabel(o.Reason), Detail: o.Detail, Crop: o.Crop, Frame: o.Frame, ByHand: o.ByHand == 1,
	}
	_ = json.Unmarshal([]byte(o.Box), &out.Box) // our own text; a zero box otherwise
	return out
}

// TaskParams is the query string of task lists, counts and exports.
type TaskParams struct {
	Plan   string `query:"plan" maxLength:"40"`
	State  string `query:"state" maxLength:"80" doc:"States, comma separated"`
	Kind   string `query:"kind" enum:"survey,inspection"`
	Source string `query:"source" maxLength:"40" doc:"Sources, comma separated"`
	Org    string `query:"org" maxLength:"40"`
	Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Due    string `query:"due" enum:"over,open"`
	From   string `query:"from" format:"date-time"`
	To     string `query:"to" format:"date-time"`
}

func (i TaskParams) filter() (TaskFilter, error) {
	f := TaskFilter{Plan: i.Plan, Kind: Kind(i.Kind), Org: i.Org, Region: region.Prefix(i.Region), Due: i.Due}
	for _, s := range split(i.State) {
		if TaskState(s).Label() == s {
			return f, errs.Invalidf("state", "没有任务状态 %s", s)
		}
		f.States = append(f.States, TaskState(s))
	}
	for _, s := range split(i.Source) {
		if Source(s).Label() == s {
			return f, errs.Invalidf("source", "没有任务来源 %s", s)
		}
		f.Sources = append(f.Sources, Source(s))
	}
	var err error
	if f.From, err = stampParam("from", i.From); err != nil {
		return f, err
	}
	f.To, err = stampParam("to", i.To)
	return f, err
}

// TaskFilterOf reads the filter of an export.
func TaskFilterOf(q map[string]string) (TaskFilter, error) {
	f, err := TaskParams{
		Plan: q["plan"], State: q["state"], Kind: q["kind"], Source: q["source"], Org: q["org"], Region: q["region"], Due: q["due"], From: q["from"], To: q["to"],
	}.filter()
	f.Q = q["q"]
	return f, err
}

func stampParam(name, s string) (*clock.Stamp, error) {
	if s == "" {
		return nil, nil
	}
	var at clock.Stamp
	if err := at.UnmarshalText([]byte(s)); err != nil {
		return nil, errs.Invalidf(name, "%s", err.Error())
	}
	return &at, nil
}

// IDInput names one plan or task.
type IDInput struct {
	ID string `path:"id" maxLength:"40"`
}

type opFunc func(method, path, id, summary string) huma.Operation

// Register adds the routes of the domain.
func (s *Service) Register(api huma.API) {
	op := opFunc(func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"patrol"}}
	})
	s.registerPlans(api, op)
	s.registerTasks(api, op)
	s.registerActs(api, op)
	s.registerInsight(api, op)
}

func (s *Service) registerTasks(api huma.API, op opFunc) {
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/tasks", "list-patrol-tasks", "List survey and inspection tasks"),
		func(ctx context.Context, in *struct {
			TaskParams
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[PatrolTask]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			res, err := s.Tasks(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]PatrolTask, len(res.Items))
			for i, t := range res.Items {
				items[i] = taskItem(t)
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), nil)
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/tasks/counts", "count-patrol-tasks", "Numbers of the tabs of tasks"),
		func(ctx context.Context, in *TaskParams) (*httpx.Body[TaskCounts], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			return httpx.Out(s.TaskCounts(ctx, f))
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/tasks/{id}", "get-patrol-task", "One task"),
		func(ctx context.Context, in *IDInput) (*httpx.Body[PatrolTaskDetail], error) {
			return s.taskAnswer(ctx, in.ID, nil)
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/tasks/{id}/spots", "list-patrol-spots", "The places of a task"),
		func(ctx context.Context, in *struct {
			IDInput
			State  string `query:"state" maxLength:"60"`
			Reason string `query:"reason" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[PatrolSpot]], error) {
			f := SpotFilter{Reason: in.Reason}
			for _, x := range split(in.State) {
				f.States = append(f.States, SpotState(x))
			}
			res, err := s.Spots(ctx, in.ID, f, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]PatrolSpot, len(res.Items))
			for i, x := range res.Items {
				items[i] = spotItem(x)
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), nil)
		})
}

func (s *Service) taskAnswer(ctx context.Context, id string, err error) (*httpx.Body[PatrolTaskDetail], error) {
	if err != nil {
		return nil, err
	}
	d, err := s.Task(ctx, id)
	if err != nil {
		return nil, err
	}
	return httpx.Out(detailItem(d), nil)
}

func (s *Service) registerActs(api huma.API, op opFunc) {
	httpx.Register(api, access.PatrolAssign, op(http.MethodPost, "/api/patrol/tasks/{id}/assign", "assign-patrol-task", "Give a task to a unit"),
		func(ctx context.Context, in *struct {
			IDInput
			Body struct {
				OrgID  string `json:"orgId" minLength:"1" maxLength:"40"`
				Rev    int64  `json:"rev"`
				Reason string `json:"reason,omitempty" maxLength:"200"`
			}
		},
		) (*httpx.Body[PatrolTaskDetail], error) {
			_, err := s.Assign(ctx, in.ID, in.Body.OrgID, in.Body.Rev, in.Body.Reason)
			return s.taskAnswer(ctx, in.ID, err)
		})
	httpx.Register(api, access.PatrolPlan, op(http.MethodPost, "/api/patrol/tasks/{id}/cancel", "cancel-patrol-task", "Take a task back"),
		func(ctx context.Context, in *struct {
			IDInput
			Body struct {
				Rev    int64  `json:"rev"`
				Reason string `json:"reason" maxLength:"200"`
			}
		},
		) (*httpx.Body[PatrolTaskDetail], error) {
			_, err := s.Cancel(ctx, in.ID, in.Body.Rev, in.Body.Reason)
			return s.taskAnswer(ctx, in.ID, err)
		})
	httpx.Register(api, access.PatrolHandle, op(http.MethodPost, "/api/patrol/tasks/{id}/supplement", "supplement-patrol-task", "Complete places of a task by hand"),
		func(ctx context.Context, in *struct {
			IDInput
			Body struct {
				Spots    []SpotKey `json:"spots" minItems:"1" maxItems:"200"`
				Result   Result    `json:"result" enum:"clean,found,sign,none"`
				Text     string    `json:"text,omitempty" maxLength:"200"`
				Note     string    `json:"note,omitempty" maxLength:"600"`
				Pictures []string  `json:"pictures,omitempty" maxItems:"20"`
			}
		},
		) (*httpx.Body[PatrolTaskDetail], error) {
			b := in.Body
			_, err := s.Supplement(ctx, in.ID, SupplementInput{Spots: b.Spots, Result: b.Result, Text: b.Text, Note: b.Note, Pictures: append([]string{}, b.Pictures...)})
			return s.taskAnswer(ctx, in.ID, err)
		})
}

// planStates reads a comma separated list of plan states.
func planStates(s string) ([]PlanState, error) {
	out := []PlanState{}
	for _, x := range split(strings.TrimSpace(s)) {
		if PlanState(x).Label() == x {
			return nil, errs.Invalidf("state", "没有计划状态 %s", x)
		}
		out = append(out, PlanState(x))
	}
	return out, nil
}
