package media

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"jiexun/edge-agent/internal/source"
)

// ErrNoPicture tells that a camera has not sent a key picture yet.
var ErrNoPicture = errors.New("the camera has not sent a picture yet")

// Latest keeps each camera's newest key picture in its encoded form, a
// hundredth of the decoded size, and decodes it when somebody asks.
type Latest struct {
	frames *FramePool

	mu    sync.Mutex
	units map[string]*source.AccessUnit

	decoding sync.Mutex
	dec      *Decoder
}

// NewLatest makes an empty store; Close frees its decoder.
func NewLatest(frames *FramePool) *Latest {
	return &Latest{frames: frames, units: make(map[string]*source.AccessUnit), dec: NewDecoder(frames)}
}

// Put keeps a key picture.
func (l *Latest) Put(camera string, u *source.AccessUnit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.units[camera] = u
}

// Remove forgets a camera.
func (l *Latest) Remove(camera string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.units, camera)
}

// Picture decodes the newest picture; the caller releases the frame. The
// unit tells when it was taken.
func (l *Latest) Picture(camera string) (*Frame, *source.AccessUnit, error) {
	l.mu.Lock()
	u := l.units[camera]
	l.mu.Unlock()
	if u == nil {
		return nil, nil, ErrNoPicture
	}
	f, err := l.decode(u)
	if err != nil {
		return nil, nil, fmt.Errorf("decode the newest picture of %s: %w", camera, err)
	}
	return f, u, nil
}

// JPEG is the newest picture as a file, and when it was received.
func (l *Latest) JPEG(camera string, quality int) ([]byte, time.Time, error) {
	f, u, err := l.Picture(camera)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer f.Release()
	b, err := f.JPEG(quality)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("encode the newest picture of %s: %w", camera, err)
	}
	return b, u.Received, nil
}

// Decode decodes any key unit, such as one from a Ring.
func (l *Latest) Decode(u *source.AccessUnit) (*Frame, error) { return l.decode(u) }

func (l *Latest) decode(u *source.AccessUnit) (*Frame, error) {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	return l.dec.Key(u)
}

// Close frees the decoder.
func (l *Latest) Close() {
	l.decoding.Lock()
	defer l.decoding.Unlock()
	l.dec.Close()
}
