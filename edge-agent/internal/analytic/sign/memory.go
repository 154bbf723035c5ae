package sign

import (
	"fmt"
	"math"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

// zone is one sign zone with what is known of it.
type zone struct {
	edgev1.Zone
	dwell  float64
	memory memory
}

func newZone(z edgev1.Zone, c Config) *zone {
	n := &zone{Zone: z, dwell: c.DwellS}
	if z.DwellS > 0 {
		n.dwell = z.DwellS
	}
	n.memory.Pending = c.Looks
	return n
}

func samePlace(a, b []edgev1.Point) bool { return slices.Equal(a, b) }

// reference is a picture of the sign as it should be. Crop carries the
// search margin; JPEG is for people.
type reference struct {
	Crop *picture.Gray `json:"crop,omitempty"`
	JPEG []byte        `json:"jpeg,omitempty"`
	At   time.Time     `json:"at"`
}

// kept is the last reading, as it is stored.
type kept struct {
	Text       string   `json:"text"`
	Confidence float64  `json:"confidence"`
	Glyph      float64  `json:"glyph"`
	Lines      []string `json:"lines,omitempty"`
}

func (k kept) open() reading { return reading{text: k.Text, conf: k.Confidence, glyph: k.Glyph} }

// memory is all that a zone's judgement carries from look to look and over
// a restart.
type memory struct {
	Given   reference `json:"given"`   // confirmed by the operator
	Learned reference `json:"learned"` // taken when it read as registered
	// Alias is what the confirmed sign reads like when that is not the
	// registered name (ornamental letters).
	Alias string `json:"alias,omitempty"`
	// Legible tells that it was once read exactly as registered, surely.
	Legible bool `json:"legible,omitempty"`

	// Votes are the verdicts of the last judged looks, newest last.
	Votes   []edgev1.SignVerdict `json:"votes,omitempty"`
	Settled edgev1.SignVerdict   `json:"settled,omitempty"`
	Hidden  bool                 `json:"hidden,omitempty"`
	// Pending looks are judged whatever the picture says.
	Pending int `json:"pending"`

	Last     *picture.Gray `json:"last,omitempty"` // crop of the last judged look
	SeenAt   time.Time     `json:"seenAt"`
	JudgedAt time.Time     `json:"judgedAt"`
	ReadAt   time.Time     `json:"readAt"`
	BadSince time.Time     `json:"badSince"`
	BadS     float64       `json:"badS"`
	// Bad tells that the last look saw a sign that is not the same.
	Bad bool `json:"bad,omitempty"`

	Reading kept `json:"reading"`
	// Own tells that the last reading was the registered name or the alias;
	// Distance is to the registered name alone.
	Own            bool    `json:"own,omitempty"`
	Distance       float64 `json:"distance"`
	Similarity     float64 `json:"similarity"`
	ReadSimilarity float64 `json:"readSimilarity"`
}

// similarity is the better of the two references'.
func (m *memory) similarity(crop *picture.Gray, margin int) float64 {
	best := math.Inf(-1)
	for _, r := range []reference{m.Given, m.Learned} {
		if r.Crop != nil {
			best = max(best, similarity(resampled(r.Crop, crop.W, crop.H), crop, margin))
		}
	}
	if math.IsInf(best, -1) {
		return 0
	}
	return best
}

func (m *memory) likeness(sim float64, c PictureConfig) likeness {
	switch {
	case m.Given.Crop == nil && m.Learned.Crop == nil:
		return noReference
	case sim >= c.Identical:
		return identical
	case sim >= c.Similar:
		return similar
	}
	return differs
}

// due tells how many looks must be judged from now on: all of them when the
// picture changed since the last judged look or that was too long ago.
func (m *memory) due(at time.Time, crop *picture.Gray, sim float64, c Config) int {
	age := at.Sub(m.JudgedAt).Seconds()
	if age >= c.RejudgeEveryS || age < 0 {
		return c.Looks
	}
	if (m.Settled == edgev1.SignUnreadable || m.Settled == "") && age >= c.RetryS {
		return c.Looks
	}
	if m.Settled == edgev1.SignSame && m.likeness(sim, c.Picture) == identical {
		return m.Pending
	}
	if similarity(m.Last, crop, c.Picture.SearchPx) < c.Picture.SameAsLast && !bothFlat(m.Last, crop, c.Picture.SearchPx) {
		return c.Looks
	}
	return m.Pending
}

// elapsed is the time since the last look, bounded.
func (m *memory) elapsed(at time.Time, most float64) float64 {
	if m.SeenAt.IsZero() {
		return 0
	}
	return min(max(at.Sub(m.SeenAt).Seconds(), 0), most)
}

func isBad(v edgev1.SignVerdict) bool {
	return v == edgev1.SignChanged || v == edgev1.SignCovered || v == edgev1.SignGone
}

// carry takes a look that shows what the last judged one showed.
func (m *memory) carry(at time.Time, dt float64) {
	if m.Bad && !m.Hidden {
		m.BadS += dt
	}
	m.SeenAt = at
}

// hold takes a look at which someone stands before the sign: the dwell and
// the votes stay as they are, and the next look is judged again.
func (m *memory) hold(at time.Time) {
	m.Hidden, m.Bad = true, false
	m.SeenAt = at
	m.Pending = max(m.Pending, 1)
}

// judged takes the verdict of a look.
func (m *memory) judged(at time.Time, dt float64, crop *picture.Gray, v edgev1.SignVerdict, r reading, sim float64, c Config) {
	m.Votes = append(m.Votes, v)
	if len(m.Votes) > c.Looks {
		m.Votes = slices.Delete(m.Votes, 0, len(m.Votes)-c.Looks)
	}
	m.Pending = max(m.Pending-1, 0)
	m.Last, m.Similarity = crop, sim
	lines := m.Reading.Lines
	if len(r.lines) > 0 || clip(r.text) != m.Reading.Text {
		lines = nil
	}
	m.Reading = kept{Text: clip(r.text), Confidence: r.conf, Glyph: r.glyph, Lines: lines}
	for _, l := range r.lines[:min(len(r.lines), 16)] {
		m.Reading.Lines = append(m.Reading.Lines, clip(l.text))
	}
	if isBad(v) {
		if m.Bad && !m.Hidden {
			m.BadS += dt
		}
		if m.BadSince.IsZero() {
			m.BadSince = at
		}
	}
	m.Bad, m.Hidden = isBad(v), false
	m.SeenAt, m.JudgedAt = at, at
	m.settle(c)
	if v != m.Settled && !(isBad(v) && isBad(m.Settled)) {
		m.Pending = max(m.Pending, 1) // go on until the looks agree
	}
}

// settle takes the verdict that enough of the last looks agree on; changed,
// covered and gone agree with each other that the sign is not the same, and
// the most frequent of them names it.
func (m *memory) settle(c Config) {
	count := map[edgev1.SignVerdict]int{}
	bad := 0
	for _, v := range m.Votes {
		count[v]++
		if isBad(v) {
			bad++
		}
	}
	switch {
	case count[edgev1.SignSame] >= c.Votes:
		m.Settled, m.BadS, m.BadSince, m.Bad = edgev1.SignSame, 0, time.Time{}, false
	case bad >= c.Votes:
		m.Settled = edgev1.SignChanged
		for _, v := range []edgev1.SignVerdict{edgev1.SignCovered, edgev1.SignGone} {
			if count[v] > count[m.Settled] {
				m.Settled = v
			}
		}
	case count[edgev1.SignUnreadable] >= c.Votes:
		m.Settled = edgev1.SignUnreadable
	}
}

// answer is what the memory says in the contract's words.
func (m *memory) answer(registered string) edgev1.SignReading {
	r := edgev1.SignReading{
		Verdict: m.Settled, Registered: registered, Text: m.Reading.Text, Confidence: m.Reading.Confidence,
		NameDistance: m.Distance, Similarity: m.Similarity, GlyphPx: int(math.Round(m.Reading.Glyph)),
		Looks: len(m.Votes), Lines: m.Reading.Lines,
	}
	if r.Verdict == "" {
		r.Verdict = edgev1.SignUnreadable
	}
	if m.Reading.Text == "" {
		r.NameDistance = 1
	}
	for _, v := range m.Votes {
		if v == r.Verdict {
			r.Votes++
		}
	}
	return r
}

// clip keeps a text within what one field of a message may hold.
func clip(s string) string {
	for len(s) > edgev1.MaxText {
		r := []rune(s)
		s = string(r[:len(r)*3/4])
	}
	return s
}

// setReference takes the operator's picture.
func (z *zone) setReference(p *picture.YUV, whole bool, c Config) error {
	pl := plateOf(z.Polygon, p.W, p.H, c.Picture)
	if !whole {
		b := boundsOf(z.Polygon)
		if b.W <= 0 || b.H <= 0 {
			return fmt.Errorf("set sign reference: zone %s has no area", z.ID)
		}
		local := make([]edgev1.Point, len(z.Polygon))
		for i, q := range z.Polygon {
			local[i] = edgev1.Point{X: (q.X - b.X) / b.W, Y: (q.Y - b.Y) / b.H}
		}
		pl = plateOf(local, p.W, p.H, c.Picture)
	}
	z.memory.Given = referenceOf(p, pl, pl.gray(p, c.Picture.SearchPx), time.Time{}, c)
	z.memory.Alias, z.memory.Pending = "", c.Looks
	return nil
}

// referenceOf cuts the sign out of a picture, also as JPEG.
func referenceOf(p *picture.YUV, pl plate, crop *picture.Gray, at time.Time, c Config) reference {
	r := reference{Crop: crop, At: at}
	roi := roiOf(pl, p.W, p.H, c.Text.Margin)
	if roi.W() < 2 || roi.H() < 2 {
		return r
	}
	if j, err := cutYUV(p, roi).JPEG(85); err == nil && len(j) <= maxJPEG {
		r.JPEG = j
	}
	return r
}

// cutYUV copies a part of a picture, at even places so that chroma fits.
func cutYUV(p *picture.YUV, r picture.Rect) *picture.YUV {
	x, y := r.X0&^1, r.Y0&^1
	v := &picture.YUV{
		W: r.X1 - x, H: r.Y1 - y, YStride: p.YStride, CStride: p.CStride, FullRange: p.FullRange,
		Y: p.Y[y*p.YStride+x:], U: p.U[y/2*p.CStride+x/2:], V: p.V[y/2*p.CStride+x/2:],
	}
	return v.Clone()
}
