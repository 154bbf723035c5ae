package edgev1

import (
	"fmt"
	"math"
)

// MinPolygonArea is the least share of the frame that a zone may cover: about
// 14x14 pixels of a 1080p picture.
const MinPolygonArea = 1e-4

// CheckPolygon says what is wrong with a zone's outline, for people: too few
// or too many corners, a corner outside the frame, two corners in one place,
// sides that cross, or no area. It returns "" for a good one.
func CheckPolygon(p []Point) string {
	n := len(p)
	if n < 3 {
		return fmt.Sprintf("至少要有 3 个顶点，现在是 %d 个", n)
	}
	if n > MaxVertices {
		return fmt.Sprintf("顶点最多 %d 个，现在是 %d 个", MaxVertices, n)
	}
	for i, v := range p {
		if !unit(v.X) || !unit(v.Y) {
			return fmt.Sprintf("第 %d 个顶点 (%.3g, %.3g) 在画面之外，坐标应在 0 到 1 之间", i+1, v.X, v.Y)
		}
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if math.Hypot(p[i].X-p[j].X, p[i].Y-p[j].Y) < 1e-6 {
				return fmt.Sprintf("第 %d 个顶点与第 %d 个顶点重合", j+1, i+1)
			}
		}
	}
	for i := range n {
		for j := i + 1; j < n; j++ {
			if crosses(p, i, j) {
				return fmt.Sprintf("边线自相交：第 %d 条边与第 %d 条边相交，请调整顶点顺序", i+1, j+1)
			}
		}
	}
	if a := PolygonArea(p); a < MinPolygonArea {
		return fmt.Sprintf("面积太小（画面的 %.4f%%），请画大一些", a*100)
	}
	return ""
}

// PolygonArea is the share of the frame inside a polygon.
func PolygonArea(p []Point) float64 {
	s := 0.0
	for i, a := range p {
		b := p[(i+1)%len(p)]
		s += a.X*b.Y - b.X*a.Y
	}
	return math.Abs(s) / 2
}

func unit(v float64) bool { return v >= 0 && v <= 1 } // false for NaN

// crosses tells whether sides i and j share a point that they may not share.
// Neighbours share a corner; they cross when one folds back onto the other.
func crosses(p []Point, i, j int) bool {
	n := len(p)
	a, b, c, d := p[i], p[(i+1)%n], p[j], p[(j+1)%n]
	switch {
	case (i+1)%n == j:
		return folds(a, b, d)
	case (j+1)%n == i:
		return folds(c, d, b)
	}
	o1, o2 := side(a, b, c), side(a, b, d)
	o3, o4 := side(c, d, a), side(c, d, b)
	if o1*o2 < 0 && o3*o4 < 0 {
		return true
	}
	return o1 == 0 && between(a, b, c) || o2 == 0 && between(a, b, d) ||
		o3 == 0 && between(c, d, a) || o4 == 0 && between(c, d, b)
}

// folds tells whether the way a→b→c turns back along itself.
func folds(a, b, c Point) bool {
	return side(a, b, c) == 0 && (b.X-a.X)*(c.X-b.X)+(b.Y-a.Y)*(c.Y-b.Y) < 0
}

// side is the side of the line a→b on which c lies: 1, -1, or 0 on the line.
func side(a, b, c Point) int {
	v := (b.X-a.X)*(c.Y-a.Y) - (b.Y-a.Y)*(c.X-a.X)
	switch {
	case v > 1e-12:
		return 1
	case v < -1e-12:
		return -1
	}
	return 0
}

// between tells whether c, which is on the line a→b, lies within the side.
func between(a, b, c Point) bool {
	return math.Min(a.X, b.X) <= c.X && c.X <= math.Max(a.X, b.X) &&
		math.Min(a.Y, b.Y) <= c.Y && c.Y <= math.Max(a.Y, b.Y)
}
