package directory

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/sheet"
)

// Options are what the service needs. NewID, Wake and Log may be nil.
type Options struct {
	DB        *db.DB
	Regions   *region.Tree
	Commands  Commands
	Publisher ConfigPublisher
	Pictures  Pictures
	// Keys seal what opens cameras.
	Keys  *crypto.Keys
	NewID ids.Source
	// Wake is called after a commit that published events.
	Wake func()
	Log  *slog.Logger
	// PictureWait bounds the wait for a picture that a box has taken and
	// still uploads; 8 s when zero.
	PictureWait time.Duration
}

// Service has the use cases of the directory. It is safe for concurrent use.
type Service struct {
	db        *db.DB
	regions   *region.Tree
	commands  Commands
	publisher ConfigPublisher
	pictures  Pictures
	keys      *crypto.Keys
	newID     ids.Source
	wake      func()
	log       *slog.Logger
	// pictureWait is Options.PictureWait.
	pictureWait time.Duration
	// push keeps the order of what a box is sent: whoever holds it sends the
	// newest version.
	push sync.Mutex
}

// New makes the service.
func New(o Options) *Service {
	if o.NewID == nil {
		o.NewID = ids.New
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.PictureWait == 0 {
		o.PictureWait = pictureWait
	}
	return &Service{
		db: o.DB, regions: o.Regions, commands: o.Commands, publisher: o.Publisher,
		pictures: o.Pictures, keys: o.Keys, newID: o.NewID, wake: o.Wake, log: o.Log, pictureWait: o.PictureWait,
	}
}

// List gives one page of the cameras that the actor may see.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Listed], error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	now := s.db.Now()
	f.Q, f.Now = strings.TrimSpace(p.Q), now.UnixMilli()
	r := s.db.Read()
	if err := f.prepare(ctx, r); err != nil {
		return httpx.List[Listed]{}, err
	}
	items, err := page(ctx, r, who, f, p)
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	total, err := count(ctx, r, who, f)
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	return httpx.NewList(items, total, p, now), nil
}

// Get gives one camera; deleted ones too, so that they can be restored.
func (s *Service) Get(ctx context.Context, id string) (Listed, error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return Listed{}, err
	}
	c, err := get(ctx, s.db.Read(), who, id, true)
	if err != nil {
		return Listed{}, err
	}
	out, err := withState(ctx, s.db.Read(), []cameraRow{*rowOf(c)})
	if err != nil {
		return Listed{}, err
	}
	return out[0], nil
}

// Bar is one bar of a statistic with its name for people.
type Bar struct {
	Key, Name string
	Count     int64
}

// Stats counts the filtered cameras by state, district or tag.
func (s *Service) Stats(ctx context.Context, f Filter, by string) ([]Bar, error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return nil, err
	}
	f.Q, f.Now = strings.TrimSpace(f.Q), s.db.Now().UnixMilli()
	if err := f.prepare(ctx, s.db.Read()); err != nil {
		return nil, err
	}
	rows, err := stats(ctx, s.db.Read(), who, f, by)
	if err != nil {
		return nil, err
	}
	out := make([]Bar, len(rows))
	for i, r := range rows {
		name := r.Key
		switch by {
		case "state":
			name = StateLabel(r.Key)
		case "district", "street":
			name = s.regions.Name(r.Key)
		case "use":
			name = map[string]string{UseEvidence: "可作证据", UseClue: "仅作线索"}[r.Key]
		case "tag":
			if r.Key == Untagged {
				name = "未分类"
			}
		case "owner":
			if r.Key == "" {
				name = "未填写"
			}
		}
		out[i] = Bar{r.Key, name, r.Count}
	}
	return out, nil
}

// BoxNames gives the names of all boxes by id.
func (s *Service) BoxNames(ctx context.Context) (map[string]string, error) {
	return fleetNames(ctx, s.db.Read())
}

// DesiredVersions gives the versions that boxes should run, for the fleet.
func (s *Service) DesiredVersions(ctx context.Context, boxes []string) (map[string]int64, error) {
	return versions(ctx, s.db.Read(), boxes)
}

// SeesBlob tells whether the actor may see a picture because of a camera.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil || !who.Has("camera.view") {
		return false, err
	}
	return seesBlob(ctx, s.db.Read(), who.For("camera.view"), sm3)
}

// Day is a camera's day.
type Day struct {
	Segments                   []Segment
	Uptime                     *float64
	Alerts, Confirmed, Rejects int64
}

// Health gives a camera's day in Shanghai, today up to now.
func (s *Service) Health(ctx context.Context, id, dayText string) (Day, error) {
	who, err := access.Need(ctx, "camera.view")
	if err != nil {
		return Day{}, err
	}
	now := s.db.Now()
	start := clock.DayStart(now)
	if dayText != "" {
		t, err := time.ParseInLocation(time.DateOnly, dayText, clock.Shanghai())
		if err != nil {
			return Day{}, errs.Invalidf("day", "日期应写作 2026-11-24")
		}
		start = t
	}
	r := s.db.Read()
	c, err := get(ctx, r, who, id, true)
	if err != nil {
		return Day{}, err
	}
	from, to := clock.At(start), clock.At(start.Add(24*time.Hour))
	list, err := segments(ctx, r, c.ID, from, to)
	if err != nil {
		return Day{}, err
	}
	to = min(to, clock.At(now))
	d := Day{Segments: []Segment{}}
	if p, ok := Uptime(list, from, to); ok {
		d.Uptime = &p
	}
	for _, g := range list {
		g.From = max(g.From, from)
		end := to
		if g.To != nil {
			end = min(*g.To, to)
		}
		if g.From < end {
			g.To = &end
			d.Segments = append(d.Segments, g)
		}
	}
	d.Alerts, d.Confirmed, d.Rejects, err = alertsOfDay(ctx, r, c.ID, clock.YMD(start))
	return d, err
}

// HealthAt tells how a camera's picture was at a moment, for the evidence
// chain of an alert.
func (s *Service) HealthAt(ctx context.Context, id string, at time.Time) (ok bool, text string, err error) {
	list, err := segments(ctx, s.db.Read(), id, clock.At(at), clock.At(at)+1)
	if err != nil || len(list) == 0 {
		return false, "当时没有点位状态记录", err
	}
	g := list[len(list)-1]
	switch {
	case !hasPicture(g.State):
		return false, "当时点位" + StateLabel(g.State), nil
	case g.Diagnosis != "" && g.Diagnosis != "healthy":
		return false, DiagnosisLabel(g.Diagnosis), nil
	}
	return true, "无遮挡、未移位", nil
}

// Cameras gives cameras by id whoever asks, deleted ones too: for the ports
// of other domains.
func (s *Service) Cameras(ctx context.Context, ids []string) ([]Camera, error) {
	return camerasByID(ctx, s.db.Read(), ids)
}

// Export writes the filtered list as xlsx.
func (s *Service) Export(ctx context.Context, f Filter, p httpx.Paging, out io.Writer) error {
	p.Page, p.Size = 1, 200
	res, err := s.List(ctx, f, p)
	if err != nil {
		return err
	}
	if res.Total > sheet.MaxRows {
		return errs.New(errs.TooLarge, "共 %d 条，超过一次导出 %d 条的上限，请加筛选条件", res.Total, sheet.MaxRows)
	}
	names, err := fleetNames(ctx, s.db.Read())
	if err != nil {
		return err
	}
	w, err := sheet.New("点位", []sheet.Column{
		{Title: "编号", Width: 16}, {Title: "名称", Width: 24}, {Title: "地址", Width: 28}, {Title: "区", Width: 10}, {Title: "街镇", Width: 14},
		{Title: "经度", Width: 12}, {Title: "纬度", Width: 12}, {Title: "边缘盒", Width: 16}, {Title: "状态", Width: 10}, {Title: "状态起", Width: 19},
		{Title: "画面", Width: 10}, {Title: "标签", Width: 20}, {Title: "证据资格", Width: 50},
	})
	if err != nil {
		return err
	}
	for total := res.Total; ; {
		for _, x := range res.Items {
			c := x.Camera
			_, reason := c.Legal.At(res.AsOf.Time())
			err := w.Add(c.Code, c.Name, c.Address, c.RegionName, c.StreetName, c.Lng, c.Lat, names[c.BoxID], StateLabel(x.Health.State),
				x.Health.Since.Time().In(clock.Shanghai()).Format(time.DateTime), DiagnosisLabel(x.Health.Diagnosis), strings.Join(c.Tags, "、"), reason)
			if err != nil {
				return err
			}
		}
		if int64(p.Page)*int64(p.Size) >= total {
			break
		}
		p.Page++
		if res, err = s.List(ctx, f, p); err != nil {
			return err
		}
	}
	_, err = w.WriteTo(out)
	return err
}

// ForLive gives a camera that the actor may watch, for live views.
func (s *Service) ForLive(ctx context.Context, id string) (Camera, error) {
	who, err := access.Need(ctx, access.LiveView)
	if err != nil {
		return Camera{}, err
	}
	return get(ctx, s.db.Read(), who, id, false)
}
