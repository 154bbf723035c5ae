package notices

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// NoticeItem is a notice in a list.
type NoticeItem struct {
	ID          string       `json:"id"`
	No          string       `json:"no"`
	Code        string       `json:"code"`
	Kind        string       `json:"kind" enum:"rectify,compliance"`
	EventKind   string       `json:"eventKind"`
	State       State        `json:"state" enum:"made,sent,delivered,read,answered,confirmed,rejected,withdrawn"`
	OrderID     string       `json:"orderId,omitempty"`
	OrderNo     string       `json:"orderNo,omitempty"`
	AlertID     string       `json:"alertId,omitempty"`
	ShopID      string       `json:"shopId"`
	ShopName    string       `json:"shopName"`
	Address     string       `json:"address"`
	RegionCode  string       `json:"regionCode"`
	StreetName  string       `json:"streetName"`
	SquadName   string       `json:"squadName"`
	OfficerName string       `json:"officerName,omitempty"`
	Way         string       `json:"way" enum:"ssbc,sms,visit"`
	AnswerKind  string       `json:"answerKind,omitempty"`
	Recheck     string       `json:"recheck,omitempty"`
	DueAt       *clock.Stamp `json:"dueAt,omitempty"`
	Paused      bool         `json:"paused"`
	Overdue     bool         `json:"overdue"`
	CreatedAt   clock.Stamp  `json:"createdAt"`
	SentAt      *clock.Stamp `json:"sentAt,omitempty"`
	DeliveredAt *clock.Stamp `json:"deliveredAt,omitempty"`
	ReadAt      *clock.Stamp `json:"readAt,omitempty"`
	AnsweredAt  *clock.Stamp `json:"answeredAt,omitempty"`
	DecidedAt   *clock.Stamp `json:"decidedAt,omitempty"`
	EndedAt     *clock.Stamp `json:"endedAt,omitempty"`
	EndReason   string       `json:"endReason,omitempty"`
	IssuedName  string       `json:"issuedName"`
	Rev         int64        `json:"rev"`
}

func itemOf(n Notice, now time.Time) NoticeItem {
	return NoticeItem{
		ID: n.ID, No: n.No, Code: ShownCode(n.Code), Kind: n.Kind, EventKind: n.EventKind, State: n.State, OrderID: n.OrderID, OrderNo: n.OrderNo, AlertID: n.AlertID,
		ShopID: n.ShopID, ShopName: n.ShopName, Address: n.Address, RegionCode: n.RegionCode, StreetName: n.StreetName, SquadName: n.SquadName,
		OfficerName: n.OfficerName, Way: n.Way, AnswerKind: n.AnswerKind, Recheck: n.Recheck, DueAt: n.DueAt, Paused: n.Paused,
		Overdue:   n.EndedAt == nil && !n.Paused && n.State != Answered && n.DueAt != nil && *n.DueAt < clock.At(now),
		CreatedAt: n.CreatedAt, SentAt: n.SentAt, DeliveredAt: n.DeliveredAt, ReadAt: n.ReadAt, AnsweredAt: n.AnsweredAt, DecidedAt: n.DecidedAt,
		EndedAt: n.EndedAt, EndReason: n.EndReason, IssuedName: n.IssuedName, Rev: n.Rev,
	}
}

// NoticeDoc is the document of a notice.
type NoticeDoc struct {
	Organ     string       `json:"organ"`
	Title     string       `json:"title"`
	Body      string       `json:"body"`
	Message   string       `json:"message"`
	Facts     string       `json:"facts"`
	Demand    string       `json:"demand"`
	Checklist string       `json:"checklist"`
	Causes    []Cause      `json:"causes"`
	Picture   string       `json:"picture,omitempty"`
	Clip      string       `json:"clip,omitempty"`
	Box       *Box         `json:"box,omitempty"`
	SeenAt    *clock.Stamp `json:"seenAt,omitempty"`
	Camera    string       `json:"cameraName"`
	Device    string       `json:"device"`
	Use       string       `json:"evidenceUse"`
}

func docOf(n Notice) NoticeDoc {
	return NoticeDoc{n.Organ, n.Title, n.Body, n.Message, n.Facts, n.Demand, n.Checklist, n.Causes, n.Picture, n.Clip, n.Box, n.SeenAt, n.CameraName, n.Device, n.EvidenceUse}
}

// NoticeDetail is a notice with all that its page shows.
type NoticeDetail struct {
	NoticeItem
	Doc        NoticeDoc `json:"doc"`
	Steps      []Step    `json:"steps"`
	Sends      []Send    `json:"sends"`
	Answers    []Answer  `json:"answers"`
	Allowed    []Act     `json:"allowed"`
	Paper      string    `json:"paper,omitempty" doc:"Digits printed on the paper"`
	ReplacesID string    `json:"replacesId,omitempty"`
	ReplacedBy string    `json:"replacedBy,omitempty"`
	ObjectBy   time.Time `json:"objectBy"`
}

func (s *Service) detail(ctx context.Context, id string, err error) (*httpx.Body[NoticeDetail], error) {
	if err != nil {
		return nil, err
	}
	d, err := s.Get(ctx, id)
	return httpx.Out(NoticeDetail{
		itemOf(d.Notice, d.Now), docOf(d.Notice), d.Steps, d.Sends, d.Answers, d.Allowed, d.Paper, d.Notice.ReplacesID, d.Notice.ReplacedBy, d.Notice.ObjectUntil(d.Rule),
	}, err)
}

// FilterParams is the query string that list, counts and export share.
type FilterParams struct {
	State   string `query:"state" enum:"made,sent,delivered,read,answered,confirmed,rejected,withdrawn"`
	Kind    string `query:"kind" enum:"rectify,compliance"`
	Event   string `query:"event" enum:"stacking,frontage,sign"`
	Region  string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Way     string `query:"way" enum:"ssbc,sms,visit"`
	Answer  string `query:"answer" enum:"corrected,objection"`
	Shop    string `query:"shop" maxLength:"40"`
	Order   string `query:"order" maxLength:"40"`
	Officer string `query:"officer" maxLength:"40"`
	Due     string `query:"due" enum:"overdue,near"`
	Open    string `query:"open" enum:"yes"`
	Recheck string `query:"recheck" enum:"asked,clean,dirty"`
	From    string `query:"from" format:"date-time"`
	To      string `query:"to" format:"date-time"`
}

func (p FilterParams) filter() (Filter, error) {
	f := Filter{
		State: p.State, Kind: p.Kind, Event: p.Event, Region: region.Prefix(p.Region), Way: p.Way, Answer: p.Answer, Shop: p.Shop, Order: p.Order,
		Officer: p.Officer, Due: p.Due, Open: p.Open, Recheck: p.Recheck,
	}
	for _, x := range []struct {
		name, text string
		to         **clock.Stamp
	}{{"from", p.From, &f.From}, {"to", p.To, &f.To}} {
		if x.text != "" {
			var at clock.Stamp
			if err := at.UnmarshalText([]byte(x.text)); err != nil {
				return f, errs.Invalidf(x.name, "%s", err.Error())
			}
			*x.to = &at
		}
	}
	return f, nil
}

// NoticeIssued is a notice that was made, or the one that was there.
type NoticeIssued struct {
	ID    string `json:"id"`
	No    string `json:"no"`
	Again bool   `json:"again" doc:"The order had this notice already"`
}

// ByIDInput names a record.
type ByIDInput struct {
	ID string `path:"id" maxLength:"40"`
}

func op(method, path, id, summary string) huma.Operation {
	return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"notices"}}
}

// Register adds the routes.
func (s *Service) Register(app *fiber.App, api huma.API) {
	s.registerRead(api)
	s.registerActs(api)
	s.registerConfig(api)
	s.registerOwner(app, api)
}

func (s *Service) registerRead(api huma.API) {
	httpx.Register(api, access.NoticeView, op(http.MethodGet, "/api/notices", "list-notices", "Notices"),
		func(ctx context.Context, in *struct {
			FilterParams
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[NoticeItem]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			res, err := s.List(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]NoticeItem, len(res.Items))
			for i, n := range res.Items {
				items[i] = itemOf(n, res.AsOf.Time())
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), nil)
		})
	httpx.Register(api, access.NoticeView, op(http.MethodGet, "/api/notice-counts", "count-notices", "Figures above the list"),
		func(ctx context.Context, in *struct{ FilterParams }) (*httpx.Body[Counts], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			return httpx.Out(s.Counts(ctx, f))
		})
	httpx.Register(api, access.NoticeView, op(http.MethodGet, "/api/notice-channels", "notice-channels", "How the ways of sending are connected"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]notify.ChannelState], error) {
			return httpx.Out(s.Channels(ctx))
		})
	httpx.Register(api, access.NoticeView, op(http.MethodGet, "/api/notices/{id}", "get-notice", "One notice"),
		func(ctx context.Context, in *ByIDInput) (*httpx.Body[NoticeDetail], error) {
			return s.detail(ctx, in.ID, nil)
		})
}

func (s *Service) registerActs(api huma.API) {
	httpx.Register(api, access.NoticeIssue, op(http.MethodPost, "/api/notice-preview", "preview-notice", "The notice as it would be"),
		func(ctx context.Context, in *struct{ Body IssueInput }) (*httpx.Body[NoticeDetail], error) {
			n, err := s.Preview(ctx, in.Body)
			return httpx.Out(NoticeDetail{NoticeItem: itemOf(n, s.db.Now()), Doc: docOf(n), Steps: []Step{}, Sends: []Send{}, Answers: []Answer{}, Allowed: []Act{}}, err)
		})
	httpx.Register(api, access.NoticeIssue, op(http.MethodPost, "/api/notices", "issue-notice", "Make a notice and send it"),
		func(ctx context.Context, in *struct{ Body IssueInput }) (*httpx.Body[NoticeIssued], error) {
			n, again, err := s.Issue(ctx, in.Body)
			return httpx.Out(NoticeIssued{n.ID, n.No, again}, err)
		})
	httpx.Register(api, access.NoticeIssue, op(http.MethodPost, "/api/notices/{id}/withdraw", "withdraw-notice", "Take a notice back"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body NoticeWord
		},
		) (*httpx.Body[NoticeDetail], error) {
			_, err := s.Withdraw(ctx, in.ID, in.Body.Rev, in.Body.Reason)
			return s.detail(ctx, in.ID, err)
		})
	httpx.Register(api, access.NoticeIssue, op(http.MethodPost, "/api/notices/{id}/replace", "replace-notice", "Withdraw and make another in its place"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body struct {
				NoticeWord
				Notice IssueInput `json:"notice"`
			}
		},
		) (*httpx.Body[NoticeIssued], error) {
			n, err := s.Replace(ctx, in.ID, in.Body.Rev, in.Body.Reason, in.Body.Notice)
			return httpx.Out(NoticeIssued{n.ID, n.No, false}, err)
		})
	httpx.Register(api, access.NoticeIssue, op(http.MethodPost, "/api/notices/{id}/resend", "resend-notice", "Send it once more"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body NoticeWord
		},
		) (*httpx.Body[NoticeDetail], error) {
			_, err := s.Again(ctx, in.ID, in.Body.Rev)
			return s.detail(ctx, in.ID, err)
		})
	httpx.Register(api, access.NoticeConfirm, op(http.MethodPost, "/api/notices/{id}/serve", "serve-notice", "It was brought"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body ServeInput
		},
		) (*httpx.Body[NoticeDetail], error) {
			_, err := s.Serve(ctx, in.ID, in.Body)
			return s.detail(ctx, in.ID, err)
		})
	httpx.Register(api, access.NoticeConfirm, op(http.MethodPost, "/api/notices/{id}/decide", "decide-notice", "Confirm the correction or send it back"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body NoticeVerdict
		},
		) (*httpx.Body[NoticeDetail], error) {
			_, err := s.Decide(ctx, in.ID, in.Body.Rev, in.Body.Pass, in.Body.Reason)
			return s.detail(ctx, in.ID, err)
		})
	httpx.Register(api, access.NoticeObjection, op(http.MethodPost, "/api/notices/{id}/objection", "judge-objection", "Uphold or dismiss the objection"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body NoticeVerdict
		},
		) (*httpx.Body[NoticeDetail], error) {
			_, err := s.Judge(ctx, in.ID, in.Body.Rev, in.Body.Pass, in.Body.Reason)
			return s.detail(ctx, in.ID, err)
		})
}

// NoticeWord is an act with its reason.
type NoticeWord struct {
	Rev    int64  `json:"rev"`
	Reason string `json:"reason,omitempty" maxLength:"800"`
}

// NoticeVerdict is a decision with its reason.
type NoticeVerdict struct {
	Rev    int64  `json:"rev"`
	Pass   bool   `json:"pass"`
	Reason string `json:"reason,omitempty" maxLength:"800"`
}

func (s *Service) registerConfig(api huma.API) {
	httpx.Register(api, access.NoticeView, op(http.MethodGet, "/api/notice-rules", "notice-rules", "The rule in every version"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Rule], error) { return httpx.Out(s.Rules(ctx)) })
	httpx.Register(api, access.NoticeTemplate, op(http.MethodPost, "/api/notice-rules", "save-notice-rule", "A new version of the rule"),
		func(ctx context.Context, in *struct{ Body RuleInput }) (*httpx.Body[Rule], error) {
			return httpx.Out(s.SaveRule(ctx, in.Body))
		})
	httpx.Register(api, access.NoticeView, op(http.MethodGet, "/api/notice-templates", "notice-templates", "Texts in every version"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Template], error) {
			return httpx.Out(s.Templates(ctx))
		})
	httpx.Register(api, access.NoticeTemplate, op(http.MethodPost, "/api/notice-templates", "write-notice-template", "Hand a new version in for approval"),
		func(ctx context.Context, in *struct{ Body TemplateInput }) (*httpx.Body[Template], error) {
			return httpx.Out(s.WriteTemplate(ctx, in.Body))
		})
	httpx.Register(api, access.NoticeTemplate, op(http.MethodPost, "/api/notice-templates/{id}/decide", "decide-notice-template", "Approve or reject a version"),
		func(ctx context.Context, in *struct {
			ByIDInput
			Body NoticeVerdict
		},
		) (*httpx.Body[Template], error) {
			return httpx.Out(s.DecideTemplate(ctx, in.ID, in.Body.Pass, in.Body.Reason, in.Body.Rev))
		})
}
