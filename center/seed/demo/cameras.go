package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"jiexun/api/edgev1"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/shops"
)

// street is where the demonstration happens: 外滩街道.
const street = "310101013"

// point is one demonstration camera.
type point struct {
	code, name, address string
	scene               string
	lng, lat            float64
	// approved cameras may give evidence, the others only clues, so that
	// both are seen.
	approved bool
	tags     []string
}

func points() []point {
	return []point{
		{"310101013001", "外滩-013-01 人行道", "演示路 1 号东侧（演示点位）", "cam1", 121.48662, 31.23391, true, []string{"街面"}},
		{"310101013002", "外滩-013-02 沿街商铺", "演示路 21 号西侧（演示点位）", "cam2", 121.48814, 31.23517, false, []string{"街面", "沿街商铺"}},
		{"310101013003", "外滩-013-03 店招", "演示路 43 号南侧（演示点位）", "cam3", 121.48541, 31.23602, true, []string{"街面", "店招"}},
		{"310101013004", "外滩-013-04 路口", "演示路 65 号路口（演示点位）", "cam4", 121.48973, 31.23248, false, []string{"街面", "路口"}},
	}
}

// legal makes the review of a camera.
func (s *seeder) legal(approved bool) directory.Legal {
	if !approved {
		return directory.Legal{Status: "pending", Note: "演示：尚未提交法制审核"}
	}
	now := s.Clock.Now()
	return directory.Legal{
		Status: "approved", ReviewedAt: clock.Ptr(now.AddDate(0, -3, 0)), TechnicalAt: clock.Ptr(now.AddDate(0, -3, 0)), VerifiedTo: clock.Ptr(now.AddDate(1, 0, 0)), SignOnSite: true,
		PublishedAt: clock.Ptr(now.AddDate(0, -2, 0)), PublishedWhere: "区政府网站（演示）", ValidTo: clock.Ptr(now.AddDate(1, 0, 0)),
		Note: "演示：已审核并公示",
	}
}

// find gives the camera with a code, deleted ones included: what people took
// out of use stays so.
func (s *seeder) find(ctx context.Context, code string) (directory.Listed, bool, error) {
	for _, deleted := range []bool{false, true} {
		res, err := s.Directory.List(ctx, directory.Filter{Deleted: deleted}, httpx.Paging{Page: 1, Size: 200, Q: code})
		if err != nil {
			return directory.Listed{}, false, err
		}
		for _, x := range res.Items {
			if x.Camera.Code == code {
				return x, true, nil
			}
		}
	}
	return directory.Listed{}, false, nil
}

// ensure makes a camera that is absent and moves the streams of one that is
// there: the simulated street may run on another port.
func (s *seeder) ensure(ctx context.Context, in directory.CameraInput) (directory.Camera, bool, error) {
	x, ok, err := s.find(ctx, in.Code)
	if err != nil {
		return directory.Camera{}, false, err
	}
	if !ok {
		c, err := s.Directory.Create(ctx, in)
		return c, true, err
	}
	c := x.Camera
	if c.DeletedAt != nil || c.URL == bare(in.URL) && c.SubURL == bare(in.SubURL) && c.BoxID == in.BoxID {
		return c, false, nil
	}
	in.Name, in.Address, in.Lng, in.Lat, in.Tags, in.Legal = c.Name, c.Address, c.Lng, c.Lat, c.Tags, c.Legal
	in.IntervalMS, in.SquadOrgID, in.Rev = c.IntervalMS, c.SquadOrgID, c.Rev
	c, err = s.Directory.Update(ctx, c.ID, in)
	return c, false, err
}

// bare is a stream's address as it is stored, without credentials.
func bare(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address // the directory says what is wrong with it
	}
	u.User = nil
	return u.String()
}

func (s *seeder) point(ctx context.Context, i int, p point) error {
	c, _, err := s.ensure(ctx, directory.CameraInput{
		Code: p.code, Name: p.name, Address: p.address, RegionCode: street, Lng: p.lng, Lat: p.lat, BoxID: s.out.BoxID,
		URL: s.o.RTSP + "/" + p.scene + "/main", SubURL: s.o.RTSP + "/" + p.scene + "/sub", Transport: "tcp", IntervalMS: 1000,
		Tags: p.tags, Legal: s.legal(p.approved),
	})
	if err != nil || c.DeletedAt != nil {
		return err
	}
	s.out.Cameras = append(s.out.Cameras, c.ID+" "+c.Name+" "+c.URL)
	zones, err := s.sceneZones(p.scene)
	if err != nil {
		return err
	}
	if len(zones) == 0 {
		s.out.Notes = append(s.out.Notes, fmt.Sprintf("scene %s has no truth.json under %s: its camera has no zones yet", p.scene, s.o.Scenes))
		return nil
	}
	return s.zones(ctx, c, i, p, zones)
}

// sceneZones reads the zones of a scene from its ground truth; none when the
// scene is not composed yet.
func (s *seeder) sceneZones(scene string) ([]edgev1.Zone, error) {
	b, err := os.ReadFile(filepath.Join(s.o.Scenes, scene, "truth.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read scene: %w", err)
	}
	var truth struct {
		Zones []edgev1.Zone `json:"zones"`
	}
	if err := json.Unmarshal(b, &truth); err != nil {
		return nil, fmt.Errorf("read the truth of scene %s: %w", scene, err)
	}
	return truth.Zones, nil
}

// zones gives a camera without zones those of its scene, with a shop for
// each sign and for the frontage.
func (s *seeder) zones(ctx context.Context, c directory.Camera, i int, p point, zones []edgev1.Zone) error {
	have, err := s.Directory.Zones(ctx, c.ID)
	if err != nil {
		return err
	}
	if len(have.Zones) > 0 {
		if len(have.Zones) != len(zones) {
			s.out.Notes = append(s.out.Notes, fmt.Sprintf("camera %s keeps its %d zones; the scene has %d", c.Code, len(have.Zones), len(zones)))
		}
		return nil
	}
	first := ""
	for k := range zones {
		z := &zones[k]
		z.ID = p.scene + "-" + z.ID
		times(z)
		if z.Kind != edgev1.ZoneSign {
			continue
		}
		name := z.SignName
		id, err := s.shop(ctx, name, p, i, k)
		if err != nil {
			return err
		}
		z.Shop = id
		if first == "" {
			first = id
		}
	}
	for k := range zones {
		switch {
		case zones[k].Kind != edgev1.ZoneFrontage:
		case first != "":
			zones[k].Shop = first
		default:
			id, err := s.shop(ctx, "演示便利店", p, i, k)
			if err != nil {
				return err
			}
			zones[k].Shop = id
		}
	}
	_, err = s.Directory.SetZones(ctx, c.ID, have.Rev, zones)
	return err
}

// times sets the seconds that a zone leaves to the seed. A thing counts after a
// short while, so that the demonstration shows something within a minute. It
// counts as gone late, because things of a scene stand for about a minute only
// and an alert that ends before anyone acts leaves the queue; yet it is gone
// before the next round of the scene puts it there again, 50 s later.
func times(z *edgev1.Zone) {
	var dwell, end float64
	switch z.Kind {
	case edgev1.ZonePavement, edgev1.ZoneFrontage:
		dwell, end = 12, 40
	case edgev1.ZoneSign:
		dwell, end = 8, 6
	default:
		return
	}
	if z.DwellS == 0 {
		z.DwellS = dwell
	}
	if z.EndDelayS == 0 {
		z.EndDelayS = end
	}
}

// shop makes the shop of a sign; k spreads shops along the street.
func (s *seeder) shop(ctx context.Context, name string, p point, i, k int) (string, error) {
	address := fmt.Sprintf("演示路 %d 号", 3+20*i+2*k)
	res, err := s.Shops.List(ctx, shops.Filter{}, httpx.Paging{Page: 1, Size: 200, Q: address})
	if err != nil {
		return "", err
	}
	for _, x := range res.Items {
		if x.Shop.Name == name && x.Shop.Address == address {
			return x.Shop.ID, nil
		}
	}
	shop, err := s.Shops.Create(ctx, shops.Input{
		Name: name, SignName: name, Address: address, RegionCode: street, Lng: p.lng + 0.00006*float64(k+1), Lat: p.lat + 0.00003*float64(k+1),
		Business: "零售", Contact: fmt.Sprintf("1390000%02d%02d", i, k),
	})
	if err != nil {
		return "", fmt.Errorf("make shop %s: %w", name, err)
	}
	return shop.ID, nil
}

// extraCode is the code of the camera that a person brings along.
const extraCode = "310101013099"

// extra adds the camera that was given on the command line, with one pavement
// zone over nearly the whole picture.
func (s *seeder) extra(ctx context.Context) error {
	c, _, err := s.ensure(ctx, directory.CameraInput{
		Code: extraCode, Name: "外滩-013-99 自带点位", Address: "演示路 99 号（自带点位）", RegionCode: street, Lng: 121.48737, Lat: 31.23708,
		BoxID: s.out.BoxID, URL: s.o.Camera, Transport: "tcp", IntervalMS: 1000, Tags: []string{"自带"}, Legal: s.legal(false),
	})
	if err != nil || c.DeletedAt != nil {
		return err
	}
	s.out.Cameras = append(s.out.Cameras, c.ID+" "+c.Name+" "+c.URL)
	have, err := s.Directory.Zones(ctx, c.ID)
	if err != nil || len(have.Zones) > 0 {
		return err
	}
	_, err = s.Directory.SetZones(ctx, c.ID, have.Rev, []edgev1.Zone{{
		Name: "全画面人行道", Kind: edgev1.ZonePavement, DwellS: 20, EndDelayS: 10,
		Polygon: []edgev1.Point{{X: 0.01, Y: 0.01}, {X: 0.99, Y: 0.01}, {X: 0.99, Y: 0.99}, {X: 0.01, Y: 0.99}},
	}})
	return err
}
