package source

import "bytes"

// SplitAnnexB cuts a byte stream at its start codes. The parts share the
// memory of b; what comes before the first start code is ignored.
func SplitAnnexB(b []byte) [][]byte {
	var out [][]byte
	start := nextCode(b, 0)
	for start < len(b) {
		end := nextCode(b, start)
		stop := end
		if end < len(b) || bytes.HasSuffix(b, startCode) {
			stop = max(start, end-3)
		}
		if n := bytes.TrimRight(b[start:stop], "\x00"); len(n) > 0 {
			out = append(out, n)
		}
		start = end
	}
	return out
}

var startCode = []byte{0, 0, 1}

// nextCode is the place just after the next start code, len(b) when there is
// none.
func nextCode(b []byte, from int) int {
	i := bytes.Index(b[from:], startCode)
	if i < 0 {
		return len(b)
	}
	return from + i + 3
}

// Pictures groups the NAL units of a byte stream into pictures: a new one
// starts at a delimiter, a parameter set or a first slice that follows
// picture data.
func Pictures(c Codec, nalus [][]byte) [][][]byte {
	var out [][][]byte
	var cur [][]byte
	havePicture := false
	for _, n := range nalus {
		r, vcl, _ := classify(c, n)
		first := vcl && firstSlice(c, n)
		if havePicture && (!vcl && !isSuffix(c, n) || r <= rolePPS || first) {
			out, cur, havePicture = append(out, cur), nil, false
		}
		cur = append(cur, n)
		havePicture = havePicture || vcl
	}
	if havePicture {
		out = append(out, cur)
	}
	return out
}

// firstSlice reads whether a slice begins a picture: first_mb_in_slice 0, or
// the first-slice flag of H.265.
func firstSlice(c Codec, n []byte) bool {
	if c == H265 {
		return len(n) > 2 && n[2]&0x80 != 0
	}
	return len(n) > 1 && n[1]&0x80 != 0
}

// isSuffix tells units that belong to the picture before them.
func isSuffix(c Codec, n []byte) bool {
	if c == H265 {
		t := (n[0] >> 1) & 0x3F
		return t == 40 || t == 37 || t == 36 || t == 38
	}
	t := n[0] & 0x1F
	return t == 10 || t == 11 || t == 12
}
