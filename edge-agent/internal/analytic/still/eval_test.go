//go:build eval

package still_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/picture"
)

// clip plays a file through ffmpeg at a steady rate.
type clip struct {
	w, h int
	cmd  *exec.Cmd
	r    *bufio.Reader
}

func openClip(path, fps string) (*clip, error) {
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries",
		"stream=width,height", "-of", "csv=p=0", path).Output()
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", path, err)
	}
	var c clip
	if _, err := fmt.Sscanf(strings.TrimSpace(string(out)), "%d,%d", &c.w, &c.h); err != nil {
		return nil, fmt.Errorf("probe %s: %q: %w", path, out, err)
	}
	c.cmd = exec.Command("ffmpeg", "-v", "error", "-threads", "1", "-i", path, "-vf", "fps="+fps,
		"-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	pipe, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.r = bufio.NewReaderSize(pipe, 1<<20)
	return &c, c.cmd.Start()
}

func (c *clip) next() (*picture.YUV, error) {
	p := picture.NewYUV(c.w, c.h)
	for _, b := range [][]byte{p.Y, p.U, p.V} {
		if _, err := io.ReadFull(c.r, b); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (c *clip) close() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}

func whole() []edgev1.Point {
	return []edgev1.Point{{X: 0, Y: 0}, {X: 1, Y: 0}, {X: 1, Y: 1}, {X: 0, Y: 1}}
}

// found is one thing that was accepted, with the second of its confirmation.
type found struct {
	key        string
	at         float64
	first, end float64
	box        edgev1.Box
}

// play runs the engine over a clip and lists what it accepted.
func play(t *testing.T, e *still.Engine, path, fps string, each func(sec float64, l still.Look, p *picture.YUV)) []found {
	t.Helper()
	c, err := openClip(path, fps)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	rate, _ := strconv.ParseFloat(fps, 64)
	start := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC)
	var out []found
	seen := map[string]int{}
	for i := 0; ; i++ {
		p, err := c.next()
		if err != nil {
			break
		}
		sec := float64(i) / rate
		l, err := e.Observe(context.Background(), &analytic.Input{Camera: "c", Frame: p, At: start.Add(time.Duration(sec * float64(time.Second)))})
		if err != nil {
			t.Fatal(err)
		}
		if each != nil {
			each(sec, l, p)
		}
		for _, th := range l.Things {
			k, ok := seen[th.Key]
			if !ok && th.Accepted {
				seen[th.Key] = len(out)
				if dir := os.Getenv("STILL_DUMP"); dir != "" {
					_ = e.Dump(filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", strings.ReplaceAll(t.Name(), "/", "_"), th.Key, fps)))
				}
				out = append(out, found{key: th.Key, at: sec, first: th.Since.Sub(start).Seconds(), box: th.Box, end: sec})
			}
			if ok && th.State != analytic.Gone {
				out[k].end = sec
			}
		}
	}
	return out
}

func shared(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("JIEXUN_SHARED")
	if dir == "" {
		t.Fatal("set JIEXUN_SHARED to the folder with testdata/clips")
	}
	return filepath.Join(dir, "testdata", "clips", name)
}

func abodaPavement() []edgev1.Point {
	var p []edgev1.Point
	for _, v := range [][2]float64{{286, 0}, {478, 0}, {470, 478}, {22, 478}, {40, 398}, {150, 220}} {
		p = append(p, edgev1.Point{X: v[0] / 720, Y: v[1] / 480})
	}
	return p
}

func TestEvalClips(t *testing.T) {
	for _, tc := range []struct {
		name string
		zone []edgev1.Point
		want int
	}{
		{"aboda_video4.avi", whole(), 1},
		{"aboda_video4.avi", abodaPavement(), 1},
		{"vtest.avi", whole(), 0},
		{"car-detection.mp4", whole(), 0},
	} {
		for _, fps := range []string{"1", "2", "5"} {
			t.Run(fmt.Sprintf("%s@%s/%d", tc.name, fps, len(tc.zone)), func(t *testing.T) {
				o := still.Options{Regions: []still.Region{{ID: "z", Polygon: tc.zone, Dwell: 8 * time.Second, EndDelay: 5 * time.Second}}}
				o.Verifier, o.Detector = networks(t)
				e, err := still.New(o)
				if err != nil {
					t.Fatal(err)
				}
				why := map[string]int{}
				n := 0
				got := play(t, e, shared(t, tc.name), fps, func(sec float64, l still.Look, _ *picture.YUV) {
					why[l.NoVerdict]++
					n++
					if testing.Verbose() && os.Getenv("STILL_TRACE") != "" {
						for _, th := range l.Things {
							t.Logf("%.1f fg %.3f %s %s acc %v dwell %.1f score %.2f box %.3f %.3f %.3f %.3f judged %+v", sec, l.Foreground, th.Key, th.State, th.Accepted,
								th.Dwell.Seconds(), th.Score, th.Box.X, th.Box.Y, th.Box.W, th.Box.H, th.Judged)
						}
					}
				})
				t.Logf("looks %d, reasons %v", n, why)
				for _, f := range got {
					t.Logf("found %s at %.1f s since %.1f s until %.1f, box %.3f %.3f %.3f %.3f", f.key, f.at, f.first, f.end, f.box.X, f.box.Y, f.box.W, f.box.H)
				}
				if len(got) != tc.want {
					t.Errorf("found %d things, want %d", len(got), tc.want)
				}
			})
		}
	}
}
