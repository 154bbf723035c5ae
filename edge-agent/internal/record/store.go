// Package record keeps cameras' video on the box's own disk: in files of a
// minute, without coding anew, for as long as is asked and within a quota, the
// oldest going first. A file is playable after each group of pictures, so that
// a power cut costs the last seconds alone.
package record

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/media"
)

const (
	segmentLen = time.Minute
	// orphanKeep is how long the recordings of a camera stay that is not
	// recorded any more.
	orphanKeep = 7 * 24 * time.Hour
	openEnd    = ".part"
	wholeEnd   = ".mp4"
)

// Options make a Store.
type Options struct {
	Dir string
	// MaxBytes caps the folder, 0 for no cap; MinFree is what the disk must
	// keep free: recordings give way before anything else does.
	MaxBytes, MinFree int64
	Now               func() time.Time
	Log               *slog.Logger
}

// Store is a folder of recordings. It is safe for concurrent use.
type Store struct {
	o Options

	mu    sync.Mutex
	reels map[string]*reel
	bytes int64
}

// reel is what is kept of one camera, oldest first.
type reel struct {
	segments []*segment
	bytes    int64
	keep     time.Duration
	quota    int64
	lost     int64
	fault    string
}

// segment is one file; end grows while it is written.
type segment struct {
	start, end time.Time
	size       int64
	open       bool
}

// Open takes over a folder; files that a power cut left open are closed.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("open recordings: the folder must be set")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	s := &Store{o: o, reels: map[string]*reel{}}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("open recordings: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for camera := range s.reels {
		s.tidy(camera)
	}
	return s, nil
}

func (s *Store) scan() error {
	return filepath.WalkDir(s.o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.o.Dir, path)
		if err != nil {
			return err
		}
		parts := strings.Split(filepath.ToSlash(rel), "/")
		if len(parts) != 3 || !goodName(parts[0]) {
			return nil
		}
		seg, err := s.found(path, parts[2])
		if err != nil || seg == nil {
			return err
		}
		r := s.reel(parts[0])
		r.segments = append(r.segments, seg)
		r.bytes += seg.size
		s.bytes += seg.size
		slices.SortFunc(r.segments, func(a, b *segment) int { return a.start.Compare(b.start) })
		return nil
	})
}

// found reads a file's name and closes one that was left open.
func (s *Store) found(path, name string) (*segment, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if base, ok := strings.CutSuffix(name, openEnd); ok {
		ms, err := strconv.ParseInt(base, 10, 64)
		if err != nil {
			return nil, nil // not ours
		}
		seg := &segment{start: time.UnixMilli(ms), size: info.Size()}
		if seg.end, err = lastPicture(path, seg.start); err != nil || !seg.end.After(seg.start) {
			return nil, os.Remove(path)
		}
		return seg, os.Rename(path, filepath.Join(filepath.Dir(path), seg.name()))
	}
	base, ok := strings.CutSuffix(name, wholeEnd)
	from, to, ok2 := strings.Cut(base, "-")
	if !ok || !ok2 {
		return nil, nil
	}
	a, err1 := strconv.ParseInt(from, 10, 64)
	b, err2 := strconv.ParseInt(to, 10, 64)
	if err1 != nil || err2 != nil || b < a {
		return nil, nil
	}
	return &segment{start: time.UnixMilli(a), end: time.UnixMilli(b), size: info.Size()}, nil
}

// lastPicture reads through a file to find where it ends.
func lastPicture(path string, start time.Time) (time.Time, error) {
	d, err := media.OpenFile(path)
	if err != nil {
		return time.Time{}, err
	}
	defer d.Close()
	var first, last time.Duration
	for n := 0; ; n++ {
		u, err := d.Next()
		if err != nil {
			return start.Add(last - first), nil // the end, or where the file breaks off
		}
		if n == 0 {
			first = u.PTS
		}
		last = max(last, u.PTS)
	}
}

func (g *segment) name() string {
	if g.open {
		return strconv.FormatInt(g.start.UnixMilli(), 10) + openEnd
	}
	return fmt.Sprintf("%d-%d%s", g.start.UnixMilli(), g.end.UnixMilli(), wholeEnd)
}

func (s *Store) path(camera string, g *segment) string {
	return filepath.Join(s.o.Dir, camera, g.start.UTC().Format("20060102"), g.name())
}

// goodName keeps names of cameras from leading out of the folder.
func goodName(camera string) bool {
	return camera != "" && !strings.HasPrefix(camera, ".") && filepath.IsLocal(camera) && !strings.ContainsAny(camera, `/\`)
}

func (s *Store) reel(camera string) *reel {
	r := s.reels[camera]
	if r == nil {
		r = &reel{keep: orphanKeep}
		s.reels[camera] = r
	}
	return r
}

// tidy removes what is too old or too much. Files that are written stay.
func (s *Store) tidy(camera string) {
	r := s.reels[camera]
	old := s.o.Now().Add(-r.keep)
	for len(r.segments) > 0 && !r.segments[0].open && (r.segments[0].end.Before(old) || r.quota > 0 && r.bytes > r.quota) {
		if !s.drop(camera) {
			break
		}
	}
	for s.o.MaxBytes > 0 && s.bytes > s.o.MaxBytes && s.dropOldest() {
	}
	for s.short() && s.dropOldest() {
	}
}

// short tells whether the disk has less room than it must keep.
func (s *Store) short() bool {
	if s.o.MinFree <= 0 {
		return false
	}
	var st syscall.Statfs_t
	return syscall.Statfs(s.o.Dir, &st) == nil && int64(st.Bavail)*st.Bsize < s.o.MinFree
}

// dropOldest removes the oldest file of all cameras.
func (s *Store) dropOldest() bool {
	oldest := ""
	for camera, r := range s.reels {
		if len(r.segments) == 0 || r.segments[0].open {
			continue
		}
		if oldest == "" || r.segments[0].start.Before(s.reels[oldest].segments[0].start) {
			oldest = camera
		}
	}
	return oldest != "" && s.drop(oldest)
}

// drop removes the oldest file of a camera.
func (s *Store) drop(camera string) bool {
	r := s.reels[camera]
	g := r.segments[0]
	path := s.path(camera, g)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.o.Log.Error("old recording not removed", "file", path, "error", err)
		return false
	}
	_ = os.Remove(filepath.Dir(path)) // the day's folder, once it is empty
	r.segments = slices.Delete(r.segments, 0, 1)
	r.bytes -= g.size
	s.bytes -= g.size
	return true
}

// Status tells how a camera's recording fares.
func (s *Store) Status(camera string) edgev1.RecordStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out edgev1.RecordStatus
	r := s.reels[camera]
	if r == nil {
		return out
	}
	out.Bytes, out.Lost, out.Fault = r.bytes, r.lost, r.fault
	if n := len(r.segments); n > 0 {
		oldest, newest := edgev1.At(r.segments[0].start), edgev1.At(r.segments[n-1].end)
		out.Oldest, out.Newest = &oldest, &newest
	}
	return out
}

// joint is the most that may lie between two files of one span.
const joint = 2 * time.Second

// Spans lists what is recorded of a camera between two moments.
func (s *Store) Spans(camera string, from, to time.Time) []edgev1.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []edgev1.Span{}
	r := s.reels[camera]
	if r == nil {
		return out
	}
	for _, g := range r.segments {
		if !g.end.After(from) || !g.start.Before(to) || !g.end.After(g.start) {
			continue
		}
		a, b := later(g.start, from), earlier(g.end, to)
		if n := len(out); n > 0 && a.Sub(out[n-1].To.Time) <= joint {
			out[n-1].To = edgev1.At(b)
			continue
		}
		if len(out) < edgev1.MaxSpans {
			out = append(out, edgev1.Span{From: edgev1.At(a), To: edgev1.At(b)})
		}
	}
	return out
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
