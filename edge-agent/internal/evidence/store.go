// Package evidence keeps the pictures of events on the box's disk until the
// center has them. A file's name is the SM3 digest of its content, so a file
// that was altered is noticed when it is read. Beside each file that the
// center has not confirmed lies a small waiting note.
package evidence

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"jiexun/api/edgev1"
)

// Errors that callers tell apart.
var (
	// ErrFull is wrapped when a file cannot be stored for want of space.
	ErrFull = errors.New("磁盘空间不足")
	// ErrCorrupt is wrapped when a file's content is not its name's.
	ErrCorrupt = errors.New("evidence file is corrupt")
	// ErrNotFound is wrapped when there is no such file.
	ErrNotFound = errors.New("no such evidence file")
)

// Options make a Store.
type Options struct {
	Dir string
	// MaxBytes caps the folder; 0 means no cap. Files that the center has
	// confirmed are removed first, oldest first; others never are: the
	// store then refuses new ones.
	MaxBytes int64
	// MinFree is how much the disk itself must keep free.
	MinFree int64
	// Keep is how long a confirmed file is kept; a day by default.
	Keep time.Duration
	Now  func() time.Time
}

// Stats counts what the store holds and what went wrong.
type Stats struct {
	Files, Bytes, Pending, PendingBytes int64
	// Refused files found no space; Evicted ones were confirmed and made
	// room; Corrupt ones were set aside.
	Refused, Evicted, Corrupt int64
}

// Upload is a file that waits for the center.
type Upload struct {
	SM3       string
	Size      int64
	MediaType string
	MadeAt    time.Time
}

// Store is a folder of evidence files. It is safe for concurrent use.
type Store struct {
	o    Options
	disk disk

	mu      sync.Mutex
	files   map[string]*entry
	waiting []string // in order of making; may name files that are done
	done    []string // confirmed files, in the same way
	stats   Stats
}

type entry struct {
	size  int64
	made  time.Time
	media string // of waiting files
	waits bool
}

const (
	noteEnd    = ".wait"
	tempPrefix = "tmp-"
	asideDir   = "corrupt"
	maxFile    = int64(edgev1.MaxEvidenceKB) << 10
)

// Open takes over a folder: what a broken-off write left is removed, and
// what waited for the center waits again.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, fmt.Errorf("open evidence store: the folder must be set")
	}
	if o.Keep <= 0 {
		o.Keep = 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("open evidence store: %w", err)
	}
	s := &Store{o: o, disk: realDisk{}, files: map[string]*entry{}}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("open evidence store: %w", err)
	}
	return s, nil
}

// scan reads the folder's names; contents are checked when they are used.
func (s *Store) scan() error {
	notes := map[string]string{}
	err := filepath.WalkDir(s.o.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		switch {
		case d.IsDir() && name == asideDir && filepath.Dir(path) == filepath.Clean(s.o.Dir):
			return fs.SkipDir
		case d.IsDir():
			return nil
		case strings.HasPrefix(name, tempPrefix):
			return os.Remove(path)
		case strings.HasSuffix(name, noteEnd) && IsDigest(strings.TrimSuffix(name, noteEnd)):
			notes[strings.TrimSuffix(name, noteEnd)] = path
		case IsDigest(name) && path == s.path(name):
			info, err := d.Info()
			if err != nil {
				return err
			}
			s.files[name] = &entry{size: info.Size(), made: info.ModTime()}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for digest, path := range notes {
		e := s.files[digest]
		if e == nil { // the note is written before the file
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		e.waits, e.media = true, readNote(path)
	}
	for digest, e := range s.files {
		s.stats.Files++
		s.stats.Bytes += e.size
		if e.waits {
			s.waiting = append(s.waiting, digest)
			s.stats.Pending++
			s.stats.PendingBytes += e.size
		} else {
			s.done = append(s.done, digest)
		}
	}
	byAge := func(a, b string) int {
		if c := s.files[a].made.Compare(s.files[b].made); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	}
	slices.SortFunc(s.waiting, byAge)
	slices.SortFunc(s.done, byAge)
	return nil
}

// readNote gives the media type of a note; a damaged note still means that
// the file waits.
func readNote(path string) string {
	b, err := os.ReadFile(path)
	if m := strings.TrimSpace(string(b)); err == nil && validMedia(m) {
		return m
	}
	return "application/octet-stream"
}

func validMedia(m string) bool {
	kind, sub, ok := strings.Cut(m, "/")
	if !ok || kind == "" || sub == "" || len(m) > 100 {
		return false
	}
	for _, r := range m {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return true
}

func (s *Store) path(digest string) string { return filepath.Join(s.o.Dir, digest[:2], digest) }

// Put stores data and marks it as waiting for the center. When it returns
// without an error the file outlives a power cut. The same data is stored
// once.
func (s *Store) Put(data []byte, mediaType string) (string, error) {
	size := int64(len(data))
	if size == 0 || size > maxFile {
		return "", fmt.Errorf("store evidence: size must be 1 to %d bytes, got %d", maxFile, size)
	}
	if !validMedia(mediaType) {
		return "", fmt.Errorf("store evidence: mediaType must look like image/jpeg, got %.60q", mediaType)
	}
	digest := Digest(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.files[digest]; e != nil && s.intact(digest, e) {
		return digest, nil
	}
	if err := s.room(size); err != nil {
		return "", err
	}
	err := s.write(digest, data, mediaType)
	for isFull(err) && s.evictOne() {
		err = s.write(digest, data, mediaType)
	}
	if isFull(err) {
		s.stats.Refused++
		return "", s.full(err)
	}
	if err != nil {
		return "", fmt.Errorf("store evidence: %w", err)
	}
	s.files[digest] = &entry{size: size, made: s.o.Now(), media: mediaType, waits: true}
	s.waiting = append(s.waiting, digest)
	s.stats.Files++
	s.stats.Bytes += size
	s.stats.Pending++
	s.stats.PendingBytes += size
	return digest, nil
}

// intact tells whether a stored file still has its length; one that has not
// is forgotten, so that it is written anew.
func (s *Store) intact(digest string, e *entry) bool {
	info, err := os.Stat(s.path(digest))
	if err == nil && info.Size() == e.size {
		return true
	}
	s.forget(digest)
	return false
}

// room makes sure that size more bytes fit, removing confirmed files.
func (s *Store) room(size int64) error {
	for len(s.done) > 0 { // those that were kept for long enough go anyway
		e := s.files[s.done[0]]
		if e != nil && !e.waits && s.o.Now().Sub(e.made) < s.o.Keep {
			break
		}
		if !s.evictOne() {
			break
		}
	}
	over := func() error {
		if s.o.MaxBytes > 0 && s.stats.Bytes+size > s.o.MaxBytes {
			return fmt.Errorf("证据目录已用 %d MB，上限 %d MB", s.stats.Bytes>>20, s.o.MaxBytes>>20)
		}
		if s.o.MinFree > 0 {
			if free, err := s.disk.free(s.o.Dir); err == nil && free-size < s.o.MinFree {
				return fmt.Errorf("磁盘剩余 %d MB，至少须留 %d MB", free>>20, s.o.MinFree>>20)
			}
		}
		return nil
	}
	err := over()
	for err != nil && s.evictOne() {
		err = over()
	}
	if err != nil {
		s.stats.Refused++
		return s.full(err)
	}
	return nil
}

func (s *Store) full(why error) error {
	return fmt.Errorf("%w：%w；有 %d 个文件待上传，请检查到中心的网络，或扩大磁盘、调高上限", ErrFull, why, s.stats.Pending)
}

func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// evictOne removes the oldest confirmed file; false when there is none.
func (s *Store) evictOne() bool {
	for len(s.done) > 0 {
		digest := s.done[0]
		s.done = s.done[1:]
		e := s.files[digest]
		if e == nil || e.waits {
			continue
		}
		if err := os.Remove(s.path(digest)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		s.forget(digest)
		s.stats.Evicted++
		return true
	}
	return false
}

// forget drops a file from the books.
func (s *Store) forget(digest string) {
	e := s.files[digest]
	if e == nil {
		return
	}
	delete(s.files, digest)
	s.stats.Files--
	s.stats.Bytes -= e.size
	if e.waits {
		s.stats.Pending--
		s.stats.PendingBytes -= e.size
	}
}

// write puts the waiting note and then the file in their places; either is
// there whole or not at all.
func (s *Store) write(digest string, data []byte, mediaType string) error {
	dir := filepath.Dir(s.path(digest))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if err := s.atomically(dir, digest+noteEnd, []byte(mediaType+"\n")); err != nil {
		return err
	}
	if err := s.atomically(dir, digest, data); err != nil {
		return errors.Join(err, remove(filepath.Join(dir, digest+noteEnd)))
	}
	return s.disk.syncDir(s.o.Dir)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// atomically writes a file under a temporary name, flushes it, and renames
// it into place. Nothing is left of one that fails.
func (s *Store) atomically(dir, name string, data []byte) (err error) {
	f, err := s.disk.create(dir)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return s.disk.syncDir(dir)
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// disk is what the store needs of the file system; tests put a small or
// failing one in its place.
type disk interface {
	create(dir string) (file, error)
	syncDir(dir string) error
	free(dir string) (int64, error)
}

type file interface {
	io.WriteCloser
	Sync() error
	Name() string
}

type realDisk struct{}

func (realDisk) create(dir string) (file, error) { return os.CreateTemp(dir, tempPrefix+"*") }

func (realDisk) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (realDisk) free(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for free space of %s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}
