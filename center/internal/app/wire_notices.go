package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/causes"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/guidance"
	"jiexun/center/internal/notices"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/workflow"
	"jiexun/center/seed/base"
)

// noticeParts are the law, the notices to shops and the guidance.
type noticeParts struct {
	causes   *causes.Service
	notices  *notices.Service
	guidance *guidance.Service
}

// wireNotices makes the cause library, the notices and the guidance, and lets
// them hear of orders, messages and the camera that looked again.
func (a *App) wireNotices(ctx context.Context) (err error) {
	if a.causes, err = causes.New(ctx, causes.Options{DB: a.db, Wake: a.bus.Wake}); err != nil {
		return err
	}
	o := notices.Options{
		DB: a.db, Sources: noticeSources{a}, Shops: noticeShops{a}, Law: noticeLaw{a.causes}, People: noticePeople{a.access}, Cameras: noticeCameras{a},
		Sender: a.notify, Todos: a.todo, Clocks: a.deadline, Timers: a.jobs, Files: a.blobs, Keys: a.keys, PublicURL: a.o.PublicURL, Wake: a.bus.Wake,
	}
	if a.notices, err = notices.New(ctx, o); err != nil {
		return err
	}
	a.notify.SetOutside(notices.Outside{S: a.notices})
	a.keys.Guard(crypto.Column{Purpose: "notice.paper", Table: "notice_items", ID: "id", Column: "paper"})
	a.jobs.HandleTx(notices.TimerKind, "告知送达", a.notices.FireTimer)
	a.todo.Name("notice", "告知与反馈")
	a.bus.Subscribe(notify.TopicOutside, "notices", a.notices.TakeProgress)
	a.bus.Subscribe(orders.TopicChanged, "notices", a.notices.TakeOrder)
	a.bus.Subscribe(orders.TopicClosed, "notices", a.notices.TakeOrder)
	a.bus.Subscribe("patrol.rechecked", "notices", a.notices.TakeRechecked)
	a.bus.Subscribe(notices.TopicChanged, "stream", func(_ context.Context, tx db.Tx, e events.Event) error {
		var ch notices.Changed
		if err := e.Decode(&ch); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			a.stream.Send(stream.Message{Event: "notice", RegionCode: ch.RegionCode, Perm: access.NoticeView, Data: ch})
		})
		return nil
	})
	a.deadline.RegisterRecord(deadline.Record{
		Kind: "notice", Label: "告知", Perm: access.NoticeView, Act: access.NoticeIssue,
		CanSee: func(ctx context.Context, id string) error { _, err := a.notices.Get(ctx, id); return err },
		Moved: func(ctx context.Context, tx db.Tx, c deadline.Clock) error {
			return a.notices.MoveDue(ctx, tx, c.RecordID, c.DueAt)
		},
	})
	return a.wireGuidance(ctx)
}

// wireGuidance makes the guidance, whose versions are reviewed by the bureau's
// legal reviewers in a process of the workflow.
func (a *App) wireGuidance(ctx context.Context) (err error) {
	a.guidance, err = guidance.New(ctx, guidance.Options{DB: a.db, Keys: a.keys, Review: guideReview{a.workflow}, Wake: a.bus.Wake})
	if err != nil {
		return err
	}
	a.workflow.OnFinish(guideProcess, func(ctx context.Context, tx db.Tx, f workflow.Finished) error {
		return a.guidance.Reviewed(ctx, tx, f.RecordID, f.State == "finished", f.By, f.Reason)
	})
	return nil
}

// guideProcess is the key of the review.
const guideProcess = "approval.guidance"

type guideReview struct{ workflow *workflow.Service }

// Start implements guidance.Review.
func (g guideReview) Start(ctx context.Context, tx db.Tx, versionID, title, starter string) error {
	_, err := g.workflow.Start(ctx, tx, workflow.StartInput{
		Process: guideProcess, Record: "guide", RecordID: versionID, Title: "审核合规指引：" + title, RegionCode: "310000", Starter: starter,
	})
	return err
}

func (a *App) routeNotices() {
	a.causes.Register(a.api)
	a.notices.Register(a.fiber, a.api)
	a.guidance.Register(a.api)
}

// noticeSources read what a notice is about.
type noticeSources struct{ a *App }

// Order implements notices.Sources: the order with what its first alert shows.
func (s noticeSources) Order(ctx context.Context, id string) (notices.Facts, error) {
	d, err := s.a.orders.Get(ctx, id)
	if err != nil {
		return notices.Facts{}, err
	}
	o := d.Order
	f := notices.Facts{
		OrderID: o.ID, OrderNo: o.No, Kind: o.Kind, ShopID: o.ShopID, ShopName: o.ShopName, Address: o.Address, RegionCode: o.RegionCode, StreetName: o.StreetName,
		Lng: o.Lng, Lat: o.Lat, CameraID: o.CameraID, CameraName: o.CameraName, SquadOrgID: o.SquadOrgID, SquadName: o.SquadName, OfficerID: o.OfficerID,
		OfficerName: o.OfficerName, EvidenceUse: o.EvidenceUse, DueAt: &o.DueAt, Picture: o.Thumb, Closed: o.ClosedAt != nil,
	}
	if len(d.Alerts) > 0 {
		x, err := s.a.alerts.Get(ctx, d.Alerts[0].ID)
		if ok, err := found(err); err != nil || !ok {
			return f, err
		}
		s.seen(&f, x)
	}
	return f, nil
}

// seen fills in what an alert shows.
func (s noticeSources) seen(f *notices.Facts, d alerts.Detail) {
	until := d.Alert.ConfirmedAt
	if d.Alert.EndedAt != nil {
		until = *d.Alert.EndedAt
	}
	f.SeenAt, f.Until, f.ZoneID, f.AlertID = &d.Alert.SinceAt, &until, d.Alert.ZoneID, d.Alert.ID
	if d.Frame != "" {
		f.Picture = d.Frame
	}
	for _, e := range d.Event.Evidence {
		if e.Role == "clip" {
			f.Clip = e.SM3
		}
	}
	if b := d.Event.Box; b.W > 0 && b.H > 0 {
		f.Box = &notices.Box{X: b.X, Y: b.Y, W: b.W, H: b.H}
	}
}

// Alert implements notices.Sources.
func (s noticeSources) Alert(ctx context.Context, id string) (notices.Facts, error) {
	d, err := s.a.alerts.Get(ctx, id)
	if err != nil {
		return notices.Facts{}, err
	}
	x := d.Alert
	f := notices.Facts{
		AlertID: x.ID, Kind: x.Kind, ShopID: x.ShopID, ShopName: x.ShopName, Address: x.Address, RegionCode: x.RegionCode, StreetName: x.StreetName,
		Lng: x.Lng, Lat: x.Lat, CameraID: x.CameraID, CameraName: x.CameraName, EvidenceUse: x.EvidenceUse, Picture: x.Thumb,
	}
	s.seen(&f, d)
	return f, nil
}

// Shop implements notices.Sources.
func (s noticeSources) Shop(ctx context.Context, id string) (notices.Facts, error) {
	d, err := s.a.shops.Get(ctx, id)
	x := d.Shop
	return notices.Facts{
		ShopID: x.ID, ShopName: x.Name, Address: x.Address, RegionCode: x.RegionCode, StreetName: x.StreetName, Lng: x.Lng, Lat: x.Lat,
	}, err
}

// noticeShops reads how a shop is reached.
type noticeShops struct{ a *App }

// Contact implements notices.Shops.
func (s noticeShops) Contact(ctx context.Context, tx db.Tx, id string) (notices.Contact, bool, error) {
	r, err := s.a.shops.PhoneFor(ctx, tx, id, "发送告知")
	ok, err := found(err)
	return notices.Contact{Name: r.ShopName, Phone: r.Phone, CreditCode: r.CreditCode, Business: r.Business}, ok, err
}

// Business implements notices.Shops.
func (s noticeShops) Business(ctx context.Context, id string) (string, error) {
	x, _, err := s.a.shops.ByID(ctx, id)
	return x.Business, err
}

// noticeLaw gives the law to notices.
type noticeLaw struct{ causes *causes.Service }

func lawOf(c causes.Cause) notices.Cause {
	out := notices.Cause{Code: c.Code, Version: c.Version, Name: c.Name, Penalty: c.Penalty, Remedy: c.Remedy, Verified: c.Verified, Articles: []notices.Article{}}
	for _, x := range c.Articles {
		out.Articles = append(out.Articles, notices.Article{Role: x.Role, Law: x.Law, Article: x.Article, Text: x.Text, Digest: x.Digest})
	}
	return out
}

// At implements notices.Law.
func (l noticeLaw) At(ctx context.Context, code string, when time.Time) (notices.Cause, error) {
	c, err := l.causes.At(ctx, code, when)
	return lawOf(c), err
}

// ForKind implements notices.Law.
func (l noticeLaw) ForKind(ctx context.Context, kind string, when time.Time) ([]notices.Cause, error) {
	list, err := l.causes.ForKind(ctx, kind, when)
	out := make([]notices.Cause, len(list))
	for i, c := range list {
		out[i] = lawOf(c)
	}
	return out, err
}

// noticePeople tells who answers for a region.
type noticePeople struct{ access *access.Service }

// SquadOf implements notices.People.
func (p noticePeople) SquadOf(ctx context.Context, regionCode string) (notices.Org, error) {
	o, err := p.access.SquadOf(ctx, regionCode)
	_, err = found(err)
	return notices.Org{ID: o.ID, Name: o.Name}, err
}

// DistrictOf implements notices.People.
func (p noticePeople) DistrictOf(ctx context.Context, regionCode string) (notices.Org, error) {
	o, err := p.access.DistrictOf(ctx, regionCode)
	_, err = found(err)
	if o.ID == "" {
		o.ID = base.OrgID("310000")
	}
	return notices.Org{ID: o.ID, Name: o.Name}, err
}

// noticeCameras tells what may be said of a camera.
type noticeCameras struct{ a *App }

// Device implements notices.Cameras.
func (c noticeCameras) Device(ctx context.Context, id string, at time.Time) (string, error) {
	list, err := c.a.directory.Cameras(ctx, []string{id})
	if err != nil || len(list) == 0 {
		return "", err
	}
	x := list[0]
	_, reason := x.Legal.At(at)
	return x.Name + "：" + reason, nil
}
