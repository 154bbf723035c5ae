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

// Pictures tells whether a picture is in the file store.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
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
