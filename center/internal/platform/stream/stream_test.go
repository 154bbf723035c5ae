package stream_test

import (
	"strings"
	"testing"

	"jiexun/center/internal/platform/stream"
)

func TestHub(t *testing.T) {
	h := stream.NewHub()
	see := func(region, perm string) func(string, string) bool {
		return func(r, p string) bool { return strings.HasPrefix(r, region) && p == perm }
	}
	city := h.Join(stream.Viewer{ActorID: "1", May: see("31", "alert.view")})
	street := h.Join(stream.Viewer{ActorID: "2", May: see("310101013", "alert.view")})
	other := h.Join(stream.Viewer{ActorID: "3", May: see("31", "box.view")})
	h.Send(stream.Message{Event: "alert", RegionCode: "310104", Perm: "alert.view", Data: map[string]string{"id": "a"}})
	if len(city.C) != 1 || len(street.C) != 0 || len(other.C) != 0 || len(city.Counts) != 1 {
		t.Fatalf("got %d, %d, %d notices", len(city.C), len(street.C), len(other.C))
	}
	if f := string(<-city.C); f != "event: alert\ndata: {\"id\":\"a\"}\n\n" {
		t.Errorf("frame %q", f)
	}
	for range 1000 { // nobody reads: dropped, never waited for
		h.Send(stream.Message{Event: "alert", RegionCode: "310101013", Perm: "alert.view"})
	}
	if h.Size() != 1 {
		t.Errorf("%d clients are left, want the one that gets nothing", h.Size())
	}
	h.Kick("3")
	if _, open := <-other.C; open || h.Size() != 0 {
		t.Error("a kicked client stays")
	}
	h.Leave(other) // again is no fault
	h.Close()
	if h.Join(stream.Viewer{}) != nil {
		t.Error("a closed hub takes clients")
	}
}

// A message to holders reaches those in whose name one of them is, whatever
// their permissions, and asks for fresh counts.
func TestHolders(t *testing.T) {
	h := stream.NewHub()
	all := func(string, string) bool { return true }
	one := h.Join(stream.Viewer{ActorID: "1", Holders: []string{"1", "squad_leader@sq1"}, May: func(string, string) bool { return false }})
	two := h.Join(stream.Viewer{ActorID: "2", Holders: []string{"2"}, May: all})
	h.Send(stream.Message{Event: "todo", Holders: []string{"9", "squad_leader@sq1"}})
	if len(one.C) != 1 || len(one.Counts) != 1 || len(two.C) != 0 {
		t.Fatalf("got %d and %d notices", len(one.C), len(two.C))
	}
	h.Send(stream.Message{Event: "todo", Holders: []string{}})
	if len(one.C) != 1 || len(two.C) != 0 {
		t.Error("a message to nobody reached somebody")
	}
}
