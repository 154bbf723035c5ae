package scene

import (
	"fmt"
	"image"
	"math"
	"os"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Fonts renders Chinese text with fonts installed on the machine.
type Fonts struct{ sans, serif *opentype.Font }

// The collections of Debian's fonts-noto-cjk; in each, the third font is the
// one with simplified Chinese shapes.
const (
	sansFile   = "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc"
	serifFile  = "/usr/share/fonts/opentype/noto/NotoSerifCJK-Bold.ttc"
	simplified = 2
)

// LoadFonts reads the installed fonts.
func LoadFonts() (*Fonts, error) {
	var f Fonts
	for _, l := range []struct {
		path string
		dst  **opentype.Font
	}{{sansFile, &f.sans}, {serifFile, &f.serif}} {
		data, err := os.ReadFile(l.path)
		if err != nil {
			return nil, fmt.Errorf("read font (install the Debian package fonts-noto-cjk): %w", err)
		}
		col, err := opentype.ParseCollection(data)
		if err != nil {
			return nil, fmt.Errorf("parse font %s: %w", l.path, err)
		}
		if *l.dst, err = col.Font(simplified); err != nil {
			return nil, fmt.Errorf("take font %s: %w", l.path, err)
		}
	}
	return &f, nil
}

// text draws a line centred in a box of w x h pixels, as large as fits, and
// calls put for each covered pixel. Track is the gap between characters as a
// share of the size.
func (f *Fonts) text(s string, serif bool, track, w, h float64, put func(x, y int, a float32)) error {
	src := f.sans
	if serif {
		src = f.serif
	}
	n := float64(max(1, utf8.RuneCountInString(s)))
	size := math.Min(h, w/(n*(1+track)))
	face, err := opentype.NewFace(src, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		return fmt.Errorf("open font: %w", err)
	}
	defer face.Close()
	gap := fixed.Int26_6(track * size * 64)
	var total fixed.Int26_6
	for _, c := range s {
		adv, _ := face.GlyphAdvance(c)
		total += adv + gap
	}
	img := image.NewAlpha(image.Rect(0, 0, int(w)+2, int(h*1.3)+2))
	d := font.Drawer{Dst: img, Src: image.Opaque, Face: face}
	// Chinese glyphs sit about 0.88 above and 0.12 below the line.
	d.Dot = fixed.Point26_6{X: (fixed.Int26_6(w*64) - total + gap) / 2, Y: fixed.Int26_6((h/2 + size*0.38) * 64)}
	for _, c := range s {
		d.DrawString(string(c))
		d.Dot.X += gap
	}
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			if a := img.Pix[y*img.Stride+x]; a > 0 {
				put(x, y, float32(a)/255)
			}
		}
	}
	return nil
}
