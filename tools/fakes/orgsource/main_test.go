package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPages(t *testing.T) {
	srv := httptest.NewServer(handler(records(10, "310101", "wrong"), "secret", "wrong"))
	defer srv.Close()
	seen, cursor := 0, "0"
	for range 20 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/people?size=4&cursor="+cursor, nil)
		req.Header.Set("Authorization", "Bearer secret")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var p struct {
			Items []Record `json:"items"`
			Next  string   `json:"next"`
			More  bool     `json:"more"`
		}
		err = json.NewDecoder(res.Body).Decode(&p)
		if e := res.Body.Close(); err != nil || e != nil {
			t.Fatal(err, e)
		}
		seen += len(p.Items)
		cursor = p.Next
		if !p.More {
			break
		}
	}
	if seen != 15 {
		t.Fatalf("%d records, want 15", seen)
	}
	res, err := http.Get(srv.URL + "/people")
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		t.Fatalf("without the token: %v %v", res, err)
	}
	_ = res.Body.Close()
}
