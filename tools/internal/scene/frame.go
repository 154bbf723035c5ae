package scene

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// frame is a planar 4:2:0 picture; width and height are even.
type frame struct {
	w, h    int
	y, u, v []byte
	buf     []byte
}

func newFrame(w, h int) *frame {
	n := w * h
	f := &frame{w: w, h: h, buf: make([]byte, n*3/2)}
	f.y, f.u, f.v = f.buf[:n], f.buf[n:n*5/4], f.buf[n*5/4:]
	return f
}

func (f *frame) copyFrom(o *frame) { copy(f.buf, o.buf) }

// mix moves f towards o by k/256.
func (f *frame) mix(o *frame, k int) {
	for i, v := range f.buf {
		f.buf[i] = byte((int(v)*(256-k) + int(o.buf[i])*k) >> 8)
	}
}

// yuv converts full-range RGB to studio-range BT.601, what the clip uses.
func yuv(c colour) (y, u, v float32) {
	y = 16 + 65.481*c.r + 128.553*c.g + 24.966*c.b
	u = 128 - 37.797*c.r - 74.203*c.g + 112*c.b
	v = 128 + 112*c.r - 93.786*c.g - 18.214*c.b
	return
}

func byteOf(v float32) byte {
	switch {
	case v <= 0:
		return 0
	case v >= 255:
		return 255
	}
	return byte(v + 0.5)
}

// decoder reads pictures from ffmpeg.
type decoder struct {
	cmd  *exec.Cmd
	out  *bufio.Reader
	errs bytes.Buffer
	w, h int
}

// decode starts reading a clip at start seconds, 10 pictures a second,
// through a filter chain that ends in pictures of w x h.
func decode(ctx context.Context, ffmpeg, path string, start float64, filter string, w, h int) (*decoder, error) {
	args := []string{"-nostdin", "-v", "error", "-threads", "1", "-ss", fmt.Sprintf("%.3f", start), "-i", path,
		"-an", "-r", "10", "-vf", filter, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-"}
	d := &decoder{cmd: exec.CommandContext(ctx, ffmpeg, args...), w: w, h: h}
	pipe, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start decoder: %w", err)
	}
	d.cmd.Stderr = &d.errs
	d.out = bufio.NewReaderSize(pipe, 1<<20)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start decoder: %w", err)
	}
	return d, nil
}

// next fills the frame; io.EOF at the end of the clip.
func (d *decoder) next(f *frame) error {
	if _, err := io.ReadFull(d.out, f.buf); err != nil {
		if errors.Is(err, io.EOF) {
			if msg := strings.TrimSpace(d.errs.String()); msg != "" {
				return fmt.Errorf("decode background: %s", msg)
			}
			return io.EOF
		}
		return fmt.Errorf("decode background: %w", err)
	}
	return nil
}

// stop ends the decoder early; what it says about that is of no interest.
func (d *decoder) stop() {
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
}

// filterFrame runs one picture through an ffmpeg filter chain.
func filterFrame(ctx context.Context, ffmpeg string, in *frame, filter string, w, h int) (*frame, error) {
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p",
		"-s", fmt.Sprintf("%dx%d", in.w, in.h), "-i", "-", "-vf", filter, "-pix_fmt", "yuv420p", "-f", "rawvideo", "-")
	cmd.Stdin = bytes.NewReader(in.buf)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	raw, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("filter picture: %w: %s", err, strings.TrimSpace(errs.String()))
	}
	f := newFrame(w, h)
	if len(raw) != len(f.buf) {
		return nil, fmt.Errorf("filter picture: got %d bytes, want %d", len(raw), len(f.buf))
	}
	copy(f.buf, raw)
	return f, nil
}
