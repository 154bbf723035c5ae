package scene

import "math"

// hash2 is a fixed pseudo-random number 0..1 for a lattice point.
func hash2(x, y int, seed uint32) float64 {
	h := uint32(x)*0x9E3779B1 ^ uint32(y)*0x85EBCA77 ^ seed*0xC2B2AE3D
	h ^= h >> 15
	h *= 0x2C1B3C6D
	h ^= h >> 12
	h *= 0x297A2D39
	h ^= h >> 15
	return float64(h) / (1 << 32)
}

// noise2 is smooth noise 0..1 with features about one unit wide.
func noise2(x, y float64, seed uint32) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int(fx), int(fy)
	tx, ty := smooth(x-fx), smooth(y-fy)
	a := hash2(ix, iy, seed)
	b := hash2(ix+1, iy, seed)
	c := hash2(ix, iy+1, seed)
	d := hash2(ix+1, iy+1, seed)
	top := a + (b-a)*tx
	return top + (c+(d-c)*tx-top)*ty
}

// fractal adds octaves of noise2; the result is 0..1 around 0.5.
func fractal(x, y float64, octaves int, seed uint32) float64 {
	v, amp, sum := 0.0, 1.0, 0.0
	for i := range octaves {
		v += noise2(x, y, seed+uint32(i)*101) * amp
		sum += amp
		x, y, amp = x*2, y*2, amp/2
	}
	return v / sum
}
