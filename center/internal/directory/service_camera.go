package directory

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// Create adds a camera and sends its box the new desired state.
func (s *Service) Create(ctx context.Context, in CameraInput) (Camera, error) {
	return s.write(ctx, "camera.create", "新增点位", "", in, func(ctx context.Context, tx db.Tx, in CameraInput, c Camera) (Camera, error) {
		c.ID, c.Rev, c.ZonesRev = s.newID(), 1, 1
		if err := s.sealPassword(&c, in.Password); err != nil {
			return c, err
		}
		return c, insertCamera(ctx, tx, c)
	})
}

// Update changes a camera. A camera that moves to another box leaves the old
// one's desired state.
func (s *Service) Update(ctx context.Context, id string, in CameraInput) (Camera, error) {
	return s.write(ctx, "camera.update", "修改点位", id, in, func(ctx context.Context, tx db.Tx, in CameraInput, c Camera) (Camera, error) {
		if err := s.sealPassword(&c, in.Password); err != nil {
			return c, err
		}
		return updateCamera(ctx, tx, c)
	})
}

// write is what Create and Update share.
func (s *Service) write(ctx context.Context, act, verb, id string, in CameraInput, store func(ctx context.Context, tx db.Tx, in CameraInput, c Camera) (Camera, error)) (Camera, error) {
	who, err := access.Need(ctx, "camera.edit")
	if err != nil {
		return Camera{}, err
	}
	if err := in.check(s.regions.Street); err != nil {
		return Camera{}, err
	}
	if !who.Scope.Covers(in.RegionCode) {
		return Camera{}, errs.Invalidf("regionCode", "%s不在您的数据范围内", s.regions.Name(in.RegionCode))
	}
	if err := s.checkBox(ctx, in.BoxID); err != nil {
		return Camera{}, err
	}
	var out Camera
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var old Camera
		if id != "" {
			var err error
			if old, err = get(ctx, tx, who, id, false); err != nil {
				return err
			}
			if old.Rev != in.Rev {
				return errs.Conflict("点位“" + old.Name + "”已被他人修改，请刷新后再改")
			}
		}
		state := Unknown
		if id != "" {
			var err error
			if state, err = lockState(ctx, tx, id); err != nil {
				return err
			}
		}
		c, err := store(ctx, tx, in, s.merge(old, in))
		if err != nil {
			return err
		}
		out = c
		err = audit.Record(ctx, tx, audit.Entry{
			Act: act, Object: "camera", ObjectID: c.ID, RegionCode: c.RegionCode,
			Summary: fmt.Sprintf("%s %s（%s）", verb, c.Name, c.Code), Before: trace(old), After: trace(c),
		})
		if err != nil {
			return err
		}
		if old.BoxID != "" && old.BoxID != c.BoxID {
			if err := s.rebuild(ctx, tx, old.BoxID); err != nil {
				return err
			}
		}
		if err := s.rebuild(ctx, tx, c.BoxID); err != nil {
			return err
		}
		return s.settle(ctx, tx, []settled{{old, c, state}})
	})
	if err != nil {
		return Camera{}, fmt.Errorf("%s: %w", act, err)
	}
	return out, nil
}

// settled is a camera before and after a change, and the state in which it
// is.
type settled struct {
	old, next Camera
	state     string
}

// settle brings keys, numbers and suggestions in line with changed cameras
// and tells of them. It comes last in a transaction.
func (s *Service) settle(ctx context.Context, tx db.Tx, list []settled) error {
	numbers, cams, out := tally{}, make([]Camera, len(list)), Changed{}
	for i, x := range list {
		numbers.add(x.old, x.state, -1)
		numbers.add(x.next, x.state, 1)
		cams[i] = x.next
		out.Items = append(out.Items, ChangedItem{ID: x.next.ID})
	}
	if err := saveKeys(ctx, tx, cams); err != nil {
		return err
	}
	if err := numbers.save(ctx, tx); err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, out)
}

func (s *Service) checkBox(ctx context.Context, id string) error {
	_, ok, err := fleetBox(ctx, s.db.Read(), id)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Invalidf("boxId", "没有这个边缘盒，或它已被吊销")
	}
	return nil
}

// merge lays the input over what is stored.
func (s *Service) merge(c Camera, in CameraInput) Camera {
	c.Code, c.Name, c.Address = in.Code, in.Name, in.Address
	c.RegionCode = in.RegionCode
	c.RegionName = s.regions.Name(s.regions.District(in.RegionCode))
	c.StreetName = s.regions.Street(in.RegionCode)
	c.Lng, c.Lat, c.BoxID, c.CoordFrom = in.Lng, in.Lat, in.BoxID, in.typed
	c.GBCode, c.OwnerPlatform, c.RecordHours, c.RecordQuotaMB = in.GBCode, in.OwnerPlatform, in.RecordHours, in.RecordQuotaMB
	if c.Road = in.Road; c.Road == "" {
		c.Road = RoadOf(in.Address)
	}
	c.URL, c.SubURL, c.Username = in.URL, in.SubURL, in.Username
	if in.Username == "" {
		c.Password = ""
	}
	c.Transport, c.IntervalMS, c.Tags, c.Legal, c.SquadOrgID = in.Transport, in.IntervalMS, in.Tags, in.Legal, in.SquadOrgID
	s.derive(&c)
	return c
}

// derive fills what follows from a camera's own fields.
func (s *Service) derive(c *Camera) {
	c.search = searchText(*c)
	var err error
	if c.East, c.North, err = plane(c.Lng, c.Lat); err != nil {
		c.East, c.North = 0, 0 // outside of the plane's profile
		s.log.Warn("Shanghai 2000 of a camera", "camera", c.Code, "err", err)
	}
}

// trace is the part of a camera that the audit record keeps: no secrets.
func trace(c Camera) any {
	if c.ID == "" {
		return nil
	}
	return map[string]any{
		"code": c.Code, "gbCode": c.GBCode, "name": c.Name, "address": c.Address, "road": c.Road, "regionCode": c.RegionCode, "lng": c.Lng, "lat": c.Lat, "boxId": c.BoxID, "ownerPlatform": c.OwnerPlatform, "url": c.URL,
		"subUrl": c.SubURL, "username": c.Username, "tags": c.Tags, "legal": c.Legal, "deleted": c.DeletedAt != nil, "rev": c.Rev,
	}
}

// Delete takes a camera out of use; its history stays.
func (s *Service) Delete(ctx context.Context, id string, rev int64) error {
	_, err := s.flip(ctx, id, rev, true)
	return err
}

// Restore brings a deleted camera back.
func (s *Service) Restore(ctx context.Context, id string, rev int64) (Camera, error) {
	return s.flip(ctx, id, rev, false)
}

func (s *Service) flip(ctx context.Context, id string, rev int64, del bool) (Camera, error) {
	who, err := access.Need(ctx, "camera.edit")
	if err != nil {
		return Camera{}, err
	}
	act, verb := "camera.restore", "恢复点位"
	if del {
		act, verb = "camera.delete", "停用并删除点位"
	}
	var out Camera
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		c, err := get(ctx, tx, who, id, !del)
		if err != nil {
			return err
		}
		if c.Rev != rev {
			return errs.Conflict("点位“" + c.Name + "”已被他人修改，请刷新后再改")
		}
		if !del && c.DeletedAt == nil {
			return errs.Conflict("点位“" + c.Name + "”没有被删除，不需要恢复")
		}
		before := c
		state, err := lockState(ctx, tx, id)
		if err != nil {
			return err
		}
		c.DeletedAt = nil
		if del {
			c.DeletedAt = clock.Ptr(tx.Now())
		}
		if out, err = updateCamera(ctx, tx, c); err != nil {
			return err
		}
		err = audit.Record(ctx, tx, audit.Entry{
			Act: act, Object: "camera", ObjectID: c.ID, RegionCode: c.RegionCode,
			Summary: fmt.Sprintf("%s %s（%s）", verb, c.Name, c.Code), Before: trace(before), After: trace(out),
		})
		if err != nil {
			return err
		}
		if err := s.rebuild(ctx, tx, c.BoxID); err != nil {
			return err
		}
		return s.settle(ctx, tx, []settled{{before, out, state}})
	})
	if err != nil {
		return Camera{}, fmt.Errorf("%s: %w", act, err)
	}
	return out, nil
}
