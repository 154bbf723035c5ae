package security

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"security"}}
}

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	s.registerUsage(api)
	s.registerAlerts(api)
	s.registerRules(api)
}

// UsageQuery are the query parameters of every figure and list.
type UsageQuery struct {
	From    string `query:"from" maxLength:"40" doc:"First day, 2026-11-01, or a moment in it"`
	To      string `query:"to" maxLength:"40" doc:"Last day, or the moment after it"`
	Region  string `query:"region" maxLength:"12" pattern:"^[0-9]*$"`
	Op      string `query:"op" maxLength:"80"`
	App     string `query:"app" maxLength:"40"`
	Person  string `query:"person" maxLength:"64"`
	Outcome string `query:"outcome" enum:"ok,refused,failed"`
}

func (q UsageQuery) filter() UsageFilter {
	return UsageFilter{From: DayNumber(q.From, false), To: DayNumber(q.To, true), Region: q.Region, Op: q.Op, App: q.App, PersonID: q.Person, Outcome: q.Outcome}
}

func (s *Service) registerUsage(api huma.API) {
	httpx.Register(api, access.UsageView, op("usage-total", http.MethodGet, "/api/usage", "What the calls of a period come to"),
		func(ctx context.Context, in *struct{ UsageQuery }) (*httpx.Body[UsageTotal], error) {
			return httpx.Out(s.UsageTotal(ctx, in.filter()))
		})
	httpx.Register(api, access.UsageView, op("usage-by", http.MethodGet, "/api/usage/by/{by}", "Calls by day, month, function, district or application"),
		func(ctx context.Context, in *struct {
			UsageQuery
			By string `path:"by" enum:"day,month,op,district,app"`
		},
		) (*httpx.Body[[]UsagePoint], error) {
			return httpx.Out(s.Usage(ctx, in.filter(), UsageBy(in.By)))
		})
	type listIn struct {
		httpx.Paging
		UsageQuery
	}
	calls := func(ctx context.Context, in *listIn, limit, offset int64) ([]Call, int64, error) {
		f := in.filter()
		order, err := in.Order(map[string]string{"at": "c.at", "ms": "c.ms", "status": "c.status", "bytes": "c.bytes"}, "c.at DESC")
		if err != nil {
			return nil, 0, err
		}
		f.Q, f.Order, f.Limit, f.Offset = in.Q, order, limit, offset
		return s.Calls(ctx, f)
	}
	httpx.Register(api, access.UsageView, op("list-calls", http.MethodGet, "/api/usage/calls", "The calls behind the figures"),
		func(ctx context.Context, in *listIn) (*httpx.Body[httpx.List[Call]], error) {
			list, n, err := calls(ctx, in, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, access.UsageView, op("export-calls", http.MethodGet, "/api/usage/calls/export", "The calls behind the figures as a table"),
		func(ctx context.Context, in *listIn) (*sheet.File, error) {
			list, n, err := calls(ctx, in, sheet.MaxRows, 0)
			if err != nil {
				return nil, err
			}
			if n > sheet.MaxRows {
				return nil, errs.Invalidf("from", "共 %d 条，超过一次导出的上限 %d 条，请缩小日期范围", n, sheet.MaxRows)
			}
			if err := s.noteExport(ctx, n); err != nil {
				return nil, err
			}
			b, err := callsSheet(list)
			return sheet.Attachment("调用记录.xlsx", b), err
		})
	httpx.Register(api, access.UsageView, op("list-active-people", http.MethodGet, "/api/usage/people", "Who used the center"),
		func(ctx context.Context, in *listIn) (*httpx.Body[httpx.List[ActivePerson]], error) {
			f := in.filter()
			order, err := in.Order(map[string]string{"calls": "calls", "days": "days", "lastAt": "last_at"}, "calls DESC")
			if err != nil {
				return nil, err
			}
			f.Q, f.Order, f.Limit, f.Offset = in.Q, order+", v.person_id", in.Limit(), in.Offset()
			list, n, err := s.People(ctx, f)
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
}

func callsSheet(list []Call) ([]byte, error) {
	w, err := sheet.New("调用记录", []sheet.Column{
		{Title: "时间", Width: 22}, {Title: "功能", Width: 26}, {Title: "方法", Width: 8}, {Title: "路径", Width: 40}, {Title: "来源应用", Width: 10}, {Title: "人员", Width: 14},
		{Title: "区域", Width: 12}, {Title: "地址", Width: 16}, {Title: "状态", Width: 8}, {Title: "毫秒", Width: 8}, {Title: "字节", Width: 10}, {Title: "请求号", Width: 30},
	})
	if err != nil {
		return nil, err
	}
	for _, c := range list {
		at := c.At.Time().In(clock.Shanghai()).Format("2006-01-02 15:04:05.000")
		if err := w.Add(at, c.Op, c.Method, c.Path, c.App, c.PersonName, c.RegionCode, c.IP, c.Status, c.MS, c.Bytes, c.RequestID); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	_, err = w.WriteTo(&b)
	return b.Bytes(), err
}

func (s *Service) registerAlerts(api huma.API) {
	httpx.Register(api, access.SecurityView, op("security-board", http.MethodGet, "/api/security/board", "The security dashboard"),
		func(ctx context.Context, in *struct {
			From string `query:"from" maxLength:"40"`
			To   string `query:"to" maxLength:"40"`
		},
		) (*httpx.Body[Board], error) {
			return httpx.Out(s.Board(ctx, DayNumber(in.From, false), DayNumber(in.To, true)))
		})
	httpx.Register(api, access.SecurityView, op("list-security-alerts", http.MethodGet, "/api/security/alerts", "Security alerts"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			State    string      `query:"state" enum:"todo,open,assigned,closed"`
			Severity string      `query:"severity" enum:"low,medium,high,critical"`
			Rule     string      `query:"rule" maxLength:"40"`
			From     clock.Stamp `query:"from"`
			To       clock.Stamp `query:"to"`
		},
		) (*httpx.Body[httpx.List[Alert]], error) {
			order, err := in.Order(map[string]string{"lastAt": "a.last_at", "firstAt": "a.first_at", "hits": "a.hits"}, "a.last_at DESC")
			if err != nil {
				return nil, err
			}
			f := AlertFilter{State: in.State, Severity: in.Severity, Rule: in.Rule, Q: in.Q, Order: order, Limit: in.Limit(), Offset: in.Offset()}
			if in.From != 0 {
				f.From = &in.From
			}
			if in.To != 0 {
				f.To = &in.To
			}
			list, n, err := s.Alerts(ctx, f)
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, access.SecurityView, op("get-security-alert", http.MethodGet, "/api/security/alerts/{id}", "One security alert with its evidence"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"64"`
		},
		) (*httpx.Body[AlertDetail], error) {
			return httpx.Out(s.Alert(ctx, in.ID))
		})
	httpx.Register(api, access.SecurityHandle, op("handle-security-alert", http.MethodPost, "/api/security/alerts/{id}/{act}", "Assign, note, take a measure, close"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Act  string `path:"act" enum:"assign,note,lock,kick,block,close"`
			Body struct {
				Note     string `json:"note,omitempty" maxLength:"500"`
				Assignee string `json:"assignee,omitempty" maxLength:"64"`
				Minutes  int    `json:"minutes,omitempty" minimum:"0" maximum:"43200"`
				Outcome  string `json:"outcome,omitempty" enum:"handled,false"`
				Rev      int    `json:"rev"`
			}
		},
		) (*httpx.Body[AlertDetail], error) {
			b := in.Body
			if err := s.Do(ctx, in.ID, Act{Kind: in.Act, Note: b.Note, Assignee: b.Assignee, Minutes: b.Minutes, Outcome: b.Outcome, Rev: b.Rev}); err != nil {
				return nil, err
			}
			return httpx.Out(s.Alert(ctx, in.ID))
		})
	httpx.Register(api, access.SecurityView, op("list-blocks", http.MethodGet, "/api/security/blocks", "Addresses that are refused now"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Blocked], error) {
			return httpx.Out(s.Blocks(ctx))
		})
	o := op("unblock", http.MethodPost, "/api/security/blocks/end", "Let an address in again")
	o.DefaultStatus = http.StatusNoContent
	httpx.Register(api, access.SecurityHandle, o, func(ctx context.Context, in *struct {
		Body struct {
			IP     string `json:"ip" minLength:"2" maxLength:"60"`
			Reason string `json:"reason" minLength:"2" maxLength:"200"`
		}
	},
	) (*struct{}, error) {
		return nil, s.Unblock(ctx, in.Body.IP, in.Body.Reason)
	})
}

func (s *Service) registerRules(api huma.API) {
	httpx.Register(api, access.SecurityView, op("list-security-rules", http.MethodGet, "/api/security/rules", "Rules that hold, or with code every version of one"),
		func(ctx context.Context, in *struct {
			Code string `query:"code" maxLength:"40"`
		},
		) (*httpx.Body[[]Rule], error) {
			return httpx.Out(s.Rules(ctx, in.Code))
		})
	httpx.Register(api, access.SecurityRule, op("save-security-rule", http.MethodPost, "/api/security/rules/{code}", "Make a new version of a rule"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"40"`
			Body struct {
				Version  int    `json:"version" doc:"The version that was looked at"`
				Params   Params `json:"params"`
				Severity string `json:"severity" enum:"low,medium,high,critical"`
				On       bool   `json:"on"`
				Source   string `json:"source" minLength:"2" maxLength:"300"`
				Verified bool   `json:"verified"`
				Reason   string `json:"reason" minLength:"2" maxLength:"200"`
			}
		},
		) (*httpx.Body[Rule], error) {
			b := in.Body
			if in.Code == "" {
				return nil, errs.NotFound("安全规则")
			}
			return httpx.Out(s.SaveRule(ctx, Rule{Code: in.Code, Version: b.Version, Params: b.Params, Severity: b.Severity, On: b.On, Source: b.Source, Verified: b.Verified, Reason: b.Reason}))
		})
}
