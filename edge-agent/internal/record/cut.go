package record

import (
	"errors"
	"fmt"
	"io"
	"time"

	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source"
)

// MaxCutBytes bounds one cut: it travels as one file.
const MaxCutBytes = 60 << 20

// ErrNothing tells that nothing is recorded of the time.
var ErrNothing = errors.New("这段时间没有录像")

// Piece is a video cut from the recordings.
type Piece struct {
	Data        []byte
	From, Until time.Time
	Codec       source.Codec
	W, H        int
	FPS         float64
}

// Cut makes one MP4 of the groups of pictures that begin from from to before
// to, without coding anew. With lead it begins with the group before, so that
// from itself is shown. A cut that grows too large, or meets another coding,
// ends there: Until tells where.
func (s *Store) Cut(camera string, from, to time.Time, lead bool) (Piece, error) {
	c := collector{from: from, to: to, lead: lead}
	for _, file := range s.files(camera, from, to) {
		done, err := c.read(file)
		if err != nil {
			return Piece{}, err
		}
		if done {
			break
		}
	}
	c.flushLead()
	if len(c.units) == 0 {
		return Piece{}, ErrNothing
	}
	b, err := media.MP4(c.units)
	if err != nil {
		return Piece{}, fmt.Errorf("cut recording of %s: %w", camera, err)
	}
	first := c.units[0]
	p := Piece{Data: b, From: first.Received, Until: c.last.Add(c.step), Codec: first.Codec, W: first.Params.Width, H: first.Params.Height}
	if d := p.Until.Sub(p.From).Seconds(); d > 0 {
		p.FPS = float64(len(c.units)) / d
	}
	return p, nil
}

type recorded struct {
	path  string
	start time.Time
}

// files lists the files that a cut has to read, oldest first.
func (s *Store) files(camera string, from, to time.Time) []recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reels[camera]
	if r == nil {
		return nil
	}
	var out []recorded
	for _, g := range r.segments {
		if g.end.After(from) && g.start.Before(to) && g.size > 0 {
			out = append(out, recorded{s.path(camera, g), g.start})
		}
	}
	return out
}

// collector gathers the units of a cut on one time line.
type collector struct {
	from, to time.Time
	lead     bool
	units    []*source.AccessUnit
	bytes    int
	taking   bool
	last     time.Time
	step     time.Duration
	before   []*source.AccessUnit // the group before from
}

// read takes the units of one file; true when the cut is complete.
func (c *collector) read(f recorded) (bool, error) {
	d, err := media.OpenFile(f.path)
	if err != nil {
		return false, fmt.Errorf("read recording: %w", err)
	}
	defer d.Close()
	c.taking = false
	var first time.Duration
	for n := 0; ; n++ {
		u, err := d.Next()
		if errors.Is(err, io.EOF) || err != nil && n > 0 {
			return false, nil // a file that is written may end in the middle
		}
		if err != nil {
			return false, fmt.Errorf("read recording: %w", err)
		}
		if n == 0 {
			first = u.PTS
		}
		u.Received = f.start.Add(u.PTS - first)
		if c.take(u) {
			return true, nil
		}
	}
}

// take decides about one unit; true ends the cut.
func (c *collector) take(u *source.AccessUnit) bool {
	if u.Key {
		switch {
		case !u.Received.Before(c.to):
			c.flushLead()
			return true
		case u.Received.Before(c.from):
			c.taking = false
			if c.lead {
				c.before = []*source.AccessUnit{u}
			}
			return false
		}
		c.flushLead()
		if c.bytes > MaxCutBytes || !c.fits(u) {
			return true
		}
		c.taking = true
	}
	if !c.taking {
		if c.before != nil {
			c.before = append(c.before, u)
		}
		return false
	}
	c.add(u)
	return false
}

// flushLead puts the group before from in front.
func (c *collector) flushLead() {
	if len(c.units) == 0 {
		for _, u := range c.before {
			c.add(u)
		}
	}
	c.before = nil
}

func (c *collector) fits(u *source.AccessUnit) bool {
	if len(c.units) == 0 {
		return true
	}
	a, b := c.units[0].Params, u.Params
	return a.Codec == b.Codec && a.Width == b.Width && a.Height == b.Height
}

func (c *collector) add(u *source.AccessUnit) {
	if n := len(c.units); n > 0 {
		u.PTS = u.Received.Sub(c.units[0].Received)
		if d := u.Received.Sub(c.units[n-1].Received); d > 0 && d < time.Second {
			c.step = d
		}
	} else {
		u.PTS = 0
	}
	u.Session = 1
	c.last = later(u.Received, c.last)
	c.units = append(c.units, u)
	c.bytes += u.Size()
}
