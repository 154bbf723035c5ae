package sign

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"unicode"

	"jiexun/edge-agent/internal/picture"
)

// glyphShare is a character's height over the height of its grown box.
const glyphShare = 0.87

// line is one read line of text; lengths are in pixels of the source frame.
type line struct {
	text       string
	confidence float64
	least      float64 // probability of the worst character
	glyph      float64 // height of a character
	advance    float64 // width of a Chinese character over its height, 0 unknown
	at         pt      // its middle
	tall       bool
}

// reading is what was found in a zone at one look.
type reading struct {
	lines []line // inside the zone, heaviest first, confident ones only
	weak  int    // boxes that held text which could not be read surely
	text  string // the main lines joined
	conf  float64
	glyph float64
	steep bool
}

// read locates and reads the text of one plate.
func (a *Analytic) read(ctx context.Context, src *picture.YUV, p plate) (reading, error) {
	c := a.cfg.Text
	roi := roiOf(p, src.W, src.H, c.Margin)
	if roi.W() < 4 || roi.H() < 4 {
		return reading{}, nil
	}
	rgb := src.ToRGB(roi)
	f := enlargement(roi, c)
	big := scaled(rgb, int(math.Round(float64(rgb.W)*f)), int(math.Round(float64(rgb.H)*f)))
	m, err := a.finder.FindText(ctx, big, c.MaxSide)
	if err != nil {
		return reading{}, fmt.Errorf("locate text: %w", err)
	}
	var r reading
	boxes := boxesOf(m, c)
	for _, b := range boxes[:min(len(boxes), c.MaxLines)] {
		at := b.q.center()
		at = pt{at.x/f + float64(roi.X0), at.y/f + float64(roi.Y0)}
		if !p.near(at) {
			continue
		}
		l, err := a.readLine(ctx, big, b, f)
		if err != nil {
			return reading{}, err
		}
		l.at = at
		if l.text == "" || l.confidence < c.MinConfidence {
			r.weak++
			continue
		}
		r.lines = append(r.lines, l)
	}
	r.choose(p, c)
	return r, nil
}

// roiOf is the part of the frame that is looked at for a plate.
func roiOf(p plate, w, h int, margin float64) picture.Rect {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, q := range p.poly {
		x0, x1 = min(x0, q.x), max(x1, q.x)
		y0, y1 = min(y0, q.y), max(y1, q.y)
	}
	mx, my := (x1-x0)*margin, (y1-y0)*margin
	return picture.Rect{X0: int(x0 - mx), Y0: int(y0 - my), X1: int(math.Ceil(x1 + mx)), Y1: int(math.Ceil(y1 + my))}.Clip(w, h)
}

// enlargement is how much the cut is scaled before text is located: small
// signs up, because the locating network misses small glyphs.
func enlargement(r picture.Rect, c TextConfig) float64 {
	side := float64(max(r.W(), r.H()))
	if side >= float64(c.FindSide) {
		return 1
	}
	return min(float64(c.FindSide)/side, c.MaxEnlarge)
}

// near tells whether a line's middle belongs to the zone: inside it.
func (p plate) near(at pt) bool {
	in := false
	for i, j := 0, len(p.poly)-1; i < len(p.poly); j, i = i, i+1 {
		a, b := p.poly[i], p.poly[j]
		if (a.y > at.y) != (b.y > at.y) && at.x < (b.x-a.x)*(at.y-a.y)/(b.y-a.y)+a.x {
			in = !in
		}
	}
	return in
}

func (a *Analytic) readLine(ctx context.Context, big *picture.RGB, b textBox, f float64) (line, error) {
	w, h := int(math.Round(b.q.width())), int(math.Round(b.q.height()))
	if w < 2 || h < 2 {
		return line{}, nil
	}
	steps, err := a.reader.ReadSteps(ctx, lift(big, b.q, w, h))
	if err != nil {
		return line{}, fmt.Errorf("read text line: %w", err)
	}
	l := line{glyph: b.q.height() * glyphShare / f, tall: b.tall}
	l.text, l.confidence, l.least = decodeCTC(steps, a.alphabet)
	n := 0
	for _, r := range l.text {
		if unicode.Is(unicode.Han, r) {
			n++
		}
	}
	if all := len([]rune(l.text)); n >= 2 && n == all {
		l.advance = b.q.width() / f / float64(n) / l.glyph
	}
	return l, nil
}

// choose picks the shop's name among the lines: the largest characters, the
// more central the better, and joins the lines of about that weight in the
// order of reading.
func (r *reading) choose(p plate, c TextConfig) {
	if len(r.lines) == 0 {
		return
	}
	weight := func(l line) float64 {
		half := max(p.q.width(), p.q.height()) / 2
		off := min(l.at.dist(p.q.center())/max(half, 1), 1)
		chars := min(float64(len([]rune(l.text))), 3) / 3
		return l.glyph * (1 - 0.3*off) * (0.5 + 0.5*chars)
	}
	slices.SortStableFunc(r.lines, func(a, b line) int { return cmp.Compare(weight(b), weight(a)) })
	best := weight(r.lines[0])
	var main []line
	for _, l := range r.lines {
		if weight(l) >= c.MainLine*best {
			main = append(main, l)
		}
	}
	slices.SortStableFunc(main, func(a, b line) int {
		if math.Abs(a.at.y-b.at.y) > 0.6*max(a.glyph, b.glyph) && !a.tall && !b.tall {
			return cmp.Compare(a.at.y, b.at.y)
		}
		return cmp.Compare(a.at.x, b.at.x)
	})
	sum, chars := 0.0, 0
	for _, l := range main {
		n := len([]rune(l.text))
		r.text += l.text
		sum += l.confidence * float64(n)
		chars += n
	}
	r.conf = sum / float64(max(chars, 1))
	r.glyph = r.lines[0].glyph
	r.steep = r.lines[0].advance > 0 && r.lines[0].advance < c.MinAdvance
}

// candidates are the texts that may be the shop's name: the joined main
// lines and each line that is not much smaller than the largest.
func (r *reading) candidates(c TextConfig) []string {
	out := []string{r.text}
	for _, l := range r.lines {
		if l.glyph >= c.MainLine*r.glyph && l.text != r.text {
			out = append(out, l.text)
		}
	}
	return out
}
