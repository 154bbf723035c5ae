package scene

// matter finds who moves before the empty background, so that drawn things
// can stand behind them. It works at half the picture's size, which is the
// size of the chroma planes.
type matter struct {
	plate *frame
	w, h  int
	scale float64 // half-size pixels per clip pixel

	diff   []uint8
	a, b   []bool
	label  []int32
	stack  []int32
	alpha  []uint8 // coverage of movers
	depth  []int16 // row of their feet in full pixels, 0 where nobody is
	blobs  []blob
	static struct { // things of the background that stand in front
		alpha []uint8
		depth []int16
	}
}

// blob is a connected mover; bounds and foot are in half-size pixels.
type blob struct{ x0, y0, x1, y1, area int }

func (b blob) w() int { return b.x1 - b.x0 + 1 }
func (b blob) h() int { return b.y1 - b.y0 + 1 }

func newMatter(plate *frame, clipScale float64) *matter {
	w, h := plate.w/2, plate.h/2
	n := w * h
	m := &matter{plate: plate, w: w, h: h, scale: clipScale / 2, diff: make([]uint8, n),
		a: make([]bool, n), b: make([]bool, n), label: make([]int32, n), alpha: make([]uint8, n), depth: make([]int16, n)}
	m.static.alpha, m.static.depth = make([]uint8, n), make([]int16, n)
	return m
}

// The difference, in grey levels of luma plus twice chroma, below which a
// pixel is surely background and above which it surely is not.
const (
	diffLow  = 14
	diffSeed = 26
	diffFull = 44
)

func absDiff(a, b byte) int {
	if a > b {
		return int(a - b)
	}
	return int(b - a)
}

// look fills alpha, depth and blobs for one picture.
func (m *matter) look(f *frame) {
	w, h := m.w, m.h
	for y := range h {
		r0, r1 := f.y[2*y*f.w:], f.y[(2*y+1)*f.w:]
		p0, p1 := m.plate.y[2*y*f.w:], m.plate.y[(2*y+1)*f.w:]
		for x := range w {
			s := int(r0[2*x]) + int(r0[2*x+1]) + int(r1[2*x]) + int(r1[2*x+1]) -
				int(p0[2*x]) - int(p0[2*x+1]) - int(p1[2*x]) - int(p1[2*x+1])
			if s < 0 {
				s = -s
			}
			i := y*w + x
			d := s/4 + 2*(absDiff(f.u[i], m.plate.u[i])+absDiff(f.v[i], m.plate.v[i]))
			m.diff[i] = uint8(min(d, 255))
			m.a[i] = d > diffSeed
		}
	}
	m.close()
	m.dropFlat(max(4, int(9*m.scale)))
	m.findBlobs(max(20, int(160*m.scale*m.scale)))
	m.fill()
}

// close joins pixels over gaps of two.
func (m *matter) close() {
	spread(m.b, m.a, m.w, m.h, true)
	spread(m.a, m.b, m.w, m.h, false)
}

// spread grows (or, for value false, shrinks) a mask by one pixel.
func spread(dst, src []bool, w, h int, value bool) {
	copy(dst, src)
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			i := y*w + x
			if src[i] != value && (src[i-1] == value || src[i+1] == value || src[i-w] == value || src[i+w] == value) {
				dst[i] = value
			}
		}
	}
}

// dropFlat removes what is thin from top to bottom: the barrier tape that
// swings in the wind all through the clip.
func (m *matter) dropFlat(run int) {
	copy(m.b, m.a)
	for x := range m.w {
		start := -1
		for y := 0; y <= m.h; y++ {
			on := y < m.h && m.a[y*m.w+x]
			switch {
			case on && start < 0:
				start = y
			case !on && start >= 0:
				if y-start < run {
					for k := start; k < y; k++ {
						m.b[k*m.w+x] = false
					}
				}
				start = -1
			}
		}
	}
	// Sides of people are thin too: give back what touches a kept pixel.
	for range 2 {
		for i := m.w; i < len(m.a)-m.w; i++ {
			if m.b[i] && !m.b[i-1] && m.a[i-1] {
				m.b[i-1] = true
			}
		}
		for i := len(m.a) - m.w - 1; i >= m.w; i-- {
			if m.b[i] && !m.b[i+1] && m.a[i+1] {
				m.b[i+1] = true
			}
		}
	}
	m.a, m.b = m.b, m.a
}

func (m *matter) findBlobs(minArea int) {
	clear(m.label)
	m.blobs = m.blobs[:0]
	for i, on := range m.a {
		if !on || m.label[i] != 0 {
			continue
		}
		id := int32(len(m.blobs) + 1)
		b := m.flood(i, id)
		if b.area < minArea {
			m.relabel(b, id, -1)
			continue
		}
		m.blobs = append(m.blobs, b)
	}
}

func (m *matter) flood(i int, id int32) blob {
	b := blob{x0: m.w, y0: m.h, x1: -1, y1: -1}
	m.stack = append(m.stack[:0], int32(i))
	m.label[i] = id
	for len(m.stack) > 0 {
		p := int(m.stack[len(m.stack)-1])
		m.stack = m.stack[:len(m.stack)-1]
		x, y := p%m.w, p/m.w
		b.area++
		b.x0, b.x1 = min(b.x0, x), max(b.x1, x)
		b.y0, b.y1 = min(b.y0, y), max(b.y1, y)
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				nx, ny := x+dx, y+dy
				if nx < 0 || ny < 0 || nx >= m.w || ny >= m.h {
					continue
				}
				if q := ny*m.w + nx; m.a[q] && m.label[q] == 0 {
					m.label[q] = id
					m.stack = append(m.stack, int32(q))
				}
			}
		}
	}
	return b
}

func (m *matter) relabel(b blob, from, to int32) {
	for y := b.y0; y <= b.y1; y++ {
		for x := b.x0; x <= b.x1; x++ {
			if p := y*m.w + x; m.label[p] == from {
				m.label[p] = to
			}
		}
	}
}

// fill turns labels into soft coverage and depth.
func (m *matter) fill() {
	copy(m.alpha, m.static.alpha)
	copy(m.depth, m.static.depth)
	for k, b := range m.blobs {
		foot := int16(2 * b.y1)
		id := int32(k + 1)
		for y := max(1, b.y0-1); y <= min(m.h-2, b.y1+1); y++ {
			for x := max(1, b.x0-1); x <= min(m.w-2, b.x1+1); x++ {
				p := y*m.w + x
				n := 0
				for _, q := range [...]int{p, p - 1, p + 1, p - m.w, p + m.w} {
					if m.label[q] == id {
						n++
					}
				}
				if n == 0 || m.depth[p] > foot {
					continue
				}
				a := (int(m.diff[p]) - diffLow) * 255 / (diffFull - diffLow)
				if n == 5 {
					a = 255
				}
				if a > 0 {
					m.alpha[p], m.depth[p] = uint8(min(a, 255)), foot
				}
			}
		}
	}
}
