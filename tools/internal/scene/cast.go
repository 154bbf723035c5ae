package scene

import (
	"context"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sort"

	"github.com/emmansun/gmsm/sm3"
)

// Cast is what is learned once from the background clip: the empty street
// and people cut out of it, standing or walking.
type Cast struct {
	Plate    []byte // planar 4:2:0, the clip's size
	Walkers  []Actor
	Standers []Actor
}

// Actor is one person's pictures, ten a second.
type Actor struct {
	Frames []Cut
	// Speed is metres a second to the right in the clip, negative to the
	// left, 0 for somebody who stands.
	Speed float64
	// Foot is the row of the feet in the clip for each picture, which
	// gives the size.
	Foot []float64
}

// Cut is a cut-out with straight alpha, all planes full size.
type Cut struct {
	W, H       int
	Y, U, V, A []byte
}

const castVersion = "cast-6"

// LoadCast reads the cast from the cache folder, making it when it is not
// there, which takes some seconds.
func LoadCast(ctx context.Context, ffmpeg, clip, cacheDir string) (*Cast, error) {
	st, err := os.Stat(clip)
	if err != nil {
		return nil, fmt.Errorf("open background clip (run make setup): %w", err)
	}
	sum := sm3.Sum(fmt.Appendf(nil, "%s|%d|%d", castVersion, st.Size(), st.ModTime().Unix()))
	path := filepath.Join(cacheDir, "cast-"+hex.EncodeToString(sum[:8])+".gob")
	if f, err := os.Open(path); err == nil {
		defer f.Close()
		var c Cast
		if err := gob.NewDecoder(f).Decode(&c); err == nil && len(c.Plate) == clipW*clipH*3/2 {
			return &c, nil
		}
	}
	c, err := makeCast(ctx, ffmpeg, clip)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return nil, fmt.Errorf("create cache: %w", err)
	}
	tmp, err := os.CreateTemp(cacheDir, "cast-*")
	if err != nil {
		return nil, fmt.Errorf("store cast: %w", err)
	}
	defer os.Remove(tmp.Name())
	err = gob.NewEncoder(tmp).Encode(c)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return nil, fmt.Errorf("store cast: %w", err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return nil, fmt.Errorf("store cast: %w", err)
	}
	return c, nil
}

func makeCast(ctx context.Context, ffmpeg, clip string) (*Cast, error) {
	plate, err := emptyStreet(ctx, ffmpeg, clip)
	if err != nil {
		return nil, err
	}
	c := &Cast{Plate: plate.buf}
	tracks, err := findTracks(ctx, ffmpeg, clip, plate)
	if err != nil {
		return nil, err
	}
	for _, t := range tracks {
		if a, ok := t.clean().actor(); ok {
			if a.Speed == 0 {
				c.Standers = append(c.Standers, a)
			} else {
				c.Walkers = append(c.Walkers, a)
			}
		}
	}
	longest := func(a []Actor, n int) []Actor {
		sort.SliceStable(a, func(i, j int) bool { return len(a[i].Frames) > len(a[j].Frames) })
		return a[:min(n, len(a))]
	}
	c.Walkers, c.Standers = longest(c.Walkers, 14), longest(c.Standers, 6)
	if len(c.Walkers) == 0 || len(c.Standers) == 0 {
		return nil, fmt.Errorf("found %d walking and %d standing people in %s; use the vtest.avi of Debian's opencv-doc",
			len(c.Walkers), len(c.Standers), clip)
	}
	return c, nil
}

// emptyStreet is the lower-quartile picture over the whole clip: people are
// mostly darker or rarer than the ground, the swinging tape is brighter.
func emptyStreet(ctx context.Context, ffmpeg, clip string) (*frame, error) {
	d, err := decode(ctx, ffmpeg, clip, 0, "fps=10", clipW, clipH)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	var kept [][]byte
	f := newFrame(clipW, clipH)
	for n := 0; ; n++ {
		if err := d.next(f); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if n%8 == 0 {
			kept = append(kept, append([]byte(nil), f.buf...))
		}
	}
	if len(kept) < 8 {
		return nil, fmt.Errorf("background clip %s is too short", clip)
	}
	for p := range f.buf {
		var hist [256]int
		for _, k := range kept {
			hist[k[p]]++
		}
		sum, want := 0, len(kept)*2/5
		for v, n := range hist {
			if sum += n; sum > want {
				f.buf[p] = byte(v)
				break
			}
		}
	}
	return f, nil
}

// track is one blob followed over successive pictures.
type track struct {
	cuts  []Cut
	boxes []blob
	dead  bool
}

func findTracks(ctx context.Context, ffmpeg, clip string, plate *frame) ([]*track, error) {
	d, err := decode(ctx, ffmpeg, clip, 0, "fps=10", clipW, clipH)
	if err != nil {
		return nil, err
	}
	defer d.stop()
	m := newMatter(plate, 1)
	f := newFrame(clipW, clipH)
	var all, open []*track
	for {
		if err := d.next(f); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		m.look(f)
		var next []*track
		for i, b := range m.blobs {
			if !m.alone(i) {
				continue
			}
			var t *track
			for _, o := range open {
				if !o.dead && overlap(o.boxes[len(o.boxes)-1], b) > 0.4 {
					t = o
				}
			}
			if t == nil {
				t = &track{}
				all = append(all, t)
			}
			t.dead = true // taken in this picture
			t.cuts = append(t.cuts, m.cut(f, i))
			t.boxes = append(t.boxes, b)
			next = append(next, t)
		}
		for _, t := range next {
			t.dead = false
		}
		open = next
	}
}

// alone tells whether a blob is one whole person on open ground, away from
// the border, the lamp post, the tape and other people.
func (m *matter) alone(i int) bool {
	b := m.blobs[i]
	if b.h() < 30 || b.h() > 58 || b.w() < 8 || b.w() > 36 || b.area*100 < b.w()*b.h()*35 {
		return false
	}
	if b.x0 < 6 || b.x1 > m.w-7 || b.y1 > m.h-7 || b.y0 < 94 || (b.x1 > 204 && b.x0 < 226) {
		return false
	}
	for j, o := range m.blobs {
		if j != i && o.x0 < b.x1+6 && o.x1 > b.x0-6 && o.y0 < b.y1+6 && o.y1 > b.y0-6 {
			return false
		}
	}
	return true
}

func overlap(a, b blob) float64 {
	w := min(a.x1, b.x1) - max(a.x0, b.x0) + 1
	h := min(a.y1, b.y1) - max(a.y0, b.y0) + 1
	if w <= 0 || h <= 0 {
		return 0
	}
	i := float64(w * h)
	return i / (float64(a.w()*a.h()+b.w()*b.h()) - i)
}

// soiled tells whether orange of the traffic cones or green of the lawn
// stuck to the cut-out.
func (c *Cut) soiled() bool {
	orange, green, all := 0, 0, 0
	for i, a := range c.A {
		if a < 60 {
			continue
		}
		all++
		if c.U[i] < 100 && c.V[i] > 145 {
			orange++
		}
		if c.U[i] < 117 && c.V[i] < 123 {
			green++
		}
	}
	return orange > 5 || green*12 > all
}

// clean keeps the longest run of pictures without foreign pixels.
func (t *track) clean() *track {
	best, from := &track{}, 0
	for i := 0; i <= len(t.cuts); i++ {
		if i < len(t.cuts) && !t.cuts[i].soiled() {
			continue
		}
		if i-from > len(best.cuts) {
			best = &track{cuts: t.cuts[from:i], boxes: t.boxes[from:i]}
		}
		from = i + 1
	}
	return best
}

// cut copies one blob out of the picture at full size.
func (m *matter) cut(f *frame, i int) Cut {
	b := m.blobs[i]
	w, h := 2*b.w()+4, 2*b.h()+4
	c := Cut{W: w, H: h, Y: make([]byte, w*h), U: make([]byte, w*h), V: make([]byte, w*h), A: make([]byte, w*h)}
	id := int32(i + 1)
	for y := range h {
		for x := range w {
			px, py := 2*b.x0-2+x, 2*b.y0-2+y
			hp := (py/2)*m.w + px/2
			k := y*w + x
			c.Y[k], c.U[k], c.V[k] = f.y[py*f.w+px], f.u[hp], f.v[hp]
			// Average the half-size coverage around for a soft edge.
			s, n := 0, 0
			for _, q := range [...]int{hp, hp + (px%2)*2 - 1, hp + ((py%2)*2-1)*m.w} {
				n++
				if m.label[q] == id {
					s += int(m.alpha[q])
				}
			}
			c.A[k] = byte(s / n)
		}
	}
	return c
}

// actor judges a track: long enough, and clearly walking sideways or clearly
// standing for a while.
func (t *track) actor() (Actor, bool) {
	if from, to := t.still(); to-from >= 15 {
		return t.part(from, min(to, from+40)), true
	}
	n := len(t.boxes)
	if n < 10 {
		return Actor{}, false
	}
	a := t.part(0, min(n, 40))
	n = len(a.Frames)
	p0, p1 := t.ground(0), t.ground(n-1)
	seconds := float64(n-1) / 10
	side, deep := (p1.x-p0.x)/seconds, (p1.z-p0.z)/seconds
	total := math.Hypot(side, deep)
	if total < 0.7 || total > 2.4 || math.Abs(side) < total*0.4 {
		return Actor{}, false
	}
	a.Speed = math.Copysign(total, side)
	return a, true
}

func (t *track) ground(i int) vec3 {
	b := t.boxes[i]
	return groundAt(vec2{float64(b.x0 + b.x1), float64(2 * b.y1)})
}

func (t *track) part(from, to int) Actor {
	a := Actor{Frames: t.cuts[from:to]}
	for _, b := range t.boxes[from:to] {
		a.Foot = append(a.Foot, float64(2*b.y1+1))
	}
	return a
}

// still is the longest stretch in which the person does not walk.
func (t *track) still() (from, to int) {
	for i := range t.boxes {
		j := i
		for j < len(t.boxes) && abs(t.boxes[j].x0+t.boxes[j].x1-t.boxes[i].x0-t.boxes[i].x1) < 8 &&
			abs(t.boxes[j].y1-t.boxes[i].y1) < 4 && abs(t.boxes[j].y0-t.boxes[i].y0) < 6 {
			j++
		}
		if j-i > to-from {
			from, to = i, j
		}
	}
	return from, to
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
