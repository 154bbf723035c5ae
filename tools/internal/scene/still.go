package scene

import (
	"context"
	"fmt"
	"image"
	"math"
	"math/rand/v2"

	"jiexun/api/edgev1"
)

// StillSpec says what one picture of a street shows.
type StillSpec struct {
	Seed          uint64
	Width, Height int
	// Shops are the large words and the small line of each plate, left to
	// right along the wall.
	Shops [][2]string
	// Zoom is how near the street is: 1 the nearest view that the clip
	// allows, smaller ones further away, down to 0.62.
	Zoom float64
	// Gain darkens (below 1) or brightens the picture, Blur is the sigma of
	// a lens out of focus in pixels, Noise that of the sensor.
	Gain, Blur, Noise float64
	// Covered plates have a thing before a part of them: the share of the
	// width that is hidden, by place in Shops.
	Covered map[int]float64
}

// Plate is one sign in a still.
type Plate struct {
	// Shop is the place in StillSpec.Shops.
	Shop int
	// Quad are the corners as they are read, upper left first.
	Quad []edgev1.Point
	// Box holds the whole plate.
	Box edgev1.Box
}

// Still composes one picture of the street with shops of the given names and
// tells where the plates are that are wholly inside it. The same assets and
// spec give the same picture.
func (a *Assets) Still(ctx context.Context, spec StillSpec) (*image.YCbCr, []Plate, error) {
	if len(spec.Shops) == 0 || len(spec.Shops) > 12 {
		return nil, nil, fmt.Errorf("compose still: %d shops; use 1 to 12", len(spec.Shops))
	}
	if spec.Width%4 != 0 || spec.Height%4 != 0 || spec.Width < 160 || spec.Height < 90 || spec.Width > 3840 || spec.Height > 2160 {
		return nil, nil, fmt.Errorf("compose still: size %dx%d; use 160x90 to 3840x2160 in steps of 4", spec.Width, spec.Height)
	}
	if !(spec.Zoom >= .62 && spec.Zoom <= 1) {
		return nil, nil, fmt.Errorf("compose still: zoom %v; use 0.62 to 1", spec.Zoom)
	}
	rng := rand.New(rand.NewPCG(spec.Seed, 0x7374696c))
	w := 476 / spec.Zoom
	v := &view{w: spec.Width, h: spec.Height, mirror: rng.IntN(2) == 0}
	even := func(f float64) float64 { return math.Floor(f/2) * 2 }
	v.crop = rect{even(2 + 10*rng.Float64()), even(4 * rng.Float64()), even(w), even(w * float64(spec.Height) / float64(spec.Width))}
	st, err := makeStreet(a.fonts, v, rng, spec.Shops)
	if err != nil {
		return nil, nil, err
	}
	mirror := ""
	if v.mirror {
		mirror = "hflip,"
	}
	plate := newFrame(clipW, clipH)
	copy(plate.buf, a.cast.Plate)
	filter := fmt.Sprintf("crop=%g:%g:%g:%g,%sscale=%d:%d:flags=bicubic", v.crop.w, v.crop.h, v.crop.x, v.crop.y, mirror, v.w, v.h)
	f, err := filterFrame(ctx, a.FFmpeg, plate, filter, v.w, v.h)
	if err != nil {
		return nil, nil, err
	}
	empty := newFrame(v.w, v.h)
	empty.copyFrom(f)
	m := newMatter(empty, v.scale())
	st.lamp(m)
	m.look(f)
	st.base.put(f, m, 0, 0, 1, st.baseFoot)
	st.board.put(f, nil, st.boardX, st.boardY, 1, 0)
	var plates []Plate
	for i, k := range st.shops {
		if share := spec.Covered[i]; share > 0 {
			cover(f, st.plateQuad(k, v), share, rng)
		}
		if st.whole(k) {
			plates = append(plates, plateOf(i, st.plateQuad(k, v), v))
		}
	}
	f.weather(spec, rng)
	return &image.YCbCr{Y: f.y, Cb: f.u, Cr: f.v, YStride: v.w, CStride: v.w / 2, SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, v.w, v.h)}, plates, nil
}

func plateOf(i int, q [4]vec2, v *view) Plate {
	p := Plate{Shop: i}
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range q {
		x, y := c.x/float64(v.w), c.y/float64(v.h)
		p.Quad = append(p.Quad, edgev1.Point{X: math.Round(x*1e5) / 1e5, Y: math.Round(y*1e5) / 1e5})
		x0, y0, x1, y1 = math.Min(x0, x), math.Min(y0, y), math.Max(x1, x), math.Max(y1, y)
	}
	p.Box = edgev1.Box{X: x0, Y: y0, W: x1 - x0, H: y1 - y0}
	return p
}

// cover hides a share of a plate's width from one end, as a tree or an awning
// before it does.
func cover(f *frame, q [4]vec2, share float64, rng *rand.Rand) {
	if rng.IntN(2) == 0 {
		q = [4]vec2{q[1], q[0], q[3], q[2]}
	}
	part := []vec2{q[0], q[0].lerp(q[1], share), q[3].lerp(q[2], share), q[3]}
	r := newRaster(f.w, f.h)
	base, seed := rgb(0x2E4A28), rng.Uint32()
	r.fillPoly(part, func(x, y float64) (colour, float32) {
		return base.mul(float32(.5 + fractal(x/9, y/9, 4, seed))), 1
	})
	newSprite(r).put(f, nil, 0, 0, 1, 0)
}

// weather applies the lens, the light and the sensor.
func (f *frame) weather(spec StillSpec, rng *rand.Rand) {
	if spec.Blur > 0 {
		blurPlane(f.y, f.w, f.h, spec.Blur)
	}
	gain := spec.Gain
	if gain == 0 {
		gain = 1
	}
	for i, v := range f.y {
		n := 16 + (float64(v)-16)*gain + rng.NormFloat64()*spec.Noise
		f.y[i] = byteOf(float32(math.Min(math.Max(n, 0), 255)))
	}
	for _, p := range [][]byte{f.u, f.v} {
		for i, v := range p {
			p[i] = byteOf(float32(128 + (float64(v)-128)*math.Min(gain, 1.1)))
		}
	}
}

// blurPlane is a Gaussian of the given sigma, separable, edges repeated.
func blurPlane(p []byte, w, h int, sigma float64) {
	n := int(math.Ceil(2.5 * sigma))
	k := make([]float64, 2*n+1)
	sum := 0.0
	for i := range k {
		d := float64(i-n) / sigma
		k[i] = math.Exp(-d * d / 2)
		sum += k[i]
	}
	tmp := make([]float64, len(p))
	for y := range h {
		for x := range w {
			s := 0.0
			for i, c := range k {
				s += c * float64(p[y*w+min(max(x+i-n, 0), w-1)])
			}
			tmp[y*w+x] = s / sum
		}
	}
	for y := range h {
		for x := range w {
			s := 0.0
			for i, c := range k {
				s += c * tmp[min(max(y+i-n, 0), h-1)*w+x]
			}
			p[y*w+x] = byteOf(float32(s / sum))
		}
	}
}
