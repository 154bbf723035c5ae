package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/alerts"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/orders"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/shops"
	"jiexun/center/seed/base"
)

func (a *App) wireAccess(ctx context.Context) error {
	a.keys.Guard(
		crypto.Column{Purpose: "person.phone", Table: "access_persons", ID: "id", Column: "phone", Blind: "phone_blind"},
		crypto.Column{Purpose: "person.idno", Table: "access_persons", ID: "id", Column: "id_no", Blind: "id_blind"},
	)
	o := a.o.Access
	o.Log, o.Keys = a.log, a.keys
	o.Kicked = func(person string) {
		a.stream.Kick(person)
		if a.live != nil {
			a.live.EndActor(context.WithoutCancel(ctx), person)
		}
	}
	s, err := access.New(a.db, o)
	if err != nil {
		return err
	}
	a.access = s
	s.UseSamples(a.accessSamples)
	a.jobs.Every("access.purge", "清理会话", 10*time.Minute, s.Purge)
	a.jobs.Every("access.verify", "核验权限数据", time.Minute, s.VerifyRows)
	return a.seedOrgs(ctx)
}

// seedOrgs loads the named scopes and the organisations of the base seed;
// those that are there stay as they are.
func (a *App) seedOrgs(ctx context.Context) error {
	scopes := []access.NamedScope{}
	for _, x := range base.Scopes() {
		scopes = append(scopes, access.NamedScope{Code: x.Code, Name: x.Name, Prefixes: x.Prefixes, Note: x.Note})
	}
	if err := a.access.SeedScopes(ctx, scopes); err != nil {
		return err
	}
	list := base.Orgs(a.regions)
	out := make([]access.Org, 0, len(list))
	for _, o := range list {
		out = append(out, access.Org{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID, ScopeCode: o.ScopeCode})
	}
	return a.access.SeedOrgs(ctx, out)
}

// accessSamples counts what an actor sees, by the lists that they would open.
func (a *App) accessSamples(ctx context.Context, who access.Actor) ([]access.Sample, error) {
	ctx = access.With(ctx, who)
	one := httpx.Paging{Page: 1, Size: 1}
	out := []access.Sample{}
	for _, x := range []struct {
		perm, name string
		count      func() (int64, error)
	}{
		{access.CameraView, "点位", func() (int64, error) {
			l, err := a.directory.List(ctx, directory.Filter{}, one)
			return l.Total, err
		}},
		{access.AlertView, "预警", func() (int64, error) {
			l, err := a.alerts.List(ctx, alerts.Filter{}, one)
			return l.Total, err
		}},
		{access.OrderView, "工单", func() (int64, error) {
			l, err := a.orders.List(ctx, orders.Filter{}, one)
			return l.Total, err
		}},
		{access.ShopView, "商铺", func() (int64, error) {
			l, err := a.shops.List(ctx, shops.Filter{}, one)
			return l.Total, err
		}},
		{access.BoxView, "边缘盒", func() (int64, error) {
			_, n, err := a.fleet.List(ctx, fleet.Filter{Order: "b.id", Limit: 1})
			return n, err
		}},
	} {
		if !who.Has(x.perm) {
			continue
		}
		n, err := x.count()
		if err != nil {
			return nil, err
		}
		out = append(out, access.Sample{Perm: x.perm, Name: x.name, Count: n})
	}
	return out, nil
}
