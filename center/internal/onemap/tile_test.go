package onemap_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"

	"jiexun/center/internal/onemap"
	"jiexun/center/internal/onemap/tile"
)

// seen reads all tiles of a zoom around a place and gives what each feature
// stands for: one object, or the number of a group.
func seen(t testing.TB, s *onemap.Service, ctx context.Context, layer string, z int, f onemap.Filter, lng, lat float64) []int { //nolint:revive // testing comes first everywhere here
	t.Helper()
	x0, y0 := tile.Pixel(lng-0.16, lat+0.14, z)
	x1, y1 := tile.Pixel(lng+0.16, lat-0.14, z)
	out := []int{}
	for x := int(x0); x <= int(x1); x++ {
		for y := int(y0); y <= int(y1); y++ {
			got, err := s.Tile(ctx, onemap.TileQuery{Layer: layer, Z: z, X: x, Y: y, Filter: f}, "")
			if err != nil {
				t.Fatal(err)
			}
			n, err := features(got.Body)
			if err != nil {
				t.Fatalf("tile %d/%d/%d: %v", z, x, y, err)
			}
			out = append(out, n...)
			same, err := s.Tile(ctx, onemap.TileQuery{Layer: layer, Z: z, X: x, Y: y, Filter: f}, got.ETag)
			if err != nil || !same.Known || same.Body != nil {
				t.Fatalf("tile %d/%d/%d is not known by its version: %+v %v", z, x, y, same, err)
			}
		}
	}
	return out
}

// features decodes a vector tile far enough to count.
func features(b []byte) ([]int, error) {
	out := []int{}
	for len(b) > 0 {
		field, v, _, rest, err := next(b)
		if err != nil {
			return nil, err
		}
		b = rest
		if field != 3 {
			return nil, fmt.Errorf("field %d in a tile", field)
		}
		n, err := layerCounts(v)
		if err != nil {
			return nil, err
		}
		out = append(out, n...)
	}
	return out, nil
}

func layerCounts(b []byte) ([]int, error) {
	var feats, keys, vals [][]byte
	for len(b) > 0 {
		field, v, _, rest, err := next(b)
		if err != nil {
			return nil, err
		}
		b = rest
		switch field {
		case 2:
			feats = append(feats, v)
		case 3:
			keys = append(keys, v)
		case 4:
			vals = append(vals, v)
		}
	}
	out := []int{}
	for _, f := range feats {
		n := 1
		for len(f) > 0 {
			field, v, _, rest, err := next(f)
			if err != nil {
				return nil, err
			}
			f = rest
			for field == 2 && len(v) > 0 {
				k, a := binary.Uvarint(v)
				x, c := binary.Uvarint(v[a:])
				if a <= 0 || c <= 0 || int(k) >= len(keys) || int(x) >= len(vals) {
					return nil, fmt.Errorf("a tag points nowhere")
				}
				v = v[a+c:]
				if string(keys[k]) == "n" {
					_, _, num, _, err := next(vals[x])
					if err != nil {
						return nil, err
					}
					n = int(num)
				}
			}
		}
		out = append(out, n)
	}
	return out, nil
}

func next(b []byte) (field uint64, v []byte, num uint64, rest []byte, err error) {
	tag, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, 0, nil, fmt.Errorf("no tag")
	}
	b = b[n:]
	switch tag & 7 {
	case 0:
		num, n = binary.Uvarint(b)
		if n <= 0 {
			return 0, nil, 0, nil, fmt.Errorf("no number")
		}
		return tag >> 3, nil, num, b[n:], nil
	case 1:
		if len(b) < 8 {
			return 0, nil, 0, nil, fmt.Errorf("short")
		}
		return tag >> 3, b[:8], 0, b[8:], nil
	case 2:
		size, n := binary.Uvarint(b)
		if n <= 0 || uint64(len(b)-n) < size {
			return 0, nil, 0, nil, fmt.Errorf("short")
		}
		return tag >> 3, b[n : n+int(size)], 0, b[n+int(size):], nil
	}
	return 0, nil, 0, nil, fmt.Errorf("wire %d", tag&7)
}
