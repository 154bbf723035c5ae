package main

import (
	"context"
	"os"

	"jiexun/edge-agent/internal/app"
)

type benchCmd struct {
	modelFlags
	Main    string `help:"H.264 or H.265 file instead of the generated 1080p stream." type:"existingfile"`
	Sub     string `help:"File instead of the generated 640x360 stream." type:"existingfile"`
	Seconds int    `help:"Seconds of video of each pass." default:"30"`
	JSON    bool   `help:"Print JSON."`
}

func (b *benchCmd) Run(ctx context.Context) error {
	return app.Bench(ctx, app.BenchOptions{
		Local: b.Local, Provider: b.Provider, Main: b.Main, Sub: b.Sub, Seconds: b.Seconds, JSON: b.JSON,
		Out: os.Stdout, Progress: os.Stderr,
	})
}
