package still

import (
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/picture"
)

// Candidate is one change between two pictures as the verifier would see it.
type Candidate struct {
	Box  edgev1.Box
	Look analytic.Look
	// Pixels are the changed pixels at working size, Width x Height, 0 or 1.
	Pixels        []byte
	Width, Height int
}

// Compare applies the engine's own change rule to a reference and a current
// picture and returns what it would ask the verifier about. Training and the
// export of decided samples use it, so that a network is trained on exactly
// the fragments that it will meet. With parts, a third of the changes come a
// second time as a fragment, as people and dark things show at work.
func Compare(ref, cur *picture.YUV, parts bool) ([]Candidate, error) {
	e, err := New(Options{})
	if err != nil {
		return nil, err
	}
	if err := e.SetReference(ref); err != nil {
		return nil, err
	}
	if err := cur.Check(); err != nil {
		return nil, err
	}
	e.cur.take(cur)
	e.light = e.fitLight()
	e.normalise()
	if e.markChange() > 0.35 {
		return nil, nil
	}
	for i, c := range e.work.change {
		e.acc[i] = uint16(c) * uint16(bornAfter/(10*time.Millisecond))
	}
	var out []Candidate
	at := time.Unix(1, 0)
	shapes := e.blobs()
	if parts {
		for i, n := 0, len(shapes); i < n; i += 3 {
			if f, ok := fragment(&shapes[i]); ok {
				shapes = append(shapes, f)
			}
		}
	}
	for _, s := range shapes {
		sq := e.square(&s)
		px := make([]byte, e.w*e.h)
		s.paint(px, e.w, e.h, 0)
		out = append(out, Candidate{
			Box: s.box(e.w, e.h), Pixels: px, Width: e.w, Height: e.h,
			Look: analytic.Look{
				Reference: e.big.crop(sq, lookSide), Current: e.scaled(at, cur).crop(sq, lookSide), Mask: e.maskCrop(&s, sq),
			},
		})
	}
	return out, nil
}

// fragment is a part of the shape; which one depends on its place.
func fragment(s *shape) (shape, bool) {
	x0, y0, x1, y1 := 0, 0, s.w, s.h
	cut := 35 + (s.x*7+s.y*3)%30 // percent that stays
	switch (s.x + 3*s.y) % 4 {
	case 0:
		y0 = s.h - s.h*cut/100
	case 1:
		y1 = s.h * cut / 100
	case 2:
		x1 = s.w * cut / 100
	default:
		y0, y1 = s.h/5, s.h/5+s.h*cut/100
	}
	f := shape{x: s.x + x0, y: s.y + y0, w: x1 - x0, h: y1 - y0}
	if f.w < 4 || f.h < 4 {
		return f, false
	}
	f.m = make([]byte, f.w*f.h)
	for y := range f.h {
		copy(f.m[y*f.w:(y+1)*f.w], s.m[(y0+y)*s.w+x0:])
	}
	f.count()
	return f, f.area >= 2*leastPixels
}
