package still

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// spread agrees with the definition on pictures of many sizes.
func TestSpreadIsTheSquareAround(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		w, h, r := 1+rnd.IntN(40), 1+rnd.IntN(30), rnd.IntN(7)
		p := make([]byte, w*h)
		for i := range p {
			if rnd.IntN(12) == 0 {
				p[i] = 1
			}
		}
		want := make([]byte, w*h)
		for y := range h {
			for x := range w {
				for yy := max(0, y-r); yy <= min(h-1, y+r); yy++ {
					for xx := max(0, x-r); xx <= min(w-1, x+r); xx++ {
						want[y*w+x] |= p[yy*w+xx]
					}
				}
			}
		}
		spread(p, make([]byte, spreadRoom(w, h, r)), w, h, r)
		if !bytes.Equal(p, want) {
			t.Fatalf("%dx%d by %d: spread differs from the definition", w, h, r)
		}
	}
}
