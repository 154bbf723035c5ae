package workflow

import (
	"context"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
)

// List gives one page of instances: the actor's own, or those of the part of
// the city where they look after processes.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[*Instance], error) {
	who, err := access.From(ctx)
	if err != nil {
		return httpx.List[*Instance]{}, err
	}
	if f.Tab == "all" {
		if who, err = access.Need(ctx, access.WorkflowMonitor); err != nil {
			return httpx.List[*Instance]{}, err
		}
	}
	p.Q = strings.TrimSpace(p.Q)
	now := s.db.Now()
	items, total, err := listInstances(ctx, s.db.Read(), who, f, p, clock.At(now))
	if err != nil {
		return httpx.List[*Instance]{}, err
	}
	return httpx.NewList(items, total, p, now), nil
}

// OfRecord lists the instances of a domain's record that the actor may see.
func (s *Service) OfRecord(ctx context.Context, record, id string) ([]*Instance, error) {
	st, err := s.standing(ctx)
	if err != nil {
		return nil, err
	}
	ids, err := instancesOfRecord(ctx, s.db.Read(), record, id)
	if err != nil {
		return nil, err
	}
	out := []*Instance{}
	for _, x := range ids {
		in, _, _, err := s.load(ctx, s.db.Read(), x)
		if err != nil {
			return nil, err
		}
		if ok, err := s.sees(ctx, s.db.Read(), st, in); err != nil {
			return nil, err
		} else if ok {
			out = append(out, in)
		}
	}
	return out, nil
}
