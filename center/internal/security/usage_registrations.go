package security

import (
	"context"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// Steps of a registration that are counted.
const (
	actRegistered = "registered"
	actApproved   = "approved"
)

// registered is what integration.registered and integration.approved say.
type registered struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	PersonID string `json:"personId"`
}

// TakeRegistered counts an application, a function, a permission code or a
// set of interfaces that somebody applied for.
func (s *Service) TakeRegistered(ctx context.Context, tx db.Tx, e events.Event) error {
	return s.register(ctx, tx, e, actRegistered)
}

// TakeApproved counts one that was approved.
func (s *Service) TakeApproved(ctx context.Context, tx db.Tx, e events.Event) error {
	return s.register(ctx, tx, e, actApproved)
}

// register counts a step of a registration once, on the day of the first and
// in the region of whoever applied.
func (s *Service) register(ctx context.Context, tx db.Tx, e events.Event, act string) error {
	var r registered
	if err := e.Decode(&r); err != nil {
		return err
	}
	return addRegistration(ctx, tx, &registrationRow{
		EntryID: r.ID, Act: act, Kind: clip(r.Kind, 40), Name: clip(r.Name, 200), PersonID: r.PersonID, RegionCode: s.regionOf(ctx, r.PersonID),
		YMD: clock.YMD(e.At.Time()), At: e.At,
	})
}

// Registrations counts what was registered in a period, whatever function or
// application the other figures are narrowed to.
type Registrations struct {
	Registered int64 `json:"registered" doc:"Applications, functions, permission codes and interfaces applied for"`
	Approved   int64 `json:"approved"`
}

// noteOpened makes somebody who signs in an active person of the day, even
// when no call of theirs follows.
func (s *Service) noteOpened(ctx context.Context, tx db.Tx, o access.SessionOpened, at clock.Stamp) error {
	p, err := s.o.Access.Person(ctx, o.PersonID)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil {
		return err
	}
	ymd := clock.YMD(at.Time())
	return addPeople(ctx, tx, map[personDay]*activeRow{{ymd, p.ID}: {
		YMD: ymd, PersonID: p.ID, PersonName: p.Name, OrgID: p.OrgID, RegionCode: s.regionOf(ctx, p.ID), FirstAt: at, LastAt: at,
	}})
}
