package notices

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// HeaderOwner carries the session of a shop's page.
const HeaderOwner = "X-Owner"

// OwnerNotice is a notice as its shop sees it: nothing of others, nothing of
// how it was recognised.
type OwnerNotice struct {
	No         string       `json:"no"`
	Code       string       `json:"code"`
	Kind       string       `json:"kind" enum:"rectify,compliance"`
	KindName   string       `json:"kindName"`
	Organ      string       `json:"organ"`
	ShopName   string       `json:"shopName"`
	Address    string       `json:"address"`
	State      State        `json:"state"`
	Label      string       `json:"label"`
	Demand     string       `json:"demand"`
	Facts      string       `json:"facts"`
	SeenAt     *clock.Stamp `json:"seenAt,omitempty"`
	Picture    string       `json:"picture,omitempty"`
	Clip       string       `json:"clip,omitempty"`
	Box        *Box         `json:"box,omitempty"`
	Device     string       `json:"device"`
	Title      string       `json:"title"`
	Body       string       `json:"body"`
	Checklist  string       `json:"checklist"`
	Causes     []Cause      `json:"causes"`
	DueAt      *clock.Stamp `json:"dueAt,omitempty"`
	Paused     bool         `json:"paused"`
	Handler    string       `json:"handler"`
	Phone      string       `json:"phone"`
	Answers    []Answer     `json:"answers"`
	Steps      []OwnerStep  `json:"steps"`
	CanCorrect bool         `json:"canCorrect"`
	CanObject  bool         `json:"canObject"`
	WhyNot     string       `json:"whyNot,omitempty"`
	ObjectBy   time.Time    `json:"objectBy"`
	PhotoLimit int64        `json:"photoLimit"`
	Now        time.Time    `json:"now"`
	EndReason  string       `json:"endReason,omitempty"`
}

// OwnerStep is a step that the shop sees, without the names of people.
type OwnerStep struct {
	At   clock.Stamp `json:"at"`
	Text string      `json:"text"`
}

func ownerOf(v OwnerView) OwnerNotice {
	n := v.Notice
	out := OwnerNotice{
		No: n.No, Code: ShownCode(n.Code), Kind: n.Kind, KindName: KindName(n.Kind), Organ: n.Organ, ShopName: n.ShopName, Address: n.Address, State: n.State,
		Label: n.State.Label(), Demand: n.Demand, Facts: n.Facts, SeenAt: n.SeenAt, Picture: n.Picture, Clip: n.Clip, Box: n.Box, Device: n.Device, Title: n.Title,
		Body: n.Body, Checklist: n.Checklist, Causes: n.Causes, DueAt: n.DueAt, Paused: n.Paused, Handler: n.SquadName, Phone: v.Rule.Contact, Answers: v.Answers,
		Steps: make([]OwnerStep, len(v.Steps)), CanCorrect: v.Correct == nil, CanObject: v.Object == nil, WhyNot: refusal(v.Correct), ObjectBy: n.ObjectUntil(v.Rule),
		PhotoLimit: v.Rule.PhotoLimit, Now: v.Now, EndReason: n.EndReason,
	}
	if n.Picture == n.Clip {
		out.Clip = ""
	}
	for i, x := range v.Steps {
		out.Steps[i] = OwnerStep{x.At, x.Text}
	}
	for i := range out.Answers {
		out.Answers[i].DecidedName = ""
	}
	return out
}

// OwnerOpened is the session of a page.
type OwnerOpened struct {
	Session string      `json:"session"`
	Until   clock.Stamp `json:"until"`
}

// OwnerCheck is what anybody may learn of a check code.
type OwnerCheck struct {
	Found  bool         `json:"found"`
	Valid  bool         `json:"valid"`
	Organ  string       `json:"organ,omitempty"`
	Kind   string       `json:"kind,omitempty"`
	Shop   string       `json:"shop,omitempty" doc:"Masked"`
	MadeAt *clock.Stamp `json:"madeAt,omitempty"`
	Text   string       `json:"text"`
}

// OwnerInput is the session of a page.
type OwnerInput struct {
	Session string `header:"X-Owner" maxLength:"160"`
}

func (s *Service) registerOwner(app *fiber.App, api huma.API) {
	httpx.Register(api, httpx.Public, op(http.MethodPost, "/api/owner/open", "owner-open", "Open the page of a notice"),
		func(ctx context.Context, in *struct {
			Body struct {
				Token string `json:"token,omitempty" maxLength:"160"`
				Code  string `json:"code,omitempty" maxLength:"40"`
				Tail  string `json:"tail" maxLength:"10"`
			}
		},
		) (*httpx.Body[OwnerOpened], error) {
			o, err := s.OpenPage(ctx, in.Body.Token, in.Body.Code, in.Body.Tail)
			return httpx.Out(OwnerOpened(o), err)
		})
	httpx.Register(api, httpx.Public, op(http.MethodGet, "/api/owner/notice", "owner-notice", "The notice of the page"),
		func(ctx context.Context, in *OwnerInput) (*httpx.Body[OwnerNotice], error) {
			v, err := s.OwnerSees(ctx, in.Session)
			if err != nil {
				return nil, err
			}
			return httpx.Out(ownerOf(v), nil)
		})
	httpx.Register(api, httpx.Public, op(http.MethodPost, "/api/owner/answer", "owner-answer", "The shop's answer"),
		func(ctx context.Context, in *struct {
			OwnerInput
			Body AnswerInput
		},
		) (*httpx.Body[OwnerNotice], error) {
			if err := s.OwnerAnswer(ctx, in.Session, in.Body); err != nil {
				return nil, err
			}
			v, err := s.OwnerSees(ctx, in.Session)
			if err != nil {
				return nil, err
			}
			return httpx.Out(ownerOf(v), nil)
		})
	httpx.Register(api, httpx.Public, op(http.MethodGet, "/api/owner/check", "owner-check", "Whether a check code is of a notice"),
		func(ctx context.Context, in *struct {
			Code string `query:"code" maxLength:"40"`
		},
		) (*httpx.Body[OwnerCheck], error) {
			c, err := s.Check(ctx, in.Code)
			return httpx.Out(OwnerCheck{c.Found, c.Valid, c.Organ, c.Kind, c.Shop, c.MadeAt, c.Text}, err)
		})
	httpx.Raw(app, api, httpx.Public, http.MethodPost, "/api/owner/photos", s.postPhoto)
	httpx.Raw(app, api, httpx.Public, http.MethodGet, "/api/owner/pictures/:sm3", s.getPicture)
}

// maxPhoto bounds what a shop uploads at once.
const maxPhoto = 12 << 20

func (s *Service) postPhoto(c *fiber.Ctx) error {
	data := c.Body()
	if len(data) > maxPhoto {
		return errs.New(errs.TooLarge, "照片超过 %d MB，请缩小后再传", maxPhoto>>20)
	}
	ref, err := s.OwnerUpload(c.UserContext(), c.Get(HeaderOwner), data)
	if err != nil {
		return err
	}
	return c.JSON(ref)
}

func (s *Service) getPicture(c *fiber.Ctx) error {
	sm3 := c.Params("sm3")
	if !blob.ValidDigest(sm3) {
		return errs.Invalidf("sm3", "摘要应为 64 位小写十六进制")
	}
	f, ref, err := s.OwnerPicture(c.UserContext(), c.Get(HeaderOwner), sm3)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, ref.MediaType)
	return c.SendStream(io.NopCloser(f), int(ref.Size))
}
