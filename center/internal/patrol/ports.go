package patrol

import (
	"context"
	"encoding/json"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/jobs"
)

// Org is an organisation that tasks are given to.
type Org struct {
	ID, Name string
	// Kind is bureau, district, squad or unit.
	Kind       string
	RegionCode string
}

// People is what patrol asks of the organisation tree.
type People interface {
	// Org gives one organisation that works; false when there is none. One
	// that was merged stands for where it went.
	Org(ctx context.Context, id string) (Org, bool, error)
	// SquadOf gives the squad of a street (9 digits); false when there is
	// none.
	SquadOf(ctx context.Context, regionCode string) (Org, bool, error)
}

// Calendar gives the working days as they are entered now.
type Calendar interface {
	Calendar(ctx context.Context) (calendar.Calendar, error)
}

// Timers fire once, in one transaction with their effect.
type Timers interface {
	At(ctx context.Context, tx db.Tx, kind, key string, at time.Time, payload any) error
	Cancel(ctx context.Context, tx db.Tx, kind, key string) error
	HandleTx(kind, title string, fn jobs.TxFunc)
}

// Boxes is the line to the edge boxes of this center.
type Boxes interface {
	// Connected lists the boxes that are connected to this center now.
	Connected() []string
	Send(ctx context.Context, edge string, c edgev1.Command) (edgev1.Result, error)
}

// Pictures tells whether a picture is in the file store.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
}

// Todos is told of every change of a task, in its transaction, so that what
// waits for whom is never late.
type Todos interface {
	TaskChanged(ctx context.Context, tx db.Tx, t Task) error
}

// Clocks runs the deadline of a task: told of every change in its
// transaction, it gives the moment at which the task is due.
type Clocks interface {
	TaskClock(ctx context.Context, tx db.Tx, t Task) (*clock.Stamp, error)
}

// Risk finds the shops of risk levels, in a part of the city; absent while
// shops are not scored.
type Risk interface {
	Levels() []RiskLevel
	ShopsAt(ctx context.Context, levels, prefixes []string) ([]string, error)
}

// RiskLevel names a level for people.
type RiskLevel struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

type noTodos struct{}

func (noTodos) TaskChanged(context.Context, db.Tx, Task) error { return nil }

type noClocks struct{}

func (noClocks) TaskClock(context.Context, db.Tx, Task) (*clock.Stamp, error) { return nil, nil }

// Topics that patrol publishes.
const (
	TopicSign      = "patrol.sign_seen"
	TopicRechecked = "patrol.rechecked"
	TopicTask      = "patrol.task"
)

// SignSeen is the payload of patrol.sign_seen: a sign that a survey read.
type SignSeen struct {
	ObservationID string          `json:"observationId"`
	TaskID        string          `json:"taskId"`
	CameraID      string          `json:"cameraId"`
	ZoneID        string          `json:"zoneId"`
	ShopID        string          `json:"shopId"`
	RegionCode    string          `json:"regionCode"`
	Lng           float64         `json:"lng"`
	Lat           float64         `json:"lat"`
	At            clock.Stamp     `json:"at"`
	YMD           int             `json:"ymd"`
	Text          string          `json:"text"`
	Lines         []string        `json:"lines"`
	Confidence    float64         `json:"confidence"`
	Verdict       string          `json:"verdict"`
	GlyphPx       int             `json:"glyphPx"`
	Box           edgev1.Box      `json:"box"`
	Crop          string          `json:"crop"`
	Frame         string          `json:"frame"`
	ByHand        bool            `json:"byHand"`
	Sign          json.RawMessage `json:"sign,omitempty"`
}

// Rechecked is the payload of patrol.rechecked: the camera has looked again
// for an order, or could not (Seen false). Evidence are digests of pictures.
type Rechecked struct {
	ID       string      `json:"id"`
	OrderID  string      `json:"orderId"`
	TaskID   string      `json:"taskId"`
	CameraID string      `json:"cameraId"`
	ZoneID   string      `json:"zoneId"`
	Clean    bool        `json:"clean"`
	Seen     bool        `json:"seen"`
	Reason   string      `json:"reason"`
	At       clock.Stamp `json:"at"`
	Evidence []string    `json:"evidence"`
}

// TaskChanged is the payload of patrol.task.
type TaskChanged struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	PlanID     string      `json:"planId"`
	Kind       Kind        `json:"kind"`
	State      TaskState   `json:"state"`
	Change     string      `json:"change"` // made | assigned | supplement | done | overdue | cancelled
	RegionCode string      `json:"regionCode"`
	OrgID      string      `json:"orgId"`
	At         clock.Stamp `json:"at"`
}
