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
// the fragments that it will meet.
func Compare(ref, cur *picture.YUV) ([]Candidate, error) {
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
	for _, s := range e.blobs() {
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
