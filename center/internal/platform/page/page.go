// Package page is the one shape of every list: which page, in which order,
// and what comes back.
package page

import (
	"strings"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Query is the part of a list's query string that all lists share. Embed it
// in a huma input.
type Query struct {
	Page int    `query:"page" minimum:"1" maximum:"1000000" default:"1" doc:"1 is the first page"`
	Size int    `query:"size" minimum:"1" maximum:"200" default:"20"`
	Sort string `query:"sort" maxLength:"40" doc:"A field, with a minus before it for descending"`
	Q    string `query:"q" maxLength:"100" doc:"Text to search for"`
}

// Limit is the number of rows to read.
func (q Query) Limit() int64 { return int64(max(1, min(q.Size, 200))) }

// Offset is the number of rows before the page.
func (q Query) Offset() int64 { return int64(max(q.Page, 1)-1) * q.Limit() }

// Words is the search text without outer spaces.
func (q Query) Words() string { return strings.TrimSpace(q.Q) }

// Order turns Sort into a column and a direction by the table of sortable
// fields; empty means fallback.
func (q Query) Order(columns map[string]string, fallback string) (column string, desc bool, err error) {
	s := q.Sort
	if s == "" {
		s = fallback
	}
	name, desc := strings.CutPrefix(s, "-")
	column, ok := columns[name]
	if !ok {
		return "", false, errs.Invalidf("sort", "不能按“%s”排序", name)
	}
	return column, desc, nil
}

// Result is one page of a list.
type Result[T any] struct {
	Items []T         `json:"items"`
	Total int64       `json:"total"`
	Page  int         `json:"page"`
	Size  int         `json:"size"`
	AsOf  clock.Stamp `json:"asOf" format:"date-time"`
}

// Of makes a result; nil items become an empty list.
func Of[T any](q Query, items []T, total int64, asOf clock.Stamp) Result[T] {
	if items == nil {
		items = []T{}
	}
	return Result[T]{Items: items, Total: total, Page: max(q.Page, 1), Size: int(q.Limit()), AsOf: asOf}
}
