package clip

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/emmansun/gmsm/sm3"
)

// Cache prepares clips with the ffmpeg command line and keeps the results in
// a folder, named by the digest of the source and the recipe, so that a
// second start does no work.
type Cache struct {
	// Dir is created when missing.
	Dir string
	// FFmpeg and FFprobe are command names or paths; empty means the ones
	// on the PATH.
	FFmpeg, FFprobe string
}

// Recipe says how a source is turned into what is served.
type Recipe struct {
	// Filter is an ffmpeg video filter chain; empty keeps the picture, and
	// H.264 or H.265 sources are then copied without decoding.
	Filter string
	// Start and Length cut an excerpt in seconds; Length 0 means to the end.
	Start, Length float64
	// GOP is the distance of key pictures in seconds, 0 means 1.
	GOP float64
	// Kbit is the bitrate ceiling in kbit/s, 0 means by quality only.
	Kbit int
}

func (r Recipe) plain() bool { return r.Filter == "" && r.Start == 0 && r.Length == 0 }

func (r Recipe) key() string {
	return fmt.Sprintf("v1|%s|%.3f|%.3f|%.3f|%d", r.Filter, r.Start, r.Length, r.GOP, r.Kbit)
}

// Open prepares src by the recipe, or finds it prepared, and loads it.
func (c *Cache) Open(ctx context.Context, src string, r Recipe) (*Clip, error) {
	path, err := c.Prepare(ctx, src, r)
	if err != nil {
		return nil, err
	}
	return Load(path)
}

// Prepare makes the elementary stream and its sidecar and returns its path.
func (c *Cache) Prepare(ctx context.Context, src string, r Recipe) (string, error) {
	digest, err := fileDigest(src)
	if err != nil {
		return "", err
	}
	sum := sm3.Sum([]byte(digest + r.key()))
	base := filepath.Join(c.Dir, hex.EncodeToString(sum[:12]))
	for _, ext := range []string{".h264", ".h265"} {
		if fileExists(base+ext) && fileExists(base+ext+".json") {
			return base + ext, nil
		}
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", fmt.Errorf("create clip cache: %w", err)
	}
	info, err := c.probe(ctx, src)
	if err != nil {
		return "", err
	}
	copyOnly := r.plain() && (info.Codec == H264 || info.Codec == H265)
	if !copyOnly {
		info.Codec = H264
		info.PTSMs, info.DTSMs = nil, nil
	}
	out := base + "." + string(info.Codec)
	tmp, err := os.CreateTemp(c.Dir, "prep-*")
	if err != nil {
		return "", fmt.Errorf("create clip cache file: %w", err)
	}
	tmp.Close()
	defer os.Remove(tmp.Name())
	if err := c.convert(ctx, src, tmp.Name(), r, info, copyOnly); err != nil {
		return "", err
	}
	return out, c.finish(tmp.Name(), out, info)
}

// finish checks the result by parsing it, then moves it into place. The
// sidecar is written first: an entry without its stream is not an entry.
func (c *Cache) finish(tmp, out string, info Info) error {
	data, err := os.ReadFile(tmp)
	if err != nil {
		return fmt.Errorf("read prepared clip: %w", err)
	}
	clip, err := Parse(data, info)
	if err != nil {
		return fmt.Errorf("check prepared clip: %w", err)
	}
	info.Width, info.Height = clip.Width, clip.Height
	side, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("write clip sidecar: %w", err)
	}
	if err := os.WriteFile(tmp+".json", side, 0o644); err != nil {
		return fmt.Errorf("write clip sidecar: %w", err)
	}
	if err := os.Rename(tmp+".json", out+".json"); err != nil {
		return fmt.Errorf("store clip sidecar: %w", err)
	}
	if err := os.Rename(tmp, out); err != nil {
		return fmt.Errorf("store clip: %w", err)
	}
	return nil
}

func (c *Cache) convert(ctx context.Context, src, dst string, r Recipe, info Info, copyOnly bool) error {
	args := []string{"-nostdin", "-v", "error", "-y"}
	if r.Start > 0 {
		args = append(args, "-ss", ftoa(r.Start))
	}
	args = append(args, "-i", src, "-map", "0:v:0", "-an")
	if r.Length > 0 {
		args = append(args, "-t", ftoa(r.Length))
	}
	if copyOnly {
		args = append(args, "-c", "copy")
	} else {
		gop := r.GOP
		if gop <= 0 {
			gop = 1
		}
		if r.Filter != "" {
			args = append(args, "-vf", r.Filter)
		}
		args = append(args, "-r", ftoa(info.FPS), "-pix_fmt", "yuv420p", "-c:v", "libx264",
			"-preset", "veryfast", "-bf", "0", "-sc_threshold", "0",
			"-g", strconv.Itoa(max(1, int(gop*info.FPS+0.5))), "-crf", "23")
		if r.Kbit > 0 {
			args = append(args, "-maxrate", fmt.Sprintf("%dk", r.Kbit), "-bufsize", fmt.Sprintf("%dk", 2*r.Kbit))
		}
	}
	muxer := "h264"
	if info.Codec == H265 {
		muxer = "hevc"
	}
	args = append(args, "-f", muxer, dst)
	if _, err := run(ctx, or(c.FFmpeg, "ffmpeg"), args...); err != nil {
		return fmt.Errorf("prepare %s: %w", src, err)
	}
	return nil
}

type probeResult struct {
	Streams []struct {
		Codec     string `json:"codec_name"`
		Width     int    `json:"width"`
		Height    int    `json:"height"`
		FrameRate string `json:"r_frame_rate"`
		Average   string `json:"avg_frame_rate"`
	} `json:"streams"`
	Packets []struct {
		PTS string `json:"pts_time"`
		DTS string `json:"dts_time"`
	} `json:"packets"`
}

func (c *Cache) probe(ctx context.Context, src string) (Info, error) {
	raw, err := run(ctx, or(c.FFprobe, "ffprobe"), "-v", "error", "-select_streams", "v:0",
		"-show_entries", "stream=codec_name,width,height,r_frame_rate,avg_frame_rate:packet=pts_time,dts_time",
		"-of", "json", src)
	if err != nil {
		return Info{}, fmt.Errorf("look into %s: %w", src, err)
	}
	var p probeResult
	if err := json.Unmarshal(raw, &p); err != nil {
		return Info{}, fmt.Errorf("look into %s: %w", src, err)
	}
	if len(p.Streams) == 0 {
		return Info{}, fmt.Errorf("%s holds no video", src)
	}
	s := p.Streams[0]
	info := Info{Codec: Codec(s.Codec), Width: s.Width, Height: s.Height, FPS: ratio(s.Average)}
	if s.Codec == "hevc" {
		info.Codec = H265
	}
	if info.FPS <= 0 || info.FPS > 240 {
		info.FPS = ratio(s.FrameRate)
	}
	if info.FPS <= 0 || info.FPS > 240 {
		info.FPS = 25
	}
	for _, k := range p.Packets {
		pts, err1 := strconv.ParseFloat(k.PTS, 64)
		dts, err2 := strconv.ParseFloat(k.DTS, 64)
		if err1 != nil || err2 != nil {
			info.PTSMs, info.DTSMs = nil, nil
			break
		}
		info.PTSMs = append(info.PTSMs, pts*1000)
		info.DTSMs = append(info.DTSMs, dts*1000)
	}
	return info, nil
}

func run(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("%s is not installed; install the Debian package ffmpeg: %w", name, err)
		}
		msg := strings.TrimSpace(errOut.String())
		if len(msg) > 400 {
			msg = msg[:400]
		}
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, msg)
	}
	return out.Bytes(), nil
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open clip: %w", err)
	}
	defer f.Close()
	h := sm3.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read clip %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func fileExists(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular()
}

func ratio(s string) float64 {
	num, den, ok := strings.Cut(s, "/")
	if !ok {
		return 0
	}
	n, err1 := strconv.ParseFloat(num, 64)
	d, err2 := strconv.ParseFloat(den, 64)
	if err1 != nil || err2 != nil || d == 0 {
		return 0
	}
	return n / d
}

func ftoa(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
