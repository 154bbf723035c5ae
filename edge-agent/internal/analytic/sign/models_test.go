package sign_test

import (
	"image"
	"image/color"
	"image/draw"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/sign"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// localDir is the checkout's folder of downloaded things.
func localDir(t testing.TB) string {
	t.Helper()
	if d := os.Getenv("JIEXUN_LOCAL"); d != "" {
		return d
	}
	d, err := filepath.Abs("../../../../.local")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// readers loads the real text networks.
func readers(t testing.TB) (*infer.TextFinder, *infer.TextReader) {
	t.Helper()
	rt, err := infer.Open(infer.Options{Local: localDir(t)})
	if err != nil {
		t.Fatalf("run make setup: %v", err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	f, err := rt.TextFinder("ppocr-v4-det")
	if err != nil {
		t.Fatalf("run make setup: %v", err)
	}
	r, err := rt.TextReader("ppocr-v4-rec")
	if err != nil {
		t.Fatalf("run make setup: %v", err)
	}
	return f, r
}

func analyticOf(t testing.TB, zones ...edgev1.Zone) *sign.Analytic {
	t.Helper()
	return analyticWith(t, nil, zones...)
}

// analyticWith has a detector too.
func analyticWith(t testing.TB, d analytic.Detector, zones ...edgev1.Zone) *sign.Analytic {
	t.Helper()
	f, r := readers(t)
	cfg, err := sign.DefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	a, err := sign.New(sign.Options{Config: cfg, Zones: zones, Finder: f, Reader: r, Detector: d})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// face opens an installed Chinese font.
func face(t testing.TB, file string, px float64) font.Face {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("/usr/share/fonts/opentype/noto", file))
	if err != nil {
		t.Fatalf("install the package fonts-noto-cjk: %v", err)
	}
	c, err := opentype.ParseCollection(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.NumFonts() {
		f, err := c.Font(i)
		if err != nil {
			t.Fatal(err)
		}
		if name, err := f.Name(nil, 4); err == nil && filepath.Base(file)[:4] == "Noto" && containsSC(name) {
			fc, err := opentype.NewFace(f, &opentype.FaceOptions{Size: px, DPI: 72})
			if err != nil {
				t.Fatal(err)
			}
			return fc
		}
	}
	t.Fatal("the font collection holds no simplified Chinese")
	return nil
}

func containsSC(s string) bool {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == 'S' && s[i+1] == 'C' {
			return true
		}
	}
	return false
}

// street is a drawn picture: a wall of bricks with a plate on it.
type street struct {
	img  *image.RGBA
	rect image.Rectangle
}

func newStreet(w, h int, plate image.Rectangle, seed uint64) street {
	s := street{image.NewRGBA(image.Rect(0, 0, w, h)), plate}
	rnd := rand.New(rand.NewPCG(seed, 1))
	for by := 0; by < h; by += 12 {
		for bx := -(by / 12 % 2) * 16; bx < w; bx += 32 {
			v := 120 + rnd.IntN(40)
			draw.Draw(s.img, image.Rect(bx, by, bx+30, by+10), image.NewUniform(color.RGBA{uint8(v), uint8(v - 30), uint8(v - 45), 255}), image.Point{}, draw.Src)
		}
	}
	return s
}

func (s street) board(c color.Color) {
	draw.Draw(s.img, s.rect, image.NewUniform(c), image.Point{}, draw.Src)
}

// write draws a text in the middle of the plate, characters px high.
func (s street) write(t testing.TB, file, text string, px float64, c color.Color) {
	f := face(t, file, px)
	w := font.MeasureString(f, text).Round()
	d := font.Drawer{Dst: s.img, Src: image.NewUniform(c), Face: f}
	d.Dot = fixed.P((s.rect.Min.X+s.rect.Max.X-w)/2, (s.rect.Min.Y+s.rect.Max.Y)/2+int(px*0.38))
	d.DrawString(text)
}

// yuv adds the sensor's noise. The noise is a short sequence that starts
// elsewhere on each row, which keeps many pictures cheap.
func (s street) yuv(gain float64, noise int, seed uint64) *picture.YUV {
	b := s.img.Bounds()
	ycc := image.NewYCbCr(b, image.YCbCrSubsampleRatio420)
	for y := range b.Dy() {
		for x := range b.Dx() {
			o := y*s.img.Stride + x*4
			yy, cb, cr := color.RGBToYCbCr(s.img.Pix[o], s.img.Pix[o+1], s.img.Pix[o+2])
			ycc.Y[y*ycc.YStride+x] = yy
			ycc.Cb[y/2*ycc.CStride+x/2], ycc.Cr[y/2*ycc.CStride+x/2] = cb, cr
		}
	}
	p := &picture.YUV{W: b.Dx(), H: b.Dy(), Y: ycc.Y, U: ycc.Cb, V: ycc.Cr, YStride: ycc.YStride, CStride: ycc.CStride, FullRange: true}
	rnd := rand.New(rand.NewPCG(seed, 2))
	var grain [1021]float64
	for i := range grain {
		if noise > 0 {
			grain[i] = float64(rnd.IntN(2*noise+1) - noise)
		}
	}
	for y := range p.H {
		from := rnd.IntN(len(grain))
		for x := range p.W {
			v := float64(p.Y[y*p.YStride+x])*gain + grain[(from+x)%len(grain)]
			p.Y[y*p.YStride+x] = byte(min(max(v, 0), 255))
		}
	}
	return p
}

func (s street) zone(name string) edgev1.Zone {
	b, r := s.img.Bounds(), s.rect
	x0, y0 := float64(r.Min.X)/float64(b.Dx()), float64(r.Min.Y)/float64(b.Dy())
	x1, y1 := float64(r.Max.X)/float64(b.Dx()), float64(r.Max.Y)/float64(b.Dy())
	return edgev1.Zone{
		ID: "z", Name: "门头", Kind: edgev1.ZoneSign, SignName: name,
		Polygon: []edgev1.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}},
	}
}
