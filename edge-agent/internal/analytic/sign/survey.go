package sign

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

// Of a survey of a whole picture: it is cut into overlapping tiles of about
// this side, because small characters are lost when the whole is scaled down;
// and so many texts are told at most, the largest first.
const (
	tileSide    = 960
	tileOverlap = 160
	mostFound   = 24
	leastRunes  = 2
)

// Found is a sign that a survey read: in the zone named by Zone, or anywhere
// else in the picture.
type Found struct {
	Zone    string
	Reading edgev1.SignReading
	Box     edgev1.Box
}

// Survey reads every sign in one picture: those in the sign zones, which are
// compared with their registered names, and what else is written in the view.
// It neither uses nor changes what is remembered of the zones.
func (a *Analytic) Survey(ctx context.Context, p *picture.YUV) ([]Found, error) {
	if err := p.Check(); err != nil {
		return nil, fmt.Errorf("survey a picture: %w", err)
	}
	out := []Found{}
	for _, z := range a.zones {
		f, err := a.surveyZone(ctx, p, z)
		if err != nil {
			return nil, fmt.Errorf("survey sign zone %s: %w", z.ID, err)
		}
		out = append(out, f)
	}
	lines, err := a.surveyView(ctx, p)
	if err != nil {
		return nil, err
	}
	for _, l := range lines[:min(len(lines), mostFound)] {
		out = append(out, Found{Box: l.box, Reading: edgev1.SignReading{
			Verdict: edgev1.SignRead, Text: clip(l.text), Confidence: l.confidence, GlyphPx: int(math.Round(l.glyph)), Votes: 1, Looks: 1, Lines: []string{clip(l.text)},
		}})
	}
	return out, nil
}

// surveyZone reads one sign zone by one look.
func (a *Analytic) surveyZone(ctx context.Context, p *picture.YUV, z *zone) (Found, error) {
	cfg := a.cfg
	pl := plateOf(z.Polygon, p.W, p.H, cfg.Picture)
	f := Found{Zone: z.ID, Box: boundsOf(z.Polygon), Reading: edgev1.SignReading{
		Verdict: edgev1.SignUnreadable, Registered: z.SignName, NameDistance: 1, Looks: 1, Votes: 1,
	}}
	if lightOf(pl.gray(p, cfg.Picture.SearchPx), cfg.Picture.SearchPx, cfg.Picture) != lit {
		return f, nil
	}
	r, err := a.read(ctx, p, pl)
	if err != nil {
		return f, err
	}
	if len(r.lines) == 0 {
		return f, nil
	}
	for _, l := range r.lines[:min(len(r.lines), 16)] {
		f.Reading.Lines = append(f.Reading.Lines, clip(l.text))
	}
	f.Reading.Text, f.Reading.Confidence, f.Reading.GlyphPx = clip(r.text), r.conf, int(math.Round(r.glyph))
	if z.SignName == "" {
		f.Reading.Verdict = edgev1.SignRead
		return f, nil
	}
	d := 1.0
	for _, s := range r.candidates(cfg.Text) {
		d = min(d, a.names.distance(z.SignName, s))
	}
	f.Reading.NameDistance = d
	sure := r.conf >= cfg.Text.SureConfidence && r.glyph >= cfg.Text.SureGlyphPx && !r.steep
	switch {
	case d <= cfg.Name.Own:
		f.Reading.Verdict = edgev1.SignSame
	case r.glyph < cfg.Text.MinGlyphPx:
		// Too small to be held against anybody.
	case d >= cfg.Name.Other && sure:
		f.Reading.Verdict = edgev1.SignChanged
	default:
		f.Reading.Verdict = edgev1.SignRead
	}
	return f, nil
}

// written is a text somewhere in the view.
type written struct {
	line
	box edgev1.Box
}

// surveyView reads what is written outside of the zones, the largest
// characters first.
func (a *Analytic) surveyView(ctx context.Context, p *picture.YUV) ([]written, error) {
	plates := make([]plate, len(a.zones))
	for i, z := range a.zones {
		plates[i] = plateOf(z.Polygon, p.W, p.H, a.cfg.Picture)
	}
	out := []written{}
	for _, roi := range tiles(p.W, p.H) {
		list, err := a.surveyTile(ctx, p, roi)
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			inZone := slices.ContainsFunc(plates, func(pl plate) bool { return pl.near(w.at) })
			twice := slices.IndexFunc(out, func(o written) bool { return o.at.dist(w.at) < max(o.glyph, w.glyph) })
			switch {
			case inZone:
			case twice < 0:
				out = append(out, w)
			case len([]rune(w.text)) > len([]rune(out[twice].text)): // one tile had only a part of it
				out[twice] = w
			}
		}
	}
	slices.SortStableFunc(out, func(x, y written) int { return cmp.Compare(y.glyph, x.glyph) })
	return out, nil
}

// surveyTile reads the lines of one part of the picture.
func (a *Analytic) surveyTile(ctx context.Context, p *picture.YUV, roi picture.Rect) ([]written, error) {
	c := a.cfg.Text
	rgb := p.ToRGB(roi)
	m, err := a.finder.FindText(ctx, rgb, c.MaxSide)
	if err != nil {
		return nil, fmt.Errorf("locate text: %w", err)
	}
	out := []written{}
	boxes := boxesOf(m, c)
	for _, b := range boxes[:min(len(boxes), mostFound)] {
		if b.q.height()*glyphShare < c.MinGlyphPx {
			continue
		}
		l, err := a.readLine(ctx, rgb, b, 1)
		if err != nil {
			return nil, err
		}
		if l.confidence < c.MinConfidence || utf8.RuneCountInString(l.text) < leastRunes {
			continue
		}
		at := b.q.center()
		l.at = pt{at.x + float64(roi.X0), at.y + float64(roi.Y0)}
		out = append(out, written{line: l, box: boxAround(b.q, roi, p.W, p.H)})
	}
	return out, nil
}

// boxAround is the rectangle around a text, in shares of the picture.
func boxAround(q quad, roi picture.Rect, w, h int) edgev1.Box {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range q {
		x0, x1 = min(x0, c.x), max(x1, c.x)
		y0, y1 = min(y0, c.y), max(y1, c.y)
	}
	share := func(v float64, off, all int) float64 { return min(max((v+float64(off))/float64(all), 0), 1) }
	b := edgev1.Box{X: share(x0, roi.X0, w), Y: share(y0, roi.Y0, h)}
	b.W, b.H = share(x1, roi.X0, w)-b.X, share(y1, roi.Y0, h)-b.Y
	return b
}

// tiles cuts a picture into overlapping parts.
func tiles(w, h int) []picture.Rect {
	cuts := func(all int) [][2]int {
		if all <= tileSide+tileOverlap {
			return [][2]int{{0, all}}
		}
		n := (all - tileOverlap + tileSide - tileOverlap - 1) / (tileSide - tileOverlap)
		step := (all - tileSide) / max(n-1, 1)
		out := [][2]int{}
		for i := range n {
			out = append(out, [2]int{i * step, min(i*step+tileSide, all)})
		}
		out[n-1] = [2]int{all - tileSide, all}
		return out
	}
	out := []picture.Rect{}
	for _, y := range cuts(h) {
		for _, x := range cuts(w) {
			out = append(out, picture.Rect{X0: x[0] &^ 1, Y0: y[0] &^ 1, X1: x[1], Y1: y[1]})
		}
	}
	return out
}
