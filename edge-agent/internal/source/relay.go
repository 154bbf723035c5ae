package source

import (
	"sync"
)

// relayDepth is how many units may wait for a Unit consumer: about two
// seconds of video.
const relayDepth = 64

// Relay stands between a reader and its Sink: Offer never blocks, consumers
// but Each run on their own goroutines. Key consumers get the newest key unit, Unit
// consumers all units in order; what they do not take in time is counted.
type Relay struct {
	sink Sink
	wg   sync.WaitGroup

	mu           sync.Mutex
	wakeKey      *sync.Cond // each waits for its own, so that a unit that
	wakeUnit     *sync.Cond // one does not take costs no wake-up
	closed       bool
	key          *AccessUnit
	queue        []*AccessUnit
	skipToKey    bool
	droppedKeys  uint64
	droppedUnits uint64
	recovered    uint64
}

// NewRelay starts the consumers' goroutines; Close ends them.
func NewRelay(s Sink) *Relay {
	r := &Relay{sink: s}
	r.wakeKey, r.wakeUnit = sync.NewCond(&r.mu), sync.NewCond(&r.mu)
	if s.Key != nil {
		r.wg.Go(func() { r.run(r.takeKey, s.Key) })
	}
	if s.Unit != nil {
		r.wg.Go(func() { r.run(r.takeUnit, s.Unit) })
	}
	return r
}

// Offer hands on one unit.
func (r *Relay) Offer(u *AccessUnit) {
	if r.sink.Each != nil {
		r.guarded(r.sink.Each, u)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if r.sink.Key != nil && u.Key && !u.Damaged {
		if r.key != nil {
			r.droppedKeys++
		}
		r.key = u
		r.wakeKey.Signal()
	}
	if r.sink.Unit != nil {
		r.offerUnit(u)
	}
}

func (r *Relay) offerUnit(u *AccessUnit) {
	if r.skipToKey && !u.Key {
		r.droppedUnits++
		return
	}
	if len(r.queue) >= relayDepth {
		r.skipToKey = true
		r.droppedUnits++
		return
	}
	r.skipToKey = false
	r.queue = append(r.queue, u)
	r.wakeUnit.Signal()
}

// Dropped tells what consumers did not take, and how many of their panics
// were caught.
func (r *Relay) Dropped() (keys, units, recovered uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.droppedKeys, r.droppedUnits, r.recovered
}

// Close ends the consumers and waits for them; units that still wait are
// dropped.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wakeKey.Broadcast()
	r.wakeUnit.Broadcast()
	r.wg.Wait()
}

func (r *Relay) run(take func() *AccessUnit, do func(*AccessUnit)) {
	for {
		u := take()
		if u == nil {
			return
		}
		r.guarded(do, u)
	}
}

// guarded keeps one bad unit from ending the process.
func (r *Relay) guarded(do func(*AccessUnit), u *AccessUnit) {
	defer func() {
		if recover() != nil {
			r.mu.Lock()
			r.recovered++
			r.mu.Unlock()
		}
	}()
	do(u)
}

func (r *Relay) takeKey() *AccessUnit {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.key == nil && !r.closed {
		r.wakeKey.Wait()
	}
	if r.closed {
		return nil
	}
	u := r.key
	r.key = nil
	return u
}

func (r *Relay) takeUnit() *AccessUnit {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) == 0 && !r.closed {
		r.wakeUnit.Wait()
	}
	if r.closed {
		return nil
	}
	u := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	return u
}
