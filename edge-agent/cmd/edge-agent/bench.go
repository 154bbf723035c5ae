package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"jiexun/edge-agent/internal/app"
)

type benchCmd struct {
	modelFlags
	Main    string `help:"H.264 or H.265 file instead of the generated 1080p stream." type:"existingfile"`
	Sub     string `help:"File instead of the generated 640x360 stream." type:"existingfile"`
	Seconds int    `help:"Seconds of video of each pass." default:"30"`
	JSON    bool   `help:"Print JSON."`
	Profile string `help:"Write a CPU profile of the passes to this file."`
}

func (b *benchCmd) Run(ctx context.Context) (err error) {
	if b.Profile != "" {
		f, err := os.Create(b.Profile)
		if err != nil {
			return fmt.Errorf("open the profile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(fmt.Errorf("start the profile: %w", err), f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
	}
	return app.Bench(ctx, app.BenchOptions{
		Local: b.Local, Provider: b.Provider, Main: b.Main, Sub: b.Sub, Seconds: b.Seconds, JSON: b.JSON,
		Out: os.Stdout, Progress: os.Stderr,
	})
}
