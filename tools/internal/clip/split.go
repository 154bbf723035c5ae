package clip

import (
	"bytes"
	"iter"
)

// splitNALUs walks the NAL units of an Annex B stream; empty ones and those
// too short to hold a header are left out.
func splitNALUs(data []byte, header int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := nextStart(data, 0)
		for start >= 0 {
			begin := start + 3
			end := nextStart(data, begin)
			stop := len(data)
			if end >= 0 {
				stop = end
			}
			nalu := bytes.TrimRight(data[begin:stop], "\x00")
			if len(nalu) > header && !yield(nalu) {
				return
			}
			start = end
		}
	}
}

// nextStart finds the next 00 00 01 at or after from.
func nextStart(data []byte, from int) int {
	i := bytes.Index(data[from:], []byte{0, 0, 1})
	if i < 0 {
		return -1
	}
	return from + i
}

// splitUnits groups NAL units into access units: a new one begins at the
// first slice of a picture, together with the parameter sets and messages
// in front of it. Delimiters are dropped.
func splitUnits(data []byte, codec Codec) [][][]byte {
	header := 1
	if codec == H265 {
		header = 2
	}
	var units [][][]byte
	var lead, cur [][]byte
	for n := range splitNALUs(data, header) {
		slice, first, drop := classify(n, codec)
		switch {
		case drop:
		case !slice:
			lead = append(lead, n)
		case first:
			if cur != nil {
				units = append(units, cur)
			}
			cur = append(lead, n)
			lead = nil
		case cur != nil:
			cur = append(append(cur, lead...), n)
			lead = nil
		}
	}
	if cur != nil {
		units = append(units, cur)
	}
	return units
}

// classify tells whether a NAL unit is a coded slice, whether it is the first
// of its picture, and whether it is of no use to a receiver.
func classify(n []byte, codec Codec) (slice, first, drop bool) {
	if codec == H264 {
		t := n[0] & 0x1F
		switch {
		case t >= 1 && t <= 5:
			// first_mb_in_slice is an Exp-Golomb 0, a single 1 bit.
			return true, n[1]&0x80 != 0, false
		case t == 9, t >= 10 && t <= 12:
			return false, false, true
		}
		return false, false, false
	}
	t := (n[0] >> 1) & 0x3F
	switch {
	case t <= 31:
		return true, n[2]&0x80 != 0, false
	case t >= 35 && t <= 38:
		return false, false, true
	}
	return false, false, false
}
