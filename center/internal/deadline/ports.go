package deadline

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/jobs"
)

// Timers fire once, in one transaction with their effect.
type Timers interface {
	At(ctx context.Context, tx db.Tx, kind, key string, at time.Time, payload any) error
	Cancel(ctx context.Context, tx db.Tx, kind, key string) error
	HandleTx(kind, title string, fn jobs.TxFunc)
	Handle(kind, title string, fn jobs.RunFunc)
	Enqueue(ctx context.Context, tx db.Tx, kind string, payload any, o ...jobs.Opt) (string, error)
}

// Options are what the service needs.
type Options struct {
	DB   *db.DB
	Jobs Timers
	// Wake tells the outbox that there is something to take.
	Wake func()
	Log  *slog.Logger
}

// Service runs clocks. It is safe for concurrent use.
type Service struct {
	db      *db.DB
	timers  Timers
	wake    func()
	log     *slog.Logger
	records []Record

	mu  sync.Mutex
	rev int64
	cal calendar.Calendar
}

// New makes the service and says what its jobs do.
func New(o Options) *Service {
	s := &Service{db: o.DB, timers: o.Jobs, wake: o.Wake, log: o.Log}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.timers.HandleTx(timerKind, "期限到点", func(ctx context.Context, tx db.Tx, p json.RawMessage) error { return s.fire(ctx, tx, p) })
	s.timers.Handle(recomputeKind, "重算期限", s.recompute)
	return s
}
