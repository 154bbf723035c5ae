// Package engine moves the tokens and tasks of a process. It is pure: an act
// takes a copy of an instance, changes it, and gives the new one with what
// has to happen outside (history, timers, copies). Storing it, telling people
// and asking who somebody is are left to the Host and the caller.
package engine

import (
	"maps"
	"slices"
	"time"

	"jiexun/center/internal/workflow/bpmn"
)

// States of an instance.
const (
	Running    = "running"
	Finished   = "finished"
	Rejected   = "rejected"
	Withdrawn  = "withdrawn"
	Terminated = "terminated"
)

// TaskState says how a task stands.
type TaskState string

// The states of a task.
const (
	Unclaimed TaskState = "unclaimed" // waits for one of the candidates
	Held      TaskState = "held"      // somebody has it
	Delegated TaskState = "delegated" // is with somebody else and comes back
	Waiting   TaskState = "waiting"   // waits for people asked before it
	Queued    TaskState = "queued"    // its turn has not come
	Done      TaskState = "done"
	Cancelled TaskState = "cancelled"
)

// Open tells whether the task still has to be done.
func (s TaskState) Open() bool { return s != Done && s != Cancelled }

// Kinds of tasks.
const (
	Normal   = "normal"
	Before   = "before"   // 前加签
	After    = "after"    // 后加签
	Resubmit = "resubmit" // with the starter, who may hand it in again
)

// Who is a candidate: a person, or a role in an organisation.
type Who struct {
	Person string `json:"person,omitempty"`
	Role   string `json:"role,omitempty"`
	OrgID  string `json:"orgId,omitempty"`
}

// Visit is a node that a token has left behind, with the depth of parallel
// splits at which it was.
type Visit struct {
	Node  string `json:"node"`
	Depth int    `json:"depth"`
}

// Token stands at one node. At a join Flow tells by which branch it came.
type Token struct {
	ID   int    `json:"id"`
	Node string `json:"node"`
	Flow string `json:"flow,omitempty"`
	// Forks are the splits that the token is inside of, outermost first.
	Forks []int   `json:"forks,omitempty"`
	Path  []Visit `json:"path,omitempty"`
	// Side marks a branch of a timer that does not interrupt.
	Side bool `json:"side,omitempty"`
}

// Task is one person's or one group's part of a node.
type Task struct {
	ID    string
	Node  string
	Token int
	Round int
	Kind  string
	// Order is the place in a sequence.
	Order      int
	State      TaskState
	Candidates []Who
	Assignee   string
	// Owner lent the task to Assignee and gets it back.
	Owner string
	// Parent is the task that this one was added to.
	Parent  string
	Outcome string
	// ActedBy did it, in place of Behalf when that is set.
	ActedBy, Behalf string
	CreatedAt       time.Time
	DueAt           *time.Time
	EndedAt         *time.Time
}

// Instance is a running or ended process.
type Instance struct {
	ID, State, Outcome string
	Starter            string
	Vars               map[string]any
	Tokens             []Token
	Tasks              []Task
	// Seq numbers tokens and forks.
	Seq int
	// Acted tells that somebody other than the starter has acted.
	Acted   bool
	UrgedAt *time.Time
	// Taken are the flows that tokens went over, each once.
	Taken []string
}

// clone copies an instance deeply enough for acts to change it.
func (in *Instance) clone() *Instance {
	c := *in
	c.Vars = maps.Clone(in.Vars)
	c.Tokens = slices.Clone(in.Tokens)
	for i := range c.Tokens {
		c.Tokens[i].Forks, c.Tokens[i].Path = slices.Clone(c.Tokens[i].Forks), slices.Clone(c.Tokens[i].Path)
	}
	c.Tasks, c.Taken = slices.Clone(in.Tasks), slices.Clone(in.Taken)
	return &c
}

// Task finds a task.
func (in *Instance) Task(id string) *Task {
	for i := range in.Tasks {
		if in.Tasks[i].ID == id {
			return &in.Tasks[i]
		}
	}
	return nil
}

func (in *Instance) token(id int) *Token {
	for i := range in.Tokens {
		if in.Tokens[i].ID == id {
			return &in.Tokens[i]
		}
	}
	return nil
}

// OpenTasks lists what has to be done now or later.
func (in *Instance) OpenTasks() []Task {
	out := []Task{}
	for _, t := range in.Tasks {
		if t.State.Open() {
			out = append(out, t)
		}
	}
	return out
}

// children lists the tasks added to a task.
func (in *Instance) children(id, kind string) []*Task {
	out := []*Task{}
	for i := range in.Tasks {
		if t := &in.Tasks[i]; t.Parent == id && t.Kind == kind {
			out = append(out, t)
		}
	}
	return out
}

// Actor is who acts.
type Actor struct {
	ID string
	// For are the absent people whose substitute the actor is.
	For    []string
	Groups []Who
	// Monitor may look after every instance.
	Monitor bool
	// System is a timer or another part of the center.
	System bool
}

// Entry is a line of the history.
type Entry struct {
	Act    Act
	Node   string
	TaskID string
	Actor  string
	// Behalf is the absent person in whose place Actor acted.
	Behalf  string
	To      []string
	Outcome string
	Reason  string
}

// Timer is a boundary timer to be set or cancelled.
type Timer struct {
	Key   string
	Token int
	Node  string // the boundary event
	At    time.Time
}

// Effects are what an act asks of the outside. Timers are cancelled before
// new ones are set.
type Effects struct {
	History []Entry
	Set     []Timer
	Cancel  []string
	// CC are people who are told.
	CC []string
	// Urged are the tasks whose people are reminded.
	Urged []string
	// Ended tells that the instance came to its end.
	Ended bool
}

// Host answers what the engine cannot know.
type Host interface {
	NewID() string
	Now() time.Time
	// Resolve turns candidates into people and groups.
	Resolve(in *Instance, list []bpmn.Candidate) ([]Who, error)
	// Members lists the people in a group.
	Members(w Who) ([]string, error)
	// Call does a service task and gives variables to set.
	Call(in *Instance, n *bpmn.Node) (map[string]any, error)
	// Due gives the deadline of a user task, nil without one.
	Due(in *Instance, n *bpmn.Node) (*time.Time, error)
	// TimerAt gives the moment of a boundary timer that starts now.
	TimerAt(in *Instance, n *bpmn.Node) (time.Time, error)
}

// Refused is a forbidden act with its reason; the state did not change.
type Refused struct{ Reason string }

// Error implements error.
func (r *Refused) Error() string { return r.Reason }

// Invalid is a wrong input of an act.
type Invalid struct{ Field, Message string }

// Error implements error.
func (e *Invalid) Error() string { return e.Message }
