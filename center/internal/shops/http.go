package shops

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// ShopItem is a shop as it is shown; numbers are masked.
type ShopItem struct {
	ID               string       `json:"id"`
	No               string       `json:"no"`
	Name             string       `json:"name"`
	SignName         string       `json:"signName"`
	Aliases          []ShopAlias  `json:"aliases"`
	Address          string       `json:"address"`
	RegionCode       string       `json:"regionCode"`
	StreetName       string       `json:"streetName"`
	Road             string       `json:"road"`
	HouseNo          int64        `json:"houseNo"`
	Side             string       `json:"side" enum:"odd,even,"`
	Lng              float64      `json:"lng"`
	Lat              float64      `json:"lat"`
	DoorLine         DoorLine     `json:"doorLine"`
	DoorM            float64      `json:"doorM" doc:"Length of the door line in metres"`
	Business         string       `json:"business"`
	Operator         string       `json:"operator"`
	CreditCode       string       `json:"creditCode"`
	Contact          string       `json:"contact"`
	CameraID         string       `json:"cameraId,omitempty"`
	ZoneID           string       `json:"zoneId,omitempty"`
	SignReferenceSM3 string       `json:"signReferenceSm3,omitempty"`
	Permits          []ShopPermit `json:"permits"`
	PledgeYMD        int64        `json:"pledgeYmd"`
	PledgeSM3        string       `json:"pledgeSm3,omitempty"`
	Smart            bool         `json:"smart"`
	State            string       `json:"state" enum:"open,closed"`
	Source           string       `json:"source"`
	SeenAt           *clock.Stamp `json:"seenAt,omitempty"`
	MergedInto       string       `json:"mergedInto,omitempty"`
	DeletedAt        *clock.Stamp `json:"deletedAt,omitempty"`
	DeletedBy        string       `json:"deletedBy,omitempty"`
	DeletedWhy       string       `json:"deletedWhy,omitempty"`
	OpenAlerts       int64        `json:"openAlerts"`
	OpenOrders       int64        `json:"openOrders"`
	Rev              int64        `json:"rev"`
}

func itemOf(x Listed) ShopItem {
	s := x.Shop
	out := ShopItem{
		ID: s.ID, No: s.No, Name: s.Name, SignName: s.SignName, Aliases: s.Aliases, Address: s.Address, RegionCode: s.RegionCode, StreetName: s.StreetName,
		Road: s.Road, HouseNo: s.HouseNo, Side: s.Side, Lng: s.Lng, Lat: s.Lat, DoorLine: s.DoorLine, DoorM: s.DoorLine.lengthM(), Business: s.Business,
		Operator: MaskName(s.Operator), CreditCode: MaskCode(s.CreditCode), Contact: s.ContactMask, CameraID: s.CameraID, ZoneID: s.ZoneID,
		SignReferenceSM3: s.SignReferenceSM3, Permits: s.Permits, PledgeYMD: s.PledgeYMD, PledgeSM3: s.PledgeSM3, Smart: s.Smart, State: s.State, Source: s.Source,
		SeenAt: s.SeenAt, MergedInto: s.MergedInto, DeletedAt: s.DeletedAt, DeletedBy: s.DeletedBy, DeletedWhy: s.DeletedWhy,
		OpenAlerts: x.OpenAlerts, OpenOrders: x.OpenOrders, Rev: s.Rev,
	}
	if out.Aliases == nil {
		out.Aliases = []ShopAlias{}
	}
	if out.Permits == nil {
		out.Permits = []ShopPermit{}
	}
	if out.DoorLine == nil {
		out.DoorLine = DoorLine{}
	}
	return out
}

// ShopWrite is what a person writes about a shop.
type ShopWrite struct {
	Name             string       `json:"name" maxLength:"400"`
	SignName         string       `json:"signName,omitempty" maxLength:"400"`
	Aliases          []string     `json:"aliases,omitempty" maxItems:"40"`
	Address          string       `json:"address" maxLength:"800"`
	RegionCode       string       `json:"regionCode" maxLength:"12"`
	Lng              float64      `json:"lng"`
	Lat              float64      `json:"lat"`
	DoorLine         DoorLine     `json:"doorLine,omitempty" maxItems:"12"`
	Business         string       `json:"business,omitempty" maxLength:"400"`
	Operator         string       `json:"operator,omitempty" maxLength:"400" doc:"With asterisks, as it is shown, keeps the stored one"`
	CreditCode       string       `json:"creditCode,omitempty" maxLength:"40" doc:"With asterisks keeps the stored one"`
	Contact          string       `json:"contact,omitempty" maxLength:"100" doc:"With asterisks, as it is shown, keeps the stored one"`
	CameraID         string       `json:"cameraId,omitempty" maxLength:"40"`
	ZoneID           string       `json:"zoneId,omitempty" maxLength:"40"`
	SignReferenceSM3 string       `json:"signReferenceSm3,omitempty" maxLength:"64"`
	Permits          []ShopPermit `json:"permits,omitempty" maxItems:"40"`
	PledgeYMD        int64        `json:"pledgeYmd,omitempty"`
	PledgeSM3        string       `json:"pledgeSm3,omitempty" maxLength:"64"`
	Smart            bool         `json:"smart,omitempty"`
	State            string       `json:"state,omitempty" maxLength:"10"`
	Reason           string       `json:"reason,omitempty" maxLength:"800"`
	Rev              int64        `json:"rev,omitempty"`
}

func (w ShopWrite) input() Input {
	return Input{
		Name: w.Name, SignName: w.SignName, Aliases: w.Aliases, Address: w.Address, RegionCode: w.RegionCode, Lng: w.Lng, Lat: w.Lat, DoorLine: w.DoorLine,
		Business: w.Business, Operator: w.Operator, CreditCode: w.CreditCode, Contact: w.Contact, CameraID: w.CameraID, ZoneID: w.ZoneID, SignReferenceSM3: w.SignReferenceSM3,
		Permits: w.Permits, PledgeYMD: w.PledgeYMD, PledgeSM3: w.PledgeSM3, Smart: w.Smart, State: w.State, Reason: w.Reason, Rev: w.Rev,
	}
}

type shopsInput struct {
	Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Camera string `query:"camera" maxLength:"40"`
	ShopFilters
	httpx.Paging
}

// ShopFilters are the further filters of the list.
type ShopFilters struct {
	Business string `query:"business" maxLength:"160"`
	State    string `query:"state" enum:"open,closed,"`
	Road     string `query:"road" maxLength:"120"`
	Smart    string `query:"smart" enum:"yes,no,"`
	Pledge   string `query:"pledge" enum:"yes,no,"`
	Bin      bool   `query:"bin"`
}

type idInput struct {
	ID string `path:"id" maxLength:"40"`
}

type createInput struct{ Body ShopWrite }

type updateInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body ShopWrite
}

type deleteInput struct {
	ID  string `path:"id" maxLength:"40"`
	Rev int64  `query:"rev" required:"true"`
	Why string `query:"reason" maxLength:"400"`
}

// Register adds the routes of the domain.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"shops"}}
	}
	s.registerActs(api, op) // before {id}, which would take their words
	s.registerSurvey(api, op)
	httpx.Register(api, "shop.view", op(http.MethodGet, "/api/shops", "list-shops", "List shops"),
		func(ctx context.Context, in *shopsInput) (*httpx.Body[httpx.List[ShopItem]], error) {
			res, err := s.List(ctx, Filter{Region: region.Prefix(in.Region), Camera: in.Camera, Business: in.Business, State: in.State, Road: in.Road, Smart: in.Smart, Pledge: in.Pledge, Bin: in.Bin}, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]ShopItem, len(res.Items))
			for i, x := range res.Items {
				items[i] = itemOf(x)
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), nil)
		})
	httpx.Register(api, "shop.view", op(http.MethodGet, "/api/shops/{id}", "get-shop", "One shop"),
		func(ctx context.Context, in *idInput) (*httpx.Body[ShopItem], error) {
			return s.answer(ctx, in.ID, nil)
		})
	httpx.Register(api, "shop.edit", op(http.MethodPost, "/api/shops", "create-shop", "Add a shop"),
		func(ctx context.Context, in *createInput) (*httpx.Body[ShopItem], error) {
			x, err := s.Create(ctx, in.Body.input())
			return s.answer(ctx, x.ID, err)
		})
	httpx.Register(api, "shop.edit", op(http.MethodPut, "/api/shops/{id}", "update-shop", "Change a shop"),
		func(ctx context.Context, in *updateInput) (*httpx.Body[ShopItem], error) {
			_, err := s.Update(ctx, in.ID, in.Body.input())
			return s.answer(ctx, in.ID, err)
		})
	httpx.Register(api, "shop.edit", op(http.MethodDelete, "/api/shops/{id}", "delete-shop", "Take a shop out of use"),
		func(ctx context.Context, in *deleteInput) (*httpx.Body[ShopActAnswer], error) {
			op, err := s.Delete(ctx, in.ID, in.Rev, in.Why)
			return httpx.Out(ShopActAnswer{Op: op}, err)
		})
}

func (s *Service) answer(ctx context.Context, id string, err error) (*httpx.Body[ShopItem], error) {
	if err != nil {
		return nil, err
	}
	x, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return httpx.Out(itemOf(x), nil)
}
