// Package rtsptest is an RTSP server for tests and for the bench: it serves
// a short generated video in a loop over TCP and UDP, with or without a
// password, takes published streams, and misbehaves on request.
package rtsptest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"jiexun/edge-agent/internal/source"
)

// Media is a short encoded video, cut into pictures.
type Media struct {
	Codec source.Codec
	FPS   float64
	// Units are the NAL units of each picture, parameter sets included.
	Units [][][]byte
	// VPS, SPS and PPS are the first sets of the stream.
	VPS, SPS, PPS []byte
}

// Cut makes Media of a byte stream. Pictures must be in output order (no
// B-frames), because the stream carries no times.
func Cut(codec source.Codec, fps float64, stream []byte) (Media, error) {
	m := Media{Codec: codec, FPS: fps}
	nalus := source.SplitAnnexB(stream)
	m.Units = source.Pictures(codec, nalus)
	if len(m.Units) == 0 {
		return m, fmt.Errorf("cut %s stream: no picture found", codec)
	}
	for _, n := range nalus {
		switch kind(codec, n) {
		case "vps":
			m.VPS = first(m.VPS, n)
		case "sps":
			m.SPS = first(m.SPS, n)
		case "pps":
			m.PPS = first(m.PPS, n)
		}
	}
	return m, nil
}

func first(have, n []byte) []byte {
	if have == nil {
		return n
	}
	return have
}

func kind(codec source.Codec, n []byte) string {
	if codec == source.H265 {
		return map[byte]string{32: "vps", 33: "sps", 34: "pps"}[(n[0]>>1)&0x3f]
	}
	return map[byte]string{7: "sps", 8: "pps"}[n[0]&0x1f]
}

// Spec says what to generate.
type Spec struct {
	Codec         source.Codec
	Width, Height int
	FPS, GOP      int // GOP in pictures
	Seconds       int
	// BFrames makes the stream unfit for serving (see Cut) but fit for
	// decoder tests.
	BFrames int
	// Noise adds sensor noise of this strength, 0..100.
	Noise int
}

// Generate encodes a moving test picture with the ffmpeg command.
func Generate(ctx context.Context, s Spec) (Media, error) {
	filter := fmt.Sprintf("testsrc2=size=%dx%d:rate=%d:duration=%d", s.Width, s.Height, s.FPS, s.Seconds)
	if s.Noise > 0 {
		filter += ",noise=alls=" + strconv.Itoa(s.Noise) + ":allf=t"
	}
	args := []string{"-v", "error", "-f", "lavfi", "-i", filter, "-pix_fmt", "yuv420p", "-threads", "1"}
	if s.Codec == source.H265 {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
			fmt.Sprintf("log-level=none:pools=1:frame-threads=1:keyint=%d:min-keyint=%d:scenecut=0:bframes=%d:repeat-headers=1", s.GOP, s.GOP, s.BFrames), "-f", "hevc", "-")
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-bf", strconv.Itoa(s.BFrames),
			"-g", strconv.Itoa(s.GOP), "-keyint_min", strconv.Itoa(s.GOP), "-sc_threshold", "0", "-f", "h264", "-")
	}
	cmd := exec.CommandContext(ctx, "ffmpeg", args...)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		return Media{}, fmt.Errorf("generate test video with ffmpeg (install the ffmpeg package): %w: %s", err, strings.TrimSpace(msg.String()))
	}
	return Cut(s.Codec, float64(s.FPS), out.Bytes())
}
