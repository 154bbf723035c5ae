// Package bench measures what one camera costs the box: CPU milliseconds per
// second of video for each stage, against the bare cost of its decoder and
// model, and against the usual way of decoding every picture. Costs are CPU
// time, never wall time, so that a busy machine does not change them much.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
)

// Stages are the parts of the pipeline that lie outside this package. Any
// may be nil; it then costs nothing and the report says so.
type Stages struct {
	// Diagnosis looks at the small copy.
	Diagnosis func(*picture.YUV)
	// Analytics looks at the picture and at its small copy, which is the
	// picture itself on a small stream.
	Analytics func(full, small *picture.YUV)
	// Detect is one bare run of the detector on a small picture.
	Detect func(small *picture.YUV)
	// ModelRuns counts the detector runs that Analytics made so far; nil
	// means one a look.
	ModelRuns func() int64
	// Verify is one bare run of the verifier, and VerifierRuns counts those
	// that Analytics made so far.
	Verify       func()
	VerifierRuns func() int64
	// Reset forgets what Analytics knows, before a pass; it may be nil.
	Reset func()
}

// Options describe a bench.
type Options struct {
	Stages Stages
	// Cache is the folder for generated streams.
	Cache string
	// Clip is a fixed-camera video to make the streams of; a drawn pattern
	// serves when it is empty.
	Clip string
	// Main and Sub are ready H.264 or H.265 files used instead.
	Main, Sub string
	// Seconds of video that each pass looks at, 30 when zero; Passes is how
	// often, 3 when zero: the median counts.
	Seconds, Passes int
	// Warm is how many looks a camera makes before its cost counts, 8 when
	// zero: the scene is learned once.
	Warm int
	// Cameras pull at one time when the source is measured, for
	// SourceSeconds each; 8 and 8 when zero.
	Cameras, SourceSeconds int
	// SmallW and SmallH are the size that analytics look at, 640x360 when
	// zero.
	SmallW, SmallH int
	// Progress is told what is done now; it may be nil.
	Progress func(string)
}

// detectorFPS is how often the usual way runs its detector.
const detectorFPS = 5

// Cost is CPU milliseconds per second of one camera's video.
type Cost struct {
	Source    float64 `json:"source"`
	Decode    float64 `json:"decode"`
	Scale     float64 `json:"scale"`
	Diagnosis float64 `json:"diagnosis"`
	Analytics float64 `json:"analytics"`
	// Runtime is what the process used beside the measured calls: memory
	// collection and scheduling.
	Runtime float64 `json:"runtime"`
	// Start is what getting to know a scene costs once, in milliseconds; it
	// is not part of Total.
	Start          float64 `json:"start"`
	Total          float64 `json:"total"`
	CamerasPerCore float64 `json:"camerasPerCore"`
}

// Bare is the cost of nothing but libavformat, libavcodec and the model: the
// stream is received, its key pictures are decoded, the model runs.
type Bare struct {
	Receive float64 `json:"receive"`
	Decode  float64 `json:"decode"`
	Model   float64 `json:"model"`
	// ModelRuns and VerifierRuns are how many runs a second of the detector
	// and the verifier Model stands for.
	ModelRuns    float64 `json:"modelRuns"`
	VerifierRuns float64 `json:"verifierRuns"`
	Total        float64 `json:"total"`
	// EachLook is one model run for every look: what an analysis costs that
	// asks the network each time, where ours asks only about candidates.
	EachLook float64 `json:"eachLook"`
}

// NVR is the cost of the usual way: decode every picture, detect at 5 a
// second; Source is taken from the same measurement as ours.
type NVR struct {
	Source         float64 `json:"source"`
	Decode         float64 `json:"decode"`
	Detect         float64 `json:"detect"`
	Total          float64 `json:"total"`
	CamerasPerCore float64 `json:"camerasPerCore"`
}

// Stream is the result for one stream.
type Stream struct {
	Name   string  `json:"name"`
	Codec  string  `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
	GOPS   float64 `json:"gopS"`
	KbitS  float64 `json:"kbitS"`
	Looks  int     `json:"looks"`
	Ours   Cost    `json:"ours"`
	Bare   Bare    `json:"bare"`
	NVR    NVR     `json:"nvr"`
	// OverBare is our total over the bare total; Gain is how many times
	// more cameras a core carries than the usual way.
	OverBare float64 `json:"overBare"`
	// OverEachLook is our total over bare decoding and a model run a look.
	OverEachLook float64 `json:"overEachLook"`
	Gain         float64 `json:"gain"`
}

// Report is the result of a bench.
type Report struct {
	At      time.Time `json:"at"`
	CPU     string    `json:"cpu"`
	Cores   int       `json:"cores"`
	Streams []Stream  `json:"streams"`
}

// Run measures the main and the sub-stream.
func Run(ctx context.Context, o Options, now time.Time) (Report, error) {
	o = o.defaults()
	r := Report{At: now.UTC(), CPU: cpuName(), Cores: cores()}
	for _, s := range []struct {
		name, given string
		spec        spec
	}{
		{"1080p main", o.Main, spec{1920, 1080, 5000}},
		{"640x360 sub", o.Sub, spec{640, 360, 500}},
	} {
		path := s.given
		if path == "" {
			o.Progress("making the " + s.name + " stream")
			var err error
			if path, err = generate(ctx, o, s.spec); err != nil {
				return r, fmt.Errorf("bench %s: %w", s.name, err)
			}
		}
		st, err := measure(ctx, o, s.name, path)
		if err != nil {
			return r, fmt.Errorf("bench %s: %w", s.name, err)
		}
		r.Streams = append(r.Streams, st)
	}
	return r, nil
}

func (o Options) defaults() Options {
	for _, d := range []struct {
		v   *int
		def int
	}{{&o.Seconds, 30}, {&o.Passes, 3}, {&o.Warm, 8}, {&o.Cameras, 8}, {&o.SourceSeconds, 8}, {&o.SmallW, 640}, {&o.SmallH, 360}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o
}

// load reads at most seconds of a file.
func load(path string, seconds int) ([]*source.AccessUnit, float64, error) {
	d, err := media.OpenFile(path)
	if err != nil {
		return nil, 0, err
	}
	defer d.Close()
	var out []*source.AccessUnit
	for len(out) < int(float64(seconds)*d.FPS()+0.5) {
		u, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		out = append(out, u)
	}
	if len(out) < int(2*d.FPS()) || !out[0].Key {
		return nil, 0, fmt.Errorf("stream %s: need at least 2 s that begin with a key picture", path)
	}
	return out, d.FPS(), nil
}

// measure runs every stage on one stream.
func measure(ctx context.Context, o Options, name, path string) (Stream, error) {
	all, fps, err := load(path, o.Seconds)
	if err != nil {
		return Stream{}, err
	}
	seconds := float64(len(all)) / fps
	st := describe(name, all, fps)
	looks := oneASecond(all)
	st.Looks = len(looks)
	o.Progress(fmt.Sprintf("%s: receiving with %d cameras", name, o.Cameras))
	src, bareSrc, err := receive(ctx, o, all, fps)
	if err != nil {
		return st, err
	}
	warm := looks[:min(len(looks), o.Warm)]
	var ours []Cost
	var bare []Bare
	var nvr []NVR
	for pass := range o.Passes {
		o.Progress(fmt.Sprintf("%s: pass %d of %d", name, pass+1, o.Passes))
		if err := ctx.Err(); err != nil {
			return st, err
		}
		c, use, err := pipeline(o, warm, looks)
		if err != nil {
			return st, err
		}
		b, err := bareCost(o, looks, use)
		if err != nil {
			return st, err
		}
		n, err := nvrCost(o, all, fps)
		if err != nil {
			return st, err
		}
		ours, bare, nvr = append(ours, c.per(seconds)), append(bare, b.per(seconds)), append(nvr, n.per(seconds))
	}
	st.Ours, st.Bare, st.NVR = median(ours, bare, nvr)
	st.Ours.Source, st.NVR.Source, st.Bare.Receive = src, src, bareSrc
	st.finish()
	return st, nil
}

// finish adds up.
func (s *Stream) finish() {
	c := &s.Ours
	c.Total = c.Source + c.Decode + c.Scale + c.Diagnosis + c.Analytics + c.Runtime
	s.Bare.Total = s.Bare.Receive + s.Bare.Decode + s.Bare.Model
	s.NVR.Total = s.NVR.Source + s.NVR.Decode + s.NVR.Detect
	c.CamerasPerCore, s.NVR.CamerasPerCore = over(1000, c.Total), over(1000, s.NVR.Total)
	s.OverEachLook = over(c.Total, s.Bare.Receive+s.Bare.Decode+s.Bare.EachLook)
	s.OverBare, s.Gain = over(c.Total, s.Bare.Total), over(s.NVR.Total, c.Total)
}

func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func describe(name string, all []*source.AccessUnit, fps float64) Stream {
	p := all[0].Params
	s := Stream{Name: name, Codec: string(p.Codec), Width: p.Width, Height: p.Height, FPS: fps}
	bytes, keys := 0, 0
	for _, u := range all {
		bytes += u.Size()
		if u.Key {
			keys++
		}
	}
	seconds := float64(len(all)) / fps
	s.KbitS, s.GOPS = float64(bytes)*8/1000/seconds, seconds/float64(keys)
	return s
}

// oneASecond picks the key pictures that are looked at.
func oneASecond(all []*source.AccessUnit) []*source.AccessUnit {
	var out []*source.AccessUnit
	next := time.Duration(0)
	for _, u := range all {
		if u.Key && u.PTS >= next-100*time.Millisecond {
			out = append(out, u)
			next = u.PTS + time.Second
		}
	}
	return out
}

// median takes each figure's median over the passes.
func median(ours []Cost, bare []Bare, nvr []NVR) (Cost, Bare, NVR) {
	pick := func(n int, get func(int) float64) float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = get(i)
		}
		slices.Sort(v)
		return v[n/2]
	}
	n := len(ours)
	return Cost{
			Decode:    pick(n, func(i int) float64 { return ours[i].Decode }),
			Scale:     pick(n, func(i int) float64 { return ours[i].Scale }),
			Diagnosis: pick(n, func(i int) float64 { return ours[i].Diagnosis }),
			Analytics: pick(n, func(i int) float64 { return ours[i].Analytics }),
			Runtime:   pick(n, func(i int) float64 { return ours[i].Runtime }),
			Start:     pick(n, func(i int) float64 { return ours[i].Start }),
		}, Bare{
			Decode:       pick(n, func(i int) float64 { return bare[i].Decode }),
			Model:        pick(n, func(i int) float64 { return bare[i].Model }),
			ModelRuns:    pick(n, func(i int) float64 { return bare[i].ModelRuns }),
			VerifierRuns: pick(n, func(i int) float64 { return bare[i].VerifierRuns }),
			EachLook:     pick(n, func(i int) float64 { return bare[i].EachLook }),
		}, NVR{
			Decode: pick(n, func(i int) float64 { return nvr[i].Decode }),
			Detect: pick(n, func(i int) float64 { return nvr[i].Detect }),
		}
}
