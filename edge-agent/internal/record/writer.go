package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source"
)

const (
	// waiting groups of pictures; more are lost, which is counted.
	queueLen = 16
	// maxGroup bounds one group of pictures in memory.
	maxGroup = 32 << 20
)

// Writer records one camera. Add belongs to the stream's reader and never
// waits for the disk.
type Writer struct {
	s      *Store
	camera string
	queue  chan []*source.AccessUnit
	done   sync.WaitGroup

	mu     sync.Mutex
	group  []*source.AccessUnit
	size   int
	closed bool

	// Of the writing goroutine alone.
	mux  *media.Muxer
	file *os.File
	seg  *segment
	last time.Time // when its last picture arrived
}

// Record begins to record a camera; Close ends it.
func (s *Store) Record(camera string, keep time.Duration, quota int64) (*Writer, error) {
	if !goodName(camera) {
		return nil, fmt.Errorf("record camera %.64q: the name is not fit for a folder", camera)
	}
	s.mu.Lock()
	r := s.reel(camera)
	r.keep, r.quota, r.fault = keep, quota, ""
	s.tidy(camera)
	s.mu.Unlock()
	w := &Writer{s: s, camera: camera, queue: make(chan []*source.AccessUnit, queueLen)}
	w.done.Go(w.run)
	return w, nil
}

// Add takes the next unit of the stream.
func (w *Writer) Add(u *source.AccessUnit) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if u.Key {
		w.hand()
		if u.Damaged || !u.Params.Complete() {
			return // what follows cannot be shown without it
		}
		w.group, w.size = append(w.group, u), u.Size()
		return
	}
	if len(w.group) == 0 {
		return
	}
	if u.Session != w.group[0].Session { // connected anew in the middle
		w.hand()
		return
	}
	w.group = append(w.group, u)
	if w.size += u.Size(); w.size > maxGroup {
		w.group, w.size = nil, 0
		w.lost()
	}
}

// hand gives the finished group to the disk.
func (w *Writer) hand() {
	if len(w.group) == 0 {
		return
	}
	select {
	case w.queue <- w.group:
	default:
		w.lost()
	}
	w.group, w.size = nil, 0
}

func (w *Writer) lost() {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.s.reel(w.camera).lost++
}

// Close writes what it has and ends the recording.
func (w *Writer) Close() {
	w.mu.Lock()
	w.hand()
	w.closed = true
	w.mu.Unlock()
	close(w.queue)
	w.done.Wait()
}

func (w *Writer) run() {
	for g := range w.queue {
		err := w.write(g)
		if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
			w.s.mu.Lock()
			more := w.s.dropOldest()
			w.s.mu.Unlock()
			if more {
				err = w.write(g)
			}
		}
		w.note(err)
	}
	if err := w.end(); err != nil {
		w.note(err)
	}
}

// note keeps the fault for the status; a group that was written clears it.
func (w *Writer) note(err error) {
	w.s.mu.Lock()
	r := w.s.reel(w.camera)
	before := r.fault
	r.fault = ""
	if err != nil {
		r.lost++
		r.fault = "录像没有写入磁盘：" + err.Error()
		if len(r.fault) > 400 {
			r.fault = "录像没有写入磁盘"
		}
	}
	after := r.fault
	w.s.mu.Unlock()
	if after != "" && after != before {
		w.s.o.Log.Error("recording", "camera", w.camera, "error", err)
	}
}

// write adds a group to the file, or begins the next one.
func (w *Writer) write(group []*source.AccessUnit) error {
	key := group[0]
	at := key.Received
	if w.mux != nil && (!w.mux.Fits(key) || at.Sub(w.seg.start) >= segmentLen || at.Before(w.last) || at.Sub(w.last) > joint) {
		if err := w.end(); err != nil {
			return err
		}
	}
	if w.mux == nil {
		if err := w.begin(key); err != nil {
			return err
		}
	}
	b, err := w.mux.Group(group)
	if err == nil {
		_, err = w.file.Write(b)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write recording: %w", err), w.end())
	}
	w.last = group[len(group)-1].Received
	end := at.Add(spread(group))
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.seg.end = later(end, w.seg.end)
	w.seg.size += int64(len(b))
	w.s.reel(w.camera).bytes += int64(len(b))
	w.s.bytes += int64(len(b))
	return nil
}

// spread is how long a group is shown.
func spread(group []*source.AccessUnit) time.Duration {
	first, last := group[0].PTS, group[0].PTS
	for _, u := range group {
		last = max(last, u.PTS)
	}
	if len(group) > 1 {
		last += (last - first) / time.Duration(len(group)-1)
	}
	return last - first
}

// begin opens the next file.
func (w *Writer) begin(key *source.AccessUnit) error {
	w.s.mu.Lock()
	w.s.tidy(w.camera)
	short := w.s.short()
	w.s.mu.Unlock()
	if short {
		return fmt.Errorf("磁盘剩余空间不足 %d MB，请扩大磁盘或减少保留时长", w.s.o.MinFree>>20)
	}
	seg := &segment{start: key.Received.Truncate(time.Millisecond), end: key.Received.Truncate(time.Millisecond), open: true}
	path := w.s.path(w.camera, seg)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("begin recording: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("begin recording: %w", err)
	}
	m, err := media.NewMuxer(key)
	if err != nil {
		return errors.Join(fmt.Errorf("begin recording: %w", err), f.Close(), os.Remove(path))
	}
	w.mux, w.file, w.seg = m, f, seg
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	r := w.s.reel(w.camera)
	r.segments = append(r.segments, seg)
	// After a step of the clock the new file may not be the newest.
	slices.SortStableFunc(r.segments, func(a, b *segment) int { return a.start.Compare(b.start) })
	return nil
}

// end closes the file under its final name.
func (w *Writer) end() error {
	if w.mux == nil {
		return nil
	}
	w.mux.Close()
	err := errors.Join(w.file.Sync(), w.file.Close())
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	before := w.s.path(w.camera, w.seg)
	w.seg.open = false
	if w.seg.size == 0 {
		r := w.s.reel(w.camera)
		r.segments = slices.DeleteFunc(r.segments, func(g *segment) bool { return g == w.seg })
		err = errors.Join(err, os.Remove(before))
	} else {
		err = errors.Join(err, os.Rename(before, w.s.path(w.camera, w.seg)))
	}
	w.mux, w.file, w.seg = nil, nil, nil
	w.s.tidy(w.camera)
	if err != nil {
		return fmt.Errorf("end recording: %w", err)
	}
	return nil
}
