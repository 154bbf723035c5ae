package edgev1

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Decoded is a batch as it was received: Items are the envelopes that can be
// taken, Raw their text in the same order, Rejected the others.
type Decoded struct {
	Batch
	Raw      []json.RawMessage
	Rejected []Rejection
}

// Received is an event with the text in which it came; the text is nil when
// there is none at hand.
type Received struct {
	Event
	Text json.RawMessage
}

// DecodeBatch reads the payload of up/event. An error refuses the payload as
// a whole.
func DecodeBatch(payload []byte) (Decoded, error) {
	payload = bytes.Clone(payload) // what is cut out of it may be kept for long
	b, raw, whole := decodeWhole(payload)
	if !whole {
		var err error
		if b, raw, err = decodeHead(payload); err != nil {
			return Decoded{}, err
		}
	}
	var c check
	c.version(b.V)
	c.name("edge", b.Edge)
	c.ulid("epoch", b.Epoch)
	c.ok(len(raw) > 0, "items", "批次是空的")
	c.ok(len(raw) <= MaxBatch, "items", "一批最多 %d 条，现在是 %d 条", MaxBatch, len(raw))
	items := b.Items
	d := Decoded{Batch: b, Raw: make([]json.RawMessage, 0, len(raw))}
	d.Items = make([]Envelope, 0, len(raw))
	if c.err != nil {
		return d, c.err
	}
	for i, r := range raw {
		var e Envelope
		var rej *Rejection
		if whole {
			e = items[i]
			rej = e.reject()
		} else {
			e, rej = decodeEnvelope(r, i)
		}
		if rej != nil {
			d.Rejected = append(d.Rejected, *rej)
			continue
		}
		d.Items = append(d.Items, e)
		d.Raw = append(d.Raw, r)
	}
	return d, nil
}

// decodeWhole reads the batch and all its envelopes at once and cuts the
// envelopes' text out of the payload. It gives false when anything is unusual;
// decodeHead and decodeEnvelope then find out what, one envelope at a time.
func decodeWhole(payload []byte) (Batch, []json.RawMessage, bool) {
	var b Batch
	if decode(payload, &b) != nil {
		return Batch{}, nil, false
	}
	list, ok := member(payload, "items")
	if !ok {
		return Batch{}, nil, false
	}
	raw, ok := elements(list)
	if !ok || len(raw) != len(b.Items) {
		return Batch{}, nil, false
	}
	for i := range b.Items {
		if b.Items[i].Seq < 1 {
			return Batch{}, nil, false
		}
	}
	return b, raw, true
}

// decodeHead reads the batch without its envelopes and gives their text.
func decodeHead(payload []byte) (Batch, []json.RawMessage, error) {
	var raw struct {
		Batch
		Items []json.RawMessage `json:"items"`
	}
	err := decode(payload, &raw)
	return raw.Batch, raw.Items, err
}

func decodeEnvelope(r json.RawMessage, i int) (Envelope, *Rejection) {
	var e Envelope
	err := json.Unmarshal(r, &e)
	if err == nil && e.Seq >= 1 {
		return e, e.reject()
	}
	var head struct {
		Seq int64 `json:"seq"`
	}
	if json.Unmarshal(r, &head) != nil || head.Seq < 1 {
		return e, &Rejection{Field: fmt.Sprintf("items[%d].seq", i), Message: "没有可用的序号（应为从 1 开始的整数）"}
	}
	return e, &Rejection{Seq: head.Seq, Field: jsonField(err), Message: "内容不是正确的 JSON：" + err.Error()}
}

func (e *Envelope) reject() *Rejection {
	if f := e.check(); f != nil {
		return &Rejection{Seq: e.Seq, Field: f.Field, Message: f.Message}
	}
	return nil
}

// EventText gives the event's part of an envelope's text as it came, nil when
// it has none that is sure.
func EventText(envelope json.RawMessage) json.RawMessage {
	text, ok := member(envelope, "event")
	if !ok || len(text) == 0 || text[0] != '{' {
		return nil
	}
	return text
}

// member gives the text of one member of a JSON object that was read before.
// It gives false unless exactly one key is the one that encoding/json takes
// for it.
func member(object []byte, key string) ([]byte, bool) {
	var found []byte
	s := scan{b: bytes.TrimSpace(object)}
	if !s.open('{') {
		return nil, false
	}
	for !s.close('}') {
		name := s.value()
		if len(name) < 2 || bytes.IndexByte(name, '\\') >= 0 || !s.open(':') {
			return nil, false // an escaped key may be any key
		}
		value := s.value()
		if !bytes.EqualFold(name[1:len(name)-1], []byte(key)) {
			continue
		}
		if found != nil {
			return nil, false
		}
		found = value
	}
	return found, len(found) > 0
}

// elements cuts a JSON array that was read before.
func elements(array []byte) ([]json.RawMessage, bool) {
	var out []json.RawMessage
	s := scan{b: array}
	if !s.open('[') {
		return nil, false
	}
	for !s.close(']') {
		v := s.value()
		if len(v) == 0 {
			return nil, false
		}
		out = append(out, v)
	}
	return out, true
}

const blanks = " \t\r\n"

// scan walks over correct JSON; at anything else it stops early, but always
// ends.
type scan struct{ b []byte }

// open steps over c and the blanks after it.
func (s *scan) open(c byte) bool {
	if len(s.b) == 0 || s.b[0] != c {
		return false
	}
	s.skip(1)
	return true
}

// close tells whether the object or array ends here, and steps over the comma
// when it does not.
func (s *scan) close(c byte) bool {
	if len(s.b) == 0 || s.b[0] == c {
		return true
	}
	s.open(',')
	return false
}

// value steps over one value and the blanks after it.
func (s *scan) value() []byte {
	depth, i := 0, 0
	for ; i < len(s.b); i++ {
		switch s.b[i] {
		case '"':
			i = s.quote(i)
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth == 0 {
				i += s.scalar(i)
				return s.take(i)
			}
		}
		if depth < 0 { // the end of what holds the value
			return s.take(i)
		}
		if depth == 0 {
			return s.take(i + 1)
		}
	}
	return s.take(i)
}

// quote gives the place of the quote that ends the text which begins at i.
func (s *scan) quote(i int) int {
	for i++; i < len(s.b) && s.b[i] != '"'; i++ {
		if s.b[i] == '\\' {
			i++
		}
	}
	return i
}

// scalar is the length of a number or word.
func (s *scan) scalar(i int) int {
	if n := bytes.IndexAny(s.b[i:], ",:]}"+blanks); n >= 0 {
		return n
	}
	return len(s.b) - i
}

func (s *scan) take(n int) []byte {
	n = min(n, len(s.b))
	v := s.b[:n:n]
	s.skip(n)
	return v
}

func (s *scan) skip(n int) {
	for n < len(s.b) && bytes.IndexByte([]byte(blanks), s.b[n]) >= 0 {
		n++
	}
	s.b = s.b[n:]
}
