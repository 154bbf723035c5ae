package blob_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/errs"
)

func open(t *testing.T) (*blob.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := blob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func TestPut(t *testing.T) {
	s, dir := open(t)
	data := []byte("abc")
	const want = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" // SM3 of abc
	for range 2 {
		ref, err := s.PutBytes(t.Context(), data, "image/png")
		if err != nil || ref.SM3 != want || ref.Size != 3 {
			t.Fatalf("%+v %v", ref, err)
		}
	}
	got, ref, err := s.ReadAll(t.Context(), want)
	if err != nil || !bytes.Equal(got, data) || ref.MediaType != "image/png" {
		t.Fatalf("%q %+v %v", got, ref, err)
	}
	if _, err := s.Put(t.Context(), strings.NewReader("abcd"), "image/png", 3); !errs.Is(err, errs.TooLarge) {
		t.Errorf("too large: %v", err)
	}
	if _, err := s.Put(t.Context(), strings.NewReader(""), "image/png", 3); !errs.Is(err, errs.Invalid) {
		t.Errorf("empty: %v", err)
	}
	if _, err := s.Put(t.Context(), iotest.ErrReader(errors.New("line broke")), "image/png", 3); err == nil {
		t.Error("a broken line was taken for a file")
	}
	if _, err := s.Stat(t.Context(), "../../etc/passwd"); !errs.Is(err, errs.Invalid) {
		t.Errorf("path as digest: %v", err)
	}
	left, err := os.ReadDir(filepath.Join(dir, "partial"))
	if err != nil || len(left) != 0 {
		t.Errorf("%d unfinished files are left, %v", len(left), err)
	}
}

func TestPartial(t *testing.T) {
	s, _ := open(t)
	data := bytes.Repeat([]byte("0123456789"), 1000)
	d := blob.Digest(data)
	n, whole, err := s.Append(t.Context(), "box", d, "image/jpeg", 0, int64(len(data)), io.LimitReader(bytes.NewReader(data), 4000))
	if err != nil || whole || n != 4000 {
		t.Fatalf("first part: %d %v %v", n, whole, err)
	}
	if s.Has(t.Context(), d) {
		t.Fatal("half a file is readable")
	}
	// The line breaks in the middle of the second part: what came stays.
	n, _, err = s.Append(t.Context(), "box", d, "image/jpeg", 4000, int64(len(data)), io.MultiReader(bytes.NewReader(data[4000:6000]), iotest.ErrReader(errors.New("line broke"))))
	if err == nil || n != 6000 {
		t.Fatalf("broken part: %d %v", n, err)
	}
	var at *blob.ErrOffset
	if _, _, err = s.Append(t.Context(), "box", d, "image/jpeg", 4000, int64(len(data)), bytes.NewReader(data[4000:])); !errors.As(err, &at) || at.Offset != 6000 {
		t.Fatalf("wrong offset: %v", err)
	}
	if n, err := s.Partial("other", d); err != nil || n != 0 {
		t.Fatalf("another owner sees %d bytes, %v", n, err)
	}
	n, whole, err = s.Append(t.Context(), "box", d, "image/jpeg", 6000, int64(len(data)), bytes.NewReader(data[6000:]))
	if err != nil || !whole || n != int64(len(data)) {
		t.Fatalf("last part: %d %v %v", n, whole, err)
	}
	got, _, err := s.ReadAll(t.Context(), d)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("content differs, %v", err)
	}
	bad := blob.Digest([]byte("x"))
	if _, _, err = s.Append(t.Context(), "box", bad, "image/jpeg", 0, 3, strings.NewReader("abc")); !errs.Is(err, errs.Invalid) || s.Has(t.Context(), bad) {
		t.Fatalf("wrong digest: %v", err)
	}
	if _, _, err = s.Append(t.Context(), "box", bad, "image/jpeg", 0, 3, strings.NewReader("abcdef")); !errs.Is(err, errs.Invalid) {
		t.Fatalf("longer than declared: %v", err)
	}
	if _, _, err = s.Append(t.Context(), "box", bad, "image/jpeg", 0, 9, strings.NewReader("abc")); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Fatalf("swept %d, %v", n, err)
	}
}

func picture(t *testing.T, w, h int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for x := range w {
		m.Set(x, h/2, color.RGBA{R: 255, A: 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPictures(t *testing.T) {
	s, _ := open(t)
	mt, err := blob.CheckPicture(picture(t, 1000, 500))
	if err != nil || mt != "image/png" {
		t.Fatalf("%s %v", mt, err)
	}
	for name, data := range map[string][]byte{"text": []byte("<script>"), "empty": nil, "cut off header": picture(t, 10, 10)[:20]} {
		if _, err := blob.CheckPicture(data); !errs.Is(err, errs.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ref, err := s.PutBytes(t.Context(), picture(t, 1000, 500), "image/png")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // made, then kept
		b, err := s.Thumb(t.Context(), ref.SM3, 320)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil || cfg.Width != 320 || cfg.Height != 160 {
			t.Fatalf("thumbnail %dx%d, %v", cfg.Width, cfg.Height, err)
		}
	}
	cut := picture(t, 1000, 500)
	ref, err = s.PutBytes(t.Context(), cut[:len(cut)/2], "image/png")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Thumb(t.Context(), ref.SM3, 320); !errs.Is(err, errs.Invalid) {
		t.Errorf("broken picture: %v", err)
	}
}
