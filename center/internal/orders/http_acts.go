package orders

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
)

// actInput is the path and the header that all acts share; B is the body.
type actInput[B any] struct {
	ID   string `path:"id" maxLength:"40"`
	Key  string `header:"Idempotency-Key" maxLength:"80" doc:"A repeated request with the same key is answered like the first"`
	Body B
}

type assignBody struct {
	Rev        int64  `json:"rev"`
	SquadOrgID string `json:"squadOrgId,omitempty" maxLength:"40"`
	OfficerID  string `json:"officerId,omitempty" maxLength:"40"`
	Note       string `json:"note,omitempty" maxLength:"2000"`
}

type reassignBody struct {
	Rev        int64  `json:"rev"`
	SquadOrgID string `json:"squadOrgId,omitempty" maxLength:"40"`
	OfficerID  string `json:"officerId,omitempty" maxLength:"40"`
	Reason     string `json:"reason" maxLength:"2000"`
}

type acceptBody struct {
	Rev int64 `json:"rev"`
}

type arriveBody struct {
	Rev       int64   `json:"rev"`
	Lng       float64 `json:"lng"`
	Lat       float64 `json:"lat"`
	AccuracyM float64 `json:"accuracyM"`
	Reason    string  `json:"reason,omitempty" maxLength:"2000" doc:"Needed when the place is farther from the camera than the rule allows"`
}

type handleBody struct {
	Rev    int64      `json:"rev"`
	Result Result     `json:"result" enum:"corrected,warned,filed,falseAlarm,notFound"`
	Note   string     `json:"note,omitempty" maxLength:"2000"`
	Photos []string   `json:"photos,omitempty" maxItems:"50"`
	Shots  []SiteShot `json:"shots,omitempty" maxItems:"50" doc:"What the phone says of each picture"`
}

type urgeBody struct {
	Rev  int64  `json:"rev"`
	Note string `json:"note,omitempty" maxLength:"2000"`
}

type settleBody struct {
	Rev      int64  `json:"rev"`
	Proposal string `json:"proposalId" maxLength:"40"`
	Take     bool   `json:"take" doc:"Close the order by it, or put it aside"`
	Note     string `json:"note,omitempty" maxLength:"2000"`
}

type reviewBody struct {
	Rev  int64  `json:"rev"`
	Pass bool   `json:"pass"`
	Note string `json:"note,omitempty" maxLength:"2000"`
}

type returnBody struct {
	Rev    int64  `json:"rev"`
	Reason string `json:"reason" maxLength:"2000"`
}

// act adds the route of one act.
func act[B any](s *Service, api huma.API, op func(method, path, id, summary string) huma.Operation, perm, name, summary string, run func(ctx context.Context, in *actInput[B]) error) {
	o := op(http.MethodPost, "/api/orders/{id}/"+name, name+"-order", summary)
	httpx.Register(api, perm, o, func(ctx context.Context, in *actInput[B]) (*httpx.Body[OrderDetail], error) {
		return s.answer(ctx, in.ID, run(ctx, in))
	})
}

func (s *Service) registerActs(api huma.API, op func(method, path, id, summary string) huma.Operation) {
	// Who may do what depends on the order, so the routes ask for the view
	// right and Guard decides.
	act(s, api, op, "order.view", "assign", "Give to a squad or an officer", func(ctx context.Context, in *actInput[assignBody]) error {
		b := in.Body
		_, err := s.Assign(ctx, AssignInput{in.ID, b.Rev, b.SquadOrgID, b.OfficerID, b.Note, in.Key})
		return err
	})
	act(s, api, op, "order.view", "reassign", "Give to another squad or officer", func(ctx context.Context, in *actInput[reassignBody]) error {
		b := in.Body
		_, err := s.Reassign(ctx, AssignInput{in.ID, b.Rev, b.SquadOrgID, b.OfficerID, b.Reason, in.Key})
		return err
	})
	act(s, api, op, "order.handle", "accept", "Take the order", func(ctx context.Context, in *actInput[acceptBody]) error {
		_, err := s.Accept(ctx, AcceptInput{in.ID, in.Body.Rev, in.Key})
		return err
	})
	act(s, api, op, "order.handle", "arrive", "Note the arrival", func(ctx context.Context, in *actInput[arriveBody]) error {
		b := in.Body
		_, err := s.Arrive(ctx, ArriveInput{in.ID, b.Rev, b.Lng, b.Lat, b.AccuracyM, b.Reason, in.Key})
		return err
	})
	act(s, api, op, "order.handle", "handle", "Hand in the result", func(ctx context.Context, in *actInput[handleBody]) error {
		b := in.Body
		_, err := s.Handle(ctx, HandleInput{in.ID, b.Rev, b.Result, b.Note, b.Photos, b.Shots, in.Key})
		return err
	})
	act(s, api, op, "order.review", "review", "Close, or send back on site", func(ctx context.Context, in *actInput[reviewBody]) error {
		b := in.Body
		_, err := s.Review(ctx, ReviewInput{in.ID, b.Rev, b.Pass, b.Note, in.Key})
		return err
	})
	act(s, api, op, "order.view", "return", "Give back to the dispatcher", func(ctx context.Context, in *actInput[returnBody]) error {
		_, err := s.Return(ctx, ReturnInput{in.ID, in.Body.Rev, in.Body.Reason, in.Key})
		return err
	})
	act(s, api, op, "order.view", "urge", "Ask to hurry", func(ctx context.Context, in *actInput[urgeBody]) error {
		_, err := s.Urge(ctx, UrgeInput{in.ID, in.Body.Rev, in.Body.Note, in.Key})
		return err
	})
	act(s, api, op, "order.view", "recheck", "Let the camera look again", func(ctx context.Context, in *actInput[acceptBody]) error {
		_, err := s.Recheck(ctx, RecheckInput{in.ID, in.Body.Rev, in.Key})
		return err
	})
	act(s, api, op, "order.review", "settle", "Close by what was found out, or put that aside", func(ctx context.Context, in *actInput[settleBody]) error {
		b := in.Body
		_, err := s.Settle(ctx, SettleInput{in.ID, b.Rev, b.Proposal, b.Take, b.Note, in.Key})
		return err
	})
}
