// Package source holds what every way into the box shares: the access unit
// that a stream is cut into, the facts from which a camera's state is
// computed, the ladder by which a lost camera is tried again, and the relay
// that keeps a slow consumer from holding up a reader. One folder below it
// is one way in.
package source

import (
	"context"
	"time"

	"jiexun/api/edgev1"
)

// Codec names a video coding.
type Codec string

// The codings that the box decodes.
const (
	H264 Codec = "H264"
	H265 Codec = "H265"
)

// AccessUnit is one encoded picture. It is shared by several consumers and
// never changed after it was handed on.
type AccessUnit struct {
	Codec Codec
	// PTS counts from the first packet of the session.
	PTS time.Duration
	// NTP is when the camera says it took the picture; zero until the
	// camera sent an RTCP sender report, and for files.
	NTP time.Time
	// Received is when the last byte arrived, by the box's clock.
	Received time.Time
	// Key tells that the picture can be decoded alone (IDR or IRAP).
	Key bool
	// Damaged tells that packets of this picture were lost on the way.
	Damaged bool
	// Session grows with each connection; PTS of two sessions do not
	// compare.
	Session int
	// NALUs are the slices and messages without parameter sets, delimiters
	// and start codes.
	NALUs [][]byte
	// Params are the parameter sets in force, never nil.
	Params *Params
}

// Size is the number of bytes that the unit holds.
func (a *AccessUnit) Size() int {
	n := 0
	for _, u := range a.NALUs {
		n += len(u) + 4
	}
	return n
}

// AppendAnnexB appends the unit in the byte-stream format, with start codes;
// a key unit is preceded by its parameter sets so that it decodes alone.
func (a *AccessUnit) AppendAnnexB(dst []byte) []byte {
	if a.Key {
		for _, u := range a.Params.Sets() {
			dst = append(append(dst, 0, 0, 0, 1), u...)
		}
	}
	for _, u := range a.NALUs {
		dst = append(append(dst, 0, 0, 0, 1), u...)
	}
	return dst
}

// WithParams lists the NAL units in sending order, parameter sets first when
// the unit is a key unit.
func (a *AccessUnit) WithParams() [][]byte {
	if !a.Key {
		return a.NALUs
	}
	sets := a.Params.Sets()
	out := make([][]byte, 0, len(sets)+len(a.NALUs))
	return append(append(out, sets...), a.NALUs...)
}

// Sink receives a stream. Key and Unit run on goroutines of the source's
// relay, never on the reader's; a slow one loses units, which are counted.
// Any of them may be nil.
type Sink struct {
	// Key gets undamaged key units; when it is slow it gets the newest.
	Key func(*AccessUnit)
	// Unit gets every unit in order; after a loss it resumes at a key unit.
	Unit func(*AccessUnit)
	// Each gets every unit on the reader's own goroutine, for rings: it only
	// keeps the unit and returns at once.
	Each func(*AccessUnit)
}

// Source is one running pull of one stream.
type Source interface {
	// Run pulls until ctx ends; it comes back only then.
	Run(ctx context.Context)
	// Stats tells how the pull fares now.
	Stats() Stats
}

// Pusher is a source that can forward what it pulls.
type Pusher interface {
	// Push forwards the stream to an RTSP address until ctx ends or the
	// target goes; the pull is not touched.
	Push(ctx context.Context, url string) error
}

// Stats is a snapshot of one pull. Zero times mean never.
type Stats struct {
	State edgev1.CameraState
	Since time.Time
	// Detail is a sentence for people in Simplified Chinese, empty when all
	// is well; Warnings are such sentences about a stream that works.
	Detail   string
	Warnings []string
	// Fault is the bare reason why the last session ended, without ages and
	// plans; empty when none has ended.
	Fault string

	Packets, Bytes, Lost   uint64
	Units, Keys            uint64
	Damaged                uint64 // key units thrown away because packets were lost
	DecodeErrors           uint64 // packets that could not be put together
	Recovered              uint64 // faults in the code caught while handling input
	DroppedKeys            uint64 // not taken by a slow Key consumer
	DroppedUnits           uint64 // not taken by a slow Unit consumer
	LastPacket, LastKey    time.Time
	SessionStart           time.Time // of the last connection that played
	Codec                  Codec
	Profile                string
	Width, Height          int
	FPS, GOPSeconds, KbitS float64
	BFrames, Audio         bool
	// ClockOffset is the camera's clock minus the box's, from RTCP sender
	// reports; HasClock tells whether one came.
	ClockOffset time.Duration
	HasClock    bool
	// Attempts counts failed connections since the last picture; NextTry is
	// when the next one starts, zero while connected.
	Attempts int
	NextTry  time.Time
	Sessions int
	Pushing  int
}
