package infer

import (
	"fmt"
	"math"
	"slices"

	"jiexun/api/modelv1"
)

// ssd decodes boxes that are offsets from fixed anchors, in the coding of the
// TensorFlow object detection API: y, x, height, width with factors 10, 10,
// 5, 5, class 0 being the background.
type ssd struct {
	boxes, scores int // positions among the outputs
	classes       int
	scorer        scorer
	anchors       []anchor
}

type anchor struct{ cy, cx, h, w float32 }

func newSSD(m *modelv1.Manifest) (*ssd, error) {
	s := &ssd{classes: len(m.Labels), boxes: holding(m, "boxes"), scores: holding(m, "scores")}
	s.scorer.sigmoid = m.Outputs[s.scores].Activation == "sigmoid"
	if m.Input.Width != 300 || m.Input.Height != 300 {
		return nil, fmt.Errorf("model %s: head ssd knows the anchors of 300x300, not of %dx%d", m.Name, m.Input.Width, m.Input.Height)
	}
	s.anchors = ssdAnchors()
	return s, nil
}

// ssdAnchors lists the anchors of six grids: three shapes on the finest, six
// on the others.
func ssdAnchors() []anchor {
	grids := []int{19, 10, 5, 3, 2, 1}
	scale := func(i int) float64 {
		if i == len(grids) {
			return 1
		}
		return 0.2 + 0.75*float64(i)/float64(len(grids)-1)
	}
	var out []anchor
	for i, g := range grids {
		shapes := [][2]float64{
			{scale(i), 1},
			{scale(i), 2},
			{scale(i), 0.5},
			{scale(i), 3},
			{scale(i), 1.0 / 3},
			{math.Sqrt(scale(i) * scale(i+1)), 1},
		}
		if i == 0 {
			shapes = [][2]float64{{0.1, 1}, {scale(0), 2}, {scale(0), 0.5}}
		}
		for y := range g {
			for x := range g {
				for _, s := range shapes {
					r := math.Sqrt(s[1])
					out = append(out, anchor{
						cy: (float32(y) + 0.5) / float32(g), cx: (float32(x) + 0.5) / float32(g),
						h: float32(s[0] / r), w: float32(s[0] * r),
					})
				}
			}
		}
	}
	return out
}

func (s *ssd) decode(outputs []tensor, minScore float32) ([]rawBox, error) {
	boxes, scores := outputs[s.boxes], outputs[s.scores]
	n, c := len(s.anchors), s.classes+1
	if !slices.Equal(boxes.shape, []int64{int64(n), 4}) || !slices.Equal(scores.shape, []int64{int64(n), int64(c)}) {
		return nil, fmt.Errorf("boxes %v and scores %v, expected %d anchors and %d classes", boxes.shape, scores.shape, n, c)
	}
	least := s.scorer.threshold(minScore)
	var out []rawBox
	for i, a := range s.anchors {
		for k, v := range scores.data[i*c+1 : (i+1)*c] {
			if v < least {
				continue
			}
			b := boxes.data[i*4 : i*4+4]
			cy, cx := b[0]/10*a.h+a.cy, b[1]/10*a.w+a.cx
			h, w := exp(b[2]/5)*a.h, exp(b[3]/5)*a.w
			out = append(out, rawBox{k, s.scorer.score(v), cx - w/2, cy - h/2, cx + w/2, cy + h/2})
		}
	}
	return out, nil
}

// exp is bounded so that a wild output cannot make an infinite box.
func exp(v float32) float32 { return float32(math.Exp(float64(min(v, 20)))) }

// holding finds the output that holds what is asked for; the manifest's
// Validate made sure that there is one.
func holding(m *modelv1.Manifest, what string) int {
	return slices.IndexFunc(m.Outputs, func(o modelv1.Output) bool { return o.Holds == what })
}

// nanodet decodes distances to the four sides, each a distribution over bins
// of one stride.
type nanodet struct {
	levels  []nanoLevel
	classes int
	scorer  scorer
	w, h    int
}

type nanoLevel struct{ scores, boxes, stride, cols, rows int }

func newNanoDet(m *modelv1.Manifest) (*nanodet, error) {
	n := &nanodet{classes: len(m.Labels), w: m.Input.Width, h: m.Input.Height}
	for i, o := range m.Outputs {
		if o.Holds != "scores" {
			continue
		}
		n.scorer.sigmoid = o.Activation == "sigmoid"
		l := nanoLevel{scores: i, boxes: -1, stride: o.Stride}
		l.cols, l.rows = (n.w+o.Stride-1)/o.Stride, (n.h+o.Stride-1)/o.Stride
		for k, b := range m.Outputs {
			if b.Holds == "boxes" && b.Stride == o.Stride {
				l.boxes = k
			}
		}
		if l.boxes < 0 {
			return nil, fmt.Errorf("model %s: no output holds the boxes of stride %d", m.Name, o.Stride)
		}
		n.levels = append(n.levels, l)
	}
	return n, nil
}

func (n *nanodet) decode(outputs []tensor, minScore float32) ([]rawBox, error) {
	least := n.scorer.threshold(minScore)
	var out []rawBox
	for _, l := range n.levels {
		scores, boxes := outputs[l.scores], outputs[l.boxes]
		cells := l.cols * l.rows
		if len(scores.data) != cells*n.classes || len(boxes.shape) != 2 || int(boxes.shape[0]) != cells || boxes.shape[1]%4 != 0 || boxes.shape[1] == 0 {
			return nil, fmt.Errorf("stride %d: scores %v and boxes %v for %d cells and %d classes", l.stride, scores.shape, boxes.shape, cells, n.classes)
		}
		width := int(boxes.shape[1])
		for i := range cells {
			best, v := greatest(scores.data[i*n.classes : (i+1)*n.classes])
			if v < least {
				continue
			}
			side := boxes.data[i*width : (i+1)*width]
			bins := width / 4
			cx, cy := (float32(i%l.cols)+0.5)*float32(l.stride), (float32(i/l.cols)+0.5)*float32(l.stride)
			d := func(k int) float32 { return mean(side[k*bins:(k+1)*bins]) * float32(l.stride) }
			out = append(out, rawBox{
				best, n.scorer.score(v),
				(cx - d(0)) / float32(n.w), (cy - d(1)) / float32(n.h), (cx + d(2)) / float32(n.w), (cy + d(3)) / float32(n.h),
			})
		}
	}
	return out, nil
}

// mean is the expected bin of a distribution given as logits.
func mean(logits []float32) float32 {
	_, top := greatest(logits)
	var sum, weighted float64
	for i, v := range logits {
		e := math.Exp(float64(v - top))
		sum += e
		weighted += e * float64(i)
	}
	return float32(weighted / sum)
}

func greatest(v []float32) (at int, value float32) {
	value = v[0]
	for i, x := range v[1:] {
		if x > value {
			at, value = i+1, x
		}
	}
	return at, value
}

// yolox decodes one row for each cell of three grids: centre and size, the
// probability of any thing, and one for each class.
type yolox struct {
	classes, w, h int
}

func newYOLOX(m *modelv1.Manifest) *yolox {
	return &yolox{classes: len(m.Labels), w: m.Input.Width, h: m.Input.Height}
}

func (y *yolox) decode(outputs []tensor, minScore float32) ([]rawBox, error) {
	row := 5 + y.classes
	rows := 0
	for _, s := range [3]int{8, 16, 32} {
		rows += (y.w / s) * (y.h / s)
	}
	o := outputs[0]
	if !slices.Equal(o.shape, []int64{int64(rows), int64(row)}) {
		return nil, fmt.Errorf("predictions %v, expected %dx%d", o.shape, rows, row)
	}
	var out []rawBox
	at := 0
	for _, s := range [3]int{8, 16, 32} {
		cols := y.w / s
		for i := range cols * (y.h / s) {
			p := o.data[at : at+row]
			at += row
			if p[4] < minScore {
				continue
			}
			class, v := greatest(p[5:])
			if v *= p[4]; v < minScore {
				continue
			}
			k := float32(s)
			cx, cy := (p[0]+float32(i%cols))*k, (p[1]+float32(i/cols))*k
			w, h := exp(p[2])*k, exp(p[3])*k
			out = append(out, rawBox{
				class, v,
				(cx - w/2) / float32(y.w), (cy - h/2) / float32(y.h), (cx + w/2) / float32(y.w), (cy + h/2) / float32(y.h),
			})
		}
	}
	return out, nil
}
