package media

import (
	"sync"
	"time"

	"jiexun/edge-agent/internal/source"
)

// Ring keeps the last seconds of one camera's encoded stream, so that
// evidence can take a clip or the picture before. It is bounded in time and
// in bytes and always begins with a key unit. Safe for concurrent use.
type Ring struct {
	span time.Duration

	mu       sync.Mutex
	maxBytes int
	units    []*source.AccessUnit
	bytes    int
}

// NewRing makes a ring for span of video and at most maxBytes.
func NewRing(span time.Duration, maxBytes int) *Ring {
	return &Ring{span: span, maxBytes: maxBytes}
}

// Add appends a unit and drops what is too old or too much. Whole groups of
// pictures go at once, because the rest of a group cannot be decoded.
func (r *Ring) Add(u *source.AccessUnit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.units) == 0 && !u.Key {
		return
	}
	r.units = append(r.units, u)
	r.bytes += u.Size()
	for {
		next := r.secondKey()
		if next == 0 {
			break
		}
		covered := u.Received.Sub(r.units[next].Received)
		if covered < r.span && r.bytes <= r.maxBytes {
			return
		}
		r.drop(next)
	}
	if r.bytes > r.maxBytes { // a single group that is too large
		r.drop(len(r.units))
	}
}

// Limit changes how many bytes the ring may hold; it takes effect with the
// next unit.
func (r *Ring) Limit(maxBytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.maxBytes = maxBytes
}

// Reaches tells whether the ring goes back to t.
func (r *Ring) Reaches(t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.units) > 0 && !r.units[0].Received.After(t)
}

// secondKey is the place of the second key unit, 0 when there is none.
func (r *Ring) secondKey() int {
	for i := 1; i < len(r.units); i++ {
		if r.units[i].Key {
			return i
		}
	}
	return 0
}

func (r *Ring) drop(n int) {
	for i, u := range r.units[:n] {
		r.bytes -= u.Size()
		r.units[i] = nil
	}
	r.units = append([]*source.AccessUnit(nil), r.units[n:]...)
}

// Clip gives the units received from from to to, preceded by those back to
// the key unit that they need; nil when the ring holds none.
func (r *Ring) Clip(from, to time.Time) []*source.AccessUnit {
	r.mu.Lock()
	defer r.mu.Unlock()
	start, end := 0, 0
	for i, u := range r.units {
		if u.Key && !u.Received.After(from) {
			start = i
		}
		if !u.Received.After(to) {
			end = i + 1
		}
	}
	if end <= start || r.units[end-1].Received.Before(from) {
		return nil
	}
	return append([]*source.AccessUnit(nil), r.units[start:end]...)
}

// KeyBefore gives the last undamaged key unit received at or before t, nil
// when the ring holds none.
func (r *Ring) KeyBefore(t time.Time) *source.AccessUnit {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.units) - 1; i >= 0; i-- {
		if u := r.units[i]; u.Key && !u.Damaged && !u.Received.After(t) {
			return u
		}
	}
	return nil
}

// Size tells what the ring holds.
func (r *Ring) Size() (units, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.units), r.bytes
}
