package alerts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// AlertItem is an alert in a list.
type AlertItem struct {
	ID             string       `json:"id"`
	No             string       `json:"no"`
	Kind           string       `json:"kind" enum:"stacking,frontage,sign,picture"`
	SeenKind       string       `json:"seenKind" doc:"As the box saw it"`
	State          State        `json:"state" enum:"pending,later,confirmed,merged,rejected,selfResolved,recorded,updated,withdrawn"`
	Phase          string       `json:"phase" enum:"opened,updated,ended"`
	CameraID       string       `json:"cameraId"`
	CameraName     string       `json:"cameraName"`
	Address        string       `json:"address"`
	RegionCode     string       `json:"regionCode"`
	StreetName     string       `json:"streetName"`
	Lng            float64      `json:"lng"`
	Lat            float64      `json:"lat"`
	ZoneID         string       `json:"zoneId"`
	ZoneName       string       `json:"zoneName"`
	ShopID         string       `json:"shopId,omitempty"`
	ShopName       string       `json:"shopName,omitempty"`
	BindRule       string       `json:"bindRule,omitempty" enum:"zone,nearest,person" doc:"How the shop was found"`
	BindReason     string       `json:"bindReason,omitempty"`
	Finding        string       `json:"finding,omitempty" doc:"Of a sign: new, renamed, moved, unreported, vanished, covered or unreadable"`
	Registered     string       `json:"registered,omitempty" doc:"The sign's name in the registry"`
	SeenCount      int          `json:"seenCount" doc:"Recognitions in this record"`
	Look           int          `json:"look" doc:"Similar pictures of a group share it; 0 is not compared yet"`
	Survey         bool         `json:"survey" doc:"It came of comparing a survey with the registry"`
	Score          float64      `json:"score"`
	Since          clock.Stamp  `json:"since"`
	ConfirmedAt    clock.Stamp  `json:"confirmedAt"`
	EndedAt        *clock.Stamp `json:"endedAt,omitempty"`
	ReceivedAt     clock.Stamp  `json:"receivedAt"`
	EvidenceUse    string       `json:"evidenceUse" enum:"evidence,clue"`
	EvidenceReason string       `json:"evidenceReason"`
	Thumb          string       `json:"thumb,omitempty"`
	Text           string       `json:"text"`
	SignText       string       `json:"signText,omitempty"`
	DecidedBy      string       `json:"decidedBy,omitempty"`
	DecidedName    string       `json:"decidedName,omitempty"`
	DecidedAt      *clock.Stamp `json:"decidedAt,omitempty"`
	OrderID        string       `json:"orderId,omitempty"`
	OrderNo        string       `json:"orderNo,omitempty"`
	OrderState     string       `json:"orderState,omitempty"`
	OrderResult    string       `json:"orderResult,omitempty"`
	Rev            int64        `json:"rev"`
}

func itemOf(a Alert) AlertItem {
	return AlertItem{
		ID: a.ID, No: a.No, Kind: a.Kind, SeenKind: a.SeenKind, State: a.State, Phase: a.Phase, CameraID: a.CameraID,
		CameraName: a.CameraName, Address: a.Address, RegionCode: a.RegionCode, StreetName: a.StreetName, Lng: a.Lng, Lat: a.Lat,
		ZoneID: a.ZoneID, ZoneName: a.ZoneName, ShopID: a.ShopID, ShopName: a.ShopName, BindRule: a.BindRule, BindReason: a.BindReason,
		Finding: a.Finding, Registered: a.Registered, SeenCount: a.SeenCount, Look: a.Look, Survey: a.EdgeID == surveyEdge, Score: a.Score,
		Since: a.SinceAt, ConfirmedAt: a.ConfirmedAt, EndedAt: a.EndedAt, ReceivedAt: a.ReceivedAt, EvidenceUse: a.EvidenceUse,
		EvidenceReason: a.EvidenceReason, Thumb: a.Thumb, Text: a.Text, SignText: a.SignText, DecidedBy: a.DecidedBy,
		DecidedName: a.DecidedName, DecidedAt: a.DecidedAt, OrderID: a.OrderID, OrderNo: a.OrderNo, OrderState: a.OrderState,
		OrderResult: a.OrderResult, Rev: a.Rev,
	}
}

// AlertBox names the box that reported.
type AlertBox struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// AlertCandidate is a shop that the alert may belong to.
type AlertCandidate struct {
	ShopID    string   `json:"shopId"`
	Name      string   `json:"name"`
	Reason    string   `json:"reason"`
	DistanceM *float64 `json:"distanceM,omitempty" doc:"Metres from the camera; absent when far or unknown"`
	Recent90  int64    `json:"recent90" doc:"Confirmed alerts of the last 90 days"`
}

// AlertMerge is the open order that a confirmation would join.
type AlertMerge struct {
	OrderID string `json:"orderId"`
	No      string `json:"no"`
	State   string `json:"state"`
}

// AlertSuggestion is where the order would go.
type AlertSuggestion struct {
	SquadOrgID string      `json:"squadOrgId,omitempty"`
	SquadName  string      `json:"squadName"`
	Reason     string      `json:"reason"`
	LimitHours float64     `json:"limitHours"`
	DueAt      clock.Stamp `json:"dueAt"`
}

// AlertDigest is the check of the picture's digest.
type AlertDigest struct {
	OK   bool   `json:"ok"`
	SM3  string `json:"sm3"`
	Text string `json:"text"`
}

// AlertReceived tells that the center stored the event, and when.
type AlertReceived struct {
	OK bool        `json:"ok"`
	At clock.Stamp `json:"at"`
}

// AlertCheck is another line of the evidence chain.
type AlertCheck struct {
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// AlertChain is the evidence chain.
type AlertChain struct {
	Digest   AlertDigest   `json:"digest"`
	Received AlertReceived `json:"received"`
	Legal    AlertCheck    `json:"legal"`
	Picture  AlertCheck    `json:"picture"`
}

// AlertLine is one line of the history.
type AlertLine struct {
	At    clock.Stamp `json:"at"`
	Actor string      `json:"actor"`
	Act   string      `json:"act"`
	Text  string      `json:"text"`
	// Was and Became are the result before and after a correction.
	Was    string `json:"was,omitempty"`
	Became string `json:"became,omitempty"`
}

// AlertRecent is an earlier alert of the same camera and kind.
type AlertRecent struct {
	ID    string `json:"id"`
	Day   string `json:"day"`
	State State  `json:"state"`
	Thumb string `json:"thumb,omitempty"`
}

// AlertDetail is an alert with all that its page shows.
type AlertDetail struct {
	AlertItem
	Event      edgev1.Event     `json:"event"`
	Box        AlertBox         `json:"box"`
	Candidates []AlertCandidate `json:"candidates"`
	Merge      *AlertMerge      `json:"merge,omitempty"`
	Suggestion AlertSuggestion  `json:"suggestion"`
	Cause      string           `json:"cause,omitempty"`
	Chain      AlertChain       `json:"chain"`
	History    []AlertLine      `json:"history"`
	Recent     []AlertRecent    `json:"recent"`
	Rule       *AlertRule       `json:"rule,omitempty" doc:"Under which the record was made"`
}

func detailOf(d Detail) AlertDetail {
	a := d.Alert
	out := AlertDetail{
		AlertItem: itemOf(a), Event: d.Event, Box: AlertBox{a.EdgeID, d.BoxName}, Candidates: []AlertCandidate{},
		Suggestion: AlertSuggestion(d.Suggestion), Cause: Cause(a.Kind), History: []AlertLine{}, Recent: []AlertRecent{},
		Chain: AlertChain{
			Digest: AlertDigest{d.Digest.OK, d.Frame, d.Digest.Text}, Received: AlertReceived{true, a.ReceivedAt},
			Legal: AlertCheck{a.EvidenceUse == "evidence", a.EvidenceReason}, Picture: AlertCheck(d.Picture),
		},
	}
	for _, c := range d.Candidates {
		x := AlertCandidate{ShopID: c.Shop.ID, Name: c.Shop.Name, Reason: c.Reason, Recent90: c.Recent90}
		if c.DistanceM >= 0 {
			x.DistanceM = &c.DistanceM
		}
		out.Candidates = append(out.Candidates, x)
	}
	if d.Merge != nil {
		out.Merge = &AlertMerge{d.Merge.ID, d.Merge.No, d.Merge.State}
	}
	for _, l := range d.History {
		out.History = append(out.History, AlertLine(l))
	}
	if d.Rule != nil {
		r := ruleView(*d.Rule)
		out.Rule = &r
	}
	for _, r := range d.Recent {
		out.Recent = append(out.Recent, AlertRecent{r.ID, r.ReceivedAt.Time().In(clock.Shanghai()).Format("01-02"), r.State, r.Thumb})
	}
	return out
}

// FilterParams is the query string that list and export share.
type FilterParams struct {
	Tab       string  `query:"tab" enum:"pending,later,mine,all,results" doc:"all when absent; results holds the records below the threshold too"`
	State     string  `query:"state" enum:"pending,later,confirmed,merged,rejected,selfResolved,recorded,updated,withdrawn"`
	Kind      string  `query:"kind" enum:"stacking,frontage,sign,picture"`
	Region    string  `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Camera    string  `query:"camera" maxLength:"40"`
	Shop      string  `query:"shop" maxLength:"40" doc:"A shop, or - for alerts without one"`
	Evidence  string  `query:"evidence" enum:"evidence,clue"`
	MinScore  float64 `query:"minScore" minimum:"0" maximum:"1"`
	MaxScore  float64 `query:"maxScore" minimum:"0" maximum:"1.01" doc:"Exclusive"`
	Group     string  `query:"group" maxLength:"200" doc:"A key of the groups"`
	Finding   string  `query:"finding" maxLength:"20" doc:"What was found about a sign, or * for anything"`
	Bind      string  `query:"bind" enum:"zone,nearest,person" doc:"How the shop was found"`
	SeenKind  string  `query:"seenKind" enum:"stacking,frontage,sign,picture" doc:"As the box saw it"`
	Outcome   string  `query:"outcome" enum:"right,wrong" doc:"What the decision says about the recognition"`
	MonthFrom int     `query:"monthFrom" minimum:"0" maximum:"999912" doc:"As 202611, received, inclusive"`
	MonthTo   int     `query:"monthTo" minimum:"0" maximum:"999912"`
	From      string  `query:"from" format:"date-time" doc:"Received, inclusive"`
	To        string  `query:"to" format:"date-time" doc:"Received, exclusive"`
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
		Tab: Tab(i.Tab), State: State(i.State), Kind: i.Kind, Region: region.Prefix(i.Region), Camera: i.Camera, Shop: i.Shop,
		Evidence: i.Evidence, MinScore: i.MinScore, MaxScore: i.MaxScore, From: from, To: to, Group: i.Group, Finding: i.Finding, Bind: i.Bind,
		SeenKind: i.SeenKind, Outcome: Outcome(i.Outcome), MonthFrom: i.MonthFrom, MonthTo: i.MonthTo,
	}, nil
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

// AlertList is a page of alerts.
type AlertList struct {
	httpx.List[AlertItem]
	More bool `json:"more" doc:"There are at least total of them"`
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
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"alerts"}}
	}
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts", "list-alerts", "List alerts"),
		func(ctx context.Context, in *listInput) (*httpx.Body[AlertList], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			res, err := s.List(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]AlertItem, len(res.Items))
			for i, a := range res.Items {
				items[i] = itemOf(a)
			}
			return httpx.Out(AlertList{httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), res.Total >= f.most()}, nil)
		})
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts/counts", "count-alerts", "Numbers above the queue"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[AlertCounts], error) {
			return httpx.Out(s.Counts(ctx))
		})
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts/samples", "count-samples", "Wrong recognitions by camera and kind"),
		func(ctx context.Context, in *struct {
			Camera string `query:"camera" maxLength:"40"`
			Kind   string `query:"kind" enum:"stacking,frontage,sign,picture"`
		},
		) (*httpx.Body[[]SampleCount], error) {
			return httpx.Out(s.SampleCounts(ctx, in.Camera, in.Kind))
		})
	s.registerGroups(api, op) // before the path with an id
	s.registerRules(api, op)
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts/{id}", "get-alert", "One alert"),
		func(ctx context.Context, in *idInput) (*httpx.Body[AlertDetail], error) {
			d, err := s.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return httpx.Out(detailOf(d), nil)
		})
	s.registerActs(api, op)
}
