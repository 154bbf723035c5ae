package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/scene"
)

// expectation is something that stands in a clip which has no truth file.
type expectation struct {
	clip  string
	event scene.Event
}

// parseExpectation reads CLIP=stacking:X,Y,W,H:FROM or FROM-TO: the clip's
// name without folder and ending, the box in shares of the picture, and the
// seconds of the clip in which the thing stands (without TO until the end).
// Such a clip is one pavement, so that nothing but stacking can be expected.
func parseExpectation(s string) (expectation, error) {
	fail := func(why string) (expectation, error) {
		return expectation{}, fmt.Errorf("expect %.80q: %s; use CLIP=stacking:X,Y,W,H:FROM-TO, for other kinds a truth file", s, why)
	}
	name, rest, ok := strings.Cut(s, "=")
	parts := strings.Split(rest, ":")
	if !ok || name == "" || len(parts) != 3 {
		return fail("it has not three parts behind the clip's name")
	}
	if edgev1.Kind(parts[0]) != edgev1.Stacking {
		return fail("the kind is not stacking")
	}
	box, err := numbers(parts[1], ",")
	if err != nil || len(box) != 4 {
		return fail("the box is not four numbers")
	}
	when, err := numbers(parts[2], "-")
	if err != nil || len(when) < 1 || len(when) > 2 {
		return fail("the time is not one or two numbers")
	}
	x := expectation{clip: name, event: scene.Event{Kind: edgev1.Stacking, From: when[0], Label: "expected", Zone: zoneWhole,
		Box: edgev1.Box{X: box[0], Y: box[1], W: box[2], H: box[3]}}}
	if len(when) == 2 {
		x.event.To = when[1]
	}
	return x, nil
}

func numbers(s, sep string) ([]float64, error) {
	var out []float64
	for _, f := range strings.Split(s, sep) {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%.20q is not a number", f)
		}
		out = append(out, v)
	}
	return out, nil
}

// expect adds to the truth of clips what the command line expects there.
func expect(cases []testCase, wanted []string) error {
	for _, s := range wanted {
		x, err := parseExpectation(s)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(cases, func(c testCase) bool { return c.name == safeName(x.clip) })
		if i < 0 {
			return fmt.Errorf("expect %.80q: no clip is called %s", s, x.clip)
		}
		t := &cases[i].truth
		if x.event.To == 0 {
			x.event.To = t.DurationS
		}
		t.Events = append(t.Events, x.event)
		if err := t.Validate(); err != nil {
			return fmt.Errorf("expect %.80q: %w", s, err)
		}
	}
	return nil
}
