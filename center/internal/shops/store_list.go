package shops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/textkey"
)

// Filter narrows lists; a zero field does not.
type Filter struct {
	Region, Camera, Q string
	Business, State   string
	Road              string
	// Smart is yes or no: in smart supervision. Pledge: has signed.
	Smart, Pledge string
	// Bin lists the deleted ones instead.
	Bin bool
}

// hot is the number of rows from which a pair of characters narrows nothing:
// then the rows are read in the order of the list until a page is full, and
// the number of all is given as hot+1.
const hot = 5000

// deepest is the last row that can be paged to.
const deepest = 10_000

// search is a text that somebody looks for, made ready for a query.
type search struct {
	none bool // nothing can match
	// column and values look up a number that is stored whole.
	column string
	values []string
	prefix bool
	ways   []textkey.Way
	keys   []int64
	hot    bool
}

// ask reads what a person typed.
func (s *Service) ask(ctx context.Context, idb bun.IDB, q, table string) (search, error) {
	q = strings.TrimSpace(q)
	if q == "" {
		return search{}, nil
	}
	bare := strings.ToUpper(strings.ReplaceAll(q, " ", ""))
	switch {
	case strings.HasPrefix(bare, "SP-"):
		return search{column: "no", values: []string{bare}, prefix: true}, nil
	case len(bare) == 18 && CreditCodeFault(bare) == "":
		return search{column: "credit_code", values: []string{bare}}, nil
	case len(bare) == 11 && bare[0] == '1' && strings.Trim(bare, "0123456789") == "":
		return search{column: "contact_blind", values: s.keys.Blinds(purposePhone, bare)}, nil
	}
	out := search{ways: textkey.Query(q)}
	for _, w := range out.ways {
		if len(w.Keys) == 0 {
			out.hot = true
			break
		}
		best, n := int64(0), int64(hot+2)
		for _, k := range w.Keys[:min(len(w.Keys), 8)] {
			c, err := idb.NewSelect().TableExpr("(?) AS x", idb.NewSelect().TableExpr("?", bun.Ident(table)).ColumnExpr("1").Where("gram = ?", k).Limit(hot+1)).Count(ctx)
			if err != nil {
				return out, fmt.Errorf("look for %.40q: %w", q, err)
			}
			if c < n {
				best, n = k, c
			}
		}
		if n > hot {
			out.hot = true
		}
		if !slices.Contains(out.keys, best) && n > 0 {
			out.keys = append(out.keys, best)
		}
	}
	out.none = !out.hot && len(out.keys) == 0
	return out, nil
}

// apply narrows a query; alias is the table's, with a column search.
func (x search) apply(q *bun.SelectQuery, alias, table string) *bun.SelectQuery {
	a := bun.Safe(alias)
	switch {
	case x.none:
		return q.Where("1 = 0")
	case x.column != "" && len(x.values) == 0:
		return q.Where("1 = 0")
	case x.column != "" && x.prefix:
		return q.Where("?.? LIKE ? ESCAPE '!'", a, bun.Ident(x.column), db.Starts(x.values[0]))
	case x.column != "":
		return q.Where("?.? IN (?)", a, bun.Ident(x.column), bun.List(x.values))
	case len(x.ways) == 0:
		return q
	}
	if !x.hot {
		q = q.Where("?.id IN (SELECT g.id FROM ? AS g WHERE g.gram IN (?))", a, bun.Ident(table), bun.List(x.keys))
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		for _, w := range x.ways {
			q = q.WhereOr("?.search LIKE ? ESCAPE '!'", a, db.Contains(w.Contains))
		}
		return q
	})
}

func (f Filter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	if f.Bin {
		q = q.Where("h.deleted_at IS NOT NULL")
	} else {
		q = q.Where("h.deleted_at IS NULL")
	}
	q = who.Scope.Filter(q, "h.region_code")
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "h.region_code")
	}
	if f.Camera != "" {
		q = q.Where("(h.camera_id = ? OR h.id IN (SELECT z.shop_id FROM v_directory_zones AS z WHERE z.camera_id = ?))", f.Camera, f.Camera)
	}
	for _, x := range []struct{ column, value string }{{"business", f.Business}, {"state", f.State}, {"road", f.Road}} {
		if x.value != "" {
			q = q.Where("h.? = ?", bun.Ident(x.column), x.value)
		}
	}
	if f.Smart != "" {
		q = q.Where("h.smart = ?", f.Smart == "yes")
	}
	switch f.Pledge {
	case "yes":
		q = q.Where("h.pledge_ymd > 0")
	case "no":
		q = q.Where("h.pledge_ymd = 0")
	}
	return q
}

// Listed is a shop with the number of its open alerts and orders.
type Listed struct {
	Shop                   Shop
	OpenAlerts, OpenOrders int64
}

func (s *Service) list(ctx context.Context, idb bun.IDB, who access.Actor, f Filter, p httpx.Paging) ([]Listed, int64, error) {
	order, err := p.Order(map[string]string{"name": "h.name", "region": "h.region_code", "updatedAt": "h.updated_at", "address": "h.road", "deletedAt": "h.deleted_at"}, map[bool]string{false: "h.name ASC", true: "h.deleted_at DESC"}[f.Bin])
	if err != nil {
		return nil, 0, err
	}
	if p.Offset()+p.Limit() > deepest {
		return nil, 0, errs.Invalidf("page", "只能翻到第 %d 条，请用筛选缩小范围", deepest)
	}
	x, err := s.ask(ctx, idb, f.Q, "shop_grams")
	if err != nil {
		return nil, 0, err
	}
	rows := []shopRow{}
	narrow := func(q *bun.SelectQuery) *bun.SelectQuery { return x.apply(f.apply(q, who), "h", "shop_grams") }
	q := narrow(idb.NewSelect().Model(&rows))
	// The id follows the direction, so that an index serves both ways.
	dir := " ASC"
	if strings.HasSuffix(order, " DESC") {
		dir = " DESC"
	}
	if strings.HasPrefix(order, "h.road ") {
		order += ", h.region_code" + dir + ", h.house_no" + dir
	}
	if err := q.OrderExpr("?, h.id"+dir, bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list shops: %w", err)
	}
	total, err := count(ctx, idb, narrow, x.hot, p, len(rows))
	if err != nil {
		return nil, 0, err
	}
	out, err := withOpen(ctx, idb, rows)
	return out, total, err
}

// count gives the number of all rows; one more than can be paged to stands for
// more, and of a text that is in very many rows hot+1.
func count(ctx context.Context, idb bun.IDB, narrow func(*bun.SelectQuery) *bun.SelectQuery, hotText bool, p httpx.Paging, got int) (int64, error) {
	if got > 0 && int64(got) < p.Limit() {
		return p.Offset() + int64(got), nil
	}
	q := narrow(idb.NewSelect().Model((*shopRow)(nil)).ColumnExpr("1"))
	most := int64(deepest + 1)
	if hotText {
		most = hot + 1
	}
	q = q.Limit(most)
	n, err := idb.NewSelect().TableExpr("(?) AS x", q).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count shops: %w", err)
	}
	return int64(n), nil
}

// withOpen adds the open alerts and orders, and the zone that names the shop
// when the shop names none.
func withOpen(ctx context.Context, idb bun.IDB, rows []shopRow) ([]Listed, error) {
	out := make([]Listed, len(rows))
	if len(rows) == 0 {
		return out, nil
	}
	at, ids := map[string]*Listed{}, make([]string, len(rows))
	for i := range rows {
		out[i].Shop, ids[i] = rows[i].shop(), rows[i].ID
		at[rows[i].ID] = &out[i]
	}
	var zones []struct{ ID, CameraID, ShopID string }
	if err := idb.NewSelect().TableExpr("v_directory_zones AS z").ColumnExpr("z.id, z.camera_id, z.shop_id").
		Where("z.shop_id IN (?)", bun.List(ids)).OrderExpr("z.id").Scan(ctx, &zones); err != nil {
		return nil, fmt.Errorf("load the zones of shops: %w", err)
	}
	for _, z := range zones {
		if s := &at[z.ShopID].Shop; s.ZoneID == "" {
			s.ZoneID, s.CameraID = z.ID, z.CameraID
		}
	}
	for _, x := range []struct {
		view string
		add  func(l *Listed, n int64)
	}{
		{"v_alerts_open", func(l *Listed, n int64) { l.OpenAlerts = n }},
		{"v_orders_open_shop", func(l *Listed, n int64) { l.OpenOrders = n }},
	} {
		var counts []struct {
			ShopID string
			N      int64
		}
		if err := idb.NewSelect().TableExpr("? AS v", bun.Safe(x.view)).ColumnExpr("v.shop_id, COUNT(*) AS n").
			Where("v.shop_id IN (?)", bun.List(ids)).GroupExpr("v.shop_id").Scan(ctx, &counts); err != nil {
			return nil, fmt.Errorf("count what is open for shops: %w", err)
		}
		for _, c := range counts {
			x.add(at[c.ShopID], c.N)
		}
	}
	return out, nil
}

// each gives all shops of a filter in the order of their ids, for exports.
func (s *Service) each(ctx context.Context, who access.Actor, f Filter, fn func(Shop) error) error {
	x, err := s.ask(ctx, s.db.Read(), f.Q, "shop_grams")
	if err != nil {
		return err
	}
	for after := ""; ; {
		rows := []shopRow{}
		q := x.apply(f.apply(s.db.Read().NewSelect().Model(&rows), who), "h", "shop_grams").Where("h.id > ?", after)
		if err := q.OrderExpr("h.id").Limit(1000).Scan(ctx); err != nil {
			return fmt.Errorf("read shops: %w", err)
		}
		for i := range rows {
			if err := fn(rows[i].shop()); err != nil {
				return err
			}
			after = rows[i].ID
		}
		if len(rows) < 1000 {
			return nil
		}
	}
}

// countAll is the number of shops of a filter.
func (s *Service) countAll(ctx context.Context, who access.Actor, f Filter) (int64, error) {
	x, err := s.ask(ctx, s.db.Read(), f.Q, "shop_grams")
	if err != nil {
		return 0, err
	}
	n, err := x.apply(f.apply(s.db.Read().NewSelect().Model((*shopRow)(nil)), who), "h", "shop_grams").Count(ctx)
	return int64(n), err
}

// strip loads one side of a road in the order of the houses.
func strip(ctx context.Context, idb bun.IDB, who access.Actor, road, region, side string) ([]Shop, error) {
	rows := []shopRow{}
	q := who.Scope.Filter(idb.NewSelect().Model(&rows).Where("h.deleted_at IS NULL AND h.road = ?", road), "h.region_code")
	if region != "" {
		q = access.Scope{Prefixes: []string{region}}.Filter(q, "h.region_code")
	}
	if side != "" {
		q = q.Where("h.side = ?", side)
	}
	if err := q.OrderExpr("h.house_no, h.address, h.id").Limit(stripLimit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load the shops of %s: %w", road, err)
	}
	return shopsOf(rows), nil
}

// ShopRoad is a road with the number of its shops.
type ShopRoad struct {
	Road       string `json:"road"`
	RegionCode string `json:"regionCode"`
	N          int64  `json:"n"`
}

// roads lists the roads of a region with shops on them.
func roads(ctx context.Context, idb bun.IDB, who access.Actor, region string) ([]ShopRoad, error) {
	out := []ShopRoad{}
	q := who.Scope.Filter(idb.NewSelect().Model((*shopRow)(nil)).ColumnExpr("h.road, h.region_code, COUNT(*) AS n").Where("h.deleted_at IS NULL AND h.road <> ''"), "h.region_code")
	q = access.Scope{Prefixes: []string{region}}.Filter(q, "h.region_code")
	if err := q.GroupExpr("h.road, h.region_code").OrderExpr("h.region_code, h.road").Limit(2000).Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("list roads: %w", err)
	}
	return out, nil
}

// hints loads the first shops of a search.
func (s *Service) hints(ctx context.Context, who access.Actor, q string, limit int64) ([]shopRow, error) {
	x, err := s.ask(ctx, s.db.Read(), q, "shop_grams")
	rows := []shopRow{}
	if err != nil || len(x.ways) == 0 && x.column == "" {
		return rows, err
	}
	sel := x.apply(Filter{}.apply(s.db.Read().NewSelect().Model(&rows), who), "h", "shop_grams").OrderExpr("h.name, h.id").Limit(limit)
	if err := sel.Scan(ctx); err != nil {
		return nil, fmt.Errorf("look for shops: %w", err)
	}
	return rows, nil
}
