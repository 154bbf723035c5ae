package patrol

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// PatrolCalendarRun is a run on the calendar.
type PatrolCalendarRun struct {
	PlanID string      `json:"planId"`
	Name   string      `json:"name"`
	Kind   Kind        `json:"kind" enum:"survey,inspection"`
	YMD    int         `json:"ymd"`
	From   clock.Stamp `json:"from"`
	Until  clock.Stamp `json:"until"`
	Random bool        `json:"random"`
	Looks  int         `json:"looks"`
	Tasks  int         `json:"tasks" doc:"0 for what is to come"`
	State  TaskState   `json:"state,omitempty"`
	Spots  int         `json:"spots"`
	Seen   int         `json:"seen"`
}

// PatrolCover is a place by when it was last seen.
type PatrolCover struct {
	CameraID   string       `json:"cameraId"`
	CameraName string       `json:"cameraName"`
	ZoneID     string       `json:"zoneId"`
	ZoneName   string       `json:"zoneName"`
	Kind       Kind         `json:"kind" enum:"survey,inspection"`
	Address    string       `json:"address"`
	RegionCode string       `json:"regionCode"`
	ShopID     string       `json:"shopId"`
	ShopName   string       `json:"shopName"`
	SeenAt     *clock.Stamp `json:"seenAt"`
	AskedAt    clock.Stamp  `json:"askedAt"`
	UnseenAt   *clock.Stamp `json:"unseenAt"`
	Reason     string       `json:"reason"`
	ReasonText string       `json:"reasonText"`
	Detail     string       `json:"detail"`
	TaskID     string       `json:"taskId"`
}

// PatrolCoverList is a page of places with the numbers of its tabs.
type PatrolCoverList struct {
	httpx.List[PatrolCover]
	Counts CoverCounts `json:"counts"`
}

func stampOrNil(s clock.Stamp) *clock.Stamp {
	if s == 0 {
		return nil
	}
	return &s
}

func coverItem(c coverRow) PatrolCover {
	return PatrolCover{
		CameraID: c.CameraID, CameraName: c.CameraName, ZoneID: c.ZoneID, ZoneName: c.ZoneName, Kind: c.Kind, Address: c.Address, RegionCode: c.RegionCode, ShopID: c.ShopID,
		ShopName: c.ShopName, SeenAt: stampOrNil(c.SeenAt), AskedAt: c.AskedAt, UnseenAt: stampOrNil(c.UnseenAt), Reason: c.Reason, ReasonText: ReasonLabel(c.Reason), Detail: c.Detail, TaskID: c.TaskID,
	}
}

func (s *Service) registerInsight(api huma.API, op opFunc) {
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/calendar", "get-patrol-calendar", "The runs of a time, made and to come"),
		func(ctx context.Context, in *struct {
			From string `query:"from" format:"date-time" required:"true"`
			To   string `query:"to" format:"date-time" required:"true"`
		},
		) (*httpx.Body[[]PatrolCalendarRun], error) {
			from, err := stampParam("from", in.From)
			if err != nil {
				return nil, err
			}
			to, err := stampParam("to", in.To)
			if err != nil {
				return nil, err
			}
			if from == nil || to == nil || *to <= *from {
				return nil, errs.Invalidf("to", "结束时间应晚于开始时间")
			}
			list, err := s.CalendarBetween(ctx, from.Time(), to.Time())
			out := make([]PatrolCalendarRun, len(list))
			for i, r := range list {
				out[i] = PatrolCalendarRun(r)
			}
			return httpx.Out(out, err)
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/stats", "get-patrol-stats", "How the tasks of a time went"),
		func(ctx context.Context, in *struct {
			By     string `query:"by" enum:"plan,org,kind,day,district" default:"plan"`
			From   string `query:"from" maxLength:"10" doc:"First day, 2026-11-25; 30 days ago when absent"`
			To     string `query:"to" maxLength:"10"`
			Kind   string `query:"kind" enum:"survey,inspection"`
			Org    string `query:"org" maxLength:"40"`
			Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
		},
		) (*httpx.Body[[]PatrolRate], error) {
			now := s.db.Now()
			f := StatsFilter{From: clock.YMD(now.Add(-29 * 24 * time.Hour)), To: clock.YMD(now), Kind: Kind(in.Kind), Org: in.Org, Region: region.Prefix(in.Region), Sources: []Source{FromPlan, FromPerson}}
			for _, x := range []struct {
				name, s string
				to      *int
			}{{"from", in.From, &f.From}, {"to", in.To, &f.To}} {
				if x.s == "" {
					continue
				}
				if *x.to = dayInt(x.s); *x.to == 0 {
					return nil, errs.Invalidf(x.name, "日期应写作 2026-11-25 的样式，收到 %.20s", x.s)
				}
			}
			list, err := s.Stats(ctx, in.By, f)
			out := make([]PatrolRate, len(list))
			for i, r := range list {
				out[i] = PatrolRate(r)
			}
			return httpx.Out(out, err)
		})
	s.registerSeen(api, op)
}

func (s *Service) registerSeen(api huma.API, op opFunc) {
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/coverage", "list-patrol-coverage", "Places by when they were last seen, and why not"),
		func(ctx context.Context, in *struct {
			Kind   string `query:"kind" enum:"survey,inspection"`
			Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
			Seen   string `query:"seen" enum:"never,stale,seen"`
			Days   int    `query:"days" minimum:"1" maximum:"366" default:"30"`
			Reason string `query:"reason" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[PatrolCoverList], error) {
			f := CoverFilter{Kind: Kind(in.Kind), Region: region.Prefix(in.Region), Seen: in.Seen, Reason: in.Reason, Since: clock.At(s.db.Now().Add(-time.Duration(in.Days) * 24 * time.Hour))}
			res, n, err := s.Cover(ctx, f, in.Paging)
			items := make([]PatrolCover, len(res.Items))
			for i, c := range res.Items {
				items[i] = coverItem(c)
			}
			return httpx.Out(PatrolCoverList{List: httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), Counts: n}, err)
		})
	httpx.Register(api, access.PatrolView, op(http.MethodGet, "/api/patrol/observations", "list-patrol-observations", "What was seen"),
		func(ctx context.Context, in *struct {
			Task   string `query:"task" maxLength:"40"`
			Camera string `query:"camera" maxLength:"40"`
			Zone   string `query:"zone" maxLength:"64"`
			Kind   string `query:"kind" enum:"sign,seen,unseen"`
			Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
			From   string `query:"from" format:"date-time"`
			To     string `query:"to" format:"date-time"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[PatrolSeen]], error) {
			f := ObservationFilter{Task: in.Task, Camera: in.Camera, Zone: in.Zone, Kind: in.Kind, Region: region.Prefix(in.Region)}
			var err error
			if f.From, err = stampParam("from", in.From); err != nil {
				return nil, err
			}
			if f.To, err = stampParam("to", in.To); err != nil {
				return nil, err
			}
			res, err := s.Observations(ctx, f, in.Paging)
			items := make([]PatrolSeen, len(res.Items))
			for i, o := range res.Items {
				items[i] = seenItem(o)
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), err)
		})
}
