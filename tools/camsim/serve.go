package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"jiexun/tools/internal/clip"
	"jiexun/tools/internal/rtspcam"
)

type serveCmd struct {
	Listen  string            `help:"RTSP address." default:"127.0.0.1:8654"`
	Control string            `help:"HTTP control address, empty for none." default:"127.0.0.1:8655"`
	Config  string            `help:"Cameras from a configuration file." type:"existingfile"`
	File    map[string]string `help:"Cameras from video files, name=path." mapsep:","`
	NoUDP   bool              `help:"Offer RTP over TCP only."`
}

// Run serves until interrupted.
func (s *serveCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cache := c.cache()
	cams, err := s.cameras(ctx, cache)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	srv, err := rtspcam.Start(rtspcam.Options{
		Listen: s.Listen, UDP: !s.NoUDP, Cameras: cams, Cache: cache, Log: log,
	})
	if err != nil {
		return err
	}
	defer srv.Close()
	for _, p := range srv.Info() {
		fmt.Printf("%s  %s %dx%d %.3g fps, loop %.1f s\n", p.URL, p.Codec, p.Width, p.Height, p.FPS, p.LoopS)
	}
	if s.Control == "" {
		<-ctx.Done()
		return nil
	}
	return serveControl(ctx, s.Control, srv.Control())
}

func serveControl(ctx context.Context, addr string, h http.Handler) error {
	return serveControlOn(ctx, addr, h, func(at string) { fmt.Printf("control http://%s/paths\n", at) })
}

// serveControlOn tells the address that was opened and serves until the
// context ends.
func serveControlOn(ctx context.Context, addr string, h http.Handler, opened func(string)) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("open control address: %w", err)
	}
	opened(l.Addr().String())
	web := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		// A request that prepares a picture is not worth waiting for.
		_ = web.Close()
	}()
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve control: %w", err)
	}
	return nil
}

func (s *serveCmd) cameras(ctx context.Context, cache *clip.Cache) ([]rtspcam.Camera, error) {
	var conf rtspcam.Config
	dir := "."
	if s.Config != "" {
		raw, err := os.ReadFile(s.Config)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		if conf, err = rtspcam.ParseConfig(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Config, err)
		}
		if dir, err = filepath.Abs(filepath.Dir(s.Config)); err != nil {
			return nil, fmt.Errorf("find configuration folder: %w", err)
		}
	}
	for name, file := range s.File {
		abs, err := filepath.Abs(file)
		if err != nil {
			return nil, fmt.Errorf("find %s: %w", file, err)
		}
		conf.Cameras = append(conf.Cameras, rtspcam.CameraConfig{Name: name, Main: abs})
	}
	if len(conf.Cameras) == 0 {
		return nil, errors.New("name cameras with --config FILE or --file name=path")
	}
	if err := conf.Validate(); err != nil {
		return nil, err
	}
	var cams []rtspcam.Camera
	for _, k := range conf.Cameras {
		cam, err := k.Open(ctx, cache, dir)
		if err != nil {
			return nil, err
		}
		cams = append(cams, cam)
	}
	return cams, nil
}

func (c *cli) cache() *clip.Cache {
	return &clip.Cache{Dir: filepath.Join(c.Local, "cache", "camsim")}
}

type listCmd struct {
	Control string `help:"HTTP control address of the simulator." default:"127.0.0.1:8655"`
	JSON    bool   `help:"Print JSON."`
}

// Run asks a running simulator for its paths.
func (l *listCmd) Run() error {
	web := &http.Client{Timeout: 5 * time.Second}
	res, err := web.Get("http://" + l.Control + "/paths")
	if err != nil {
		return fmt.Errorf("ask the simulator (is camsim serve running?): %w", err)
	}
	defer res.Body.Close()
	var paths []rtspcam.PathInfo
	if err := json.NewDecoder(res.Body).Decode(&paths); err != nil {
		return fmt.Errorf("read the simulator's answer: %w", err)
	}
	if l.JSON {
		return json.NewEncoder(os.Stdout).Encode(paths)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PATH\tVIDEO\tPOSITION\tPACKETS\tFAULT\tURL")
	for _, p := range paths {
		fault := strings.TrimSpace(fmt.Sprintf("%s %.0fs", p.Fault, p.FaultLeft))
		if p.Fault == "" {
			fault = "-"
		}
		fmt.Fprintf(w, "%s\t%s %dx%d@%.3g\t%.1f/%.1f\t%d\t%s\t%s\n",
			p.Path, p.Codec, p.Width, p.Height, p.FPS, p.Position, p.LoopS, p.Packets, fault, p.URL)
	}
	return w.Flush()
}
