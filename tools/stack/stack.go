package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

const boxName = "黄浦一号盒"

// stack is the running installation.
type stack struct {
	o        options
	p        ports
	out      io.Writer
	procs    []*process
	exited   chan error
	stopping atomic.Bool
}

func (s *stack) bin(name string) string { return filepath.Join(s.o.Bin, name) }
func (s *stack) data(parts ...string) string {
	return filepath.Join(append([]string{s.o.Data}, parts...)...)
}
func addr(port int) string                   { return fmt.Sprintf("127.0.0.1:%d", port) }
func (s *stack) say(format string, a ...any) { fmt.Fprintf(s.out, format+"\n", a...) }

// start brings the parts up in the order in which they need each other.
func (s *stack) start(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"simulated street: composing scenes (about a minute the first time)", s.scenes},
		{"cameras", s.cameras},
		{"center", s.center},
		{"media server", s.media},
		{"edge box", s.box},
		{"waiting until the cameras are judged", s.ready},
	} {
		s.say("· %s", step.name)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) scenesDir() string { return filepath.Join(s.o.Local, "demo", "scenes") }

func (s *stack) scenes(ctx context.Context) error {
	_, err := s.runOnce(ctx, s.bin("camsim"), "demo", "--out", s.scenesDir())
	return err
}

func (s *stack) cameras(ctx context.Context) error {
	if err := s.spawn("camsim", s.bin("camsim"), "serve", "--listen", addr(s.p.Camera), "--control", addr(s.p.CameraControl),
		"--config", filepath.Join(s.scenesDir(), "scenes.json")); err != nil {
		return err
	}
	return s.await(ctx, "the simulated cameras", fmt.Sprintf("http://%s/paths", addr(s.p.CameraControl)))
}

// database arguments of the center, the same for each of its commands.
func (s *stack) where() []string {
	a := []string{"--data", s.data("center")}
	if s.o.DB != "" {
		a = append(a, "--db", s.o.DB)
	}
	return a
}

func (s *stack) center(ctx context.Context) error {
	seed := append([]string{"seed", "demo"}, s.where()...)
	seed = append(seed, "--rtsp", "rtsp://"+addr(s.p.Camera), "--scenes", s.scenesDir())
	if s.o.Camera != "" {
		seed = append(seed, "--camera", s.o.Camera)
	}
	if _, err := s.runOnce(ctx, s.bin("center"), seed...); err != nil {
		return err
	}
	if err := s.enrolment(ctx); err != nil {
		return err
	}
	serve := append([]string{"serve"}, s.where()...)
	serve = append(serve, "--http", addr(s.p.HTTP), "--edge", addr(s.p.Edge), "--mqtt", addr(s.p.MQTT),
		"--media-api", "http://"+addr(s.p.API), "--media-rtsp", "rtsp://"+addr(s.p.RTSP),
		"--media-webrtc", "http://"+addr(s.p.WebRTC), "--media-hls", "http://"+addr(s.p.HLS))
	if err := s.spawn("center", s.bin("center"), serve...); err != nil {
		return err
	}
	return s.await(ctx, "the center", s.url()+"/healthz")
}

func (s *stack) url() string { return "http://" + addr(s.p.HTTP) }

// enrolment asks for a one-time token when the box has no identity yet. The
// addresses are part of an identity, so other ports mean a new one.
func (s *stack) enrolment(ctx context.Context) error {
	var box struct{ HTTPS, MQTT string }
	b, err := os.ReadFile(s.data("box1", "identity", "box.json"))
	if err == nil && json.Unmarshal(b, &box) == nil &&
		strings.HasSuffix(box.HTTPS, addr(s.p.Edge)) && strings.HasSuffix(box.MQTT, addr(s.p.MQTT)) {
		return nil
	}
	if err := os.RemoveAll(s.data("box1", "identity")); err != nil {
		return fmt.Errorf("forget the box's old identity: %w", err)
	}
	args := append([]string{"edge", "token"}, s.where()...)
	token, err := s.runOnce(ctx, s.bin("center"), append(args, "--edge", addr(s.p.Edge), boxName)...)
	if err != nil {
		return err
	}
	return os.WriteFile(s.data("token"), []byte(token), 0o600)
}

func (s *stack) media(ctx context.Context) error {
	conf := s.data("mediamtx.yml")
	if err := os.WriteFile(conf, []byte(mediaConfig(s.p)), 0o644); err != nil {
		return fmt.Errorf("write media configuration: %w", err)
	}
	if err := s.spawn("mediamtx", filepath.Join(s.o.Local, "bin", "mediamtx"), conf); err != nil {
		return err
	}
	return s.await(ctx, "the media server", fmt.Sprintf("http://%s/v3/paths/list", addr(s.p.API)))
}

func (s *stack) box(context.Context) error {
	args := []string{"run", "--data", s.data("box1"), "--local", s.o.Local, "--page", addr(s.p.Local)}
	if b, err := os.ReadFile(s.data("token")); err == nil {
		args = append(args, "--enrol", string(b))
		if err := os.Remove(s.data("token")); err != nil {
			return fmt.Errorf("remove the used token: %w", err)
		}
	}
	return s.spawn("edge-agent", s.bin("edge-agent"), args...)
}

// ready waits until the box has judged a picture of every camera.
func (s *stack) ready(ctx context.Context) error {
	return s.poll(ctx, "the box to judge every camera", func() error {
		var st struct {
			Cameras []struct {
				Camera, State, Detail string
				InferAgeMS            int64 `json:"inferAgeMs"`
			} `json:"cameras"`
		}
		if err := get(ctx, fmt.Sprintf("http://%s/status.json", addr(s.p.Local)), &st); err != nil {
			return err
		}
		if len(st.Cameras) == 0 {
			return fmt.Errorf("the box has no cameras yet")
		}
		for i, c := range st.Cameras {
			// A camera given by the user may be wrong; say so, go on.
			if c.InferAgeMS < 0 && (s.o.Camera == "" || i < len(st.Cameras)-1) {
				return fmt.Errorf("camera %s is %s %s", c.Camera, c.State, c.Detail)
			}
		}
		return nil
	})
}

func (s *stack) await(ctx context.Context, what, url string) error {
	return s.poll(ctx, what, func() error { return get(ctx, url, nil) })
}

func (s *stack) poll(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.Wait)
	defer cancel()
	var last error
	for {
		if last = try(); last == nil {
			return nil
		}
		select {
		case err := <-s.exited:
			return err
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w; see %s", s.o.Wait, what, last, s.data("logs"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: HTTP %d", url, resp.StatusCode)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 4<<20)).Decode(into)
}
