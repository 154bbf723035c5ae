package infer

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Metrics is what one network has cost since it was loaded.
type Metrics struct {
	Model    string
	Provider string
	// Runs of the network, Items that took part in them: more items than
	// runs means that pictures shared runs.
	Runs, Items int64
	// Failed and Cancelled items: the network refused them, or their caller
	// had gone before their turn came.
	Failed, Cancelled int64
	// Waiting is how many wait now.
	Waiting int64
	// RunTime is the time inside the network, WaitTime the time before it,
	// summed over all items.
	RunTime, WaitTime time.Duration
}

type counters struct {
	runs, items, failed, cancelled, waiting, runNanos, waitNanos atomic.Int64
}

// Metrics gives the counters of all loaded networks, sorted by name.
func (r *Runtime) Metrics() []Metrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Metrics
	for _, n := range r.nets {
		out = append(out, Metrics{
			Model: n.m.Name, Provider: n.provider,
			Runs: n.cost.runs.Load(), Items: n.cost.items.Load(),
			Failed: n.cost.failed.Load(), Cancelled: n.cost.cancelled.Load(), Waiting: n.cost.waiting.Load(),
			RunTime: time.Duration(n.cost.runNanos.Load()), WaitTime: time.Duration(n.cost.waitNanos.Load()),
		})
	}
	slices.SortFunc(out, func(a, b Metrics) int { return strings.Compare(a.Model, b.Model) })
	return out
}
