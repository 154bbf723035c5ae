package orders

import (
	"context"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
)

// Detail is an order with all that its page shows.
type Detail struct {
	Order    Order
	Alerts   []AlertOf
	Timeline []Step
	Allowed  []Act
	// Behalf names in whose place the actor may act, "" for nobody.
	Behalf    string
	After     []SitePhoto
	Proposals []OrderProposal
	Rule      HandlingRule
	Term      TermRule
	Now       time.Time
}

// Step is one line of the timeline.
type Step struct {
	ID               string
	At               clock.Stamp
	Act              StepAct
	Label            string
	ActorID, Actor   string
	ActorOrg         string
	OnBehalf         string
	Text             string
	Photos           []string
	Lng, Lat         *float64
	AccuracyM, DistM *float64
}

// Get gives one order.
func (s *Service) Get(ctx context.Context, id string) (Detail, error) {
	who, err := s.viewer(ctx)
	if err != nil {
		return Detail{}, err
	}
	r := s.db.Read()
	o, err := get(ctx, r, who, id)
	if err != nil {
		return Detail{}, err
	}
	p := who.person(o)
	d := Detail{Order: o, Now: s.db.Now()}
	if d.Rule, err = ruleByID(ctx, r, o.RuleID); err != nil {
		return Detail{}, err
	}
	if d.Term, _, err = s.clocks.RuleOf(ctx, id); err != nil {
		return Detail{}, err
	}
	if d.Alerts, err = alertsOf(ctx, r, id); err != nil {
		return Detail{}, err
	}
	if d.Proposals, err = proposalsOf(ctx, r, id); err != nil {
		return Detail{}, err
	}
	d.Allowed = s.allowed(o, p, d.Proposals)
	for _, a := range d.Allowed {
		if f, ok := Behalf(o, a, p); ok {
			d.Behalf = f.Name
		}
	}
	rows, err := stepsOf(ctx, r, id)
	if err != nil {
		return Detail{}, err
	}
	last := []string{}
	d.Timeline = make([]Step, len(rows))
	for i := range rows {
		d.Timeline[i] = rows[i].step()
		if rows[i].Act == StepAct(Handle) {
			last = d.Timeline[i].Photos
		}
	}
	d.After, err = photosOf(ctx, r, o, last)
	return d, err
}

// allowed lists what the person may do: what Guard lets through, less what
// needs a camera when none can be asked, and less what needs a proposal when
// none is open.
func (s *Service) allowed(o Order, p Person, list []OrderProposal) []Act {
	out := []Act{}
	for _, a := range Allowed(o, p) {
		if a == Recheck && s.cameras == nil || a == Settle && !slices.ContainsFunc(list, OrderProposal.settles) {
			continue
		}
		out = append(out, a)
	}
	return out
}

// Brief gives one order whoever asks; for ports of other domains, which
// decide themselves who may know.
func (s *Service) Brief(ctx context.Context, id string) (Order, error) {
	return anyOrder(ctx, s.db.Read(), id)
}

// SeesBlob tells whether the actor may see a picture because of an order.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil || !who.Has(access.OrderView) {
		return false, err
	}
	v, err := s.withStands(ctx, who.For(access.OrderView))
	if err != nil {
		return false, err
	}
	return seesBlob(ctx, s.db.Read(), v, sm3)
}
