package half_test

import (
	"math"
	"testing"

	"jiexun/models/internal/half"
)

func TestFloat(t *testing.T) {
	for h, want := range map[uint16]float64{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: math.Pow(2, -14),
		0x0001: math.Pow(2, -24), 0x83ff: -1023 * math.Pow(2, -24), 0x3555: 0.333251953125,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1),
	} {
		if got := float64(half.Float(h)); got != want {
			t.Errorf("%#04x is %g, not %g", h, got, want)
		}
	}
	if !math.IsNaN(float64(half.Float(0x7e00))) || !math.Signbit(float64(half.Float(0x8000))) {
		t.Error("not-a-number or negative zero was lost")
	}
	if v := half.Floats([]byte{0, 0x3c, 0, 0xc0, 9}); len(v) != 2 || v[0] != 1 || v[1] != -2 {
		t.Errorf("list %v", v)
	}
}
