// Package workflow runs processes and forms. Definitions are drawn in BPMN
// (folder bpmn), moved by a pure engine (folder engine) and filled in by forms
// (folder form); this package stores them, asks the organisation who may do
// what, and tells the to-do centre. service_def*.go has the definitions,
// service_run.go and service_act.go the instances, store*.go the SQL.
package workflow

import (
	"context"
	"encoding/json"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/workflow/bpmn"
	"jiexun/center/internal/workflow/engine"
)

// Kinds of definitions.
const (
	KindProcess = "process"
	KindForm    = "form"
)

// TopicChanged is the outbox topic of every change of an instance.
const TopicChanged = "workflow.changed"

// Changed is the payload of workflow.changed.
type Changed struct {
	InstanceID string   `json:"instanceId"`
	Process    string   `json:"process"`
	Record     string   `json:"record"`
	RecordID   string   `json:"recordId"`
	RegionCode string   `json:"regionCode"`
	State      string   `json:"state"`
	Act        string   `json:"act"`
	Persons    []string `json:"persons"`
	// Urged are people who are reminded, CC people who get a copy.
	Urged []string    `json:"urged,omitempty"`
	CC    []string    `json:"cc,omitempty"`
	Title string      `json:"title"`
	At    clock.Stamp `json:"at"`
}

// Definition is a process or a form as lists show it.
type Definition struct {
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	Category string `json:"category"`
	// Version is the newest published one, 0 when there is none.
	Version     int          `json:"version"`
	PublishedAt *clock.Stamp `json:"publishedAt,omitempty"`
	PublishedBy string       `json:"publishedBy"`
	UpdatedAt   clock.Stamp  `json:"updatedAt"`
	UpdatedBy   string       `json:"updatedBy"`
	// Changed tells that the draft differs from the newest version.
	Changed bool  `json:"changed"`
	Running int64 `json:"running"`
	Rev     int64 `json:"rev"`
}

// Draft is the text that a designer works on.
type Draft struct {
	Kind     string `json:"kind"`
	Key      string `json:"key"`
	Name     string `json:"name"`
	Category string `json:"category"`
	Body     string `json:"body"`
	Options  string `json:"options"`
	Rev      int64  `json:"rev"`
}

// Version is a published text.
type Version struct {
	ID            string      `json:"id"`
	Kind          string      `json:"kind"`
	Key           string      `json:"key"`
	Version       int         `json:"version"`
	Name          string      `json:"name"`
	Category      string      `json:"category"`
	Body          string      `json:"body"`
	Options       string      `json:"options"`
	Derived       string      `json:"derived"`
	Startable     bool        `json:"startable"`
	Note          string      `json:"note"`
	Digest        string      `json:"digest"`
	PublishedBy   string      `json:"publishedBy"`
	PublishedName string      `json:"publishedName"`
	PublishedAt   clock.Stamp `json:"publishedAt"`
}

// Fault is one reason why a definition cannot be published.
type Fault struct {
	ID      string `json:"id"`
	Message string `json:"message"`
}

// Instance is a running or ended process.
type Instance struct {
	ID, No               string
	Process, ProcessName string
	VersionID            string
	Version              int
	Record, RecordID     string
	Title, RegionCode    string
	StarterName          string
	StarterOrg           string
	AtNodes              string
	Data                 map[string]map[string]any
	Pins                 map[string]int
	DueAt                *clock.Stamp
	CreatedAt            clock.Stamp
	EndedAt              *clock.Stamp
	Rev                  int64
	// Engine is what the engine moves.
	Engine engine.Instance
}

// TaskInfo is what is stored of a task beside what the engine knows.
type TaskInfo struct {
	engine.Task
	InstanceID                                     string
	NodeName                                       string
	AssigneeName, OwnerName, ActedName, BehalfName string
	Seq                                            int
	Rev                                            int64
}

// Entry is a line of the history.
type Entry struct {
	ID          string      `json:"id"`
	At          clock.Stamp `json:"at"`
	Act         engine.Act  `json:"act"`
	Label       string      `json:"label"`
	Node        string      `json:"node"`
	NodeName    string      `json:"nodeName"`
	TaskID      string      `json:"taskId"`
	Actor       string      `json:"actor"`
	ActorName   string      `json:"actorName"`
	ActorOrg    string      `json:"actorOrg"`
	BehalfName  string      `json:"behalfName"`
	ToNames     string      `json:"toNames"`
	Outcome     string      `json:"outcome"`
	OutcomeName string      `json:"outcomeName"`
	Reason      string      `json:"reason"`
	Files       []string    `json:"files"`
}

// StartInput begins a process for a record of a domain.
type StartInput struct {
	Process, Record, RecordID string
	Title, RegionCode         string
	// Starter is a person's id.
	Starter string
	Vars    map[string]any
	// Data are values of forms, by form key.
	Data map[string]map[string]any
}

// Finished tells a domain that a process of one of its records ended.
type Finished struct {
	InstanceID, Process, Record, RecordID string
	// State is finished, rejected, withdrawn or terminated.
	State   string
	Outcome string
	Vars    map[string]any
	Data    map[string]map[string]any
	// By is who did the last act, Reason what they wrote.
	By, Reason string
}

// FinishFunc takes the end of a process in its transaction.
type FinishFunc func(ctx context.Context, tx db.Tx, f Finished) error

// ServiceFunc does a service task in the transaction and gives variables to
// set.
type ServiceFunc func(ctx context.Context, tx db.Tx, in *Instance) (map[string]any, error)

// Person is somebody of the organisation.
type Person struct {
	ID, Name, OrgID, OrgName string
	Active                   bool
}

// People is what workflow asks of the organisation.
type People interface {
	Person(ctx context.Context, id string) (Person, bool, error)
	GroupsOf(ctx context.Context, id string) ([]engine.Who, error)
	// ActingFor lists the absent people whom somebody stands in for now.
	ActingFor(ctx context.Context, id string) ([]string, error)
	Members(ctx context.Context, role, orgID string) ([]Person, error)
	// OrgFor gives the organisation that a place means; "" when there is none.
	OrgFor(ctx context.Context, where bpmn.Where, starterOrg, regionCode string) (string, error)
	// GroupName is the word for a role in an organisation.
	GroupName(ctx context.Context, role, orgID string) (string, error)
	// RoleKnown tells whether a role exists.
	RoleKnown(role string) bool
}

// Todo is what waits for somebody.
type Todo struct {
	TaskID, Key    string
	Title, Summary string
	RegionCode     string
	Assignee       string
	Role, OrgID    string
	Starter        string
	CC             []string
	Priority       int
	DueAt          *clock.Stamp
	Step, Steps    int
	StepName       string
}

// Todos is the to-do centre.
type Todos interface {
	Put(ctx context.Context, tx db.Tx, t Todo) error
	// Close ends all items of a task as done, Cancel as not done; with key
	// "" all of them.
	Close(ctx context.Context, tx db.Tx, taskID, key, by, outcome string) error
	Cancel(ctx context.Context, tx db.Tx, taskID, key, reason string) error
}

// Clocks are the deadlines of tasks.
type Clocks interface {
	// Start begins the clock of a task by a rule and gives its end.
	Start(ctx context.Context, tx db.Tx, c Clock) (*clock.Stamp, error)
	Stop(ctx context.Context, tx db.Tx, taskID, outcome string) error
	// DueOf computes the end of a rule; false when no rule has the code.
	DueOf(ctx context.Context, rule string, at time.Time) (time.Time, bool, error)
}

// Clock is a clock to be started.
type Clock struct {
	TaskID, Name, Title, Rule, RegionCode string
	Vars                                  map[string]any
}

// Timers fire once, in one transaction with their effect.
type Timers interface {
	At(ctx context.Context, tx db.Tx, kind, key string, at time.Time, payload any) error
	Cancel(ctx context.Context, tx db.Tx, kind, key string) error
}

// Files tells whether a file was uploaded.
type Files interface {
	Has(ctx context.Context, sm3 string) bool
}

// decode reads JSON that the store wrote.
func decode(text string, v any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v)
}
