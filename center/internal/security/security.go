// Package security watches how the center is used: it rolls every answered
// request up into figures that open the list behind them, and turns what is
// suspicious into alerts that the security administrator handles. Rules are
// versioned configuration; they read outbox events and the calls, and one
// event counts once however often it is delivered.
package security

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"
)

// Todos is the to-do centre as this package uses it.
type Todos interface {
	Put(ctx context.Context, tx db.Tx, it todo.Item) error
	Close(ctx context.Context, tx db.Tx, source, sourceID, key, by, outcome string) error
}

// Options are what the service needs.
type Options struct {
	DB     *db.DB
	Access *access.Service
	Todos  Todos
	Stream *stream.Hub
	Wake   func()
	Log    *slog.Logger
	// Handlers is the organisation whose security administrators get the
	// to-dos.
	Handlers string
	// Queue bounds calls that wait to be written; 0 takes 8192.
	Queue int
}

// Service is the use cases.
type Service struct {
	o     Options
	db    *db.DB
	calls chan call
	lost  lostCalls
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu     sync.Mutex
	blocks map[string]clock.Stamp
	readAt time.Time
}

// New makes the service and puts the rules in place that are absent.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Queue == 0 {
		o.Queue = 8192
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	s := &Service{o: o, db: o.DB, calls: make(chan call, o.Queue)}
	return s, s.seedRules(ctx)
}

// clip bounds text from outside before it is stored.
func clip(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		r = r[:n]
	}
	out := make([]rune, 0, len(r))
	for _, c := range r {
		if c != 0 {
			out = append(out, c)
		}
	}
	return string(out)
}
