package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteTable prints the report for people.
func (r Report) WriteTable(w io.Writer) error {
	fmt.Fprintf(w, "CPU %s, %d cores, %s\n", r.CPU, r.Cores, r.At.Format("2006-01-02 15:04"))
	fmt.Fprintln(w, "CPU milliseconds per camera and second of video, one analysis a second")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, get func(Stream) string) {
		fmt.Fprintf(t, "%s\t", name)
		for _, s := range r.Streams {
			fmt.Fprintf(t, "%s\t", get(s))
		}
		fmt.Fprintln(t)
	}
	num := func(name string, get func(Stream) float64) {
		row(name, func(s Stream) string { return fmt.Sprintf("%.2f", get(s)) })
	}
	row("", func(s Stream) string { return s.Name })
	row("stream", func(s Stream) string {
		return fmt.Sprintf("%s %dx%d@%.0f GOP %.1fs %.0f kbit/s", s.Codec, s.Width, s.Height, s.FPS, s.GOPS, s.KbitS)
	})
	num("source", func(s Stream) float64 { return s.Ours.Source })
	num("decode", func(s Stream) float64 { return s.Ours.Decode })
	num("scale", func(s Stream) float64 { return s.Ours.Scale })
	num("diagnosis", func(s Stream) float64 { return s.Ours.Diagnosis })
	num("analytics", func(s Stream) float64 { return s.Ours.Analytics })
	num("runtime", func(s Stream) float64 { return s.Ours.Runtime })
	num("TOTAL", func(s Stream) float64 { return s.Ours.Total })
	num("cameras per core", func(s Stream) float64 { return s.Ours.CamerasPerCore })
	num("learning a scene, once", func(s Stream) float64 { return s.Ours.Start })
	num("bare libavformat", func(s Stream) float64 { return s.Bare.Receive })
	num("bare libavcodec", func(s Stream) float64 { return s.Bare.Decode })
	row("bare models", func(s Stream) string {
		return fmt.Sprintf("%.2f (%.2f detector, %.2f verifier runs/s)", s.Bare.Model, s.Bare.ModelRuns, s.Bare.VerifierRuns)
	})
	num("over bare", func(s Stream) float64 { return s.OverBare })
	num("bare detector each look", func(s Stream) float64 { return s.Bare.EachLook })
	num("over bare, detector each look", func(s Stream) float64 { return s.OverEachLook })
	num("NVR decode all", func(s Stream) float64 { return s.NVR.Decode })
	num("NVR scale+detect 5/s", func(s Stream) float64 { return s.NVR.Detect })
	num("NVR TOTAL", func(s Stream) float64 { return s.NVR.Total })
	num("NVR cameras per core", func(s Stream) float64 { return s.NVR.CamerasPerCore })
	num("times more cameras", func(s Stream) float64 { return s.Gain })
	if err := t.Flush(); err != nil {
		return fmt.Errorf("print report: %w", err)
	}
	return nil
}
