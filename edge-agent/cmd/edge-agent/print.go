package main

import (
	"fmt"
	"io"
	"strings"

	"jiexun/api/edgev1"
)

// printReport writes a probe's report for a person.
func printReport(w io.Writer, r edgev1.ProbeReport) error {
	var b strings.Builder
	if !r.OK {
		fmt.Fprintf(&b, "✗ %s\n", r.Message)
	} else {
		fmt.Fprintf(&b, "✓ %s %s  %dx%d  %.4g fps  %.0f kb/s\n", r.Codec, r.Profile, r.Width, r.Height, r.FPS, r.KbitS)
		fmt.Fprintf(&b, "  keyframe every %.2f s  connected in %d ms, first keyframe after %d ms", r.GOPS, r.ConnectMS, r.FirstKeyMS)
		if r.ClockSkewMS != nil {
			fmt.Fprintf(&b, "  clock %+d ms", *r.ClockSkewMS)
		}
		if r.Audio {
			b.WriteString("  with audio")
		}
		b.WriteString("\n")
	}
	for _, s := range r.Warnings {
		fmt.Fprintf(&b, "! %s\n", s)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
