package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // registers the decoder
	"io"
	"os"
	"path/filepath"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // registers the decoder

	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// maxPixels bounds a picture before it is decoded: 8K and a bit.
const maxPixels = 50_000_000

// CheckPicture refuses what is no JPEG, PNG or WebP picture of a sane size and
// gives its media type, whatever the sender called it.
func CheckPicture(data []byte) (string, error) {
	cfg, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", errs.Invalidf("body", "不是可识别的图片，请上传 JPEG、PNG 或 WebP")
	}
	if cfg.Width < 1 || cfg.Height < 1 || cfg.Width*cfg.Height > maxPixels {
		return "", errs.Invalidf("body", "图片尺寸 %dx%d 超出范围", cfg.Width, cfg.Height)
	}
	return "image/" + format, nil
}

// ThumbWidths are the widths that thumbnails come in.
func ThumbWidths() []int { return []int{160, 320, 640} }

// Thumb gives a JPEG of the picture, at most width pixels wide. It is made
// once and kept.
func (s *Store) Thumb(ctx context.Context, digest string, width int) ([]byte, error) {
	ref, err := s.Stat(ctx, digest)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.dir, "thumbs", fmt.Sprintf("%s-%d.jpg", ref.SM3, width))
	if b, err := os.ReadFile(file); err == nil {
		return b, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, ioError("read thumbnail", err)
	}
	select { // a decoded picture takes up to 200 MB
	case s.decoding <- struct{}{}:
		defer func() { <-s.decoding }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	data, err := os.ReadFile(s.path("files", ref.SM3))
	if err != nil {
		return nil, ioError("read picture", err)
	}
	b, err := shrink(data, width)
	if err != nil {
		return nil, err
	}
	return b, writeAtomic(file, b)
}

func shrink(data []byte, width int) ([]byte, error) {
	if _, err := CheckPicture(data); err != nil {
		return nil, err
	}
	src, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, errs.Wrap(errs.Invalid, "图片已损坏，无法生成缩略图", err)
	}
	b := src.Bounds()
	w := min(width, b.Dx())
	dst := image.NewRGBA(image.Rect(0, 0, w, max(1, b.Dy()*w/b.Dx())))
	draw.ApproxBiLinear.Scale(dst, dst.Bounds(), src, b, draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, dst, &jpeg.Options{Quality: 80}); err != nil {
		return nil, fmt.Errorf("write thumbnail: %w", err)
	}
	return out.Bytes(), nil
}

// writeAtomic never leaves half a file under its name.
func writeAtomic(file string, b []byte) error {
	tmp := file + "." + ids.New()
	if err := os.WriteFile(tmp, b, 0o640); err != nil {
		return ioError("keep thumbnail", err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return ioError("keep thumbnail", err)
	}
	return nil
}

// ReadAll gives a small file as bytes.
func (s *Store) ReadAll(ctx context.Context, digest string) ([]byte, Ref, error) {
	f, ref, err := s.Open(ctx, digest)
	if err != nil {
		return nil, ref, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, ref, ioError("read file", err)
	}
	return b, ref, nil
}
