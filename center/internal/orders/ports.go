package orders

import (
	"context"

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
}

// Pictures is what orders asks of the file store: whether a picture that an
// officer refers to has been uploaded.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
}

// Todos is told of every change of an order, in its transaction, so that
// what waits for whom is never late. An order that is closed, or void, waits
// for nobody.
type Todos interface {
	OrderChanged(ctx context.Context, tx db.Tx, o Order, void bool) error
}

// Clocks runs the deadline of an order, told of every change in its
// transaction: it begins with the order, ends when the result is handed in,
// and goes on when a review sends the order back.
type Clocks interface {
	OrderClock(ctx context.Context, tx db.Tx, o Order, void bool) error
}

type noClocks struct{}

func (noClocks) OrderClock(context.Context, db.Tx, Order, bool) error { return nil }

type noTodos struct{}

func (noTodos) OrderChanged(context.Context, db.Tx, Order, bool) error { return nil }

// Topics that orders publishes.
const (
	TopicChanged = "order.changed"
	TopicClosed  = "order.closed"
	TopicOverdue = "order.overdue"
)

// Changed is the payload of order.changed.
type Changed struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	State      State       `json:"state"`
	RegionCode string      `json:"regionCode"`
	SquadOrgID string      `json:"squadOrgId"`
	OfficerID  string      `json:"officerId"`
	At         clock.Stamp `json:"at"`
}

// ClosedEvent is the payload of order.closed: the feedback to the bureau.
type ClosedEvent struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	RegionCode string      `json:"regionCode"`
	Result     Result      `json:"result"`
	Note       string      `json:"note"`
	AlertIDs   []string    `json:"alertIds"`
	At         clock.Stamp `json:"at"`
}

// Overdue is the payload of order.overdue: one level was reached.
type Overdue struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	Level      int         `json:"level"`
	RegionCode string      `json:"regionCode"`
	SquadOrgID string      `json:"squadOrgId"`
	OfficerID  string      `json:"officerId"`
	DueAt      clock.Stamp `json:"dueAt"`
}
