package tflite_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jiexun/models"
	"jiexun/models/internal/ortrun"
	"jiexun/models/internal/tflite"
)

// tab is a FlatBuffers table for writing: nil, byte, int32, string, []byte,
// []int, []tab or tab in each field.
type tab []any

// flat writes tables front to back, patching each reference once its target
// is written.
type flat struct{ b []byte }

func (f *flat) u32(v int) { f.b = binary.LittleEndian.AppendUint32(f.b, uint32(v)) }
func (f *flat) patch(at int) {
	binary.LittleEndian.PutUint32(f.b[at:], uint32(len(f.b)-at))
}

func (f *flat) table(t tab) {
	// The caller has patched its reference to here, where the table must
	// start, so the vtable follows the fields.
	start := len(f.b)
	f.u32(0)
	offsets := make([]int, len(t))
	for i, v := range t {
		if v == nil {
			continue
		}
		offsets[i] = len(f.b) - start
		switch v := v.(type) {
		case byte:
			f.u32(int(v))
		case int32:
			f.u32(int(v))
		default:
			f.u32(0)
		}
	}
	vtable, size := len(f.b), len(f.b)-start
	binary.LittleEndian.PutUint32(f.b[start:], uint32(start-vtable))
	for _, v := range append([]int{4 + 2*len(t), size}, offsets...) {
		f.b = binary.LittleEndian.AppendUint16(f.b, uint16(v))
	}
	for i, v := range t {
		if v != nil {
			f.child(start+offsets[i], v)
		}
	}
}

func (f *flat) child(at int, v any) {
	switch v := v.(type) {
	case tab:
		f.patch(at)
		f.table(v)
	case string:
		f.child(at, []byte(v))
	case []byte:
		f.patch(at)
		f.u32(len(v))
		f.b = append(f.b, v...)
	case []int:
		f.patch(at)
		f.u32(len(v))
		for _, x := range v {
			f.u32(x)
		}
	case []tab:
		f.patch(at)
		f.u32(len(v))
		first := len(f.b)
		for range v {
			f.u32(0)
		}
		for i, t := range v {
			f.patch(first + 4*i)
			f.table(t)
		}
	}
}

func file(root tab) []byte {
	f := &flat{b: []byte("\x00\x00\x00\x00TFL3")}
	f.patch(0)
	f.table(root)
	return f.b
}

func floats(v ...float32) []byte {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

// small is a network of the operations that the detector uses: half-float
// weights, a 1x1 convolution that swaps two channels and adds a bias, a
// depthwise one that doubles, an addition, a reshape.
func small() []byte {
	halves := []byte{0x00, 0x00, 0x00, 0x3c, 0x00, 0x3c, 0x00, 0x00} // 0 1 1 0
	tensor := func(name string, kind byte, buffer int32, shape ...int) tab { return tab{shape, kind, buffer, name} }
	op := func(code int32, in, out []int, options any) tab {
		if options == nil {
			return tab{code, in, out}
		}
		return tab{code, in, out, byte(1), options}
	}
	return file(tab{
		int32(3),
		[]tab{{byte(3)}, {byte(4)}, {byte(6)}, {byte(0)}, {byte(22)}, {byte(2)}},
		[]tab{{
			[]tab{
				tensor("picture", 0, 0, 1, 2, 2, 2),
				tensor("half", 1, 1, 2, 1, 1, 2), tensor("swap", 0, 0, 2, 1, 1, 2), tensor("bias", 0, 2, 2),
				tensor("conv", 0, 0, 1, 2, 2, 2),
				tensor("double", 0, 3, 1, 1, 1, 2), tensor("depthwise", 0, 0, 1, 2, 2, 2),
				tensor("sum", 0, 0, 1, 2, 2, 2), tensor("rows", 0, 0, 1, 4, 2), tensor("twice", 0, 0, 1, 8, 2),
			},
			[]int{0}, []int{9},
			[]tab{
				op(2, []int{1}, []int{2}, nil),
				op(0, []int{0, 2, 3}, []int{4}, tab{byte(0), int32(1), int32(1), byte(3)}),
				op(1, []int{4, 5, -1}, []int{6}, tab{byte(0), int32(1), int32(1), int32(1), byte(0)}),
				op(3, []int{6, 0}, []int{7}, tab{byte(0)}),
				op(4, []int{7}, []int{8}, tab{[]int{1, -1, 2}}),
				op(5, []int{8, 8}, []int{9}, tab{int32(1), byte(0)}),
			},
			"main",
		}},
		"test",
		[]tab{{}, {halves}, {floats(0.5, -1)}, {floats(2, 3)}},
	})
}

func TestSmallNetworkComputesTheSame(t *testing.T) {
	_, lib, err := ortrun.Local("../../..")
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := tflite.Convert("small", small())
	if err != nil {
		t.Fatal(err)
	}
	in := []float32{1, 2, 3, 4, 5, 6, -7, 0}
	out, err := ortrun.Run(lib, onnx, []int64{1, 2, 2, 2}, in)
	if err != nil {
		t.Fatal(err)
	}
	var want []float32
	for i := 0; i < len(in); i += 2 {
		a := min(max(in[i+1]+0.5, 0), 6)*2 + in[i]
		b := min(max(in[i]-1, 0), 6)*3 + in[i+1]
		want = append(want, a, b)
	}
	want = append(want, want...)
	got := out["twice"]
	if len(got) != len(want) {
		t.Fatalf("got %v", out)
	}
	for i := range want {
		if math.Abs(float64(got[i]-want[i])) > 1e-5 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestUnknownAndDamagedFilesAreRefused(t *testing.T) {
	good := small()
	for n := range good {
		if _, err := tflite.Convert("cut", good[:n]); err == nil {
			t.Fatalf("a file cut off at %d of %d was taken", n, len(good))
		}
	}
	bad := file(tab{int32(3), []tab{{byte(99)}}, []tab{{
		[]tab{{[]int{1, 2}, byte(0), int32(0), "a"}, {[]int{1, 2}, byte(0), int32(0), "b"}},
		[]int{0}, []int{1}, []tab{{int32(0), []int{0}, []int{1}}}, "main",
	}}, "test", []tab{{}}})
	if _, err := tflite.Convert("bad", bad); err == nil || !strings.Contains(err.Error(), "code 99 is not supported") {
		t.Errorf("unknown operation: %v", err)
	}
}

// TestDetectorIsConvertedAsPublished converts the fetched weights again and
// looks at what the network computes for a picture made by a formula.
func TestDetectorIsConvertedAsPublished(t *testing.T) {
	dir, lib, err := ortrun.Local("../../..")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "cache/source/ssd-oidv4/model.tflite"))
	if err != nil {
		t.Fatalf("%v: run make setup", err)
	}
	onnx, err := tflite.Convert("ssd-oidv4", data)
	if err != nil {
		t.Fatal(err)
	}
	c, err := models.Load()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(onnx)
	for _, m := range c.Models {
		if m.Name == "ssd-oidv4" && m.Files[0].SHA256 != hex.EncodeToString(sum[:]) {
			t.Error("the converted file differs from the manifest's digest")
		}
	}
	in := make([]float32, 300*300*3)
	for i := range in {
		x, y, ch := i/3%300, i/900, i%3
		in[i] = float32(math.Sin(float64(x)*0.07+float64(ch)) * math.Cos(float64(y)*0.05))
	}
	out, err := ortrun.Run(lib, onnx, []int64{1, 300, 300, 3}, in)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, out["raw_outputs/box_encodings"], 7668, goldenBoxes)
	golden(t, out["raw_outputs/class_predictions"], 46008, goldenScores)
}

// statistics of an output: mean, mean square, first, middle and last value.
type statistics [5]float64

func golden(t *testing.T, v []float32, n int, want statistics) {
	t.Helper()
	if len(v) != n {
		t.Fatalf("%d values, expected %d", len(v), n)
	}
	var got statistics
	for _, x := range v {
		got[0] += float64(x) / float64(n)
		got[1] += float64(x) * float64(x) / float64(n)
	}
	got[2], got[3], got[4] = float64(v[0]), float64(v[n/2]), float64(v[n-1])
	for i := range got {
		if math.Abs(got[i]-want[i]) > 1e-3*max(1, math.Abs(want[i])) {
			t.Errorf("statistics %.6f, expected %.6f", got, want)
			return
		}
	}
}

// Recorded once; an independent conversion of the same weights gives the same
// numbers (the eval tests of package models compare with it).
var (
	goldenBoxes  = statistics{-0.118655, 3.201518, -2.633012, 1.302005, 0.015588}
	goldenScores = statistics{-5.119307, 31.115784, 1.325471, -5.148301, -1.892334}
)

func FuzzConvert(f *testing.F) {
	good := small()
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(_ *testing.T, data []byte) {
		// Any answer is fine; it must come, and soon.
		_, _ = tflite.Convert("fuzz", data)
	})
}
