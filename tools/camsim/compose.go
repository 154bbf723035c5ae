package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"jiexun/tools/internal/rtspcam"
	"jiexun/tools/internal/scene"
)

type composeCmd struct {
	Seed    uint64        `help:"The same seed gives the same scene." default:"1"`
	Kind    string        `help:"stacking, frontage, sign, mixed or distractors." default:"mixed"`
	Seconds float64       `help:"Length of the loop." default:"120"`
	Size    string        `help:"Picture size, WIDTHxHEIGHT." default:"1280x720"`
	FPS     float64       `help:"Pictures a second." default:"10"`
	GOP     time.Duration `help:"Distance of key pictures." default:"1s"`
	Out     string        `help:"Folder for main.mp4, sub.mp4, truth.json and reference.jpg." required:""`
	NoSub   bool          `help:"Write no sub-stream."`
	Once    bool          `help:"For playing once: things may be there at the start and leave for good."`
}

// Run composes one scene.
func (k *composeCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	spec := scene.Spec{Seed: k.Seed, Kind: scene.Kind(k.Kind), Seconds: k.Seconds, FPS: k.FPS, Once: k.Once}
	if _, err := fmt.Sscanf(k.Size, "%dx%d", &spec.Width, &spec.Height); err != nil {
		return fmt.Errorf("--size %q: use WIDTHxHEIGHT, for example 1280x720", k.Size)
	}
	if err := spec.Validate(); err != nil {
		return err
	}
	assets, err := scene.LoadAssets(ctx, c.Local)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := composeOne(ctx, assets, spec, scene.Output{Dir: k.Out, GOP: k.GOP.Seconds(), NoSub: k.NoSub}); err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	fmt.Printf("%s: %.0f pictures in %.1f s, %.0f a second\n", k.Out, spec.Seconds*spec.FPS, took, spec.Seconds*spec.FPS/took)
	conf := rtspcam.Config{Cameras: []rtspcam.CameraConfig{{Name: "cam1", Main: scene.MainFile, Sub: scene.SubFile, Truth: scene.TruthFile}}}
	if k.NoSub {
		conf.Cameras[0].Sub = "none"
	}
	return writeConfig(filepath.Join(k.Out, "scenes.json"), conf)
}

func composeOne(ctx context.Context, a *scene.Assets, spec scene.Spec, out scene.Output) error {
	comp, err := a.New(ctx, spec)
	if err != nil {
		return err
	}
	return comp.Write(ctx, out)
}

func writeConfig(path string, conf rtspcam.Config) error {
	raw, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return fmt.Errorf("write camera configuration: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write camera configuration: %w", err)
	}
	return nil
}

type demoCmd struct {
	Out   string `help:"Folder of the demonstration scenes." default:".local/demo/scenes"`
	Force bool   `help:"Compose again what is there."`
}

// demoScenes are the four cameras of the demonstration.
func demoScenes() []scene.Spec {
	spec := func(seed uint64, kind scene.Kind) scene.Spec {
		return scene.Spec{Seed: seed, Kind: kind, Seconds: 120, Width: 1280, Height: 720, FPS: 10}
	}
	return []scene.Spec{
		spec(101, scene.KindStacking), spec(202, scene.KindFrontage),
		spec(303, scene.KindSign), spec(405, scene.KindDistractors),
	}
}

// demoStamp marks a folder as holding this very scene.
type demoStamp struct {
	Renderer string     `json:"renderer"`
	Spec     scene.Spec `json:"spec"`
}

// Run composes the demonstration, or finds it composed.
func (d *demoCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	begin := time.Now()
	unlock, err := lockFolder(d.Out)
	if err != nil {
		return err
	}
	defer unlock()
	var conf rtspcam.Config
	var todo []int
	for i, spec := range demoScenes() {
		name := fmt.Sprintf("cam%d", i+1)
		conf.Cameras = append(conf.Cameras, rtspcam.CameraConfig{Name: name,
			Main: filepath.Join(name, scene.MainFile), Sub: filepath.Join(name, scene.SubFile), Truth: filepath.Join(name, scene.TruthFile)})
		if d.Force || !composed(filepath.Join(d.Out, name), spec) {
			todo = append(todo, i)
		}
	}
	if len(todo) > 0 {
		assets, err := scene.LoadAssets(ctx, c.Local)
		if err != nil {
			return err
		}
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(2)
		for _, i := range todo {
			group.Go(func() error { return d.one(gctx, assets, i) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	if err := writeConfig(filepath.Join(d.Out, "scenes.json"), conf); err != nil {
		return err
	}
	fmt.Printf("%d scenes composed, %d found ready, %.1f s; serve them with: camsim serve --config %s\n",
		len(todo), len(conf.Cameras)-len(todo), time.Since(begin).Seconds(), filepath.Join(d.Out, "scenes.json"))
	return nil
}

// lockFolder keeps a second composer waiting until the first is done.
func lockFolder(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create demonstration folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock demonstration folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock demonstration folder: %w", err)
	}
	// Closing the file gives the lock back.
	return func() { f.Close() }, nil
}

func (d *demoCmd) one(ctx context.Context, assets *scene.Assets, i int) error {
	spec := demoScenes()[i]
	dir := filepath.Join(d.Out, fmt.Sprintf("cam%d", i+1))
	if err := os.Remove(filepath.Join(dir, "stamp.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace scene: %w", err)
	}
	if err := composeOne(ctx, assets, spec, scene.Output{Dir: dir, GOP: 1}); err != nil {
		return fmt.Errorf("camera %d: %w", i+1, err)
	}
	raw, err := json.Marshal(demoStamp{scene.Renderer, spec})
	if err != nil {
		return fmt.Errorf("mark scene as composed: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "stamp.json"), raw, 0o644); err != nil {
		return fmt.Errorf("mark scene as composed: %w", err)
	}
	fmt.Printf("cam%d %s ready\n", i+1, spec.Kind)
	return nil
}

// composed tells whether the folder holds the scene, whole and up to date.
func composed(dir string, spec scene.Spec) bool {
	raw, err := os.ReadFile(filepath.Join(dir, "stamp.json"))
	if err != nil {
		return false
	}
	var s demoStamp
	if json.Unmarshal(raw, &s) != nil || s.Renderer != scene.Renderer || s.Spec != spec {
		return false
	}
	for _, name := range []string{scene.MainFile, scene.SubFile, scene.TruthFile, scene.ReferenceFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}
