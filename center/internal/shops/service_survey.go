package shops

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/shops/match"
)

// TakeSign puts a sign that a survey read into the ledger, judges it against
// the registry, and tells what differs. A second look at the same sign of a
// task raises its looks and keeps the better reading.
func (s *Service) TakeSign(ctx context.Context, tx db.Tx, e SignSeen) error {
	rules, version, err := s.rules(ctx, tx)
	if err != nil {
		return err
	}
	if len(e.RegionCode) == 0 || e.ObservationID == "" {
		return nil // nothing that the ledger could place
	}
	spot := e.spot(string(s.matcher.Fold(e.Text)))
	r, there, err := sightingAt(ctx, tx, spot)
	if err != nil {
		return err
	}
	if there {
		if r.ObservationID == e.ObservationID {
			return nil
		}
		r.Looks++
		if r.State != SightAuto && r.State != SightWaiting || e.Confidence <= r.Confidence {
			return updateSighting(ctx, tx, r)
		}
	} else {
		r = sightingRow{ID: s.newID(), Spot: spot, TaskID: e.TaskID, CameraID: e.CameraID, ZoneID: e.ZoneID, RegionCode: e.RegionCode, Looks: 1, Rev: 1, TextLines: "[]", Box: "{}", Result: "{}"}
	}
	r.ObservationID, r.At, r.YMD = e.ObservationID, e.At, int64(clock.YMD(e.At.Time()))
	r.Lng, r.Lat, r.Text, r.TextLines, r.Confidence, r.GlyphPx = e.Lng, e.Lat, e.Text, listJSON(e.Lines), e.Confidence, e.GlyphPx
	r.BoxVerdict, r.Box, r.Crop, r.Frame, r.Rules = e.Verdict, asJSON(e.Box), e.Crop, e.Frame, version
	if err := s.judge(ctx, tx, &r, e.ShopID, rules); err != nil {
		return err
	}
	if there {
		err = updateSighting(ctx, tx, r)
	} else {
		err = insertSighting(ctx, tx, r)
	}
	if err != nil {
		return err
	}
	if r.State == SightAuto {
		return markSeen(ctx, tx, r.ShopID, r.At)
	}
	return s.find(ctx, tx, r)
}

// around gives the candidates of a reading and where its sign is.
func (s *Service) around(ctx context.Context, tx reader, r sightingRow, zoneShop string, rules match.Thresholds) ([]match.Candidate, map[string]Shop, match.Place, error) {
	at := match.Place{Lng: r.Lng, Lat: r.Lat}
	byID := map[string]Shop{}
	if r.ZoneID != "" {
		of, err := zoneShops(ctx, tx, []string{r.ZoneID})
		if err != nil {
			return nil, nil, at, err
		}
		if x, ok := of[r.ZoneID]; ok {
			zoneShop = x.ID
		}
	}
	if zoneShop != "" {
		list, err := byIDs(ctx, tx, "h.id", []string{zoneShop})
		if err != nil {
			return nil, nil, at, err
		}
		for _, x := range list {
			byID[x.ID] = x
			at = match.Place{Lng: x.Lng, Lat: x.Lat}
		}
	}
	near, err := box(ctx, tx, at.Lng, at.Lat, rules.SearchM)
	if err != nil {
		return nil, nil, at, err
	}
	for _, x := range near {
		byID[x.ID] = x
	}
	out := make([]match.Candidate, 0, len(byID))
	for _, x := range byID {
		out = append(out, match.Candidate{ID: x.ID, Names: x.Names(), At: match.Place{Lng: x.Lng, Lat: x.Lat}, Zone: x.ID == zoneShop})
	}
	return out, byID, at, nil
}

// judge fills verdict and state of a sighting.
func (s *Service) judge(ctx context.Context, tx db.Tx, r *sightingRow, zoneShop string, rules match.Thresholds) error {
	cands, byID, at, err := s.around(ctx, tx, *r, zoneShop, rules)
	if err != nil {
		return err
	}
	res := s.matcher.Judge(match.Reading{Text: r.Text, Lines: fromJSON[[]string](r.TextLines), Confidence: r.Confidence, GlyphPx: r.GlyphPx, At: at, Zoned: r.ZoneID != ""}, cands, rules)
	if res.Verdict == match.Unreadable && (r.BoxVerdict == "covered" || r.BoxVerdict == "gone") {
		res.Verdict, res.Why = verdictCovered, "边缘盒判断店招被遮挡或已拆除"
	}
	if res.Shop == "" {
		for _, c := range cands {
			if c.Zone && (res.Verdict == verdictCovered || res.Verdict == match.Unreadable) {
				res.Shop = c.ID
			}
		}
	}
	best := res.Best()
	r.Verdict, r.Result, r.Similarity, r.DistanceM = string(res.Verdict), asJSON(res), best.Text.Score, best.DistanceM
	r.ShopID, r.ShopName, r.Business, r.Claimed = "", "", "", false
	r.State = SightWaiting
	if !waits(res.Verdict) {
		r.State = SightAuto
	}
	if x, ok := byID[res.Shop]; ok {
		r.ShopID, r.ShopName, r.Business = x.ID, x.Name, x.Business
		r.Claimed = res.Verdict != match.Suspected && res.Verdict != match.Moved
		r.Road, r.HouseNo, r.Address = x.Road, x.HouseNo, x.Address
		return nil
	}
	if r.Address, err = placeOf(ctx, tx, r.CameraID); err != nil {
		return err
	}
	d := doorOf(r.Address)
	r.Road, r.HouseNo = d.road, d.no
	return nil
}

// find tells a difference, once a day for each point.
func (s *Service) find(ctx context.Context, tx db.Tx, r sightingRow) error {
	kind := findingKind(match.Verdict(r.Verdict), r.ZoneID != "")
	if kind == "" {
		return nil
	}
	point := r.CameraID + "/" + r.ZoneID
	if r.ZoneID == "" {
		point += string(s.matcher.Fold(r.Text))
	}
	registered := ""
	if x, ok, err := s.oneOf(ctx, tx, r.ShopID); err != nil {
		return err
	} else if ok {
		registered = x.SignName
	}
	f := findingRow{ID: s.newID(), Kind: kind, Point: point, YMD: r.YMD, SightingID: r.ID, ShopID: r.ShopID, CameraID: r.CameraID, ZoneID: r.ZoneID, RegionCode: r.RegionCode,
		Text: r.Text, Registered: registered, At: r.At, State: "open"}
	first, err := insertFinding(ctx, tx, f)
	if err != nil || !first {
		return err
	}
	pics := []Pic{}
	for _, p := range [][2]string{{"frame", r.Frame}, {"crop", r.Crop}} {
		if p[1] != "" {
			pics = append(pics, Pic{Role: p[0], SM3: p[1], TakenAt: r.At})
		}
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicFinding, Finding{ID: f.ID, Kind: kind, CameraID: r.CameraID, ZoneID: r.ZoneID, ShopID: r.ShopID, RegionCode: r.RegionCode, Lng: r.Lng, Lat: r.Lat,
		At: r.At, YMD: int(r.YMD), Text: r.Text, Registered: registered, Similarity: r.Similarity, DistanceM: r.DistanceM, Pictures: pics})
}

func (s *Service) oneOf(ctx context.Context, tx db.Tx, id string) (Shop, bool, error) {
	if id == "" {
		return Shop{}, false, nil
	}
	list, err := byIDs(ctx, tx, "h.id", []string{id})
	if err != nil || len(list) == 0 {
		return Shop{}, false, err
	}
	return list[0], true, nil
}

// Decision is what a person says about a sighting.
type Decision struct {
	// Act is same, create, rename, move, later or false.
	Act string
	// ShopID is the shop for same, rename and move; the one of the verdict
	// when empty.
	ShopID string
	// Name is the name for create and rename, what was read when empty.
	Name     string
	Business string
	Rev      int64
}

// sightingState is what a sighting was before an act.
type sightingState struct {
	ID  string      `json:"id"`
	Was sightingRow `json:"was"`
	Rev int64       `json:"rev"`
}

// Decide takes what a person says about a sighting, makes or changes the shop,
// and gives the id of the act for an undo.
func (s *Service) Decide(ctx context.Context, id string, in Decision) (string, error) {
	who, err := access.Need(ctx, access.ShopConfirm)
	if err != nil {
		return "", err
	}
	o := s.newOp(opConfirm)
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		o.body = opBody{}
		r, err := sightingByID(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if in.Rev != 0 && r.Rev != in.Rev {
			return errs.Conflict("这条排摸结果已被他人处理，请刷新")
		}
		if err := s.decide(ctx, tx, o, r, in, who.Name); err != nil {
			return err
		}
		return o.done(ctx, tx, r.RegionCode, "确认排摸结果 "+r.Text)
	})
	if err != nil {
		return "", fmt.Errorf("decide about sighting %s: %w", id, err)
	}
	return o.id, nil
}

func (s *Service) decide(ctx context.Context, tx db.Tx, o *op, r sightingRow, in Decision, by string) error {
	was := r
	if in.ShopID != "" {
		r.ShopID = in.ShopID
	}
	x, have, err := s.oneOf(ctx, tx, r.ShopID)
	if err != nil {
		return err
	}
	if name := strings.TrimSpace(in.Name); name != "" {
		in.Name = name
	} else {
		in.Name = r.Text
	}
	switch in.Act {
	case "same":
		r.State = SightConfirmed
	case "create":
		x, err = s.createFrom(ctx, tx, o, r, in)
		have, r.State = true, SightCreated
	case "rename":
		r.State = SightRenamed
		if have {
			x, err = s.rename(ctx, tx, o, x, r, in.Name)
		}
	case "move":
		r.State = SightMoved
		if have {
			next := x
			next.Lng, next.Lat = r.Lng, r.Lat
			x, err = o.save(ctx, tx, change{act: "shop.move", verb: "按排摸结果改位置：", reason: "排摸"}, x, next)
		}
	case "later":
		r.State, have = SightLater, true
	case "false":
		r.State, r.ShopID, r.ShopName, have = SightFalse, "", "", true
	default:
		return errs.Invalidf("act", "未知的处理方式 %.20q", in.Act)
	}
	if err != nil {
		return err
	}
	if !have {
		return errs.Invalidf("shopId", "请选择一家商铺")
	}
	r.Claimed = false
	if in.Act != "later" && in.Act != "false" {
		r.ShopID, r.ShopName, r.Business, r.Claimed = x.ID, x.Name, x.Business, true
		r.Road, r.HouseNo, r.Address = x.Road, x.HouseNo, x.Address
		if err := markSeen(ctx, tx, x.ID, r.At); err != nil {
			return err
		}
	}
	r.DecidedAt, r.DecidedBy, r.OpID = clock.Ptr(tx.Now()), by, o.id
	if err := updateSighting(ctx, tx, r); err != nil {
		return err
	}
	o.body.Sightings = append(o.body.Sightings, sightingState{ID: r.ID, Was: was, Rev: r.Rev + 1})
	return audit.Record(ctx, tx, audit.Entry{Act: "sighting." + in.Act, Object: "sighting", ObjectID: r.ID, RegionCode: r.RegionCode, Summary: "排摸结果“" + r.Text + "”：" + stateWord(r.State),
		Before: map[string]string{"state": was.State, "shopId": was.ShopID}, After: map[string]string{"state": r.State, "shopId": r.ShopID}})
}

// createFrom makes a shop of a sighting.
func (s *Service) createFrom(ctx context.Context, tx db.Tx, o *op, r sightingRow, in Decision) (Shop, error) {
	input := Input{Name: in.Name, Address: r.Address, RegionCode: r.RegionCode, Lng: r.Lng, Lat: r.Lat, Business: in.Business, SignReferenceSM3: r.Crop, Source: FromSurvey}
	if input.Address == "" {
		input.Address = "（排摸发现，地址待补）"
	}
	if err := input.check(s.regions.Street); err != nil {
		return Shop{}, err
	}
	next := s.merge(Shop{}, input, tx)
	if r.ZoneID != "" {
		of, err := zoneShops(ctx, tx, []string{r.ZoneID})
		if err != nil {
			return Shop{}, err
		}
		if _, bound := of[r.ZoneID]; !bound {
			next.CameraID, next.ZoneID = r.CameraID, r.ZoneID
		}
	}
	return o.save(ctx, tx, change{act: "shop.create", verb: "按排摸结果新增商铺", reason: "排摸"}, Shop{}, next)
}

// rename gives a shop the name of its new sign; the old one becomes a former
// name.
func (s *Service) rename(ctx context.Context, tx db.Tx, o *op, x Shop, r sightingRow, name string) (Shop, error) {
	if n := len([]rune(name)); n < 1 || n > 60 {
		return x, errs.Invalidf("name", "店名应有 1 到 60 个字")
	}
	next := x
	next.Name, next.SignName = name, name
	if r.Crop != "" {
		next.SignReferenceSM3 = r.Crop
	}
	next.formerNames(x, int64(clock.YMD(tx.Now())))
	return o.save(ctx, tx, change{act: "shop.rename", verb: "按排摸结果改名：", reason: "排摸"}, x, next)
}

// undoSightings puts sightings back to what they were before an act.
func (s *Service) undoSightings(ctx context.Context, tx db.Tx, list []sightingState) error {
	for _, x := range list {
		r := x.Was
		r.Rev = x.Rev
		if err := updateSighting(ctx, tx, r); err != nil {
			return err
		}
	}
	return nil
}

// TakeRegistry takes what a person decided about the alert of a finding.
func (s *Service) TakeRegistry(ctx context.Context, tx db.Tx, e Registry) error {
	ids := e.FindingIDs
	if e.FindingID != "" {
		ids = append(ids, e.FindingID)
	}
	list, err := findingsByID(ctx, tx, ids)
	if err != nil {
		return err
	}
	state := map[string]string{"update": "updated", "false": "false", "confirm": "confirmed", "reopen": "open"}[e.Act]
	if state == "" {
		return nil
	}
	o := s.newOp(opConfirm)
	for i, f := range list {
		if err := setFinding(ctx, tx, f.ID, state, e.AlertID); err != nil {
			return err
		}
		if i > 0 || f.SightingID == "" { // the newest speaks for the point
			continue
		}
		act := ""
		switch e.Act {
		case "update":
			act = map[string]string{"new": "create", "renamed": "rename", "moved": "move"}[f.Kind]
		case "false":
			act = "false"
		}
		if act == "" {
			continue
		}
		r, err := sightingByID(ctx, tx, access.Actor{Scope: access.SystemScope()}, f.SightingID)
		if errs.Is(err, errs.NotFoundCode) {
			continue
		}
		if err != nil {
			return err
		}
		if r.State != SightWaiting && r.State != SightLater {
			continue
		}
		if err := s.decide(ctx, tx, o, r, Decision{Act: act, ShopID: e.ShopID, Name: e.Name}, e.ByName); err != nil {
			return err
		}
	}
	if len(o.body.Sightings) == 0 {
		return nil
	}
	return o.done(ctx, tx, list[0].RegionCode, "预警 "+e.AlertNo+" 处置更新商铺档案")
}

// Sightings gives a page of the survey ledger.
func (s *Service) Sightings(ctx context.Context, f SightFilter, p httpx.Paging) (httpx.List[Sighting], error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return httpx.List[Sighting]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	rows, n, err := listSightings(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[Sighting]{}, err
	}
	out := make([]Sighting, len(rows))
	for i, r := range rows {
		out[i] = r.sighting()
	}
	return httpx.NewList(out, n, p, s.db.Now()), nil
}

// SightingCounts counts sightings of a filter by verdict.
func (s *Service) SightingCounts(ctx context.Context, f SightFilter) (map[string]int64, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	return sightCounts(ctx, s.db.Read(), who, f)
}
