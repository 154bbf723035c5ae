package shops

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// ShopItem is a shop in a list; its telephone number is masked.
type ShopItem struct {
	ID               string  `json:"id"`
	Name             string  `json:"name"`
	SignName         string  `json:"signName"`
	Address          string  `json:"address"`
	RegionCode       string  `json:"regionCode"`
	StreetName       string  `json:"streetName"`
	Lng              float64 `json:"lng"`
	Lat              float64 `json:"lat"`
	Business         string  `json:"business"`
	Contact          string  `json:"contact"`
	CameraID         string  `json:"cameraId,omitempty"`
	ZoneID           string  `json:"zoneId,omitempty"`
	SignReferenceSM3 string  `json:"signReferenceSm3,omitempty"`
	OpenAlerts       int64   `json:"openAlerts"`
	OpenOrders       int64   `json:"openOrders"`
	Rev              int64   `json:"rev"`
}

func itemOf(x Listed) ShopItem {
	s := x.Shop
	return ShopItem{
		ID: s.ID, Name: s.Name, SignName: s.SignName, Address: s.Address, RegionCode: s.RegionCode, StreetName: s.StreetName,
		Lng: s.Lng, Lat: s.Lat, Business: s.Business, Contact: Mask(s.Contact), CameraID: s.CameraID, ZoneID: s.ZoneID,
		SignReferenceSM3: s.SignReferenceSM3, OpenAlerts: x.OpenAlerts, OpenOrders: x.OpenOrders, Rev: s.Rev,
	}
}

// ShopWrite is what a person writes about a shop.
type ShopWrite struct {
	Name             string  `json:"name" maxLength:"400"`
	SignName         string  `json:"signName,omitempty" maxLength:"400"`
	Address          string  `json:"address" maxLength:"800"`
	RegionCode       string  `json:"regionCode" maxLength:"12"`
	Lng              float64 `json:"lng"`
	Lat              float64 `json:"lat"`
	Business         string  `json:"business,omitempty" maxLength:"400"`
	Contact          string  `json:"contact,omitempty" maxLength:"100" doc:"With asterisks, as it is shown, keeps the stored one"`
	CameraID         string  `json:"cameraId,omitempty" maxLength:"40"`
	ZoneID           string  `json:"zoneId,omitempty" maxLength:"40"`
	SignReferenceSM3 string  `json:"signReferenceSm3,omitempty" maxLength:"64"`
	Rev              int64   `json:"rev,omitempty"`
}

type shopsInput struct {
	Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Camera string `query:"camera" maxLength:"40"`
	httpx.Paging
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
}

// Register adds the routes of the domain.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"shops"}}
	}
	httpx.Register(api, "shop.view", op(http.MethodGet, "/api/shops", "list-shops", "List shops"),
		func(ctx context.Context, in *shopsInput) (*httpx.Body[httpx.List[ShopItem]], error) {
			res, err := s.List(ctx, Filter{Region: region.Prefix(in.Region), Camera: in.Camera}, in.Paging)
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
			x, err := s.Create(ctx, Input(in.Body))
			return s.answer(ctx, x.ID, err)
		})
	httpx.Register(api, "shop.edit", op(http.MethodPut, "/api/shops/{id}", "update-shop", "Change a shop"),
		func(ctx context.Context, in *updateInput) (*httpx.Body[ShopItem], error) {
			_, err := s.Update(ctx, in.ID, Input(in.Body))
			return s.answer(ctx, in.ID, err)
		})
	httpx.Register(api, "shop.edit", op(http.MethodDelete, "/api/shops/{id}", "delete-shop", "Take a shop out of use"),
		func(ctx context.Context, in *deleteInput) (*struct{}, error) {
			return nil, s.Delete(ctx, in.ID, in.Rev)
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
