package alerts

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // the form of the small pictures
	"math/bits"

	"jiexun/api/edgev1"
)

// alike is how many of the 64 bits of two fingerprints may differ between
// pictures that look the same.
const alike = 10

// fingerprint is the difference hash of the part of a picture around the thing
// that was found: pictures of the same thing differ in few bits. Zero stands
// for none, so the lowest bit is always set.
func fingerprint(jpeg []byte, box edgev1.Box) (int64, error) {
	img, _, err := image.Decode(bytes.NewReader(jpeg))
	if err != nil {
		return 0, fmt.Errorf("read picture: %w", err)
	}
	area := around(img.Bounds(), box)
	var cell [8][9]int
	for y := range 8 {
		for x := range 9 {
			cell[y][x] = brightness(img, part(area, x, y))
		}
	}
	var h uint64
	for y := range 8 {
		for x := range 8 {
			h <<= 1
			if cell[y][x] > cell[y][x+1] {
				h |= 1
			}
		}
	}
	return int64(h | 1), nil
}

// around is the box and a fifth of it on each side, in pixels; the whole
// picture where there is no box.
func around(b image.Rectangle, box edgev1.Box) image.Rectangle {
	if !(box.W > 0 && box.H > 0) {
		return b
	}
	w, h := float64(b.Dx()), float64(b.Dy())
	r := image.Rect(
		int((box.X-box.W/5)*w), int((box.Y-box.H/5)*h),
		int((box.X+box.W*6/5)*w)+1, int((box.Y+box.H*6/5)*h)+1,
	).Add(b.Min).Intersect(b)
	if r.Empty() {
		return b
	}
	return r
}

// part is one of nine by eight parts of an area, at least a pixel.
func part(a image.Rectangle, x, y int) image.Rectangle {
	r := image.Rect(a.Min.X+a.Dx()*x/9, a.Min.Y+a.Dy()*y/8, a.Min.X+a.Dx()*(x+1)/9, a.Min.Y+a.Dy()*(y+1)/8)
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+1), max(r.Max.Y, r.Min.Y+1)
	return r
}

func brightness(img image.Image, r image.Rectangle) int {
	sum, n := 0, 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			cr, cg, cb, _ := img.At(x, y).RGBA()
			sum += int(299*cr+587*cg+114*cb) / 1000
			n++
		}
	}
	return sum / max(n, 1)
}

// apart counts the bits in which two fingerprints differ.
func apart(a, b int64) int { return bits.OnesCount64(uint64(a) ^ uint64(b)) }

// seenLook is a picture that has its number in the group.
type seenLook struct {
	Look int
	Hash int64
}

// lookFor gives the number of the pictures that a new one resembles most, or
// the next free one.
func lookFor(seen []seenLook, hash int64) int {
	best, at, top := alike+1, 0, 0
	for _, s := range seen {
		top = max(top, s.Look)
		if d := apart(s.Hash, hash); d < best {
			best, at = d, s.Look
		}
	}
	if at == 0 {
		return top + 1
	}
	return at
}
