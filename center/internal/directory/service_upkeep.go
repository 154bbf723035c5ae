package directory

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// Complete makes what follows from the fields of cameras that came in beside
// the pages or before it was kept: keys, search text, road, Shanghai 2000. A
// job calls it.
func (s *Service) Complete(ctx context.Context) error {
	for {
		n := 0
		err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			cams, err := unkeyed(ctx, tx, 500)
			if err != nil {
				return err
			}
			n = len(cams)
			for i := range cams {
				s.derive(&cams[i])
				if err := setDerived(ctx, tx, cams[i]); err != nil {
					return err
				}
			}
			return saveKeys(ctx, tx, cams)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// JudgeLegal brings what the legal facts say up to date where it changed by
// itself; a job calls it.
func (s *Service) JudgeLegal(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return judgeDue(ctx, tx, clock.At(tx.Now())) })
}

// CheckCounts compares the kept numbers with the cameras and makes them anew
// when they differ; a job calls it.
func (s *Service) CheckCounts(ctx context.Context) error {
	n, err := drift(ctx, s.db.Read())
	if err != nil || n == 0 {
		return err
	}
	s.log.Warn("numbers of cameras differ and are made anew", "by", n)
	return s.db.InTx(ctx, recount)
}

// TakeMerged moves the cameras of a squad that went into another one. It is
// the consumer of access.TopicMerged.
func (s *Service) TakeMerged(ctx context.Context, tx db.Tx, e events.Event) error {
	var m access.Merged
	if err := e.Decode(&m); err != nil {
		return err
	}
	return moveSquad(ctx, tx, m.From, m.Into)
}

// Node is a node of the tree of regions with the numbers of its cameras.
type Node struct {
	// Key is a region code, or a road's name below a street.
	Key, Name, Level string
	Total            int64
	States           map[string]int64
}

// Tree gives the children of a region that hold cameras of the actor's
// scope: districts of the city, streets of a district, roads of a street.
func (s *Service) Tree(ctx context.Context, region string) ([]Node, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return nil, err
	}
	rows, err := nodeStates(ctx, s.db.Read(), who, region)
	if err != nil {
		return nil, err
	}
	level := map[int]string{6: "street", 9: "road"}[len(region)]
	if level == "" {
		level = "district"
	}
	out := []Node{}
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Key != r.Key {
			name := r.Key
			switch {
			case level != "road":
				name = s.regions.Name(r.Key)
			case name == "":
				name = "未标道路"
			}
			out = append(out, Node{Key: r.Key, Name: name, Level: level, States: map[string]int64{}})
		}
		n := &out[len(out)-1]
		n.States[r.State] += r.N
		n.Total += r.N
	}
	return out, nil
}

// Count is the number of cameras of a filter, and Each gives them to emit,
// for exports.
func (s *Service) Count(ctx context.Context, f Filter) (int64, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return 0, err
	}
	f.Now = s.db.Now().UnixMilli()
	if err := f.prepare(ctx, s.db.Read()); err != nil {
		return 0, err
	}
	return count(ctx, s.db.Read(), who, f)
}

// Each gives the cameras of a filter by code.
func (s *Service) Each(ctx context.Context, f Filter, emit func(values ...any) error) error {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return err
	}
	r := s.db.Read()
	f.Now = s.db.Now().UnixMilli()
	if err := f.prepare(ctx, r); err != nil {
		return err
	}
	names, err := fleetNames(ctx, r)
	if err != nil {
		return err
	}
	for after := ""; ; {
		list, last, err := slice(ctx, r, who, f, after, 500)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, x := range list {
			if err := emit(exported(x, names, s.db.Now())...); err != nil {
				return fmt.Errorf("export camera %s: %w", x.Camera.Code, err)
			}
		}
		after = last
	}
}
