package sign

import "testing"

// Tiles cover the whole picture and overlap, whatever its size.
func TestTiles(t *testing.T) {
	for _, size := range [][2]int{{320, 240}, {960, 540}, {1280, 720}, {1920, 1080}, {2560, 1440}, {3840, 2160}, {4000, 100}} {
		list := tiles(size[0], size[1])
		for x := 0; x < size[0]; x += 10 {
			for y := 0; y < size[1]; y += 10 {
				in := 0
				for _, r := range list {
					if x >= r.X0 && x < r.X1 && y >= r.Y0 && y < r.Y1 {
						in++
					}
				}
				if in == 0 {
					t.Fatalf("%v: pixel %d,%d is in no tile of %v", size, x, y, list)
				}
			}
		}
		for _, r := range list {
			if r.X0 < 0 || r.Y0 < 0 || r.X1 > size[0] || r.Y1 > size[1] || r.W() > tileSide+tileOverlap || r.H() > tileSide+tileOverlap {
				t.Fatalf("%v: tile %v", size, r)
			}
		}
	}
	if n := len(tiles(1920, 1080)); n > 6 {
		t.Errorf("a full picture has %d tiles", n)
	}
}
