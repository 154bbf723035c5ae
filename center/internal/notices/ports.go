package notices

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"jiexun/center/internal/deadline"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/todo"
)

// Facts are what a notice says of what was seen, and whom it concerns.
type Facts struct {
	OrderID, OrderNo       string
	AlertID                string
	Kind                   string
	ShopID, ShopName       string
	Address                string
	RegionCode, StreetName string
	Lng, Lat               float64
	CameraID, CameraName   string
	ZoneID                 string
	SquadOrgID, SquadName  string
	OfficerID, OfficerName string
	EvidenceUse            string
	// SeenAt is when it was first seen, Until when it was last.
	SeenAt, Until *clock.Stamp
	DueAt         *clock.Stamp
	Picture, Clip string
	Box           *Box
	// Closed says that the order waits for nobody any more.
	Closed bool
}

// Sources are where the facts come from: in the scope of the context's actor,
// else not found.
type Sources interface {
	Order(ctx context.Context, id string) (Facts, error)
	Alert(ctx context.Context, id string) (Facts, error)
	Shop(ctx context.Context, id string) (Facts, error)
}

// Contact is how a shop is reached.
type Contact struct {
	Name, Phone, CreditCode, Business string
}

// Shops is what notices ask of the registry of shops. Contact gives the
// telephone number in full, for sending.
type Shops interface {
	Contact(ctx context.Context, tx db.Tx, id string) (Contact, bool, error)
	Business(ctx context.Context, id string) (string, error)
}

// Law is the cause library.
type Law interface {
	At(ctx context.Context, code string, when time.Time) (Cause, error)
	ForKind(ctx context.Context, kind string, when time.Time) ([]Cause, error)
}

// Org is an organisation that looks after notices.
type Org struct{ ID, Name string }

// People is what notices ask of the organisation.
type People interface {
	// SquadOf and DistrictOf give who is responsible for a region; the zero
	// value when nobody is.
	SquadOf(ctx context.Context, regionCode string) (Org, error)
	DistrictOf(ctx context.Context, regionCode string) (Org, error)
}

// Cameras tells what may be said of a camera to a shop.
type Cameras interface {
	Device(ctx context.Context, id string, at time.Time) (string, error)
}

// Sender sends to people outside; notify does it.
type Sender interface {
	SendOutside(ctx context.Context, tx db.Tx, m notify.OutsideMessage) (notify.OutsideSent, error)
	OutsideState(ctx context.Context, tx db.Tx, id string) (notify.OutsideSent, error)
	WithdrawOutside(ctx context.Context, tx db.Tx, itemID, reason string) error
	ChannelStates(ctx context.Context, codes ...string) ([]notify.ChannelState, error)
}

// Todos publishes what waits for whom.
type Todos interface {
	Put(ctx context.Context, tx db.Tx, it todo.Item) error
	Close(ctx context.Context, tx db.Tx, source, sourceID, key, by, outcome string) error
	Cancel(ctx context.Context, tx db.Tx, source, sourceID, key, reason string) error
}

// Clocks runs the deadlines.
type Clocks interface {
	Start(ctx context.Context, tx db.Tx, in deadline.StartClock) (deadline.Clock, error)
	Stop(ctx context.Context, tx db.Tx, record, recordID, name, outcome string) error
	Pause(ctx context.Context, tx db.Tx, id, reason, note string) (deadline.Clock, error)
	Resume(ctx context.Context, tx db.Tx, id, note string) (deadline.Clock, error)
}

// Timers fire once, in a transaction.
type Timers interface {
	At(ctx context.Context, tx db.Tx, kind, key string, at time.Time, payload any) error
	Cancel(ctx context.Context, tx db.Tx, kind, key string) error
}

// Files is the file store.
type Files interface {
	PutBytes(ctx context.Context, data []byte, mediaType string) (blob.Ref, error)
	Has(ctx context.Context, digest string) bool
	Open(ctx context.Context, digest string) (io.ReadSeekCloser, blob.Ref, error)
	Thumb(ctx context.Context, digest string, width int) ([]byte, error)
}

// Keys makes codes that nobody else can make, and seals what must not lie
// open.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	OpenOrPlain(purpose, text, aad string) (string, error)
	Blind(purpose, plain string) string
	Blinds(purpose, plain string) []string
}

// Recheck asks a camera to look again.
type Recheck struct {
	CameraID, ZoneID, OrderID string
	NotBefore                 time.Time
}

// Rechecks is the inspection, which answers with patrol.rechecked.
type Rechecks interface {
	AskRecheck(ctx context.Context, tx db.Tx, r Recheck) error
}

// TopicChanged is published at every change of a notice.
const TopicChanged = "notice.changed"

// Changed is the payload of notice.changed.
type Changed struct {
	ID         string `json:"id"`
	No         string `json:"no"`
	Kind       string `json:"kind"`
	OrderID    string `json:"orderId"`
	AlertID    string `json:"alertId"`
	ShopID     string `json:"shopId"`
	RegionCode string `json:"regionCode"`
	State      State  `json:"state"`
	AnswerKind string `json:"answerKind"`
	Way        string `json:"way"`
	// Fallback says that the first way did not reach the shop.
	Fallback bool         `json:"fallback"`
	DueAt    *clock.Stamp `json:"dueAt,omitempty"`
	At       clock.Stamp  `json:"at"`
}

// OrderMoved is what notices read of order.changed and order.closed.
type OrderMoved struct {
	ID     string `json:"id"`
	No     string `json:"no"`
	State  string `json:"state"`
	Result string `json:"result"`
}

// Rechecked is what notices read of patrol.rechecked.
type Rechecked struct {
	OrderID  string          `json:"orderId"`
	CameraID string          `json:"cameraId"`
	Clean    bool            `json:"clean"`
	At       clock.Stamp     `json:"at"`
	Evidence json.RawMessage `json:"evidence"`
}
