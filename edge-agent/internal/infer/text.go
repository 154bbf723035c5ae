package infer

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"jiexun/api/edgev1"
	"jiexun/api/modelv1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// TextFinder says for each pixel whether it belongs to text. It satisfies
// analytic.TextFinder.
type TextFinder struct{ net *network }

var _ analytic.TextFinder = (*TextFinder)(nil)

// TextFinder gives the installed text finder of that name.
func (r *Runtime) TextFinder(name string) (*TextFinder, error) {
	n, err := r.loadHead(name, modelv1.HeadDB)
	if err != nil {
		return nil, err
	}
	return &TextFinder{n}, nil
}

func (r *Runtime) loadHead(name string, head modelv1.Head) (*network, error) {
	n, err := r.load(r.dir(name))
	if err != nil {
		return nil, err
	}
	if n.m.Head != head {
		return nil, fmt.Errorf("model %s has head %s, not %s", name, n.m.Head, head)
	}
	return n, nil
}

// Ref names the network in observations and evidence.
func (t *TextFinder) Ref() edgev1.ModelRef { return t.net.ref }

// FindText runs the network on the picture, scaled so that its longer side is
// at most maxSide; smaller pictures keep their size. Both sides are rounded
// to what the network takes, so ScaleX and ScaleY differ a little.
func (t *TextFinder) FindText(ctx context.Context, p *picture.RGB, maxSide int) (analytic.TextMap, error) {
	var none analytic.TextMap
	if p == nil || p.W <= 0 || p.H <= 0 {
		return none, fmt.Errorf("find text: the picture is empty")
	}
	in := &t.net.m.Input
	if maxSide <= 0 {
		maxSide = in.MaxSide
	}
	k := 1.0
	if long := max(p.W, p.H); maxSide > 0 && long > maxSide {
		k = float64(maxSide) / float64(long)
	}
	w, h := multiple(float64(p.W)*k, in.Multiple), multiple(float64(p.H)*k, in.Multiple)
	s := newSampler(in, w, h)
	buf := t.net.buffer(s.size())
	if _, err := s.rgb(*buf, p); err != nil {
		return none, fmt.Errorf("find text: %w", err)
	}
	out, err := t.net.run(ctx, buf, s.shape()...)
	if err != nil {
		return none, err
	}
	m := out[holding(&t.net.m, "map")]
	if len(m.data) != w*h {
		return none, fmt.Errorf("find text: the network answered with shape %v for %dx%d", m.shape, w, h)
	}
	return analytic.TextMap{W: w, H: h, P: m.data, ScaleX: float64(p.W) / float64(w), ScaleY: float64(p.H) / float64(h)}, nil
}

// multiple rounds to the nearest multiple of m, at least m.
func multiple(v float64, m int) int { return max(m, int(math.Round(v/float64(m)))*m) }

// TextReader reads one line of text. It satisfies analytic.TextReader.
type TextReader struct {
	net      *network
	alphabet []string
}

var _ analytic.TextReader = (*TextReader)(nil)

// TextReader gives the installed text reader of that name.
func (r *Runtime) TextReader(name string) (*TextReader, error) {
	n, err := r.loadHead(name, modelv1.HeadCTC)
	if err != nil {
		return nil, err
	}
	return &TextReader{net: n, alphabet: alphabet(n.dictionary)}, nil
}

// alphabet puts the blank before the dictionary's characters and the space,
// which the dictionary cannot hold, after them.
func alphabet(dictionary []byte) []string {
	lines := strings.Split(strings.TrimSuffix(string(dictionary), "\n"), "\n")
	out := make([]string, 0, len(lines)+2)
	out = append(out, "")
	for _, l := range lines {
		out = append(out, strings.TrimSuffix(l, "\r"))
	}
	return append(out, " ")
}

// Ref names the network in observations and evidence.
func (t *TextReader) Ref() edgev1.ModelRef { return t.net.ref }

// Alphabet gives the characters by class: class 0 is the blank, empty.
func (t *TextReader) Alphabet() []string { return slices.Clone(t.alphabet) }

// Lines are padded at the right to multiples of lineStep pixels, at least
// minLine, so that the runtime meets few different widths.
const (
	lineStep = 32
	minLine  = 96
)

// ReadSteps gives the best class at each step along the line.
func (t *TextReader) ReadSteps(ctx context.Context, line *picture.RGB) ([]analytic.TextStep, error) {
	if line == nil || line.W <= 0 || line.H <= 0 {
		return nil, fmt.Errorf("read text: the picture is empty")
	}
	in := t.net.m.Input
	w := int(math.Ceil(float64(line.W) * float64(in.Height) / float64(line.H)))
	w = min(max(w, 1), max(in.MaxSide, minLine))
	full := max(minLine, (w+lineStep-1)/lineStep*lineStep)
	s := newSampler(&in, full, in.Height)
	s.pad = 127.5 // grey, zero after scaling
	buf := t.net.buffer(s.size())
	if err := s.line(*buf, line, w); err != nil {
		return nil, fmt.Errorf("read text: %w", err)
	}
	out, err := t.net.run(ctx, buf, s.shape()...)
	if err != nil {
		return nil, err
	}
	m := out[holding(&t.net.m, "steps")]
	if len(m.shape) != 2 || int(m.shape[1]) != len(t.alphabet) {
		return nil, fmt.Errorf("read text: the network answered with shape %v for %d characters", m.shape, len(t.alphabet))
	}
	steps := make([]analytic.TextStep, m.shape[0])
	for i := range steps {
		c, p := greatest(m.data[i*len(t.alphabet) : (i+1)*len(t.alphabet)])
		steps[i] = analytic.TextStep{Class: c, P: p}
	}
	return steps, nil
}

// line stretches a picture over the first w columns and pads the rest.
func (s *sampler) line(dst []float32, p *picture.RGB, w int) error {
	if err := checkRGB(p); err != nil {
		return err
	}
	s.fillPad(dst, w, s.h)
	s.stretch(dst, p, w, s.h)
	return nil
}
