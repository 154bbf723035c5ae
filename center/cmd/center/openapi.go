package main

import (
	"github.com/danielgtaylor/huma/v2"
)

// shareProblems makes the refusals of all routes one shared answer each:
// spelled out, they are half of the description.
func shareProblems(d *huma.OpenAPI) {
	const base = "#/components/responses/"
	if d.Components.Responses == nil {
		d.Components.Responses = map[string]*huma.Response{}
	}
	for _, item := range d.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			for code, r := range op.Responses {
				if code[0] != '4' && code[0] != '5' || r.Ref != "" || len(r.Headers) > 0 {
					continue
				}
				if d.Components.Responses[code] == nil {
					d.Components.Responses[code] = r
				}
				op.Responses[code] = &huma.Response{Ref: base + code}
			}
		}
	}
}
