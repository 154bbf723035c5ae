package still

import "math"

// Limits of the change test, in luma steps of 255 and as correlation.
const (
	lumaLeast   = 20   // a pixel must differ by this much at least
	lumaMost    = 45   // a restless pixel never needs more
	lumaBright  = 70   // brighter by this much is a change without further proof
	darkRatio   = 0.42 // darker than this share is no ordinary shadow
	chromaLeast = 12
	corrStrong  = 0.55
	corrWeak    = 0.80
	corrRadius  = 3
	texture     = 40 // variance from which a window counts as textured
	growPx      = 5  // weak pixels join strong ones over this distance
)

// scratch holds the buffers that a look needs.
type scratch struct {
	change, raw, hold []byte // w x h
	spread            []byte
	chroma            []byte // cw x ch
	label             []int32
	queue             []int32
	samples           []sample
	ratios            []float64
	profA, profB      []float32
}

func newScratch(w, h int) scratch {
	n, c := w*h, ((w+1)/2)*((h+1)/2)
	return scratch{
		change: make([]byte, n), raw: make([]byte, n), hold: make([]byte, n), spread: make([]byte, spreadRoom(w, h, max(quietPx, joinPx))),
		chroma: make([]byte, c), label: make([]int32, n),
		profA: make([]float32, max(w, h)), profB: make([]float32, max(w, h)),
	}
}

// markChange fills work.change with 1 where the picture shows another surface
// than the reference, and returns the share of such pixels. Light alone
// (shadow, reflection of even light) keeps texture and hue and is not marked.
func (e *Engine) markChange() float64 {
	k := &e.work
	e.chromaChange()
	for y := range e.h {
		o := y * e.w
		n, r, dev := e.norm.y[o:o+e.w], e.ref.y8[o:o+e.w], e.ref.dev[o:o+e.w]
		ch := k.chroma[(y/2)*e.cw:]
		raw := k.raw[o : o+e.w]
		for x, v := range n {
			d := int(v) - int(r[x])
			a := d
			if a < 0 {
				a = -a
			}
			c := ch[x>>1]
			t := min(max(lumaLeast, 3*int(dev[x]>>8)), lumaMost)
			if a*5 <= t*3 && c <= 2*chromaLeast {
				raw[x] = 0
				continue
			}
			raw[x] = e.weigh(x, y, d, a, t, int(c), int(v), int(r[x]))
		}
	}
	return e.hysteresis()
}

// weigh decides one pixel: 2 surely another surface, 1 perhaps, 0 not.
func (e *Engine) weigh(x, y, d, a, t, c, v, r int) byte {
	if c > 5*chromaLeast/2 {
		return 2
	}
	if a*5 <= t*3 {
		return 1
	}
	corr, textured := e.correlate(x, y)
	outright := d > lumaBright || d < -40 && float64(v) < darkRatio*float64(r)
	if a > t && (outright && (!textured || corr < corrWeak) || c > chromaLeast || textured && corr < corrStrong) {
		return 2
	}
	if textured && corr < corrWeak || c > chromaLeast/2 || a > t && a > 35 && !textured {
		return 1
	}
	return 0
}

// correlate compares the texture around a pixel with the reference's.
func (e *Engine) correlate(x, y int) (corr float32, textured bool) {
	x0, x1 := max(x-corrRadius, 0), min(x+corrRadius+1, e.w)
	y0, y1 := max(y-corrRadius, 0), min(y+corrRadius+1, e.h)
	var sa, sb, saa, sbb, sab int32
	for yy := y0; yy < y1; yy++ {
		p := e.norm.y[yy*e.w+x0 : yy*e.w+x1]
		q := e.ref.y8[yy*e.w+x0 : yy*e.w+x1]
		q = q[:len(p)]
		for i, v := range p {
			a, b := int32(v), int32(q[i])
			sa += a
			sb += b
			saa += a * a
			sbb += b * b
			sab += a * b
		}
	}
	n := float32((x1 - x0) * (y1 - y0))
	fa, fb := float32(sa)/n, float32(sb)/n
	va, vb := float32(saa)/n-fa*fa, float32(sbb)/n-fb*fb
	// Texture is relative: a thing in half the light shows half of it. The
	// sensor's noise is taken off, or else it would pass for texture.
	noise := float32(e.ref.dev[y*e.w+x]) / 256
	noise *= 1.6 * noise
	scale := max(fb, 16) / max(fa, 16)
	va = max(va-noise, 0)
	if max(va*scale*scale, vb) < texture+noise {
		return 1, false
	}
	// A floor on both keeps what is left of it in flat windows from deciding.
	va, vb = va+4, vb+4
	return (float32(sab)/n - fa*fb) / sqrt32(va*vb), true
}

// chromaChange fills work.chroma with how much hue and saturation differ; a
// shadow dims colour in step with light and so counts little.
func (e *Engine) chromaChange() {
	for y := range e.ch {
		ly := min(2*y, e.h-1) * e.w
		for x := range e.cw {
			i, l := y*e.cw+x, ly+min(2*x, e.w-1)
			u, v := int(e.norm.u[i])-128, int(e.norm.v[i])-128
			ru, rv := int(e.ref.u[i]>>8)-128, int(e.ref.v[i]>>8)-128
			c := abs(u-ru) + abs(v-rv)
			if c > chromaLeast/2 {
				p, q := int(e.norm.y[l]), max(int(e.ref.y8[l]), 8)
				if p < q {
					p = max(p, q/4)
					c = min(c, abs(u-ru*p/q)+abs(v-rv*p/q))
				}
			}
			e.work.chroma[i] = byte(min(c, 255))
		}
	}
}

// hysteresis drops lone strong pixels, lets strong ones grow over weak ones,
// and returns the share of changed pixels.
func (e *Engine) hysteresis() float64 {
	k, w, h := &e.work, e.w, e.h
	clear(k.change)
	q := k.queue[:0]
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			i := y*w + x
			if k.raw[i] != 2 {
				continue
			}
			n := 0
			for _, j := range [8]int{i - w - 1, i - w, i - w + 1, i - 1, i + 1, i + w - 1, i + w, i + w + 1} {
				n += int(k.raw[j] >> 1)
			}
			if n >= 3 {
				k.change[i] = 1
				q = append(q, int32(i))
			}
		}
	}
	start := 0
	for range growPx {
		end := len(q)
		for ; start < end; start++ {
			i := int(q[start])
			x := i % w
			for _, j := range [4]int{i - w, i + w, i - 1, i + 1} {
				if j < 0 || j >= w*h || x == 0 && j == i-1 || x == w-1 && j == i+1 {
					continue
				}
				if k.change[j] == 0 && k.raw[j] != 0 {
					k.change[j] = 1
					q = append(q, int32(j))
				}
			}
		}
	}
	k.queue = q[:0]
	return float64(len(q)) / float64(w*h)
}

func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }
