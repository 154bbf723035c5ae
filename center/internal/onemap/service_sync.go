package onemap

import (
	"context"
	"slices"

	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
)

// batch is how many objects are compared and written at a time.
const batch = 4000

// bulk is the number of differences above which the cells are made anew.
const bulk = 10_000

// Take brings some objects of a layer up to date in the transaction of the
// event that named them. An id that its owner shows no more goes off the map.
func (s *Service) Take(ctx context.Context, tx db.Tx, layer string, ids ...string) error {
	src, ok := sourceOf(layer)
	if !ok || len(ids) == 0 {
		return nil
	}
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for part := range slices.Chunk(ids, 400) {
		if _, err := s.apply(ctx, tx, src, part, true); err != nil {
			return err
		}
	}
	return nil
}

// apply compares some ids with their owner's view and writes the differences.
func (s *Service) apply(ctx context.Context, tx db.Tx, src source, ids []string, count bool) (int, error) {
	if err := lockLayer(ctx, tx, src.layer); err != nil {
		return 0, err
	}
	want, err := readSource(ctx, tx, src, ids, "", 0)
	if err != nil {
		return 0, err
	}
	have, err := readObjects(ctx, tx, src.layer, ids, "", "")
	if err != nil {
		return 0, err
	}
	put, gone, t := compare(want, have)
	if len(put)+len(gone) == 0 {
		return 0, nil
	}
	if err := write(ctx, tx, src.layer, put, gone); err != nil {
		return 0, err
	}
	if err := s.indexAddresses(ctx, tx, src.layer, put, gone); err != nil {
		return 0, err
	}
	if src.cells && count {
		if err := t.save(ctx, tx); err != nil {
			return 0, err
		}
	}
	return len(put) + len(gone), bumpLayer(ctx, tx, src.layer)
}

// compare finds what differs. Places outside the city stay off the map.
func compare(want, have []objectRow) (put []objectRow, gone []string, t tally) {
	t = tally{}
	old := make(map[string]objectRow, len(have))
	for _, o := range have {
		old[o.ID] = o
	}
	area := coord.CityArea()
	for _, o := range want {
		if !area.Contains(o.Lng, o.Lat) {
			continue
		}
		was, ok := old[o.ID]
		delete(old, o.ID)
		if ok && same(was, o) {
			continue
		}
		if ok {
			t.add(was, -1)
		}
		t.add(o, 1)
		put = append(put, o)
	}
	for id, o := range old {
		t.add(o, -1)
		gone = append(gone, id)
	}
	slices.Sort(gone)
	return put, gone, t
}

// Reconcile compares every layer with its owner: what came by a way that
// tells no event (an import, a restored backup) reaches the map by it.
func (s *Service) Reconcile(ctx context.Context) error {
	for _, src := range sources() {
		if err := s.reconcile(ctx, src); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) reconcile(ctx context.Context, src source) error {
	r := s.db.Read()
	has, err := countObjects(ctx, r, src.layer)
	if err != nil {
		return err
	}
	n, err := countSource(ctx, r, src)
	if err != nil {
		return err
	}
	many := n-has > bulk || has-n > bulk
	for after := ""; ; {
		want, err := readSource(ctx, r, src, nil, after, batch)
		if err != nil {
			return err
		}
		last := ""
		if !src.whole && len(want) == batch {
			last = want[len(want)-1].ID
		}
		have, err := readObjects(ctx, r, src.layer, nil, after, last)
		if err != nil {
			return err
		}
		put, gone, _ := compare(want, have)
		ids := gone
		for _, o := range put {
			ids = append(ids, o.ID)
		}
		for part := range slices.Chunk(ids, 400) {
			err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
				_, err := s.apply(ctx, tx, src, part, !many)
				return err
			})
			if err != nil {
				return err
			}
		}
		if last == "" {
			break
		}
		after = last
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := lockLayer(ctx, tx, src.layer); err != nil {
			return err
		}
		if many && src.cells {
			if err := recount(ctx, tx, src.layer); err != nil {
				return err
			}
			if err := bumpLayer(ctx, tx, src.layer); err != nil {
				return err
			}
		}
		return stampLayer(ctx, tx, src.layer)
	})
}
