package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/alecthomas/kong"
)

// The page in docs is what the program prints.
func TestReferenceIsTrue(t *testing.T) {
	var c cli
	k, err := kong.New(&c, kong.Name("center"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	writeReference(&b, k.Model)
	have, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, b.Bytes()) {
		t.Error("settings changed: bin/center reference > docs/configuration.md")
	}
}
