package onemap_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/base"
)

func actor(id, org, level, scope string, perms ...string) context.Context {
	a := access.Actor{ID: id, Name: id, OrgID: org, OrgLevel: level, Scope: access.Scope{Prefixes: strings.Split(scope, ",")}, Perms: map[string]bool{}}
	for _, p := range perms {
		a.Perms[p] = true
	}
	return access.With(context.Background(), a)
}

var everything = []string{access.MapView, access.CameraView, access.ShopView, access.AlertView, access.OrderView} //nolint:gochecknoglobals // never changed

func bureau() context.Context { return actor("a", "b", "bureau", "31", everything...) }

// plain keeps keys as they are.
type plain struct{}

func (plain) Seal(_, text, _ string) (string, error) { return "sealed:" + text, nil }
func (plain) OpenOrPlain(_, text, _ string) (string, error) {
	return strings.TrimPrefix(text, "sealed:"), nil
}

func service(t testing.TB, d *db.DB) *onemap.Service {
	t.Helper()
	tree, err := base.Regions()
	if err != nil {
		t.Fatal(err)
	}
	s, err := onemap.New(onemap.Options{DB: d, Regions: tree, Districts: base.Districts(), Keys: plain{}, Log: testkit.Log(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// row writes a table of another domain as its owner would: columns that are
// not named get an empty value of their type.
func row(t testing.TB, d *db.DB, table string, values map[string]any) {
	t.Helper()
	cols, marks, args := []string{}, []string{}, []any{}
	for _, c := range columns(t, d, table) {
		v, ok := values[c.name]
		if !ok {
			if !c.needed {
				continue
			}
			v = any("")
			if strings.Contains(c.kind, "INT") || strings.Contains(c.kind, "DOUBLE") || strings.Contains(c.kind, "REAL") || strings.Contains(c.kind, "NUMERIC") {
				v = 0
			}
			if strings.Contains(c.kind, "BOOL") {
				v = false
			}
		}
		cols = append(cols, c.name)
		args = append(args, v)
		mark := "?"
		if d.Postgres() {
			mark = fmt.Sprintf("$%d", len(args))
		}
		marks = append(marks, mark)
	}
	if _, err := d.SQL().Exec("INSERT INTO "+table+" ("+strings.Join(cols, ",")+") VALUES ("+strings.Join(marks, ",")+")", args...); err != nil {
		t.Fatalf("insert into %s: %v", table, err)
	}
}

type column struct {
	name, kind string
	needed     bool
}

func columns(t testing.TB, d *db.DB, table string) []column {
	t.Helper()
	q := "SELECT name, UPPER(type), CASE WHEN \"notnull\" = 1 AND dflt_value IS NULL THEN 1 ELSE 0 END FROM pragma_table_info('" + table + "')"
	if d.Postgres() {
		q = "SELECT column_name, UPPER(data_type), CASE WHEN is_nullable = 'NO' AND column_default IS NULL THEN 1 ELSE 0 END FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '" + table + "'"
	}
	rows, err := d.SQL().Query(q)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	out := []column{}
	for rows.Next() {
		var c column
		var n int
		if err := rows.Scan(&c.name, &c.kind, &n); err != nil {
			t.Fatal(err)
		}
		c.needed = n == 1
		out = append(out, c)
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		t.Fatalf("no columns of %s: %v", table, err)
	}
	return out
}

func shop(t testing.TB, d *db.DB, id, region, address string, lng, lat float64) {
	t.Helper()
	row(t, d, "shop_items", map[string]any{"id": id, "name": "店" + id, "region_code": region, "address": address, "lng": lng, "lat": lat, "rev": 1})
}

func order(t testing.TB, d *db.DB, i int, region string) {
	t.Helper()
	row(t, d, "order_items", map[string]any{
		"id": fmt.Sprintf("o%d", i), "no": fmt.Sprintf("GD%d", i), "kind": "stacking", "state": "dispatched", "lng": 121.47, "lat": 31.23, "region_code": region, "shop_name": "店",
		"squad_org_id": fmt.Sprintf("squad%d", i), "officer_id": fmt.Sprintf("officer%d", i), "due_at": int64(clock.At(d.Now())) + int64(i-1)*3_600_000, "rule_id": "order-rule-1", "text_key": fmt.Sprint(i), "rev": 1,
	})
}

func camera(t testing.TB, d *db.DB, id, region, state string, lng, lat float64) {
	t.Helper()
	row(t, d, "dir_cameras", map[string]any{"id": id, "code": id, "name": "点" + id, "region_code": region, "lng": lng, "lat": lat, "rev": 1})
	row(t, d, "dir_states", map[string]any{"camera_id": id, "state": state})
}

// TestOrdersAreSeenByTheirOwnRule holds that the map shows an order to whom
// its list shows it.
func TestOrdersAreSeenByTheirOwnRule(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d)
		for i, region := range []string{"310101013", "310101015", "310104014"} {
			order(t, d, i, region)
		}
		if err := s.Reconcile(context.Background()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name   string
			ctx    context.Context
			region string
			orders string
		}{
			{"city", bureau(), "", "o0:late o1: o2:"},
			{"city, one district", bureau(), "310101", "o0:late o1:"},
			{"district", actor("a", "b", "district", "310101", everything...), "", "o0:late o1:"},
			{"a squad sees what it was sent", actor("a", "squad2", "squad", "310101013", everything...), "", "o0:late o2:"},
			{"an officer sees the own", actor("officer1", "x", "squad", "310101013", everything...), "", "o0:late o1:"},
		} {
			f, err := s.List(c.ctx, onemap.ListQuery{Layer: "order", Filter: onemap.Filter{Region: c.region}, Page: 1, Size: 50})
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, o := range f.Items {
				late := ""
				if o.Late {
					late = "late"
				}
				got = append(got, o.ID+":"+late)
			}
			slices.Sort(got)
			if x := strings.Join(got, " "); x != c.orders || f.Total != int64(len(got)) {
				t.Errorf("%s: %q (total %d), want %q", c.name, x, f.Total, c.orders)
			}
			n := 0
			for _, z := range []int{8, 12, 16} {
				for _, p := range seen(t, s, c.ctx, "order", z, onemap.Filter{Region: c.region}, 121.47, 31.23) {
					n += p
				}
				if n != len(got) {
					t.Errorf("%s: tile of zoom %d shows %d, list %d", c.name, z, n, len(got))
				}
				n = 0
			}
		}
		if _, err := s.List(actor("a", "b", "bureau", "31", access.MapView), onemap.ListQuery{Layer: "order", Page: 1, Size: 5}); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Errorf("without the right to orders: %v", err)
		}
		if _, err := s.Facts(actor("a", "b", "bureau", "31"), nil); errs.CodeOf(err) != errs.ForbiddenCode {
			t.Errorf("without the right to the map: %v", err)
		}
	})
}

// TestEveryTileAgreesWithTheList moves, changes and removes shops and cameras
// at random, by events and by comparison, and holds that at every zoom the
// tiles of the city show a viewer exactly the objects of the viewer's scope.
func TestEveryTileAgreesWithTheList(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d)
		r := rand.New(rand.NewPCG(18, 20))
		streets := []string{"310101013", "310101015", "310104014", "310115005"}
		place := func() (float64, float64) { return 121.40 + r.Float64()*0.2, 31.15 + r.Float64()*0.15 }
		for i := range 300 {
			lng, lat := place()
			shop(t, d, fmt.Sprintf("s%03d", i), streets[r.IntN(4)], fmt.Sprintf("福州路%d号", i+1), lng, lat)
		}
		for i := range 80 {
			lng, lat := place()
			camera(t, d, fmt.Sprintf("c%03d", i), streets[r.IntN(4)], []string{"online", "offline"}[r.IntN(2)], lng, lat)
		}
		if err := s.Reconcile(context.Background()); err != nil {
			t.Fatal(err)
		}
		check(t, s, "after the first comparison", 8, 11, 13)
		for round := range 6 {
			ids := []string{}
			for range 40 {
				id := fmt.Sprintf("s%03d", r.IntN(300))
				lng, lat := place()
				q := fmt.Sprintf("UPDATE shop_items SET lng = %f, lat = %f, region_code = '%s', business = '%s' WHERE id = '%s'", lng, lat, streets[r.IntN(4)], []string{"餐饮", "五金", ""}[r.IntN(3)], id)
				if r.IntN(5) == 0 {
					q = fmt.Sprintf("UPDATE shop_items SET deleted_at = %s WHERE id = '%s'", []string{"1", "NULL"}[r.IntN(2)], id)
				}
				if _, err := d.SQL().Exec(q); err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			}
			if round%2 == 0 {
				err := d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error { return s.Take(ctx, tx, "shop", ids...) })
				if err != nil {
					t.Fatal(err)
				}
			} else if err := s.Reconcile(context.Background()); err != nil {
				t.Fatal(err)
			}
			check(t, s, fmt.Sprintf("round %d", round), 8, 13, 14)
		}
		if _, err := d.SQL().Exec("UPDATE dir_states SET state = 'offline'"); err != nil {
			t.Fatal(err)
		}
		if err := s.Reconcile(context.Background()); err != nil {
			t.Fatal(err)
		}
		check(t, s, "all cameras off", 11, 14, 16)
		f, err := s.Facts(bureau(), map[string]onemap.Filter{"camera": {State: "bad"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range f {
			if x.Layer == "camera" && x.Total != 80 {
				t.Errorf("80 cameras are off, counted %d", x.Total)
			}
		}
	})
}

func check(t *testing.T, s *onemap.Service, when string, zooms ...int) {
	t.Helper()
	for _, scope := range []string{"31", "310101", "310104014,310115", "310109"} {
		ctx := actor("x", "y", "district", scope, everything...)
		for _, layer := range []string{"shop", "camera"} {
			list, err := s.List(ctx, onemap.ListQuery{Layer: layer, Page: 1, Size: 200})
			if err != nil {
				t.Fatal(err)
			}
			again, err := s.List(ctx, onemap.ListQuery{Layer: layer, Page: 2, Size: 200})
			if err != nil {
				t.Fatal(err)
			}
			want := len(list.Items) + len(again.Items)
			if list.Total != int64(want) {
				t.Errorf("%s: %s of %s: total %d, list %d", when, layer, scope, list.Total, want)
			}
			for _, z := range zooms {
				n := 0
				for _, p := range seen(t, s, ctx, layer, z, onemap.Filter{}, 121.5, 31.22) {
					n += p
				}
				if n != want {
					t.Errorf("%s: %s of %s at zoom %d: tiles show %d, list %d", when, layer, scope, z, n, want)
				}
			}
			in, err := s.List(ctx, onemap.ListQuery{Layer: layer, Page: 1, Size: 200, Ring: [][2]float64{{121.3, 31.1}, {121.7, 31.1}, {121.7, 31.4}, {121.3, 31.4}}})
			if err != nil {
				t.Fatal(err)
			}
			if in.Total != int64(want) {
				t.Errorf("%s: %s of %s: area search finds %d, list %d", when, layer, scope, in.Total, want)
			}
		}
	}
}
