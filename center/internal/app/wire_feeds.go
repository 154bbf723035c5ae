package app

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/integration/feed"
	"jiexun/center/internal/integration/staff"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/calendar"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/shops"
)

// wireFeeds makes what is fetched from outside: people and data.
func (a *App) wireFeeds(client *http.Client) {
	a.staff = staff.New(staff.Options{DB: a.db, Log: a.log, Keys: a.keys, People: staffPeople{a.access, a.db}, Client: client})
	a.feeds = feed.New(feed.Options{
		DB: a.db, Log: a.log, Keys: a.keys, Files: feedFiles{a.blobs}, Client: client, Own: a.o.Data,
		Targets: map[string]feed.Target{feed.TargetShops: shopTarget{a.shops}, feed.TargetCameras: cameraTarget{a.directory}},
		Region:  func(code string) bool { _, ok := a.regions.Get(code); return ok },
		Workday: a.workday,
	})
	for _, table := range []string{"integration_staff_sources", "integration_feeds"} {
		a.keys.Guard(crypto.Column{Purpose: "app.key", Table: table, ID: "id", Column: "sealed"})
	}
	a.jobs.Every("integration.staff", "同步人员", time.Minute, a.staff.RunDue)
	a.jobs.Every("integration.feeds", "接入数据", time.Minute, a.feeds.RunDue)
}

// workday moves a moment to the next working day, at the same time.
func (a *App) workday(at time.Time) time.Time {
	c := calendar.Calendar{}
	for range 60 {
		if c.Working(at) {
			break
		}
		at = at.Add(24 * time.Hour)
	}
	return at
}

// feedActor is who loads what comes from outside.
func feedActor(ctx context.Context) context.Context {
	return access.With(ctx, access.Actor{
		ID: "feed", Name: "数据接入", Scope: access.Scope{Prefixes: []string{"31"}},
		Perms: map[string]bool{access.ShopView: true, access.ShopEdit: true, access.CameraView: true, access.CameraEdit: true},
	})
}

type feedFiles struct{ blobs *blob.Store }

// Put implements feed.Files.
func (f feedFiles) Put(ctx context.Context, data []byte) (string, error) {
	ref, err := f.blobs.PutBytes(ctx, data, "application/octet-stream")
	return ref.SM3, err
}

// Read implements feed.Files.
func (f feedFiles) Read(ctx context.Context, sm3 string) (data []byte, err error) {
	r, _, err := f.blobs.Open(ctx, sm3)
	if err != nil {
		return nil, err
	}
	defer func() { err = errJoin(err, r.Close()) }()
	return io.ReadAll(r)
}

func errJoin(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func number(row feed.Row, name string) (float64, error) {
	n, err := strconv.ParseFloat(row[name], 64)
	if err != nil {
		return 0, errs.Invalidf(name, "应为数字，收到 %.40q", row[name])
	}
	return n, nil
}

// shopTarget loads rows into shops.
type shopTarget struct{ shops *shops.Service }

// Put implements feed.Target. A shop of the same name and address that was
// made in a run which ended before it could note it is taken up.
func (t shopTarget) Put(ctx context.Context, id string, row feed.Row) (string, error) {
	ctx = feedActor(ctx)
	lng, err := number(row, "lng")
	if err != nil {
		return "", err
	}
	lat, err := number(row, "lat")
	if err != nil {
		return "", err
	}
	in := shops.Input{Name: row["name"], SignName: row["signName"], Address: row["address"], RegionCode: row["regionCode"], Lng: lng, Lat: lat, Business: row["business"], Contact: row["contact"]}
	if id == "" {
		near, err := t.shops.Near(ctx, lng, lat, 5, 20)
		if err != nil {
			return "", err
		}
		for _, n := range near {
			if n.Shop.Name == in.Name && n.Shop.Address == in.Address {
				id = n.Shop.ID
			}
		}
	}
	if id == "" {
		s, err := t.shops.Create(ctx, in)
		return s.ID, err
	}
	old, err := t.shops.Get(ctx, id)
	if err != nil {
		return "", err
	}
	keep := shops.InputOf(old.Shop)
	keep.Name, keep.SignName, keep.Address, keep.RegionCode = in.Name, in.SignName, in.Address, in.RegionCode
	keep.Lng, keep.Lat, keep.Business, keep.Contact = in.Lng, in.Lat, in.Business, in.Contact
	s, err := t.shops.Update(ctx, id, keep)
	return s.ID, err
}

// cameraTarget loads rows into points.
type cameraTarget struct{ directory *directory.Service }

// Put implements feed.Target. Codes are unique, so that a point that was made
// before is found by its code.
func (t cameraTarget) Put(ctx context.Context, id string, row feed.Row) (string, error) {
	ctx = feedActor(ctx)
	lng, err := number(row, "lng")
	if err != nil {
		return "", err
	}
	lat, err := number(row, "lat")
	if err != nil {
		return "", err
	}
	in := directory.CameraInput{Code: row["code"], Name: row["name"], Address: row["address"], RegionCode: row["regionCode"], Lng: lng, Lat: lat, URL: row["url"], SubURL: row["subUrl"],
		Username: row["username"], Password: row["password"], Transport: "tcp", IntervalMS: 1000}
	if id == "" {
		c, err := t.directory.Create(ctx, in)
		return c.ID, err
	}
	old, err := t.directory.Get(ctx, id)
	if err != nil {
		return "", err
	}
	c := old.Camera
	in.BoxID, in.Tags, in.Legal, in.SquadOrgID, in.Transport, in.IntervalMS, in.Rev = c.BoxID, c.Tags, c.Legal, c.SquadOrgID, c.Transport, c.IntervalMS, c.Rev
	c, err = t.directory.Update(ctx, id, in)
	return c.ID, err
}

// staffPeople is access as the synchronisation of people sees it.
type staffPeople struct {
	access *access.Service
	db     *db.DB
}

func staffActor(ctx context.Context) context.Context {
	return access.With(ctx, access.Actor{ID: "sync", Name: "人员同步", Perms: map[string]bool{access.OrgManage: true, access.AccountManage: true}, Scope: access.Scope{Prefixes: []string{"31"}}})
}

// Find implements staff.People.
func (p staffPeople) Find(ctx context.Context, id string) (staff.StaffOurs, bool, error) {
	return personWhere(ctx, p.db, "p.id = ?", id)
}

// ByAccount implements staff.People.
func (p staffPeople) ByAccount(ctx context.Context, account string) (staff.StaffOurs, bool, error) {
	return personWhere(ctx, p.db, "p.account = ?", account)
}

// ByCert implements staff.People.
func (p staffPeople) ByCert(ctx context.Context, cert string) (staff.StaffOurs, bool, error) {
	return personWhere(ctx, p.db, "p.cert_no = ?", cert)
}

// OrgExists implements staff.People.
func (p staffPeople) OrgExists(ctx context.Context, id string) (string, bool, error) {
	o, err := p.access.Org(ctx, id)
	ok, err := found(err)
	return o.Name, ok && o.State != "disabled", err
}

// Create implements staff.People. The account has no role and no password
// that anybody knows: the security administrator gives both.
func (p staffPeople) Create(ctx context.Context, x staff.StaffOurs) (string, error) {
	m, err := p.access.CreateMember(staffActor(ctx), access.MemberInput{Account: x.Account, Name: x.Name, CertNo: x.CertNo, OrgID: x.OrgID})
	return m.ID, err
}

// Rename implements staff.People.
func (p staffPeople) Rename(ctx context.Context, id, name string) error {
	ctx = staffActor(ctx)
	m, err := p.access.Member(ctx, id)
	if err != nil {
		return err
	}
	_, err = p.access.UpdateMember(ctx, id, access.MemberInput{Account: m.Account, Name: name, OrgID: m.OrgID, CertNo: m.CertNo, Posts: m.Posts, CertFrom: m.CertFrom, CertTo: m.CertTo, Rev: m.Rev})
	return err
}

// Move implements staff.People.
func (p staffPeople) Move(ctx context.Context, id, org, reason string) error {
	ctx = staffActor(ctx)
	m, err := p.access.Member(ctx, id)
	if err != nil {
		return err
	}
	return p.access.Transfer(ctx, access.MoveInput{PersonID: id, ToOrg: org, Reason: reason, Rev: m.Rev})
}

// SetActive implements staff.People.
func (p staffPeople) SetActive(ctx context.Context, id string, active bool, reason string) error {
	ctx = staffActor(ctx)
	m, err := p.access.Member(ctx, id)
	if err != nil {
		return err
	}
	state := "disabled"
	if active {
		state = "active"
	}
	return p.access.SetState(ctx, id, state, reason, m.Rev)
}

// Persons implements staff.People.
func (p staffPeople) Persons(ctx context.Context) (int, error) { return activePersons(ctx, p.db) }
