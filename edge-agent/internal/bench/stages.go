package bench

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/source"
)

// threadCPU is the CPU time of this thread; the caller is locked to it.
func threadCPU() time.Duration { return cpuClock(unix.CLOCK_THREAD_CPUTIME_ID) }

// processCPU is the CPU time of all threads.
func processCPU() time.Duration { return cpuClock(unix.CLOCK_PROCESS_CPUTIME_ID) }

func cpuClock(id int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(id, &t) != nil {
		return 0 // both clocks exist on every Linux
	}
	return time.Duration(t.Nano())
}

// stopwatch adds up CPU time per stage: of this thread, or of the whole
// process where a stage works on other threads too, as the networks do.
type stopwatch struct {
	clock func() time.Duration
	last  time.Duration
}

func (s *stopwatch) start() { s.last = s.clock() }

// lap gives the milliseconds since start or the last lap.
func (s *stopwatch) lap() float64 {
	now := s.clock()
	d := now - s.last
	s.last = now
	return float64(d) / 1e6
}

// pipeline runs our stages over the looks and gives total milliseconds and
// the runs of models. The warm ones come before: they open the
// decoder, fill the pools and teach the scene.
func pipeline(o Options, warm, looks []*source.AccessUnit) (Cost, modelUse, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pool := media.NewFramePool()
	dec, scale := media.NewDecoder(pool), media.NewScaler(pool)
	defer dec.Close()
	defer scale.Close()
	if o.Stages.Reset != nil {
		o.Stages.Reset()
	}
	var c, start Cost
	for _, u := range warm {
		if err := look(o, dec, scale, u, &start); err != nil {
			return c, modelUse{}, err
		}
	}
	c.Start = start.Scale + start.Diagnosis + start.Analytics
	runtime.GC()
	before, verified := modelRuns(o), o.Stages.verified()
	process := processCPU()
	for _, u := range looks {
		if err := look(o, dec, scale, u, &c); err != nil {
			return c, modelUse{}, err
		}
	}
	c.Runtime = max(0, float64(processCPU()-process)/1e6-c.Decode-c.Scale-c.Diagnosis-c.Analytics)
	runs := modelRuns(o) - before
	if o.Stages.ModelRuns == nil && o.Stages.Analytics != nil && o.Stages.Detect != nil {
		runs = int64(len(looks))
	}
	return c, modelUse{detector: runs, verifier: o.Stages.verified() - verified}, nil
}

// modelUse counts the runs of a pass.
type modelUse struct{ detector, verifier int64 }

func (s *Stages) verified() int64 {
	if s.VerifierRuns == nil || s.Verify == nil {
		return 0
	}
	return s.VerifierRuns()
}

func modelRuns(o Options) int64 {
	if o.Stages.ModelRuns == nil {
		return 0
	}
	return o.Stages.ModelRuns()
}

// look takes one key picture through the stages.
func look(o Options, dec *media.Decoder, scale *media.Scaler, u *source.AccessUnit, c *Cost) error {
	w := stopwatch{clock: threadCPU}
	w.start()
	f, err := dec.Key(u)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	defer f.Release()
	c.Decode += w.lap()
	small := &f.YUV
	if f.W != o.SmallW || f.H != o.SmallH {
		s, err := scale.Scale(&f.YUV, o.SmallW, o.SmallH)
		if err != nil {
			return err
		}
		defer s.Release()
		small = &s.YUV
	}
	c.Scale += w.lap()
	if o.Stages.Diagnosis != nil {
		o.Stages.Diagnosis(small)
	}
	c.Diagnosis += w.lap()
	w.clock = processCPU
	w.start()
	if o.Stages.Analytics != nil {
		o.Stages.Analytics(&f.YUV, small)
	}
	c.Analytics += w.lap()
	return nil
}

// bareCost decodes the same key pictures with libavcodec alone and runs the
// models as often as the pipeline did.
func bareCost(o Options, looks []*source.AccessUnit, use modelUse) (Bare, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var b Bare
	packets := make([][]byte, len(looks))
	for i, u := range looks {
		packets[i] = u.AppendAnnexB(nil)
	}
	if _, err := media.BareKeys(looks[0].Codec, packets[:1]); err != nil {
		return b, err
	}
	w := stopwatch{clock: processCPU}
	w.start()
	n, err := media.BareKeys(looks[0].Codec, packets)
	if err != nil || n != len(looks) {
		return b, fmt.Errorf("bare decode: %d of %d pictures: %w", n, len(looks), err)
	}
	b.Decode = w.lap()
	b.ModelRuns, b.VerifierRuns = float64(use.detector), float64(use.verifier)
	if o.Stages.Verify != nil {
		b.Model = float64(use.verifier) * timed(&w, o.Stages.Verify)
	}
	if o.Stages.Detect == nil {
		return b, nil
	}
	small, err := smallOf(o, looks[0])
	if err != nil {
		return b, err
	}
	run := timed(&w, func() { o.Stages.Detect(small) })
	b.Model += run * float64(use.detector)
	b.EachLook = run * float64(len(looks))
	return b, nil
}

// timed is the mean of a few runs, in milliseconds; the first one, which opens
// what there is to open, does not count.
func timed(w *stopwatch, f func()) float64 {
	const tries = 5
	f()
	w.start()
	for range tries {
		f()
	}
	return w.lap() / tries
}

// smallOf decodes a unit to the size of the detector's input.
func smallOf(o Options, u *source.AccessUnit) (*picture.YUV, error) {
	pool := media.NewFramePool()
	dec, scale := media.NewDecoder(pool), media.NewScaler(pool)
	defer dec.Close()
	defer scale.Close()
	f, err := dec.Key(u)
	if err != nil {
		return nil, err
	}
	s, err := scale.Scale(&f.YUV, o.SmallW, o.SmallH)
	if err != nil {
		return nil, err
	}
	return &s.YUV, nil
}

// nvrCost runs the usual way: every picture decoded, five a second scaled
// and given to the detector.
func nvrCost(o Options, all []*source.AccessUnit, fps float64) (NVR, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var n NVR
	pool := media.NewFramePool()
	dec, err := media.NewStreamDecoder(all[0].Codec, pool)
	if err != nil {
		return n, err
	}
	defer dec.Close()
	scale := media.NewScaler(pool)
	defer scale.Close()
	count, step := 0, max(1, int(fps/detectorFPS+0.5))
	want := func() bool { count++; return count%step == 0 }
	detect := 0.0
	var fail error
	do := func(p *picture.YUV) {
		w := stopwatch{clock: processCPU}
		w.start()
		s, err := scale.Scale(p, o.SmallW, o.SmallH)
		if err != nil {
			fail = err
			return
		}
		defer s.Release()
		if o.Stages.Detect != nil {
			o.Stages.Detect(&s.YUV)
		}
		detect += w.lap()
	}
	w := stopwatch{clock: processCPU}
	w.start()
	for _, u := range all {
		if err := dec.Decode(u, want, do); err != nil {
			return n, fmt.Errorf("decode every picture: %w", err)
		}
	}
	total := w.lap()
	if fail != nil {
		return n, fail
	}
	n.Detect, n.Decode = detect, total-detect
	return n, nil
}

// per turns totals into figures per second of video.
func (c Cost) per(s float64) Cost {
	return Cost{Decode: c.Decode / s, Scale: c.Scale / s, Diagnosis: c.Diagnosis / s, Analytics: c.Analytics / s, Runtime: c.Runtime / s, Start: c.Start}
}

func (b Bare) per(s float64) Bare {
	return Bare{Decode: b.Decode / s, Model: b.Model / s, ModelRuns: b.ModelRuns / s, VerifierRuns: b.VerifierRuns / s, EachLook: b.EachLook / s}
}

func (n NVR) per(s float64) NVR { return NVR{Decode: n.Decode / s, Detect: n.Detect / s} }
