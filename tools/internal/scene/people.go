package scene

import "math"

// figure is an actor's pictures at one size and facing one way.
type figure struct {
	frames []*sprite
	// foot is the middle of the lower edge, in sprite pixels.
	foot []vec2
}

// pose scales an actor for a place with the given output pixels per metre.
func (s *street) pose(a *Actor, metre float64, flip bool) *figure {
	clip := &view{crop: rect{0, 0, clipW, clipH}, w: clipW, h: clipH}
	f := &figure{}
	for i, c := range a.Frames {
		at := groundAt(vec2{clipW / 2, a.Foot[i]})
		k := metre / clip.metre(at)
		w, h := max(2, int(float64(c.W)*k)), max(2, int(float64(c.H)*k))
		r := newRaster(w, h)
		for y := range h {
			for x := range w {
				sx := (float64(x) + .5) / float64(w)
				if flip {
					sx = 1 - sx
				}
				c.over(r, x, y, sx*float64(c.W)-.5, (float64(y)+.5)/float64(h)*float64(c.H)-.5)
			}
		}
		f.frames = append(f.frames, newSprite(r))
		f.foot = append(f.foot, vec2{float64(w) / 2, float64(h) - 3*k})
	}
	return f
}

// over samples the cut-out bilinearly into one pixel of a raster.
func (c *Cut) over(r *raster, x, y int, sx, sy float64) {
	sx, sy = clamp(sx, 0, float64(c.W-1)), clamp(sy, 0, float64(c.H-1))
	ix, iy := int(sx), int(sy)
	fx, fy := sx-float64(ix), sy-float64(iy)
	ix1, iy1 := min(ix+1, c.W-1), min(iy+1, c.H-1)
	get := func(p []byte) float64 {
		top := float64(p[iy*c.W+ix])*(1-fx) + float64(p[iy*c.W+ix1])*fx
		bot := float64(p[iy1*c.W+ix])*(1-fx) + float64(p[iy1*c.W+ix1])*fx
		return top*(1-fy) + bot*fy
	}
	a := get(c.A) / 255
	if a <= 0 {
		return
	}
	yy, u, v := get(c.Y)-16, get(c.U)-128, get(c.V)-128
	r.over(x, y, colour{
		float32(clamp((1.164*yy+1.596*v)/255, 0, 1)),
		float32(clamp((1.164*yy-.392*u-.813*v)/255, 0, 1)),
		float32(clamp((1.164*yy+2.017*u)/255, 0, 1)),
	}, float32(a))
}

func (f *figure) put(fr *frame, m *matter, i int, foot vec2, opacity float64) {
	i %= len(f.frames)
	o := f.foot[i]
	f.frames[i].put(fr, m, int(math.Round(foot.x-o.x)), int(math.Round(foot.y-o.y)), opacity, int(foot.y))
}

// pingPong runs 0..n-1 and back, so that standing people do not jump.
func pingPong(i, n int) int {
	if n < 2 {
		return 0
	}
	i %= 2*n - 2
	if i >= n {
		i = 2*n - 2 - i
	}
	return i
}
