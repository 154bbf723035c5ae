package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"jiexun/center/internal/platform/errs"
)

// progressEvery is how often progress is written at most.
const progressEvery = 500 * time.Millisecond

// Run is a job being run. Its methods are safe for concurrent use and must
// not be called inside a transaction: they write in one of their own.
type Run struct {
	ID      string
	Kind    string
	Attempt int
	Payload json.RawMessage

	id  int64
	ctx context.Context
	r   *Runner

	mu          sync.Mutex
	done, total int64
	note        string
	written     time.Time
	dirty       bool
}

// Decode reads the payload.
func (run *Run) Decode(v any) error {
	if err := json.Unmarshal(run.Payload, v); err != nil {
		return Final(fmt.Errorf("decode the payload of job %s: %w", run.Kind, err))
	}
	return nil
}

// Cancelled tells whether a person cancelled the job or the center stops.
func (run *Run) Cancelled() bool { return run.ctx.Err() != nil }

// Progress notes how far the job is; total is 0 when unknown. It is written
// twice a second at most, and at the end.
func (run *Run) Progress(done, total int64, note string) {
	run.mu.Lock()
	run.done, run.total, run.note, run.dirty = done, total, note, true
	due := run.r.db.Now().Sub(run.written) >= progressEvery
	run.mu.Unlock()
	if due {
		run.flush()
	}
}

func (run *Run) flush() {
	run.mu.Lock()
	defer run.mu.Unlock()
	if !run.dirty {
		return
	}
	run.written, run.dirty = run.r.db.Now(), false
	if err := putProgress(context.WithoutCancel(run.ctx), run.r.db, run.id, run.done, run.total, run.note); err != nil {
		run.r.log.Error("note the progress of a job", "job", run.Kind, "id", run.id, "err", err)
	}
}

// Log adds a Chinese line to the job's log.
func (run *Run) Log(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if err := addLine(context.WithoutCancel(run.ctx), run.r.db, run.id, run.Attempt, line); err != nil {
		run.r.log.Error("write the log of a job", "job", run.Kind, "id", run.id, "err", err)
	}
}

// plain is what people may see of a failure: the sentence of an error that is
// meant for them, or only that something failed.
func plain(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Code != errs.Internal {
		return e.Message
	}
	s, _, _ := strings.Cut(err.Error(), "\n")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + "…"
	}
	return s
}
