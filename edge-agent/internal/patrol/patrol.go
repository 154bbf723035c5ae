// Package patrol does on the box what surveys and inspections ask for: it
// keeps the tasks over a restart, has each camera looked at as often as the
// task says, evenly spread over its window, and tells what was seen and what
// could not be. It works in one goroutine that rests three times as long as it
// worked, so that the running analyses keep the box.
package patrol

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"jiexun/api/edgev1"
)

// Limits of what a box takes.
const (
	maxTasks = 200
	// restFactor is how many times the work it rests.
	restFactor = 3
	maxRest    = 5 * time.Second
	tick       = 500 * time.Millisecond
)

// Key is under which the tasks are stored.
const Key = "patrol"

// Ask is one look at one camera.
type Ask struct {
	Task   *edgev1.Task
	Camera string
	Look   int
}

// Eyes look at a camera. What they give lacks id, task, camera, look and
// clock offset, which the runner fills in. An error is told as a look that
// failed.
type Eyes interface {
	See(ctx context.Context, a Ask) ([]edgev1.Observation, error)
}

// Store keeps observations and the tasks' state in one transaction.
type Store interface {
	Commit(ctx context.Context, list []edgev1.Observation, key string, state []byte) error
	State(ctx context.Context, key string) ([]byte, error)
}

// Options are what a runner needs.
type Options struct {
	Eyes  Eyes
	Store Store
	Now   func() time.Time
	NewID func() string
	// Offset is the box clock minus the center's.
	Offset func() time.Duration
	Log    *slog.Logger
}

// Runner does the tasks. It is safe for concurrent use.
type Runner struct {
	o    Options
	wake chan struct{}

	mu    sync.Mutex
	tasks map[string]*job
}

// job is a task with how far it is: Next is the look that each camera waits
// for, by camera; a camera that has had all of them is left out.
type job struct {
	Task edgev1.Task    `json:"task"`
	Next map[string]int `json:"next"`
}

// New makes a runner and takes back the tasks that it had.
func New(ctx context.Context, o Options) (*Runner, error) {
	r := &Runner{o: o, wake: make(chan struct{}, 1), tasks: map[string]*job{}}
	b, err := o.Store.State(ctx, Key)
	if err != nil {
		return nil, fmt.Errorf("read the tasks: %w", err)
	}
	if b != nil {
		if err := r.restore(b); err != nil {
			o.Log.Error("stored tasks not taken", "error", err)
		}
	}
	return r, nil
}

func (r *Runner) restore(b []byte) error {
	var list []*job
	if err := json.Unmarshal(b, &list); err != nil {
		return fmt.Errorf("decode tasks: %w", err)
	}
	for _, j := range list {
		if j == nil || j.Next == nil {
			continue
		}
		if err := j.Task.Validate(); err != nil {
			return fmt.Errorf("stored task: %w", err)
		}
		for c, n := range j.Next {
			if n < 1 || n > j.Task.Looks || !slices.Contains(j.Task.Cameras, c) {
				delete(j.Next, c)
			}
		}
		r.tasks[j.Task.ID] = j
	}
	return nil
}

// snapshot is the state as it is stored; the lock is held.
func (r *Runner) snapshot() ([]byte, error) {
	list := make([]*job, 0, len(r.tasks))
	for _, id := range slices.Sorted(maps.Keys(r.tasks)) {
		list = append(list, r.tasks[id])
	}
	b, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("encode tasks: %w", err)
	}
	return b, nil
}

// Take takes a task, or says in words for people why not. One that is known
// is taken already.
func (r *Runner) Take(ctx context.Context, t edgev1.Task) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.tasks[t.ID]; known {
		return nil
	}
	now := r.centerNow()
	if !t.Until.After(now) {
		return fmt.Errorf("任务时段已于 %s 结束", t.Until.Local().Format("15:04"))
	}
	r.purge(now)
	if len(r.tasks) >= maxTasks {
		return fmt.Errorf("这台边缘盒已有 %d 个任务，超过上限", len(r.tasks))
	}
	j := &job{Task: t, Next: map[string]int{}}
	for _, c := range t.Cameras {
		j.Next[c] = 1
	}
	r.tasks[t.ID] = j
	if err := r.store(ctx, nil); err != nil {
		delete(r.tasks, t.ID)
		return err
	}
	r.poke()
	return nil
}

// Stop drops a task; one that is not known counts as dropped.
func (r *Runner) Stop(ctx context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	j, known := r.tasks[id]
	if !known {
		return nil
	}
	delete(r.tasks, id)
	if err := r.store(ctx, nil); err != nil {
		r.tasks[id] = j
		return err
	}
	return nil
}

// Len is how many tasks are not done yet.
func (r *Runner) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, j := range r.tasks {
		if len(j.Next) > 0 {
			n++
		}
	}
	return n
}

func (r *Runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// centerNow is the time by the center's clock, by which windows are given.
func (r *Runner) centerNow() time.Time { return r.o.Now().Add(-r.o.Offset()) }

// store commits observations with the tasks as they are; the lock is held.
func (r *Runner) store(ctx context.Context, list []edgev1.Observation) error {
	b, err := r.snapshot()
	if err != nil {
		return err
	}
	if err := r.o.Store.Commit(ctx, list, Key, b); err != nil {
		return fmt.Errorf("store the tasks: %w", err)
	}
	return nil
}

// dueAt is when a camera's look is due: looks are spread over the window, and
// the cameras over the time between two looks.
func (j *job) dueAt(camera string, look int) time.Time {
	t := &j.Task
	window := t.Until.Sub(t.From.Time)
	step := window * 4 / 5
	if t.Looks > 1 {
		step = window / time.Duration(t.Looks)
	}
	i := slices.Index(t.Cameras, camera)
	return t.From.Add(step*time.Duration(look-1) + step*time.Duration(max(i, 0))/time.Duration(len(t.Cameras)))
}

// next finds the look that is due longest; the lock is held.
func (r *Runner) next(now time.Time) (Ask, bool) {
	type due struct {
		Ask
		at time.Time
	}
	var best *due
	for _, j := range r.tasks {
		for c, n := range j.Next {
			at := j.dueAt(c, n)
			if at.After(now) {
				continue
			}
			if best == nil || cmp.Or(at.Compare(best.at), cmp.Compare(c, best.Camera)) < 0 {
				best = &due{Ask{&j.Task, c, n}, at}
			}
		}
	}
	if best == nil {
		return Ask{}, false
	}
	return best.Ask, true
}

// missed is what is told of a look whose time is over.
func missed(now time.Time) []edgev1.Observation {
	return []edgev1.Observation{{Kind: edgev1.Unseen, At: edgev1.At(now), Reason: edgev1.UnseenMissed}}
}

// over tells whether a look is too late: the next one is due, or the window
// has ended.
func (r *Runner) over(a Ask, now time.Time) bool {
	if !now.Before(a.Task.Until.Time) {
		return true
	}
	j := r.tasks[a.Task.ID]
	return j != nil && a.Look < a.Task.Looks && !j.dueAt(a.Camera, a.Look+1).After(now)
}

// Run looks at what is due until ctx ends.
func (r *Runner) Run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-r.wake:
		}
		for ctx.Err() == nil {
			began := time.Now()
			worked, err := r.Step(ctx)
			if err != nil && ctx.Err() == nil {
				r.o.Log.Error("look for a task", "error", err)
				break
			}
			if !worked {
				break
			}
			rest := time.NewTimer(min(restFactor*time.Since(began), maxRest))
			select {
			case <-ctx.Done():
			case <-rest.C:
			}
			rest.Stop()
		}
	}
}

// Step does one look that is due; false when there is none.
func (r *Runner) Step(ctx context.Context) (bool, error) {
	r.mu.Lock()
	now := r.centerNow()
	a, ok := r.next(now)
	late := ok && r.over(a, now)
	r.mu.Unlock()
	if !ok {
		return false, nil
	}
	list := missed(r.o.Now())
	if !late {
		var err error
		if list, err = r.o.Eyes.See(ctx, a); err != nil {
			if ctx.Err() != nil {
				return false, ctx.Err()
			}
			r.o.Log.Error("look for a task failed", "task", a.Task.ID, "camera", a.Camera, "error", err)
			list = []edgev1.Observation{{Kind: edgev1.Unseen, At: edgev1.At(r.o.Now()), Reason: edgev1.UnseenFailed, Detail: cut(err.Error())}}
		}
	}
	for i := range list {
		o := &list[i]
		o.ID, o.Task, o.Camera, o.Look, o.ClockOffsetMS = r.o.NewID(), a.Task.ID, a.Camera, a.Look, r.o.Offset().Milliseconds()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	j := r.tasks[a.Task.ID]
	if j == nil {
		return true, nil // it was stopped in the meantime
	}
	old := j.Next[a.Camera]
	j.Next[a.Camera] = a.Look + 1
	if a.Look >= j.Task.Looks {
		delete(j.Next, a.Camera)
	}
	r.purge(now)
	if err := r.store(ctx, list); err != nil {
		j.Next[a.Camera] = old // it is looked at again
		return false, err
	}
	return true, nil
}

// purge forgets tasks that are done once their window is long over: until
// then they are known, should the center ask for them again. The lock is held.
func (r *Runner) purge(now time.Time) {
	for id, j := range r.tasks {
		if len(j.Next) == 0 && now.Sub(j.Task.Until.Time) > time.Hour {
			delete(r.tasks, id)
		}
	}
}

// cut keeps a text within what a message takes.
func cut(s string) string {
	if len(s) <= 300 {
		return s
	}
	r := []rune(s)
	return string(r[:min(len(r), 100)])
}
