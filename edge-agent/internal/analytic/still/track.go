package still

import (
	"slices"
	"strconv"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
)

// verdict is what was decided about a track.
type verdict byte

const (
	undecided verdict = iota
	accepted
	refused
)

const (
	leastPixels = 24
	joinPx      = 3                // fragments this close belong together
	coverMost   = 30 * time.Minute // a thing unseen for longer is given up
	vehicleStay = 10 * time.Minute // refused persons and vehicles stay pending
	lightStay   = 30 * time.Second // refused light is learned after this long
	idleStay    = 90 * time.Second // what matters to no region is learned
	goneExtra   = 3 * time.Second
	youngFor    = 6 * time.Second // a thing's outline may still grow this long after it was confirmed
	trackMost   = 64
)

// track is one standing thing over time.
type track struct {
	key       string
	state     analytic.State
	verdict   verdict
	shape     shape
	tmpl      []byte // its look, parallel to shape.m, in the reference's light
	zones     []int
	since     time.Time
	seen      time.Duration
	covered   time.Duration
	coveredAt time.Time
	goneAt    time.Time
	seenAt    time.Time
	looks     int // times its pixels were seen still
	visible   float64
	gone      float64 // share that looked empty
	shrunk    int

	asked    []analytic.Judgement // the last three answers
	trend    float64              // how much of a thing all answers saw, newer ones counting more
	objects  []bool               // whether the detector saw a person or vehicle in them
	asks     int
	nextAsk  time.Time
	ruled    time.Time // when it was refused
	excluded []edgev1.Mark
	absorb   bool
	orphan   bool // its view was lost
}

func (t *track) dwell() time.Duration { return t.seen + t.covered }

func (t *track) box(w, h int) edgev1.Box { return t.shape.box(w, h) }

// score is how sure the last look is.
func (t *track) score() float64 {
	if t.state == analytic.Gone {
		return 0
	}
	s := 0.5 + 0.5*t.visible
	if len(t.asked) > 0 {
		m := t.mean()
		s = certainty(m.Thing)
		if t.verdict == accepted && m.Thing < accept {
			// Taken although the verifier thinks of a vehicle: the detector
			// and the size have ruled that out, see isThing.
			s = certainty(m.Thing + m.Vehicle)
		}
	}
	if t.verdict == refused {
		s = min(s, 0.49)
	}
	return s
}

// certainty moves the verifier's share for "thing" to a scale on which one
// half is where a candidate is taken.
func certainty(p float64) float64 {
	if p < accept {
		return 0.5 * p / accept
	}
	return 0.5 + 0.5*(p-accept)/(1-accept)
}

// followTracks looks where each thing stands: is it to be seen, is something
// before it, or does the reference show again?
func (e *Engine) followTracks(at time.Time, dt time.Duration) {
	for _, t := range e.tracks {
		if t.orphan {
			continue
		}
		same, gone := e.compare(t)
		t.visible, t.gone = same, gone
		switch {
		case same >= 0.5:
			if t.state != analytic.Gone || t.verdict == accepted {
				t.seen += dt
			}
			t.coveredAt, t.goneAt, t.seenAt = time.Time{}, time.Time{}, at
			t.state = analytic.Candidate
			if t.verdict == accepted {
				t.state = analytic.Present
				e.trim(t)
			}
		case gone >= 0.55:
			if t.goneAt.IsZero() {
				t.goneAt = at
			}
			// One look may be wrong: only the second one says gone.
			if at.After(t.goneAt) {
				t.state = analytic.Gone
			}
		default:
			t.goneAt = time.Time{}
			if t.coveredAt.IsZero() {
				t.coveredAt = at
			}
			t.covered += dt
			t.state = analytic.Occluded
		}
	}
}

// compare weighs each pixel of the thing by how much it tells, and says which
// shares look like the thing and like the empty scene.
func (e *Engine) compare(t *track) (same, gone float64) {
	var ws, wg, wt int
	var n, sc, st, sr, scc, stt, srr, sct, scr float64
	t.shape.each(e.w, e.h, func(i, k int) {
		c, m, r := int(e.norm.y[i]), int(t.tmpl[k]), int(e.ref.y8[i])
		wgt := min(abs(m-r), 80)
		if e.work.change[i] != 0 {
			wgt = max(wgt, 12)
		}
		wgt += 4
		wt += wgt
		dm, dr := abs(c-m), abs(c-r)
		switch {
		case e.work.change[i] == 0 && dr <= 30:
			wg += wgt
		case dm <= sameLuma && dm <= dr+8:
			ws += wgt
		case dr < dm && dr <= 20:
			wg += wgt
		}
		fc, fm, fr := float64(c), float64(m), float64(r)
		n, sc, st, sr = n+1, sc+fc, st+fm, sr+fr
		scc, stt, srr, sct, scr = scc+fc*fc, stt+fm*fm, srr+fr*fr, sct+fc*fm, scr+fc*fr
	})
	if wt == 0 || n == 0 {
		return 0, 0
	}
	same, gone = float64(ws)/float64(wt), float64(wg)/float64(wt)
	if same < 0.5 && gone < 0.55 && n >= 40 {
		// Light that falls on the thing alone changes its level, not its texture.
		ct, cr := correlation(n, sc, st, scc, stt, sct), correlation(n, sc, sr, scc, srr, scr)
		if ct > 0.75 && ct > cr+0.15 {
			same = max(same, 0.5)
		}
	}
	return same, gone
}

func correlation(n, sa, sb, saa, sbb, sab float64) float64 {
	va, vb := saa-sa*sa/n, sbb-sb*sb/n
	if va < 30*n || vb < 30*n {
		return 0
	}
	return (sab - sa*sb/n) / sqrt64(va*vb)
}

// formTracks groups pending pixels outside confirmed things and gives them to
// the candidates that they overlap or the things that they belong to; the rest
// become new candidates.
func (e *Engine) formTracks(at time.Time) {
	blobs := e.blobs()
	for bi := range blobs {
		b := &blobs[bi]
		if e.extends(b, at) {
			continue
		}
		e.place(b, at, 0)
	}
	e.mergeTracks()
}

// extends tells whether the blob is a part of a confirmed thing that it
// touches: it is small, or the thing was confirmed a moment ago. Something
// large that comes later is put down beside it, or is a person.
func (e *Engine) extends(b *shape, at time.Time) bool {
	for _, t := range e.tracks {
		if t.verdict != accepted || t.orphan || t.state == analytic.Gone || !t.shape.near(b, joinPx) || !t.shape.touches(b, joinPx) {
			continue
		}
		// What has stood as long as the thing is a part that was covered.
		young := at.Sub(t.ruled) < youngFor || at.Add(-e.stood(b)).Before(t.since.Add(youngFor))
		if !young && b.area >= max(60, t.shape.area*3/10) {
			continue
		}
		if u := t.shape.join(b); young && u.area <= 2*t.shape.area {
			e.reshape(t, u)
			e.swallow(t)
		}
		return true
	}
	return false
}

// trim takes parts off a confirmed thing that were seen empty several times
// in a row: it was joined to something that left.
func (e *Engine) trim(t *track) {
	if t.gone <= 0.2 || t.visible < 0.25 {
		t.shrunk = 0
		return
	}
	if t.shrunk++; t.shrunk < 4 {
		return
	}
	left := shape{x: t.shape.x, y: t.shape.y, w: t.shape.w, h: t.shape.h, m: make([]byte, len(t.shape.m))}
	t.shape.each(e.w, e.h, func(i, k int) { left.m[k] = e.work.change[i] })
	left.count()
	if left.area >= leastPixels {
		t.shrunk = 0
		e.reshape(t, left.tight())
	}
}

// reshape gives a track another outline; what it remembers of its look stays.
func (e *Engine) reshape(t *track, u shape) {
	if u.area == t.shape.area && u.x == t.shape.x && u.y == t.shape.y {
		return
	}
	tmpl := make([]byte, len(u.m))
	u.each(e.w, e.h, func(i, k int) {
		tmpl[k] = e.cand[i]
		if x, y := i%e.w, i/e.w; t.shape.has(x, y) {
			tmpl[k] = t.tmpl[(y-t.shape.y)*t.shape.w+x-t.shape.x]
		}
	})
	t.shape, t.tmpl = u, tmpl
	t.zones = e.zonesOf(&t.shape)
}

// birth starts a candidate.
func (e *Engine) birth(b *shape, at time.Time) {
	if len(e.tracks) >= trackMost {
		return
	}
	tmpl := make([]byte, len(b.m))
	b.each(e.w, e.h, func(i, k int) { tmpl[k] = e.cand[i] })
	was := e.stood(b)
	e.seq++
	since := at.Add(-was)
	e.tracks = append(e.tracks, &track{
		key:   "s" + strconv.FormatInt(since.UnixMilli(), 36) + "-" + strconv.FormatUint(e.seq, 36),
		state: analytic.Candidate, shape: *b, tmpl: tmpl, zones: e.zonesOf(b),
		since: since, seen: was, seenAt: at, looks: 1, visible: 1,
	})
}

// stood is for how long the shape has been there already when it is seen
// still: its mean stillness, and the time before it could be called still.
func (e *Engine) stood(b *shape) time.Duration {
	total := 0
	b.each(e.w, e.h, func(i, _ int) { total += int(e.acc[i]) })
	return min(time.Duration(total/max(b.area, 1))*10*time.Millisecond+max(stillAge-e.step, 0), 20*time.Second)
}

func (e *Engine) zonesOf(s *shape) []int {
	var out []int
	for i := range e.regions {
		if e.regions[i].takes(s, e.w, e.h) {
			out = append(out, i)
		}
	}
	return out
}

// mergeTracks joins candidates that turned out to be one thing.
func (e *Engine) mergeTracks() {
	open := func(t *track) bool { return t.open() && t.state != analytic.Gone }
	for i := 0; i < len(e.tracks); i++ {
		for j := i + 1; j < len(e.tracks); j++ {
			a, b := e.tracks[i], e.tracks[j]
			if !open(a) || !open(b) || !a.shape.near(&b.shape, 0) {
				continue
			}
			if 10*a.shape.overlap(&b.shape) < 3*min(a.shape.area, b.shape.area) {
				continue
			}
			if b.since.Before(a.since) {
				a, b = b, a
			}
			u := a.shape.join(&b.shape)
			e.tracks = slices.DeleteFunc(e.tracks, func(t *track) bool { return t == b })
			e.reshape(a, u)
			i, j = -1, len(e.tracks)
		}
	}
}

// retireTracks forgets what is over: things gone for long enough, candidates
// that vanished, and refused ones that the reference may learn.
func (e *Engine) retireTracks(at time.Time) {
	e.tracks = slices.DeleteFunc(e.tracks, func(t *track) bool {
		if t.state == analytic.Gone && t.verdict != accepted {
			return true
		}
		if t.state == analytic.Gone {
			return at.Sub(t.goneAt) > e.endDelay(t)+goneExtra
		}
		if t.state == analytic.Occluded && !t.coveredAt.IsZero() && at.Sub(t.coveredAt) > e.patience(t) {
			if t.verdict != accepted {
				return true
			}
			t.state, t.orphan, t.goneAt = analytic.Gone, true, at
		}
		return false
	})
	for _, t := range e.tracks {
		switch {
		case t.orphan || t.verdict == accepted || t.state == analytic.Gone:
		case t.verdict == refused && at.Sub(t.ruled) > e.stay(t):
			t.absorb = true
		case len(t.zones) == 0 && t.dwell() > idleStay:
			t.absorb = true
		}
	}
}

// patience is for how long a covered track is kept.
func (e *Engine) patience(t *track) time.Duration {
	if t.verdict == accepted {
		return coverMost
	}
	return max(20*time.Second, t.seen)
}

// stay is for how long a refused track is kept from being learned.
func (e *Engine) stay(t *track) time.Duration {
	m := t.mean()
	if m.Light+m.Nothing > 0.7 {
		return lightStay
	}
	return vehicleStay
}

func (e *Engine) endDelay(t *track) time.Duration {
	var d time.Duration
	for _, z := range t.zones {
		d = max(d, e.o.Regions[z].EndDelay)
	}
	return d
}

// needed is the shortest dwell that the track's regions ask for.
func (e *Engine) needed(t *track) (time.Duration, bool) {
	var d time.Duration
	for i, z := range t.zones {
		if r := e.o.Regions[z].Dwell; i == 0 || r < d {
			d = r
		}
	}
	return d, len(t.zones) > 0
}

// keepTracks is asked when the scene is learned anew: things whose look is
// still there stay and hold the old reference under them; others are orphans.
func (e *Engine) keepTracks(scene view, hold []byte) {
	for _, t := range e.tracks {
		var n, sc, st, scc, stt, sct float64
		t.shape.each(e.w, e.h, func(i, k int) {
			c, m := float64(scene.y[i]), float64(t.tmpl[k])
			n, sc, st, scc, stt, sct = n+1, sc+c, st+m, scc+c*c, stt+m*m, sct+c*m
		})
		if t.verdict == accepted && n > 0 && correlation(n, sc, st, scc, stt, sct) > 0.5 {
			t.shape.paint(hold, e.w, e.h, quietPx)
			t.zones = e.zonesOf(&t.shape)
			continue
		}
		if t.state != analytic.Gone {
			t.state, t.goneAt = analytic.Gone, e.last
		}
		t.orphan = true
	}
	e.tracks = slices.DeleteFunc(e.tracks, func(t *track) bool { return t.orphan && t.verdict != accepted })
}
