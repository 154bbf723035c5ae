package workflow

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
)

// FlowTask is a task of a process.
type FlowTask struct {
	ID           string           `json:"id"`
	InstanceID   string           `json:"instanceId"`
	Node         string           `json:"node"`
	NodeName     string           `json:"nodeName"`
	Kind         string           `json:"kind" enum:"normal,before,after,resubmit"`
	Round        int              `json:"round"`
	State        engine.TaskState `json:"state" enum:"unclaimed,held,delegated,waiting,queued,done,cancelled"`
	Assignee     string           `json:"assignee"`
	AssigneeName string           `json:"assigneeName"`
	OwnerName    string           `json:"ownerName"`
	ActedName    string           `json:"actedName"`
	BehalfName   string           `json:"behalfName"`
	Outcome      string           `json:"outcome"`
	CreatedAt    clock.Stamp      `json:"createdAt"`
	DueAt        *clock.Stamp     `json:"dueAt,omitempty"`
	EndedAt      *clock.Stamp     `json:"endedAt,omitempty"`
	Parent       string           `json:"parent,omitempty"`
	Rev          int64            `json:"rev"`
}

func taskOf(t TaskInfo) FlowTask {
	out := FlowTask{
		ID: t.ID, InstanceID: t.InstanceID, Node: t.Node, NodeName: t.NodeName, Kind: t.Kind, Round: t.Round, State: t.State, Assignee: t.Assignee,
		AssigneeName: t.AssigneeName, OwnerName: t.OwnerName, ActedName: t.ActedName, BehalfName: t.BehalfName, Outcome: t.Outcome,
		CreatedAt: clock.At(t.CreatedAt), Parent: t.Parent, Rev: t.Rev,
	}
	if t.DueAt != nil {
		out.DueAt = clock.Ptr(*t.DueAt)
	}
	if t.EndedAt != nil {
		out.EndedAt = clock.Ptr(*t.EndedAt)
	}
	return out
}

// FlowItem is an instance in a list.
type FlowItem struct {
	ID          string       `json:"id"`
	No          string       `json:"no"`
	Process     string       `json:"process"`
	ProcessName string       `json:"processName"`
	Version     int          `json:"version"`
	Title       string       `json:"title"`
	RegionCode  string       `json:"regionCode"`
	Record      string       `json:"record,omitempty"`
	RecordID    string       `json:"recordId,omitempty"`
	StarterName string       `json:"starterName"`
	State       string       `json:"state" enum:"running,finished,rejected,withdrawn,terminated"`
	Outcome     string       `json:"outcome"`
	OutcomeName string       `json:"outcomeName"`
	AtNodes     string       `json:"atNodes"`
	DueAt       *clock.Stamp `json:"dueAt,omitempty"`
	CreatedAt   clock.Stamp  `json:"createdAt"`
	EndedAt     *clock.Stamp `json:"endedAt,omitempty"`
}

func flowOf(in *Instance) FlowItem {
	return FlowItem{
		ID: in.ID, No: in.No, Process: in.Process, ProcessName: in.ProcessName, Version: in.Version, Title: in.Title, RegionCode: in.RegionCode,
		Record: in.Record, RecordID: in.RecordID, StarterName: in.StarterName, State: in.Engine.State, Outcome: in.Engine.Outcome,
		OutcomeName: outcomeLabel(in.Engine.Outcome), AtNodes: in.AtNodes, DueAt: in.DueAt, CreatedAt: in.CreatedAt, EndedAt: in.EndedAt,
	}
}

// FlowDetail is an instance with its course.
type FlowDetail struct {
	FlowItem
	Tasks   []FlowTask            `json:"tasks"`
	History []Entry               `json:"history"`
	Allowed []engine.Act          `json:"allowed"`
	Reasons map[engine.Act]string `json:"reasons"`
	XML     string                `json:"xml"`
	Done    []string              `json:"done"`
	Now     []string              `json:"now"`
	Taken   []string              `json:"taken"`
	CC      []string              `json:"cc"`
	Forms   []FormView            `json:"forms"`
}

func flowDetail(v InstanceView, forms []FormView) FlowDetail {
	out := FlowDetail{
		FlowItem: flowOf(v.Instance), Tasks: []FlowTask{}, History: v.History, Allowed: orNone(v.Allowed), Reasons: v.Reasons, XML: v.XML,
		Done: v.Done, Now: v.Now, Taken: v.Taken, CC: []string{}, Forms: forms,
	}
	for _, t := range v.Tasks {
		out.Tasks = append(out.Tasks, taskOf(t))
	}
	for _, p := range v.CC {
		out.CC = append(out.CC, p.Name)
	}
	if out.Taken == nil {
		out.Taken = []string{}
	}
	if out.Forms == nil {
		out.Forms = []FormView{}
	}
	return out
}

func orNone(l []engine.Act) []engine.Act {
	if l == nil {
		return []engine.Act{}
	}
	return l
}

// FlowTaskDetail is a task with all that its page shows.
type FlowTaskDetail struct {
	Task     FlowTask              `json:"task"`
	Instance FlowDetail            `json:"instance"`
	Form     *FormView             `json:"form,omitempty"`
	Allowed  []engine.Act          `json:"allowed"`
	Reasons  map[engine.Act]string `json:"reasons"`
	Outcomes []bpmn.Outcome        `json:"outcomes"`
	Targets  []Target              `json:"targets"`
	Added    []FlowTask            `json:"added"`
	Sign     bpmn.Sign             `json:"sign"`
	Rule     string                `json:"rule"`
}

func taskDetail(v TaskView) FlowTaskDetail {
	out := FlowTaskDetail{
		Task: taskOf(v.Task), Instance: flowDetail(v.Instance, nil), Form: v.Form, Allowed: orNone(v.Allowed), Reasons: v.Reasons,
		Outcomes: v.Outcomes, Targets: v.Targets, Added: []FlowTask{}, Sign: v.Sign, Rule: v.Rule,
	}
	for _, t := range v.Added {
		out.Added = append(out.Added, taskOf(t))
	}
	return out
}

type flowListIn struct {
	httpx.Paging
	Tab     string `query:"tab" enum:"started,handled,cc,all" default:"started"`
	Process string `query:"process" maxLength:"60"`
	State   string `query:"state" enum:"running,finished,rejected,withdrawn,terminated"`
	Region  string `query:"region" maxLength:"12" pattern:"^[0-9]*$"`
	Due     string `query:"due" enum:"overdue"`
	From    string `query:"from" maxLength:"40"`
	To      string `query:"to" maxLength:"40"`
}

func (in flowListIn) filter() (Filter, error) {
	f := Filter{Tab: in.Tab, Process: in.Process, State: in.State, Region: in.Region, Overdue: in.Due == "overdue"}
	var bad errs.Fields
	for _, x := range []struct {
		name, text string
		to         **clock.Stamp
	}{{"from", in.From, &f.From}, {"to", in.To, &f.To}} {
		if x.text == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339Nano, x.text)
		bad.Check(err == nil, x.name, "时间应写作 2026-11-24T06:30:56.000Z 的样式")
		*x.to = clock.Ptr(t)
	}
	return f, bad.Err()
}

type flowID struct {
	ID string `path:"id" maxLength:"40"`
}

// FlowActBody is an act on a task or on an instance.
type FlowActBody struct {
	Rev     int64          `json:"rev,omitempty"`
	To      []string       `json:"to,omitempty"`
	Target  string         `json:"target,omitempty" maxLength:"80"`
	Outcome string         `json:"outcome,omitempty" maxLength:"60"`
	Reason  string         `json:"reason,omitempty"`
	Values  map[string]any `json:"values,omitempty"`
	Files   []string       `json:"files,omitempty"`
}

func (b FlowActBody) input(act string) ActInput {
	return ActInput{Act: engine.Act(act), Rev: b.Rev, To: b.To, Target: b.Target, Outcome: b.Outcome, Reason: b.Reason, Values: b.Values, Files: b.Files}
}

type flowActIn struct {
	ID   string `path:"id" maxLength:"40"`
	Act  string `path:"act" maxLength:"20"`
	Body FlowActBody
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerRun(api)
	s.registerTasks(api)
	s.registerSaves(api)
	s.registerDefs(api)
	s.registerVersions(api)
}

func route(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"workflow"}}
}

func (s *Service) registerRun(api huma.API) {
	httpx.Register(api, httpx.SignedIn, route("flow-startables", http.MethodGet, "/api/flow/startables", "可发起的流程"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Startable], error) {
			return httpx.Out(s.Startables(ctx))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-start-form", http.MethodGet, "/api/flow/startables/{key}", "发起流程的表单"),
		func(ctx context.Context, in *struct {
			Key string `path:"key" maxLength:"60"`
		}) (*httpx.Body[StartForm], error) {
			return httpx.Out(s.StartForm(ctx, in.Key))
		})
	type started struct {
		ID string `json:"id"`
	}
	httpx.Register(api, httpx.SignedIn, route("flow-start", http.MethodPost, "/api/flow/startables/{key}/start", "发起流程"),
		func(ctx context.Context, in *struct {
			Key  string `path:"key" maxLength:"60"`
			Body struct {
				Title      string         `json:"title,omitempty" maxLength:"200"`
				RegionCode string         `json:"regionCode,omitempty" maxLength:"12"`
				Version    int            `json:"version,omitempty"`
				Values     map[string]any `json:"values,omitempty"`
			}
		}) (*httpx.Body[started], error) {
			id, err := s.StartByPerson(ctx, in.Key, Begin{Title: in.Body.Title, RegionCode: in.Body.RegionCode, Version: in.Body.Version, Values: in.Body.Values})
			return httpx.Out(started{id}, err)
		})
	httpx.Register(api, httpx.SignedIn, route("flow-instances", http.MethodGet, "/api/flow/instances", "流程列表"),
		func(ctx context.Context, in *flowListIn) (*httpx.Body[httpx.List[FlowItem]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			l, err := s.List(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			out := httpx.List[FlowItem]{Items: []FlowItem{}, Total: l.Total, Page: l.Page, Size: l.Size, AsOf: l.AsOf}
			for _, x := range l.Items {
				out.Items = append(out.Items, flowOf(x))
			}
			return httpx.Out(out, nil)
		})
	httpx.Register(api, httpx.SignedIn, route("flow-of-record", http.MethodGet, "/api/flow/records/{record}/{id}", "一条业务记录的流程"),
		func(ctx context.Context, in *struct {
			Record string `path:"record" maxLength:"40"`
			ID     string `path:"id" maxLength:"60"`
		}) (*httpx.Body[[]FlowItem], error) {
			list, err := s.OfRecord(ctx, in.Record, in.ID)
			out := []FlowItem{}
			for _, x := range list {
				out = append(out, flowOf(x))
			}
			return httpx.Out(out, err)
		})
	detail := func(ctx context.Context, id string) (*httpx.Body[FlowDetail], error) {
		v, forms, err := s.Instance(ctx, id)
		if err != nil {
			return nil, err
		}
		return httpx.Out(flowDetail(v, forms), nil)
	}
	httpx.Register(api, httpx.SignedIn, route("flow-instance", http.MethodGet, "/api/flow/instances/{id}", "流程详情"),
		func(ctx context.Context, in *flowID) (*httpx.Body[FlowDetail], error) { return detail(ctx, in.ID) })
	httpx.Register(api, httpx.SignedIn, route("flow-instance-act", http.MethodPost, "/api/flow/instances/{id}/{act}", "催办、抄送、撤回、终止"),
		func(ctx context.Context, in *flowActIn) (*httpx.Body[FlowDetail], error) {
			if err := s.ActOnInstance(ctx, in.ID, in.Body.input(in.Act)); err != nil {
				return nil, err
			}
			return detail(ctx, in.ID)
		})
}

func (s *Service) registerTasks(api huma.API) {
	detail := func(ctx context.Context, id string) (*httpx.Body[FlowTaskDetail], error) {
		v, err := s.Task(ctx, id)
		if err != nil {
			return nil, err
		}
		return httpx.Out(taskDetail(v), nil)
	}
	httpx.Register(api, httpx.SignedIn, route("flow-task", http.MethodGet, "/api/flow/tasks/{id}", "任务详情"),
		func(ctx context.Context, in *flowID) (*httpx.Body[FlowTaskDetail], error) { return detail(ctx, in.ID) })
	httpx.Register(api, httpx.SignedIn, route("flow-task-act", http.MethodPost, "/api/flow/tasks/{id}/{act}", "办理任务：签收、办理、退回、转办等"),
		func(ctx context.Context, in *flowActIn) (*httpx.Body[FlowTaskDetail], error) {
			if err := s.Act(ctx, in.ID, in.Body.input(in.Act)); err != nil {
				return nil, err
			}
			out, err := detail(ctx, in.ID)
			if errs.Is(err, errs.NotFoundCode) { // handed on: it is not the actor's any more
				return httpx.Out(FlowTaskDetail{Task: FlowTask{ID: in.ID, State: engine.Held, Kind: engine.Normal}, Instance: flowDetail(InstanceView{Instance: &Instance{Engine: engine.Instance{State: engine.Running}}}, nil), Allowed: []engine.Act{}, Outcomes: []bpmn.Outcome{}, Targets: []Target{}, Added: []FlowTask{}}, nil)
			}
			return out, err
		})
}

func (s *Service) registerSaves(api huma.API) {
	type target struct {
		Target string `path:"target" maxLength:"80"`
	}
	httpx.Register(api, httpx.SignedIn, route("flow-save", http.MethodPut, "/api/flow/saves/{target}", "暂存表单"),
		func(ctx context.Context, in *struct {
			Target string `path:"target" maxLength:"80"`
			Body   struct {
				Device string         `json:"device" maxLength:"60"`
				Rev    int64          `json:"rev"`
				Values map[string]any `json:"values"`
			}
		}) (*httpx.Body[Saved], error) {
			return httpx.Out(s.Save(ctx, in.Target, in.Body.Device, in.Body.Values, in.Body.Rev))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-discard", http.MethodDelete, "/api/flow/saves/{target}", "丢弃暂存"),
		func(ctx context.Context, in *target) (*struct{}, error) { return nil, s.Discard(ctx, in.Target) })
}

// designers and monitors alone reach these routes.
const designPerm = access.WorkflowDesign
