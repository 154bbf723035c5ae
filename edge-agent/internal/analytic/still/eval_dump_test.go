//go:build eval

package still

import (
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
)

// Dump writes what the engine sees at working size, side by side: the
// picture in the reference's light, the reference, the change, the stillness.
func (e *Engine) Dump(path string) error {
	m := image.NewRGBA(image.Rect(0, 0, 2*e.w, 2*e.h))
	for y := range e.h {
		for x := range e.w {
			i := y*e.w + x
			g := func(v byte) color.RGBA { return color.RGBA{v, v, v, 255} }
			m.Set(x, y, g(e.norm.y[i]))
			m.Set(x+e.w, y, g(e.ref.y8[i]))
			m.Set(x, y+e.h, g(e.work.change[i]*255))
			m.Set(x+e.w, y+e.h, g(byte(min(int(e.acc[i])/4, 255))))
		}
	}
	for _, t := range e.tracks {
		c := color.RGBA{255, 200, 0, 255}
		if t.verdict == accepted {
			c = color.RGBA{255, 0, 0, 255}
		}
		s := t.shape
		for x := s.x; x < s.x+s.w; x++ {
			m.Set(x, s.y, c)
			m.Set(x, s.y+s.h, c)
		}
		for y := s.y; y < s.y+s.h; y++ {
			m.Set(s.x, y, c)
			m.Set(s.x+s.w, y, c)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("dump: %w", err)
	}
	defer f.Close()
	return png.Encode(f, m)
}
