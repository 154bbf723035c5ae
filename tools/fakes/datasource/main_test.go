package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestBadRowsAreAsManyAsAsked(t *testing.T) {
	bad := 0
	for _, r := range shops(1000, 37) {
		if r["店名"] == "" || r["经度"] == "0" || r["区划"] == "999999999" {
			bad++
		}
	}
	if bad != 37 {
		t.Fatalf("%d bad rows, want 37", bad)
	}
	var b bytes.Buffer
	if err := writeCSV(&b, shops(3, 0)); err != nil || strings.Count(b.String(), "\n") != 4 {
		t.Fatalf("%q %v", b.String(), err)
	}
}
