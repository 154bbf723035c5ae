package orders

import (
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/region"
)

// OrderItem is an order in a list.
type OrderItem struct {
	ID            string       `json:"id"`
	No            string       `json:"no"`
	Kind          string       `json:"kind"`
	State         State        `json:"state" enum:"dispatched,accepted,onSite,handled,filing,closed,returned"`
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
	NearAt        clock.Stamp  `json:"nearAt" doc:"From when on the deadline is near"`
	HandledAt     *clock.Stamp `json:"handledAt,omitempty"`
	ClosedAt      *clock.Stamp `json:"closedAt,omitempty"`
	Thumb         string       `json:"thumb,omitempty"`
	Result        Result       `json:"result,omitempty"`
	AlertCount    int          `json:"alertCount"`
	EvidenceUse   string       `json:"evidenceUse" enum:"evidence,clue"`
	Urged         int64        `json:"urged" doc:"How often it was urged"`
	UrgedAt       *clock.Stamp `json:"urgedAt,omitempty"`
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
		DueState: st, NearAt: o.NearAt(), Urged: o.Urged, UrgedAt: o.UrgedAt, HandledAt: o.HandledAt, ClosedAt: o.ClosedAt, Thumb: o.Thumb, Result: o.Result,
		AlertCount: o.AlertCount, EvidenceUse: o.EvidenceUse, Rev: o.Rev,
	}
}

// OrderDetail is an order with all that its page shows.
type OrderDetail struct {
	OrderItem
	Alerts   []AlertOf       `json:"alerts"`
	Timeline []OrderStep     `json:"timeline"`
	Allowed  []Act           `json:"allowed"`
	Behalf   string          `json:"behalf,omitempty" doc:"In whose place the actor may act"`
	Before   OrderPicture    `json:"before"`
	After    []string        `json:"after"`
	Photos   []SitePhoto     `json:"photos" doc:"What is known of the pictures in after"`
	Handling *OrderHandling  `json:"handling,omitempty"`
	Proposed []OrderProposal `json:"proposals"`
	Rule     OrderRule       `json:"rule"`
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

// OrderRule are the rules that the order started with: the deadline's, and
// the order's own.
type OrderRule struct {
	Name          string  `json:"name"`
	Code          string  `json:"code"`
	Version       int     `json:"version"`
	Source        string  `json:"source"`
	Verified      bool    `json:"verified"`
	Limit         string  `json:"limit" doc:"In words"`
	LimitHours    float64 `json:"limitHours"`
	MergeHours    int64   `json:"mergeHours"`
	MergeVersion  int     `json:"mergeVersion"`
	WarnDistanceM float64 `json:"warnDistanceM"`
	UrgeMinutes   int64   `json:"urgeMinutes"`
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
	Behalf string      `json:"behalf,omitempty" doc:"In whose place it was done"`
	Text   string      `json:"text"`
	Photos []string    `json:"photos"`
	Place  *OrderPlace `json:"place,omitempty"`
}

func detailOf(d Detail) OrderDetail {
	shown := make([]string, len(d.After))
	for i, p := range d.After {
		shown[i] = p.SM3
	}
	out := OrderDetail{
		OrderItem: itemOf(d.Order, d.Now), Alerts: d.Alerts, Timeline: make([]OrderStep, len(d.Timeline)),
		Allowed: d.Allowed, Behalf: d.Behalf, Before: OrderPicture{SM3: d.Order.Thumb}, After: shown, Photos: d.After, Proposed: d.Proposals,
		Rule: OrderRule{
			Name: d.Term.Name, Code: d.Term.Code, Version: d.Term.Version, Source: d.Term.Source, Verified: d.Term.Verified, Limit: d.Term.Limit,
			LimitHours: float64(d.Order.DueAt-d.Order.CreatedAt) / float64(time.Hour.Milliseconds()),
			MergeHours: d.Rule.MergeHours, MergeVersion: d.Rule.Version, WarnDistanceM: d.Rule.WarnDistanceM, UrgeMinutes: d.Rule.UrgeMinutes,
		},
	}
	for i, s := range d.Timeline {
		st := OrderStep{ID: s.ID, At: s.At, Act: s.Act, Label: s.Label, Actor: OrderActor{s.ActorID, s.Actor, s.ActorOrg}, Behalf: s.OnBehalf, Text: s.Text, Photos: s.Photos}
		if s.Lng != nil && s.Lat != nil && s.AccuracyM != nil && s.DistM != nil {
			st.Place = &OrderPlace{*s.Lng, *s.Lat, *s.AccuracyM, *s.DistM}
		}
		out.Timeline[i] = st
	}
	if o := d.Order; o.Result != "" && o.HandledAt != nil {
		out.Handling = &OrderHandling{o.Result, o.Result.Label(), o.ResultNote, shown, *o.HandledAt}
	}
	return out
}

// FilterParams is the query string that list, counts and export share.
type FilterParams struct {
	Tab     string `query:"tab" enum:"mine,todo,all,closed" doc:"all when absent"`
	State   string `query:"state" enum:"dispatched,accepted,onSite,handled,filing,closed,returned"`
	Kind    string `query:"kind" enum:"stacking,frontage,sign,picture"`
	Region  string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Squad   string `query:"squad" maxLength:"40"`
	Officer string `query:"officer" maxLength:"40"`
	Camera  string `query:"camera" maxLength:"40"`
	Shop    string `query:"shop" maxLength:"40"`
	Due     string `query:"due" enum:"overdue,near,ok"`
	Result  string `query:"result" enum:"corrected,warned,filed,falseAlarm,notFound"`
	Phase   string `query:"phase" enum:"open,done" doc:"Still worked on, or handed in"`
	Urged   bool   `query:"urged" doc:"Only those that were urged and are not handed in"`
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
		Result: Result(i.Result), Phase: i.Phase, Urged: i.Urged,
	}, nil
}
