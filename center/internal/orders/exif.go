package orders

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"strings"
	"time"

	"jiexun/center/internal/platform/clock"
)

// Exif is what a JPEG file says of itself; what it does not say, or says in a
// way that cannot be, is absent.
type Exif struct {
	// At is when it was taken: by its own zone, or Shanghai time when it
	// names none.
	At       *clock.Stamp
	Lng, Lat *float64
	Device   string
}

// Tags that are read.
const (
	tagMake     = 0x010f
	tagModel    = 0x0110
	tagExifIFD  = 0x8769
	tagGPSIFD   = 0x8825
	tagOriginal = 0x9003
	tagOffset   = 0x9011
	tagLatRef   = 1
	tagLat      = 2
	tagLngRef   = 3
	tagLng      = 4
)

// maxSegments bounds how far a file is searched for its Exif segment.
const maxSegments = 64

// ReadExif reads the Exif segment of a JPEG. Broken input gives an empty
// Exif: a picture is worth keeping without it.
func ReadExif(r io.Reader) Exif {
	body := exifSegment(r)
	if body == nil {
		return Exif{}
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(body, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(body, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return Exif{}
	}
	t := tiff{body, order}
	root := t.dir(t.u32(4))
	sub := t.dir(t.pointer(root[tagExifIFD]))
	gps := t.dir(t.pointer(root[tagGPSIFD]))
	e := Exif{Device: device(t.text(root[tagMake]), t.text(root[tagModel]))}
	e.At = exifTime(t.text(sub[tagOriginal]), t.text(sub[tagOffset]))
	lat, okLat := t.degrees(gps[tagLat], t.text(gps[tagLatRef]), "S", 90)
	lng, okLng := t.degrees(gps[tagLng], t.text(gps[tagLngRef]), "W", 180)
	if okLat && okLng && (lat != 0 || lng != 0) {
		e.Lat, e.Lng = &lat, &lng
	}
	return e
}

// exifSegment finds the bytes after "Exif\0\0", nil when there are none.
func exifSegment(r io.Reader) []byte {
	head := make([]byte, 4)
	if _, err := io.ReadFull(r, head[:2]); err != nil || head[0] != 0xff || head[1] != 0xd8 {
		return nil
	}
	for range maxSegments {
		if _, err := io.ReadFull(r, head); err != nil || head[0] != 0xff {
			return nil
		}
		if head[1] == 0xda || head[1] == 0xd9 {
			return nil // the picture begins: no Exif comes after it
		}
		n := int(binary.BigEndian.Uint16(head[2:])) - 2
		if n < 0 {
			return nil
		}
		seg := make([]byte, n)
		if _, err := io.ReadFull(r, seg); err != nil {
			return nil
		}
		if head[1] == 0xe1 && bytes.HasPrefix(seg, []byte("Exif\x00\x00")) {
			return seg[6:]
		}
	}
	return nil
}

// tiff is the body of an Exif segment; every read outside of it gives nothing.
type tiff struct {
	b     []byte
	order binary.ByteOrder
}

// entry is one field of a directory.
type entry struct {
	kind  uint16
	count uint32
	// at is where its value or the offset of its value stands.
	at int
}

func (t tiff) u16(at int) uint16 {
	if at < 0 || at+2 > len(t.b) {
		return 0
	}
	return t.order.Uint16(t.b[at:])
}

func (t tiff) u32(at int) int {
	if at < 0 || at+4 > len(t.b) {
		return 0
	}
	return int(t.order.Uint32(t.b[at:]))
}

// dir reads the fields of the directory at an offset; 0 has none.
func (t tiff) dir(at int) map[uint16]entry {
	out := map[uint16]entry{}
	if at <= 0 || at+2 > len(t.b) {
		return out
	}
	n := int(t.u16(at))
	for i := range min(n, 200) {
		p := at + 2 + 12*i
		if p+12 > len(t.b) {
			break
		}
		out[t.u16(p)] = entry{kind: t.u16(p + 2), count: uint32(t.u32(p + 4)), at: p + 8} //nolint:gosec // read from 32 bits
	}
	return out
}

func (t tiff) pointer(e entry) int {
	if e.kind != 4 {
		return 0
	}
	return t.u32(e.at)
}

// value gives the bytes of a field of n bytes an item.
func (t tiff) value(e entry, size int) []byte {
	n := int(e.count) * size
	if n <= 0 || n > 4096 {
		return nil
	}
	at := e.at
	if n > 4 {
		at = t.u32(e.at)
	}
	if at <= 0 || at+n > len(t.b) {
		return nil
	}
	return t.b[at : at+n]
}

func (t tiff) text(e entry) string {
	if e.kind != 2 {
		return ""
	}
	b := t.value(e, 1)
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), ""))
}

// degrees reads degrees, minutes and seconds; neg is the letter that turns
// the sign, most the greatest value there is.
func (t tiff) degrees(e entry, ref, neg string, most float64) (float64, bool) {
	b := t.value(e, 8)
	if e.kind != 5 || len(b) != 24 || ref == "" {
		return 0, false
	}
	part := [3]float64{}
	for i := range part {
		num, den := t.order.Uint32(b[8*i:]), t.order.Uint32(b[8*i+4:])
		if den == 0 {
			if num != 0 {
				return 0, false
			}
			continue
		}
		part[i] = float64(num) / float64(den)
	}
	v := part[0] + part[1]/60 + part[2]/3600
	if math.IsNaN(v) || v > most || part[1] >= 60 || part[2] > 60 {
		return 0, false
	}
	if ref == neg {
		v = -v
	}
	return v, true
}

func device(maker, model string) string {
	if maker != "" && !strings.HasPrefix(model, maker) {
		model = strings.TrimSpace(maker + " " + model)
	}
	if r := []rune(model); len(r) > 60 {
		model = string(r[:60])
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, model)
}

func exifTime(text, zone string) *clock.Stamp {
	at, err := time.ParseInLocation("2006:01:02 15:04:05", text, clock.Shanghai())
	if zone != "" {
		if z, zoneErr := time.Parse("2006:01:02 15:04:05-07:00", text+zone); zoneErr == nil {
			at, err = z, nil
		}
	}
	if err != nil || at.Year() < 2000 || at.Year() > 2100 {
		return nil
	}
	return clock.Ptr(at)
}
