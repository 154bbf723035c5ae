package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// rebuild makes the desired state of a box anew, stores it as the next
// version if its content changed, and sends it after the commit.
func (s *Service) rebuild(ctx context.Context, tx db.Tx, box string) error {
	return s.rebuildAbove(ctx, tx, box, 0)
}

// mostVersion bounds what a box may claim to run.
const mostVersion = 1 << 40

// rebuildAbove is rebuild, and also makes a new version when the box runs one
// that this center does not know: the center was restored from a backup, and
// a box takes nothing that is not newer than what it has.
func (s *Service) rebuildAbove(ctx context.Context, tx db.Tx, box string, runs int64) error {
	b, err := lockBox(ctx, tx, box)
	if err != nil {
		return err
	}
	ahead := runs > b.Version && runs < mostVersion
	if ahead {
		b.Version = runs
	}
	cams, err := camerasOfBox(ctx, tx, box)
	if err != nil {
		return err
	}
	ids := make([]string, len(cams))
	for i, c := range cams {
		ids[i] = c.ID
	}
	zones, err := zonesOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	all := []edgev1.Zone{}
	for _, list := range zones {
		all = append(all, list...)
	}
	if err := s.openPasswords(cams); err != nil {
		return err
	}
	signs, err := signsFor(ctx, tx, all)
	if err != nil {
		return err
	}
	cfg := edgev1.Config{V: edgev1.ProtocolVersion, Edge: box, Version: b.Version + 1, MadeAt: edgev1.At(tx.Now()), Cameras: buildCameras(cams, zones, signs)}
	digest, err := digestOf(cfg.Cameras)
	if err != nil {
		return err
	}
	digest = s.keys.Blind(passwordPurpose, digest) // passwords are in it
	last, ok, err := latestConfig(ctx, tx, box)
	if err != nil {
		return err
	}
	// A restore raises the box's version above its newest configuration.
	ahead = ahead || ok && last.Version < b.Version
	if ok && last.Digest == digest && !ahead {
		return nil
	}
	if err := cfg.Validate(); err != nil {
		return errs.Wrap(errs.Invalid, "边缘盒配置不完整："+err.Error(), err)
	}
	body, err := json.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("write the configuration of box %s: %w", box, err)
	}
	sealed, err := s.keys.Seal(passwordPurpose, string(body), configPlace(box, cfg.Version))
	if err != nil {
		return err
	}
	if err := saveConfig(ctx, tx, configRow{BoxID: box, Version: cfg.Version, Digest: digest, Body: sealed, MadeAt: clock.At(tx.Now())}); err != nil {
		return err
	}
	out := context.WithoutCancel(ctx)
	tx.AfterCommit(func() {
		if err := s.send(out, box); err != nil {
			// The broker keeps the last one; the next start sends again.
			s.log.Error("send configuration", "box", box, "err", err)
		}
	})
	return nil
}

// send publishes the newest version of a box.
func (s *Service) send(ctx context.Context, box string) error {
	s.push.Lock()
	defer s.push.Unlock()
	cfg, ok, err := s.ConfigFor(ctx, box)
	if err != nil || !ok {
		return err
	}
	if err := s.publisher.Publish(box, cfg); err != nil {
		return fmt.Errorf("publish the configuration of box %s: %w", box, err)
	}
	return nil
}

// ConfigFor gives the desired state of a box; false when it has none yet.
func (s *Service) ConfigFor(ctx context.Context, box string) (edgev1.Config, bool, error) {
	var cfg edgev1.Config
	r, ok, err := latestConfig(ctx, s.db.Read(), box)
	if err != nil || !ok {
		return cfg, false, err
	}
	body, err := s.keys.OpenOrPlain(passwordPurpose, r.Body, configPlace(box, r.Version))
	if err != nil {
		return cfg, false, err
	}
	if err := json.Unmarshal([]byte(body), &cfg); err != nil {
		return cfg, false, fmt.Errorf("read the configuration of box %s: %w", box, err)
	}
	return cfg, true, nil
}

// PublishAll sends every box its desired state; call it at start, when the
// broker holds nothing yet.
func (s *Service) PublishAll(ctx context.Context) error {
	boxes, err := allBoxes(ctx, s.db.Read())
	if err != nil {
		return err
	}
	for _, b := range boxes {
		if err := s.send(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// ShopChanged brings the boxes up to date whose zones refer to a shop; it is
// the consumer of shop.changed.
func (s *Service) ShopChanged(ctx context.Context, tx db.Tx, shop string) error {
	boxes, err := boxesOfShop(ctx, tx, shop)
	if err != nil {
		return err
	}
	for _, b := range boxes {
		if err := s.rebuild(ctx, tx, b); err != nil {
			return err
		}
	}
	return nil
}

// ZoneSet is the zones of a camera with the versions of its box.
type ZoneSet struct {
	Rev                           int64
	Zones                         []Zone
	ConfigVersion, AppliedVersion int64
	AppliedAt                     *clock.Stamp
}

// Zones gives the zones of a camera.
func (s *Service) Zones(ctx context.Context, id string) (ZoneSet, error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return ZoneSet{}, err
	}
	r := s.db.Read()
	c, err := get(ctx, r, who, id, false)
	if err != nil {
		return ZoneSet{}, err
	}
	zones, err := zonesOf(ctx, r, []string{id})
	if err != nil {
		return ZoneSet{}, err
	}
	signs, err := signsFor(ctx, r, zones[id])
	if err != nil {
		return ZoneSet{}, err
	}
	names, byZone := map[string]string{}, map[string]sign{}
	for _, x := range signs {
		names[x.ID] = x.Name
		byZone[x.ZoneID] = x
	}
	b, err := boxOf(ctx, r, c.BoxID)
	if err != nil {
		return ZoneSet{}, err
	}
	out := ZoneSet{Rev: c.ZonesRev, Zones: []Zone{}, ConfigVersion: b.Version, AppliedVersion: b.AppliedVersion, AppliedAt: b.AppliedAt}
	for _, z := range zones[id] {
		if z.Shop == "" {
			z.Shop = byZone[z.ID].ID
		}
		out.Zones = append(out.Zones, Zone{Zone: z, ShopName: names[z.Shop]})
	}
	return out, nil
}

// SetZones stores the zones of a camera and sends them to its box.
func (s *Service) SetZones(ctx context.Context, id string, rev int64, zones []edgev1.Zone) (ZoneSet, error) {
	who, err := access.Need(ctx, "camera.zone")
	if err != nil {
		return ZoneSet{}, err
	}
	if err := checkZones(zones); err != nil {
		return ZoneSet{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		c, err := get(ctx, tx, who, id, false)
		if err != nil {
			return err
		}
		if err := s.settleZones(ctx, tx, who, c, zones); err != nil {
			return err
		}
		old, err := zonesOf(ctx, tx, []string{id})
		if err != nil {
			return err
		}
		if err := replaceZones(ctx, tx, c, rev, zones); err != nil {
			return err
		}
		err = audit.Record(ctx, tx, audit.Entry{
			Act: "camera.zones", Object: "camera", ObjectID: id, RegionCode: c.RegionCode,
			Summary: fmt.Sprintf("修改点位 %s 的电子围栏，共 %d 个", c.Name, len(zones)), Before: old[id], After: zones,
		})
		if err != nil {
			return err
		}
		return s.rebuild(ctx, tx, c.BoxID)
	})
	if err != nil {
		return ZoneSet{}, fmt.Errorf("set zones of camera %s: %w", id, err)
	}
	return s.Zones(ctx, id)
}

// settleZones gives new zones an id and checks shops and pictures.
func (s *Service) settleZones(ctx context.Context, tx db.Tx, who access.Actor, c Camera, zones []edgev1.Zone) error {
	shops, own := []string{}, []string{}
	for i := range zones {
		if zones[i].ID != "" {
			own = append(own, zones[i].ID)
		}
		if zones[i].Shop != "" {
			shops = append(shops, zones[i].Shop)
		}
	}
	taken, err := takenIDs(ctx, tx, c.ID, own)
	if err != nil {
		return err
	}
	known, err := shopsInScope(ctx, tx, who, shops)
	if err != nil {
		return err
	}
	var f errs.Fields
	for i := range zones {
		z := &zones[i]
		if z.ID == "" || taken[z.ID] {
			z.ID = s.newID()
		}
		f.Check(z.Shop == "" || known[z.Shop], fmt.Sprintf("zones[%d].shop", i), "没有这个商铺，或不在您的数据范围内")
		if z.SignReferenceSM3 == "" {
			continue
		}
		ok, err := s.pictures.Has(ctx, z.SignReferenceSM3)
		if err != nil {
			return fmt.Errorf("look for sign picture: %w", err)
		}
		f.Check(ok, fmt.Sprintf("zones[%d].signReferenceSm3", i), "店招底图还没有上传")
	}
	return f.Err()
}

// How long a person waits for a box, in seconds. A snapshot is taken at once
// and has to leave time for its upload: the pages give up after 20 s.
const (
	probeTTL    = 15
	snapshotTTL = 11
)

// TakeSnapshot asks the box for a picture of now.
func (s *Service) TakeSnapshot(ctx context.Context, id string) (Snapshot, error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return Snapshot{}, err
	}
	c, err := get(ctx, s.db.Read(), who, id, false)
	if err != nil {
		return Snapshot{}, err
	}
	res, err := s.commands.Send(ctx, c.BoxID, edgev1.Command{Kind: edgev1.CmdSnapshot, Camera: id, TTLS: snapshotTTL})
	if err != nil {
		return Snapshot{}, fmt.Errorf("ask for a snapshot of camera %s: %w", id, err)
	}
	if !res.OK || res.Snapshot == nil {
		return Snapshot{}, errs.New(errs.Unavailable, "边缘盒没有取到画面：%s", reasonOr(res.Message, "没有说明原因"))
	}
	ref := res.Snapshot
	if err := s.awaitPicture(ctx, ref.SM3); err != nil {
		return Snapshot{}, fmt.Errorf("wait for the snapshot of camera %s: %w", id, err)
	}
	snap := Snapshot{SM3: ref.SM3, Width: ref.Width, Height: ref.Height, At: clock.Ptr(ref.TakenAt.Time)}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := setSnapshot(ctx, tx, id, snap); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "camera.snapshot", Object: "camera", ObjectID: id, RegionCode: c.RegionCode,
			Summary: "抓图 " + c.Name, After: map[string]any{"sm3": snap.SM3},
		})
	})
	return snap, err
}

// pictureWait bounds how long a person waits for a picture that the box has
// taken and still uploads; pictureLook is how often the store is looked at.
const (
	pictureWait = 8 * time.Second
	pictureLook = 100 * time.Millisecond
)

// awaitPicture returns when the picture has arrived whole: a box answers a
// command before its upload is through.
func (s *Service) awaitPicture(ctx context.Context, sm3 string) error {
	late := time.NewTimer(s.pictureWait)
	defer late.Stop()
	look := time.NewTicker(pictureLook)
	defer look.Stop()
	for last := false; ; {
		ok, err := s.pictures.Has(ctx, sm3)
		if err != nil || ok {
			return err
		}
		if last {
			return errs.New(errs.Unavailable, "边缘盒取到了画面，但图片没有在 %.0f 秒内传到中心；请检查盒子的上行网络后再试", s.pictureWait.Seconds())
		}
		select {
		case <-look.C:
		case <-late.C:
			last = true
		case <-ctx.Done():
			return errs.Wrap(errs.Unavailable, "请求已取消", ctx.Err())
		}
	}
}

// LatestSnapshot gives the last picture that was asked for.
func (s *Service) LatestSnapshot(ctx context.Context, id string) (Snapshot, error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return Snapshot{}, err
	}
	c, err := get(ctx, s.db.Read(), who, id, true)
	if err != nil {
		return Snapshot{}, err
	}
	if c.Snapshot.SM3 == "" {
		return Snapshot{}, errs.New(errs.NotFoundCode, "点位“%s”还没有抓图", c.Name)
	}
	return c.Snapshot, nil
}

// ProbeInput names a stream that a box shall look at.
type ProbeInput struct {
	BoxID, URL, Username, Password, Transport string
}

// Probe asks a box what it finds at a stream's address.
func (s *Service) Probe(ctx context.Context, in ProbeInput) (edgev1.ProbeReport, error) {
	who, err := access.Need(ctx, "camera.edit")
	if err != nil {
		return edgev1.ProbeReport{}, err
	}
	b, ok, err := fleetBox(ctx, s.db.Read(), in.BoxID)
	if err != nil {
		return edgev1.ProbeReport{}, err
	}
	if !ok || !who.Scope.Covers(b.RegionCode) {
		return edgev1.ProbeReport{}, errs.Invalidf("boxId", "没有这个边缘盒，或不在您的数据范围内")
	}
	check := CameraInput{URL: in.URL, Username: in.Username, Password: in.Password}
	var f errs.Fields
	check.streams(&f)
	if err := f.Err(); err != nil {
		return edgev1.ProbeReport{}, err
	}
	res, err := s.commands.Send(ctx, in.BoxID, edgev1.Command{
		Kind: edgev1.CmdProbe, URL: check.URL, Username: check.Username, Password: check.Password, TTLS: probeTTL,
	})
	if err != nil {
		return edgev1.ProbeReport{}, fmt.Errorf("probe a stream: %w", err)
	}
	if res.Probe == nil {
		return edgev1.ProbeReport{}, errs.New(errs.Unavailable, "边缘盒没有测出结果：%s", reasonOr(res.Message, "没有说明原因"))
	}
	out := *res.Probe
	if out.Warnings == nil {
		out.Warnings = []string{}
	}
	return out, nil
}

func reasonOr(s, other string) string {
	if s = strings.TrimSpace(s); s == "" {
		return other
	}
	return s
}
