package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// spec is a stream to make: pixels and kbit/s; always H.264, 25 pictures a
// second, one key picture a second, no B-frames, as cameras send.
type spec struct{ w, h, kbit int }

// generate encodes a stream once and keeps it in the cache. A given clip is
// played two and a half times as fast, so that ten pictures a second become
// twenty-five different ones, and gets sensor noise.
func generate(ctx context.Context, o Options, s spec) (string, error) {
	origin := "pattern"
	in := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%dx%d:rate=25:duration=%d", s.w, s.h, o.Seconds)}
	filter := "noise=alls=6:allf=t"
	if o.Clip != "" {
		origin = strings.TrimSuffix(filepath.Base(o.Clip), filepath.Ext(o.Clip))
		in = []string{"-stream_loop", "-1", "-i", o.Clip}
		filter = fmt.Sprintf("setpts=PTS/2.5,fps=25,crop=iw:iw*9/16,scale=%d:%d:flags=bicubic,noise=alls=6:allf=t", s.w, s.h)
	}
	path := filepath.Join(o.Cache, fmt.Sprintf("%s-%dx%d-%dk-%ds.h264", origin, s.w, s.h, s.kbit, o.Seconds))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	if err := os.MkdirAll(o.Cache, 0o755); err != nil {
		return "", fmt.Errorf("make cache folder: %w", err)
	}
	part := path + ".part"
	args := append([]string{"-v", "error", "-y"}, in...)
	args = append(args, "-vf", filter, "-t", fmt.Sprint(o.Seconds), "-an", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast",
		"-bf", "0", "-g", "25", "-keyint_min", "25", "-sc_threshold", "0",
		"-b:v", fmt.Sprintf("%dk", s.kbit), "-maxrate", fmt.Sprintf("%dk", s.kbit*6/5), "-bufsize", fmt.Sprintf("%dk", s.kbit*2), "-f", "h264", part)
	if out, err := exec.CommandContext(ctx, "ffmpeg", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("make stream with ffmpeg (install the ffmpeg package): %w: %.300s", err, out)
	}
	if err := os.Rename(part, path); err != nil {
		return "", fmt.Errorf("keep stream: %w", err)
	}
	return path, nil
}

func cores() int { return runtime.NumCPU() }

// cpuName is the processor's name for the report, empty when unknown.
func cpuName() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return ""
}
