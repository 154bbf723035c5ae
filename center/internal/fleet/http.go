package fleet

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// Reconciliation compares what a box made on a day with what is stored.
type Reconciliation struct {
	Day     string            `json:"day"`
	BoxMade int64             `json:"boxMade"`
	Stored  int64             `json:"stored"`
	Missing []edgev1.SeqRange `json:"missing"`
	Gaps    []edgev1.SeqRange `json:"gaps"`
}

// Reconciler compares one day of one box.
type Reconciler interface {
	Reconcile(ctx context.Context, edge string, ymd int) (Reconciliation, error)
}

// BoxPath names a box in an address; huma reads only exported embedded types.
type BoxPath struct {
	ID string `path:"id" maxLength:"64"`
}

type listIn struct {
	httpx.Paging
	Region string `query:"region" pattern:"^[0-9]{2,9}$"`
	State  string `query:"state" enum:"online,offline,never,duplicate,revoked"`
}

// Register adds the routes of fleet.
func (s *Service) Register(api huma.API, rec Reconciler) {
	httpx.Register(api, access.BoxView, huma.Operation{OperationID: "list-boxes", Method: http.MethodGet, Path: "/api/boxes", Summary: "Edge boxes", Tags: []string{"boxes"}}, s.list)
	httpx.Register(api, access.BoxView, huma.Operation{OperationID: "get-box", Method: http.MethodGet, Path: "/api/boxes/{id}", Summary: "One box with its history", Tags: []string{"boxes"}},
		func(ctx context.Context, in *BoxPath) (*httpx.Body[BoxDetail], error) {
			return httpx.Out(s.Get(ctx, in.ID))
		})
	httpx.Register(api, access.BoxEdit, huma.Operation{OperationID: "create-box", Method: http.MethodPost, Path: "/api/boxes", Summary: "Add a box", Tags: []string{"boxes"}},
		func(ctx context.Context, in *struct {
			Body struct {
				Name       string `json:"name" minLength:"1" maxLength:"40"`
				RegionCode string `json:"regionCode" pattern:"^([0-9]{6}|[0-9]{9})$"`
			}
		},
		) (*httpx.Body[Box], error) {
			return httpx.Out(s.Create(ctx, in.Body.Name, in.Body.RegionCode))
		})
	httpx.Register(api, access.BoxEdit, huma.Operation{OperationID: "enrol-box", Method: http.MethodPost, Path: "/api/boxes/{id}/enrolment", Summary: "A one-time enrolment token", Tags: []string{"boxes"}},
		func(ctx context.Context, in *BoxPath) (*httpx.Body[Enrolment], error) {
			return httpx.Out(s.NewEnrolment(ctx, in.ID))
		})
	httpx.Register(api, access.BoxEdit, huma.Operation{OperationID: "revoke-box", Method: http.MethodPost, Path: "/api/boxes/{id}/revoke", Summary: "Shut a box out", Tags: []string{"boxes"}},
		func(ctx context.Context, in *struct {
			BoxPath
			Body struct {
				Reason string `json:"reason" minLength:"1" maxLength:"200"`
			}
		},
		) (*httpx.Body[Box], error) {
			return httpx.Out(s.Revoke(ctx, in.ID, in.Body.Reason))
		})
	httpx.Register(api, access.BoxView, huma.Operation{OperationID: "reconcile-box", Method: http.MethodGet, Path: "/api/boxes/{id}/reconcile", Summary: "What a box made against what is stored", Tags: []string{"boxes"}},
		func(ctx context.Context, in *struct {
			BoxPath
			Day string `query:"day" format:"date" doc:"Day in Shanghai, default today"`
		},
		) (*httpx.Body[Reconciliation], error) {
			return httpx.Out(s.reconcile(ctx, rec, in.ID, in.Day))
		})
}

func (s *Service) list(ctx context.Context, in *listIn) (*httpx.Body[httpx.List[Box]], error) {
	order, err := in.Order(map[string]string{"name": "b.name", "regionCode": "b.region_code", "since": "b.state_at", "asOf": "b.seen_at", "outboxDepth": "b.outbox_depth", "gaps": "b.missing"}, "b.name ASC")
	if err != nil {
		return nil, err
	}
	prefix := in.Region
	if strings.HasSuffix(prefix, "0000") && len(prefix) == 6 {
		prefix = prefix[:2]
	}
	list, n, err := s.List(ctx, Filter{Region: prefix, Q: in.Q, State: State(in.State), Order: order, Limit: in.Limit(), Offset: in.Offset()})
	return httpx.Out(httpx.NewList(list, n, in.Paging, s.o.DB.Now()), err)
}

func (s *Service) reconcile(ctx context.Context, rec Reconciler, id, day string) (Reconciliation, error) {
	who, err := access.Need(ctx, access.BoxView)
	if err != nil {
		return Reconciliation{}, err
	}
	if _, err := s.load(ctx, who, id); err != nil {
		return Reconciliation{}, err
	}
	at := s.o.DB.Now()
	if day != "" {
		if at, err = time.ParseInLocation(time.DateOnly, day, clock.Shanghai()); err != nil {
			return Reconciliation{}, errs.Invalidf("day", "日期应写作 2026-11-24 的样式")
		}
	}
	ymd := clock.YMD(at)
	out, err := rec.Reconcile(ctx, id, ymd)
	t := strconv.Itoa(ymd)
	out.Day = t[:4] + "-" + t[4:6] + "-" + t[6:]
	return out, err
}
