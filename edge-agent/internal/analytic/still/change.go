package still

import (
	"encoding/binary"

	"jiexun/edge-agent/internal/pixel"
)

// Limits of the change test, in luma steps of 255 and as correlation.
const (
	lumaLeast   = 20   // a pixel must differ by this much at least
	lumaMost    = 45   // a restless pixel never needs more
	lumaBright  = 70   // brighter by this much is a change without further proof
	darkRatio   = 0.42 // darker than this share is no ordinary shadow
	chromaLeast = 12
	corrStrong  = 0.55
	corrWeak    = 0.80
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
	profA, profB      []uint32
	wide              []byte    // a row
	corr              []float32 // w x h, of suspects only
	room              []int32   // five rows
	blocks            []int32   // three sums for each block of light
}

func newScratch(w, h int) scratch {
	n, c := w*h, ((w+1)/2)*((h+1)/2)
	return scratch{
		change: make([]byte, n), raw: make([]byte, n), hold: make([]byte, n), spread: make([]byte, spreadRoom(w, h, max(quietPx, joinPx))),
		chroma: make([]byte, c), label: make([]int32, n),
		profA: make([]uint32, max(w, h)), profB: make([]uint32, max(w, h)),
		ratios: make([]float64, 0, (w/block)*(h/block)), wide: make([]byte, w), corr: make([]float32, n), room: make([]int32, 5*w), blocks: make([]int32, 3*(w/block)*(h/block)),
	}
}

// markChange fills work.change with 1 where the picture shows another surface
// than the reference, and returns the share of such pixels. Light alone
// (shadow, reflection of even light) keeps texture and hue and is not marked.
func (e *Engine) markChange() float64 {
	k := &e.work
	now := pixel.Picture{W: e.w, H: e.h, Y: e.norm.y, U: e.norm.u, V: e.norm.v}
	ref := pixel.Reference{Y: e.ref.y8, U: e.ref.u, V: e.ref.v, Dev: e.ref.dev}
	pixel.Hue(k.chroma, now, ref, chromaLeast/2)
	pixel.Suspect(k.raw, now, ref, k.chroma, k.wide, pixel.Limits{Least: lumaLeast, Most: lumaMost, Hue: 2 * chromaLeast})
	pixel.Correlate(k.corr, now, ref, k.raw, k.room, texture)
	for i := 0; i < len(k.raw); i++ {
		// Most pixels are no suspects: pass over them eight at a time.
		for i+8 <= len(k.raw) && binary.LittleEndian.Uint64(k.raw[i:]) == 0 {
			i += 8
		}
		if i == len(k.raw) {
			break
		}
		if k.raw[i] == 0 {
			continue
		}
		v, r := int(e.norm.y[i]), int(e.ref.y8[i])
		t := min(max(lumaLeast, 3*int(e.ref.dev[i]>>8)), lumaMost)
		hue := int(k.chroma[(i/e.w/2)*e.cw+i%e.w/2])
		k.raw[i] = weigh(v, r, t, hue, k.corr[i])
	}
	return e.hysteresis()
}

// weigh decides one pixel: 2 surely another surface, 1 perhaps, 0 not. v is
// its luma, r the reference's, t its limit, hue its change of colour and corr
// the correlation of texture around it.
func weigh(v, r, t, hue int, corr float32) byte {
	d, a := v-r, abs(v-r)
	if hue > 5*chromaLeast/2 {
		return 2
	}
	if a*5 <= t*3 {
		return 1
	}
	textured := corr != pixel.NoTexture
	outright := d > lumaBright || d < -40 && float64(v) < darkRatio*float64(r)
	if a > t && (outright && (!textured || corr < corrWeak) || hue > chromaLeast || textured && corr < corrStrong) {
		return 2
	}
	if textured && corr < corrWeak || hue > chromaLeast/2 || a > t && a > 35 && !textured {
		return 1
	}
	return 0
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
				for x+8 < w-1 && binary.LittleEndian.Uint64(k.raw[i+1:])&0x0202020202020202 == 0 {
					x, i = x+8, i+8
				}
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
