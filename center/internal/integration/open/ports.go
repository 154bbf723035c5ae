package open

import (
	"context"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

// Keys seals the keys of clients.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	Open(purpose, sealed, aad string) (string, error)
}

// People answers for persons.
type People interface {
	// ActorOf gives an active person with all grants of now.
	ActorOf(ctx context.Context, personID string) (access.Actor, error)
	// PersonByAccount finds an active person's id.
	PersonByAccount(ctx context.Context, account string) (id string, ok bool, err error)
}

// Codes answers for registered permission codes and applications.
type Codes interface {
	Holds(ctx context.Context, who access.Actor, code, regionCode string) (allowed bool, reason string, prefixes []string, err error)
	// IsOff tells whether an application is switched off.
	IsOff(ctx context.Context, code string) (bool, error)
	Applications(ctx context.Context) ([]AppFact, error)
	Functions(ctx context.Context, appCode string) ([]FunctionFact, error)
}

// AppFact is a registered application as outside systems see it.
type AppFact struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Internal bool   `json:"internal"`
	Version  string `json:"version"`
	Route    string `json:"route,omitempty"`
	Enabled  bool   `json:"enabled"`
}

// FunctionFact is a registered function.
type FunctionFact struct {
	AppCode string `json:"appCode"`
	Code    string `json:"code"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Menu    string `json:"menu,omitempty"`
	Route   string `json:"route,omitempty"`
	Enabled bool   `json:"enabled"`
}

// Query narrows business lists.
type Query struct {
	State, Kind string
	From, To    *clock.Stamp
	Paging      httpx.Paging
}

// AlertFact is an alert as outside systems see it.
type AlertFact struct {
	ID          string       `json:"id"`
	No          string       `json:"no"`
	Kind        string       `json:"kind"`
	State       string       `json:"state"`
	CameraName  string       `json:"cameraName"`
	Address     string       `json:"address"`
	RegionCode  string       `json:"regionCode"`
	Lng         float64      `json:"lng"`
	Lat         float64      `json:"lat"`
	ShopName    string       `json:"shopName,omitempty"`
	EvidenceUse string       `json:"evidenceUse"`
	OrderNo     string       `json:"orderNo,omitempty"`
	ReceivedAt  clock.Stamp  `json:"receivedAt"`
	DecidedAt   *clock.Stamp `json:"decidedAt,omitempty"`
}

// OrderFact is a work order as outside systems see it.
type OrderFact struct {
	ID         string       `json:"id"`
	No         string       `json:"no"`
	Kind       string       `json:"kind"`
	State      string       `json:"state"`
	Address    string       `json:"address"`
	RegionCode string       `json:"regionCode"`
	Lng        float64      `json:"lng"`
	Lat        float64      `json:"lat"`
	ShopName   string       `json:"shopName,omitempty"`
	SquadName  string       `json:"squadName,omitempty"`
	Result     string       `json:"result,omitempty"`
	CreatedAt  clock.Stamp  `json:"createdAt"`
	DueAt      clock.Stamp  `json:"dueAt"`
	ClosedAt   *clock.Stamp `json:"closedAt,omitempty"`
}

// Business reads alerts and orders as the actor in the context may.
type Business interface {
	Alerts(ctx context.Context, q Query) (httpx.List[AlertFact], error)
	Orders(ctx context.Context, q Query) (httpx.List[OrderFact], error)
	Order(ctx context.Context, id string) (OrderFact, error)
}

// Todos is the to-do centre.
type Todos interface {
	Put(ctx context.Context, tx db.Tx, appName string, t OpenTodo) error
	Close(ctx context.Context, tx db.Tx, t OpenTodo, cancelled bool, outcome string) error
}

// Introspection is what a token stands for.
type Introspection struct {
	PersonID    string
	Permissions []string
	Prefixes    []string
	ExpiresAt   clock.Stamp
}

// Tokens knows the API tokens of people; nil when the center has none.
type Tokens interface {
	Introspect(ctx context.Context, token string) (Introspection, bool, error)
}
