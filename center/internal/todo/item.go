// Package todo is the to-do centre: whatever waits for a person or a group is
// one row here, written by its source in the source's own transaction, so
// that closing the source closes the to-do. item.go has the pure rules,
// service*.go the use cases, store*.go the SQL, http.go the routes.
package todo

import (
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Group is everyone who holds a role in an organisation.
type Group struct {
	Role  string `json:"role"`
	OrgID string `json:"orgId"`
}

// Holder is the group as lists and notices name it.
func (g Group) Holder() string { return g.Role + "@" + g.OrgID }

// Item is what a source publishes. Source, SourceID and Key together are its
// identity: publishing again changes the item, or opens it again.
type Item struct {
	Source, SourceID, Key string
	// Kind is order, approval, notice, case, job, security, …: see Kinds.
	Kind           string
	Title, Summary string
	// Path and PhonePath open the source on the console and on the phone.
	Path, PhonePath string
	RegionCode      string
	// Assignee is a person; or Group says who may take it.
	Assignee string
	Group    *Group
	// Starter is kept when a later Put leaves it empty.
	Starter string
	CC      []string
	// Priority is 0 normal, 1 high, 2 urgent.
	Priority int
	// DueAt is the deadline; NearAt, from which on it is near, follows from
	// it when absent. Without DueAt, DueNote says why the time stands still.
	DueAt, NearAt *clock.Stamp
	DueNote       string
	Step, Steps   int
	StepName      string
}

// Tab is one of the lists.
type Tab string

// The tabs.
const (
	TabTodo    Tab = "todo"    // waits for me
	TabGroup   Tab = "group"   // unclaimed, waits for a group of mine
	TabStarted Tab = "started" // begun by me
	TabCC      Tab = "cc"      // copied to me
	TabDone    Tab = "done"    // done by me
)

// States of an item.
const (
	Open      = "open"
	Done      = "done"
	Cancelled = "cancelled"
)

// Changes that todo.changed tells of.
const (
	Created    = "created"
	DueMoved   = "due"
	NearNow    = "near"
	OverdueNow = "overdue"
	Closed     = "closed"
	Withdrawn  = "cancelled"
	Claimed    = "claimed"
	Reassigned = "reassigned"
	Updated    = "updated"
)

// TopicChanged is the outbox topic of every change.
const TopicChanged = "todo.changed"

// Changed is the payload of todo.changed. Holders are the people and groups
// whose lists changed, those included who hold it no more.
type Changed struct {
	ID       string   `json:"id"`
	Source   string   `json:"source"`
	SourceID string   `json:"sourceId"`
	Key      string   `json:"key"`
	Kind     string   `json:"kind"`
	Change   string   `json:"change"`
	Persons  []string `json:"persons"`
	Holders  []string `json:"holders"`
	Group    *Group   `json:"group,omitempty"`
	// Rev tells one state of the item from the next.
	Rev int64 `json:"rev"`
}

// Label is a code with the word that people see.
type Label struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Kinds lists the kinds of to-dos.
func Kinds() []Label {
	return []Label{
		{"order", "非现工单"}, {"case", "案件"}, {"complaint", "诉件"}, {"approval", "审批"}, {"notice", "告知与反馈"},
		{"task", "流程任务"}, {"security", "安全预警"}, {"job", "后台任务"}, {"patrol", "巡检"}, {"other", "其他"},
	}
}

// KindLabel is the word for a kind.
func KindLabel(code string) string {
	for _, k := range Kinds() {
		if k.Code == code {
			return k.Name
		}
	}
	return code
}

// far stands for "no deadline" in the order of lists, farPaused for a clock
// that stands still.
const (
	far       clock.Stamp = 253402300799000
	farPaused clock.Stamp = far + 1
)

// check refuses an item that a source filled wrongly.
func (it Item) check() error {
	var f errs.Fields
	f.Check(it.Source != "" && it.SourceID != "" && it.Key != "", "source", "待办缺少来源、来源编号或环节")
	f.Check(it.Kind != "", "kind", "待办缺少类型")
	f.Check(strings.TrimSpace(it.Title) != "", "title", "待办缺少标题")
	f.Check(it.Assignee != "" || it.Group != nil && it.Group.Role != "" && it.Group.OrgID != "", "assignee", "待办缺少办理人或候选组")
	f.Check(it.Priority >= 0 && it.Priority <= 2, "priority", "优先级应为 0 到 2")
	f.Check(it.Step >= 0 && it.Steps >= it.Step, "step", "环节序号应在 0 到总环节数之间")
	for _, p := range []string{it.Path, it.PhonePath} {
		f.Check(p == "" || strings.HasPrefix(p, "/") && !strings.HasPrefix(p, "//"), "path", "待办的地址应以一个 / 开头")
	}
	return f.Err()
}

// nearOf gives the moment from which a deadline is near: the day it falls on,
// or the last fifth of the time, whichever is earlier.
func nearOf(from, due clock.Stamp) clock.Stamp {
	day := clock.At(clock.DayStart(due.Time()))
	return max(from, min(day, due-(due-from)/5))
}

// sortOf is the place of an open item in lists.
func sortOf(due *clock.Stamp, note string) clock.Stamp {
	switch {
	case due != nil:
		return *due
	case note != "":
		return farPaused
	}
	return far
}

// DueState says how a deadline stands.
type DueState string

// The due states.
const (
	Over   DueState = "over"
	Near   DueState = "near"
	Normal DueState = "normal"
	Paused DueState = "paused"
	Free   DueState = "none"
	Ended  DueState = "done"
)

// Due gives the state of the deadline at now and the seconds left, negative
// when over.
func (v View) Due(now time.Time) (DueState, int64) {
	at := clock.At(now)
	switch {
	case v.State != Open:
		if v.DueAt == nil || v.ClosedAt == nil {
			return Ended, 0
		}
		return Ended, int64(*v.DueAt-*v.ClosedAt) / 1000
	case v.DueAt == nil && v.DueNote != "":
		return Paused, 0
	case v.DueAt == nil:
		return Free, 0
	}
	left := int64(*v.DueAt-at) / 1000
	switch {
	case *v.DueAt <= at:
		return Over, left
	case v.NearAt != nil && *v.NearAt <= at:
		return Near, left
	}
	return Normal, left
}

// nextFire gives the next moment at which people are told, after now.
func nextFire(due, near *clock.Stamp, now clock.Stamp) (*clock.Stamp, string) {
	switch {
	case due == nil:
		return nil, ""
	case near != nil && *near > now && *near < *due:
		return near, NearNow
	}
	// One that is overdue when it is published is told of at once.
	return due, OverdueNow
}

// View is an item as people see it.
type View struct {
	ID string
	Item
	AssigneeName, GroupName, StarterName string
	State, Outcome                       string
	ClosedBy, ClosedName                 string
	CreatedAt, UpdatedAt                 clock.Stamp
	ClosedAt                             *clock.Stamp
	Rev                                  int64
	// Holder is whose row of the list this is, Unread that they have not
	// looked at it.
	Holder string
	Unread bool
}

// groupName is the word for a group.
func groupName(g Group, org string) string {
	name := g.Role
	if r, ok := access.RoleByCode(g.Role); ok {
		name = r.Name
	}
	return strings.TrimSpace(org + " " + name)
}
