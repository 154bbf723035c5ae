package evidence

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // sizes of pictures that arrive encoded
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/picture"
)

// Roles of an event's pictures.
const (
	RoleFrame     = "frame"     // the clean frame at which the event opened
	RoleReference = "reference" // the place or sign as it should be
	RoleFirst     = "first"     // the thing's first look
	RoleCrop      = "crop"      // a sign cut out of the frame

	RoleClip = edgev1.RoleClip // a short video around the event
)

// Quality of the pictures as JPEG.
const Quality = 90

// Builder collects the pictures of one event. Pictures are stored at full
// resolution and clean: boxes travel beside them as data.
type Builder struct {
	store *Store
	refs  []edgev1.EvidenceRef
}

// NewBuilder starts the evidence of an event.
func NewBuilder(s *Store) *Builder { return &Builder{store: s} }

// Add stores a decoded picture.
func (b *Builder) Add(role string, p *picture.YUV, taken time.Time) error {
	j, err := p.JPEG(Quality)
	if err != nil {
		return fmt.Errorf("evidence %s: %w", role, err)
	}
	return b.put(role, j, p.W, p.H, taken)
}

// AddJPEG stores a picture that is encoded already, such as a sign's
// reference.
func (b *Builder) AddJPEG(role string, jpeg []byte, taken time.Time) error {
	c, kind, err := image.DecodeConfig(bytes.NewReader(jpeg))
	if err != nil || kind != "jpeg" {
		return fmt.Errorf("evidence %s: not a JPEG picture", role)
	}
	return b.put(role, jpeg, c.Width, c.Height, taken)
}

func (b *Builder) put(role string, jpeg []byte, w, h int, taken time.Time) error {
	if role != RoleFrame && role != RoleReference && role != RoleFirst && role != RoleCrop {
		return fmt.Errorf("evidence role must be frame, reference, first or crop, got %.20q", role)
	}
	if len(b.refs) >= edgev1.MaxEvidence {
		return fmt.Errorf("evidence %s: an event holds at most %d pictures", role, edgev1.MaxEvidence)
	}
	digest, err := b.store.Put(jpeg, "image/jpeg")
	if err != nil {
		return fmt.Errorf("evidence %s: %w", role, err)
	}
	b.refs = append(b.refs, edgev1.EvidenceRef{
		Role: role, SM3: digest, Size: int64(len(jpeg)), MediaType: "image/jpeg", Width: w, Height: h, TakenAt: edgev1.At(taken),
	})
	return nil
}

// PutClip stores an MP4 video and gives its reference; it goes to the center
// after the pictures that wait already.
func (s *Store) PutClip(mp4 []byte, w, h int, from time.Time) (edgev1.EvidenceRef, error) {
	digest, err := s.Put(mp4, "video/mp4")
	if err != nil {
		return edgev1.EvidenceRef{}, fmt.Errorf("evidence %s: %w", RoleClip, err)
	}
	return edgev1.EvidenceRef{
		Role: RoleClip, SM3: digest, Size: int64(len(mp4)), MediaType: "video/mp4", Width: w, Height: h, TakenAt: edgev1.At(from),
	}, nil
}

// Refs are the references made so far, for the event.
func (b *Builder) Refs() []edgev1.EvidenceRef { return b.refs }
