package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// NextUpload is the oldest waiting file that is not in skip. How much of it
// the center holds already the center itself says.
func (s *Store) NextUpload(skip map[string]bool) (Upload, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) > 0 { // done ones at the head are dropped for good
		if e := s.files[s.waiting[0]]; e != nil && e.waits {
			break
		}
		s.waiting = s.waiting[1:]
	}
	for _, digest := range s.waiting {
		if e := s.files[digest]; e != nil && e.waits && !skip[digest] {
			return Upload{SM3: digest, Size: e.size, MediaType: e.media, MadeAt: e.made}, true, nil
		}
	}
	return Upload{}, false, nil
}

// Uploaded notes that the center holds a file; it then makes room when
// needed. An unknown digest is no error: the file may be gone by now.
func (s *Store) Uploaded(digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.files[digest]
	if e == nil || !e.waits {
		return nil
	}
	if err := remove(s.path(digest) + noteEnd); err != nil {
		return fmt.Errorf("note evidence %s as uploaded: %w", digest, err)
	}
	e.waits = false
	s.stats.Pending--
	s.stats.PendingBytes -= e.size
	s.done = append(s.done, digest)
	return nil
}

// Want puts files back among the waiting, because the center lacks them
// after all; unknown digests are left out.
func (s *Store) Want(digests []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, digest := range digests {
		e := s.files[digest]
		if e == nil || e.waits {
			continue
		}
		media := sniff(s.path(digest))
		if err := s.atomically(filepath.Dir(s.path(digest)), digest+noteEnd, []byte(media+"\n")); err != nil {
			errs = append(errs, fmt.Errorf("put evidence %s back: %w", digest, err))
			continue
		}
		e.waits, e.media = true, media
		s.stats.Pending++
		s.stats.PendingBytes += e.size
		s.waiting = append(s.waiting, digest)
	}
	return errors.Join(errs...)
}

// sniff tells the media type of a stored file by its first bytes.
func sniff(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return "application/octet-stream"
	}
	defer f.Close()
	head := make([]byte, 12)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "application/octet-stream"
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xD8, 0xFF}):
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case len(head) >= 8 && string(head[4:8]) == "ftyp":
		return "video/mp4"
	}
	return "application/octet-stream"
}

// Open gives a file whose content was checked against its digest. A corrupt
// one is set aside, counted and no longer offered.
func (s *Store) Open(digest string) (io.ReadSeekCloser, error) {
	if !IsDigest(digest) {
		return nil, fmt.Errorf("open evidence %.70q: %w", digest, ErrNotFound)
	}
	f, err := os.Open(s.path(digest))
	if errors.Is(err, fs.ErrNotExist) {
		s.mu.Lock()
		s.forget(digest)
		s.mu.Unlock()
		return nil, fmt.Errorf("open evidence %s: %w", digest, ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open evidence %s: %w", digest, err)
	}
	got, err := digestOf(f)
	if err == nil && got != digest {
		err = errors.Join(fmt.Errorf("%w: content has digest %s", ErrCorrupt, got), s.setAside(digest))
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open evidence %s: %w", digest, err), f.Close())
	}
	return f, nil
}

// Read is Open for the whole content.
func (s *Store) Read(digest string) ([]byte, error) {
	f, err := s.Open(digest)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read evidence %s: %w", digest, err)
	}
	return b, nil
}

// setAside keeps a corrupt file for whoever looks into it, out of the way.
func (s *Store) setAside(digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Corrupt++
	s.forget(digest)
	aside := filepath.Join(s.o.Dir, asideDir)
	if err := os.MkdirAll(aside, 0o750); err != nil {
		return fmt.Errorf("set corrupt file aside: %w", err)
	}
	err := os.Rename(s.path(digest), filepath.Join(aside, digest))
	return errors.Join(err, remove(s.path(digest)+noteEnd))
}
