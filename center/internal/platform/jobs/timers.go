package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// timerTries bounds how often a timer whose function fails is tried again;
// with the waits below that is about a day.
const timerTries = 20

// TxFunc is the effect of a timer. It works in the transaction in which the
// timer ends and must change nothing outside it.
type TxFunc func(ctx context.Context, tx db.Tx, payload json.RawMessage) error

type timerKind struct {
	title string
	run   TxFunc
}

// HandleTx says what timers of a kind do. Call it before Start.
func (r *Runner) HandleTx(kind, title string, fn TxFunc) {
	r.timers[kind] = timerKind{title: title, run: fn}
}

// At sets a timer. One of a kind and key is pending at most: set again it is
// moved and takes the new payload. It fires within the poll interval after
// its moment, at once when that has passed.
func (r *Runner) At(ctx context.Context, tx db.Tx, kind, key string, at time.Time, payload any) error {
	if _, ok := r.timers[kind]; !ok {
		return fmt.Errorf("set timer: no kind is called %q", kind)
	}
	b, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("set timer %s: %w", kind, err)
	}
	t := timerRow{
		ID: ids.New(), Kind: kind, Key: key, Payload: string(b), State: TimerPending,
		DueAt: clock.At(at), NextAt: clock.At(at), CreatedAt: clock.At(tx.Now()),
	}
	if err := putTimer(ctx, tx, &t); err != nil {
		return err
	}
	if !at.After(tx.Now()) {
		tx.AfterCommit(r.Wake)
	}
	return nil
}

// Cancel ends the pending timer of a kind and key; without one it does
// nothing.
func (r *Runner) Cancel(ctx context.Context, tx db.Tx, kind, key string) error {
	return cancelTimer(ctx, tx, kind, key)
}

// Wake has this center look for due timers now.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// lanes is how many timers fire side by side: SQLite has one writer.
func (r *Runner) lanes() int {
	if r.db.Postgres() {
		return 4
	}
	return 1
}

func (r *Runner) timerLoop(ctx context.Context) {
	for r.pause(ctx, r.o.Poll) {
		for ctx.Err() == nil {
			fired, err := r.fireOne(ctx)
			if err != nil && ctx.Err() == nil {
				r.log.Error("timer failed", "err", err)
			}
			if !fired {
				break
			}
		}
	}
}

// Fire fires what is due now, in this goroutine, and gives the number. Tests
// and commands call it.
func (r *Runner) Fire(ctx context.Context) (int, error) {
	var all error
	for n := 0; ; n++ {
		fired, err := r.fireOne(ctx)
		all = errors.Join(all, err)
		if !fired {
			return n, all
		}
	}
}

// fireOne fires the timer that is due longest. True says that there was one,
// whether it succeeded or not.
func (r *Runner) fireOne(ctx context.Context) (bool, error) {
	if due, err := anyDue(ctx, r.db); err != nil || !due {
		return false, err
	}
	var t timerRow
	found := false
	err := r.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var err error
		if t, found, err = takeTimer(ctx, tx); err != nil || !found {
			return err
		}
		k, ok := r.timers[t.Kind]
		if !ok {
			return fmt.Errorf("no kind is called %q", t.Kind)
		}
		return guarded("timer "+t.Kind, func() error {
			return k.run(caller.System(ctx, k.title), tx, json.RawMessage(t.Payload))
		})
	})
	switch {
	case !found:
		return false, err
	case err == nil:
		r.runs.WithLabelValues(t.Kind, "ok").Inc()
		r.lag.Observe(r.db.Now().Sub(t.DueAt.Time()).Seconds())
		return true, nil
	case ctx.Err() != nil:
		return false, err // rolled back by a stop; it fires after the start
	}
	r.runs.WithLabelValues(t.Kind, "failed").Inc()
	err = fmt.Errorf("timer %s %s: %w", t.Kind, t.Key, err)
	return true, errors.Join(err, failTimer(ctx, r.db, t, err))
}

// backoff is how long after its n-th failure a timer waits.
func backoff(n int) time.Duration {
	return min(time.Second<<min(n, 12), time.Hour)
}
