package alerts

import (
	"context"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Spot is what alerts need to know of a camera.
type Spot struct {
	CameraID, Name, Address string
	BoxID                   string
	RegionCode, StreetName  string
	Lng, Lat                float64
	// Evidence tells whether the camera may give legal evidence at a moment,
	// "evidence" or "clue", and why.
	Evidence func(at time.Time) (use, reason string)
}

// Shop is what alerts need to know of a shop.
type Shop struct {
	ID, Name   string
	RegionCode string
	Lng, Lat   float64
}

// NearShop is a shop and its distance from a place.
type NearShop struct {
	Shop
	DistanceM float64
}

// Places is what alerts asks of the directory of cameras and of shops.
type Places interface {
	// Spots gives cameras by id, deleted ones too; unknown ones are left
	// out.
	Spots(ctx context.Context, ids []string) (map[string]Spot, error)
	// ShopsOfZones gives the shop that each zone is bound to; unbound ones
	// are left out.
	ShopsOfZones(ctx context.Context, zones []string) (map[string]Shop, error)
	// ShopsOfCamera gives the shops bound to a camera.
	ShopsOfCamera(ctx context.Context, camera string) ([]Shop, error)
	// Near gives the shops around a place, nearest first.
	Near(ctx context.Context, lng, lat, metres float64, limit int) ([]NearShop, error)
	// Shop gives one shop; false when it is absent.
	Shop(ctx context.Context, id string) (Shop, bool, error)
	// PictureAt tells how the camera's picture was at a moment.
	PictureAt(ctx context.Context, camera string, at time.Time) (ok bool, text string, err error)
	// BoxName gives the name of a box.
	BoxName(ctx context.Context, id string) (string, error)
}

// OrderAsk is a confirmed alert that asks for a work order.
type OrderAsk struct {
	Alert      Alert
	Pictures   []string
	Merge      bool
	LimitHours float64
	SquadID    string
	Note       string
}

// OrderMade is the work order that the alert is in.
type OrderMade struct {
	ID, No, State string
	Merged        bool
}

// OpenOrder is a work order that an alert would join.
type OpenOrder struct{ ID, No, State string }

// Suggestion is where the order of an alert would go.
type Suggestion struct {
	SquadOrgID, SquadName, Reason string
	LimitHours                    float64
	DueAt                         clock.Stamp
}

// Orders is what alerts asks of the work orders.
type Orders interface {
	Make(ctx context.Context, tx db.Tx, ask OrderAsk) (OrderMade, error)
	// Withdraw undoes Make; a conflict when somebody worked on the order.
	Withdraw(ctx context.Context, tx db.Tx, orderID string, a Alert) error
	// Recall takes the alert out of its order because it was no violation. It
	// gives false when the order is in work: then its people are told.
	Recall(ctx context.Context, tx db.Tx, orderID string, a Alert, reason string) (bool, error)
	// Note tells the people of an open order what changed about its alert.
	Note(ctx context.Context, tx db.Tx, orderID, text string) error
	Mergeable(ctx context.Context, shop, kind string) (*OpenOrder, error)
	Suggest(ctx context.Context, a Alert) (Suggestion, error)
}

// Pictures tells whether evidence has arrived whole; the store checks the
// digest when it takes a file.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
	// Small gives a picture as JPEG about 320 wide; false when it has not
	// arrived or cannot be read.
	Small(ctx context.Context, sm3 string) ([]byte, bool, error)
}

// TopicChanged is published when alerts arrive or are decided.
const TopicChanged = "alert.changed"

// Changed is the payload of alert.changed: the alerts of one transaction.
type Changed struct {
	Items []ChangedItem `json:"items"`
}

// ChangedItem is one alert of Changed.
type ChangedItem struct {
	ID         string      `json:"id"`
	No         string      `json:"no"`
	Kind       string      `json:"kind"`
	State      State       `json:"state"`
	CameraID   string      `json:"cameraId"`
	CameraName string      `json:"cameraName"`
	RegionCode string      `json:"regionCode"`
	ReceivedAt clock.Stamp `json:"receivedAt"`
	IsNew      bool        `json:"isNew"`
}

func changedItem(a Alert, isNew bool) ChangedItem {
	return ChangedItem{
		ID: a.ID, No: a.No, Kind: a.Kind, State: a.State, CameraID: a.CameraID, CameraName: a.CameraName,
		RegionCode: a.RegionCode, ReceivedAt: a.ReceivedAt, IsNew: isNew,
	}
}
