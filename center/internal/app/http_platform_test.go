package app

import (
	"net/http"
	"testing"
	"testing/fstest"

	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/platform/testkit"
)

// A new version reaches every browser at its next visit: only files whose name
// changes with their content are kept.
func TestPagesAreKeptByName(t *testing.T) {
	f := fiber.New()
	f.Get("/*", pages(fstest.MapFS{
		"index.html": {Data: []byte("first page")}, "sw.js": {Data: []byte("worker")}, "assets/a-1f2e.js": {Data: []byte("code")},
	}))
	keep := func(want string) func(*testing.T, []byte, http.Header) {
		return func(t *testing.T, _ []byte, h http.Header) {
			if got := h.Get("Cache-Control"); got != want {
				t.Errorf("Cache-Control is %q, want %q", got, want)
			}
		}
	}
	for _, s := range []testkit.Scenario{
		{Name: "worker", Path: "/sw.js", Status: 200, Has: []string{"worker"}, After: keep("no-cache")},
		{Name: "first page", Path: "/", Status: 200, Has: []string{"first page"}, After: keep("no-cache")},
		{Name: "first page by name", Path: "/index.html", Status: 200, Has: []string{"first page"}, After: keep("no-cache")},
		{Name: "address of the console", Path: "/m/orders/7", Status: 200, Has: []string{"first page"}, After: keep("no-cache")},
		{Name: "asset", Path: "/assets/a-1f2e.js", Status: 200, Has: []string{"code"}, After: keep("public, max-age=31536000, immutable")},
		{Name: "asset of an old version", Path: "/assets/a-0000.js", Status: 404, HasNot: []string{"first page"}},
		{Name: "way out of the folder", Path: "/../../etc/passwd", Status: 200, Has: []string{"first page"}},
		{Name: "interface", Path: "/api/none", Status: 404, HasNot: []string{"first page"}},
	} {
		s.Run(t, f)
	}
	empty := fiber.New()
	empty.Get("/*", pages(fstest.MapFS{}))
	testkit.Scenario{Name: "not built", Path: "/", Status: 503, Has: []string{"make web"}}.Run(t, empty)
}
