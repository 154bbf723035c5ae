// Package scene composes street scenes whose truth is known: a real clip of
// a fixed camera with its passers-by, a row of shops drawn into its ground
// plane, and things, people, vehicles and signs that come and go by a script.
package scene

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sort"
)

// Renderer changes whenever the same spec gives other pictures.
const Renderer = "street-2"

// Spec says what to compose.
type Spec struct {
	Seed    uint64
	Kind    Kind
	Seconds float64
	// Width and Height are the picture's size, even, 16 to 9.
	Width, Height int
	FPS           float64
	// Once allows what only makes sense when the scene is played a single
	// time: things that are there at the start and leave for good.
	Once bool
}

// Validate names the field that is wrong.
func (s Spec) Validate() error {
	switch {
	case !s.Kind.known():
		return fmt.Errorf("kind: %q is unknown; use one of %v", s.Kind, Kinds())
	case !(s.Seconds >= 30 && s.Seconds <= 3600):
		return fmt.Errorf("seconds: %v; use 30 to 3600", s.Seconds)
	case s.Width < 160 || s.Width > 3840 || s.Width%4 != 0 || s.Height < 90 || s.Height > 2160 || s.Height%4 != 0:
		return fmt.Errorf("size: %dx%d; use 160x90 to 3840x2160 in steps of 4", s.Width, s.Height)
	case !(s.FPS >= 1 && s.FPS <= 60):
		return fmt.Errorf("fps: %v; use 1 to 60", s.FPS)
	}
	return nil
}

// Composer makes the pictures of one scene, in order.
type Composer struct {
	spec   Spec
	truth  Truth
	ffmpeg string
	clip   string
	filter string

	st     *street
	script *script
	m      *matter
	noise  []int8
	rng    *rand.Rand // of the sensor noise

	back   *background
	frame  *frame
	clean  *frame
	lastBG int
	n      int
	total  int
	drawn  []drawing
	gains  []int
}

// Assets are what scenes are made of, loaded once for many.
type Assets struct {
	// FFmpeg is the command, Clip the background video, Cache a folder.
	FFmpeg, Clip, Cache string
	cast                *Cast
	fonts               *Fonts
}

// LoadAssets reads the fonts and learns the clip; local is the folder of
// downloaded things.
func LoadAssets(ctx context.Context, local string) (*Assets, error) {
	a := &Assets{FFmpeg: "ffmpeg", Clip: filepath.Join(local, "media", "vtest.avi"), Cache: filepath.Join(local, "cache", "camsim")}
	var err error
	if a.fonts, err = LoadFonts(); err != nil {
		return nil, err
	}
	if a.cast, err = LoadCast(ctx, a.FFmpeg, a.Clip, a.Cache); err != nil {
		return nil, err
	}
	return a, nil
}

// chooseView picks one of the looks at the street that the clip allows.
func chooseView(s Spec, rng *rand.Rand) *view {
	v := &view{w: s.Width, h: s.Height, mirror: rng.IntN(2) == 0}
	aspect := float64(s.Height) / float64(s.Width)
	var w, x, y float64
	switch pick := rng.IntN(3); {
	case s.Kind == KindSign || pick == 0:
		w, x, y = 480+24*rng.Float64(), 4+12*rng.Float64(), 2*rng.Float64()
	case pick == 1:
		w, x, y = 600+30*rng.Float64(), 10*rng.Float64(), 3*rng.Float64()
	default:
		w, x, y = 744+20*rng.Float64(), 4*rng.Float64(), 6*rng.Float64()
	}
	even := func(f float64) float64 { return math.Floor(f/2) * 2 }
	v.crop = rect{even(x), even(y), even(w), even(w * aspect)}
	return v
}

// New prepares a scene: the same assets and spec give the same pictures.
func (a *Assets) New(ctx context.Context, spec Spec) (*Composer, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(spec.Seed, 0x73747265))
	v := chooseView(spec, rng)
	c := &Composer{spec: spec, ffmpeg: a.FFmpeg, clip: a.Clip, rng: rand.New(rand.NewPCG(spec.Seed, 0x6e6f6973)),
		total: int(spec.Seconds * spec.FPS), lastBG: -1, gains: make([]int, (spec.Width+spec.Height/2)/8+2)}
	mirror := ""
	if v.mirror {
		mirror = "hflip,"
	}
	c.filter = fmt.Sprintf("crop=%g:%g:%g:%g,%sscale=%d:%d:flags=bicubic,eq=gamma=%.3f:saturation=%.3f:contrast=%.3f",
		v.crop.w, v.crop.h, v.crop.x, v.crop.y, mirror, v.w, v.h,
		.94+.14*rng.Float64(), .72+.28*rng.Float64(), .93+.09*rng.Float64())
	var err error
	if c.st, err = makeStreet(a.fonts, v, rng, nil); err != nil {
		return nil, err
	}
	plate := newFrame(clipW, clipH)
	copy(plate.buf, a.cast.Plate)
	empty, err := filterFrame(ctx, a.FFmpeg, plate, c.filter, v.w, v.h)
	if err != nil {
		return nil, err
	}
	c.m = newMatter(empty, v.scale())
	c.st.lamp(c.m)
	c.truth = Truth{Version: TruthVersion, Seed: spec.Seed, Kind: spec.Kind, Width: v.w, Height: v.h, FPS: spec.FPS,
		DurationS: float64(c.total) / spec.FPS, Events: []Event{}, Distractors: []Distractor{}, Faults: []FaultSpan{}}
	c.script = &script{st: c.st, cast: a.cast, fonts: a.fonts, rng: rng, total: spec.Seconds, once: spec.Once, truth: &c.truth}
	if err := c.script.build(spec.Kind); err != nil {
		return nil, fmt.Errorf("write scene script: %w", err)
	}
	c.truth.Zones = c.script.zones()
	if err := c.truth.Validate(); err != nil {
		return nil, fmt.Errorf("check scene truth: %w", err)
	}
	c.makeNoise(1.2 + .9*rng.Float64())
	c.frame, c.clean = newFrame(v.w, v.h), newFrame(v.w, v.h)
	c.back = newBackground(c, rng)
	return c, nil
}

// Truth is what the scene shows.
func (c *Composer) Truth() Truth { return c.truth }

// Close ends the background decoder.
func (c *Composer) Close() { c.back.close() }

func (c *Composer) makeNoise(sigma float64) {
	c.noise = make([]int8, 1<<17)
	for i := range c.noise {
		c.noise[i] = int8(math.Round(clamp(c.rng.NormFloat64()*sigma, -12, 12)))
	}
}

// Next composes the next picture as planar 4:2:0 bytes, valid until the next
// call; io.EOF after the last.
func (c *Composer) Next(ctx context.Context) ([]byte, error) {
	if c.n >= c.total {
		return nil, io.EOF
	}
	t := float64(c.n) / c.spec.FPS
	if bg := int(t*10 + 1e-6); bg != c.lastBG {
		for c.lastBG < bg {
			if err := c.back.next(ctx, c.clean); err != nil {
				return nil, err
			}
			c.lastBG++
		}
		c.m.look(c.clean)
	}
	c.frame.copyFrom(c.clean)
	c.draw(t)
	c.expose(t)
	c.n++
	return c.frame.buf, nil
}

func (c *Composer) draw(t float64) {
	c.st.base.put(c.frame, c.m, 0, 0, 1, c.st.baseFoot)
	c.drawn = c.drawn[:0]
	for _, a := range c.script.acts {
		c.drawn = append(c.drawn, a.draws(t)...)
	}
	sort.SliceStable(c.drawn, func(i, j int) bool { return c.drawn[i].foot < c.drawn[j].foot })
	for _, d := range c.drawn {
		d.put(c.frame, c.m)
	}
	c.st.board.put(c.frame, nil, c.st.boardX, c.st.boardY, 1, 0)
}

// expose applies light and sensor noise in one pass.
func (c *Composer) expose(t float64) {
	f := c.frame
	c.script.light.gains(t, c.gains)
	mask := len(c.noise)/2 - 1
	for y := range f.h {
		off := int(c.rng.Uint32()) & mask
		noise := c.noise[off : off+f.w]
		row := f.y[y*f.w : (y+1)*f.w]
		g := c.gains[y/16:]
		for x, v := range row {
			n := 16 + (int(v)-16)*g[x>>3]>>8 + int(noise[x])
			if uint(n) > 255 {
				n = max(0, min(n, 255))
			}
			row[x] = byte(n)
		}
	}
	w := f.w / 2
	for y := range f.h / 2 {
		g := c.gains[y/8:]
		for _, p := range [][]byte{f.u, f.v} {
			row := p[y*w : (y+1)*w]
			for x, v := range row {
				row[x] = byte(max(0, min(255, 128+(int(v)-128)*g[x>>2]>>8)))
			}
		}
	}
}

// background plays a stretch of the clip round and round; its seam is hidden
// by a blend, so people fade instead of jumping.
type background struct {
	c     *Composer
	start float64 // of the stretch in the clip, seconds
	cycle int     // pictures in one round
	lead  []*frame
	d     *decoder
	at    int
}

const (
	clipSeconds = 79.0
	seam        = 14 // pictures
)

func newBackground(c *Composer, rng *rand.Rand) *background {
	b := &background{c: c}
	total := int(math.Ceil(c.spec.Seconds * 10))
	room := int(clipSeconds*10) - 2*seam
	rounds := (total + room - 1) / room
	b.cycle = total / rounds
	slack := float64(room-b.cycle) / 10
	b.start = float64(seam)/10 + math.Floor(slack*rng.Float64()*10)/10
	return b
}

func (b *background) close() {
	if b.d != nil {
		b.d.stop()
		b.d = nil
	}
}

// open begins a round; the pictures before the stretch are kept to blend the
// end of the round into them.
func (b *background) open(ctx context.Context) error {
	b.close()
	var err error
	from := b.start - float64(seam)/10
	if b.d, err = decode(ctx, b.c.ffmpeg, b.c.clip, from, b.c.filter, b.c.spec.Width, b.c.spec.Height); err != nil {
		return err
	}
	for i := range seam {
		if len(b.lead) <= i {
			b.lead = append(b.lead, newFrame(b.c.spec.Width, b.c.spec.Height))
		}
		if err := b.d.next(b.lead[i]); err != nil {
			return err
		}
	}
	b.at = 0
	return nil
}

func (b *background) next(ctx context.Context, f *frame) error {
	if b.d == nil || b.at >= b.cycle {
		if err := b.open(ctx); err != nil {
			return err
		}
	}
	if err := b.d.next(f); err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("background clip %s ended early", b.c.clip)
		}
		return err
	}
	if k := b.at - (b.cycle - seam); k >= 0 {
		f.mix(b.lead[k], 256*(k+1)/(seam+1))
	}
	b.at++
	return nil
}
