package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/rtspcam"
)

// recovery is how long a camera may take to be back after a fault: the
// reconnect ladder may have climbed while it was away. After a wrong password
// the agent asks rarely on purpose, because cameras lock accounts, and says
// when it will; after a stream without video it asks each minute.
func recovery(k rtspcam.Fault) time.Duration {
	switch k {
	case rtspcam.FaultAuth:
		return 5*time.Minute + 15*time.Second
	case rtspcam.FaultAudioOnly:
		return 75 * time.Second
	}
	return 45 * time.Second
}

// judge compares what the agent says with what the cameras do.
type judge struct {
	o     options
	agent *agent

	mu      sync.Mutex
	faults  map[int]*fault
	checked int
	wrong   []string
	notes   []string
	byKind  map[string]*tally
}

// fault is what one camera does now, or did last.
type fault struct {
	kind        rtspcam.Fault
	from, until time.Time
	known       bool // the agent has said so in time
}

// tally counts one kind of fault.
type tally struct {
	Raised int     `json:"raised"`
	Missed int     `json:"missed"`
	WorstS float64 `json:"worstS"`
}

func newJudge(o options, a *agent) *judge {
	return &judge{o: o, agent: a, faults: map[int]*fault{}, byKind: map[string]*tally{}}
}

// idle tells whether the camera is well and has had time to recover.
func (j *judge) idle(i int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := j.faults[i]
	return f == nil
}

func (j *judge) raised(i int, s rtspcam.FaultSpec, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults[i] = &fault{kind: s.Kind, from: now, until: now.Add(time.Duration(s.Seconds * float64(time.Second)))}
	j.tally(s.Kind).Raised++
}

func (j *judge) tally(k rtspcam.Fault) *tally {
	t := j.byKind[string(k)]
	if t == nil {
		t = &tally{}
		j.byKind[string(k)] = t
	}
	return t
}

func (j *judge) note(format string, a ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.notes = append(j.notes, fmt.Sprintf(format, a...))
}

// follow reads the agent's statuses to the end of the run.
func (j *judge) follow(ctx context.Context) (*report, error) {
	var samples []sample
	start := time.Now()
	end := start.Add(j.o.Warmup + j.o.For)
	for time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case s, ok := <-j.agent.lines:
			if !ok {
				return nil, fmt.Errorf("the agent ended after %s", time.Since(start).Round(time.Second))
			}
			now := time.Now()
			j.check(now, s)
			if now.Sub(start) < j.o.Warmup || len(samples) > 0 && now.Sub(samples[len(samples)-1].At) < 5*time.Second {
				continue
			}
			x, err := j.agent.sample(now, s.Goroutines)
			if err != nil {
				return nil, err
			}
			samples = append(samples, x)
		}
	}
	return j.report(samples), nil
}

// truthful tells whether a state may be said of a camera with this fault.
func truthful(k rtspcam.Fault, s edgev1.CameraStatus) bool {
	judged := s.State == edgev1.Online || s.State == edgev1.NoVerdict
	switch k {
	case rtspcam.FaultStop, rtspcam.FaultAuth, rtspcam.FaultAudioOnly:
		return !judged
	case rtspcam.FaultBlack, rtspcam.FaultFreeze:
		return s.State == edgev1.NoVerdict
	case rtspcam.FaultShift:
		// The view is learned anew; while it is, there is no verdict, and
		// the detail says so.
		return s.State == edgev1.NoVerdict || s.State == edgev1.Online && s.Detail != ""
	default:
		return judged || s.State == edgev1.Reconnecting
	}
}

// check judges one status. While a fault lasts, the state must be true from
// the third interval on, and was judged to be late otherwise.
func (j *judge) check(now time.Time, s status) {
	j.mu.Lock()
	defer j.mu.Unlock()
	limit := 3 * j.o.Interval
	for i := range j.o.Cameras {
		k := slices.IndexFunc(s.Cameras, func(c edgev1.CameraStatus) bool { return c.Camera == id(i) })
		f := j.faults[i]
		if k < 0 || f == nil {
			continue
		}
		c := s.Cameras[k]
		switch {
		case now.Before(f.until) && !f.known:
			took := now.Sub(f.from)
			ok := truthful(f.kind, c)
			if !ok && took <= limit+time.Second {
				continue
			}
			f.known = true
			j.checked++
			t := j.tally(f.kind)
			t.WorstS = max(t.WorstS, took.Seconds())
			if !ok {
				t.Missed++
				j.wrong = append(j.wrong, fmt.Sprintf("camera %d: %s for %.1f s, but said %s %s %q", i+1, f.kind, took.Seconds(), c.State, c.Diagnosis, c.Detail))
			}
		case now.Sub(f.until) > recovery(f.kind) || now.After(f.until) && c.State == edgev1.Online:
			j.checked++
			if c.State != edgev1.Online && c.State != edgev1.NoVerdict {
				j.wrong = append(j.wrong, fmt.Sprintf("camera %d: %.0f s after %s ended, still %s %q", i+1, now.Sub(f.until).Seconds(), f.kind, c.State, c.Detail))
			}
			delete(j.faults, i)
		}
	}
}

// report is the outcome.
type report struct {
	Cameras  int               `json:"cameras"`
	Minutes  float64           `json:"minutes"`
	Checked  int               `json:"checked"`
	Wrong    []string          `json:"wrong"`
	Notes    []string          `json:"notes"`
	Faults   map[string]*tally `json:"faults"`
	First    sample            `json:"first"`
	Last     sample            `json:"last"`
	Growth   growth            `json:"growth"`
	CPUShare float64           `json:"cpuShare"`
}

// growth is the median of the last fifth minus that of the first fifth.
type growth struct {
	Goroutines  float64 `json:"goroutines"`
	Descriptors float64 `json:"descriptors"`
	Threads     float64 `json:"threads"`
	ResidentMB  float64 `json:"residentMb"`
}

func (j *judge) report(s []sample) *report {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &report{Cameras: j.o.Cameras, Minutes: j.o.For.Minutes(), Checked: j.checked, Wrong: j.wrong, Notes: j.notes, Faults: j.byKind}
	if len(s) < 5 {
		r.Wrong = append(r.Wrong, "fewer than five samples: the run was too short to judge growth")
		return r
	}
	n := len(s) / 5
	head, tail := s[:max(1, n)], s[len(s)-max(1, n):]
	diff := func(get func(sample) float64) float64 { return median(tail, get) - median(head, get) }
	r.First, r.Last = s[0], s[len(s)-1]
	r.Growth = growth{
		Goroutines:  diff(func(x sample) float64 { return float64(x.Goroutines) }),
		Descriptors: diff(func(x sample) float64 { return float64(x.Descriptors) }),
		Threads:     diff(func(x sample) float64 { return float64(x.Threads) }),
		ResidentMB:  diff(func(x sample) float64 { return x.ResidentMB }),
	}
	r.CPUShare = (r.Last.CPUSeconds - r.First.CPUSeconds) / r.Last.At.Sub(r.First.At).Seconds()
	return r
}

func median(s []sample, get func(sample) float64) float64 {
	v := make([]float64, 0, len(s))
	for _, x := range s {
		v = append(v, get(x))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

// Passed tells whether every state was true and nothing grew. Some wobble is
// the faults' own: what is down at one moment is up at another.
func (r *report) Passed() bool {
	return len(r.Wrong) == 0 && r.Checked > 0 && r.Growth.Goroutines <= float64(2*r.Cameras) && r.Growth.Descriptors <= float64(r.Cameras) &&
		r.Growth.ResidentMB <= max(32, 0.15*r.First.ResidentMB)
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "%d cameras, %.1f minutes, %d states checked, %d wrong, %.2f cores used\n", r.Cameras, r.Minutes, r.Checked, len(r.Wrong), r.CPUShare)
	for _, k := range rtspcam.Faults() {
		if t := r.Faults[string(k)]; t != nil {
			fmt.Fprintf(w, "  %-11s raised %2d, missed %d, slowest known after %.1f s\n", k, t.Raised, t.Missed, t.WorstS)
		}
	}
	fmt.Fprintf(w, "first  goroutines %d, descriptors %d, threads %d, resident %.0f MB\n", r.First.Goroutines, r.First.Descriptors, r.First.Threads, r.First.ResidentMB)
	fmt.Fprintf(w, "last   goroutines %d, descriptors %d, threads %d, resident %.0f MB\n", r.Last.Goroutines, r.Last.Descriptors, r.Last.Threads, r.Last.ResidentMB)
	fmt.Fprintf(w, "growth goroutines %+.0f, descriptors %+.0f, threads %+.0f, resident %+.0f MB (medians of first and last fifth)\n", r.Growth.Goroutines, r.Growth.Descriptors, r.Growth.Threads, r.Growth.ResidentMB)
	for _, s := range append(r.Wrong, r.Notes...) {
		fmt.Fprintln(w, "  !", s)
	}
	if r.Passed() {
		fmt.Fprintln(w, "passed")
	} else {
		fmt.Fprintln(w, "FAILED")
	}
}
