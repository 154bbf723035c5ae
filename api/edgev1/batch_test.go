package edgev1

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

const someULID = "01JXAB000000000000000000AB"

// reference decodes as DecodeBatch does when nothing is read at once.
func reference(payload []byte) ([]Envelope, []string, []Rejection, error) {
	_, raw, err := decodeHead(payload)
	if err != nil {
		return nil, nil, nil, err
	}
	var items []Envelope
	var text []string
	var bad []Rejection
	for i, r := range raw {
		if e, rej := decodeEnvelope(r, i); rej != nil {
			bad = append(bad, *rej)
		} else {
			items, text = append(items, e), append(text, string(r))
		}
	}
	return items, text, bad, nil
}

// same checks that a payload which is taken gives the same in one reading as
// envelope by envelope.
func same(t *testing.T, payload []byte) {
	t.Helper()
	got, err := DecodeBatch(payload)
	items, text, bad, slow := reference(payload)
	if slow != nil {
		if err == nil || err.Error() != slow.Error() {
			t.Fatalf("%s: error %v, want %v", payload, err, slow)
		}
		return
	}
	if err != nil {
		return // refused by what is around the envelopes
	}
	raw := []string{}
	for _, r := range got.Raw {
		raw = append(raw, string(r))
	}
	if fmt.Sprint(raw) != fmt.Sprint(text) || !reflect.DeepEqual(got.Rejected, bad) || len(got.Items) != len(items) {
		t.Fatalf("%s:\n%s\n%+v\nwant\n%s\n%+v", payload, raw, got.Rejected, text, bad)
	}
	for i := range items {
		if !reflect.DeepEqual(got.Items[i], items[i]) {
			t.Fatalf("%s: envelope %d is %+v, want %+v", payload, i, got.Items[i], items[i])
		}
	}
	for i, r := range got.Raw {
		event := EventText(r)
		if event == nil {
			continue
		}
		var e Event
		if err := json.Unmarshal(event, &e); err != nil || !reflect.DeepEqual(&e, got.Items[i].Event) {
			t.Fatalf("event text %s of %s: %v", event, r, err)
		}
	}
}

// batches are payloads that a reader may get wrong.
func batches() []string {
	head := `{"v":1,"edge":"e","epoch":"` + someULID + `",`
	gap := func(n int) string {
		return fmt.Sprintf(`{"seq":%d,"id":"%s","madeAt":"2026-11-24T06:30:56.000Z","gap":{"from":1,"to":%d,"reason":"a \"] } \\"}}`, n, someULID, n)
	}
	event := `{"seq":3,"id":"` + someULID + `","madeAt":"2026-11-24T06:30:56.000Z", "event" : {"id":"` + someULID + `","rev":1,"camera":"c","kind":"stacking","phase":"opened","zone":"z",` +
		`"zoneName":"门前","since":"2026-11-24T06:30:56Z","confirmedAt":"2026-11-24T06:30:56Z","score":0.5,"area":0.1,"box":{"x":0,"y":0,"w":1,"h":1},"later":[{"a":"}"},1]} }`
	return []string{
		head + `"items":[` + gap(1) + "," + gap(2) + "," + event + `]}`,
		" \n" + head + "\t\"items\" : [ \n" + gap(1) + " ,\n" + event + " ] \n} ",
		head + `"ITEMS":[` + gap(1) + `]}`,
		head + `"item\u0073":[` + gap(1) + `]}`,
		head + `"item` + "\u017f" + `":[` + gap(1) + `]}`,
		head + `"items":[` + gap(1) + `],"Items":[` + gap(2) + `]}`,
		head + `"items":[` + gap(1) + `],"items":[{"seq":2}]}`,
		head + `"items":[` + gap(1) + `,{"seq":2,"event":{"rev":"a"}},null,7,{"seq":-1},"x",[]]}`,
		head + `"items":null}`, head + `"items":{}}`, head + `"items":[]}`, head + `"x":{"items":[1]}}`,
		head + `"items":[` + gap(1) + `,{"seq":2,"id":"` + strings.Repeat("x", 100) + `"}]}`,
		head + `"pad":["[{\\\"",{"items":[]}],"items":[` + strings.Replace(event, `"event"`, `"Event"`, 1) + `,` + strings.Replace(event, `"event"`, `"event":{"rev":9},"event"`, 1) + `]}`,
		`null`, `[]`, `7`, `"items"`, `{}`, `{`, ``,
	}
}

func TestDecodeBatchReadsOnce(t *testing.T) {
	for _, b := range batches() {
		same(t, []byte(b))
	}
	_, raw, whole := decodeWhole([]byte(batches()[0]))
	if !whole || len(raw) != 3 {
		t.Fatalf("an ordinary batch is read piece by piece: %s", raw)
	}
	if e := EventText(raw[2]); !strings.HasPrefix(string(e), `{"id"`) || !strings.HasSuffix(string(e), `,1]}`) {
		t.Errorf("event text %s", e)
	}
	if e := EventText(raw[0]); e != nil {
		t.Errorf("a gap has the event text %s", e)
	}
	for _, b := range []string{"", "{", `{"`, `{"event`, `{"event":`, `{"event":{`, `{"event":}`, `{"event":"\`, `[1`, `}`, `{"event":{]`} { // broken texts end too
		_ = EventText(json.RawMessage(b))
		_, _ = elements([]byte(b))
	}
}

func FuzzDecodeBatchReadsOnce(f *testing.F) {
	for _, b := range batches() {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		same(t, payload)
		_ = EventText(payload)
		_, _ = elements(payload)
	})
}

func BenchmarkDecodeBatch(b *testing.B) {
	e := strings.TrimSuffix(batches()[0], "]}")
	payload := []byte(e + strings.Repeat(","+e[strings.Index(e, `{"seq":3`):], 60) + "]}")
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if d, err := DecodeBatch(payload); err != nil || len(d.Items) != 63 {
			b.Fatal(len(d.Items), d.Rejected, err)
		}
	}
}
