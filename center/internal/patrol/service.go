package patrol

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
)

// How long things take.
const (
	// lead is how long before its window a task is made, so that boxes and
	// people have it in time.
	lead = 10 * time.Minute
	// grace is how long after its window a task waits for what boxes still
	// have to tell.
	grace = 3 * time.Minute
	// sendEvery is how often this center looks for tasks that its boxes have
	// not got; retryAfter is the wait after a box did not take one.
	sendEvery  = 2 * time.Second
	retryAfter = 20 * time.Second
	sendTTL    = 15 // seconds
)

// Kinds of timers.
const (
	timerPlan   = "patrol.plan"
	timerFinish = "patrol.finish"
)

// Options are what the service needs. Todos, Clocks, Risk, NewID, Wake and
// Log may be nil.
type Options struct {
	DB       *db.DB
	Regions  *region.Tree
	People   People
	Calendar Calendar
	Timers   Timers
	Boxes    Boxes
	Pictures Pictures
	Todos    Todos
	Clocks   Clocks
	Risk     Risk
	NewID    ids.Source
	Wake     func()
	Log      *slog.Logger
}

// Service plans and runs tasks. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	regions  *region.Tree
	people   People
	calendar Calendar
	timers   Timers
	boxes    Boxes
	pictures Pictures
	todos    Todos
	clocks   Clocks
	risk     Risk
	newID    ids.Source
	wake     func()
	log      *slog.Logger

	stop context.CancelFunc
	done sync.WaitGroup
}

// New makes the service and says what its timers do.
func New(o Options) *Service {
	s := &Service{
		db: o.DB, regions: o.Regions, people: o.People, calendar: o.Calendar, timers: o.Timers, boxes: o.Boxes, pictures: o.Pictures,
		todos: o.Todos, clocks: o.Clocks, risk: o.Risk, newID: o.NewID, wake: o.Wake, log: o.Log,
	}
	if s.todos == nil {
		s.todos = noTodos{}
	}
	if s.clocks == nil {
		s.clocks = noClocks{}
	}
	if s.newID == nil {
		s.newID = ids.New
	}
	if s.wake == nil {
		s.wake = func() {}
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.timers.HandleTx(timerPlan, "生成排摸巡检任务", s.firePlan)
	s.timers.HandleTx(timerFinish, "结束任务时段", s.fireFinish)
	return s
}

// Start begins to tell the boxes that are connected to this center what they
// have to do.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		t := time.NewTicker(sendEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			if _, err := s.SendDue(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("send tasks to boxes", "err", err)
			}
		}
	})
}

// Close ends it and waits.
func (s *Service) Close() {
	if s.stop != nil {
		s.stop()
	}
	s.done.Wait()
}

func regionPrefix(code string) string { return region.Prefix(code) }

// regionOf is the smallest region that holds all codes: a street, a district,
// or the city.
func (s *Service) regionOf(codes []string) string {
	if len(codes) == 0 {
		return region.CityCode
	}
	same := func(n int) bool {
		for _, c := range codes {
			if len(c) < n || c[:n] != codes[0][:n] {
				return false
			}
		}
		return true
	}
	switch {
	case len(codes[0]) >= 9 && same(9):
		return codes[0][:9]
	case len(codes[0]) >= 6 && same(6) && s.regions.District(codes[0]) != "":
		return codes[0][:6]
	}
	return region.CityCode
}

// within is the part of the city that a region's plan stays in.
func within(regionCode string) access.Scope {
	return access.Scope{Prefixes: []string{region.Prefix(regionCode)}}
}

// riskShops gives the shops of the plan's risk levels.
func (s *Service) riskShops(ctx context.Context, c Content, scope access.Scope) ([]string, error) {
	if s.risk == nil || len(c.Scope.Risks) == 0 {
		return nil, nil
	}
	return s.risk.ShopsAt(ctx, c.Scope.Risks, scope.Prefixes)
}

func (s *Service) now() clock.Stamp { return clock.At(s.db.Now()) }
