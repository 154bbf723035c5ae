package sign_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"jiexun/center/internal/integration/sign"
)

// The vector of docs/interfaces.md; the browser's and the sample client's own
// implementations are tested with the same.
func TestVector(t *testing.T) {
	if got := sign.Digest([]byte("abc")); got != "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0" {
		t.Fatalf("SM3(abc) is %s", got)
	}
	text := sign.Text("POST", "/api/open/v1/todos", "a=1&b=%E5%BE%85", "1795588200000", "n0nce-0001", []byte(`{"x":1}`))
	if strings.Count(text, "\n") != 5 {
		t.Fatalf("%q", text)
	}
	mac := sign.Hex("key", text)
	h, ok := sign.Parse("jx0123456789", "1795588200000", "n0nce-0001", mac)
	if !ok || !h.Fits("key", text) || h.Fits("kez", text) || h.Fits("key", text+"\n") {
		t.Fatalf("%+v %v", h, ok)
	}
}

func TestWindow(t *testing.T) {
	now := time.UnixMilli(1795588200000)
	for _, c := range []struct {
		off   time.Duration
		fresh bool
	}{{0, true}, {5 * time.Minute, true}, {-5 * time.Minute, true}, {5*time.Minute + time.Millisecond, false}, {-5*time.Minute - time.Millisecond, false}} {
		h, ok := sign.Parse("jx012345", strconv.FormatInt(now.Add(c.off).UnixMilli(), 10), "abcdefgh", strings.Repeat("0", 64))
		if !ok || h.Fresh(now) != c.fresh {
			t.Errorf("%v: %v", c.off, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("jx012345", "1795588200000", "abcdefgh", strings.Repeat("a", 64))
	f.Add("", "-1", "\x00", "zz")
	f.Add("jx012345", "+179558820000", "abcd\nfgh", strings.Repeat("A", 64))
	f.Fuzz(func(t *testing.T, app, millis, nonce, mac string) {
		h, ok := sign.Parse(app, millis, nonce, mac)
		if !ok {
			return
		}
		if strings.ContainsAny(h.App+h.Nonce+h.Millis, "\n\r \x00") || len(h.MAC) != 32 || h.Millis != millis {
			t.Fatalf("%+v", h)
		}
	})
}

// TestSharedVector is the one that center/web/test/sm3.test.ts and
// tools/openclient check their own implementations with.
func TestSharedVector(t *testing.T) {
	text := sign.Text("POST", "/api/open/v1/todos", "a=1&b=%E5%BE%85", "1795588200000", "n0nce-0001", []byte(`{"x":1}`))
	if got := sign.Hex("key", text); got != "81e85b346d505197a7237acf68de292969c7ef5ca5ada7c11a4185407691f21f" {
		t.Error(got)
	}
	if got := sign.Hex(strings.Repeat("k", 100), text); got != "870308ed0913234f6a1502a57bc813875518002fa030ac385d3708b9c74e0094" {
		t.Error(got)
	}
}
