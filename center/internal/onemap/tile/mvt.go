package tile

import (
	"encoding/binary"
	"math"
)

// Extent is the number of units along a tile's edge.
const Extent = 4096

// Value is a property: a string, an int64, a float64 or a bool.
type Value any

// Feature is one point of a layer, in units of the tile.
type Feature struct {
	X, Y  int32
	Props []Prop
}

// Prop is one property of a feature.
type Prop struct {
	Key   string
	Value Value
}

// Layer collects features that share their keys and values.
type Layer struct {
	Name     string
	features [][]byte
	keys     map[string]uint64
	keyList  []string
	values   map[Value]uint64
	valList  []Value
}

// NewLayer makes an empty layer.
func NewLayer(name string) *Layer {
	return &Layer{Name: name, keys: map[string]uint64{}, values: map[Value]uint64{}}
}

// Len is the number of features.
func (l *Layer) Len() int { return len(l.features) }

const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
)

func tag(b []byte, field, wire uint64) []byte { return binary.AppendUvarint(b, field<<3|wire) }

func bytesField(b []byte, field uint64, v []byte) []byte {
	b = tag(b, field, wireBytes)
	b = binary.AppendUvarint(b, uint64(len(v)))
	return append(b, v...)
}

func zigzag(v int32) uint64 { return uint64(uint32(v<<1) ^ uint32(v>>31)) }

// Add appends a feature.
func (l *Layer) Add(f Feature) {
	var tags, geo []byte
	for _, p := range f.Props {
		k, ok := l.keys[p.Key]
		if !ok {
			k = uint64(len(l.keyList))
			l.keys[p.Key] = k
			l.keyList = append(l.keyList, p.Key)
		}
		v, ok := l.values[p.Value]
		if !ok {
			v = uint64(len(l.valList))
			l.values[p.Value] = v
			l.valList = append(l.valList, p.Value)
		}
		tags = binary.AppendUvarint(tags, k)
		tags = binary.AppendUvarint(tags, v)
	}
	geo = binary.AppendUvarint(geo, 1<<3|1) // move to, once
	geo = binary.AppendUvarint(geo, zigzag(f.X))
	geo = binary.AppendUvarint(geo, zigzag(f.Y))
	var b []byte
	b = bytesField(b, 2, tags)
	b = tag(b, 3, wireVarint)
	b = binary.AppendUvarint(b, 1) // a point
	b = bytesField(b, 4, geo)
	l.features = append(l.features, b)
}

func valueBytes(v Value) []byte {
	var b []byte
	switch v := v.(type) {
	case string:
		b = bytesField(b, 1, []byte(v))
	case float64:
		b = tag(b, 3, wire64)
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	case int64:
		b = tag(b, 4, wireVarint)
		b = binary.AppendUvarint(b, uint64(v))
	case bool:
		b = tag(b, 7, wireVarint)
		n := uint64(0)
		if v {
			n = 1
		}
		b = binary.AppendUvarint(b, n)
	}
	return b
}

// Encode writes a tile of the layers that hold anything.
func Encode(layers ...*Layer) []byte {
	out := []byte{}
	for _, l := range layers {
		if len(l.features) == 0 {
			continue
		}
		var b []byte
		b = bytesField(b, 1, []byte(l.Name))
		for _, f := range l.features {
			b = bytesField(b, 2, f)
		}
		for _, k := range l.keyList {
			b = bytesField(b, 3, []byte(k))
		}
		for _, v := range l.valList {
			b = bytesField(b, 4, valueBytes(v))
		}
		b = tag(b, 5, wireVarint)
		b = binary.AppendUvarint(b, Extent)
		b = tag(b, 15, wireVarint)
		b = binary.AppendUvarint(b, 2)
		out = bytesField(out, 3, b)
	}
	return out
}
