package main

import (
	"bytes"
	"context"
	"testing"
	"time"

	"jiexun/tools/internal/boxlink"
)

// TestSmallRun connects a few boxes to a real center.
func TestSmallRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	bin, err := boxlink.BuildCenter(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	r, err := run(ctx, options{CenterBin: bin, Boxes: 6, Cameras: 2, EventsPerSecond: 30, StatusEvery: time.Second, For: 4 * time.Second}, &out)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	if !r.whole() || r.least != 6 {
		t.Errorf("report %+v", r)
	}
	if r.sent < 30 || r.statuses < 12 || r.p99 < r.p50 || r.p50 <= 0 {
		t.Errorf("report %+v", r)
	}
}

func TestRefusesNonsense(t *testing.T) {
	good := options{Boxes: 1, Cameras: 1, EventsPerSecond: 1, StatusEvery: time.Second, For: time.Second}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*options){
		"no boxes":         func(o *options) { o.Boxes = 0 },
		"too many boxes":   func(o *options) { o.Boxes = 5001 },
		"too many cameras": func(o *options) { o.Cameras = 65 },
		"too many events":  func(o *options) { o.EventsPerSecond = 5001 },
		"too long":         func(o *options) { o.For = 2 * time.Hour },
		"no address":       func(o *options) { o.Center = "center" },
		"another machine":  func(o *options) { o.Center = "http://192.0.2.1:8080" },
	} {
		o := good
		spoil(&o)
		if o.check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
