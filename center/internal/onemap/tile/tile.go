// Package tile is the arithmetic of the map's tile pyramid and the writer of
// Mapbox vector tiles. It is pure.
package tile

import "math"

// Zoom17 is the zoom at which places are coded.
const Zoom17 = 17

// Pixel gives the position of a place in the pyramid at a zoom, in tiles.
func Pixel(lng, lat float64, z int) (x, y float64) {
	n := float64(uint64(1) << z)
	s := math.Sin(lat * math.Pi / 180)
	s = min(max(s, -0.9999), 0.9999)
	return (lng + 180) / 360 * n, (0.5 - math.Log((1+s)/(1-s))/(4*math.Pi)) * n
}

// Place is the inverse of Pixel.
func Place(x, y float64, z int) (lng, lat float64) {
	n := float64(uint64(1) << z)
	return x/n*360 - 180, math.Atan(math.Sinh(math.Pi*(1-2*y/n))) * 180 / math.Pi
}

// Code gives the Morton code of a place at a zoom: tiles that lie together
// have codes that lie together, so that a tile is one range.
func Code(lng, lat float64, z int) int64 {
	x, y := Pixel(lng, lat, z)
	last := float64(uint64(1)<<z) - 1
	return interleave(uint32(min(max(x, 0), last)), uint32(min(max(y, 0), last)))
}

// XY gives the tile of a code.
func XY(code int64) (x, y uint32) { return pack(uint64(code)), pack(uint64(code) >> 1) }

// Of gives the code of a tile.
func Of(x, y uint32) int64 { return interleave(x, y) }

// Range gives the codes at zoom deep that lie in a tile at zoom z: from
// inclusive, to exclusive. For a deep above z it is the one code around.
func Range(x, y uint32, z, deep int) (from, to int64) {
	c := Of(x, y)
	if deep <= z {
		c >>= 2 * (z - deep)
		return c, c + 1
	}
	shift := 2 * (deep - z)
	return c << shift, (c + 1) << shift
}

func interleave(x, y uint32) int64 { return int64(spread(x) | spread(y)<<1) }

// spread puts a zero bit between the bits of v.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000FFFF0000FFFF
	x = (x | x<<8) & 0x00FF00FF00FF00FF
	x = (x | x<<4) & 0x0F0F0F0F0F0F0F0F
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

func pack(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0F0F0F0F0F0F0F0F
	x = (x | x>>4) & 0x00FF00FF00FF00FF
	x = (x | x>>8) & 0x0000FFFF0000FFFF
	return uint32(x | x>>16)
}

// Span is a range of codes, to exclusive.
type Span struct{ From, To int64 }

// Cover gives at most most ranges of codes at zoom 17 whose tiles cover a
// rectangle of degrees.
func Cover(west, south, east, north float64, most int) []Span {
	for z := Zoom17; z >= 0; z-- {
		x0, y0 := Pixel(west, north, z)
		x1, y1 := Pixel(east, south, z)
		last := float64(uint64(1)<<z) - 1
		ax, ay := int64(min(max(x0, 0), last)), int64(min(max(y0, 0), last))
		bx, by := int64(min(max(x1, 0), last)), int64(min(max(y1, 0), last))
		if (bx-ax+1)*(by-ay+1) > int64(most) {
			continue
		}
		out := []Span{}
		for y := ay; y <= by; y++ {
			for x := ax; x <= bx; x++ {
				f, t := Range(uint32(x), uint32(y), z, Zoom17)
				out = append(out, Span{f, t})
			}
		}
		return merge(out)
	}
	return nil
}

// merge joins ranges that touch.
func merge(list []Span) []Span {
	for i := 1; i < len(list); i++ { // few and nearly sorted
		for j := i; j > 0 && list[j].From < list[j-1].From; j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	out := list[:0]
	for _, s := range list {
		if len(out) > 0 && out[len(out)-1].To == s.From {
			out[len(out)-1].To = s.To
			continue
		}
		out = append(out, s)
	}
	return out
}

// Inside tells whether a place lies in a ring or on its edge.
func Inside(ring [][2]float64, lng, lat float64) bool {
	in := false
	for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
		ax, ay, bx, by := ring[j][0], ring[j][1], ring[i][0], ring[i][1]
		cross := (bx-ax)*(lat-ay) - (by-ay)*(lng-ax)
		if math.Abs(cross) < 1e-14 && lng >= min(ax, bx) && lng <= max(ax, bx) && lat >= min(ay, by) && lat <= max(ay, by) {
			return true
		}
		if (ay > lat) != (by > lat) && lng < (bx-ax)*(lat-ay)/(by-ay)+ax {
			in = !in
		}
	}
	return in
}
