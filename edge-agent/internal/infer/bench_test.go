package infer_test

import (
	"syscall"
	"testing"
	"time"

	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/picture"
)

func BenchmarkDetectorYUV(b *testing.B) {
	r := open(b, infer.Options{})
	d, err := r.Detector("ssd-oidv4")
	if err != nil {
		b.Fatal(err)
	}
	f := frame(b, "20")
	b.ReportAllocs()
	start := cpu(b)
	for b.Loop() {
		if _, err := d.DetectYUV(b.Context(), f); err != nil {
			b.Fatal(err)
		}
	}
	report(b, r, start)
}

// cpu is the processor time of the whole process so far; it says what a run
// costs also on a busy machine.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// report adds processor time and the time that was spent inside the network.
func report(b *testing.B, r *infer.Runtime, since time.Duration) {
	m := r.Metrics()[0]
	n := float64(m.Items)
	b.ReportMetric(float64((cpu(b)-since).Microseconds())/n/1000, "cpu-ms/op")
	b.ReportMetric(float64(m.RunTime.Microseconds())/n/1000, "net-ms/op")
}

func BenchmarkTextFinder960(b *testing.B) {
	r := open(b, infer.Options{})
	t, err := r.TextFinder("ppocr-v4-det")
	if err != nil {
		b.Fatal(err)
	}
	p := picture.NewRGB(1920, 1080)
	start := cpu(b)
	for b.Loop() {
		if _, err := t.FindText(b.Context(), p, 960); err != nil {
			b.Fatal(err)
		}
	}
	report(b, r, start)
}

func BenchmarkTextReader(b *testing.B) {
	r := open(b, infer.Options{})
	t, err := r.TextReader("ppocr-v4-rec")
	if err != nil {
		b.Fatal(err)
	}
	p := sign(b, "中国农业银行", 60, 400, 90, 15, 68)
	start := cpu(b)
	for b.Loop() {
		if _, err := t.ReadSteps(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
	report(b, r, start)
}

func BenchmarkVerifierQueue(b *testing.B) {
	r := open(b, infer.Options{Local: planes(b)})
	v, err := r.Verifier("plane-means")
	if err != nil {
		b.Fatal(err)
	}
	l := look([3]byte{1, 2, 3}, [3]byte{4, 5, 6}, 255)
	start := cpu(b)
	for b.Loop() {
		if _, err := v.Judge(b.Context(), l); err != nil {
			b.Fatal(err)
		}
	}
	report(b, r, start)
}
