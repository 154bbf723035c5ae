// Package half reads 16-bit floating point numbers, in which published
// weights are often kept.
package half

import (
	"encoding/binary"
	"math"
)

// Float widens one IEEE 754 half-precision number exactly.
func Float(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h & 0x3ff)
	switch exp {
	case 0:
		v := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// Floats widens little-endian numbers, two bytes each; an odd last byte is
// left out.
func Floats(b []byte) []float32 {
	v := make([]float32, len(b)/2)
	for i := range v {
		v[i] = Float(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return v
}
