//go:build eval

package diagnosis

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

// TestEvalClips runs real fixed-camera clips at 1 and 5 looks a second; no
// picture of them is faulty.
func TestEvalClips(t *testing.T) {
	dir := os.Getenv("JIEXUN_SHARED")
	if dir == "" {
		t.Fatal("set JIEXUN_SHARED to the folder of the test material")
	}
	for _, clip := range []string{"vtest.avi", "aboda_video4.avi", "car-detection.mp4"} {
		for _, fps := range []string{"1", "5"} {
			cmd := exec.Command("ffmpeg", "-v", "error", "-i", filepath.Join(dir, "testdata/clips", clip), "-vf", "fps="+fps+",scale=384:216:flags=area", "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			k := newCamera(t, 1).k
			step := time.Second
			if fps == "5" {
				step /= 5
			}
			r, at, looks, unfit := bufio.NewReader(out), t0, 0, map[string]int{}
			for {
				p := picture.NewYUV(384, 216)
				if _, err := io.ReadFull(r, p.Y); err != nil {
					break
				}
				io.ReadFull(r, p.U)
				io.ReadFull(r, p.V)
				at = at.Add(step)
				rep := k.Look(Sample{At: at, Small: p})
				looks++
				if !rep.Fit {
					unfit[rep.Reason]++
				}
				if rep.Diagnosis != edgev1.Healthy {
					t.Errorf("%s at %s fps, %s: %s %+v", clip, fps, at.Sub(t0), rep.Diagnosis, rep.Numbers)
					break
				}
			}
			cmd.Process.Kill()
			cmd.Wait()
			t.Logf("%s at %s fps: %d looks, unfit %v", clip, fps, looks, unfit)
		}
	}
}
