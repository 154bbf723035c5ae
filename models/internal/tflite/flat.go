package tflite

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errShort is what every read outside the file gives.
var errShort = errors.New("tflite: file is cut off or damaged")

// table is one table of a FlatBuffers file. Reads never leave the file: a
// damaged offset sets the reader's error and yields zero.
type table struct {
	r   *reader
	pos int // of the table; 0 means the table is absent
}

// reader holds the file and the first error met.
type reader struct {
	data []byte
	err  error
	// budget bounds the number of vector elements that are read, so that a
	// file whose tables point at each other cannot keep the reader busy.
	budget int
}

func (r *reader) fail() {
	if r.err == nil {
		r.err = errShort
	}
}

func (r *reader) bytes(pos, n int) []byte {
	if pos < 0 || n < 0 || pos > len(r.data) || n > len(r.data)-pos {
		r.fail()
		return nil
	}
	return r.data[pos : pos+n]
}

func (r *reader) u16(pos int) int {
	if b := r.bytes(pos, 2); b != nil {
		return int(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (r *reader) u32(pos int) int {
	if b := r.bytes(pos, 4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (r *reader) i32(pos int) int { return int(int32(uint32(r.u32(pos)))) }

// follow gives the position that the offset stored at pos points to.
func (r *reader) follow(pos int) int {
	off := r.u32(pos)
	if off == 0 {
		r.fail()
		return 0
	}
	return pos + off
}

// field gives the position of a field, 0 when the table does not have it.
func (t table) field(i int) int {
	if t.pos == 0 || t.r.err != nil {
		return 0
	}
	v := t.pos - t.r.i32(t.pos)
	size := t.r.u16(v)
	if 4+2*i+2 > size {
		return 0
	}
	off := t.r.u16(v + 4 + 2*i)
	if off == 0 {
		return 0
	}
	return t.pos + off
}

func (t table) int(i, absent int) int {
	if p := t.field(i); p != 0 {
		return t.r.i32(p)
	}
	return absent
}

func (t table) byte(i int) int {
	if p := t.field(i); p != 0 {
		if b := t.r.bytes(p, 1); b != nil {
			return int(b[0])
		}
	}
	return 0
}

func (t table) table(i int) table {
	if p := t.field(i); p != 0 {
		return table{t.r, t.r.follow(p)}
	}
	return table{r: t.r}
}

// vector gives the position of a vector's first element and its length in
// elements of size bytes.
func (t table) vector(i, size int) (pos, n int) {
	p := t.field(i)
	if p == 0 {
		return 0, 0
	}
	p = t.r.follow(p)
	n = t.r.u32(p)
	if n > len(t.r.data)/size || t.r.bytes(p+4, n*size) == nil {
		t.r.fail()
		return 0, 0
	}
	if size > 1 {
		if t.r.budget -= n; t.r.budget < 0 {
			t.r.fail()
			return 0, 0
		}
	}
	return p + 4, n
}

func (t table) ints(i int) []int {
	pos, n := t.vector(i, 4)
	v := make([]int, n)
	for k := range v {
		v[k] = t.r.i32(pos + 4*k)
	}
	return v
}

func (t table) raw(i int) []byte {
	pos, n := t.vector(i, 1)
	if n == 0 {
		return nil
	}
	return t.r.bytes(pos, n)
}

func (t table) tables(i int) []table {
	pos, n := t.vector(i, 4)
	v := make([]table, n)
	for k := range v {
		v[k] = table{t.r, t.r.follow(pos + 4*k)}
	}
	return v
}

func (t table) string(i int) string { return string(t.raw(i)) }

// open checks the file identifier and gives the root table.
func open(data []byte) (table, error) {
	if len(data) < 8 || string(data[4:8]) != "TFL3" {
		return table{}, fmt.Errorf("tflite: the file does not start with a TFL3 header")
	}
	r := &reader{data: data, budget: 1 << 20}
	root := table{r, r.follow(0)}
	return root, r.err
}
