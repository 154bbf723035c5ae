package todo

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// How often the centre looks for deadlines, and how many it takes at once.
const (
	fireEvery = time.Second
	firePage  = 200
)

// Start begins to watch deadlines. Several centers may do so: each moment of
// an item is told of once.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		t := time.NewTicker(fireEvery)
		defer t.Stop()
		for {
			if _, err := s.Fire(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("tell of deadlines", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
		}
	})
}

// Stop ends the watching and waits.
func (s *Service) Stop() {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
}

// Fire tells of every deadline that came near or passed by now, and how many
// there were. What is told and the note that it was are one transaction.
func (s *Service) Fire(ctx context.Context) (int, error) {
	ctx = caller.System(ctx, "待办提醒")
	total := 0
	for {
		ok, err := anyDue(ctx, s.db.Read(), clock.At(s.db.Now()))
		if err != nil || !ok {
			return total, err
		}
		n := 0
		err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			rows, err := dueItems(ctx, tx, firePage)
			if err != nil {
				return err
			}
			for i := range rows {
				if err := s.fireOne(ctx, tx, &rows[i]); err != nil {
					return err
				}
			}
			n = len(rows)
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("tell of deadlines: %w", err)
		}
		if total += n; n == 0 {
			return total, nil // another center holds what is left
		}
	}
}

func (s *Service) fireOne(ctx context.Context, tx db.Tx, r *itemRow) error {
	what := r.FireWhat
	now := clock.At(tx.Now())
	var at *clock.Stamp
	next := ""
	if what == NearNow && r.DueAt != nil {
		if at, next = r.DueAt, OverdueNow; *r.DueAt <= now {
			what, at, next = OverdueNow, nil, "" // the center stood still meanwhile
		}
	}
	if err := setFire(ctx, tx, r.ID, at, next); err != nil {
		return err
	}
	if r.State != Open {
		return nil
	}
	rows, err := peopleOf(ctx, tx, r.ID)
	if err != nil {
		return err
	}
	return s.tell(ctx, tx, r, rows, what)
}
