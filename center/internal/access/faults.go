package access

import (
	"slices"
	"sync"
)

// faults are the bad rows that were found and not yet told.
type faults struct {
	mu      sync.Mutex
	told    map[Tampered]bool
	waiting []Tampered
}

func (f *faults) add(t Tampered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.told[t] || slices.Contains(f.waiting, t) {
		return
	}
	f.waiting = append(f.waiting, t)
}

func (f *faults) take() []Tampered {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.waiting
	f.waiting = nil
	for _, t := range list {
		if f.told == nil {
			f.told = map[Tampered]bool{}
		}
		f.told[t] = true
	}
	return list
}

func (f *faults) back(list []Tampered) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range list {
		delete(f.told, t)
	}
	f.waiting = append(list, f.waiting...)
}

// now lists the rows that are known to be bad since forget.
func (f *faults) now() map[string]bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[string]bool{}
	for t := range f.told {
		out[t.Table+"/"+t.ID] = true
	}
	for _, t := range f.waiting {
		out[t.Table+"/"+t.ID] = true
	}
	return out
}

// forget begins anew: what is still bad is found again.
func (f *faults) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = nil
}
