package deadline

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

// Job names a job that a change began.
type Job struct {
	JobID string `json:"jobId"`
}

// Reason is why a person changes something.
type Reason struct {
	Reason string `json:"reason" maxLength:"200"`
}

// ClockPath names a clock in an address.
type ClockPath struct {
	ID string `path:"id" maxLength:"64"`
}

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"deadline"}}
}

// Register adds the routes of deadlines.
func (s *Service) Register(api huma.API) {
	s.registerRules(api)
	s.registerCalendar(api)
	s.registerClocks(api)
}

func (s *Service) registerRules(api huma.API) {
	httpx.Register(api, access.DeadlineManage, op("list-deadline-rules", http.MethodGet, "/api/deadline/rules", "Every version of every deadline rule"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Rule], error) { return httpx.Out(s.Rules(ctx)) })
	httpx.Register(api, access.DeadlineManage, op("publish-deadline-rule", http.MethodPost, "/api/deadline/rules", "A new version of a rule, or a new rule"),
		func(ctx context.Context, in *struct {
			Body struct {
				Rule  RuleInput `json:"rule"`
				Apply bool      `json:"apply" doc:"Compute open clocks by the new version"`
				Reason
			}
		},
		) (*httpx.Body[Published], error) {
			return httpx.Out(s.Publish(ctx, in.Body.Rule, in.Body.Apply, in.Body.Reason.Reason))
		})
	httpx.Register(api, access.DeadlineManage, op("preview-deadline-rule", http.MethodPost, "/api/deadline/rules/preview", "What a version would change for open clocks"),
		func(ctx context.Context, in *struct{ Body RuleInput }) (*httpx.Body[Preview], error) {
			return httpx.Out(s.PreviewRule(ctx, in.Body))
		})
	httpx.Register(api, access.DeadlineManage, op("simulate-deadline-rule", http.MethodPost, "/api/deadline/rules/simulate", "When a clock by a version would end"),
		func(ctx context.Context, in *struct {
			Body struct {
				Rule   RuleInput       `json:"rule"`
				Start  clock.Stamp     `json:"start"`
				Extra  int             `json:"extra" minimum:"0" maximum:"1000"`
				Pauses []SimulatePause `json:"pauses" maxItems:"20"`
			}
		},
		) (*httpx.Body[Simulation], error) {
			return httpx.Out(s.Simulate(ctx, in.Body.Rule, in.Body.Start, in.Body.Extra, in.Body.Pauses))
		})
	httpx.Register(api, access.DeadlineManage, op("switch-deadline-rule", http.MethodPost, "/api/deadline/rules/{code}/enabled", "Turn a rule on or off"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"40"`
			Body struct {
				Enabled bool `json:"enabled"`
				Reason
			}
		},
		) (*httpx.Body[Job], error) {
			id, err := s.Switch(ctx, in.Code, in.Body.Enabled, in.Body.Reason.Reason)
			return httpx.Out(Job{id}, err)
		})
}

func (s *Service) registerCalendar(api huma.API) {
	type yearIn struct {
		Year int `query:"year" minimum:"2000" maximum:"2100"`
	}
	httpx.Register(api, httpx.SignedIn, op("get-calendar", http.MethodGet, "/api/deadline/calendar", "The working calendar of a year"),
		func(ctx context.Context, in *yearIn) (*httpx.Body[Year], error) {
			return httpx.Out(s.Year(ctx, in.Year))
		})
	httpx.Register(api, httpx.SignedIn, op("export-calendar", http.MethodGet, "/api/deadline/calendar/export", "The working calendar of a year as xlsx"),
		func(ctx context.Context, in *yearIn) (*sheet.File, error) {
			var b bytes.Buffer
			if err := s.ExportYear(ctx, in.Year, &b); err != nil {
				return nil, err
			}
			return sheet.Attachment(fmt.Sprintf("工作日历%d.xlsx", in.Year), b.Bytes()), nil
		})
	httpx.Register(api, access.CalendarManage, op("set-calendar-day", http.MethodPut, "/api/deadline/calendar/days/{ymd}", "Make a day a day off, a working day, or what its weekday says"),
		func(ctx context.Context, in *struct {
			YMD  int `path:"ymd"`
			Body struct {
				Kind string `json:"kind" enum:"off,on,"`
				Name string `json:"name" maxLength:"20"`
				Reason
			}
		},
		) (*httpx.Body[Job], error) {
			id, err := s.SetDay(ctx, Holiday{YMD: in.YMD, Kind: in.Body.Kind, Name: in.Body.Name}, in.Body.Reason.Reason)
			return httpx.Out(Job{id}, err)
		})
	httpx.Register(api, access.CalendarManage, op("import-calendar", http.MethodPost, "/api/deadline/calendar/import", "Replace the exceptions of a year"),
		func(ctx context.Context, in *struct{ Body ImportYear }) (*httpx.Body[Job], error) {
			id, err := s.Import(ctx, in.Body)
			return httpx.Out(Job{id}, err)
		})
	httpx.Register(api, access.CalendarManage, op("set-working-hours", http.MethodPut, "/api/deadline/calendar/hours", "The hours of a working day"),
		func(ctx context.Context, in *struct {
			Body struct {
				Hours []calendar.Span `json:"hours" maxItems:"4"`
				Reason
			}
		},
		) (*httpx.Body[Job], error) {
			id, err := s.SetHours(ctx, in.Body.Hours, in.Body.Reason.Reason)
			return httpx.Out(Job{id}, err)
		})
}

type clocksIn struct {
	httpx.Paging
	State  string `query:"state" enum:"normal,near,over,paused,done,off"`
	Record string `query:"record" maxLength:"40"`
	Rule   string `query:"rule" maxLength:"40"`
	Region string `query:"region" pattern:"^[0-9]{2,9}$"`
}

func (in clocksIn) filter() Filter {
	return Filter{State: State(in.State), Record: in.Record, Rule: in.Rule, Region: in.Region, Q: in.Q}
}

func (s *Service) registerClocks(api huma.API) {
	httpx.Register(api, httpx.SignedIn, op("list-deadlines", http.MethodGet, "/api/deadline/clocks", "Clocks of the records that the person may see"),
		func(ctx context.Context, in *clocksIn) (*httpx.Body[Monitor], error) {
			return httpx.Out(s.Monitor(ctx, in.filter(), in.Paging))
		})
	httpx.Register(api, access.ExportData, op("export-deadlines", http.MethodGet, "/api/deadline/clocks/export", "The filtered clocks as xlsx"),
		func(ctx context.Context, in *clocksIn) (*sheet.File, error) {
			var b bytes.Buffer
			if err := s.ExportClocks(ctx, in.filter(), in.Paging, &b); err != nil {
				return nil, err
			}
			return sheet.Attachment("期限监控.xlsx", b.Bytes()), nil
		})
	httpx.Register(api, httpx.SignedIn, op("list-record-deadlines", http.MethodGet, "/api/deadline/records/{record}/{recordId}/clocks", "The clocks of a record"),
		func(ctx context.Context, in *struct {
			Record   string `path:"record" maxLength:"40"`
			RecordID string `path:"recordId" maxLength:"64"`
		},
		) (*httpx.Body[[]View], error) {
			if err := s.mayView(ctx, in.Record, in.RecordID); err != nil {
				return nil, err
			}
			return httpx.Out(s.Of(ctx, in.Record, in.RecordID))
		})
	httpx.Register(api, httpx.SignedIn, op("act-on-deadline", http.MethodPost, "/api/deadline/clocks/{id}/acts", "Pause, resume, change the rule, ask for an extension, decide one"),
		func(ctx context.Context, in *struct {
			ClockPath
			Body ActInput
		},
		) (*httpx.Body[[]View], error) {
			return httpx.Out(s.Act(ctx, in.ID, in.Body))
		})
}
