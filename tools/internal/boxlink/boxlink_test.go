package boxlink_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/boxlink"
)

func TestParseToken(t *testing.T) {
	fp := strings.Repeat("ab", 32)
	tok, err := boxlink.ParseToken(" https://127.0.0.1:8443#secret#" + fp + "\n")
	if err != nil || tok.URL.Host != "127.0.0.1:8443" || tok.Secret != "secret" || tok.CA[31] != 0xab {
		t.Fatalf("%+v, %v", tok, err)
	}
	for _, bad := range []string{"", "https://a#b", "http://a#b#" + fp, "https://#b#" + fp, "https://a##" + fp, "https://a#b#" + fp[2:], "https://a#b#zz" + fp[2:]} {
		if _, err := boxlink.ParseToken(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("https://127.0.0.1:8443#secret#" + strings.Repeat("ab", 32))
	f.Add("##")
	f.Fuzz(func(t *testing.T, s string) {
		tok, err := boxlink.ParseToken(s)
		if err == nil && (tok.URL.Host == "" || tok.Secret == "") {
			t.Fatalf("%q gives %+v", s, tok)
		}
	})
}

// TestEventsAreTaken checks batches and statuses by the contract's own rules,
// and that events have a realistic size.
func TestEventsAreTaken(t *testing.T) {
	cams := []string{ulid.Make().String(), ulid.Make().String()}
	m, n := boxlink.NewMaker(1, cams), boxlink.NewNumbering(ulid.Make().String())
	now := time.Now()
	var events []edgev1.Event
	for range 64 {
		events = append(events, m.Event(now))
	}
	payload, err := json.Marshal(n.Batch(now, events...))
	if err != nil {
		t.Fatal(err)
	}
	d, err := edgev1.DecodeBatch(payload)
	if err != nil || len(d.Rejected) > 0 || len(d.Items) != 64 {
		t.Fatalf("%v, %d rejected (%+v), %d taken", err, len(d.Rejected), d.Rejected, len(d.Items))
	}
	if d.Items[0].Seq != 1 || d.Items[63].Seq != 64 || n.Last() != 64 {
		t.Errorf("numbers %d to %d, last %d", d.Items[0].Seq, d.Items[63].Seq, n.Last())
	}
	if size := len(payload) / 64; size < 1500 || size > 3500 {
		t.Errorf("an event has %d bytes, not 1500 to 3500", size)
	}
	id := &boxlink.Identity{Instance: ulid.Make().String()}
	s := n.Status(id, now, now, cams, 0)
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}
