package geocode

import (
	"context"
	"errors"
	"sync"
	"time"

	"jiexun/center/internal/platform/clock"
)

const (
	// breakAfter failures in a row stop the calls of a service for breakFor;
	// then one call tries again.
	breakAfter = 5
	breakFor   = 30 * time.Second
	// busyFor is how long a service is left alone that said too many at once.
	busyFor = time.Second
)

// Chain asks services in the order of preference, leaves alone those that
// fail, and keeps to their quotas. It is safe for concurrent use.
type Chain struct {
	now   func() time.Time
	mu    sync.Mutex
	state map[string]*health
}

type health struct {
	failures int
	until    time.Time // not asked before
	trying   bool      // one call tries whether it works again
	reason   *Fault
	ymd      int
	calls    int
	failed   int
}

// NewChain makes a chain with a clock.
func NewChain(now func() time.Time) *Chain { return &Chain{now: now, state: map[string]*health{}} }

// Try is what became of one service in a question.
type Try struct {
	Code string `json:"code"`
	// Found is the number of results; 0 without a Fault is an answer too.
	Found int    `json:"found"`
	Fault Kind   `json:"fault,omitempty"`
	Word  string `json:"word,omitempty"`
	Ms    int64  `json:"ms"`
}

// Health is a service as people see it.
type Health struct {
	Calls  int        `json:"calls"`
	Failed int        `json:"failed"`
	Until  *time.Time `json:"until"`
	Word   string     `json:"word"`
}

func (c *Chain) of(code string) *health {
	h, ok := c.state[code]
	if !ok {
		h = &health{}
		c.state[code] = h
	}
	if ymd := clock.YMD(c.now()); h.ymd != ymd {
		h.ymd, h.calls, h.failed = ymd, 0, 0
		if h.reason != nil && h.reason.Kind == Quota {
			h.until, h.reason = time.Time{}, nil
		}
	}
	return h
}

// admit counts a call, or tells why the service is not asked.
func (c *Chain) admit(s Settings) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.of(s.Code)
	if s.Quota > 0 && h.calls >= s.Quota {
		return &Fault{s.Code, Quota, "达到设定的每日上限"}
	}
	if c.now().Before(h.until) {
		if h.reason != nil && h.reason.Kind == Quota {
			return h.reason
		}
		return &Fault{s.Code, Open, ""}
	}
	if h.failures >= breakAfter {
		if h.trying {
			return &Fault{s.Code, Open, ""}
		}
		h.trying = true
	}
	h.calls++
	return nil
}

// note takes what became of a call.
func (c *Chain) note(s Settings, err error) *Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.of(s.Code)
	h.trying = false
	if err == nil {
		h.failures, h.until, h.reason = 0, time.Time{}, nil
		return nil
	}
	var f *Fault
	if !errors.As(err, &f) {
		f = &Fault{s.Code, Server, err.Error()}
	}
	h.failed++
	h.reason = f
	switch f.Kind {
	case Rejected: // this question, not the service
		h.failed--
	case Quota:
		h.until = clock.DayStart(c.now()).Add(24 * time.Hour)
	case Busy:
		h.until = c.now().Add(busyFor)
	default:
		if h.failures++; h.failures >= breakAfter {
			h.until = c.now().Add(breakFor)
		}
	}
	return f
}

// Health tells how a service does.
func (c *Chain) Health(code string) Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.of(code)
	out := Health{Calls: h.calls, Failed: h.failed}
	if c.now().Before(h.until) {
		t := h.until
		out.Until = &t
	}
	if h.reason != nil {
		out.Word = h.reason.Word()
	}
	return out
}

// Once asks one service under its breaker and quota.
func (c *Chain) Once(ctx context.Context, s Settings, ask func(context.Context, Settings) error) *Fault {
	if f := c.admit(s); f != nil {
		return f
	}
	err := ask(ctx, s)
	if err != nil && ctx.Err() != nil {
		err = &Fault{s.Code, Rejected, "提问的人已经离开"}
	}
	return c.note(s, err)
}

// Ask asks the services one after another until one finds something. All that
// were asked are told; no result without any fault means that nobody knows
// the place.
func (c *Chain) Ask(ctx context.Context, list []Settings, ask func(context.Context, Settings) ([]Place, error)) (found []Place, by string, tries []Try) {
	tries = []Try{}
	for _, s := range list {
		start := c.now()
		f := c.Once(ctx, s, func(ctx context.Context, s Settings) (err error) {
			found, err = ask(ctx, s)
			return err
		})
		t := Try{Code: s.Code, Found: len(found), Ms: c.now().Sub(start).Milliseconds()}
		if f != nil {
			found, t.Found, t.Fault, t.Word = nil, 0, f.Kind, f.Word()
		}
		tries = append(tries, t)
		if len(found) > 0 {
			return found, s.Code, tries
		}
		if ctx.Err() != nil {
			break
		}
	}
	return []Place{}, "", tries
}
