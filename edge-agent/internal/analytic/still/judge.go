package still

import (
	"context"
	"fmt"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

const (
	lookSide   = 64
	lookScale  = 1.5 // the crop's side over the longer side of the box
	lookLeast  = 24  // least side of a crop in pixels of the large reference
	lookEvery  = 900 * time.Millisecond
	looksAsked = 3
	// Chosen on composed scenes, where things and vehicles part there.
	accept = 0.42
	// Asking often gives noise many chances: later answers must be surer.
	patient    = 9
	acceptLate = 0.48
	trendLeast = 0.42 // what the running mean of all answers must say then
	trendShare = 0.15 // of the newest answer in that mean
	// Few things put on a pavement fill this share of the frame, but every
	// vehicle close by does: there the verifier must be surer.
	largeBox    = 0.08
	acceptLarge = 0.7
	// A handful of pixels tells little.
	tinyBox    = 0.002
	acceptTiny = 0.6
	// Dark plain bags look like cars to the verifier. A vehicle on a pavement
	// is not that small, and the detector would know it.
	smallBox   = 0.009
	leastSmall = 0.35
	solid      = 0.8 // sure that it is a thing or a vehicle
)

// mean is the average of the last answers.
func (t *track) mean() analytic.Judgement {
	var m analytic.Judgement
	n := float64(len(t.asked))
	for _, a := range t.asked {
		m.Thing += a.Thing / n
		m.Removed += a.Removed / n
		m.Person += a.Person / n
		m.Vehicle += a.Vehicle / n
		m.Light += a.Light / n
		m.Nothing += a.Nothing / n
	}
	return m
}

// judgeTracks asks about candidates that are near the end of their dwell and
// decides those that were asked often enough.
func (e *Engine) judgeTracks(ctx context.Context, at time.Time, frame *picture.YUV) error {
	for _, t := range e.tracks {
		need, matters := e.needed(t)
		if !matters || t.verdict == accepted || t.state != analytic.Candidate || t.looks < 2 {
			continue
		}
		if t.dwell() < need-looksAsked*max(time.Second, e.step) || at.Before(t.nextAsk) {
			continue
		}
		if err := e.ask(ctx, t, at, frame); err != nil {
			return err
		}
		e.decide(t, at, need)
	}
	return nil
}

// ask puts one look before the verifier and the detector.
func (e *Engine) ask(ctx context.Context, t *track, at time.Time, frame *picture.YUV) error {
	t.asks++
	t.nextAsk = at.Add(lookEvery)
	switch {
	case t.asks > 24:
		t.nextAsk = at.Add(30 * time.Second)
	case t.asks > 12:
		t.nextAsk = at.Add(5 * time.Second)
	}
	j, err := e.answer(ctx, t, at, frame)
	if err != nil {
		return err
	}
	if t.trend += trendShare * (j.Thing - t.trend); len(t.asked) == 0 {
		t.trend = j.Thing
	}
	t.asked = append(t.asked, j)
	t.asked = t.asked[max(0, len(t.asked)-looksAsked):]
	if e.o.Detector == nil || t.mean().Thing < leastSmall {
		return nil // nothing to filter, or refused without it
	}
	hit, err := e.detect(ctx, t, frame)
	if err != nil {
		return err
	}
	t.objects = append(t.objects, hit)
	t.objects = t.objects[max(0, len(t.objects)-looksAsked):]
	return nil
}

// answer is one look's judgement. A surface that merely moved by a few pixels
// is told without a network; without a verifier the outline must do.
func (e *Engine) answer(ctx context.Context, t *track, at time.Time, frame *picture.YUV) (analytic.Judgement, error) {
	if e.misplaced(&t.shape) {
		return analytic.Judgement{Nothing: 1}, nil
	}
	if e.o.Verifier == nil {
		if e.looksRemoved(&t.shape) {
			return analytic.Judgement{Removed: 1}, nil
		}
		return analytic.Judgement{Thing: 0.7, Nothing: 0.3}, nil
	}
	sq := e.square(&t.shape)
	j, err := e.o.Verifier.Judge(ctx, analytic.Look{
		Reference: e.big.crop(sq, lookSide), Current: e.scaled(at, frame).crop(sq, lookSide),
		Mask: e.maskCrop(&t.shape, sq),
	})
	if err != nil {
		return j, fmt.Errorf("still: ask the verifier: %w", err)
	}
	return j, nil
}

// decide draws the conclusion.
func (e *Engine) decide(t *track, at time.Time, need time.Duration) {
	m := t.mean()
	if len(t.asked) == looksAsked && m.Removed >= accept {
		t.verdict, t.ruled, t.absorb = refused, at, true
		return
	}
	if t.dwell() < need || len(t.asked) < looksAsked {
		return
	}
	hits := 0
	for _, h := range t.objects {
		if h {
			hits++
		}
	}
	if e.isThing(t, m, hits) && 2*hits <= len(t.objects) {
		t.verdict, t.state, t.ruled = accepted, analytic.Present, at
		return
	}
	if t.verdict != refused {
		t.verdict, t.ruled = refused, at
	}
}

// isThing weighs the verifier's mean answer with what it cannot know: the
// size in the frame, and whether the detector saw a vehicle there.
func (e *Engine) isThing(t *track, m analytic.Judgement, hits int) bool {
	if e.o.Verifier == nil {
		return m.Thing >= accept
	}
	bar := accept
	if t.asks > patient {
		if t.trend < trendLeast {
			return false
		}
		bar = acceptLate
	}
	box := t.box(e.w, e.h)
	switch size := box.W * box.H; {
	case size > largeBox:
		return m.Thing >= acceptLarge
	case size < tinyBox:
		return m.Thing >= acceptTiny
	case size < smallBox && len(t.objects) == looksAsked && hits == 0 && m.Thing >= leastSmall:
		return m.Thing >= bar || m.Thing+m.Vehicle >= solid
	}
	return m.Thing >= bar
}

// square is the part of the picture that is shown to the networks.
func (e *Engine) square(s *shape) square {
	kx, ky := float64(e.bw)/float64(e.w), float64(e.bh)/float64(e.h)
	side := max(lookScale*max(float64(s.w)*kx, float64(s.h)*ky), lookLeast)
	cx, cy := (float64(s.x)+float64(s.w)/2)*kx, (float64(s.y)+float64(s.h)/2)*ky
	return square{
		x0: (cx - side/2) / float64(e.bw), x1: (cx + side/2) / float64(e.bw),
		y0: (cy - side/2) / float64(e.bh), y1: (cy + side/2) / float64(e.bh),
	}
}

// maskCrop draws the shape as the networks see it.
func (e *Engine) maskCrop(s *shape, sq square) *picture.Gray {
	g := picture.NewGray(lookSide, lookSide)
	for j := range lookSide {
		y := int((sq.y0 + (float64(j)+0.5)/lookSide*(sq.y1-sq.y0)) * float64(e.h))
		for i := range lookSide {
			x := int((sq.x0 + (float64(i)+0.5)/lookSide*(sq.x1-sq.x0)) * float64(e.w))
			if s.has(x, y) {
				g.Pix[j*lookSide+i] = 255
			}
		}
	}
	return g
}

// detect looks for persons and vehicles around the thing. It reports whether
// one of them is what changed here.
func (e *Engine) detect(ctx context.Context, t *track, frame *picture.YUV) (bool, error) {
	const margin = 1.2 // of the longer side, so that whole persons are in view
	fw, fh := float64(frame.W), float64(frame.H)
	b := t.box(e.w, e.h)
	m := margin * max(b.W*fw, b.H*fh, 60)
	r := picture.Rect{
		X0: int(b.X*fw - m), Y0: int(b.Y*fh - m), X1: int((b.X+b.W)*fw + m), Y1: int((b.Y+b.H)*fh + m),
	}.Clip(frame.W, frame.H)
	if r.W() < 16 || r.H() < 16 {
		return false, nil
	}
	objs, err := e.o.Detector.Detect(ctx, frame.ToRGB(r))
	if err != nil {
		return false, fmt.Errorf("still: ask the detector: %w", err)
	}
	t.excluded = t.excluded[:0:0]
	hit := false
	var before []analytic.Object
	asked := false
	for _, o := range objs {
		if o.Score < 0.35 || o.Class != analytic.Person && o.Class != analytic.Vehicle && o.Class != analytic.Bicycle {
			continue
		}
		full := edgev1.Box{
			X: (float64(r.X0) + o.Box.X*float64(r.W())) / fw, Y: (float64(r.Y0) + o.Box.Y*float64(r.H())) / fh,
			W: o.Box.W * float64(r.W()) / fw, H: o.Box.H * float64(r.H()) / fh,
		}
		if len(t.excluded) < 8 {
			t.excluded = append(t.excluded, edgev1.Mark{Role: "excluded", Label: string(o.Class), Score: o.Score, Box: full})
		}
		in := e.shareIn(&t.shape, full)
		area := full.W * full.H / max(b.W*b.H, 1e-9)
		// A box many times larger than the change is something else's.
		if in < 0.6 || area >= 12 {
			continue
		}
		if !asked {
			if before, err = e.o.Detector.Detect(ctx, e.big.part(r, frame)); err != nil {
				return false, fmt.Errorf("still: ask the detector about the reference: %w", err)
			}
			asked = true
		}
		// What it saw in the empty scene already is not what changed.
		if !slices.ContainsFunc(before, func(p analytic.Object) bool { return p.Class == o.Class && overlap(p.Box, o.Box) > 0.5 }) {
			hit = true
		}
	}
	return hit, nil
}

// overlap is the shared part of two boxes over both together.
func overlap(a, b edgev1.Box) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

// shareIn is the share of the shape's pixels inside the box.
func (e *Engine) shareIn(s *shape, b edgev1.Box) float64 {
	n, in := 0, 0
	s.each(e.w, e.h, func(i, _ int) {
		x, y := (float64(i%e.w)+0.5)/float64(e.w), (float64(i/e.w)+0.5)/float64(e.h)
		n++
		if x >= b.X && x < b.X+b.W && y >= b.Y && y < b.Y+b.H {
			in++
		}
	})
	if n == 0 {
		return 0
	}
	return float64(in) / float64(n)
}

const (
	wanderPx   = 4  // how far a swaying view or a fluttering tape moves a surface
	wanderLuma = 11 // mean difference that is left when it is moved back
)

// misplaced tells whether the reference shows the same surface a few pixels
// away: the camera sways, or something hangs in the wind.
func (e *Engine) misplaced(s *shape) bool {
	pad := shape{x: s.x - 2, y: s.y - 2, w: s.w + 4, h: s.h + 4}
	x0, y0 := max(pad.x, wanderPx), max(pad.y, wanderPx)
	x1, y1 := min(pad.x+pad.w, e.w-wanderPx), min(pad.y+pad.h, e.h-wanderPx)
	if x1-x0 < 4 || y1-y0 < 4 {
		return false
	}
	step := 1
	if (x1-x0)*(y1-y0) > 4000 {
		step = 2
	}
	for dy := -wanderPx; dy <= wanderPx; dy++ {
		for dx := -wanderPx; dx <= wanderPx; dx++ {
			if dx == 0 && dy == 0 {
				continue
			}
			var n, d, sa, sb, saa, sbb, sab float64
			for y := y0; y < y1; y += step {
				for x := x0; x < x1; x += step {
					if !s.has(x, y) && !s.has(x-2, y) && !s.has(x+2, y) && !s.has(x, y-2) && !s.has(x, y+2) {
						continue
					}
					a, b := float64(e.norm.y[y*e.w+x]), float64(e.ref.y8[(y+dy)*e.w+x+dx])
					n, d, sa, sb = n+1, d+max(a-b, b-a), sa+a, sb+b
					saa, sbb, sab = saa+a*a, sbb+b*b, sab+a*b
				}
			}
			if n > 0 && d/n <= wanderLuma && correlation(n, sa, sb, saa, sbb, sab) >= 0.75 {
				return true
			}
		}
	}
	return false
}

// looksRemoved compares the edges along the outline: a thing that left takes
// its outline out of the picture, one that came brings it. It stands in for
// the verifier where there is none.
func (e *Engine) looksRemoved(s *shape) bool {
	var now, was float64
	s.each(e.w, e.h, func(i, _ int) {
		x, y := i%e.w, i/e.w
		if x < 2 || y < 2 || x >= e.w-2 || y >= e.h-2 {
			return
		}
		if s.has(x-1, y) && s.has(x+1, y) && s.has(x, y-1) && s.has(x, y+1) {
			return
		}
		grad := func(p []byte) float64 {
			return float64(gap(p[i+2], p[i-2])) + float64(gap(p[i+2*e.w], p[i-2*e.w]))
		}
		now += grad(e.norm.y)
		was += grad(e.ref.y8)
	})
	return was > 1.35*now
}
