package shops

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
)

// Pictures tells whether a picture is in the file store.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
}

// Options are what the service needs. NewID and Wake may be nil.
type Options struct {
	DB       *db.DB
	Regions  *region.Tree
	Pictures Pictures
	NewID    ids.Source
	Wake     func()
}

// Service has the use cases of shops. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	regions  *region.Tree
	pictures Pictures
	newID    ids.Source
	wake     func()
}

// New makes the service.
func New(o Options) *Service {
	if o.NewID == nil {
		o.NewID = ids.New
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Service{db: o.DB, regions: o.Regions, pictures: o.Pictures, newID: o.NewID, wake: o.Wake}
}

// List gives one page of the shops that the actor may see.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Listed], error) {
	who, err := access.Need(ctx, "shop.view")
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	items, total, err := list(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	return httpx.NewList(items, total, p, s.db.Now()), nil
}

// Get gives one shop.
func (s *Service) Get(ctx context.Context, id string) (Listed, error) {
	who, err := access.Need(ctx, "shop.view")
	if err != nil {
		return Listed{}, err
	}
	shop, err := get(ctx, s.db.Read(), who, id)
	if err != nil {
		return Listed{}, err
	}
	out, err := withOpen(ctx, s.db.Read(), []shopRow{*rowOf(shop)})
	if err != nil {
		return Listed{}, err
	}
	return out[0], nil
}

// Create adds a shop.
func (s *Service) Create(ctx context.Context, in Input) (Shop, error) {
	return s.write(ctx, "", in)
}

// Update changes a shop.
func (s *Service) Update(ctx context.Context, id string, in Input) (Shop, error) {
	return s.write(ctx, id, in)
}

func (s *Service) write(ctx context.Context, id string, in Input) (Shop, error) {
	who, err := access.Need(ctx, "shop.edit")
	if err != nil {
		return Shop{}, err
	}
	if err := in.check(s.regions.Street); err != nil {
		return Shop{}, err
	}
	if !who.Scope.Covers(in.RegionCode) {
		return Shop{}, errs.Invalidf("regionCode", "%s不在您的数据范围内", s.regions.Name(in.RegionCode))
	}
	if err := s.checkPicture(ctx, in.SignReferenceSM3); err != nil {
		return Shop{}, err
	}
	var out Shop
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := checkZone(ctx, tx, who, in); err != nil {
			return err
		}
		var old Shop
		act, verb := "shop.create", "新增商铺"
		if id != "" {
			act, verb = "shop.update", "修改商铺"
			if old, err = get(ctx, tx, who, id); err != nil {
				return err
			}
			if old.Rev != in.Rev {
				return changed(old)
			}
		}
		next := s.merge(old, in)
		if id == "" {
			next.ID, next.Rev = s.newID(), 1
			err = insert(ctx, tx, next)
		} else {
			next, err = update(ctx, tx, next)
		}
		if err != nil {
			return err
		}
		out = next
		return s.note(ctx, tx, act, verb, old, next)
	})
	if err != nil {
		return Shop{}, fmt.Errorf("write shop: %w", err)
	}
	return out, nil
}

func (s *Service) checkPicture(ctx context.Context, sm3 string) error {
	if sm3 == "" {
		return nil
	}
	ok, err := s.pictures.Has(ctx, sm3)
	if err != nil {
		return fmt.Errorf("look for sign picture: %w", err)
	}
	if !ok {
		return errs.Invalidf("signReferenceSm3", "店招底图还没有上传")
	}
	return nil
}

func checkZone(ctx context.Context, tx db.Tx, who access.Actor, in Input) error {
	if in.CameraID == "" {
		return nil
	}
	ok, err := zoneExists(ctx, tx, who, in.CameraID, in.ZoneID)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Invalidf("zoneId", "没有这个点位或围栏，或不在您的数据范围内")
	}
	return nil
}

func (s *Service) merge(old Shop, in Input) Shop {
	n := old
	n.Name, n.SignName, n.Address, n.RegionCode = in.Name, in.SignName, in.Address, in.RegionCode
	n.StreetName = s.regions.Street(in.RegionCode)
	n.Lng, n.Lat, n.Business = in.Lng, in.Lat, in.Business
	if !strings.Contains(in.Contact, "*") {
		n.Contact = in.Contact
	}
	n.CameraID, n.ZoneID, n.SignReferenceSM3 = in.CameraID, in.ZoneID, in.SignReferenceSM3
	return n
}

// note writes the audit record and the event of a change.
func (s *Service) note(ctx context.Context, tx db.Tx, act, verb string, before, after Shop) error {
	err := audit.Record(ctx, tx, audit.Entry{
		Act: act, Object: "shop", ObjectID: after.ID, RegionCode: after.RegionCode, Summary: verb + " " + after.Name,
		Before: trace(before), After: trace(after),
	})
	if err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{ID: after.ID, RegionCode: after.RegionCode})
}

// trace is the part of a shop that the audit record keeps: the telephone
// number masked.
func trace(s Shop) any {
	if s.ID == "" {
		return nil
	}
	return map[string]any{
		"name": s.Name, "signName": s.SignName, "address": s.Address, "regionCode": s.RegionCode, "business": s.Business,
		"contact": Mask(s.Contact), "cameraId": s.CameraID, "zoneId": s.ZoneID, "sign": s.SignReferenceSM3, "deleted": s.DeletedAt != nil, "rev": s.Rev,
	}
}

// Delete takes a shop out of use; its alerts and orders keep its name.
func (s *Service) Delete(ctx context.Context, id string, rev int64) error {
	who, err := access.Need(ctx, "shop.edit")
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := get(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if old.Rev != rev {
			return changed(old)
		}
		next := old
		next.DeletedAt = clock.Ptr(tx.Now())
		next.CameraID, next.ZoneID = "", ""
		if next, err = update(ctx, tx, next); err != nil {
			return err
		}
		return s.note(ctx, tx, "shop.delete", "删除商铺", old, next)
	})
	if err != nil {
		return fmt.Errorf("delete shop %s: %w", id, err)
	}
	return nil
}

// SeesBlob tells whether the actor may see a picture because of a shop.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil || !who.Has("shop.view") {
		return false, err
	}
	return seesBlob(ctx, s.db.Read(), who.For("shop.view"), sm3)
}

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
func (s *Service) Near(ctx context.Context, lng, lat, metres float64, limit int) ([]Near, error) {
	list, err := box(ctx, s.db.Read(), lng, lat, metres)
	if err != nil {
		return nil, err
	}
	out := []Near{}
	for _, x := range list {
		if d := distanceM(lng, lat, x.Lng, x.Lat); d <= metres {
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

// distanceM is the great-circle distance in metres.
func distanceM(lng1, lat1, lng2, lat2 float64) float64 {
	const earth = 6371008.8
	rad := math.Pi / 180
	dLat, dLng := (lat2-lat1)*rad, (lng2-lng1)*rad
	h := math.Pow(math.Sin(dLat/2), 2) + math.Cos(lat1*rad)*math.Cos(lat2*rad)*math.Pow(math.Sin(dLng/2), 2)
	return 2 * earth * math.Asin(math.Sqrt(math.Min(1, h)))
}
