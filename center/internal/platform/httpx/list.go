package httpx

import (
	"strings"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Paging are the query parameters that every list takes; embed it in an
// operation's input.
type Paging struct {
	Page int    `query:"page" minimum:"1" maximum:"100000" default:"1" doc:"Page, from 1"`
	Size int    `query:"size" minimum:"1" maximum:"200" default:"20" doc:"Rows of a page"`
	Sort string `query:"sort" maxLength:"40" doc:"Field to sort by, - before it for descending"`
	Q    string `query:"q" maxLength:"80" doc:"Free text"`
}

// Limit and Offset are for the query.
func (p Paging) Limit() int64 { return int64(max(p.Size, 1)) }

// Offset is the number of rows before the page.
func (p Paging) Offset() int64 { return int64(max(p.Page, 1)-1) * p.Limit() }

// Order gives the SQL order of Sort out of the columns that may be sorted by
// (field name to SQL column), or fallback when Sort is empty. The columns
// come from the code, so that input never reaches the SQL text.
func (p Paging) Order(columns map[string]string, fallback string) (string, error) {
	if p.Sort == "" {
		return fallback, nil
	}
	name, dir := p.Sort, " ASC"
	if s, ok := strings.CutPrefix(name, "-"); ok {
		name, dir = s, " DESC"
	}
	col, ok := columns[name]
	if !ok {
		return "", errs.Invalidf("sort", "不能按 %s 排序", name)
	}
	return col + dir, nil
}

// List is the answer of every list.
type List[T any] struct {
	Items []T         `json:"items"`
	Total int64       `json:"total"`
	Page  int         `json:"page"`
	Size  int         `json:"size"`
	AsOf  clock.Stamp `json:"asOf"`
}

// NewList fills a list; Items is never null.
func NewList[T any](items []T, total int64, p Paging, asOf time.Time) List[T] {
	if items == nil {
		items = []T{}
	}
	return List[T]{Items: items, Total: total, Page: p.Page, Size: p.Size, AsOf: clock.At(asOf)}
}

// Body wraps an answer's JSON body for huma.
type Body[T any] struct{ Body T }

// Out makes a Body.
func Out[T any](v T, err error) (*Body[T], error) {
	if err != nil {
		return nil, err
	}
	return &Body[T]{Body: v}, nil
}
