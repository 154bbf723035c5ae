// Package pixel holds the loops that run over every pixel of a look: they are
// C so that vector instructions carry them, integer arithmetic only, and each
// has a twin in Go in the tests that must agree with it bit for bit. Planes
// are tight (stride equals width) unless a stride is given; chroma planes are
// half as wide and high, rounded up. Slices that are too short panic before C
// sees them.
package pixel

// The ISO dialect keeps the compiler from fusing products into sums, which
// would round differently from one processor to the next.

/*
#cgo CFLAGS: -O3 -std=c11 -Wall -Wextra
#cgo LDFLAGS: -lm
#include "kernels.h"
*/
import "C"

import "unsafe"

func u8(p []byte) *C.uint8_t     { return (*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(p))) }
func u16(p []uint16) *C.uint16_t { return (*C.uint16_t)(unsafe.Pointer(unsafe.SliceData(p))) }
func u32(p []uint32) *C.uint32_t { return (*C.uint32_t)(unsafe.Pointer(unsafe.SliceData(p))) }
func i32(p []int32) *C.int32_t   { return (*C.int32_t)(unsafe.Pointer(unsafe.SliceData(p))) }

// need panics when a plane is shorter than the loop will read or write.
func need[T any](p []T, n int) {
	if n < 0 || len(p) < n {
		panic("pixel: a plane is shorter than its picture")
	}
}

// Shrinker resamples planes of one size to another by averaging the source
// pixels under each target pixel (at least one). It keeps its tables between
// calls and is for one goroutine.
type Shrinker struct {
	dw, dh, sw, sh int
	cols, rows     []int32 // half-open source ranges of the targets
	sum            []uint32
}

// Plane fills dst, dw x dh, from src, sw x sh with a stride; every mean goes
// through table.
func (s *Shrinker) Plane(dst []byte, dw, dh int, src []byte, sw, sh, stride int, table *[256]byte) {
	if dw <= 0 || dh <= 0 || sw <= 0 || sh <= 0 || stride < sw {
		panic("pixel: a plane without pixels")
	}
	need(dst, dw*dh)
	need(src, (sh-1)*stride+sw)
	if dw == sw && dh == sh {
		Map(dst, src, dw, dh, stride, table)
		return
	}
	if s.dw != dw || s.sw != sw {
		s.dw, s.sw, s.cols, s.sum = dw, sw, spans(dw, sw), make([]uint32, sw)
	}
	if s.dh != dh || s.sh != sh {
		s.dh, s.sh, s.rows = dh, sh, spans(dh, sh)
	}
	C.jx_shrink(u8(dst), C.int(dw), C.int(dh), u8(src), C.int(sw), C.int(stride), i32(s.cols), i32(s.rows), u32(s.sum), u8(table[:]))
}

// spans lists for each of n targets the half-open range of m sources.
func spans(n, m int) []int32 {
	out := make([]int32, 2*n)
	for i := range n {
		a := i * m / n
		b := (i+1)*m/n + min(1, (i+1)*m%n)
		if m > n {
			b = (i + 1) * m / n
		}
		out[2*i], out[2*i+1] = int32(a), int32(min(m, max(b, a+1)))
	}
	return out
}

// Map writes each pixel of src, w x h with a stride, through table.
func Map(dst, src []byte, w, h, stride int, table *[256]byte) {
	if w <= 0 || h <= 0 || stride < w {
		panic("pixel: a plane without pixels")
	}
	need(dst, w*h)
	need(src, (h-1)*stride+w)
	C.jx_map(u8(dst), u8(src), C.int(w), C.int(h), C.int(stride), u8(table[:]))
}

// StretchLuma writes a plane of 16..235 as 0..255, rounded to the nearest.
func StretchLuma(dst, src []byte, w, h, stride int) {
	if w <= 0 || h <= 0 || stride < w {
		panic("pixel: a plane without pixels")
	}
	need(dst, w*h)
	need(src, (h-1)*stride+w)
	C.jx_stretch_luma(u8(dst), u8(src), C.int(w), C.int(h), C.int(stride))
}

// StretchHue writes a chroma plane of 16..240 as 0..255, its distance from
// grey cut towards it.
func StretchHue(dst, src []byte, w, h, stride int) {
	if w <= 0 || h <= 0 || stride < w {
		panic("pixel: a plane without pixels")
	}
	need(dst, w*h)
	need(src, (h-1)*stride+w)
	C.jx_stretch_hue(u8(dst), u8(src), C.int(w), C.int(h), C.int(stride))
}

// Tally counts the levels of p and, unless last is empty, the steps from last
// to p, 256 standing for none.
func Tally(p, last []byte, levels *[256]int32, steps *[512]int32) {
	if len(p) == 0 {
		*levels, *steps = [256]int32{}, [512]int32{}
		return
	}
	var before *C.uint8_t
	if len(last) > 0 {
		need(last, len(p))
		before = u8(last)
	}
	C.jx_tally(u8(p), before, C.int(len(p)), i32(levels[:]), i32(steps[:]))
}

// Cells sums a plane over a grid of gw x gh cells, each at least one pixel.
// room needs w numbers.
func Cells(sums []uint32, p []byte, w, h, gw, gh int, room []uint32) {
	if w <= 0 || h <= 0 || gw <= 0 || gh <= 0 {
		panic("pixel: a plane without pixels")
	}
	need(sums, gw*gh)
	need(p, w*h)
	need(room, w)
	C.jx_cells(u32(sums), u8(p), C.int(w), C.int(h), C.int(gw), C.int(gh), u32(room))
}

// Correlations sums a[i]*b[i+s] over the middle of two profiles of the same
// length, reach away from both ends, for s from -reach to reach.
func Correlations(out []int64, a, b []uint32, reach int) {
	if reach < 0 || len(a) != len(b) || len(a) <= 2*reach {
		panic("pixel: profiles too short for the reach")
	}
	need(out, 2*reach+1)
	C.jx_correlations((*C.int64_t)(unsafe.SliceData(out)), u32(a), u32(b), C.int(len(a)), C.int(reach))
}

// CopyWhere copies src to dst, both w x h, where hold, a mask of hw x hh over
// the same view, is 0. room needs w numbers.
func CopyWhere(dst, src []byte, w, h int, hold []byte, hw, hh int, room []int32) {
	if w <= 0 || h <= 0 || hw <= 0 || hh <= 0 {
		panic("pixel: a plane without pixels")
	}
	need(dst, w*h)
	need(src, w*h)
	need(hold, hw*hh)
	need(room, w)
	C.jx_copy_where(u8(dst), u8(src), C.int(w), C.int(h), u8(hold), C.int(hw), C.int(hh), i32(room))
}

// Fine sums, on every other row, the squares of nine times a pixel less the
// sum of the 3x3 around it: how much fine detail a plane shows.
func Fine(p []byte, w, h int) uint64 {
	need(p, w*h)
	if w < 3 || h < 3 {
		return 0
	}
	return uint64(C.jx_fine(u8(p), C.int(w), C.int(h)))
}

// Gain writes the luma plane times a plane of factors in 4096ths: a at the
// upper left, bx and by more per 256 pixels; factors are held to 400..40960
// and results to 255.
func Gain(out, in []byte, w, h int, a, bx, by int32) {
	need(out, w*h)
	need(in, w*h)
	C.jx_gain(u8(out), u8(in), C.int(w), C.int(h), C.int32_t(a), C.int32_t(bx), C.int32_t(by))
}

// GainHue writes a chroma plane with its distance from grey times factor in
// 4096ths, less off.
func GainHue(out, in []byte, factor, off int32) {
	need(out, len(in))
	if len(in) > 0 {
		C.jx_gain_hue(u8(out), u8(in), C.int(len(in)), C.int32_t(factor), C.int32_t(off))
	}
}

// Blocks sums, for each whole square of side pixels and on every other row of
// it, y, ry and their number over the pixels where acc is 0 and neither is
// blown out (250 and more): three sums a square, row by row of squares.
func Blocks(sums []int32, y, ry []byte, acc []uint16, w, h, side int) {
	if side <= 0 || w < 0 || h < 0 {
		panic("pixel: squares without pixels")
	}
	need(sums, 3*(w/side)*(h/side))
	need(y, w*h)
	need(ry, w*h)
	need(acc, w*h)
	C.jx_blocks(i32(sums), u8(y), u8(ry), u16(acc), C.int(w), C.int(h), C.int(side))
}

// Gate counts the pixels that are blown out (252 and more), black (6 and
// less) and different from prev by more than 1, and copies the plane to prev.
func Gate(y, prev []byte) (bright, black, differ int) {
	need(prev, len(y))
	var c [3]int32
	if len(y) > 0 {
		C.jx_gate(u8(y), u8(prev), C.int(len(y)), i32(c[:]))
	}
	return int(c[0]), int(c[1]), int(c[2])
}

// EdgesAcross sums, for every column, the difference of its neighbours on
// every other row; EdgesDown does it for rows, each sum standing for two.
func EdgesAcross(sum []uint32, p []byte, w, h int) {
	need(sum, w)
	need(p, w*h)
	C.jx_edges_across(u32(sum), u8(p), C.int(w), C.int(h))
}

// EdgesDown is EdgesAcross for rows.
func EdgesDown(sum []uint32, p []byte, w, h int) {
	need(sum, h)
	need(p, w*h)
	C.jx_edges_down(u32(sum), u8(p), C.int(w), C.int(h))
}

// Picture is a look's planes; Reference is the scene's, chroma in 8.8 fixed
// point.
type (
	Picture struct {
		W, H    int
		Y, U, V []byte
	}
	Reference struct {
		Y    []byte
		U, V []uint16
		Dev  []uint16 // 8.8, luma
	}
)

// Hue fills out, of the size of a chroma plane, with how much hue and
// saturation differ, at most 255. Differences over least are compared with
// the reference's colour dimmed as its luma is, because a shadow dims both.
func Hue(out []byte, p Picture, r Reference, least int) {
	cw, ch := (p.W+1)/2, (p.H+1)/2
	need(out, cw*ch)
	need(p.Y, p.W*p.H)
	need(p.U, cw*ch)
	need(p.V, cw*ch)
	need(r.Y, p.W*p.H)
	need(r.U, cw*ch)
	need(r.V, cw*ch)
	C.jx_hue(u8(out), u8(p.Y), u8(p.U), u8(p.V), u8(r.Y), u16(r.U), u16(r.V), C.int(p.W), C.int(p.H), C.int(cw), C.int(ch), C.int(least))
}

// Limits of Suspect, in luma steps.
type Limits struct{ Least, Most, Hue int }

// Suspect sets out to 255 where luma differs by more than three fifths of the
// pixel's limit (three times its deviation, held to Least..Most) or hue by
// more than Hue, and to 0 elsewhere. wide is a row of room.
func Suspect(out []byte, p Picture, r Reference, hue, wide []byte, l Limits) {
	cw, ch := (p.W+1)/2, (p.H+1)/2
	need(out, p.W*p.H)
	need(p.Y, p.W*p.H)
	need(r.Y, p.W*p.H)
	need(r.Dev, p.W*p.H)
	need(hue, cw*ch)
	need(wide, p.W)
	C.jx_suspect(u8(out), u8(p.Y), u8(r.Y), u16(r.Dev), u8(hue), u8(wide), C.int(p.W), C.int(p.H), C.int(cw), C.int(l.Least), C.int(l.Most), C.int(l.Hue))
}

// NoTexture is what Correlate writes where a window is too even to compare.
const NoTexture = 2

// Correlate writes, for the pixels whose mask is not 0, how well the texture
// in the window of 7 around them follows the reference's: -1..1, or NoTexture
// where neither shows a variance of least above its noise. room needs five
// rows.
func Correlate(out []float32, p Picture, r Reference, mask []byte, room []int32, least float32) {
	n := p.W * p.H
	need(out, n)
	need(p.Y, n)
	need(r.Y, n)
	need(r.Dev, n)
	need(mask, n)
	need(room, 5*p.W)
	C.jx_correlate((*C.float)(unsafe.SliceData(out)), u8(p.Y), u8(r.Y), u16(r.Dev), u8(mask), C.int(p.W), C.int(p.H), i32(room), C.float(least))
}

// Learn moves the reference's luma (ref in 8.8, ref8 its whole part) towards
// cur by a 65536ths where hold is 0, at most a quarter, and the deviation
// towards the distance of norm by slow 4096ths where acc is 0.
func Learn(ref []uint16, ref8 []byte, dev []uint16, cur, norm []byte, acc []uint16, hold []byte, a, slow int32) {
	n := len(ref)
	if a < 0 || a > 65536/4 {
		panic("pixel: a share of more than a quarter does not fit the products")
	}
	need(ref8, n)
	need(dev, n)
	need(cur, n)
	need(norm, n)
	need(acc, n)
	need(hold, n)
	if n > 0 {
		C.jx_learn(u16(ref), u8(ref8), u16(dev), u8(cur), u8(norm), u16(acc), u8(hold), C.int(n), C.int32_t(a), C.int32_t(slow))
	}
}

// LearnHue is Learn for one chroma plane; hold is at the size of luma, w x h,
// and room a row of it.
func LearnHue(ref []uint16, cur, hold []byte, w, h int, room []byte, a int32) {
	cw, ch := (w+1)/2, (h+1)/2
	if a < 0 || a > 65536/4 {
		panic("pixel: a share of more than a quarter does not fit the products")
	}
	need(ref, cw*ch)
	need(cur, cw*ch)
	need(hold, w*h)
	need(room, cw)
	C.jx_learn_hue(u16(ref), u8(cur), u8(hold), C.int(w), C.int(h), C.int(cw), C.int(ch), u8(room), C.int32_t(a))
}
