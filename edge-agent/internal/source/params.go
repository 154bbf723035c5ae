package source

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// The picture sizes that the box takes, in pixels.
const (
	MinSide = 16
	MaxSide = 8192
)

// Params are the parameter sets of a stream and what they say.
type Params struct {
	Codec         Codec
	VPS, SPS, PPS [][]byte
	Width, Height int
	// FPS is what the stream declares, 0 when it declares nothing.
	FPS     float64
	Profile string
	// Reorder tells that the stream may hold B-frames.
	Reorder bool
}

// Sets lists the parameter sets in sending order.
func (p *Params) Sets() [][]byte {
	out := make([][]byte, 0, len(p.VPS)+len(p.SPS)+len(p.PPS))
	return append(append(append(out, p.VPS...), p.SPS...), p.PPS...)
}

// Complete says whether a key unit can be decoded with the sets.
func (p *Params) Complete() bool {
	return len(p.SPS) > 0 && len(p.PPS) > 0 && (p.Codec == H264 || len(p.VPS) > 0) && p.Width > 0
}

// CheckSize refuses pictures that are too small to judge or too large to
// decode; the message is for people.
func (p *Params) CheckSize() error {
	if p.Width == 0 {
		return nil // not known yet
	}
	if p.Width < MinSide || p.Height < MinSide {
		return NewFault(FaultUnsupported, fmt.Sprintf("画面只有 %d×%d 像素，无法识别：请在摄像机上把该码流的分辨率设为 640×360 以上", p.Width, p.Height), nil)
	}
	if p.Width > MaxSide || p.Height > MaxSide {
		return NewFault(FaultUnsupported, fmt.Sprintf("画面 %d×%d 超过 %d×%d 像素上限：请在摄像机上降低分辨率，或改用子码流", p.Width, p.Height, MaxSide, MaxSide), nil)
	}
	return nil
}

// parse reads the newest SPS; a broken one leaves the size unknown.
func (p *Params) parse() error {
	p.Width, p.Height, p.FPS, p.Profile, p.Reorder = 0, 0, 0, "", false
	if len(p.SPS) == 0 {
		return nil
	}
	raw := p.SPS[len(p.SPS)-1]
	if p.Codec == H265 {
		var s h265.SPS
		if err := s.Unmarshal(raw); err != nil {
			return fmt.Errorf("read H.265 sequence parameters: %w", err)
		}
		p.Width, p.Height, p.FPS = s.Width(), s.Height(), s.FPS()
		p.Profile = h265Profile(s.ProfileTierLevel.GeneralProfileIdc)
		for _, n := range s.MaxNumReorderPics {
			p.Reorder = p.Reorder || n > 0
		}
		return nil
	}
	var s h264.SPS
	if err := s.Unmarshal(raw); err != nil {
		return fmt.Errorf("read H.264 sequence parameters: %w", err)
	}
	p.Width, p.Height, p.FPS = s.Width(), s.Height(), s.FPS()
	p.Profile = h264Profile(s.ProfileIdc)
	p.Reorder = s.VUI != nil && s.VUI.BitstreamRestriction != nil && s.VUI.BitstreamRestriction.MaxNumReorderFrames > 0
	return nil
}

func h264Profile(idc uint8) string {
	switch idc {
	case 66:
		return "Baseline"
	case 77:
		return "Main"
	case 88:
		return "Extended"
	case 100:
		return "High"
	case 110:
		return "High 10"
	case 122:
		return "High 4:2:2"
	case 244:
		return "High 4:4:4"
	}
	return fmt.Sprintf("profile %d", idc)
}

func h265Profile(idc uint8) string {
	switch idc {
	case 1:
		return "Main"
	case 2:
		return "Main 10"
	case 3:
		return "Main Still Picture"
	}
	return fmt.Sprintf("profile %d", idc)
}
