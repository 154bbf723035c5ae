package pixel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// sizes are odd and even, narrower than a vector and wider, and the ones of
// real streams.
var sizes = [][2]int{{1, 1}, {2, 3}, {7, 5}, {16, 9}, {33, 17}, {101, 57}, {384, 216}, {640, 360}}

func bytesOf(r *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		switch out[i] = byte(r.Uint32()); r.IntN(8) {
		case 0:
			out[i] = 0
		case 1:
			out[i] = 255
		}
	}
	return out
}

func wordsOf(r *rand.Rand, n int, most uint32) []uint16 {
	out := make([]uint16, n)
	for i := range out {
		out[i] = uint16(r.Uint32N(most + 1))
	}
	return out
}

// each runs the test at every size with several random pictures.
func each(t *testing.T, f func(t *testing.T, r *rand.Rand, w, h int)) {
	for _, s := range sizes {
		t.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(t *testing.T) {
			for seed := range 4 {
				f(t, rand.New(rand.NewPCG(uint64(seed), uint64(s[0]*1000+s[1]))), s[0], s[1])
			}
		})
	}
}

func same[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: at %d got %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestShrinkAgrees(t *testing.T) {
	var odd [256]byte
	for i := range odd {
		odd[i] = byte(i*7 + 3)
	}
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		var s Shrinker
		for _, from := range sizes {
			sw, sh := from[0], from[1]
			stride := sw + r.IntN(9)
			src := bytesOf(r, (sh-1)*stride+sw)
			got := make([]byte, w*h)
			s.Plane(got, w, h, src, sw, sh, stride, &odd)
			same(t, "shrink", got, goShrink(w, h, src, sw, sh, stride, &odd))
		}
	})
}

func TestGainAgrees(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		in, got := bytesOf(r, w*h), make([]byte, w*h)
		a, bx, by := r.Int32N(45000), r.Int32N(4000)-2000, r.Int32N(4000)-2000
		Gain(got, in, w, h, a, bx, by)
		same(t, "gain", got, goGain(in, w, h, a, bx, by))
	})
}

func TestCopiesAgree(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		src, dst := bytesOf(r, w*h), bytesOf(r, w*h)
		for _, mask := range sizes {
			hw, hh := mask[0], mask[1]
			hold := make([]byte, hw*hh)
			for i := range hold {
				hold[i] = byte(r.IntN(2))
			}
			got, want := slices.Clone(dst), slices.Clone(dst)
			for y := range h {
				for x := range w {
					if hold[y*hh/h*hw+x*hw/w] == 0 {
						want[y*w+x] = src[y*w+x]
					}
				}
			}
			CopyWhere(got, src, w, h, hold, hw, hh, make([]int32, w))
			same(t, "copy", got, want)
		}
		var sum uint64
		for y := 1; y < h-1; y += 2 {
			for x := 1; x < w-1; x++ {
				d := 9 * int64(src[y*w+x])
				for yy := y - 1; yy <= y+1; yy++ {
					for xx := x - 1; xx <= x+1; xx++ {
						d -= int64(src[yy*w+xx])
					}
				}
				sum += uint64(d * d)
			}
		}
		if got := Fine(src, w, h); got != sum {
			t.Fatalf("fine detail: got %d, want %d", got, sum)
		}
	})
}

func TestTalliesAgree(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		stride := w + r.IntN(5)
		src := bytesOf(r, (h-1)*stride+w)
		luma, hue := make([]byte, w*h), make([]byte, w*h)
		StretchLuma(luma, src, w, h, stride)
		StretchHue(hue, src, w, h, stride)
		for i := range luma {
			v := int(src[i/w*stride+i%w])
			if l := byte(min(max(((v-16)*255+109)/219, 0), 255)); luma[i] != l {
				t.Fatalf("luma of %d: got %d, want %d", v, luma[i], l)
			}
			if c := byte(min(max(128+(v-128)*255/224, 0), 255)); hue[i] != c {
				t.Fatalf("hue of %d: got %d, want %d", v, hue[i], c)
			}
		}
		last := bytesOf(r, w*h)
		var levels, wantLevels [256]int32
		var steps, wantSteps [512]int32
		for i, v := range luma {
			wantLevels[v]++
			wantSteps[256+int(v)-int(last[i])]++
		}
		Tally(luma, last, &levels, &steps)
		if levels != wantLevels || steps != wantSteps {
			t.Fatal("the tally differs")
		}
		for _, grid := range [][2]int{{1, 1}, {5, 3}, {96, 54}} {
			gw, gh := grid[0], grid[1]
			cells := make([]uint32, gw*gh)
			Cells(cells, last, w, h, gw, gh, make([]uint32, w))
			for i, got := range cells {
				want := uint32(0)
				for y := i / gw * h / gh; y < max((i/gw+1)*h/gh, i/gw*h/gh+1); y++ {
					for x := i % gw * w / gw; x < max((i%gw+1)*w/gw, i%gw*w/gw+1); x++ {
						want += uint32(last[y*w+x])
					}
				}
				if got != want {
					t.Fatalf("cell %d of %dx%d: got %d, want %d", i, gw, gh, got, want)
				}
			}
		}
		a, b := make([]uint32, w+9), make([]uint32, w+9)
		for i := range a {
			a[i], b[i] = r.Uint32N(300_000), r.Uint32N(300_000)
		}
		got := make([]int64, 9)
		Correlations(got, a, b, 4)
		for s := range got {
			want := int64(0)
			for i := 4; i < len(a)-4; i++ {
				want += int64(a[i]) * int64(b[i+s-4])
			}
			if got[s] != want {
				t.Fatalf("correlation at %d: got %d, want %d", s-4, got[s], want)
			}
		}
	})
}

func TestLightAgrees(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		y, ry, acc := bytesOf(r, w*h), bytesOf(r, w*h), wordsOf(r, w*h, 2)
		for _, side := range []int{1, 7, 16} {
			got := make([]int32, 3*(w/side)*(h/side))
			Blocks(got, y, ry, acc, w, h, side)
			same(t, "blocks", got, goBlocks(y, ry, acc, w, h, side))
		}
		factor, off := r.Int32N(40960), r.Int32N(41)-20
		hue := make([]byte, w*h)
		GainHue(hue, y, factor, off)
		for i, v := range y {
			if want := byte(min(max((int32(v)-128)*factor>>12+128-off, 0), 255)); hue[i] != want {
				t.Fatalf("hue at %d: got %d, want %d", i, hue[i], want)
			}
		}
	})
}

func TestGateAgrees(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		y, prev := bytesOf(r, w*h), bytesOf(r, w*h)
		for i := range prev {
			if r.IntN(2) == 0 {
				prev[i] = y[i] + byte(r.IntN(3)) - 1
			}
		}
		var bright, black, differ int
		for i, v := range y {
			if v >= 252 {
				bright++
			}
			if v <= 6 {
				black++
			}
			if d := int(v) - int(prev[i]); d > 1 || d < -1 {
				differ++
			}
		}
		b, k, d := Gate(y, prev)
		if b != bright || k != black || d != differ {
			t.Fatalf("got %d %d %d, want %d %d %d", b, k, d, bright, black, differ)
		}
		if !bytes.Equal(y, prev) {
			t.Fatal("the plane was not kept")
		}
	})
}

func TestEdgesAgree(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		p := bytesOf(r, w*h)
		across, down := make([]uint32, w), make([]uint32, h)
		EdgesAcross(across, p, w, h)
		EdgesDown(down, p, w, h)
		wantAcross, wantDown := goEdges(p, w, h)
		same(t, "across", across, wantAcross)
		same(t, "down", down, wantDown)
	})
}

func TestChangeAgrees(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		c := ((w + 1) / 2) * ((h + 1) / 2)
		p := Picture{W: w, H: h, Y: bytesOf(r, w*h), U: bytesOf(r, c), V: bytesOf(r, c)}
		ref := Reference{Y: bytesOf(r, w*h), U: wordsOf(r, c, 255<<8), V: wordsOf(r, c, 255<<8), Dev: wordsOf(r, w*h, 60<<8)}
		for i := range ref.U { // near colours are the rule
			if r.IntN(3) > 0 {
				ref.U[i], ref.V[i] = uint16(p.U[i])<<8, uint16(p.V[i])<<8
			}
		}
		for i := range ref.Y {
			if r.IntN(3) > 0 {
				ref.Y[i] = p.Y[i] + byte(r.IntN(30))
			}
		}
		hue := make([]byte, c)
		Hue(hue, p, ref, 6)
		same(t, "hue", hue, goHue(p, ref, 6))
		got, l := make([]byte, w*h), Limits{Least: 20, Most: 45, Hue: 24}
		Suspect(got, p, ref, hue, make([]byte, w), l)
		same(t, "suspect", got, goSuspect(p, ref, hue, l))
		for i := range got {
			if r.IntN(3) > 0 { // runs and gaps
				got[i] = 0
			}
		}
		corr := make([]float32, w*h)
		Correlate(corr, p, ref, got, make([]int32, 5*w), 40)
		for i, m := range got {
			if m == 0 && corr[i] != 0 {
				t.Fatalf("pixel %d was not asked for", i)
			}
			if want := goCorrelate(p, ref, i%w, i/w, 40); m != 0 && corr[i] != want {
				t.Fatalf("correlation at %d: got %v, want %v", i, corr[i], want)
			}
		}
	})
}

func TestLearnAgrees(t *testing.T) {
	each(t, func(t *testing.T, r *rand.Rand, w, h int) {
		n, c := w*h, ((w+1)/2)*((h+1)/2)
		ref, dev := wordsOf(r, n, 255<<8), wordsOf(r, n, 60<<8)
		cur, norm := bytesOf(r, n), bytesOf(r, n)
		acc, hold := wordsOf(r, n, 1), make([]byte, n)
		for i := range hold {
			hold[i] = byte(r.IntN(2))
		}
		a := r.Int32N(65536/4 + 1)
		want, wantDev, want8 := slices.Clone(ref), slices.Clone(dev), make([]byte, n)
		goLearn(want, want8, wantDev, cur, norm, acc, hold, a, a/4>>4)
		got8 := make([]byte, n)
		Learn(ref, got8, dev, cur, norm, acc, hold, a, a/4>>4)
		same(t, "reference", ref, want)
		same(t, "whole part", got8, want8)
		same(t, "deviation", dev, wantDev)

		u, cu := wordsOf(r, c, 255<<8), bytesOf(r, c)
		wantU := slices.Clone(u)
		for cy := range (h + 1) / 2 {
			for cx := range (w + 1) / 2 {
				i := cy*((w+1)/2) + cx
				if hold[min(2*cy, h-1)*w+min(2*cx, w-1)] == 0 {
					wantU[i] = uint16(int32(wantU[i]) + ((int32(cu[i])<<8-int32(wantU[i]))*a)>>16)
				}
			}
		}
		LearnHue(u, cu, hold, w, h, make([]byte, w), a)
		same(t, "chroma", u, wantU)
	})
}

// Planes that are too short must never reach C.
func TestShortPlanes(t *testing.T) {
	for name, f := range map[string]func(){
		"shrink": func() {
			new(Shrinker).Plane(make([]byte, 4), 2, 2, make([]byte, 15), 4, 4, 4, new([256]byte))
		},
		"map":    func() { Map(make([]byte, 4), make([]byte, 5), 2, 2, 4, new([256]byte)) },
		"copy":   func() { CopyWhere(make([]byte, 4), make([]byte, 4), 2, 2, make([]byte, 3), 2, 2, make([]int32, 2)) },
		"luma":   func() { StretchLuma(make([]byte, 3), make([]byte, 4), 2, 2, 2) },
		"chroma": func() { StretchHue(make([]byte, 4), make([]byte, 3), 2, 2, 2) },
		"tally":  func() { Tally(make([]byte, 4), make([]byte, 3), new([256]int32), new([512]int32)) },
		"reach":  func() { Correlations(make([]int64, 9), make([]uint32, 8), make([]uint32, 8), 4) },
		"fine":   func() { Fine(make([]byte, 8), 3, 3) },
		"gain":   func() { Gain(make([]byte, 3), make([]byte, 4), 2, 2, 4096, 0, 0) },
		"gate":   func() { Gate(make([]byte, 4), make([]byte, 3)) },
		"edges":  func() { EdgesDown(make([]uint32, 1), make([]byte, 4), 2, 2) },
		"share":  func() { Learn(nil, nil, nil, nil, nil, nil, nil, 65536, 0) },
		"learn":  func() { LearnHue(make([]uint16, 1), make([]byte, 1), make([]byte, 3), 2, 2, make([]byte, 1), 1) },
		"hue":    func() { Hue(make([]byte, 1), Picture{W: 2, H: 2, Y: make([]byte, 4)}, Reference{}, 6) },
		"correlate": func() {
			Correlate(make([]float32, 4), Picture{W: 2, H: 2, Y: make([]byte, 4)}, Reference{Y: make([]byte, 4), Dev: make([]uint16, 4)}, make([]byte, 4), make([]int32, 9), 40)
		},
		"suspect": func() {
			Suspect(make([]byte, 4), Picture{W: 2, H: 2, Y: make([]byte, 4)}, Reference{Y: make([]byte, 4)}, make([]byte, 1), make([]byte, 2), Limits{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Fatal("a plane that is too short was taken")
				}
			}()
			f()
		})
	}
}

// BenchmarkLook is the sum of the loops at the working size; BenchmarkLookGo
// is the baseline, the same loops in Go.
func BenchmarkLook(b *testing.B)   { benchmark(b, true) }
func BenchmarkLookGo(b *testing.B) { benchmark(b, false) }

func benchmark(b *testing.B, fast bool) {
	const w, h, sw, sh = 384, 216, 640, 360
	r := rand.New(rand.NewPCG(1, 2))
	src, y, norm, ref8 := bytesOf(r, sw*sh), make([]byte, w*h), make([]byte, w*h), bytesOf(r, w*h)
	ref, dev, acc, hold := wordsOf(r, w*h, 255<<8), wordsOf(r, w*h, 20<<8), make([]uint16, w*h), make([]byte, w*h)
	u, ru := bytesOf(r, w*h/4), wordsOf(r, w*h/4, 255<<8)
	hue, raw, wide, prev := make([]byte, w*h/4), make([]byte, w*h), make([]byte, w), make([]byte, w*h)
	sum := make([]uint32, w)
	var table [256]byte
	for i := range table {
		table[i] = byte(i)
	}
	var s Shrinker
	for b.Loop() {
		p := Picture{W: w, H: h, Y: norm, U: u, V: u}
		q := Reference{Y: ref8, U: ru, V: ru, Dev: dev}
		if fast {
			s.Plane(y, w, h, src, sw, sh, sw, &table)
			Gate(y, prev)
			Gain(norm, y, w, h, 4096, 1, 1)
			EdgesAcross(sum, norm, w, h)
			EdgesDown(sum, norm, w, h)
			Hue(hue, p, q, 6)
			Suspect(raw, p, q, hue, wide, Limits{20, 45, 24})
			Learn(ref, ref8, dev, y, norm, acc, hold, 3276, 51)
			continue
		}
		copy(y, goShrink(w, h, src, sw, sh, sw, &table))
		copy(norm, goGain(y, w, h, 4096, 1, 1))
		goEdges(norm, w, h)
		copy(hue, goHue(p, q, 6))
		copy(raw, goSuspect(p, q, hue, Limits{20, 45, 24}))
		goLearn(ref, ref8, dev, y, norm, acc, hold, 3276, 51)
	}
}
