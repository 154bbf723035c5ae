package infer

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"jiexun/api/edgev1"
	"jiexun/api/modelv1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// maxCandidates bounds the detections that enter the comparison of overlaps;
// the weakest beyond it are dropped.
const maxCandidates = 300

// rawBox is a detection in shares of the network's input.
type rawBox struct {
	class          int // index into the labels
	score          float32
	x0, y0, x1, y1 float32
}

// decoder reads a detector's outputs; scores below the given one are left out.
type decoder interface {
	decode(outputs []tensor, minScore float32) ([]rawBox, error)
}

// Detector is a network that finds persons, vehicles and bicycles. It
// satisfies analytic.Detector.
type Detector struct {
	net     *network
	sampler sampler
	decoder decoder
	// classes maps each label to its class; empty where the label is dropped.
	classes  []analytic.Class
	minScore float32
	overlap  float32
}

var _ analytic.Detector = (*Detector)(nil)

// Detector gives the installed detector of that name, for example ssd-oidv4.
func (r *Runtime) Detector(name string) (*Detector, error) { return r.ImportedDetector(r.dir(name)) }

// ImportedDetector gives the detector in a folder that holds a manifest and
// the files that it lists.
func (r *Runtime) ImportedDetector(dir string) (*Detector, error) {
	n, err := r.load(dir)
	if err != nil {
		return nil, err
	}
	m := &n.m
	d := &Detector{
		net: n, sampler: newSampler(&m.Input, m.Input.Width, m.Input.Height),
		classes: make([]analytic.Class, len(m.Labels)), minScore: float32(m.MinScore), overlap: float32(m.MaxOverlap),
	}
	for i, l := range m.Labels {
		d.classes[i] = analytic.Class(m.Classes[l])
	}
	switch m.Head {
	case modelv1.HeadSSD:
		d.decoder, err = newSSD(m)
	case modelv1.HeadNanoDet:
		d.decoder, err = newNanoDet(m)
	case modelv1.HeadYOLOX:
		d.decoder = newYOLOX(m)
	default:
		err = fmt.Errorf("model %s has head %s and is no detector", m.Name, m.Head)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Ref names the network in observations and evidence.
func (d *Detector) Ref() edgev1.ModelRef { return d.net.ref }

// Detect finds things in a packed picture.
func (d *Detector) Detect(ctx context.Context, p *picture.RGB) ([]analytic.Object, error) {
	return d.detect(ctx, func(dst []float32) (fit, error) { return d.sampler.rgb(dst, p) })
}

// DetectYUV finds things in a decoder's picture; it saves making a packed one.
func (d *Detector) DetectYUV(ctx context.Context, p *picture.YUV) ([]analytic.Object, error) {
	return d.detect(ctx, func(dst []float32) (fit, error) { return d.sampler.yuv(dst, p) })
}

func (d *Detector) detect(ctx context.Context, fill func([]float32) (fit, error)) ([]analytic.Object, error) {
	in := d.net.buffer(d.sampler.size())
	f, err := fill(*in)
	if err != nil {
		return nil, fmt.Errorf("prepare a picture for %s: %w", d.net.m.Name, err)
	}
	out, err := d.net.run(ctx, in, d.sampler.shape()...)
	if err != nil {
		return nil, err
	}
	raw, err := d.decoder.decode(out, d.minScore)
	if err != nil {
		return nil, fmt.Errorf("read the outputs of %s: %w", d.net.m.Name, err)
	}
	return d.objects(raw, f), nil
}

// objects maps labels to classes, takes the boxes back to the picture and
// keeps the strongest of those that overlap. Two labels of one class, such as
// car and truck, compete with each other.
func (d *Detector) objects(raw []rawBox, f fit) []analytic.Object {
	kept := make([]analytic.Object, 0, len(raw))
	for _, b := range raw {
		if b.class < 0 || b.class >= len(d.classes) || d.classes[b.class] == "" {
			continue
		}
		box, ok := clipBox(b, f)
		if !ok {
			continue
		}
		kept = append(kept, analytic.Object{Class: d.classes[b.class], Score: float64(b.score), Box: box})
	}
	slices.SortStableFunc(kept, func(a, b analytic.Object) int { return cmp.Compare(b.Score, a.Score) })
	kept = kept[:min(len(kept), maxCandidates)]
	var out []analytic.Object
next:
	for _, o := range kept {
		for _, k := range out {
			if k.Class == o.Class && iou(k.Box, o.Box) > float64(d.overlap) {
				continue next
			}
		}
		out = append(out, o)
	}
	return out
}

func clipBox(b rawBox, f fit) (edgev1.Box, bool) {
	share := func(v float32, stretch float64) float64 { return min(max(float64(v)*stretch, 0), 1) }
	x0, x1 := share(b.x0, f.stretchX), share(b.x1, f.stretchX)
	y0, y1 := share(b.y0, f.stretchY), share(b.y1, f.stretchY)
	// Also refuses what is not a number.
	return edgev1.Box{X: x0, Y: y0, W: x1 - x0, H: y1 - y0}, x1 > x0 && y1 > y0
}

func iou(a, b edgev1.Box) float64 {
	w := min(a.X+a.W, b.X+b.W) - max(a.X, b.X)
	h := min(a.Y+a.H, b.Y+b.H) - max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

func sigmoid(v float32) float32 { return float32(1 / (1 + math.Exp(-float64(v)))) }

// logit is where sigmoid reaches p; comparing before the sigmoid saves most
// of the exponentials.
func logit(p float32) float32 { return float32(math.Log(float64(p) / (1 - float64(p)))) }

// scorer compares raw scores with a threshold and turns those that pass into
// probabilities.
type scorer struct{ sigmoid bool }

func (s scorer) threshold(p float32) float32 {
	if s.sigmoid {
		return logit(p)
	}
	return p
}

func (s scorer) score(v float32) float32 {
	if s.sigmoid {
		return sigmoid(v)
	}
	return v
}
