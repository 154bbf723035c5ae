package shops

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// The following answer other domains through ports, whoever asks.

// OfZones gives the shop that each zone is bound to.
func (s *Service) OfZones(ctx context.Context, zones []string) (map[string]Shop, error) {
	return zoneShops(ctx, s.db.Read(), zones)
}

// OfCamera gives the shops bound to a camera.
func (s *Service) OfCamera(ctx context.Context, camera string) ([]Shop, error) {
	return byIDs(ctx, s.db.Read(), "h.camera_id", []string{camera})
}

// ByID gives one shop; false when it is absent or deleted.
func (s *Service) ByID(ctx context.Context, id string) (Shop, bool, error) {
	list, err := byIDs(ctx, s.db.Read(), "h.id", []string{id})
	if err != nil || len(list) == 0 {
		return Shop{}, false, err
	}
	return list[0], true, nil
}

// Near is a shop and its distance in metres.
type Near struct {
	Shop      Shop
	DistanceM float64
}

// Near gives the shops around a place, nearest first.
func (s *Service) Near(ctx context.Context, lng, lat, within float64, limit int) ([]Near, error) {
	list, err := box(ctx, s.db.Read(), lng, lat, within)
	if err != nil {
		return nil, err
	}
	out := []Near{}
	for _, x := range list {
		if d := metres(lng, lat, x.Lng, x.Lat); d <= within {
			out = append(out, Near{x, d})
		}
	}
	slices.SortFunc(out, func(a, b Near) int {
		if a.DistanceM != b.DistanceM {
			if a.DistanceM < b.DistanceM {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Shop.ID, b.Shop.ID)
	})
	return out[:min(limit, len(out))], nil
}

// Recipient is who a notice to a shop goes to, in full.
type Recipient struct {
	ShopID, ShopName, Operator, CreditCode, Phone string
	Address, Business, RegionCode                 string
}

// PhoneFor gives the operator and the telephone number of a shop to whatever
// sends to it. That it was read, and what for, is recorded. Phone is empty
// when none is registered.
func (s *Service) PhoneFor(ctx context.Context, tx db.Tx, shopID, purpose string) (Recipient, error) {
	list, err := byIDs(ctx, tx, "h.id", []string{shopID})
	if err != nil {
		return Recipient{}, err
	}
	if len(list) == 0 {
		return Recipient{}, errs.NotFound("商铺")
	}
	x := list[0]
	phone, err := s.phone(x)
	if err != nil {
		return Recipient{}, fmt.Errorf("open the number of shop %s: %w", shopID, err)
	}
	err = audit.Record(ctx, tx, audit.Entry{Act: "shop.phone", Object: "shop", ObjectID: x.ID, RegionCode: x.RegionCode, Summary: "取用 " + x.Name + " 的联系方式", Reason: purpose})
	return Recipient{ShopID: x.ID, ShopName: x.Name, Operator: x.Operator, CreditCode: x.CreditCode, Phone: phone, Address: x.Address, Business: x.Business, RegionCode: x.RegionCode}, err
}

// ShopNumbers are the numbers of a shop in full.
type ShopNumbers struct {
	Operator   string `json:"operator"`
	CreditCode string `json:"creditCode"`
	Contact    string `json:"contact"`
}

// Reveal gives a person the numbers of a shop in full; who read them, and
// why, is recorded first.
func (s *Service) Reveal(ctx context.Context, id, reason string) (ShopNumbers, error) {
	who, err := access.Need(ctx, access.ShopReveal)
	if err != nil {
		return ShopNumbers{}, err
	}
	if len([]rune(strings.TrimSpace(reason))) < 2 {
		return ShopNumbers{}, errs.Invalidf("reason", "请写明查看原因，会记入审计")
	}
	var out ShopNumbers
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x, err := get(ctx, tx, who, id)
		if err != nil {
			return err
		}
		phone, err := s.phone(x)
		if err != nil {
			return errs.Wrap(errs.ConflictCode, "联系电话打不开：密文被改动或密钥不在，已报告", err)
		}
		out = ShopNumbers{Operator: x.Operator, CreditCode: x.CreditCode, Contact: phone}
		return audit.Record(ctx, tx, audit.Entry{Act: "shop.reveal", Object: "shop", ObjectID: id, RegionCode: x.RegionCode, Summary: "查看 " + x.Name + " 的经营者与电话", Reason: reason})
	})
	return out, err
}

// ShopHint is a shop as a search suggests it.
type ShopHint struct {
	ID         string  `json:"id"`
	No         string  `json:"no"`
	Name       string  `json:"name"`
	Address    string  `json:"address"`
	RegionCode string  `json:"regionCode"`
	StreetName string  `json:"streetName"`
	Lng        float64 `json:"lng"`
	Lat        float64 `json:"lat"`
}

// Hints gives the first shops that fit what a person is typing.
func (s *Service) Hints(ctx context.Context, q string, limit int) ([]ShopHint, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	rows, err := s.hints(ctx, who, q, int64(min(max(limit, 1), 20)))
	out := make([]ShopHint, len(rows))
	for i, r := range rows {
		out[i] = ShopHint{ID: r.ID, No: r.No, Name: r.Name, Address: r.Address, RegionCode: r.RegionCode, StreetName: r.StreetName, Lng: r.Lng, Lat: r.Lat}
	}
	return out, err
}

// Reindex brings rows up to date that were written before the search keys,
// the sealing of numbers and the running numbers, some at a time.
func (s *Service) Reindex(ctx context.Context) error {
	for {
		n := 0
		err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			rows, err := stale(ctx, tx, 500)
			if err != nil {
				return err
			}
			n = len(rows)
			keys := make(map[string][]int64, n)
			for i := range rows {
				if err := s.reindexOne(ctx, tx, &rows[i], keys); err != nil {
					return err
				}
			}
			return setGrams(ctx, tx, keys)
		})
		if err != nil || n < 500 {
			return err
		}
	}
}

func (s *Service) reindexOne(ctx context.Context, tx db.Tx, r *shopRow, keys map[string][]int64) error {
	if r.No == "" {
		no, err := s.number(ctx, tx, r.RegionCode)
		if err != nil {
			return err
		}
		r.No = no
	}
	x, err := s.seal(r.shop())
	if err != nil {
		return errors.Join(fmt.Errorf("index shop %s", r.ID), err)
	}
	d := doorOf(x.Address)
	r.Road, r.HouseNo, r.Side = d.road, d.no, d.side
	r.Contact, r.ContactBlind, r.ContactMask = x.contact, x.blind, x.ContactMask
	r.Search, r.Indexed = s.searchText(x), indexVersion
	keys[r.ID] = s.searchKeys(x)
	return setIndexed(ctx, tx, r)
}
