package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/frontage"
	"jiexun/edge-agent/internal/analytic/stacking"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/bench"
	"jiexun/edge-agent/internal/diagnosis"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"
)

// BenchOptions of a measurement.
type BenchOptions struct {
	Local, Provider string
	Main, Sub       string
	Seconds         int
	JSON            bool
	Out, Progress   io.Writer
}

// Bench measures what one camera costs on this machine, stage by stage, with
// the same analytics and models that a box runs.
func Bench(ctx context.Context, o BenchOptions) (err error) {
	nets, err := loadNetworks(infer.Options{Local: o.Local, Provider: o.Provider, Parallel: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, nets.rt.Close()) }()
	s := &benchStages{ctx: ctx, nets: nets}
	if err := s.reset(); err != nil {
		return err
	}
	clip := filepath.Join(o.Local, "media", "vtest.avi")
	if _, err := os.Stat(clip); err != nil {
		clip = ""
	}
	r, err := bench.Run(ctx, bench.Options{
		Cache: filepath.Join(o.Local, "cache", "bench"), Clip: clip, Main: o.Main, Sub: o.Sub, Seconds: o.Seconds,
		SmallW: smallWidth, SmallH: smallHeight(16, 9),
		Stages: bench.Stages{
			Diagnosis: s.diagnose, Analytics: s.analyse, Detect: s.detect,
			ModelRuns: s.runs.Load, Verify: s.verify, VerifierRuns: s.judged.Load,
			Reset: func() {
				if err := s.reset(); err != nil && s.err == nil {
					s.err = err
				}
			},
		},
		Progress: func(text string) { fmt.Fprintln(o.Progress, text) },
	}, time.Now())
	if err = errors.Join(err, s.err); err != nil {
		return err
	}
	if o.JSON {
		e := json.NewEncoder(o.Out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.WriteTable(o.Out)
}

// benchStages are a box's analytics outside a box.
type benchStages struct {
	ctx          context.Context
	nets         *networks
	runs, judged atomic.Int64
	asked        analytic.Look
	err          error

	at      time.Time
	checker *diagnosis.Checker
	all     []analytic.Analytic
}

// counted counts the detector's runs.
type counted struct {
	analytic.Detector
	n *atomic.Int64
}

func (c counted) Detect(ctx context.Context, p *picture.RGB) ([]analytic.Object, error) {
	c.n.Add(1)
	return c.Detector.Detect(ctx, p)
}

// judging counts the verifier's runs and keeps what it was last asked.
type judging struct{ *benchStages }

func (j judging) Judge(ctx context.Context, l analytic.Look) (analytic.Judgement, error) {
	j.judged.Add(1)
	j.asked = l
	return j.nets.verifier.Judge(ctx, l)
}

// reset makes fresh analytics over a pavement that fills the lower half and a
// shop's strip.
func (s *benchStages) reset() error {
	zones := []edgev1.Zone{
		{ID: "pavement", Name: "pavement", Kind: edgev1.ZonePavement, DwellS: 8, Polygon: []edgev1.Point{{X: 0, Y: .4}, {X: 1, Y: .4}, {X: 1, Y: 1}, {X: 0, Y: 1}}},
		{ID: "frontage", Name: "frontage", Kind: edgev1.ZoneFrontage, DwellS: 8, Polygon: []edgev1.Point{{X: 0, Y: .2}, {X: 1, Y: .2}, {X: 1, Y: .4}, {X: 0, Y: .4}}},
	}
	stack, front := stacking.Default(), frontage.Default()
	regions, err := stacking.Regions(zones, stack)
	if err != nil {
		return err
	}
	strips, err := frontage.Regions(zones, front)
	if err != nil {
		return err
	}
	engine, err := still.New(still.Options{Regions: append(regions, strips...), Detector: counted{s.nets.detector, &s.runs}, Verifier: judging{s}, Models: s.nets.thingModels})
	if err != nil {
		return err
	}
	a, err := stacking.New(engine, zones, stack)
	if err != nil {
		return err
	}
	b, err := frontage.New(engine, zones, front)
	if err != nil {
		return err
	}
	dc, err := diagnosis.DefaultConfig()
	if err != nil {
		return err
	}
	k, err := diagnosis.New(dc)
	if err != nil {
		return err
	}
	s.all, s.checker, s.at = []analytic.Analytic{a, b}, k, time.Unix(1_700_000_000, 0).UTC()
	return nil
}

func (s *benchStages) diagnose(p *picture.YUV) { s.checker.Look(diagnosis.Sample{At: s.at, Small: p}) }

// analyse is one look; looks are a second apart.
func (s *benchStages) analyse(full, small *picture.YUV) {
	s.at = s.at.Add(time.Second)
	in := &analytic.Input{Camera: "bench", At: s.at, Frame: full, Small: small}
	for _, a := range s.all {
		if _, err := a.Observe(s.ctx, in); err != nil && s.err == nil {
			s.err = err
		}
	}
}

// verify asks the verifier again what it was asked last.
func (s *benchStages) verify() {
	if s.asked.Current == nil {
		return
	}
	if _, err := s.nets.verifier.Judge(s.ctx, s.asked); err != nil && s.err == nil {
		s.err = err
	}
}

func (s *benchStages) detect(p *picture.YUV) {
	if _, err := s.nets.detector.Detect(s.ctx, p.ToRGB(p.Full())); err != nil && s.err == nil {
		s.err = err
	}
}
