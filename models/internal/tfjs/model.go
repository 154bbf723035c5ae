// Package tfjs reads networks in the TensorFlow.js graph-model format (a JSON
// file with the graph and a list of weights, and a binary file with the
// weights) and converts them to ONNX. It knows the operations of anchor-free
// detectors; anything else is refused by name.
package tfjs

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"jiexun/models/internal/half"
	"jiexun/models/internal/lower"
)

// number is an integer that JSON holds as a number or, as protobuf does for
// 64 bits, as a string.
type number int

// UnmarshalJSON reads either form.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil || v > math.MaxInt32 || v < math.MinInt32 {
		return fmt.Errorf("tfjs: %s is no small integer", b)
	}
	*n = number(v)
	return nil
}

type attr struct {
	F    float32 `json:"f"`
	I    number  `json:"i"`
	B    bool    `json:"b"`
	S    string  `json:"s"` // base64
	List struct {
		I []number `json:"i"`
	} `json:"list"`
	Shape struct {
		Dim []struct {
			Size number `json:"size"`
		} `json:"dim"`
	} `json:"shape"`
}

func (a attr) text() string {
	b, err := base64.StdEncoding.DecodeString(a.S)
	if err != nil {
		return ""
	}
	return string(b)
}

func (a attr) ints() []int {
	v := make([]int, len(a.List.I))
	for i, x := range a.List.I {
		v[i] = int(x)
	}
	return v
}

type node struct {
	Name  string          `json:"name"`
	Op    string          `json:"op"`
	Input []string        `json:"input"`
	Attr  map[string]attr `json:"attr"`
}

type weight struct {
	Name         string `json:"name"`
	Shape        []int  `json:"shape"`
	DType        string `json:"dtype"`
	Quantization *struct {
		DType string  `json:"dtype"`
		Scale float32 `json:"scale"`
		Min   float32 `json:"min"`
	} `json:"quantization"`
}

type file struct {
	Format    string `json:"format"`
	Signature struct {
		Outputs map[string]struct{} `json:"outputs"`
	} `json:"signature"`
	ModelTopology struct {
		Node []node `json:"node"`
	} `json:"modelTopology"`
	WeightsManifest []struct {
		Weights []weight `json:"weights"`
	} `json:"weightsManifest"`
}

// constant is a weight: floats, or ints where the graph needs shapes and axes.
type constant struct {
	shape  []int
	floats []float32
	ints   []int
}

func parse(graph []byte) (*file, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(graph))
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("tfjs: read the graph: %w", err)
	}
	if f.Format != "graph-model" {
		return nil, fmt.Errorf("tfjs: format %q, only graph-model is supported", f.Format)
	}
	return &f, nil
}

// constants cuts the binary file into the weights that the manifest lists.
func (f *file) constants(data []byte) (map[string]constant, error) {
	out := map[string]constant{}
	for _, group := range f.WeightsManifest {
		for _, w := range group.Weights {
			c, used, err := w.read(data)
			if err != nil {
				return nil, fmt.Errorf("tfjs: weight %s: %w", w.Name, err)
			}
			data = data[used:]
			out[w.Name] = c
		}
	}
	if len(data) != 0 {
		return nil, fmt.Errorf("tfjs: %d bytes follow the last weight", len(data))
	}
	return out, nil
}

func (w *weight) read(data []byte) (constant, int, error) {
	c := constant{shape: w.Shape}
	n, err := lower.Elements(w.Shape)
	if err != nil {
		return c, 0, err
	}
	kind := w.DType
	if w.Quantization != nil {
		kind += "/" + w.Quantization.DType
	}
	size := map[string]int{"float32": 4, "float32/float16": 2, "float32/uint8": 1, "float32/uint16": 2, "int32": 4}[kind]
	if size == 0 {
		return c, 0, fmt.Errorf("type %s is not supported by this converter", kind)
	}
	if n > len(data)/size {
		return c, 0, fmt.Errorf("needs %d bytes, the file has only %d left", n*size, len(data))
	}
	raw := data[:n*size]
	switch kind {
	case "int32":
		c.ints = make([]int, n)
		for i := range c.ints {
			c.ints[i] = int(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		}
	case "float32/float16":
		c.floats = half.Floats(raw)
	default:
		c.floats = make([]float32, n)
		for i := range c.floats {
			switch kind {
			case "float32":
				c.floats[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
			case "float32/uint8":
				c.floats[i] = float32(raw[i])*w.Quantization.Scale + w.Quantization.Min
			default:
				c.floats[i] = float32(binary.LittleEndian.Uint16(raw[2*i:]))*w.Quantization.Scale + w.Quantization.Min
			}
		}
	}
	return c, n * size, nil
}

// order sorts the nodes so that each comes after its inputs; the format
// promises no order.
func order(nodes []node) ([]*node, error) {
	byName := make(map[string]*node, len(nodes))
	for i := range nodes {
		byName[nodes[i].Name] = &nodes[i]
	}
	waits := map[*node]int{}
	users := map[*node][]*node{}
	var ready, out []*node
	for i := range nodes {
		n := &nodes[i]
		for _, in := range n.Input {
			src, ok := byName[source(in)]
			if !ok {
				return nil, fmt.Errorf("tfjs: node %s reads %s, which is not there", n.Name, in)
			}
			waits[n]++
			users[src] = append(users[src], n)
		}
		if waits[n] == 0 {
			ready = append(ready, n)
		}
	}
	for len(ready) > 0 {
		n := ready[0]
		ready = ready[1:]
		out = append(out, n)
		for _, u := range users[n] {
			if waits[u]--; waits[u] == 0 {
				ready = append(ready, u)
			}
		}
	}
	if len(out) != len(nodes) {
		return nil, fmt.Errorf("tfjs: the graph has a cycle")
	}
	return out, nil
}

// source is the node that a reference such as "split:1" points at.
func source(ref string) string {
	ref = strings.TrimPrefix(ref, "^")
	if i := strings.LastIndexByte(ref, ':'); i >= 0 {
		return ref[:i]
	}
	return ref
}
