package todo

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
)

// TodoItem is an item in a list.
type TodoItem struct {
	ID           string       `json:"id"`
	Source       string       `json:"source"`
	SourceName   string       `json:"sourceName"`
	SourceID     string       `json:"sourceId"`
	Key          string       `json:"key"`
	Kind         string       `json:"kind"`
	KindLabel    string       `json:"kindLabel"`
	Title        string       `json:"title"`
	Summary      string       `json:"summary"`
	Path         string       `json:"path"`
	PhonePath    string       `json:"phonePath"`
	RegionCode   string       `json:"regionCode"`
	Assignee     string       `json:"assignee,omitempty"`
	AssigneeName string       `json:"assigneeName,omitempty"`
	Group        *Group       `json:"group,omitempty"`
	GroupName    string       `json:"groupName,omitempty"`
	StarterName  string       `json:"starterName,omitempty"`
	Priority     int          `json:"priority" doc:"0 normal, 1 high, 2 urgent"`
	DueAt        *clock.Stamp `json:"dueAt,omitempty" format:"date-time"`
	NearAt       *clock.Stamp `json:"nearAt,omitempty" format:"date-time"`
	DueState     DueState     `json:"dueState" enum:"over,near,normal,paused,none,done"`
	DueNote      string       `json:"dueNote,omitempty"`
	RemainingS   int64        `json:"remainingS" doc:"Seconds to the deadline, negative when over"`
	Step         int          `json:"step"`
	Steps        int          `json:"steps"`
	StepName     string       `json:"stepName"`
	State        string       `json:"state" enum:"open,done,cancelled"`
	Outcome      string       `json:"outcome,omitempty"`
	ClosedName   string       `json:"closedName,omitempty"`
	CreatedAt    clock.Stamp  `json:"createdAt" format:"date-time"`
	ClosedAt     *clock.Stamp `json:"closedAt,omitempty" format:"date-time"`
	Unread       bool         `json:"unread"`
	Acts         []TodoAct    `json:"acts" doc:"What can be done from here"`
	OnBehalf     string       `json:"onBehalf,omitempty" doc:"The absent person it belongs to"`
	Rev          int64        `json:"rev"`
}

// TodoAct is an act with its word.
type TodoAct struct {
	Code  string `json:"code"`
	Label string `json:"label"`
}

// TodoDetail is an item with the people who have a copy.
type TodoDetail struct {
	TodoItem
	CC []TodoPerson `json:"cc"`
}

// TodoPerson is a name for an id.
type TodoPerson struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (s *Service) itemOf(st standing, v View, now time.Time) TodoItem {
	state, left := v.Due(now)
	out := TodoItem{
		ID: v.ID, Source: v.Source, SourceName: v.Source, SourceID: v.SourceID, Key: v.Key, Kind: v.Kind, KindLabel: KindLabel(v.Kind),
		Title: v.Title, Summary: v.Summary, Path: v.Path, PhonePath: v.PhonePath, RegionCode: v.RegionCode, Assignee: v.Assignee,
		AssigneeName: v.AssigneeName, Group: v.Group, GroupName: v.GroupName, StarterName: v.StarterName, Priority: v.Priority,
		DueAt: v.DueAt, NearAt: v.NearAt, DueState: state, DueNote: v.DueNote, RemainingS: left, Step: v.Step, Steps: v.Steps, StepName: v.StepName,
		State: v.State, Outcome: v.Outcome, ClosedName: v.ClosedName, CreatedAt: v.CreatedAt, ClosedAt: v.ClosedAt, Unread: v.Unread,
		Acts: []TodoAct{}, OnBehalf: st.behalf(v.Assignee), Rev: v.Rev,
	}
	if src := s.sources[v.Source]; src != nil {
		out.SourceName = src.label
	}
	for _, a := range s.acts(st, v) {
		out.Acts = append(out.Acts, TodoAct{a, actLabel(a)})
	}
	return out
}

// FilterParams is the query string that list and next share.
type FilterParams struct {
	Tab      string `query:"tab" enum:"todo,group,started,cc,done" default:"todo"`
	Kind     string `query:"kind" maxLength:"30"`
	Source   string `query:"source" maxLength:"30"`
	Region   string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Due      string `query:"due" enum:"over,today,soon,later,paused,hours"`
	Priority int    `query:"priority" minimum:"0" maximum:"2"`
	Unread   bool   `query:"unread"`
	Closed   bool   `query:"closed" doc:"What is closed, in the tabs that have both"`
}

func (p FilterParams) filter() Filter {
	tab := Tab(p.Tab)
	if tab == "" {
		tab = TabTodo
	}
	return Filter{Tab: tab, Kind: p.Kind, Source: p.Source, Region: p.Region, Due: p.Due, Priority: p.Priority, Unread: p.Unread, Closed: p.Closed}
}

type idPath struct {
	ID string `path:"id" maxLength:"40"`
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	reg := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"todos"}}
	}
	httpx.Register(api, httpx.SignedIn, reg("todos-list", http.MethodGet, "/api/todos", "List to-dos"), s.httpList)
	httpx.Register(api, httpx.SignedIn, reg("todos-counts", http.MethodGet, "/api/todos/counts", "Numbers of the to-do centre"),
		func(ctx context.Context, in *struct {
			Tab string `query:"tab" enum:"todo,group,started,cc,done" default:"todo"`
		}) (*httpx.Body[Counts], error) {
			tab := Tab(in.Tab)
			if tab == "" {
				tab = TabTodo
			}
			return httpx.Out(s.Counts(ctx, tab))
		})
	httpx.Register(api, httpx.SignedIn, reg("todos-kinds", http.MethodGet, "/api/todos/kinds", "Kinds of to-dos"),
		func(context.Context, *struct{}) (*httpx.Body[[]Label], error) { return httpx.Out(Kinds(), nil) })
	httpx.Register(api, httpx.SignedIn, reg("todos-get", http.MethodGet, "/api/todos/{id}", "One to-do"), s.httpGet)
	httpx.Register(api, httpx.SignedIn, reg("todos-next", http.MethodGet, "/api/todos/{id}/next", "The to-do after one"), s.httpNext)
	httpx.Register(api, httpx.SignedIn, reg("todos-claim", http.MethodPost, "/api/todos/{id}/claim", "Claim a to-do of a group"),
		func(ctx context.Context, in *idPath) (*httpx.Body[TodoItem], error) {
			return s.httpAfter(ctx, in.ID, s.Claim)
		})
	httpx.Register(api, httpx.SignedIn, reg("todos-release", http.MethodPost, "/api/todos/{id}/release", "Give a claimed to-do back"),
		func(ctx context.Context, in *idPath) (*httpx.Body[TodoItem], error) {
			return s.httpAfter(ctx, in.ID, s.Release)
		})
	httpx.Register(api, httpx.SignedIn, reg("todos-batch", http.MethodPost, "/api/todos/batch", "One act on many to-dos"),
		func(ctx context.Context, in *struct {
			Body struct {
				Act  string          `json:"act" maxLength:"30"`
				IDs  []string        `json:"ids" minItems:"1" maxItems:"200"`
				Args json.RawMessage `json:"args,omitempty"`
			}
		}) (*httpx.Body[[]Result], error) {
			return httpx.Out(s.Batch(ctx, in.Body.Act, in.Body.IDs, in.Body.Args))
		})
	httpx.Register(api, httpx.SignedIn, reg("todo-filters-list", http.MethodGet, "/api/todo-filters", "Saved filters"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Saved], error) { return httpx.Out(s.Saved(ctx)) })
	httpx.Register(api, httpx.SignedIn, reg("todo-filters-save", http.MethodPost, "/api/todo-filters", "Save a filter"),
		func(ctx context.Context, in *struct{ Body SavedInput }) (*httpx.Body[Saved], error) {
			b := in.Body
			return httpx.Out(s.Save(ctx, Saved{ID: b.ID, Name: b.Name, Query: b.Query, Shared: b.Shared, Default: b.Default}))
		})
	httpx.Register(api, httpx.SignedIn, reg("todo-filters-drop", http.MethodDelete, "/api/todo-filters/{id}", "Delete a saved filter"),
		func(ctx context.Context, in *idPath) (*struct{}, error) { return nil, s.Drop(ctx, in.ID) })
}

// SavedInput is a filter to keep.
type SavedInput struct {
	ID      string `json:"id,omitempty" maxLength:"40"`
	Name    string `json:"name" maxLength:"40"`
	Query   string `json:"query" maxLength:"1000"`
	Shared  bool   `json:"shared,omitempty"`
	Default bool   `json:"default,omitempty"`
}

func (s *Service) httpList(ctx context.Context, in *struct {
	httpx.Paging
	FilterParams
}) (*httpx.Body[httpx.List[TodoItem]], error) {
	st, err := s.standingOf(ctx)
	if err != nil {
		return nil, err
	}
	res, err := s.listFor(ctx, st, in.filter(), in.Paging)
	if err != nil {
		return nil, err
	}
	out := make([]TodoItem, len(res.Items))
	for i, v := range res.Items {
		out[i] = s.itemOf(st, v, res.AsOf.Time())
	}
	return httpx.Out(httpx.NewList(out, res.Total, in.Paging, res.AsOf.Time()), nil)
}

func (s *Service) httpGet(ctx context.Context, in *idPath) (*httpx.Body[TodoDetail], error) {
	d, err := s.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	st, err := s.standingOf(ctx)
	if err != nil {
		return nil, err
	}
	out := TodoDetail{TodoItem: s.itemOf(st, d.View, s.db.Now()), CC: []TodoPerson{}}
	for _, p := range d.CC {
		out.CC = append(out.CC, TodoPerson{p.ID, p.Name})
	}
	return httpx.Out(out, nil)
}

// TodoNext is the next item, absent when there is none.
type TodoNext struct {
	Item *TodoItem `json:"item,omitempty"`
}

func (s *Service) httpNext(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"40"`
	FilterParams
	Q string `query:"q" maxLength:"80"`
}) (*httpx.Body[TodoNext], error) {
	f := in.filter()
	f.Q = in.Q
	v, err := s.Next(ctx, in.ID, f)
	if err != nil {
		return nil, err
	}
	out := TodoNext{}
	if v != nil {
		st, err := s.standingOf(ctx)
		if err != nil {
			return nil, err
		}
		x := s.itemOf(st, *v, s.db.Now())
		out.Item = &x
	}
	return httpx.Out(out, nil)
}

func (s *Service) httpAfter(ctx context.Context, id string, act func(context.Context, string) (View, error)) (*httpx.Body[TodoItem], error) {
	v, err := act(ctx, id)
	if err != nil {
		return nil, err
	}
	st, err := s.standingOf(ctx)
	if err != nil {
		return nil, err
	}
	return httpx.Out(s.itemOf(st, v, s.db.Now()), nil)
}
