package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestSharedVector(t *testing.T) {
	if got := sign("key", "POST", "/api/open/v1/todos", "a=1&b=%E5%BE%85", "1795588200000", "n0nce-0001", []byte(`{"x":1}`)); got != "81e85b346d505197a7237acf68de292969c7ef5ca5ada7c11a4185407691f21f" {
		t.Error(got)
	}
}

func TestHeaders(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := sign("k", r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("X-Jx-Time"), r.Header.Get("X-Jx-Nonce"), nil)
		if r.Header.Get("X-Jx-Sign") != want || r.Header.Get("X-Jx-App") != "jx12345678" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"code":"sign_invalid"}`))
		}
	}))
	defer srv.Close()
	c := Client{URL: srv.URL, App: "jx12345678", Key: "k", Now: time.Now}
	a, err := c.Call(t.Context(), "GET", "/api/open/v1/users?cursor=a%20b", "", "")
	if err != nil || a.Status != 200 {
		t.Fatalf("%+v %v", a, err)
	}
	c.Key = "other"
	if a, err = c.Call(t.Context(), "GET", "/api/open/v1/users", "", ""); err != nil || a.Code != "sign_invalid" {
		t.Fatalf("%+v %v", a, err)
	}
	var out strings.Builder
	if run(t.Context(), []string{"--url", srv.URL, "--app", "jx12345678", "--key", "k"}, &out) == nil {
		t.Fatal("nothing to call was accepted")
	}
}
