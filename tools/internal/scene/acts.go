package scene

import "math"

// act is something that moves or changes while the scene plays.
type act interface {
	// draws answers what to draw at time t, none when not on stage.
	draws(t float64) []drawing
}

// drawing is drawn in the order of its feet, far ones first.
type drawing struct {
	foot int
	put  func(f *frame, m *matter)
}

// leg is one straight way of somebody walking along the wall.
type leg struct {
	from, to float64 // along, metres
	t0, t1   float64
}

func (l leg) at(t float64) float64 {
	return l.from + (l.to-l.from)*clamp((t-l.t0)/(l.t1-l.t0), 0, 1)
}

// walkAct is a person who crosses the picture at one distance from the wall.
type walkAct struct {
	s    *street
	fig  *figure
	leg  leg
	away float64
	rate float64 // pictures a second
}

func (w *walkAct) draws(t float64) []drawing {
	if t < w.leg.t0 || t > w.leg.t1 {
		return nil
	}
	foot := w.s.v.project(w.s.at(w.leg.at(t), w.away, 0))
	i := int((t - w.leg.t0) * w.rate)
	return []drawing{{int(foot.y), func(f *frame, m *matter) { w.fig.put(f, m, i, foot, 1) }}}
}

// standAct is a person who walks in, stands, and walks on.
type standAct struct {
	in, out *walkAct
	fig     *figure
	at      float64
}

func (s *standAct) draws(t float64) []drawing {
	const fade = .35
	st := s.in.s
	foot := st.v.project(st.at(s.at, s.in.away, 0))
	if t <= s.in.leg.t1 {
		return s.in.draws(t)
	}
	if t >= s.out.leg.t0 {
		return s.out.draws(t)
	}
	still := math.Min((t-s.in.leg.t1)/fade, (s.out.leg.t0-t)/fade)
	i := pingPong(int((t-s.in.leg.t1)*10), len(s.fig.frames))
	d := []drawing{{int(foot.y), func(f *frame, m *matter) { s.fig.put(f, m, i, foot, smooth(still)) }}}
	if still < 1 {
		w, k := s.in, 1-smooth(still)
		if s.out.leg.t0-t < fade {
			w = s.out
		}
		d = append(d, drawing{int(foot.y), func(f *frame, m *matter) { w.fig.put(f, m, 0, foot, k) }})
	}
	return d
}

// thingAct is a thing that is brought, stands and is taken away.
type thingAct struct {
	s        *street
	p        placed
	at, away float64
	in, out  leg     // how it moves while somebody moves it
	from, to float64 // while it stands
}

func (a *thingAct) draws(t float64) []drawing {
	along := a.at
	switch {
	case t < a.in.t0 || t > a.out.t1:
		return nil
	case t < a.in.t1:
		along = a.in.at(t)
	case t > a.out.t0:
		along = a.out.at(t)
	}
	foot := a.s.v.project(a.s.at(along, a.away, 0))
	return []drawing{{int(foot.y), func(f *frame, m *matter) { a.p.put(f, m, foot, 1) }}}
}

// rideAct is a vehicle that comes, stands and leaves, easing at both ends.
type rideAct struct {
	s              *street
	p              placed
	at, away       float64
	start, end     float64 // along, outside the picture
	t0, t1, t2, t3 float64 // comes t0..t1, stands, leaves t2..t3
}

func (r *rideAct) draws(t float64) []drawing {
	along := r.at
	switch {
	case t < r.t0 || t > r.t3:
		return nil
	case t < r.t1:
		k := (t - r.t0) / (r.t1 - r.t0)
		along = r.start + (r.at-r.start)*(1-(1-k)*(1-k))
	case t > r.t2:
		k := (t - r.t2) / (r.t3 - r.t2)
		along = r.at + (r.end-r.at)*k*k
	}
	foot := r.s.v.project(r.s.at(along, r.away, 0))
	return []drawing{{int(foot.y), func(f *frame, m *matter) { r.p.put(f, m, foot, 1) }}}
}

// coverAct lays another picture over a sign for a while, fading at both ends.
type coverAct struct {
	pic      *sprite
	x, y     int
	foot     int
	from, to float64
}

// coverFade is how long a sign takes to change; somebody stands before it on
// a ladder meanwhile.
const coverFade = 1.4

func (c *coverAct) draws(t float64) []drawing {
	k := smooth(math.Min((t-c.from)/coverFade, (c.to-t)/coverFade))
	if k <= 0 {
		return nil
	}
	// A sign hangs behind everything that stands on the ground.
	return []drawing{{-1, func(f *frame, m *matter) { c.pic.put(f, m, c.x, c.y, k, c.foot) }}}
}

// light is how the sky changes.
type light struct {
	swing, period float64
	jumps         []lightJump
	clouds        []lightCloud
}

// lightJump is the camera's exposure leaping and settling again.
type lightJump struct{ t0, t1, gain float64 }

// lightCloud is a shadow that crosses the picture.
type lightCloud struct{ t0, t1, depth float64 }

// gains fills one factor (256 = 1) for every eighth column of the picture
// as seen along its slanted bands.
func (l *light) gains(t float64, out []int) {
	g := 1 + l.swing*math.Sin(2*math.Pi*t/l.period)
	for _, j := range l.jumps {
		if t >= j.t0 && t < j.t1 {
			g *= 1 + (j.gain-1)*math.Exp(-(t-j.t0)/4)*smooth((t-j.t0)/.15)
		}
	}
	n := float64(len(out))
	for i := range out {
		k := g
		for _, c := range l.clouds {
			if t < c.t0 || t > c.t1 {
				continue
			}
			// The band is two pictures wide, with soft edges.
			mid := (t-c.t0)/(c.t1-c.t0)*3.2 - 1.1
			d := math.Abs(float64(i)/n-mid) / .75
			k *= 1 - c.depth*smooth(1.3-d)
		}
		out[i] = int(k * 256)
	}
}
