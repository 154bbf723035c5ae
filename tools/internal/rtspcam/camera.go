package rtspcam

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bluenviron/gortsplib/v4"

	"jiexun/tools/internal/clip"
)

// ScriptStep is a fault that comes by itself in every loop of the camera.
type ScriptStep struct {
	// At is seconds from the start of the loop.
	At float64 `json:"at"`
	FaultSpec
}

// Camera is one simulated camera: a main stream and perhaps a sub-stream.
type Camera struct {
	Name string
	// Main is served as /NAME/main and /NAME, Sub as /NAME/sub.
	Main, Sub *clip.Clip
	// MainFile and SubFile are where the pictures of faults are made from.
	MainFile, SubFile string
	// User and Password are asked for when User is not empty.
	User, Password string
	// Once plays the clip one time, starting when the first reader plays,
	// instead of in a loop from the start of the server.
	Once   bool
	Script []ScriptStep
}

// Stats counts what one path did.
type Stats struct {
	Packets, Dropped, Corrupted, Errors atomic.Int64
}

// path is one stream of a camera.
type path struct {
	name string
	cam  *camera
	clip *clip.Clip
	file string
	pack packetizer
	seed uint64

	stats    Stats
	position atomic.Int64

	mu        sync.Mutex
	spec      FaultSpec
	until     time.Time
	stream    *gortsplib.ServerStream // nil while video is not served
	audio     *gortsplib.ServerStream
	stopAudio context.CancelFunc
	variant   *clip.Clip // wanted picture of a fault, nil means the clip
	showing   *clip.Clip // picture being sent
	variantAt int
	endTimer  *time.Timer
	serial    int // of the running fault, so an old timer ends nothing new
}

// pathState is what a sender needs to know of the moment.
type pathState struct {
	spec   FaultSpec
	stream *gortsplib.ServerStream
}

func (p *path) state() pathState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return pathState{p.spec, p.stream}
}

func (p *path) setPosition(d time.Duration) { p.position.Store(int64(d)) }

// loopPosition is where in the clip the path is.
func (p *path) loopPosition() time.Duration {
	return time.Duration(p.position.Load()) % p.clip.Duration
}

type camera struct {
	Camera
	paths   []*path
	started chan struct{}
	once    sync.Once
	epoch   time.Time
}

// start fixes the camera's epoch; both streams wait for it.
func (c *camera) start(now time.Time) {
	c.once.Do(func() {
		c.epoch = now
		close(c.started)
	})
}

// openStream makes the path readable.
func (p *path) openStream(srv *gortsplib.Server) error {
	desc, pack, err := newTrack(p.clip)
	if err != nil {
		return fmt.Errorf("describe path %s: %w", p.name, err)
	}
	st := &gortsplib.ServerStream{Server: srv, Desc: desc}
	if err := st.Initialize(); err != nil {
		return fmt.Errorf("open path %s: %w", p.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stream = st
	if p.pack == nil {
		p.pack = pack
	}
	return nil
}

// closeStream sends every reader away.
func (p *path) closeStream() {
	p.mu.Lock()
	st := p.stream
	p.stream = nil
	p.mu.Unlock()
	if st != nil {
		st.Close()
	}
}

func (p *path) openAudio(ctx context.Context, srv *gortsplib.Server) error {
	st := &gortsplib.ServerStream{Server: srv, Desc: audioDesc()}
	if err := st.Initialize(); err != nil {
		return fmt.Errorf("open sound of path %s: %w", p.name, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	p.audio, p.stopAudio = st, cancel
	p.mu.Unlock()
	go playAudio(ctx, st)
	return nil
}

func (p *path) closeAudio() {
	p.mu.Lock()
	st, cancel := p.audio, p.stopAudio
	p.audio, p.stopAudio = nil, nil
	p.mu.Unlock()
	if st != nil {
		cancel()
		st.Close()
	}
}
