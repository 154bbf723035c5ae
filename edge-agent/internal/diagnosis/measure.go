package diagnosis

import (
	"math"

	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/pixel"
)

const (
	gridW          = 96 // width of the coarse picture
	cellsX, cellsY = 8, 6
	maxGridH       = 192
	searchPx       = 10 // of the coarse picture, about a tenth of the width
)

// Numbers are what was measured at one look.
//
// Luma is taken without the upper and lower eighth of the picture, where
// cameras write the time and their name.
type Numbers struct {
	Mean  float64 `json:"mean"`
	Top   float64 `json:"top"` // 99.8th percentile
	Dev   float64 `json:"dev"`
	Burnt float64 `json:"burnt"`
	// Changed is the share of pixels that differ at all from the look
	// before, -1 at the first.
	Changed float64 `json:"changed"`
	// Concealed is the share of flat grey or green blocks.
	Concealed float64 `json:"concealed"`
	// Detail is fine detail over coarse structure, with the noise taken
	// off; Usual is what the camera shows otherwise.
	Detail    float64 `json:"detail"`
	Usual     float64 `json:"usual"`
	Structure float64 `json:"structure"`
	Noise     float64 `json:"noise"`
	// Cells of the reference that count, and the shares of them that were
	// covered or show something else.
	Cells     int     `json:"cells"`
	Fit       float64 `json:"fit"` // their mean correlation
	Lost      float64 `json:"lost"`
	Different float64 `json:"different"`
	// ShiftX and ShiftY are the view's shift as a share of the width, when
	// one was found.
	ShiftX float64 `json:"shiftX"`
	ShiftY float64 `json:"shiftY"`
}

// view is one look's pixels as the checks need them.
type view struct {
	small *picture.Gray // luma, full range
	grid  *coarse
	num   Numbers
}

// measure reads the small picture; last is the look before or nil, and room a
// picture that nobody needs any more, to be written over, or nil.
func measure(p *picture.YUV, last, room *picture.Gray) view {
	if room == nil || room.W != p.W || room.H != p.H {
		room = picture.NewGray(p.W, p.H)
	}
	v := view{small: room}
	var hist [256]int32
	if p.FullRange {
		for y := range p.H {
			copy(v.small.Pix[y*p.W:(y+1)*p.W], p.Y[y*p.YStride:])
		}
	} else {
		pixel.StretchLuma(v.small.Pix, p.Y, p.W, p.H, p.YStride)
	}
	from, to := p.H/8*p.W, (p.H-p.H/8)*p.W
	var before []byte
	if last != nil && last.W == p.W && last.H == p.H {
		before = last.Pix[from:to]
	}
	var steps [512]int32
	pixel.Tally(v.small.Pix[from:to], before, &hist, &steps)
	v.num.fromHist(&hist, to-from)
	v.num.Changed = -1
	if before != nil {
		v.num.fromLast(&steps, to-from)
	}
	v.num.Concealed = concealed(p, v.small)
	v.grid = shrink(v.small)
	fine, structure := fineEnergy(v.small), v.grid.gradient()
	v.num.Structure = structure
	if structure > 0 {
		v.num.Detail = math.Sqrt(max(fine-v.num.Noise*v.num.Noise*8/9, 0)) / structure
	}
	return v
}

// steady tells that there was a look before and that the light did not jump
// since, so that the noise, and with it the detail, is known.
func (n *Numbers) steady() bool { return n.Changed >= 0 && n.Noise < 12 }

func (n *Numbers) fromHist(h *[256]int32, all int) {
	s, q, c := 0.0, 0.0, 0
	n.Top = -1
	for i, k32 := range h {
		k := int(k32)
		s += float64(i * k)
		q += float64(i * i * k)
		c += k
		if n.Top < 0 && float64(c) >= 0.998*float64(all) {
			n.Top = float64(i)
		}
		if i >= 250 {
			n.Burnt += float64(k)
		}
	}
	n.Mean = s / float64(all)
	n.Dev = math.Sqrt(max(q/float64(all)-n.Mean*n.Mean, 0))
	n.Burnt /= float64(all)
}

// fromLast counts changed pixels and estimates the noise from the median
// difference, which moving things do not reach.
func (n *Numbers) fromLast(steps *[512]int32, all int) {
	var hist [256]int
	hist[0] = int(steps[256])
	for d := 1; d < 256; d++ {
		hist[d] = int(steps[256+d]) + int(steps[256-d])
	}
	n.Changed = 1 - float64(hist[0])/float64(all)
	c, m := 0, 0
	for ; m < 255; m++ {
		if c+hist[m] >= all/2 {
			break
		}
		c += hist[m]
	}
	// Within the step, then the median of |difference| over 0.954 sigma.
	med := float64(m) - 0.5 + (float64(all)/2-float64(c))/float64(max(hist[m], 1))
	n.Noise = max(med, 0) / 0.954
}

// concealed is the share of 8x8 blocks that are perfectly flat and have the
// colour that a decoder leaves where data was missing: mid grey or green.
func concealed(p *picture.YUV, luma *picture.Gray) float64 {
	n, bad := 0, 0
	for by := 0; by+8 <= p.H; by += 8 {
		for bx := 0; bx+8 <= p.W; bx += 8 {
			n++
			y0 := p.Y[by*p.YStride+bx]
			u, v := p.U[by/2*p.CStride+bx/2], p.V[by/2*p.CStride+bx/2]
			grey := y0 >= 124 && y0 <= 132 && u >= 126 && u <= 130 && v >= 126 && v <= 130
			green := y0 <= 20 && u <= 8 && v <= 8
			if (grey || green) && flat(luma, bx, by) {
				bad++
			}
		}
	}
	return float64(bad) / float64(max(n, 1))
}

func flat(g *picture.Gray, bx, by int) bool {
	first := g.Pix[by*g.W+bx]
	for y := by; y < by+8; y++ {
		for _, v := range g.Pix[y*g.W+bx : y*g.W+bx+8] {
			if v != first {
				return false
			}
		}
	}
	return true
}

// fineEnergy is the mean square of each pixel against its 3x3 mean, taken on
// every second row.
func fineEnergy(g *picture.Gray) float64 {
	n := max((g.H-1)/2, 0) * max(g.W-2, 0)
	return float64(pixel.Fine(g.Pix, g.W, g.H)) / 81 / float64(max(n, 1))
}

// coarse is a small picture as numbers, 96 wide or half of that.
type coarse struct {
	w, h int
	v    []float32
}

func (c *coarse) half() *coarse {
	o := &coarse{w: c.w / 2, h: c.h / 2, v: make([]float32, c.w/2*(c.h/2))}
	for y := range o.h {
		a, b := c.v[2*y*c.w:][:c.w], c.v[(2*y+1)*c.w:][:c.w]
		for x := range o.w {
			o.v[y*o.w+x] = (a[2*x] + a[2*x+1] + b[2*x] + b[2*x+1]) / 4
		}
	}
	return o
}

func shrink(g *picture.Gray) *coarse {
	h := min(max(g.H*gridW/max(g.W, 1), cellsY), maxGridH)
	c := &coarse{w: gridW, h: h, v: make([]float32, gridW*h)}
	sums := make([]uint32, gridW*h+g.W)
	pixel.Cells(sums, g.Pix, g.W, g.H, gridW, h, sums[gridW*h:])
	for y := range h {
		rows := max((y+1)*g.H/h, y*g.H/h+1) - y*g.H/h
		for x := range gridW {
			cols := max((x+1)*g.W/gridW, x*g.W/gridW+1) - x*g.W/gridW
			c.v[y*gridW+x] = float32(sums[y*gridW+x]) / float32(rows*cols)
		}
	}
	return c
}

// gradient is the mean step between neighbours, in grey levels.
func (c *coarse) gradient() float64 {
	s := 0.0
	for y := range c.h - 1 {
		row, next := c.v[y*gridW:][:gridW], c.v[(y+1)*gridW:][:gridW]
		for x := range gridW - 1 {
			s += math.Abs(float64(row[x+1]-row[x])) + math.Abs(float64(next[x]-row[x]))
		}
	}
	return s / float64(max(2*(c.h-1)*(gridW-1), 1))
}

// patch compares the reference's rectangle with the current one shifted by
// (dx, dy): correlation, and the variances of both. ok is false when the
// shifted rectangle leaves the picture.
func patch(ref, cur *coarse, x0, y0, x1, y1, dx, dy int) (corr, vr, vc float64, ok bool) {
	if x0+dx < 0 || y0+dy < 0 || x1+dx > cur.w || y1+dy > cur.h {
		return 0, 0, 0, false
	}
	var sr, sc, srr, scc, src float32
	for y := y0; y < y1; y++ {
		a, b := ref.v[y*ref.w+x0:y*ref.w+x1], cur.v[(y+dy)*cur.w+x0+dx:(y+dy)*cur.w+x1+dx]
		for i, r := range a {
			c := b[i]
			sr += r
			sc += c
			srr += r * r
			scc += c * c
			src += r * c
		}
	}
	n := float64((x1 - x0) * (y1 - y0))
	vr = max(float64(srr)-float64(sr)*float64(sr)/n, 0) / n
	vc = max(float64(scc)-float64(sc)*float64(sc)/n, 0) / n
	if vr < 1e-3 || vc < 1e-3 {
		return 0, vr, vc, true
	}
	return (float64(src) - float64(sr)*float64(sc)/n) / n / math.Sqrt(vr*vc), vr, vc, true
}

// compare fills in the cells' numbers; a view that trembles by one coarse
// pixel still fits.
func (n *Numbers) compare(ref, cur *coarse, c Config) {
	lost, other, fit := 0, 0, 0.0
	for cy := range cellsY {
		for cx := range cellsX {
			x0, x1 := cx*gridW/cellsX, (cx+1)*gridW/cellsX
			y0, y1 := cy*ref.h/cellsY, (cy+1)*ref.h/cellsY
			best, vr, vc, _ := patch(ref, cur, x0, y0, x1, y1, 0, 0)
			if math.Sqrt(vr) < c.CellDev {
				continue
			}
			n.Cells++
			for _, d := range [][2]int{{1, 0}, {-1, 0}, {0, 1}, {0, -1}} {
				if best >= c.SearchFit {
					break
				}
				if v, _, _, ok := patch(ref, cur, x0, y0, x1, y1, d[0], d[1]); ok {
					best = max(best, v)
				}
			}
			fit += best
			switch {
			case best >= c.CellCorrelation:
			case vc < c.LostEnergy*vr:
				lost++
			default:
				other++
			}
		}
	}
	if n.Cells > 0 {
		n.Fit = fit / float64(n.Cells)
		n.Lost, n.Different = float64(lost)/float64(n.Cells), float64(other)/float64(n.Cells)
	}
}

// shifted searches the view's shift, at half size first: it tells whether
// one of at least two coarse pixels fits clearly better than none.
func (n *Numbers) shifted(ref, cur *coarse, c Config) bool {
	x0, y0 := searchPx, min(searchPx, ref.h/3)
	x1, y1 := gridW-x0, ref.h-y0
	zero, _, _, _ := patch(ref, cur, x0, y0, x1, y1, 0, 0)
	hr, hc := ref.half(), cur.half()
	best, bx, by := math.Inf(-1), 0, 0
	for dy := -y0 / 2; dy <= y0/2; dy++ {
		for dx := -x0 / 2; dx <= x0/2; dx++ {
			if v, _, _, ok := patch(hr, hc, x0/2, y0/2, x1/2, y1/2, dx, dy); ok && v > best {
				best, bx, by = v, 2*dx, 2*dy
			}
		}
	}
	cx, cy := bx, by
	best = math.Inf(-1)
	for dy := cy - 1; dy <= cy+1; dy++ {
		for dx := cx - 1; dx <= cx+1; dx++ {
			if v, _, _, ok := patch(ref, cur, x0, y0, x1, y1, dx, dy); ok && v > best {
				best, bx, by = v, dx, dy
			}
		}
	}
	if best < 0.5 || best < zero+c.ShiftGain || bx*bx+by*by < 4 {
		return false
	}
	n.ShiftX, n.ShiftY = float64(bx)/gridW, float64(by)/gridW
	return true
}
