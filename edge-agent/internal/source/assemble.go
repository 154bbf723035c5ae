package source

import (
	"bytes"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// Assembler sorts the NAL units of one stream: it keeps the parameter sets,
// drops delimiters, and tells key pictures. It belongs to one session and is
// used from one goroutine.
type Assembler struct {
	params *Params
	// Broken counts parameter sets that could not be read.
	Broken uint64
}

// NewAssembler starts with the sets of the session description, any of which
// may be missing.
func NewAssembler(codec Codec, vps, sps, pps []byte) *Assembler {
	a := &Assembler{params: &Params{Codec: codec}}
	p := &Params{Codec: codec}
	for _, s := range []struct {
		raw []byte
		to  *[][]byte
	}{{vps, &p.VPS}, {sps, &p.SPS}, {pps, &p.PPS}} {
		if len(s.raw) > 0 {
			*s.to = [][]byte{bytes.Clone(s.raw)}
		}
	}
	if p.parse() != nil {
		a.Broken++
	}
	a.params = p
	return a
}

// Params are the sets in force.
func (a *Assembler) Params() *Params { return a.params }

// Unit makes an access unit of the NAL units of one picture; nil when they
// hold no picture data.
func (a *Assembler) Unit(nalus [][]byte) *AccessUnit {
	u := &AccessUnit{Codec: a.params.Codec}
	var fresh [3][][]byte
	picture := false
	for _, n := range nalus {
		if len(n) == 0 {
			continue
		}
		role, vcl, key := classify(u.Codec, n)
		switch role {
		case roleDrop:
		case roleVPS, roleSPS, rolePPS:
			fresh[role] = append(fresh[role], n)
		default:
			u.NALUs = append(u.NALUs, n)
			picture = picture || vcl
			u.Key = u.Key || key
		}
	}
	a.update(fresh)
	if !picture {
		return nil
	}
	u.Params = a.params
	return u
}

type role int

const (
	roleVPS role = iota
	roleSPS
	rolePPS
	roleKeep
	roleDrop
)

// classify tells what a NAL unit is for, whether it holds picture data and
// whether that data starts a stream.
func classify(c Codec, n []byte) (r role, vcl, key bool) {
	if c == H265 {
		if len(n) < 2 {
			return roleDrop, false, false
		}
		t := h265.NALUType((n[0] >> 1) & 0x3F)
		switch {
		case t == h265.NALUType_VPS_NUT:
			return roleVPS, false, false
		case t == h265.NALUType_SPS_NUT:
			return roleSPS, false, false
		case t == h265.NALUType_PPS_NUT:
			return rolePPS, false, false
		case t < 32:
			return roleKeep, true, t >= h265.NALUType_BLA_W_LP && t <= h265.NALUType_RSV_IRAP_VCL23
		case t == h265.NALUType_PREFIX_SEI_NUT || t == h265.NALUType_SUFFIX_SEI_NUT:
			return roleKeep, false, false
		}
		return roleDrop, false, false
	}
	t := h264.NALUType(n[0] & 0x1F)
	switch {
	case t == h264.NALUTypeSPS:
		return roleSPS, false, false
	case t == h264.NALUTypePPS:
		return rolePPS, false, false
	case t >= h264.NALUTypeNonIDR && t <= h264.NALUTypeIDR:
		return roleKeep, true, t == h264.NALUTypeIDR
	case t == h264.NALUTypeSEI:
		return roleKeep, false, false
	}
	return roleDrop, false, false
}

// update takes new parameter sets; Params values handed out before stay as
// they are.
func (a *Assembler) update(fresh [3][][]byte) {
	p := a.params
	if same(fresh[roleVPS], p.VPS) && same(fresh[roleSPS], p.SPS) && same(fresh[rolePPS], p.PPS) {
		return
	}
	q := *p
	for i, to := range []*[][]byte{&q.VPS, &q.SPS, &q.PPS} {
		if len(fresh[i]) == 0 {
			continue
		}
		*to = nil
		for _, n := range fresh[i] {
			*to = append(*to, bytes.Clone(n))
		}
	}
	if q.parse() != nil {
		a.Broken++
		return // keep the sets that worked
	}
	a.params = &q
}

// same says whether fresh brings nothing new.
func same(fresh, have [][]byte) bool {
	if len(fresh) == 0 {
		return true
	}
	if len(fresh) != len(have) {
		return false
	}
	for i := range fresh {
		if !bytes.Equal(fresh[i], have[i]) {
			return false
		}
	}
	return true
}
