package orders

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

type listInput struct {
	FilterParams
	httpx.Paging
}

type idInput struct {
	ID string `path:"id" maxLength:"40"`
}

// Register adds the routes of the domain.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"orders"}}
	}
	httpx.Register(api, "order.view", op(http.MethodGet, "/api/orders", "list-orders", "List work orders"),
		func(ctx context.Context, in *listInput) (*httpx.Body[httpx.List[OrderItem]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			res, err := s.List(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]OrderItem, len(res.Items))
			for i, o := range res.Items {
				items[i] = itemOf(o, res.AsOf.Time())
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), nil)
		})
	httpx.Register(api, "order.view", op(http.MethodGet, "/api/orders/counts", "count-orders", "Numbers of the tabs; of the actor's own orders when no tab is given"),
		func(ctx context.Context, in *struct {
			FilterParams
			Q string `query:"q" maxLength:"80"`
		},
		) (*httpx.Body[OrderCounts], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			if f.Tab == "" {
				f.Tab = TabMine
			}
			f.Q = in.Q
			return httpx.Out(s.Counts(ctx, f))
		})
	httpx.Register(api, "order.view", op(http.MethodGet, "/api/orders/export", "export-orders", "The filtered list as xlsx"),
		func(ctx context.Context, in *listInput) (*sheet.File, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			f.Q = in.Q
			var buf bytes.Buffer
			if err := s.Export(ctx, f, &buf); err != nil {
				return nil, err
			}
			return sheet.Attachment("工单.xlsx", buf.Bytes()), nil
		})
	s.registerMore(api, op)
	httpx.Register(api, "order.view", op(http.MethodGet, "/api/orders/{id}", "get-order", "One work order"),
		func(ctx context.Context, in *idInput) (*httpx.Body[OrderDetail], error) {
			return s.answer(ctx, in.ID, nil)
		})
	s.registerActs(api, op)
}

// answer gives the order as it is after an act.
func (s *Service) answer(ctx context.Context, id string, err error) (*httpx.Body[OrderDetail], error) {
	if err != nil {
		return nil, err
	}
	d, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return httpx.Out(detailOf(d), nil)
}

// stampParam reads a moment of the query string; empty is absent.
func stampParam(name, s string) (*clock.Stamp, error) {
	if s == "" {
		return nil, nil
	}
	var at clock.Stamp
	if err := at.UnmarshalText([]byte(s)); err != nil {
		return nil, errs.Invalidf(name, "%s", err.Error())
	}
	return &at, nil
}
