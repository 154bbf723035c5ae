package diagnosis

import (
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// Sample is one look at a camera's small picture.
type Sample struct {
	At    time.Time
	Small *picture.YUV
	// DecodeErrors is how many the decoder reported since the look before.
	DecodeErrors int
}

// Report is what is wrong with the picture.
type Report struct {
	At        time.Time
	Diagnosis edgev1.Diagnosis
	// Since is when the diagnosis began.
	Since time.Time
	// Fit tells that this picture can be judged: no fault stands and none
	// shows in it. Otherwise Reason names it for analytic.Result.
	Fit    bool
	Reason string
	// Detail is a sentence for people, empty when healthy.
	Detail  string
	Numbers Numbers
}

// Lasts tells for how long the diagnosis has stood.
func (r Report) Lasts() time.Duration { return max(r.At.Sub(r.Since), 0) }

// Result is the report as the event machine takes it: one observation with
// the key "picture", present while a fault stands. The machine's rule for
// pictures decides after how long an event opens.
func (r Report) Result() analytic.Result {
	o := analytic.Observation{Kind: edgev1.Picture, Key: "picture", State: analytic.Gone, Since: r.Since, Area: 1, Box: edgev1.Box{W: 1, H: 1}}
	if r.Diagnosis != edgev1.Healthy {
		o.State, o.Score, o.Dwell = analytic.Present, 1, r.Lasts()
	}
	return analytic.Result{Observations: []analytic.Observation{o}}
}

// Checker follows one camera. It is not safe for concurrent use.
type Checker struct {
	cfg    Config
	last   *picture.Gray
	spare  *picture.Gray // the look before last, written over by the next
	lastAt time.Time
	levels map[edgev1.Diagnosis]*level
	since  time.Time // of health

	ref      *coarse // what the view usually looks like
	refAge   float64 // seconds of healthy looks that made it
	usual    float64 // usual detail
	anchor   *coarse // the operator's picture
	anchorMu float64
	strangeS float64 // how long the view has differed without a shift
}

// level is one fault's hysteresis: it rises to 1 and falls to 0.
type level struct {
	v     float64
	on    bool
	shows bool
	since time.Time
}

// New makes a checker that knows nothing of its camera yet.
func New(c Config) (*Checker, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	k := &Checker{cfg: c, levels: map[edgev1.Diagnosis]*level{}}
	for _, d := range order() {
		k.levels[d] = &level{}
	}
	return k, nil
}

// SetReference gives the operator's picture of the right view. A shift
// against it is a move however slowly it came; it is compared only in about
// the same light.
func (k *Checker) SetReference(p *picture.YUV) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("set view reference: %w", err)
	}
	v := measure(p, nil, nil)
	k.anchor, k.anchorMu = v.grid, v.num.Mean
	k.Relearn()
	return nil
}

// Relearn forgets what the view usually looks like, after an operator said
// that the camera is right as it stands.
func (k *Checker) Relearn() {
	k.ref, k.refAge, k.usual, k.strangeS = nil, 0, 0, 0
	for _, d := range []edgev1.Diagnosis{edgev1.Moved, edgev1.Covered, edgev1.Blurred} {
		*k.levels[d] = level{}
	}
}

// Look judges one picture. Looks come in order of time at any interval.
func (k *Checker) Look(s Sample) Report {
	if err := s.Small.Check(); err != nil || s.Small.W < 16 || s.Small.H < 16 {
		return k.report(s.At, Numbers{Changed: -1}, "no picture")
	}
	dt := 0.0
	if !k.lastAt.IsZero() {
		dt = min(max(s.At.Sub(k.lastAt).Seconds(), 0), k.cfg.MaxGapS)
	}
	v := measure(s.Small, k.last, k.spare)
	shows, judged := k.faults(&v, s, dt)
	k.spare, k.last, k.lastAt = k.last, v.small, s.At
	bad, healthy := "", true
	for _, d := range order() {
		if !judged[d] {
			continue // another fault hides whether this one is there
		}
		k.levels[d].step(shows[d], s.At, dt, k.cfg.Holds[d])
		healthy = healthy && !shows[d]
		// A passing lorry looks blurred for a moment; only a blur that
		// stands is a reason not to judge.
		if shows[d] && bad == "" && d != edgev1.Blurred {
			bad = string(d)
		}
	}
	if healthy {
		k.learn(&v, dt)
	}
	return k.report(s.At, v.num, bad)
}

func (l *level) step(shows bool, at time.Time, dt float64, h Hold) {
	if shows {
		if !l.shows && l.v == 0 {
			l.since = at
		}
		l.v = min(l.v+dt/h.EnterS, 1)
	} else {
		l.v = max(l.v-dt/h.ExitS, 0)
	}
	l.shows = shows
	if l.v >= 1 {
		l.on = true
	} else if l.v <= 0 {
		l.on = false
	}
}

// faults tells which faults show in this picture, and which could be judged
// at all.
func (k *Checker) faults(v *view, s Sample, dt float64) (shows, judged map[edgev1.Diagnosis]bool) {
	c, n := k.cfg, &v.num
	shows, judged = map[edgev1.Diagnosis]bool{}, map[edgev1.Diagnosis]bool{}
	say := func(d edgev1.Diagnosis, yes bool) bool {
		shows[d], judged[d] = yes, true
		return yes
	}
	broken := say(edgev1.Corrupt, s.DecodeErrors > 0 || (n.Concealed >= c.ConcealedShare && n.Dev >= c.RestDev))
	black := say(edgev1.Black, n.Mean < c.BlackMean && n.Top < c.BlackTop)
	if n.Changed >= 0 && !black {
		say(edgev1.Frozen, n.Changed < c.FrozenShare)
	}
	bright := say(edgev1.Bright, n.Mean > c.BrightMean || n.Burnt > c.BrightShare)
	darkish := say(edgev1.Dark, !black && n.Mean < c.DarkMean && n.Top < c.DarkTop)
	if broken || black || bright || darkish {
		return shows, judged
	}
	k.compare(v, say, dt)
	n.Usual = k.usual
	if k.usual > 0 && n.Structure >= c.MinStructure && n.steady() && !shows[edgev1.Covered] && !shows[edgev1.Moved] {
		say(edgev1.Blurred, n.Detail < c.BlurShare*k.usual)
	}
	return shows, judged
}

// compare judges the view against its references.
func (k *Checker) compare(v *view, say func(edgev1.Diagnosis, bool) bool, dt float64) {
	c, n := k.cfg, &v.num
	moved := false
	if a := k.anchor; a != nil && a.h == v.grid.h && n.Mean > 0.6*k.anchorMu && n.Mean < 1.7*k.anchorMu {
		var an Numbers
		an.compare(a, v.grid, c)
		if an.Cells >= c.MinCells && an.Fit < c.SearchFit {
			moved = n.shifted(a, v.grid, c)
		}
	}
	if k.ref == nil || k.ref.h != v.grid.h {
		say(edgev1.Moved, moved)
		return
	}
	n.compare(k.ref, v.grid, c)
	if n.Cells < c.MinCells {
		say(edgev1.Moved, moved)
		say(edgev1.Covered, false)
		return
	}
	covered := say(edgev1.Covered, n.Lost >= c.CoveredShare)
	shift := moved
	if !covered && !moved && n.Fit < c.SearchFit {
		shift = n.shifted(k.ref, v.grid, c)
	}
	strange := !covered && !shift && n.Lost+n.Different >= c.MovedShare
	say(edgev1.Moved, shift || strange)
	if !strange {
		k.strangeS = 0
		return
	}
	if k.strangeS += dt; k.strangeS >= c.RelearnS {
		k.Relearn() // a new look of the street, not a shifted one
		say(edgev1.Moved, false)
	}
}

// learn lets the references follow a healthy picture.
func (k *Checker) learn(v *view, dt float64) {
	if k.ref == nil || k.ref.h != v.grid.h {
		k.ref, k.refAge = &coarse{w: gridW, h: v.grid.h, v: append([]float32(nil), v.grid.v...)}, 0
	}
	k.refAge += dt
	a := float32(dt / min(k.refAge+1, k.cfg.LearnS))
	for i, x := range v.grid.v {
		k.ref.v[i] += a * (x - k.ref.v[i])
	}
	if !v.num.steady() || v.num.Structure < k.cfg.MinStructure {
		return
	}
	if k.usual == 0 {
		k.usual = v.num.Detail
	}
	k.usual += float64(a) * (v.num.Detail - k.usual)
}

func (k *Checker) report(at time.Time, n Numbers, showing string) Report {
	r := Report{At: at, Diagnosis: edgev1.Healthy, Fit: showing == "", Reason: showing, Numbers: n}
	for _, d := range order() {
		if l := k.levels[d]; l.on {
			r.Diagnosis, r.Since, r.Fit, r.Reason, r.Detail = d, l.since, false, string(d), detail(d)
			k.since = time.Time{}
			return r
		}
	}
	if k.since.IsZero() {
		k.since = at
	}
	r.Since = k.since
	return r
}

// detail says to people what is wrong and what to do.
func detail(d edgev1.Diagnosis) string {
	switch d {
	case edgev1.Corrupt:
		return "画面花屏或解码出错：请检查网络丢包和码流设置"
	case edgev1.Black:
		return "画面全黑：请检查镜头盖、供电和夜间补光"
	case edgev1.Frozen:
		return "画面冻结：请重启摄像机或检查上级平台"
	case edgev1.Bright:
		return "画面过曝：请检查曝光设置或强光直射"
	case edgev1.Dark:
		return "画面过暗：请检查夜间模式和补光"
	case edgev1.Covered:
		return "镜头被遮挡：请清除遮挡物"
	case edgev1.Moved:
		return "视角偏移：请校正摄像机朝向，或确认新画面后重新画定围栏"
	case edgev1.Blurred:
		return "画面模糊：请清洁镜头或重新对焦"
	}
	return ""
}
