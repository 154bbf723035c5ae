package notices

import (
	"sync"
	"time"
)

// limiter counts by key in a sliding window. It lives in one center; what
// protects a single notice is in the database.
type limiter struct {
	mu     sync.Mutex
	window time.Duration
	hits   map[string][]time.Time
	swept  time.Time
}

func newLimiter(window time.Duration) *limiter {
	return &limiter{window: window, hits: map[string][]time.Time{}}
}

// allow notes an attempt and tells whether it is within the limit.
func (l *limiter) allow(key string, limit int, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > l.window {
		l.swept = now
		for k, h := range l.hits {
			if now.Sub(h[len(h)-1]) > l.window {
				delete(l.hits, k)
			}
		}
	}
	h := l.hits[key]
	for len(h) > 0 && now.Sub(h[0]) > l.window {
		h = h[1:]
	}
	if len(h) >= limit {
		return false
	}
	l.hits[key] = append(h, now)
	return true
}
