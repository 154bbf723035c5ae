package testkit

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
)

// Scenario is one request and what must come back.
type Scenario struct {
	Name    string
	Method  string // GET when empty
	Path    string
	Body    any // a string is sent as it is, all else as JSON
	Headers map[string]string

	Status int
	// Has and HasNot are texts that the answer must, or must not, contain.
	Has, HasNot []string
	// After looks at the answer further.
	After func(t *testing.T, body []byte, h http.Header)
}

// Run sends the scenario through the app.
func (s Scenario) Run(t *testing.T, app *fiber.App) {
	t.Helper()
	t.Run(s.Name, func(t *testing.T) {
		t.Helper()
		code, body, h := Do(t, app, s.Method, s.Path, s.Body, s.Headers)
		if code != s.Status {
			t.Fatalf("%s %s: status %d, want %d; body %.600s", s.Method, s.Path, code, s.Status, body)
		}
		for _, want := range s.Has {
			if !strings.Contains(string(body), want) {
				t.Errorf("answer lacks %q: %.600s", want, body)
			}
		}
		for _, bad := range s.HasNot {
			if strings.Contains(string(body), bad) {
				t.Errorf("answer contains %q: %.600s", bad, body)
			}
		}
		if s.After != nil {
			s.After(t, body, h)
		}
	})
}

// Do sends one request and gives status, body and headers.
func Do(t testing.TB, app *fiber.App, method, path string, body any, headers map[string]string) (int, []byte, http.Header) {
	t.Helper()
	if method == "" {
		method = http.MethodGet
	}
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	case []byte:
		r = bytes.NewReader(b)
	default:
		j, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		r = bytes.NewReader(j)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, r)
	if err != nil {
		t.Fatal(err)
	}
	if r != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range headers {
		req.Header.Set(k, v)
	}
	res, err := app.Test(req, 20_000)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, out, res.Header
}

// JSON decodes an answer.
func JSON[T any](t testing.TB, body []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("decode %.300s: %v", body, err)
	}
	return v
}
