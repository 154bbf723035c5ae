package sign

import (
	"cmp"
	"math"
	"slices"

	"jiexun/edge-agent/internal/analytic"
)

// textBox is one located piece of text, in pixels of the picture that was
// given to the text finder. Tall tells that its characters stand one under
// the other; the corners then make the line run from left to right.
type textBox struct {
	q     quad
	score float64
	tall  bool
}

const maxBoxes = 200

// boxesOf turns the network's map into boxes: pixels over the threshold are
// joined to components, each gets its smallest rectangle, is scored by the
// mean probability inside, and is grown because the network marks only the
// core of a line.
func boxesOf(m analytic.TextMap, c TextConfig) []textBox {
	if m.W <= 0 || m.H <= 0 || len(m.P) < m.W*m.H {
		return nil
	}
	var out []textBox
	seen := make([]bool, m.W*m.H)
	thr := float32(c.MapThreshold)
	var stack []int
	for start := range m.W * m.H {
		if seen[start] || m.P[start] <= thr {
			continue
		}
		var edge []pt
		edge, stack = component(m, thr, start, seen, stack[:0])
		if b, ok := boxOf(m, edge, c); ok {
			out = append(out, b)
		}
		if len(out) >= maxBoxes {
			break
		}
	}
	slices.SortStableFunc(out, func(a, b textBox) int {
		return cmp.Compare(b.q.height()*b.q.width(), a.q.height()*a.q.width())
	})
	return out
}

// component floods one 8-connected component and returns the outermost
// pixels of each of its rows.
func component(m analytic.TextMap, thr float32, start int, seen []bool, stack []int) ([]pt, []int) {
	lo, hi := map[int]int{}, map[int]int{}
	stack = append(stack, start)
	seen[start] = true
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		x, y := i%m.W, i/m.W
		if v, ok := lo[y]; !ok || x < v {
			lo[y] = x
		}
		if v, ok := hi[y]; !ok || x > v {
			hi[y] = x
		}
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				nx, ny := x+dx, y+dy
				if nx < 0 || ny < 0 || nx >= m.W || ny >= m.H {
					continue
				}
				if j := ny*m.W + nx; !seen[j] && m.P[j] > thr {
					seen[j] = true
					stack = append(stack, j)
				}
			}
		}
	}
	edge := make([]pt, 0, 2*len(lo))
	for y, x := range lo {
		edge = append(edge, pt{float64(x), float64(y)}, pt{float64(hi[y]), float64(y)})
	}
	return edge, stack
}

func boxOf(m analytic.TextMap, edge []pt, c TextConfig) (textBox, bool) {
	r, ok := minRect(edge)
	if !ok {
		return textBox{}, false
	}
	q := ordered(r)
	w, h := q.width(), q.height()
	if min(w, h) < c.MinSidePx {
		return textBox{}, false
	}
	score := meanInside(m, q)
	if score < c.BoxScore {
		return textBox{}, false
	}
	q = grown(q, w*h*c.Unclip/(2*(w+h)))
	for i := range q {
		q[i] = pt{(q[i].x + 0.5) * m.ScaleX, (q[i].y + 0.5) * m.ScaleY}
	}
	b := textBox{q: q, score: score}
	if q.width() > 0 && q.height()/q.width() >= c.TallRatio {
		b.tall = true
		b.q = quad{q[1], q[2], q[3], q[0]}
	}
	return b, true
}

// grown moves each side of a rectangle outwards by d.
func grown(q quad, d float64) quad {
	w, h := q.width(), q.height()
	if w < 1e-9 || h < 1e-9 {
		return q
	}
	p := project(q)
	u, v := d/w, d/h
	return quad{p.at(-u, -v), p.at(1+u, -v), p.at(1+u, 1+v), p.at(-u, 1+v)}
}

// meanInside is the mean probability of the map pixels inside the quad.
func meanInside(m analytic.TextMap, q quad) float64 {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, p := range q {
		x0, x1 = min(x0, p.x), max(x1, p.x)
		y0, y1 = min(y0, p.y), max(y1, p.y)
	}
	sum, n := 0.0, 0
	for y := max(int(math.Floor(y0)), 0); y <= min(int(math.Ceil(y1)), m.H-1); y++ {
		for x := max(int(math.Floor(x0)), 0); x <= min(int(math.Ceil(x1)), m.W-1); x++ {
			if q.holds(pt{float64(x), float64(y)}) {
				sum += float64(m.P[y*m.W+x])
				n++
			}
		}
	}
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// holds tells whether p lies inside the quad or on its edge.
func (q quad) holds(p pt) bool {
	for i := range 4 {
		if q[(i+1)%4].sub(q[i]).cross(p.sub(q[i])) < -1e-6 {
			return false
		}
	}
	return true
}
