package rtspcam

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jiexun/tools/internal/clip"
)

// ErrNoPath tells that there is no such path.
var ErrNoPath = errors.New("no such path")

// Raise starts a fault on a path, in place of the one that runs. It returns
// when the fault is in force, which takes a moment when a picture has to be
// prepared for the first time.
func (s *Server) Raise(ctx context.Context, name string, spec FaultSpec) error {
	p := s.paths[name]
	if p == nil {
		return fmt.Errorf("%w: %q; see GET /paths", ErrNoPath, name)
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	var variant *clip.Clip
	if r, ok := spec.recipe(p.clip, p.loopPosition()); ok {
		if s.opt.Cache == nil || p.file == "" {
			return fmt.Errorf("path %s has no file to prepare the %s picture from", p.name, spec.Kind)
		}
		v, err := s.opt.Cache.Open(ctx, p.file, r)
		if err != nil {
			return fmt.Errorf("prepare %s picture: %w", spec.Kind, err)
		}
		if v.Codec != p.clip.Codec {
			return fmt.Errorf("path %s is %s, the %s picture can only be made for h264", p.name, p.clip.Codec, spec.Kind)
		}
		variant = v
	}
	return s.apply(p, spec, variant)
}

func (s *Server) apply(p *path, spec FaultSpec, variant *clip.Clip) error {
	p.mu.Lock()
	if p.endTimer != nil {
		p.endTimer.Stop()
		p.endTimer = nil
	}
	p.serial++
	serial := p.serial
	old := p.spec.Kind
	if spec.Kind == FaultNone {
		spec = FaultSpec{}
	}
	p.spec, p.variant, p.until = spec, variant, time.Time{}
	if spec.Kind != "" && spec.Seconds > 0 {
		p.until = time.Now().Add(spec.duration())
		p.endTimer = time.AfterFunc(spec.duration(), func() { s.expire(p, serial) })
	}
	p.mu.Unlock()
	s.log.Info("fault", "path", p.name, "kind", spec.Kind, "before", old, "seconds", spec.Seconds)
	if old == FaultAudioOnly && spec.Kind != FaultAudioOnly {
		p.closeAudio()
	}
	return s.applyStream(p, spec.Kind)
}

// applyStream opens or closes what readers see, as the fault asks.
func (s *Server) applyStream(p *path, kind Fault) error {
	switch kind {
	case FaultStop, FaultAuth:
		p.closeStream()
		return nil
	case FaultAudioOnly:
		p.closeStream()
		p.mu.Lock()
		open := p.audio != nil
		p.mu.Unlock()
		if open {
			return nil
		}
		return p.openAudio(s.ctx, s.rtsp)
	}
	if p.state().stream != nil || s.ctx.Err() != nil {
		return nil
	}
	return p.openStream(s.rtsp)
}

func (s *Server) expire(p *path, serial int) {
	p.mu.Lock()
	stale := p.serial != serial
	p.mu.Unlock()
	if stale || s.ctx.Err() != nil {
		return
	}
	if err := s.apply(p, FaultSpec{Kind: FaultNone}, nil); err != nil {
		s.log.Warn("end fault", "path", p.name, "error", err)
	}
}
