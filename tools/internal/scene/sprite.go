package scene

// sprite is a picture with coverage, ready to be put into a frame. Its
// corner is always even, so chroma lines up.
type sprite struct {
	w, h    int // even
	y, a    []byte
	u, v, c []byte // quarter size; c is coverage of chroma
}

// newSprite converts a raster; odd sizes are padded.
func newSprite(r *raster) *sprite {
	w, h := (r.w+1)&^1, (r.h+1)&^1
	s := &sprite{w: w, h: h, y: make([]byte, w*h), a: make([]byte, w*h),
		u: make([]byte, w*h/4), v: make([]byte, w*h/4), c: make([]byte, w*h/4)}
	us, vs, as := make([]float32, w*h/4), make([]float32, w*h/4), make([]float32, w*h/4)
	for py := range r.h {
		for px := range r.w {
			q := r.p[(py*r.w+px)*4:][:4]
			if q[3] <= 0.002 {
				continue
			}
			y, u, v := yuv(colour{q[0] / q[3], q[1] / q[3], q[2] / q[3]})
			i, k := py*w+px, (py/2)*(w/2)+px/2
			s.y[i], s.a[i] = byteOf(y), byteOf(q[3]*255)
			us[k] += u * q[3]
			vs[k] += v * q[3]
			as[k] += q[3]
		}
	}
	for k, a := range as {
		if a > 0 {
			s.u[k], s.v[k], s.c[k] = byteOf(us[k]/a), byteOf(vs[k]/a), byteOf(a/4*255)
		}
	}
	return s
}

// put draws the sprite with its upper left corner at (x, y), both rounded to
// even, over everything whose feet are not below row foot.
func (s *sprite) put(f *frame, m *matter, x, y int, opacity float64, foot int) {
	x, y = x&^1, y&^1
	op := int(clamp(opacity, 0, 1) * 256)
	if op == 0 {
		return
	}
	cw, sw := f.w/2, s.w/2
	for j := max(0, -y/2); j < min(s.h/2, (f.h-y)/2); j++ {
		fy := y/2 + j
		for i := max(0, -x/2); i < min(sw, (f.w-x)/2); i++ {
			k := j*sw + i
			if s.c[k] == 0 && s.a[2*j*s.w+2*i]|s.a[2*j*s.w+2*i+1]|s.a[(2*j+1)*s.w+2*i]|s.a[(2*j+1)*s.w+2*i+1] == 0 {
				continue
			}
			q := fy*cw + x/2 + i
			o := op
			if m != nil && m.alpha[q] != 0 && int(m.depth[q]) > foot {
				if o = o * (255 - int(m.alpha[q])) / 255; o == 0 {
					continue
				}
			}
			blend(&f.u[q], s.u[k], int(s.c[k])*o)
			blend(&f.v[q], s.v[k], int(s.c[k])*o)
			fi, si := 2*fy*f.w+x+2*i, 2*j*s.w+2*i
			blend(&f.y[fi], s.y[si], int(s.a[si])*o)
			blend(&f.y[fi+1], s.y[si+1], int(s.a[si+1])*o)
			blend(&f.y[fi+f.w], s.y[si+s.w], int(s.a[si+s.w])*o)
			blend(&f.y[fi+f.w+1], s.y[si+s.w+1], int(s.a[si+s.w+1])*o)
		}
	}
}

// blend moves a value towards another by a/65280.
func blend(dst *byte, to byte, a int) {
	*dst = byte(int(*dst) + (int(to)-int(*dst))*a/65280)
}
