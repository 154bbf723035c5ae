package app

import (
	"io"

	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/link"
)

// uploads lets the link see the evidence store.
type uploads struct{ *evidence.Store }

func (u uploads) NextUpload(skip map[string]bool) (link.Upload, bool, error) {
	x, ok, err := u.Store.NextUpload(skip)
	return link.Upload{SM3: x.SM3, Size: x.Size, MediaType: x.MediaType}, ok, err
}

func (u uploads) Open(sm3 string) (io.ReadSeekCloser, error) { return u.Store.Open(sm3) }
