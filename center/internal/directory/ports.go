package directory

import (
	"context"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
)

// Commands asks a box to do something and waits for its answer.
type Commands interface {
	Send(ctx context.Context, edge string, c edgev1.Command) (edgev1.Result, error)
}

// ConfigPublisher gives a box its desired state.
type ConfigPublisher interface {
	Publish(edge string, c edgev1.Config) error
}

// Pictures is the file store.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
	// Read gives the whole picture.
	Read(ctx context.Context, sm3 string) ([]byte, error)
}

// Places finds an address; ok is false when nothing fits.
type Places interface {
	Locate(ctx context.Context, text string) (place Place, ok bool, err error)
}

// Place is an address that was found.
type Place struct {
	Name     string
	Lng, Lat float64
}

// TopicState is published when cameras change their state.
const TopicState = "camera.state"

// StateChanged is the payload of camera.state: the cameras of one report.
type StateChanged struct {
	Items []StateItem `json:"items"`
}

// StateItem is one camera of StateChanged.
type StateItem struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	State      string      `json:"state"`
	Diagnosis  string      `json:"diagnosis"`
	RegionCode string      `json:"regionCode"`
	Since      clock.Stamp `json:"since"`
}

// TopicChanged is published when cameras were written, made, deleted or
// restored; their states have a topic of their own.
const TopicChanged = "camera.changed"

// Changed is the payload of camera.changed.
type Changed struct {
	Items []ChangedItem `json:"items"`
}

// ChangedItem names one camera of Changed.
type ChangedItem struct {
	ID string `json:"id"`
}
