package notify

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

// NotifyChannel is a channel as its page shows it. A secret goes in and never
// out.
type NotifyChannel struct {
	Code         string       `json:"code" enum:"inapp,sms,ssb,mail,webhook,ssbc"`
	Name         string       `json:"name,omitempty" readOnly:"true"`
	Mode         string       `json:"mode" enum:"off,fake,real" doc:"Not connected, a simulated gateway, the real one"`
	Address      string       `json:"address" maxLength:"200"`
	AppID        string       `json:"appId" maxLength:"80"`
	Secret       string       `json:"secret,omitempty" maxLength:"200" writeOnly:"true" doc:"Empty keeps the one that is there"`
	HasSecret    bool         `json:"hasSecret,omitempty" readOnly:"true"`
	Sender       string       `json:"sender" maxLength:"80"`
	PerHour      int          `json:"perHour"`
	QuietFrom    int          `json:"quietFrom" doc:"Minutes of the day; equal to quietTo means none"`
	QuietTo      int          `json:"quietTo"`
	Tries        int          `json:"tries"`
	RetryMinutes int          `json:"retryMinutes"`
	ExpireHours  int          `json:"expireHours"`
	Down         bool         `json:"down,omitempty" readOnly:"true" doc:"The gateway does not answer; nothing is lost meanwhile"`
	RetryAt      *clock.Stamp `json:"retryAt,omitempty" format:"date-time" readOnly:"true"`
	LastOkAt     *clock.Stamp `json:"lastOkAt,omitempty" format:"date-time" readOnly:"true"`
	LastError    string       `json:"lastError,omitempty" readOnly:"true"`
	LastErrorAt  *clock.Stamp `json:"lastErrorAt,omitempty" format:"date-time" readOnly:"true"`
	Rev          int64        `json:"rev"`
}

func channelOf(c channelRow) NotifyChannel {
	out := NotifyChannel{
		Code: c.Code, Name: ChannelName(c.Code), Mode: c.Mode, Address: c.Address, AppID: c.AppID, HasSecret: c.Secret != "", Sender: c.Sender,
		PerHour: c.PerHour, QuietFrom: c.QuietFrom, QuietTo: c.QuietTo, Tries: c.Tries, RetryMinutes: c.RetryMinutes, ExpireHours: c.ExpireHours,
		Down: c.Fails >= openAfter, LastOkAt: c.LastOkAt, LastError: c.LastError, LastErrorAt: c.LastErrorAt, Rev: c.Rev,
	}
	if c.OpenUntilAt > 0 {
		out.RetryAt = &c.OpenUntilAt
	}
	return out
}

// NotifyTemplate is one version of a text.
type NotifyTemplate struct {
	ID          string       `json:"id"`
	Code        string       `json:"code"`
	Channel     string       `json:"channel"`
	Version     int          `json:"version"`
	Name        string       `json:"name"`
	Title       string       `json:"title"`
	Body        string       `json:"body"`
	State       string       `json:"state" enum:"pending,approved,rejected,retired"`
	WrittenName string       `json:"writtenName"`
	WrittenBy   string       `json:"writtenBy"`
	WrittenAt   clock.Stamp  `json:"writtenAt" format:"date-time"`
	DecidedName string       `json:"decidedName,omitempty"`
	DecidedAt   *clock.Stamp `json:"decidedAt,omitempty" format:"date-time"`
	Note        string       `json:"note,omitempty"`
	Rev         int64        `json:"rev"`
}

func templateOf(t templateRow) NotifyTemplate {
	return NotifyTemplate{t.ID, t.Code, t.Channel, t.Version, t.Name, t.Title, t.Body, t.State, t.WrittenName, t.WrittenBy, t.WrittenAt, t.DecidedName, t.DecidedAt, t.Note, t.Rev}
}

// NotifyRule says what is sent when, and to whom.
type NotifyRule struct {
	ID            string   `json:"id,omitempty" maxLength:"40"`
	Name          string   `json:"name" maxLength:"60"`
	Change        string   `json:"change" enum:"created,near,overdue,due,closed,claimed,reassigned,cancelled"`
	Kind          string   `json:"kind,omitempty" maxLength:"30"`
	MinPriority   int      `json:"minPriority"`
	Audience      []string `json:"audience" maxItems:"5"`
	Channels      []string `json:"channels" maxItems:"5"`
	Template      string   `json:"template" maxLength:"40"`
	Urgent        bool     `json:"urgent" doc:"Quiet hours, limits and switched-off channels do not hold it"`
	DedupeMinutes int      `json:"dedupeMinutes"`
	Enabled       bool     `json:"enabled"`
	Rev           int64    `json:"rev"`
}

func ruleOf(r ruleRow) NotifyRule {
	return NotifyRule{r.ID, r.Name, r.Change, r.Kind, r.MinPriority, list(r.Audience), list(r.Channels), r.Template, r.Urgent == 1, r.DedupeMinutes, r.Enabled == 1, r.Rev}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r NotifyRule) row() ruleRow {
	return ruleRow{
		ID: r.ID, Name: r.Name, Change: r.Change, Kind: r.Kind, MinPriority: r.MinPriority, Audience: join(r.Audience), Channels: join(r.Channels), Template: r.Template,
		Urgent: flag(r.Urgent), DedupeMinutes: r.DedupeMinutes, Enabled: flag(r.Enabled), Rev: r.Rev,
	}
}

func join(l []string) string { return strings.Join(l, ",") }

// NotifyPrefs are a person's own wishes.
type NotifyPrefs struct {
	Off       []string `json:"off" maxItems:"5" doc:"Channels that are switched off"`
	QuietFrom int      `json:"quietFrom" minimum:"-1" maximum:"1439" doc:"-1 as the channel says"`
	QuietTo   int      `json:"quietTo" minimum:"-1" maximum:"1439"`
	Mail      string   `json:"mail" maxLength:"120"`
}

// NotifySend is one line of the send log.
type NotifySend struct {
	ID          string       `json:"id"`
	RuleName    string       `json:"ruleName"`
	Channel     string       `json:"channel"`
	ChannelName string       `json:"channelName"`
	Op          string       `json:"op" enum:"push,create,done,cancel"`
	PersonName  string       `json:"personName"`
	Address     string       `json:"address" doc:"Masked"`
	ItemID      string       `json:"itemId,omitempty"`
	Kind        string       `json:"kind,omitempty"`
	Change      string       `json:"change"`
	ChangeName  string       `json:"changeName"`
	Title       string       `json:"title"`
	Body        string       `json:"body"`
	Path        string       `json:"path,omitempty"`
	PhonePath   string       `json:"phonePath,omitempty"`
	Urgent      bool         `json:"urgent"`
	State       string       `json:"state" enum:"queued,sending,sent,delivered,read,failed,expired,cancelled,skipped"`
	StateName   string       `json:"stateName"`
	Reason      string       `json:"reason,omitempty"`
	Attempts    int          `json:"attempts"`
	NextAt      *clock.Stamp `json:"nextAt,omitempty" format:"date-time"`
	MsgID       string       `json:"msgId,omitempty"`
	CreatedAt   clock.Stamp  `json:"createdAt" format:"date-time"`
	SentAt      *clock.Stamp `json:"sentAt,omitempty" format:"date-time"`
	ReceiptAt   *clock.Stamp `json:"receiptAt,omitempty" format:"date-time"`
	ReadAt      *clock.Stamp `json:"readAt,omitempty" format:"date-time"`
}

func sendOf(r sendRow) NotifySend {
	out := NotifySend{
		ID: r.ID, RuleName: r.RuleName, Channel: r.Channel, ChannelName: ChannelName(r.Channel), Op: r.Op, PersonName: r.PersonName, Address: r.Address, ItemID: r.ItemID,
		Kind: r.Kind, Change: r.Change, ChangeName: changeName(r.Change), Title: r.Title, Body: r.Body, Path: r.Path, PhonePath: r.PhonePath, Urgent: r.Urgent == 1,
		State: r.State, StateName: StateName(r.State), Reason: r.Reason, Attempts: r.Attempts, MsgID: r.MsgID, CreatedAt: r.CreatedAt, SentAt: r.SentAt, ReceiptAt: r.ReceiptAt, ReadAt: r.ReadAt,
	}
	if r.State == Queued {
		out.NextAt = &r.NextAt
	}
	return out
}

func mapped[A, B any](l []A, f func(A) B) []B {
	out := make([]B, len(l))
	for i := range l {
		out[i] = f(l[i])
	}
	return out
}

func page(res httpx.List[sendRow], p httpx.Paging, err error) (*httpx.Body[httpx.List[NotifySend]], error) {
	if err != nil {
		return nil, err
	}
	return httpx.Out(httpx.NewList(mapped(res.Items, sendOf), res.Total, p, res.AsOf.Time()), nil)
}

// LogParams is the query string of the send log.
type LogParams struct {
	Channel string `query:"channel" enum:"inapp,sms,ssb,mail,webhook,ssbc"`
	State   string `query:"state" enum:"queued,sending,sent,delivered,read,failed,expired,cancelled,skipped"`
	Change  string `query:"change" maxLength:"20"`
	Person  string `query:"person" maxLength:"40"`
	Item    string `query:"item" maxLength:"40"`
	From    string `query:"from" format:"date-time"`
	To      string `query:"to" format:"date-time"`
}

func (p LogParams) filter() (LogFilter, error) {
	f := LogFilter{Channel: p.Channel, State: p.State, Change: p.Change, Person: p.Person, ItemID: p.Item}
	for _, x := range []struct {
		text string
		to   **clock.Stamp
	}{{p.From, &f.From}, {p.To, &f.To}} {
		if x.text != "" {
			var at clock.Stamp
			if err := at.UnmarshalText([]byte(x.text)); err != nil {
				return f, err
			}
			*x.to = &at
		}
	}
	return f, nil
}

// Register adds the routes.
func (s *Service) Register(app *fiber.App, api huma.API) {
	s.registerConfig(api)
	s.registerOwn(api)
	s.registerLog(api)
	httpx.Raw(app, api, httpx.Public, http.MethodPost, "/api/notify/receipts/:channel", func(c *fiber.Ctx) error {
		err := s.Receipts(c.UserContext(), c.Params("channel"), Signed{
			Method: c.Method(), Path: c.Path(), App: c.Get(HeaderApp), Time: c.Get(HeaderTime), Nonce: c.Get(HeaderNonce), Sign: c.Get(HeaderSign), Body: c.BodyRaw(),
		})
		if err != nil {
			return err
		}
		return c.SendString("SUCCESS")
	})
}

func op(id, method, path, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"notify"}}
}

func (s *Service) registerConfig(api huma.API) {
	httpx.Register(api, access.NotifyManage, op("notify-channels", http.MethodGet, "/api/notify/channels", "Channels"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]NotifyChannel], error) {
			l, err := s.Channels(ctx)
			return httpx.Out(mapped(l, channelOf), err)
		})
	httpx.Register(api, access.NotifyManage, op("notify-channels-save", http.MethodPut, "/api/notify/channels/{code}", "Change a channel"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"20"`
			Body NotifyChannel
		}) (*struct{}, error) {
			b := in.Body
			return nil, s.SaveChannel(ctx, channelRow{
				Code: in.Code, Mode: b.Mode, Address: b.Address, AppID: b.AppID, Secret: b.Secret, Sender: b.Sender, PerHour: b.PerHour, QuietFrom: b.QuietFrom,
				QuietTo: b.QuietTo, Tries: b.Tries, RetryMinutes: b.RetryMinutes, ExpireHours: b.ExpireHours, Rev: b.Rev,
			})
		})
	httpx.Register(api, access.NotifyManage, op("notify-channels-test", http.MethodPost, "/api/notify/channels/{code}/test", "Send a test to oneself"),
		func(ctx context.Context, in *struct {
			Code string `path:"code" maxLength:"20"`
		}) (*httpx.Body[NotifyMade], error) {
			id, err := s.Test(ctx, in.Code)
			return httpx.Out(NotifyMade{id}, err)
		})
	httpx.Register(api, httpx.SignedIn, op("notify-templates", http.MethodGet, "/api/notify/templates", "Templates, every version"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]NotifyTemplate], error) {
			l, err := s.Templates(ctx)
			return httpx.Out(mapped(l, templateOf), err)
		})
	httpx.Register(api, access.NotifyManage, op("notify-templates-write", http.MethodPost, "/api/notify/templates", "Hand a new version in for approval"),
		func(ctx context.Context, in *struct{ Body TemplateText }) (*httpx.Body[NotifyTemplate], error) {
			t, err := s.WriteTemplate(ctx, TemplateInput(in.Body))
			return httpx.Out(templateOf(t), err)
		})
	httpx.Register(api, access.NotifyApprove, op("notify-templates-decide", http.MethodPost, "/api/notify/templates/{id}/decide", "Approve or reject a version"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"60"`
			Body struct {
				Approve bool   `json:"approve"`
				Note    string `json:"note,omitempty" maxLength:"200"`
				Rev     int64  `json:"rev"`
			}
		}) (*httpx.Body[NotifyTemplate], error) {
			t, err := s.DecideTemplate(ctx, in.ID, in.Body.Approve, in.Body.Note, in.Body.Rev)
			return httpx.Out(templateOf(t), err)
		})
	httpx.Register(api, httpx.SignedIn, op("notify-templates-preview", http.MethodPost, "/api/notify/templates/preview", "A text filled with an example"),
		func(ctx context.Context, in *struct{ Body TemplateText }) (*httpx.Body[TemplatePreview], error) {
			t, b, err := s.Preview(ctx, in.Body.Channel, in.Body.Title, in.Body.Body)
			return httpx.Out(TemplatePreview{t, b, len([]rune(b))}, err)
		})
	httpx.Register(api, access.NotifyManage, op("notify-rules", http.MethodGet, "/api/notify/rules", "Rules of sending"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]NotifyRule], error) {
			l, err := s.Rules(ctx)
			return httpx.Out(mapped(l, ruleOf), err)
		})
	httpx.Register(api, access.NotifyManage, op("notify-rules-save", http.MethodPost, "/api/notify/rules", "Save a rule"),
		func(ctx context.Context, in *struct{ Body NotifyRule }) (*httpx.Body[NotifyRule], error) {
			r, err := s.SaveRule(ctx, in.Body.row())
			return httpx.Out(ruleOf(r), err)
		})
	httpx.Register(api, access.NotifyManage, op("notify-rules-drop", http.MethodDelete, "/api/notify/rules/{id}", "Delete a rule"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
		}) (*struct{}, error) {
			return nil, s.DropRule(ctx, in.ID)
		})
}

// NotifyMade names what was made.
type NotifyMade struct {
	ID string `json:"id"`
}

// TemplateText is a text to be approved or looked at.
type TemplateText struct {
	Code    string `json:"code,omitempty" maxLength:"40"`
	Channel string `json:"channel" enum:"inapp,sms,ssb,mail,webhook"`
	Name    string `json:"name,omitempty" maxLength:"60"`
	Title   string `json:"title" maxLength:"200"`
	Body    string `json:"body" maxLength:"2000"`
}

// TemplatePreview is a text filled with an example.
type TemplatePreview struct {
	Title string `json:"title"`
	Body  string `json:"body"`
	Chars int    `json:"chars"`
}

func (s *Service) registerOwn(api huma.API) {
	httpx.Register(api, httpx.SignedIn, op("notify-prefs", http.MethodGet, "/api/notify/prefs", "Own preferences"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[NotifyPrefs], error) {
			p, err := s.Prefs(ctx)
			return httpx.Out(NotifyPrefs{list(p.Off), p.QuietFrom, p.QuietTo, p.Mail}, err)
		})
	httpx.Register(api, httpx.SignedIn, op("notify-prefs-save", http.MethodPut, "/api/notify/prefs", "Save own preferences"),
		func(ctx context.Context, in *struct{ Body NotifyPrefs }) (*struct{}, error) {
			b := in.Body
			return nil, s.SavePrefs(ctx, prefRow{Off: join(b.Off), QuietFrom: b.QuietFrom, QuietTo: b.QuietTo, Mail: b.Mail})
		})
	httpx.Register(api, httpx.SignedIn, op("messages-list", http.MethodGet, "/api/messages", "Messages in the console"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			Unread bool `query:"unread"`
		}) (*httpx.Body[httpx.List[NotifySend]], error) {
			res, err := s.Messages(ctx, in.Unread, in.Paging)
			return page(res, in.Paging, err)
		})
	httpx.Register(api, httpx.SignedIn, op("messages-unread", http.MethodGet, "/api/messages/unread", "Number of unread messages"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[MessageCount], error) {
			n, err := s.Unread(ctx)
			return httpx.Out(MessageCount{n}, err)
		})
	httpx.Register(api, httpx.SignedIn, op("messages-read", http.MethodPost, "/api/messages/read", "Mark messages as read"),
		func(ctx context.Context, in *struct {
			Body struct {
				IDs []string `json:"ids" maxItems:"200" doc:"All when empty"`
			}
		}) (*struct{}, error) {
			return nil, s.ReadMessages(ctx, in.Body.IDs)
		})
}

// MessageCount is a number of messages.
type MessageCount struct {
	Unread int64 `json:"unread"`
}

func (s *Service) registerLog(api huma.API) {
	httpx.Register(api, access.NotifyLog, op("notify-sends", http.MethodGet, "/api/notify/sends", "The send log"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			LogParams
		}) (*httpx.Body[httpx.List[NotifySend]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			res, err := s.Log(ctx, f, in.Paging)
			return page(res, in.Paging, err)
		})
	httpx.Register(api, access.NotifyLog, op("notify-sends-counts", http.MethodGet, "/api/notify/sends/counts", "Numbers by channel and state"),
		func(ctx context.Context, in *struct {
			Days int `query:"days" minimum:"1" maximum:"366" default:"7"`
		}) (*httpx.Body[[]StateCount], error) {
			return httpx.Out(s.Figures(ctx, in.Days))
		})
	httpx.Register(api, access.NotifyLog, op("notify-sends-export", http.MethodGet, "/api/notify/sends/export", "The send log as xlsx"),
		func(ctx context.Context, in *struct {
			httpx.Paging
			LogParams
		}) (*sheet.File, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			var b bytes.Buffer
			if err := s.Export(ctx, f, in.Paging, &b); err != nil {
				return nil, err
			}
			return sheet.Attachment("发送台账.xlsx", b.Bytes()), nil
		})
	httpx.Register(api, access.NotifyManage, op("notify-sends-resend", http.MethodPost, "/api/notify/sends/{id}/resend", "Send a notice again"),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
		}) (*httpx.Body[NotifyMade], error) {
			id, err := s.Resend(ctx, in.ID)
			return httpx.Out(NotifyMade{id}, err)
		})
}
