package scene

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// The files of a composed scene in its folder.
const (
	MainFile      = "main.mp4"
	SubFile       = "sub.mp4"
	TruthFile     = "truth.json"
	ReferenceFile = "reference.jpg"
)

// Output says how a scene is written.
type Output struct {
	Dir string
	// GOP is the distance of key pictures in seconds, 0 means 1.
	GOP float64
	// NoSub leaves the 640x360 sub-stream out.
	NoSub bool
}

// Write composes the whole scene into the folder: main stream, sub-stream,
// truth and a picture of the empty scene. Everything is made aside and moved
// into place at the end, the truth last, so a reader never meets half a file
// and a folder that holds a truth is complete.
func (c *Composer) Write(ctx context.Context, out Output) error {
	defer c.Close()
	if err := os.MkdirAll(out.Dir, 0o755); err != nil {
		return fmt.Errorf("create scene folder: %w", err)
	}
	aside, err := os.MkdirTemp(out.Dir, ".composing-*")
	if err != nil {
		return fmt.Errorf("create scene folder: %w", err)
	}
	defer os.RemoveAll(aside)
	ref, err := c.Reference()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(aside, ReferenceFile), ref, 0o644); err != nil {
		return fmt.Errorf("write reference picture: %w", err)
	}
	if err := c.encode(ctx, aside, out); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(c.truth, "", "  ")
	if err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	if err := os.WriteFile(filepath.Join(aside, TruthFile), raw, 0o644); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	return moveInto(aside, out)
}

func moveInto(aside string, out Output) error {
	names := []string{MainFile, SubFile, ReferenceFile, TruthFile}
	if out.NoSub {
		names = []string{MainFile, ReferenceFile, TruthFile}
	}
	if err := os.Remove(filepath.Join(out.Dir, TruthFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replace scene: %w", err)
	}
	for _, n := range names {
		if err := os.Rename(filepath.Join(aside, n), filepath.Join(out.Dir, n)); err != nil {
			return fmt.Errorf("put scene in place: %w", err)
		}
	}
	return nil
}

func (c *Composer) encode(ctx context.Context, dir string, out Output) error {
	gop := out.GOP
	if gop <= 0 {
		gop = 1
	}
	fps := strconv.FormatFloat(c.spec.FPS, 'f', -1, 64)
	x264 := []string{"-c:v", "libx264", "-preset", "veryfast", "-threads", "2", "-bf", "0", "-sc_threshold", "0",
		"-g", strconv.Itoa(max(1, int(gop*c.spec.FPS+.5))), "-pix_fmt", "yuv420p"}
	args := []string{"-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p",
		"-s", fmt.Sprintf("%dx%d", c.spec.Width, c.spec.Height), "-r", fps, "-i", "-"}
	if out.NoSub {
		args = append(args, "-map", "0:v")
	} else {
		args = append(args, "-filter_complex", "[0:v]split[a][b];[b]scale=640:360:flags=area[s]", "-map", "[a]")
	}
	args = append(append(args, x264...), "-crf", "24", "-maxrate", "4M", "-bufsize", "8M",
		"-movflags", "+faststart", filepath.Join(dir, MainFile))
	if !out.NoSub {
		args = append(append(append(args, "-map", "[s]"), x264...), "-crf", "25", "-maxrate", "800k", "-bufsize", "1600k",
			"-movflags", "+faststart", filepath.Join(dir, SubFile))
	}
	cmd := exec.CommandContext(ctx, c.ffmpeg, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start encoder: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start encoder (install the Debian package ffmpeg): %w", err)
	}
	feed := c.feed(ctx, pipe)
	err = errors.Join(feed, pipe.Close())
	if werr := cmd.Wait(); werr != nil {
		return fmt.Errorf("encode scene: %w: %s", werr, strings.TrimSpace(errs.String()))
	}
	if err != nil {
		return fmt.Errorf("compose scene: %w", err)
	}
	return nil
}

func (c *Composer) feed(ctx context.Context, w io.Writer) error {
	for {
		buf, err := c.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
}

// Reference is the empty street as a JPEG: no passers-by, nothing put out,
// signs as registered.
func (c *Composer) Reference() ([]byte, error) {
	f := newFrame(c.spec.Width, c.spec.Height)
	f.copyFrom(c.m.plate)
	for i := range c.m.alpha {
		c.m.alpha[i], c.m.depth[i] = c.m.static.alpha[i], c.m.static.depth[i]
	}
	c.st.base.put(f, c.m, 0, 0, 1, c.st.baseFoot)
	c.st.board.put(f, nil, c.st.boardX, c.st.boardY, 1, 0)
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, f.fullRange(), &jpeg.Options{Quality: 92}); err != nil {
		return nil, fmt.Errorf("write reference picture: %w", err)
	}
	return buf.Bytes(), nil
}

// fullRange is the picture as still-image formats want it.
func (f *frame) fullRange() *image.YCbCr {
	im := image.NewYCbCr(image.Rect(0, 0, f.w, f.h), image.YCbCrSubsampleRatio420)
	for i, v := range f.y {
		im.Y[i] = byteOf((float32(v) - 16) * 255 / 219)
	}
	for i := range f.u {
		im.Cb[i] = byteOf((float32(f.u[i])-128)*255/224 + 128)
		im.Cr[i] = byteOf((float32(f.v[i])-128)*255/224 + 128)
	}
	return im
}
