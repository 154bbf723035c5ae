package orders

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"jiexun/center/internal/platform/clock"
)

// Place is where something was seen, as far as it says whose it is.
type Place struct {
	// BoundSquadID is the squad that the camera is bound to, if any.
	BoundSquadID           string
	RegionCode, StreetName string
	Address                string
	Lng, Lat               float64
}

// nearestM is how far outside of its area a squad is still suggested.
const nearestM = 2000

// Suggested is where an order of a place should go, and by when.
type Suggested struct {
	OrgID, Name, Reason string
	Limit               time.Duration
	DueAt               clock.Stamp
}

// Suggest tells before the confirmation what the order would be.
func (s *Service) Suggest(ctx context.Context, kind string, p Place) (Suggested, error) {
	now := s.db.Now()
	term, err := s.clocks.Plan(ctx, kind, now, 0)
	if err != nil {
		return Suggested{}, err
	}
	out, err := s.suggest(ctx, p)
	if err != nil {
		return Suggested{}, err
	}
	out.DueAt, out.Limit = term.DueAt, term.DueAt.Time().Sub(now)
	return out, nil
}

// suggest finds the squad by what is surest: the camera's binding, the area
// in which the place lies, the camera's street, the street that the address
// names, the nearest area; else the district bureau has to choose.
func (s *Service) suggest(ctx context.Context, p Place) (Suggested, error) {
	for _, find := range []func(context.Context, Place) (Suggested, error){s.byBinding, s.byArea, s.byStreet, s.byAddress, s.byNearest} {
		out, err := find(ctx, p)
		if err != nil || out.OrgID != "" {
			return out, err
		}
	}
	org, ok, err := s.people.DistrictOf(ctx, p.RegionCode)
	if err != nil {
		return Suggested{}, fmt.Errorf("find the district of %s: %w", p.RegionCode, err)
	}
	if ok {
		return Suggested{Name: org.Name, Reason: p.StreetName + "没有对应的中队，由区局派发"}, nil
	}
	return Suggested{Reason: "点位没有登记街镇，请人工选择中队"}, nil
}

func (s *Service) byBinding(ctx context.Context, p Place) (Suggested, error) {
	return s.squad(ctx, p.BoundSquadID, "点位指定由该中队负责")
}

// squad suggests an organisation when it is a squad that works.
func (s *Service) squad(ctx context.Context, id, reason string) (Suggested, error) {
	if id == "" {
		return Suggested{}, nil
	}
	org, ok, err := s.people.Org(ctx, id)
	if err != nil {
		return Suggested{}, fmt.Errorf("look up squad: %w", err)
	}
	if !ok || org.Kind != "squad" {
		return Suggested{}, nil
	}
	return Suggested{OrgID: org.ID, Name: org.Name, Reason: reason}, nil
}

func (s *Service) byArea(ctx context.Context, p Place) (Suggested, error) {
	if p.Lng == 0 || p.Lat == 0 {
		return Suggested{}, nil
	}
	list, err := areasAround(ctx, s.db.Read(), p.Lng, p.Lat, 0)
	if err != nil {
		return Suggested{}, err
	}
	for _, a := range list {
		if !a.Ring.Holds(p.Lng, p.Lat) {
			continue
		}
		out, err := s.squad(ctx, a.SquadOrgID, "点位坐标在责任区“"+a.Name+"”内")
		if err != nil || out.OrgID != "" {
			return out, err
		}
	}
	return Suggested{}, nil
}

func (s *Service) byStreet(ctx context.Context, p Place) (Suggested, error) {
	org, ok, err := s.people.SquadOf(ctx, p.RegionCode)
	if err != nil {
		return Suggested{}, fmt.Errorf("find the squad of %s: %w", p.RegionCode, err)
	}
	if !ok {
		return Suggested{}, nil
	}
	return Suggested{OrgID: org.ID, Name: org.Name, Reason: "点位在" + p.StreetName + "，按点位地址推荐"}, nil
}

func (s *Service) byAddress(ctx context.Context, p Place) (Suggested, error) {
	if len(p.RegionCode) < 6 || strings.TrimSpace(p.Address) == "" {
		return Suggested{}, nil
	}
	st, ok := s.people.StreetIn(p.RegionCode[:6], p.Address)
	if !ok {
		return Suggested{}, nil
	}
	org, ok, err := s.people.SquadOf(ctx, st.Code)
	if err != nil || !ok {
		return Suggested{}, err
	}
	return Suggested{OrgID: org.ID, Name: org.Name, Reason: "地址写明" + st.Name + "，按地址推荐"}, nil
}

func (s *Service) byNearest(ctx context.Context, p Place) (Suggested, error) {
	if p.Lng == 0 || p.Lat == 0 {
		return Suggested{}, nil
	}
	list, err := areasAround(ctx, s.db.Read(), p.Lng, p.Lat, 0.025)
	if err != nil {
		return Suggested{}, err
	}
	best, at := math.Inf(1), -1
	for i, a := range list {
		if d := a.Ring.DistanceM(p.Lng, p.Lat); d < best {
			best, at = d, i
		}
	}
	if at < 0 || best > nearestM {
		return Suggested{}, nil
	}
	return s.squad(ctx, list[at].SquadOrgID, fmt.Sprintf("距责任区“%s” %.0f 米，最近", list[at].Name, best))
}

// placeOf is where an order lies; what its camera was bound to is not known
// any more.
func placeOf(o Order) Place {
	return Place{RegionCode: o.RegionCode, StreetName: o.StreetName, Address: o.Address, Lng: o.Lng, Lat: o.Lat}
}
