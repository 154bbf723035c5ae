package still

import "encoding/binary"

// spread grows the set pixels (1) of p, w x h, by r in both directions: a
// pixel is set when one within r columns and r rows of it was. tmp needs room
// for the picture with r more on every side; its content is lost.
//
// The OR over a window of n is built from ORs over half of it, eight pixels at
// a time: a window costs log n steps instead of n.
func spread(p, tmp []byte, w, h, r int) {
	n := 2*r + 1
	for y := range h {
		row := tmp[:w+2*r]
		clear(row)
		copy(row[r:], p[y*w:(y+1)*w])
		orWindow(row, n, 1)
		copy(p[y*w:(y+1)*w], row)
	}
	all := tmp[:(h+2*r)*w]
	clear(all[:r*w])
	copy(all[r*w:], p[:h*w])
	clear(all[(r+h)*w:])
	orWindow(all, n, w)
	copy(p[:h*w], all)
}

// spreadRoom is the size of spread's tmp.
func spreadRoom(w, h, r int) int { return max((h+2*r)*w, w+2*r) }

// orWindow sets b[i] to the OR of b[i], b[i+step], … n of them; what lies
// behind the end counts as zero.
func orWindow(b []byte, n, step int) {
	size := 1
	for ; size*2 <= n; size *= 2 {
		orAhead(b, size*step)
	}
	if size < n {
		orAhead(b, (n-size)*step)
	}
}

// orAhead sets b[i] |= b[i+by], reading ahead of what it writes.
func orAhead(b []byte, by int) {
	if by >= len(b) {
		return
	}
	dst, src := b[:len(b)-by], b[by:]
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		d := dst[i : i+8 : i+8]
		binary.LittleEndian.PutUint64(d, binary.LittleEndian.Uint64(d)|binary.LittleEndian.Uint64(src[i:i+8:i+8]))
	}
	for ; i < len(dst); i++ {
		dst[i] |= src[i]
	}
}
