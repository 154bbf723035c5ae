package orders

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/sheet"
)

// OrderItem is an order in a list.
type OrderItem struct {
	ID            string       `json:"id"`
	No            string       `json:"no"`
	Kind          string       `json:"kind"`
	State         State        `json:"state" enum:"dispatched,accepted,onSite,handled,closed,returned"`
	ShopID        string       `json:"shopId,omitempty"`
	ShopName      string       `json:"shopName,omitempty"`
	Address       string       `json:"address"`
	Lng           float64      `json:"lng"`
	Lat           float64      `json:"lat"`
	RegionCode    string       `json:"regionCode"`
	StreetName    string       `json:"streetName"`
	CameraID      string       `json:"cameraId"`
	CameraName    string       `json:"cameraName"`
	SquadOrgID    string       `json:"squadOrgId,omitempty"`
	SquadName     string       `json:"squadName,omitempty"`
	OfficerID     string       `json:"officerId,omitempty"`
	OfficerName   string       `json:"officerName,omitempty"`
	SuggestedID   string       `json:"suggestedSquadOrgId,omitempty"`
	SuggestedName string       `json:"suggestedSquadName,omitempty"`
	SuggestReason string       `json:"suggestReason,omitempty"`
	CreatedAt     clock.Stamp  `json:"createdAt"`
	DueAt         clock.Stamp  `json:"dueAt"`
	RemainingS    int64        `json:"remainingS" doc:"Seconds to the deadline, negative when over"`
	DueState      DueState     `json:"dueState" enum:"over,near,normal,done,paused"`
	HandledAt     *clock.Stamp `json:"handledAt,omitempty"`
	ClosedAt      *clock.Stamp `json:"closedAt,omitempty"`
	Thumb         string       `json:"thumb,omitempty"`
	Result        Result       `json:"result,omitempty"`
	AlertCount    int          `json:"alertCount"`
	EvidenceUse   string       `json:"evidenceUse" enum:"evidence,clue"`
	Rev           int64        `json:"rev"`
}

func itemOf(o Order, now time.Time) OrderItem {
	st, left := o.Due(now)
	return OrderItem{
		ID: o.ID, No: o.No, Kind: o.Kind, State: o.State, ShopID: o.ShopID, ShopName: o.ShopName, Address: o.Address,
		Lng: o.Lng, Lat: o.Lat, RegionCode: o.RegionCode, StreetName: o.StreetName, CameraID: o.CameraID,
		CameraName: o.CameraName, SquadOrgID: o.SquadOrgID, SquadName: o.SquadName, OfficerID: o.OfficerID,
		OfficerName: o.OfficerName, SuggestedID: o.SuggestedSquadID, SuggestedName: o.SuggestedSquad,
		SuggestReason: o.SuggestReason, CreatedAt: o.CreatedAt, DueAt: o.DueAt, RemainingS: int64(left.Seconds()),
		DueState: st, HandledAt: o.HandledAt, ClosedAt: o.ClosedAt, Thumb: o.Thumb, Result: o.Result,
		AlertCount: o.AlertCount, EvidenceUse: o.EvidenceUse, Rev: o.Rev,
	}
}

// OrderDetail is an order with all that its page shows.
type OrderDetail struct {
	OrderItem
	Alerts   []AlertOf      `json:"alerts"`
	Timeline []OrderStep    `json:"timeline"`
	Allowed  []Act          `json:"allowed"`
	Before   OrderPicture   `json:"before"`
	After    []string       `json:"after"`
	Handling *OrderHandling `json:"handling,omitempty"`
	Rule     OrderRule      `json:"rule"`
}

// OrderPicture names a picture.
type OrderPicture struct {
	SM3 string `json:"sm3"`
}

// OrderHandling is the result on site.
type OrderHandling struct {
	Result Result      `json:"result"`
	Label  string      `json:"label"`
	Note   string      `json:"note"`
	Photos []string    `json:"photos"`
	At     clock.Stamp `json:"at"`
}

// OrderRule is the rule that the order started with.
type OrderRule struct {
	Name       string  `json:"name"`
	Version    int     `json:"version"`
	Source     string  `json:"source"`
	Verified   bool    `json:"verified"`
	LimitHours float64 `json:"limitHours"`
}

// OrderActor is who did a step.
type OrderActor struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	OrgName string `json:"orgName"`
}

// OrderPlace is where a step was done.
type OrderPlace struct {
	Lng       float64 `json:"lng"`
	Lat       float64 `json:"lat"`
	AccuracyM float64 `json:"accuracyM"`
	DistanceM float64 `json:"distanceM"`
}

// OrderStep is one line of the timeline.
type OrderStep struct {
	ID     string      `json:"id"`
	At     clock.Stamp `json:"at"`
	Act    StepAct     `json:"act"`
	Label  string      `json:"label"`
	Actor  OrderActor  `json:"actor"`
	Text   string      `json:"text"`
	Photos []string    `json:"photos"`
	Place  *OrderPlace `json:"place,omitempty"`
}

func detailOf(d Detail) OrderDetail {
	out := OrderDetail{
		OrderItem: itemOf(d.Order, d.Now), Alerts: d.Alerts, Timeline: make([]OrderStep, len(d.Timeline)),
		Allowed: d.Allowed, Before: OrderPicture{SM3: d.Order.Thumb}, After: d.After,
		Rule: OrderRule{
			Name: d.Rule.Name, Version: d.Rule.Version, Source: d.Rule.Source, Verified: d.Rule.Verified,
			LimitHours: float64(d.Order.LimitMS) / float64(time.Hour.Milliseconds()),
		},
	}
	for i, s := range d.Timeline {
		st := OrderStep{ID: s.ID, At: s.At, Act: s.Act, Label: s.Label, Actor: OrderActor{s.ActorID, s.Actor, s.ActorOrg}, Text: s.Text, Photos: s.Photos}
		if s.Lng != nil && s.Lat != nil && s.AccuracyM != nil && s.DistM != nil {
			st.Place = &OrderPlace{*s.Lng, *s.Lat, *s.AccuracyM, *s.DistM}
		}
		out.Timeline[i] = st
	}
	if o := d.Order; o.Result != "" && o.HandledAt != nil {
		out.Handling = &OrderHandling{o.Result, o.Result.Label(), o.ResultNote, d.After, *o.HandledAt}
	}
	return out
}

// FilterParams is the query string that list, counts and export share.
type FilterParams struct {
	Tab     string `query:"tab" enum:"mine,todo,all,closed" doc:"all when absent"`
	State   string `query:"state" enum:"dispatched,accepted,onSite,handled,closed,returned"`
	Kind    string `query:"kind" enum:"stacking,frontage,sign,picture"`
	Region  string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Squad   string `query:"squad" maxLength:"40"`
	Officer string `query:"officer" maxLength:"40"`
	Camera  string `query:"camera" maxLength:"40"`
	Shop    string `query:"shop" maxLength:"40"`
	Due     string `query:"due" enum:"overdue,near,ok"`
	From    string `query:"from" format:"date-time" doc:"Creation, inclusive"`
	To      string `query:"to" format:"date-time" doc:"Creation, exclusive"`
}

func (i FilterParams) filter() (Filter, error) {
	from, err := stampParam("from", i.From)
	if err != nil {
		return Filter{}, err
	}
	to, err := stampParam("to", i.To)
	if err != nil {
		return Filter{}, err
	}
	return Filter{
		Tab: Tab(i.Tab), State: State(i.State), Kind: i.Kind, Region: region.Prefix(i.Region), Squad: i.Squad, Officer: i.Officer,
		Camera: i.Camera, Shop: i.Shop, Due: i.Due, From: from, To: to,
	}, nil
}

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
			var buf bytes.Buffer
			if err := s.Export(ctx, f, in.Paging, &buf); err != nil {
				return nil, err
			}
			return sheet.Attachment("工单.xlsx", buf.Bytes()), nil
		})
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
