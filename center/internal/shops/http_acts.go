package shops

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/shops/match"
)

// ShopActAnswer names the act that was made, for an undo.
type ShopActAnswer struct {
	Op   string `json:"op"`
	Shop string `json:"shop,omitempty"`
	What string `json:"what,omitempty"`
}

type operation = func(method, path, id, summary string) huma.Operation

type shopRevealInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Reason string `json:"reason" maxLength:"400"`
	}
}

type shopMergeInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Rev    int64    `json:"rev"`
		From   []string `json:"from" minItems:"1" maxItems:"10"`
		Reason string   `json:"reason" maxLength:"400"`
	}
}

type shopSplitInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Rev    int64     `json:"rev"`
		New    ShopWrite `json:"new"`
		Names  []string  `json:"names,omitempty" maxItems:"40"`
		Reason string    `json:"reason" maxLength:"400"`
	}
}

type shopRestoreInput struct {
	ID  string `path:"id" maxLength:"40"`
	Rev int64  `query:"rev" required:"true"`
}

type shopPhotoInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		SM3  string `json:"sm3" maxLength:"64"`
		Kind string `json:"kind" enum:"front,licence,pledge,sign,other"`
		Note string `json:"note,omitempty" maxLength:"400"`
	}
}

type shopPhotoDrop struct {
	ID  string `path:"id" maxLength:"40"`
	SM3 string `path:"sm3" maxLength:"64"`
}

type shopHintInput struct {
	Q    string `query:"q" maxLength:"80"`
	Size int    `query:"size" minimum:"1" maximum:"20" default:"10"`
}

type shopStripInput struct {
	Road   string `query:"road" maxLength:"120" required:"true"`
	Region string `query:"region" pattern:"^[0-9]{0,9}$" patternDescription:"区划代码"`
	Side   string `query:"side" enum:"odd,even,"`
}

type shopRoadsInput struct {
	Region string `query:"region" pattern:"^[0-9]{6,9}$" patternDescription:"区或街镇的区划代码" required:"true"`
}

func items(list []Shop) []ShopItem {
	out := make([]ShopItem, len(list))
	for i, x := range list {
		out[i] = itemOf(Listed{Shop: x})
	}
	return out
}

// registerActs adds what is done with shops beyond writing one.
func (s *Service) registerActs(api huma.API, op operation) {
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shops/hints", "hint-shops", "Shops that fit what is being typed"),
		func(ctx context.Context, in *shopHintInput) (*httpx.Body[[]ShopHint], error) {
			return httpx.Out(s.Hints(ctx, in.Q, in.Size))
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shops/strip", "strip-shops", "The shops of one side of a road, in order"),
		func(ctx context.Context, in *shopStripInput) (*httpx.Body[[]ShopItem], error) {
			list, err := s.Strip(ctx, in.Road, region.Prefix(in.Region), in.Side)
			return httpx.Out(items(list), err)
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shops/roads", "list-shop-roads", "Roads with shops"),
		func(ctx context.Context, in *shopRoadsInput) (*httpx.Body[[]ShopRoad], error) {
			return httpx.Out(s.Roads(ctx, in.Region))
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shops/{id}/history", "shop-history", "What each field was, and when"),
		func(ctx context.Context, in *idInput) (*httpx.Body[[]ShopChange], error) {
			return httpx.Out(s.History(ctx, in.ID))
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shops/{id}/acts", "shop-acts", "Merges, splits and deletions of a shop"),
		func(ctx context.Context, in *idInput) (*httpx.Body[[]ShopAct], error) {
			return httpx.Out(s.Acts(ctx, in.ID))
		})
	httpx.Register(api, access.ShopReveal, op(http.MethodPost, "/api/shops/{id}/reveal", "reveal-shop", "Operator and numbers in full, with a reason that is recorded"),
		func(ctx context.Context, in *shopRevealInput) (*httpx.Body[ShopNumbers], error) {
			return httpx.Out(s.Reveal(ctx, in.ID, in.Body.Reason))
		})
	httpx.Register(api, access.ShopEdit, op(http.MethodPost, "/api/shops/{id}/merge", "merge-shops", "Take other shops into this one"),
		func(ctx context.Context, in *shopMergeInput) (*httpx.Body[ShopActAnswer], error) {
			x, id, err := s.Merge(ctx, MergeInput{Into: in.ID, IntoRev: in.Body.Rev, From: in.Body.From, Reason: in.Body.Reason})
			return httpx.Out(ShopActAnswer{Op: id, Shop: x.ID}, err)
		})
	httpx.Register(api, access.ShopEdit, op(http.MethodPost, "/api/shops/{id}/split", "split-shop", "Take a shop out of this one"),
		func(ctx context.Context, in *shopSplitInput) (*httpx.Body[ShopActAnswer], error) {
			x, id, err := s.Split(ctx, SplitInput{ID: in.ID, Rev: in.Body.Rev, New: in.Body.New.input(), Names: in.Body.Names, Reason: in.Body.Reason})
			return httpx.Out(ShopActAnswer{Op: id, Shop: x.ID}, err)
		})
	httpx.Register(api, access.ShopEdit, op(http.MethodPost, "/api/shops/{id}/restore", "restore-shop", "Take a shop out of the recycle bin"),
		func(ctx context.Context, in *shopRestoreInput) (*httpx.Body[ShopItem], error) {
			_, err := s.Restore(ctx, in.ID, in.Rev)
			return s.answer(ctx, in.ID, err)
		})
	httpx.Register(api, access.ShopConfirm, op(http.MethodPost, "/api/shop-ops/{id}/undo", "undo-shop-act", "Take a merge, split, deletion or confirmation back"),
		func(ctx context.Context, in *idInput) (*httpx.Body[ShopActAnswer], error) {
			what, err := s.Undo(ctx, in.ID)
			return httpx.Out(ShopActAnswer{Op: in.ID, What: what}, err)
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shops/{id}/photos", "shop-photos", "Pictures of a shop"),
		func(ctx context.Context, in *idInput) (*httpx.Body[[]ShopPhoto], error) {
			return httpx.Out(s.Photos(ctx, in.ID))
		})
	httpx.Register(api, access.ShopEdit, op(http.MethodPost, "/api/shops/{id}/photos", "add-shop-photo", "Add an uploaded picture to a shop"),
		func(ctx context.Context, in *shopPhotoInput) (*struct{}, error) {
			return nil, s.AddPhoto(ctx, in.ID, in.Body.SM3, in.Body.Kind, in.Body.Note)
		})
	httpx.Register(api, access.ShopEdit, op(http.MethodDelete, "/api/shops/{id}/photos/{sm3}", "drop-shop-photo", "Take a picture off a shop"),
		func(ctx context.Context, in *shopPhotoDrop) (*struct{}, error) {
			return nil, s.DropPhoto(ctx, in.ID, in.SM3)
		})
}

// SightQuery are the filters of the survey ledger.
type SightQuery struct {
	Region    string `query:"region" pattern:"^[0-9]{0,9}$" patternDescription:"区划代码"`
	Task      string `query:"task" maxLength:"40"`
	Camera    string `query:"camera" maxLength:"40"`
	Shop      string `query:"shop" maxLength:"40"`
	Road      string `query:"road" maxLength:"120"`
	Verdict   string `query:"verdict" enum:"same,new,suspected,renamed,moved,unreadable,covered,"`
	State     string `query:"state" enum:"auto,waiting,later,confirmed,created,renamed,moved,false,"`
	Unclaimed bool   `query:"unclaimed"`
	From      string `query:"from" maxLength:"40"`
	To        string `query:"to" maxLength:"40"`
}

func (q SightQuery) filter() (SightFilter, error) {
	return SightFilterOf(map[string]string{
		"region": q.Region, "task": q.Task, "camera": q.Camera, "shop": q.Shop, "road": q.Road, "verdict": q.Verdict, "state": q.State,
		"unclaimed": map[bool]string{true: "true"}[q.Unclaimed], "from": q.From, "to": q.To,
	})
}

type shopSightsInput struct {
	SightQuery
	httpx.Paging
}

type shopDecideInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Act      string `json:"act" enum:"same,create,rename,move,later,false"`
		Shop     string `json:"shop,omitempty" maxLength:"40"`
		Name     string `json:"name,omitempty" maxLength:"400"`
		Business string `json:"business,omitempty" maxLength:"160"`
		Rev      int64  `json:"rev,omitempty"`
	}
}

type shopRulesInput struct {
	Body struct {
		Base  int64            `json:"base"`
		Rules match.Thresholds `json:"rules"`
		Note  string           `json:"note" maxLength:"800"`
	}
}

type shopPreviewInput struct{ Body match.Thresholds }

// registerSurvey adds the survey ledger, what people say about it, and the
// rules.
func (s *Service) registerSurvey(api huma.API, op operation) {
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/sightings", "list-sightings", "The survey ledger"),
		func(ctx context.Context, in *shopSightsInput) (*httpx.Body[httpx.List[Sighting]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			return httpx.Out(s.Sightings(ctx, f, in.Paging))
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/sightings/counts", "count-sightings", "Sightings by verdict"),
		func(ctx context.Context, in *SightQuery) (*httpx.Body[map[string]int64], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			return httpx.Out(s.SightingCounts(ctx, f))
		})
	httpx.Register(api, access.ShopConfirm, op(http.MethodPost, "/api/sightings/{id}/decide", "decide-sighting", "What a person says about a sighting"),
		func(ctx context.Context, in *shopDecideInput) (*httpx.Body[ShopActAnswer], error) {
			b := in.Body
			id, err := s.Decide(ctx, in.ID, Decision{Act: b.Act, ShopID: b.Shop, Name: b.Name, Business: b.Business, Rev: b.Rev})
			return httpx.Out(ShopActAnswer{Op: id}, err)
		})
	httpx.Register(api, access.ShopView, op(http.MethodGet, "/api/shop-rules", "list-shop-rules", "Versions of the thresholds of matching"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]RulesVersion], error) {
			return httpx.Out(s.Rules(ctx))
		})
	httpx.Register(api, access.ShopRule, op(http.MethodPost, "/api/shop-rules", "set-shop-rules", "Make a new version of the thresholds"),
		func(ctx context.Context, in *shopRulesInput) (*httpx.Body[RulesVersion], error) {
			return httpx.Out(s.SetRules(ctx, in.Body.Base, in.Body.Rules, in.Body.Note))
		})
	httpx.Register(api, access.ShopRule, op(http.MethodPost, "/api/shop-rules/preview", "preview-shop-rules", "What other thresholds would change"),
		func(ctx context.Context, in *shopPreviewInput) (*httpx.Body[RulesTrial], error) {
			return httpx.Out(s.PreviewRules(ctx, in.Body))
		})
}
