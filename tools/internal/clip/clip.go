// Package clip turns video files into access units that can be sent over RTP,
// and keeps what the ffmpeg command line had to prepare in a cache folder.
package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// Codec is the compression of a clip.
type Codec string

// The codecs that are served as they are.
const (
	H264 Codec = "h264"
	H265 Codec = "h265"
)

// Unit is one access unit. Key units always carry the parameter sets.
type Unit struct {
	NALUs [][]byte
	// PTS and DTS count from the start of the clip.
	PTS, DTS time.Duration
	Key      bool
}

// Clip is a parsed video that any number of readers may share; it is never
// changed after loading.
type Clip struct {
	Codec         Codec
	Width, Height int
	FPS           float64
	// VPS is empty for H.264.
	VPS, SPS, PPS []byte
	Units         []Unit
	// Duration is the length of one loop.
	Duration time.Duration
}

// Info is the sidecar written beside a prepared elementary stream.
type Info struct {
	Codec  Codec   `json:"codec"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	FPS    float64 `json:"fps"`
	// PTSMs and DTSMs are milliseconds from the start, one per access
	// unit in decoding order; empty means evenly spaced by FPS.
	PTSMs []float64 `json:"ptsMs,omitempty"`
	DTSMs []float64 `json:"dtsMs,omitempty"`
}

// maxFile bounds what is read into memory.
const maxFile = 1 << 30

// Load reads a prepared elementary stream and its sidecar (path + ".json").
func Load(path string) (*Clip, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open clip: %w", err)
	}
	if st.Size() > maxFile {
		return nil, fmt.Errorf("open clip %s: %d bytes, at most %d can be served", path, st.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read clip: %w", err)
	}
	raw, err := os.ReadFile(path + ".json")
	if err != nil {
		return nil, fmt.Errorf("read clip sidecar: %w", err)
	}
	var info Info
	if err := json.Unmarshal(raw, &info); err != nil {
		return nil, fmt.Errorf("parse clip sidecar %s.json: %w", path, err)
	}
	c, err := Parse(data, info)
	if err != nil {
		return nil, fmt.Errorf("parse clip %s: %w", path, err)
	}
	return c, nil
}

// Parse splits an Annex B stream into access units with the given timing.
func Parse(data []byte, info Info) (*Clip, error) {
	if info.Codec != H264 && info.Codec != H265 {
		return nil, fmt.Errorf("codec %q is not served; use h264 or h265", info.Codec)
	}
	c := &Clip{Codec: info.Codec, FPS: info.FPS}
	groups := splitUnits(data, info.Codec)
	for _, nalus := range groups {
		c.takeParameters(nalus)
	}
	if len(c.SPS) == 0 || len(c.PPS) == 0 || (c.Codec == H265 && len(c.VPS) == 0) {
		return nil, errors.New("no parameter sets found in the stream")
	}
	for _, nalus := range groups {
		key := isKey(c.Codec, nalus)
		if key {
			nalus = c.withParameters(nalus)
		}
		c.Units = append(c.Units, Unit{NALUs: nalus, Key: key})
	}
	// Nothing before the first key unit can be shown.
	skip := 0
	for skip < len(c.Units) && !c.Units[skip].Key {
		skip++
	}
	if skip == len(c.Units) {
		return nil, errors.New("no key picture found in the stream")
	}
	if err := c.readSize(); err != nil {
		return nil, err
	}
	if c.FPS <= 0 || c.FPS > 240 {
		c.FPS = 25
	}
	c.stamp(info)
	first := c.Units[skip].DTS
	c.Units = c.Units[skip:]
	for i := range c.Units {
		c.Units[i].PTS -= first
		c.Units[i].DTS -= first
	}
	last := c.Units[len(c.Units)-1].DTS
	c.Duration = last + time.Duration(float64(time.Second)/c.FPS)
	return c, nil
}

func (c *Clip) stamp(info Info) {
	n := len(c.Units)
	if len(info.PTSMs) == n && len(info.DTSMs) == n {
		ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
		for i := range c.Units {
			c.Units[i].PTS, c.Units[i].DTS = ms(info.PTSMs[i]), ms(info.DTSMs[i])
		}
		return
	}
	for i := range c.Units {
		t := time.Duration(float64(i) * float64(time.Second) / c.FPS)
		c.Units[i].PTS, c.Units[i].DTS = t, t
	}
}

func (c *Clip) readSize() error {
	if c.Codec == H264 {
		var sps h264.SPS
		if err := sps.Unmarshal(c.SPS); err != nil {
			return fmt.Errorf("parse H.264 parameter set: %w", err)
		}
		c.Width, c.Height = sps.Width(), sps.Height()
		return nil
	}
	var sps h265.SPS
	if err := sps.Unmarshal(c.SPS); err != nil {
		return fmt.Errorf("parse H.265 parameter set: %w", err)
	}
	c.Width, c.Height = sps.Width(), sps.Height()
	return nil
}

func (c *Clip) takeParameters(nalus [][]byte) {
	for _, n := range nalus {
		switch paramKind(c.Codec, n) {
		case 'v':
			if c.VPS == nil {
				c.VPS = n
			}
		case 's':
			if c.SPS == nil {
				c.SPS = n
			}
		case 'p':
			if c.PPS == nil {
				c.PPS = n
			}
		}
	}
}

// withParameters makes a key unit decodable on its own.
func (c *Clip) withParameters(nalus [][]byte) [][]byte {
	has := map[byte]bool{}
	for _, n := range nalus {
		has[paramKind(c.Codec, n)] = true
	}
	if has['s'] && has['p'] {
		return nalus
	}
	var out [][]byte
	if c.Codec == H265 {
		out = append(out, c.VPS)
	}
	out = append(out, c.SPS, c.PPS)
	for _, n := range nalus {
		if paramKind(c.Codec, n) == 0 {
			out = append(out, n)
		}
	}
	return out
}

// paramKind answers 'v', 's' or 'p' for parameter sets and 0 for the rest.
func paramKind(codec Codec, n []byte) byte {
	if codec == H264 {
		switch h264.NALUType(n[0] & 0x1F) {
		case h264.NALUTypeSPS:
			return 's'
		case h264.NALUTypePPS:
			return 'p'
		}
		return 0
	}
	switch h265.NALUType((n[0] >> 1) & 0x3F) {
	case h265.NALUType_VPS_NUT:
		return 'v'
	case h265.NALUType_SPS_NUT:
		return 's'
	case h265.NALUType_PPS_NUT:
		return 'p'
	}
	return 0
}

func isKey(codec Codec, nalus [][]byte) bool {
	if codec == H264 {
		return h264.IsRandomAccess(nalus)
	}
	return h265.IsRandomAccess(nalus)
}
