package alerts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// surveyEdge stands for the box in alerts that come of comparing a survey with
// the registry; their event id is that of the finding.
const surveyEdge = "survey"

// Finding is a difference between the street and the registry of shops.
type Finding struct {
	ID         string      `json:"id"`
	Kind       string      `json:"kind"` // see FindingLabel
	CameraID   string      `json:"cameraId"`
	ZoneID     string      `json:"zoneId"`
	ShopID     string      `json:"shopId"`
	RegionCode string      `json:"regionCode"`
	Lng        float64     `json:"lng"`
	Lat        float64     `json:"lat"`
	At         clock.Stamp `json:"at"`
	Text       string      `json:"text"`
	Registered string      `json:"registered"`
	Similarity float64     `json:"similarity"`
	DistanceM  float64     `json:"distanceM"`
	Pictures   []Pic       `json:"pictures"`
}

// Pic is a picture of a finding. It is read from an object or from a bare
// digest.
type Pic struct {
	Role    string      `json:"role"`
	SM3     string      `json:"sm3"`
	TakenAt clock.Stamp `json:"takenAt"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *Pic) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		p.Role = "frame"
		return json.Unmarshal(b, &p.SM3)
	}
	type plain Pic
	return json.Unmarshal(b, (*plain)(p))
}

// check refuses a finding that cannot be kept.
func (f Finding) check() error {
	switch {
	case f.ID == "" || len(f.ID) > 64:
		return errs.Invalidf("id", "识别结论缺少编号")
	case FindingLabel(f.Kind) == "":
		return errs.Invalidf("kind", "没有“%s”这种变更", f.Kind)
	case f.CameraID == "":
		return errs.Invalidf("cameraId", "识别结论缺少点位")
	case len(f.Pictures) > 50:
		return errs.Invalidf("pictures", "图片超过 50 张")
	}
	return nil
}

// TakeFinding is the consumer of shops.finding: one alert for a point and day
// (as long as the rule for signs says), the others are counted in it and their
// pictures kept. It is idempotent by the finding's id.
func (s *Service) TakeFinding(ctx context.Context, tx db.Tx, f Finding) error {
	if err := f.check(); err != nil {
		return err
	}
	spots, err := s.places.Spots(ctx, []string{f.CameraID})
	if err != nil {
		return fmt.Errorf("look up camera: %w", err)
	}
	spot, ok := spots[f.CameraID]
	if !ok {
		return errs.Invalidf("cameraId", "没有点位 %s", f.CameraID)
	}
	b, err := s.begin(ctx, tx, surveyEdge, []string{f.CameraID}, []string{f.ID})
	if err != nil {
		return err
	}
	if _, known := b.old[f.ID]; known || b.joined[f.ID] {
		return nil
	}
	e := eventOfFinding(f)
	key := spotKey("sign", f.CameraID, pointOf(f))
	rule := b.rules.For("sign", f.CameraID, clock.At(tx.Now()))
	if rule.MergeMinutes > 0 {
		found, err := latestOf(ctx, tx, []string{key})
		if err != nil {
			return err
		}
		if a, ok := found[key]; ok {
			t, err := b.load(ctx, tx, a)
			if err != nil {
				return err
			}
			if t.near(f.At.Time(), rule) {
				return s.recount(ctx, tx, b, t, f, e)
			}
		}
	}
	t := &taken{alert: s.fresh(tx, surveyEdge, spot, e, rule), event: e, rule: rule, isNew: true, newBody: true}
	if err := s.dress(ctx, t, f); err != nil {
		return err
	}
	b.order = append(b.order, t)
	if rule.MergeMinutes > 0 {
		b.latest[key] = t
	}
	return s.store(ctx, tx, b)
}

// pointOf is what "one a point and day" counts by.
func pointOf(f Finding) string {
	switch {
	case f.ZoneID != "":
		return f.ZoneID
	case f.ShopID != "":
		return "shop:" + f.ShopID
	}
	return "text:" + strings.ToLower(strings.Join(strings.Fields(f.Text), ""))
}

// dress gives a new alert what the finding knows better than the camera.
func (s *Service) dress(ctx context.Context, t *taken, f Finding) error {
	a := &t.alert
	a.State, a.Phase, a.EventRev, a.Score = Pending, string(edgev1.Opened), 1, t.event.Score
	a.Finding, a.Registered, a.SignText, a.Text = f.Kind, f.Registered, f.Text, findingText(f)
	a.ZoneID = f.ZoneID
	if f.RegionCode != "" {
		a.RegionCode = f.RegionCode
	}
	if f.Lng != 0 && f.Lat != 0 {
		a.Lng, a.Lat = f.Lng, f.Lat
	}
	a.Thumb = thumbOf(t.event)
	if f.ShopID == "" {
		return nil
	}
	shop, ok, err := s.places.Shop(ctx, f.ShopID)
	if err != nil {
		return fmt.Errorf("look up shop: %w", err)
	}
	if ok {
		a.ShopID, a.ShopName, a.BindRule, a.BindReason = shop.ID, shop.Name, bindZone, "排摸比对"
	}
	return nil
}

func thumbOf(e edgev1.Event) string {
	for _, role := range []string{"crop", "frame", ""} {
		for _, x := range e.Evidence {
			if (role == "" || x.Role == role) && x.Role != "clip" {
				return x.SM3
			}
		}
	}
	return ""
}

// recount notes a further finding of the same point.
func (s *Service) recount(ctx context.Context, tx db.Tx, b *batch, t *taken, f Finding, e edgev1.Event) error {
	a := &t.alert
	before := *a
	b.count(t, e)
	if a.Undecided() && a.EdgeID == surveyEdge {
		a.Finding, a.SignText, a.Text = f.Kind, f.Text, findingText(f)
	}
	h := historyRow{ID: s.newID(), AlertID: a.ID, MadeAt: clock.At(tx.Now()), ActorName: "排摸比对", Act: "joined", Text: fmt.Sprintf("同点再次发现（第 %d 次）：%s", a.SeenCount, findingText(f))}
	if err := addHistory(ctx, tx, h); err != nil {
		return err
	}
	if err := refresh(ctx, tx, t); err != nil {
		return err
	}
	if err := b.finish(ctx, tx); err != nil {
		return err
	}
	if before.Text == a.Text {
		return nil
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{Items: []ChangedItem{changedItem(*a, false)}})
}

// eventOfFinding keeps a finding as the event that the page of an alert shows.
func eventOfFinding(f Finding) edgev1.Event {
	at := edgev1.At(f.At.Time())
	verdict := edgev1.SignChanged
	switch f.Kind {
	case "vanished":
		verdict = edgev1.SignGone
	case "covered":
		verdict = edgev1.SignCovered
	case "unreadable":
		verdict = edgev1.SignUnreadable
	}
	e := edgev1.Event{
		ID: f.ID, Rev: 1, Camera: f.CameraID, Kind: edgev1.Sign, Phase: edgev1.Opened, Zone: f.ZoneID, Since: at, ConfirmedAt: at, Score: 1, Detail: findingText(f),
		Sign: &edgev1.SignReading{Verdict: verdict, Registered: f.Registered, Text: f.Text, Similarity: f.Similarity, Votes: 1, Looks: 1},
	}
	for _, p := range f.Pictures {
		if p.SM3 == "" {
			continue
		}
		taken := at
		if p.TakenAt != 0 {
			taken = edgev1.At(p.TakenAt.Time())
		}
		e.Evidence = append(e.Evidence, edgev1.EvidenceRef{Role: p.Role, SM3: p.SM3, MediaType: "image/jpeg", TakenAt: taken})
	}
	return e
}

// findingText puts a finding into a sentence.
func findingText(f Finding) string {
	s := FindingLabel(f.Kind)
	if f.Registered != "" {
		s += "，登记店招" + quoted(f.Registered)
	}
	if f.Text != "" {
		s += "，排摸读出" + quoted(f.Text)
		if f.Registered != "" {
			s += fmt.Sprintf("，名称相似度 %.2f", f.Similarity)
		}
	}
	if f.DistanceM > 0 {
		s += fmt.Sprintf("，相距 %.0f 米", f.DistanceM)
	}
	return s
}
