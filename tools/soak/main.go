// Command soak runs an edge agent on many simulated cameras that misbehave at
// random, and checks that each camera's state tells the truth in time and
// that nothing in the agent grows.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/clip"
	"jiexun/tools/internal/rtspcam"
)

type options struct {
	Agent    string        `help:"The edge-agent program." default:"bin/edge-agent" type:"path"`
	Local    string        `help:"Folder of models and prepared media." env:"JIEXUN_LOCAL" default:".local" type:"path"`
	Cameras  int           `help:"How many cameras." default:"16"`
	For      time.Duration `help:"How long to run after the warm-up." default:"10m"`
	Warmup   time.Duration `help:"Time before figures count." default:"120s"`
	Interval time.Duration `help:"Time between two looks at a camera." default:"2s"`
	Seed     uint64        `help:"Seed of the misbehaviour." default:"1"`
	Out      string        `help:"File for the report as JSON."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("soak"), kong.Description("Misbehaving cameras against one edge agent."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
	r.print(os.Stdout)
	if o.Out != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err == nil {
			err = os.WriteFile(o.Out, b, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "soak:", err)
			os.Exit(1)
		}
	}
	if !r.Passed() {
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (*report, error) {
	srv, err := cameras(ctx, o)
	if err != nil {
		return nil, err
	}
	defer srv.Close()
	dir, err := os.MkdirTemp("", "jiexun-soak-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "watch.json")
	if err := writeConfig(conf, o, srv); err != nil {
		return nil, err
	}
	agent, err := startAgent(ctx, o, conf)
	if err != nil {
		return nil, err
	}
	defer agent.stop()
	j := newJudge(o, agent)
	go misbehave(ctx, o, srv, j)
	return j.follow(ctx)
}

// cameras serves the fixed-camera clip, scaled to the usual sub-stream, under
// as many names as asked for. They share one parsed file.
func cameras(ctx context.Context, o options) (*rtspcam.Server, error) {
	cache := &clip.Cache{Dir: filepath.Join(o.Local, "cache", "camsim")}
	var cams []rtspcam.Camera
	for i := range o.Cameras {
		k := rtspcam.CameraConfig{Name: fmt.Sprintf("cam%02d", i+1), Main: filepath.Join(o.Local, "media", "vtest.avi"), Sub: "none"}
		c, err := k.Open(ctx, cache, ".")
		if err != nil {
			return nil, err
		}
		cams = append(cams, c)
	}
	return rtspcam.Start(rtspcam.Options{Listen: "127.0.0.1:0", Cameras: cams, Cache: cache})
}

// id makes a camera's id, shaped like a ULID, from its number.
func id(i int) string { return fmt.Sprintf("01JXS0AKCAM0000000000000%02d", i+1) }

func writeConfig(path string, o options, srv *rtspcam.Server) error {
	c := edgev1.Config{V: edgev1.ProtocolVersion, Edge: "01JXS0AKED0E00000000000000", Version: 1, MadeAt: edgev1.At(time.Now())}
	for i := range o.Cameras {
		c.Cameras = append(c.Cameras, edgev1.Camera{
			ID: id(i), Name: fmt.Sprintf("cam%02d", i+1), IntervalMS: o.Interval.Milliseconds(),
			URL: fmt.Sprintf("rtsp://%s/cam%02d/main", srv.Addr(), i+1),
			Zones: []edgev1.Zone{{
				ID: fmt.Sprintf("01JXS0AKZ0NE0000000000000%d", i%10), Name: "pavement", Kind: edgev1.ZonePavement, DwellS: 8,
				Polygon: []edgev1.Point{{X: .02, Y: .3}, {X: .98, Y: .3}, {X: .98, Y: .98}, {X: .02, Y: .98}},
			}},
		})
	}
	b, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return fmt.Errorf("encode configuration: %w", err)
	}
	return os.WriteFile(path, b, 0o600)
}

// misbehave raises faults at random cameras, about a third of them at a time.
func misbehave(ctx context.Context, o options, srv *rtspcam.Server, j *judge) {
	kinds := []rtspcam.Fault{
		rtspcam.FaultDrop, rtspcam.FaultCorrupt, rtspcam.FaultFreeze, rtspcam.FaultBlack, rtspcam.FaultShift,
		rtspcam.FaultResolution, rtspcam.FaultStop, rtspcam.FaultAuth, rtspcam.FaultAudioOnly,
	}
	rnd := rand.New(rand.NewPCG(o.Seed, 7))
	wait := func(d time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d):
			return true
		}
	}
	if !wait(o.Warmup) {
		return
	}
	for {
		i := rnd.IntN(o.Cameras)
		f := rtspcam.FaultSpec{Kind: kinds[rnd.IntN(len(kinds))], Seconds: 15 + 25*rnd.Float64()}
		if j.idle(i) {
			name := fmt.Sprintf("cam%02d/main", i+1)
			if err := srv.Raise(ctx, name, f); err != nil {
				j.note("raise %s on %s: %v", f.Kind, name, err)
			} else {
				j.raised(i, f, time.Now())
			}
		}
		if !wait(time.Duration(2000+rnd.IntN(3000)) * time.Millisecond) {
			return
		}
	}
}
