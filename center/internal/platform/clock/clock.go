// Package clock gives the time to everything that is tested with time, and
// the type in which moments are stored and sent.
package clock

import (
	"fmt"
	"sync"
	"time"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// System is the machine's clock.
type System struct{}

// Now implements Clock.
func (System) Now() time.Time { return time.Now() }

// Fake is a clock that a test moves by hand. It is safe for concurrent use.
type Fake struct {
	mu  sync.Mutex
	now time.Time
}

// NewFake starts a fake clock at a moment.
func NewFake(at time.Time) *Fake { return &Fake{now: at} }

// Now implements Clock.
func (f *Fake) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// Advance moves the clock on.
func (f *Fake) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

// Set moves the clock to a moment.
func (f *Fake) Set(at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = at
}

// Stamp is a moment as Unix milliseconds in UTC. Columns named *_at hold it
// as BIGINT; JSON has it as RFC 3339 with three decimals. Use *Stamp where a
// moment may be absent.
type Stamp int64

const layout = "2006-01-02T15:04:05.000Z07:00"

// At makes a Stamp.
func At(t time.Time) Stamp { return Stamp(t.UnixMilli()) }

// Ptr makes a Stamp that may be absent.
func Ptr(t time.Time) *Stamp { s := At(t); return &s }

// Time gives the moment in UTC.
func (s Stamp) Time() time.Time { return time.UnixMilli(int64(s)).UTC() }

// String is the JSON form without quotes.
func (s Stamp) String() string { return s.Time().Format(layout) }

// MarshalText implements encoding.TextMarshaler.
func (s Stamp) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Stamp) UnmarshalText(b []byte) error {
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return fmt.Errorf("时间应写作 2026-11-24T06:30:56.000Z 的样式，收到 %.40q", b)
	}
	*s = At(t)
	return nil
}

// Shanghai is the zone of the product's days and months. It has had no
// summer time since 1991.
func Shanghai() *time.Location { return time.FixedZone("Asia/Shanghai", 8*3600) }

// YMD gives the day in Shanghai as an integer, for example 20261124.
func YMD(t time.Time) int {
	y, m, d := t.In(Shanghai()).Date()
	return y*10000 + int(m)*100 + d
}

// DayStart gives the first moment of the Shanghai day that holds t.
func DayStart(t time.Time) time.Time {
	y, m, d := t.In(Shanghai()).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, Shanghai()).UTC()
}
