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
