package alerts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// Options are what the service needs. NewID may be nil.
type Options struct {
	DB       *db.DB
	Places   Places
	Orders   Orders
	Pictures Pictures
	NewID    ids.Source
	// Wake is called after a commit that published events; it may be nil.
	Wake func()
}

// Service has the use cases of alerts. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	places   Places
	orders   Orders
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
	return &Service{db: o.DB, places: o.Places, orders: o.Orders, pictures: o.Pictures, newID: o.NewID, wake: o.Wake}
}

// List gives one page of the alerts that the actor may see.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Alert], error) {
	who, err := access.Need(ctx, "alert.view")
	if err != nil {
		return httpx.List[Alert]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	items, total, err := list(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[Alert]{}, err
	}
	return httpx.NewList(items, total, p, s.db.Now()), nil
}

// Counts gives the numbers above the queue.
func (s *Service) Counts(ctx context.Context) (AlertCounts, error) {
	who, err := access.Need(ctx, "alert.view")
	if err != nil {
		return AlertCounts{}, err
	}
	return counts(ctx, s.db.Read(), who, s.db.Now())
}

// SampleCounts tells how often each camera was wrong, by kind.
func (s *Service) SampleCounts(ctx context.Context, camera, kind string) ([]SampleCount, error) {
	who, err := access.Need(ctx, "alert.view")
	if err != nil {
		return nil, err
	}
	return sampleCounts(ctx, s.db.Read(), who, camera, kind)
}

// SeesBlob tells whether the actor may see a picture because of an alert.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil || !who.Has("alert.view") {
		return false, err
	}
	return seesBlob(ctx, s.db.Read(), who.For("alert.view"), sm3)
}

// Candidate is a shop that the alert may belong to.
type Candidate struct {
	Shop      Shop
	Reason    string
	DistanceM float64
	Recent90  int64
}

// Check is one line of the evidence chain.
type Check struct {
	OK   bool
	Text string
}

// Line is one line of an alert's history.
type Line struct {
	At    clock.Stamp
	Actor string
	Act   string
	Text  string
	// Was and Became are the result before and after a correction.
	Was, Became string
}

// Detail is an alert with all that its page shows.
type Detail struct {
	Alert      Alert
	Event      edgev1.Event
	BoxName    string
	Candidates []Candidate
	Merge      *OpenOrder
	Suggestion Suggestion
	// Frame is the digest of the clean frame; Digest tells whether it
	// arrived whole.
	Frame           string
	Digest, Picture Check
	History         []Line
	Recent          []Alert
	// Rule is the one that the record was made under.
	Rule *Rule
}

// Get gives one alert.
func (s *Service) Get(ctx context.Context, id string) (Detail, error) {
	who, err := access.Need(ctx, "alert.view")
	if err != nil {
		return Detail{}, err
	}
	r := s.db.Read()
	a, err := get(ctx, r, who, id)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{Alert: a, Frame: a.Thumb}
	if d.Event, err = eventOf(ctx, r, id); err != nil {
		return Detail{}, err
	}
	if d.BoxName, err = s.boxName(ctx, a); err != nil {
		return Detail{}, fmt.Errorf("look up box: %w", err)
	}
	if d.Candidates, err = s.candidates(ctx, a); err != nil {
		return Detail{}, err
	}
	if a.ShopID != "" && a.Undecided() {
		if d.Merge, err = s.orders.Mergeable(ctx, a.ShopID, a.Kind); err != nil {
			return Detail{}, fmt.Errorf("look for an order to merge into: %w", err)
		}
	}
	if d.Suggestion, err = s.orders.Suggest(ctx, a); err != nil {
		return Detail{}, fmt.Errorf("suggest a squad: %w", err)
	}
	if err := s.chain(ctx, &d); err != nil {
		return Detail{}, err
	}
	if d.Recent, err = recent(ctx, r, a); err != nil {
		return Detail{}, err
	}
	if d.Rule, err = ruleByID(ctx, r, a.RuleID); err != nil {
		return Detail{}, err
	}
	d.History, err = s.history(ctx, a)
	return d, err
}

func (s *Service) boxName(ctx context.Context, a Alert) (string, error) {
	if a.EdgeID == surveyEdge {
		return "排摸比对", nil
	}
	return s.places.BoxName(ctx, a.EdgeID)
}

// chain checks the evidence.
func (s *Service) chain(ctx context.Context, d *Detail) error {
	d.Digest = Check{Text: "证据图片还没有从边缘盒传到"}
	if d.Frame == "" {
		d.Digest.Text = "事件没有附证据图片"
	} else {
		ok, err := s.pictures.Has(ctx, d.Frame)
		if err != nil {
			return fmt.Errorf("look for evidence: %w", err)
		}
		if ok {
			d.Digest = Check{OK: true, Text: "摘要一致"}
		}
	}
	ok, text, err := s.places.PictureAt(ctx, d.Alert.CameraID, d.Alert.ConfirmedAt.Time())
	if err != nil {
		return fmt.Errorf("look up the camera's picture: %w", err)
	}
	d.Picture = Check{OK: ok, Text: text}
	return nil
}

// history joins what the box reported and what people did.
func (s *Service) history(ctx context.Context, a Alert) ([]Line, error) {
	rows, err := historyOf(ctx, s.db.Read(), a.ID)
	if err != nil {
		return nil, err
	}
	source := "边缘盒"
	if a.EdgeID == surveyEdge {
		source = "排摸比对"
	}
	out := []Line{{At: a.ReceivedAt, Actor: source, Act: "received", Text: a.Text}}
	ended := a.EndedAt != nil
	end := Line{Actor: "边缘盒", Act: "ended", Text: "事件已结束，画面中不再识别到"}
	if ended {
		end.At = max(*a.EndedAt, a.ReceivedAt)
	}
	for _, h := range rows {
		if ended && end.At <= h.MadeAt {
			out, ended = append(out, end), false
		}
		out = append(out, Line{At: h.MadeAt, Actor: h.ActorName, Act: string(h.Act), Text: h.Text, Was: h.Was, Became: h.Became})
	}
	if ended {
		out = append(out, end)
	}
	return out, nil
}

// nearM is how far around the camera candidates are looked for.
const nearM = 80

// candidates lists the shops the alert may belong to, most likely first.
func (s *Service) candidates(ctx context.Context, a Alert) ([]Candidate, error) {
	out := []Candidate{}
	seen := map[string]int{}
	add := func(shop Shop, reason string, dist float64) {
		if _, ok := seen[shop.ID]; !ok && len(out) < 9 {
			seen[shop.ID] = len(out)
			out = append(out, Candidate{Shop: shop, Reason: reason, DistanceM: dist})
		}
	}
	if a.ShopID != "" {
		shop, ok, err := s.places.Shop(ctx, a.ShopID)
		if err != nil {
			return nil, fmt.Errorf("look up shop: %w", err)
		}
		if ok {
			add(shop, a.BindReason, -1)
		}
	}
	zone, err := s.places.ShopsOfZones(ctx, []string{a.ZoneID})
	if err != nil {
		return nil, fmt.Errorf("look up the shop of the zone: %w", err)
	}
	if shop, ok := zone[a.ZoneID]; ok {
		add(shop, "围栏绑定", -1)
	}
	bound, err := s.places.ShopsOfCamera(ctx, a.CameraID)
	if err != nil {
		return nil, fmt.Errorf("look up the shops of the camera: %w", err)
	}
	for _, shop := range bound {
		add(shop, "点位绑定", -1)
	}
	near, err := s.places.Near(ctx, a.Lng, a.Lat, nearM, 9)
	if err != nil {
		return nil, fmt.Errorf("look for shops nearby: %w", err)
	}
	list := []string{}
	for _, n := range near {
		add(n.Shop, "距点位近", n.DistanceM)
		if i, ok := seen[n.ID]; ok {
			out[i].DistanceM = n.DistanceM
		}
	}
	for _, c := range out {
		list = append(list, c.Shop.ID)
	}
	n, err := confirmed90(ctx, s.db.Read(), list, s.db.Now())
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Recent90 = n[out[i].Shop.ID]
	}
	return out, nil
}

func sheetTime(s *clock.Stamp) string {
	if s == nil {
		return ""
	}
	return s.Time().In(clock.Shanghai()).Format(time.DateTime)
}

// OrderMoved notes where an order stands on its alerts; it is the consumer of
// order.changed.
func (s *Service) OrderMoved(ctx context.Context, tx db.Tx, order, state string) error {
	return orderMoved(ctx, tx, order, state)
}

// OrderClosed notes the result of a closed order on its alerts; it is the
// consumer of order.closed, the feedback to the bureau.
func (s *Service) OrderClosed(ctx context.Context, tx db.Tx, order, result string) error {
	return orderClosed(ctx, tx, order, result)
}
