package orders

import (
	"context"
	"io"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Org is an organisation that an order can be sent to.
type Org struct {
	ID, Name string
	// Kind is bureau, district, squad or unit.
	Kind       string
	RegionCode string
}

// Officer is a person that an order can be given to.
type Officer struct {
	ID, Name, OrgID string
	// Handles tells whether the person holds order.handle now.
	Handles bool
}

// Street is a street that a place or an address points to.
type Street struct{ Code, Name string }

// People is what orders asks of the organisation tree.
type People interface {
	// SquadOf gives the squad of a street (9 digits); false when there is
	// none.
	SquadOf(ctx context.Context, regionCode string) (Org, bool, error)
	// DistrictOf gives the district bureau of a region.
	DistrictOf(ctx context.Context, regionCode string) (Org, bool, error)
	// Org gives one organisation; false when it is absent.
	Org(ctx context.Context, id string) (Org, bool, error)
	// Officer gives one person; false when absent or locked out.
	Officer(ctx context.Context, id string) (Officer, bool, error)
	// Officers lists those of a squad who can handle orders now.
	Officers(ctx context.Context, squad string) ([]Officer, error)
	// StreetIn finds the street of a district whose name an address says;
	// false when it names none.
	StreetIn(district, address string) (Street, bool)
}

// Pictures is what orders asks of the file store: whether a picture that an
// officer refers to has been uploaded, and what is in it.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
	// Open reads a picture from its beginning.
	Open(ctx context.Context, sm3 string) (io.ReadCloser, error)
}

// Cameras looks again at where an order lies: the answer comes later, as a
// patrol.rechecked event.
type Cameras interface {
	AskRecheck(ctx context.Context, tx db.Tx, o Order, notBefore time.Time) error
}

// Todos is told of every change of an order, in its transaction, so that
// what waits for whom is never late. An order that is closed, or void, waits
// for nobody.
type Todos interface {
	OrderChanged(ctx context.Context, tx db.Tx, o Order, void bool) error
	// OrderProposed is told that something proposes to close an order, or
	// that the proposal is gone.
	OrderProposed(ctx context.Context, tx db.Tx, o Order, text string, open bool) error
	// OrderNoted is told that those who have an order must know something.
	OrderNoted(ctx context.Context, tx db.Tx, o Order, text string) error
}

// Term is how long an order has, and by which rule.
type Term struct {
	DueAt clock.Stamp
	// Near is how long before its end the order is near it.
	Near time.Duration
	// Rule names the deadline rule for people.
	Rule TermRule
}

// TermRule is the deadline rule by which an order runs.
type TermRule struct {
	Name, Code string
	Version    int
	// Limit is in words, for example "4 小时".
	Limit    string
	Source   string
	Verified bool
}

// Clocks is the one who knows time: how long an order of a kind has, and its
// clock, which begins with the order, ends when the result is handed in and
// goes on when a review sends it back. It is told of every change in the
// order's transaction.
type Clocks interface {
	// Plan tells what an order that begins at a moment would have; limit
	// above zero stands in place of the rule's.
	Plan(ctx context.Context, kind string, at time.Time, limit time.Duration) (Term, error)
	// RuleOf gives the rule that an order runs by; false when it has none.
	RuleOf(ctx context.Context, order string) (TermRule, bool, error)
	OrderClock(ctx context.Context, tx db.Tx, o Order, void bool) error
}

type noTodos struct{}

func (noTodos) OrderChanged(context.Context, db.Tx, Order, bool) error { return nil }

func (noTodos) OrderNoted(context.Context, db.Tx, Order, string) error { return nil }

func (noTodos) OrderProposed(context.Context, db.Tx, Order, string, bool) error { return nil }

// Topics that orders publishes.
const (
	TopicChanged = "order.changed"
	TopicClosed  = "order.closed"
	TopicOverdue = "order.overdue"
	TopicFiling  = "order.filing"
	TopicUrged   = "order.urged"
)

// Changed is the payload of order.changed.
type Changed struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	Kind       string      `json:"kind"`
	State      State       `json:"state"`
	ShopID     string      `json:"shopId"`
	RegionCode string      `json:"regionCode"`
	SquadOrgID string      `json:"squadOrgId"`
	OfficerID  string      `json:"officerId"`
	Void       bool        `json:"void,omitempty"`
	At         clock.Stamp `json:"at"`
}

// ClosedEvent is the payload of order.closed: the feedback to the bureau, and
// what profiles count.
type ClosedEvent struct {
	ID         string       `json:"id"`
	No         string       `json:"no"`
	Kind       string       `json:"kind"`
	ShopID     string       `json:"shopId"`
	CameraID   string       `json:"cameraId"`
	RegionCode string       `json:"regionCode"`
	SquadOrgID string       `json:"squadOrgId"`
	OfficerID  string       `json:"officerId"`
	Result     Result       `json:"result"`
	Note       string       `json:"note"`
	AlertIDs   []string     `json:"alertIds"`
	CreatedAt  clock.Stamp  `json:"createdAt"`
	DueAt      clock.Stamp  `json:"dueAt"`
	HandledAt  *clock.Stamp `json:"handledAt"`
	At         clock.Stamp  `json:"at"`
}

// FilingEvent is the payload of order.filing: an order whose review says that
// a case has to be filed, with all that the case begins from. The order waits
// in the state filing until its case exists.
type FilingEvent struct {
	OrderID      string       `json:"orderId"`
	No           string       `json:"no"`
	Kind         string       `json:"kind"`
	ShopID       string       `json:"shopId"`
	ShopName     string       `json:"shopName"`
	Address      string       `json:"address"`
	Lng          float64      `json:"lng"`
	Lat          float64      `json:"lat"`
	RegionCode   string       `json:"regionCode"`
	StreetName   string       `json:"streetName"`
	CameraID     string       `json:"cameraId"`
	EvidenceUse  string       `json:"evidenceUse"`
	AlertIDs     []string     `json:"alertIds"`
	FoundAt      clock.Stamp  `json:"foundAt"`
	HandledAt    *clock.Stamp `json:"handledAt"`
	Note         string       `json:"note"`
	Pictures     []string     `json:"pictures"`
	Photos       []PhotoFact  `json:"photos"`
	SquadOrgID   string       `json:"squadOrgId"`
	SquadName    string       `json:"squadName"`
	OfficerID    string       `json:"officerId"`
	OfficerName  string       `json:"officerName"`
	ReviewedID   string       `json:"reviewedId"`
	ReviewedName string       `json:"reviewedName"`
	At           clock.Stamp  `json:"at"`
}

// UrgedEvent is the payload of order.urged.
type UrgedEvent struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	RegionCode string      `json:"regionCode"`
	SquadOrgID string      `json:"squadOrgId"`
	OfficerID  string      `json:"officerId"`
	By         string      `json:"by"`
	Note       string      `json:"note"`
	Times      int64       `json:"times"`
	At         clock.Stamp `json:"at"`
}

// Rechecked is the payload of patrol.rechecked: what a camera saw when it
// looked again at where an order lies.
type Rechecked struct {
	ID       string `json:"id"`
	OrderID  string `json:"orderId"`
	CameraID string `json:"cameraId"`
	Clean    bool   `json:"clean"`
	// Seen is false when the camera could not look; Reason says why.
	Seen bool        `json:"seen"`
	At   clock.Stamp `json:"at"`
	// Evidence are SM3 digests of the pictures.
	Evidence []string `json:"evidence"`
	Reason   string   `json:"reason"`
}

// NoticeChanged is the payload of notice.changed, as far as orders use it.
type NoticeChanged struct {
	ID         string      `json:"id"`
	OrderID    string      `json:"orderId"`
	State      string      `json:"state"`
	AnswerKind string      `json:"answerKind"`
	Way        string      `json:"way"`
	At         clock.Stamp `json:"at"`
}

// Overdue is the payload of order.overdue: one level was reached.
type Overdue struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	Level      int         `json:"level"`
	Label      string      `json:"label"`
	RegionCode string      `json:"regionCode"`
	SquadOrgID string      `json:"squadOrgId"`
	OfficerID  string      `json:"officerId"`
	DueAt      clock.Stamp `json:"dueAt"`
}
