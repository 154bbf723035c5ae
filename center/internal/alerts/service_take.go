package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// nearestM is how far from the camera an unbound zone still finds its shop
// where no rule says otherwise.
const nearestM = 30

// taken is an event on its way into the database.
type taken struct {
	alert Alert
	event edgev1.Event
	rule  Rule
	// text is the event as it came; nil when the event is not stored as it
	// came.
	text json.RawMessage
	// isNew: the alert is inserted; dirty: a message was newer than what is
	// stored; newBody: the event replaces the stored one; changed: its state
	// changed, so that screens must hear of it; raised: it became an alert
	// only now.
	isNew, dirty, newBody, changed, raised bool
}

// TakeEvents takes the events of one box in the ingest's transaction. It is
// idempotent by event id and revision: what was taken before changes nothing,
// and an older revision that comes late is dropped. rejected names, by index,
// events that can never be taken and the field that is wrong; an error undoes
// the transaction.
func (s *Service) TakeEvents(ctx context.Context, tx db.Tx, edge string, list []edgev1.Received) (rejected map[int]error, err error) {
	rejected = map[int]error{}
	cameras, ids := []string{}, []string{}
	for _, e := range list {
		cameras = append(cameras, e.Camera)
		ids = append(ids, e.ID)
	}
	spots, err := s.places.Spots(ctx, cameras)
	if err != nil {
		return nil, fmt.Errorf("look up cameras: %w", err)
	}
	b, err := s.begin(ctx, tx, edge, cameras, ids)
	if err != nil {
		return nil, err
	}
	if err := b.preload(ctx, tx, list); err != nil {
		return nil, err
	}
	for i, e := range list {
		spot, ok := spots[e.Camera]
		if !ok || spot.BoxID != edge {
			rejected[i] = errs.Invalidf("event.camera", "点位 %s 不属于这个边缘盒，请在中心的点位页核对后重新下发配置", e.Camera)
			continue
		}
		if b.joined[e.ID] {
			continue
		}
		t, err := b.of(ctx, tx, e.Event, spot)
		if err != nil {
			return nil, err
		}
		if t != nil {
			t.apply(e)
		}
	}
	return rejected, s.store(ctx, tx, b)
}

// fresh makes the alert of an event that is seen for the first time.
func (s *Service) fresh(tx db.Tx, edge string, p Spot, e edgev1.Event, r Rule) Alert {
	use, reason := p.Evidence(e.ConfirmedAt.Time)
	state := Pending
	if e.Score < r.AutoScore {
		state = Recorded
	}
	return Alert{
		ID: s.newID(), EdgeID: edge, EventID: e.ID, Kind: string(e.Kind), SeenKind: string(e.Kind), State: state,
		CameraID: p.CameraID, CameraName: p.Name, Address: p.Address, RegionCode: p.RegionCode, StreetName: p.StreetName,
		Lng: p.Lng, Lat: p.Lat, ZoneID: e.Zone, ZoneName: e.ZoneName, SinceAt: clock.At(e.Since.Time),
		ConfirmedAt: clock.At(e.ConfirmedAt.Time), ReceivedAt: clock.At(tx.Now()), EvidenceUse: use, EvidenceReason: reason,
		RuleID: r.ID, SeenCount: 1, Rev: 1,
	}
}

// apply brings the alert to the state after a message. Messages may come
// twice and out of order: the highest revision counts, and what has ended
// stays ended.
func (t *taken) apply(e edgev1.Received) {
	a := &t.alert
	if e.Rev <= a.EventRev {
		return
	}
	a.EventRev, t.dirty = e.Rev, true
	if a.State != Pending && a.State != Later && a.State != Recorded {
		t.clip(e.Event)
	}
	if a.Phase == string(edgev1.Ended) {
		return
	}
	a.Phase = string(e.Phase)
	if e.Phase == edgev1.Ended {
		end := e.ConfirmedAt
		if e.EndedAt != nil {
			end = *e.EndedAt
		}
		a.EndedAt = clock.Ptr(end.Time)
		t.changed = a.State != Recorded
	}
	if a.State == Recorded {
		t.see(e)
		if a.Score >= t.rule.AutoScore && e.Phase != edgev1.Ended {
			a.State, t.changed, t.raised = Pending, true, !t.isNew
			a.RuleID = t.rule.ID
			if !t.isNew {
				a.Rev++
			}
		}
		return
	}
	if a.State == Pending || a.State == Later {
		t.see(e)
		if e.Phase == edgev1.Ended {
			a.State = SelfResolved
			if !t.isNew {
				a.Rev++
			}
		}
	}
}

// clip adds the recording of an event, which comes some seconds after it, to
// the evidence of an alert that was decided or had ended before.
func (t *taken) clip(e edgev1.Event) {
	for _, x := range e.Evidence {
		has := slices.ContainsFunc(t.event.Evidence, func(r edgev1.EvidenceRef) bool { return r.SM3 == x.SM3 })
		if x.Role == "clip" && !has {
			t.event.Evidence = append(t.event.Evidence, x)
			t.text, t.newBody = nil, true
		}
	}
}

// see takes over what the message shows. A decided alert keeps the evidence
// on which it was decided.
func (t *taken) see(r edgev1.Received) {
	a, e, text := &t.alert, r.Event, r.Text
	if len(e.Evidence) == 0 && len(t.event.Evidence)+len(t.event.Marks)+len(e.Marks) > 0 {
		e.Evidence, e.Marks, text = t.event.Evidence, t.event.Marks, nil
	}
	if len(e.Scores) == 0 && len(t.event.Scores) > 0 {
		e.Scores, text = t.event.Scores, nil
	}
	t.event, t.text, t.newBody = e, text, true
	a.Score = e.Score
	a.Text = Facts(a.Kind, e)
	if e.Sign != nil {
		a.SignText, a.Registered, a.Finding = e.Sign.Text, e.Sign.Registered, findingOf(e.Sign.Verdict)
	}
	for _, x := range e.Evidence {
		if x.Role == "frame" {
			a.Thumb = x.SM3
		}
	}
	if a.Thumb == "" {
		a.Thumb = thumbOf(e)
	}
}

// body is the event's text to store: the one in which it came, unless something
// of an earlier message was kept.
func (t *taken) body() (string, error) {
	if t.text != nil {
		return string(t.text), nil
	}
	b, err := json.Marshal(t.event)
	if err != nil {
		return "", fmt.Errorf("write event %s: %w", t.event.ID, err)
	}
	return string(b), nil
}

// store numbers and binds the new alerts and writes all of them.
func (s *Service) store(ctx context.Context, tx db.Tx, b *batch) error {
	fresh := []*taken{}
	out := Changed{Items: []ChangedItem{}}
	for _, t := range b.order {
		if t.isNew {
			fresh = append(fresh, t)
		}
	}
	if len(fresh) > 0 {
		if err := s.bind(ctx, fresh); err != nil {
			return err
		}
		if err := s.insert(ctx, tx, fresh); err != nil {
			return err
		}
	}
	for _, t := range b.order {
		if t.isNew {
			if t.alert.State != Recorded {
				out.Items = append(out.Items, changedItem(t.alert, true))
			}
			continue
		}
		if !t.dirty {
			continue
		}
		if err := refresh(ctx, tx, t); err != nil {
			return err
		}
		if t.changed {
			out.Items = append(out.Items, changedItem(t.alert, t.raised))
		}
	}
	if err := b.finish(ctx, tx); err != nil {
		return err
	}
	if len(out.Items) == 0 {
		return nil
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, out)
}

// insert numbers new alerts and stores them.
func (s *Service) insert(ctx context.Context, tx db.Tx, fresh []*taken) error {
	ymd := clock.YMD(tx.Now())
	first, err := reserve(ctx, tx, ymd, len(fresh))
	if err != nil {
		return err
	}
	for i, t := range fresh {
		t.alert.No = fmt.Sprintf("YJ%d-%05d", ymd, first+int64(i))
	}
	return insertAll(ctx, tx, fresh)
}

// bind finds the shop of each new alert: the zone's, else the nearest one
// within the rule's distance. What is not bound waits to be claimed.
func (s *Service) bind(ctx context.Context, list []*taken) error {
	zones := []string{}
	for _, t := range list {
		zones = append(zones, t.alert.ZoneID)
	}
	bound, err := s.places.ShopsOfZones(ctx, zones)
	if err != nil {
		return fmt.Errorf("look up the shops of zones: %w", err)
	}
	type place struct {
		lng, lat, metres float64
	}
	nearest := map[place]*NearShop{}
	for _, t := range list {
		a := &t.alert
		if a.Kind == string(edgev1.Picture) || a.ShopID != "" {
			continue // a fault of the picture is no shop's
		}
		if shop, ok := bound[a.ZoneID]; ok {
			a.ShopID, a.ShopName, a.BindRule, a.BindReason = shop.ID, shop.Name, bindZone, "围栏绑定"
			continue
		}
		at := place{a.Lng, a.Lat, t.rule.NearestM}
		if at.metres <= 0 {
			continue
		}
		n, ok := nearest[at]
		if !ok {
			near, err := s.places.Near(ctx, at.lng, at.lat, at.metres, 1)
			if err != nil {
				return fmt.Errorf("look for the nearest shop: %w", err)
			}
			if len(near) > 0 && near[0].DistanceM <= at.metres {
				n = &near[0]
			}
			nearest[at] = n
		}
		if n != nil {
			a.ShopID, a.ShopName, a.BindRule, a.BindReason = n.ID, n.Name, bindNearest, fmt.Sprintf("距点位最近（%.0f 米）", n.DistanceM)
		}
	}
	return nil
}

// How an alert found its shop.
const (
	bindZone    = "zone"
	bindNearest = "nearest"
	bindPerson  = "person"
)

// findingOf is what a reading of the box says about a sign.
func findingOf(v edgev1.SignVerdict) string {
	switch v {
	case edgev1.SignChanged:
		return "renamed"
	case edgev1.SignGone:
		return "vanished"
	case edgev1.SignCovered:
		return "covered"
	case edgev1.SignUnreadable:
		return "unreadable"
	}
	return ""
}
