package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/clip"
	"jiexun/tools/internal/rtspcam"
	"jiexun/tools/internal/scene"
)

// testCase is one clip with what is true about it.
type testCase struct {
	name  string
	cam   rtspcam.Camera
	truth scene.Truth
}

// zoneWhole is the only zone of a clip that came without truth.
const zoneWhole = "whole"

// clipCase takes a video file. Its truth is FILE.truth.json, or truth.json in
// its folder when the file is called main; without one, nothing should be
// recognised anywhere in the picture.
func clipCase(ctx context.Context, cache *clip.Cache, path string) (testCase, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return testCase{}, fmt.Errorf("find %s: %w", path, err)
	}
	base := filepath.Base(abs)
	name := strings.TrimSuffix(base, filepath.Ext(base))
	conf := rtspcam.CameraConfig{Main: abs}
	truthFile := abs + ".truth.json"
	if name == strings.TrimSuffix(scene.MainFile, filepath.Ext(scene.MainFile)) {
		name = filepath.Base(filepath.Dir(abs))
		truthFile = filepath.Join(filepath.Dir(abs), scene.TruthFile)
		if _, err := os.Stat(filepath.Join(filepath.Dir(abs), scene.SubFile)); err == nil {
			conf.Sub = filepath.Join(filepath.Dir(abs), scene.SubFile)
		}
	}
	conf.Name = safeName(name)
	cam, err := conf.Open(ctx, cache, "")
	if err != nil {
		return testCase{}, err
	}
	cam.Once = true
	c := testCase{name: conf.Name, cam: cam}
	raw, err := os.ReadFile(truthFile)
	if errors.Is(err, os.ErrNotExist) {
		c.truth = emptyTruth(cam.Main)
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read truth: %w", err)
	}
	if c.truth, err = scene.ParseTruth(raw); err != nil {
		return c, fmt.Errorf("%s: %w", truthFile, err)
	}
	return c, nil
}

func emptyTruth(c *clip.Clip) scene.Truth {
	return scene.Truth{Version: scene.TruthVersion, Kind: scene.KindDistractors, Width: c.Width, Height: c.Height,
		FPS: c.FPS, DurationS: c.Duration.Seconds(), Zones: []edgev1.Zone{{ID: zoneWhole, Name: "全部", Kind: edgev1.ZonePavement,
			Polygon: []edgev1.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}}}}
}

func safeName(s string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, s)
	if out == "" || out[0] == '-' || out[0] == '_' {
		out = "clip" + out
	}
	return out[:min(len(out), 60)]
}

// parseSeeds reads "7" or "1-20".
func parseSeeds(s string) (from, to uint64, err error) {
	a, b, ok := strings.Cut(s, "-")
	if !ok {
		b = a
	}
	from, err1 := strconv.ParseUint(strings.TrimSpace(a), 10, 63)
	to, err2 := strconv.ParseUint(strings.TrimSpace(b), 10, 63)
	if err1 != nil || err2 != nil || to < from || to-from > 9999 {
		return 0, 0, fmt.Errorf("seeds %q: use a number or a range such as 1-20", s)
	}
	return from, to, nil
}

// specs lists the composed scenes: seeds in turn, kinds in rotation.
func specs(n int, from, to uint64, kinds []string, seconds float64) ([]scene.Spec, error) {
	var out []scene.Spec
	for i := range n {
		seed := from + uint64(i)
		if seed > to {
			return nil, fmt.Errorf("%d composed scenes need %d seeds, %d-%d has %d", n, n, from, to, to-from+1)
		}
		s := scene.Spec{Seed: seed, Kind: scene.Kind(kinds[i%len(kinds)]), Seconds: seconds, Width: 1280, Height: 720, FPS: 10, Once: true}
		if err := s.Validate(); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// compose makes a scene in the folder, or finds it made earlier.
func compose(ctx context.Context, a *scene.Assets, s scene.Spec, root string) (string, error) {
	dir := filepath.Join(root, fmt.Sprintf("%s-%s-%d-%gs-once", scene.Renderer, s.Kind, s.Seed, s.Seconds))
	if _, err := os.Stat(filepath.Join(dir, scene.TruthFile)); err == nil {
		return filepath.Join(dir, scene.MainFile), nil
	}
	c, err := a.New(ctx, s)
	if err != nil {
		return "", err
	}
	if err := c.Write(ctx, scene.Output{Dir: dir, GOP: 1}); err != nil {
		return "", err
	}
	return filepath.Join(dir, scene.MainFile), nil
}
