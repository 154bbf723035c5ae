package alerts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
)

// actInput is the path and the header that all decisions share; B is the
// body.
type actInput[B any] struct {
	ID   string `path:"id" maxLength:"40"`
	Key  string `header:"Idempotency-Key" maxLength:"80" doc:"A repeated request with the same key is answered like the first"`
	Body B
}

func (i *actInput[B]) decide(rev int64) DecideInput {
	return DecideInput{ID: i.ID, Rev: rev, Key: i.Key}
}

type confirmBody struct {
	Rev        int64   `json:"rev"`
	ShopID     *string `json:"shopId,omitempty" maxLength:"40" doc:"Absent keeps the bound shop, empty unbinds it"`
	Kind       string  `json:"kind,omitempty" enum:"stacking,frontage,sign"`
	Merge      *bool   `json:"merge,omitempty" doc:"Join an open order of the same shop and kind; true when absent"`
	LimitHours float64 `json:"limitHours,omitempty"`
	SquadOrgID string  `json:"squadOrgId,omitempty" maxLength:"40"`
	Note       string  `json:"note,omitempty" maxLength:"2000"`
}

type rejectBody struct {
	Rev    int64  `json:"rev"`
	Reason Reason `json:"reason" enum:"lighting,person,vehicle,permitted,wrongZone,other"`
	Note   string `json:"note,omitempty" maxLength:"2000"`
}

type reclassifyBody struct {
	Rev    int64   `json:"rev"`
	Kind   string  `json:"kind" enum:"stacking,frontage,sign"`
	ShopID *string `json:"shopId,omitempty" maxLength:"40"`
	Note   string  `json:"note,omitempty" maxLength:"2000"`
}

type revBody struct {
	Rev int64 `json:"rev"`
}

type correctBody struct {
	Rev    int64   `json:"rev"`
	Kind   string  `json:"kind" enum:"stacking,frontage,sign,none" doc:"none is no violation"`
	ShopID *string `json:"shopId,omitempty" maxLength:"40"`
	Reason string  `json:"reason" maxLength:"2000"`
}

type claimBody struct {
	Rev    int64  `json:"rev"`
	ShopID string `json:"shopId" maxLength:"40"`
	Note   string `json:"note,omitempty" maxLength:"2000"`
}

type noteBody struct {
	Rev  int64  `json:"rev"`
	Note string `json:"note,omitempty" maxLength:"2000"`
}

// AlertConfirmed is the answer of a confirmation.
type AlertConfirmed struct {
	Alert   AlertItem `json:"alert"`
	OrderID string    `json:"orderId"`
	OrderNo string    `json:"orderNo"`
	Merged  bool      `json:"merged"`
}

// AlertDecided is the answer of the other decisions.
type AlertDecided struct {
	Alert AlertItem `json:"alert"`
}

func answer(a Alert, err error) (*httpx.Body[AlertDecided], error) {
	return httpx.Out(AlertDecided{itemOf(a)}, err)
}

func (s *Service) registerActs(api huma.API, op func(method, path, id, summary string) huma.Operation) {
	post := func(name, summary string) huma.Operation {
		return op(http.MethodPost, "/api/alerts/{id}/"+name, name+"-alert", summary)
	}
	httpx.Register(api, "alert.decide", post("confirm", "Make a work order, or join an open one"),
		func(ctx context.Context, in *actInput[confirmBody]) (*httpx.Body[AlertConfirmed], error) {
			b := in.Body
			d, err := s.Confirm(ctx, ConfirmInput{
				DecideInput: in.decide(b.Rev), Shop: b.ShopID, Kind: b.Kind, Merge: b.Merge == nil || *b.Merge,
				LimitHours: b.LimitHours, SquadID: b.SquadOrgID, Note: b.Note,
			})
			return httpx.Out(AlertConfirmed{itemOf(d.Alert), d.Alert.OrderID, d.Alert.OrderNo, d.Merged}, err)
		})
	httpx.Register(api, "alert.decide", post("reject", "Dismiss with one of six reasons"),
		func(ctx context.Context, in *actInput[rejectBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.Reject(ctx, RejectInput{in.decide(in.Body.Rev), in.Body.Reason, in.Body.Note}))
		})
	httpx.Register(api, "alert.decide", post("reclassify", "Correct the kind or the shop"),
		func(ctx context.Context, in *actInput[reclassifyBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.Reclassify(ctx, ReclassifyInput{in.decide(in.Body.Rev), in.Body.Kind, in.Body.ShopID, in.Body.Note}))
		})
	httpx.Register(api, "alert.decide", post("later", "Put aside"),
		func(ctx context.Context, in *actInput[revBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.Later(ctx, in.decide(in.Body.Rev)))
		})
	httpx.Register(api, "alert.decide", post("undo", "Take back the own last decision within ten seconds"),
		func(ctx context.Context, in *actInput[revBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.Undo(ctx, in.decide(in.Body.Rev)))
		})
	httpx.Register(api, "alert.decide", post("correct", "Put the result right at any time; none withdraws the alert"),
		func(ctx context.Context, in *actInput[correctBody]) (*httpx.Body[AlertDecided], error) {
			b := in.Body
			return answer(s.Correct(ctx, CorrectInput{in.decide(b.Rev), b.Kind, b.ShopID, b.Reason}))
		})
	httpx.Register(api, "alert.decide", post("claim", "Bind the result to a shop"),
		func(ctx context.Context, in *actInput[claimBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.Claim(ctx, ClaimInput{in.decide(in.Body.Rev), in.Body.ShopID, in.Body.Note}))
		})
	httpx.Register(api, "alert.decide", post("raise", "Make an alert of a record"),
		func(ctx context.Context, in *actInput[revBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.Raise(ctx, in.decide(in.Body.Rev)))
		})
	httpx.Register(api, "alert.decide", post("update", "A changed sign is right: the registry takes it over"),
		func(ctx context.Context, in *actInput[noteBody]) (*httpx.Body[AlertDecided], error) {
			return answer(s.UpdateRegistry(ctx, in.decide(in.Body.Rev), in.Body.Note))
		})
}
