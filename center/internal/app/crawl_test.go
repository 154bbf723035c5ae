package app

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/xuri/excelize/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/base"
	"jiexun/center/seed/demo"
)

// The streets in which the crawler's rows lie: the demonstration's, another
// one of the same district, and one of another district.
const (
	streetA = "310101013"
	streetB = "310101002"
	streetC = "310104003"
)

// thing is a row that only some may see; tokens are texts that no other row
// has.
type thing struct {
	kind, id, region string
	tokens           []string
}

// visitor is a person with one role in one scope.
type visitor struct {
	role, prefix, account, id string
	perms                     map[string]bool
	heads                     map[string]string
}

type crawler struct {
	*city
	things   []thing
	visitors []*visitor
	routes   []crawled
	requests int
}

type crawled struct {
	method, path, perm string
	outside            bool // for other systems, which sign each request
	query              map[string]bool
}

func newCrawler(t *testing.T) *crawler {
	t.Helper()
	fake := clock.NewFake(testkit.Start())
	a, err := New(context.Background(), Options{
		Data: t.TempDir(), Edge: "127.0.0.1:0", MQTT: "127.0.0.1:0", Clock: fake, Log: slog.New(slog.DiscardHandler),
		Access: access.Options{Hash: access.HashParams{MemoryKiB: 64, Passes: 1, Lanes: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.CloseUnstarted(); err != nil {
			t.Error(err)
		}
	})
	res, err := demo.Load(context.Background(), a.Demo(), demo.Options{RTSP: "rtsp://127.0.0.1:8654", Scenes: scenes(t)})
	if err != nil {
		t.Fatal(err)
	}
	c := &crawler{city: &city{a: a, clock: fake, demo: res, heads: map[string]map[string]string{}}}
	c.populate(t)
	for path, i := range a.api.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": i.Get, "POST": i.Post, "PUT": i.Put, "DELETE": i.Delete, "PATCH": i.Patch} {
			if op != nil {
				r := crawled{method, path, fmt.Sprint(op.Extensions["x-permission"]), strings.HasPrefix(path, "/api/open/"), map[string]bool{}}
				for _, p := range op.Parameters {
					r.query[p.Name] = p.In == "query"
				}
				c.routes = append(c.routes, r)
			}
		}
	}
	slices.SortFunc(c.routes, func(a, b crawled) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	roles, err := a.access.AllRoles(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		for _, prefix := range []string{"31", "310101", streetA} {
			c.visitors = append(c.visitors, c.visitor(t, r.Code, prefix))
		}
	}
	return c
}

func (c *crawler) visitor(t *testing.T, role, prefix string) *visitor {
	t.Helper()
	v := &visitor{role: role, prefix: prefix, account: "p-" + prefix + "-" + role}
	org := prefix
	if prefix == "31" {
		org = "310000"
	}
	var err error
	v.id, err = c.a.access.EnsurePerson(t.Context(), access.NewPerson{
		Account: v.account, Name: "演示" + v.account, OrgID: base.OrgID(org), Password: demo.Password, Roles: []string{role}, Prefixes: []string{prefix},
	})
	if err != nil {
		t.Fatal(err)
	}
	who, err := c.a.access.ActorOf(t.Context(), v.id)
	if err != nil {
		t.Fatal(err)
	}
	v.perms = who.Perms
	c.enter(t, v)
	return v
}

func (c *crawler) enter(t *testing.T, v *visitor) {
	t.Helper()
	o, err := c.a.access.OpenFor(t.Context(), v.id, access.MethodPassword, "crawler", "")
	if err != nil {
		t.Fatal(err)
	}
	v.heads = map[string]string{"Cookie": httpx.CookieName + "=" + o.Token, "X-CSRF-Token": o.CSRF}
}

// ask sends a request; a session that the crawl itself has ended is opened
// anew.
func (c *crawler) ask(t *testing.T, v *visitor, method, address string) (int, []byte) {
	t.Helper()
	var body any
	if method != "GET" && method != "DELETE" {
		body = "{}"
	}
	c.requests++
	code, out, _ := testkit.Do(t, c.a.fiber, method, address, body, v.heads)
	if code == http.StatusUnauthorized && !strings.HasPrefix(address, "/api/open/") {
		c.enter(t, v)
		code, out, _ = testkit.Do(t, c.a.fiber, method, address, body, v.heads)
	}
	return code, out
}

// clone copies the first row of a table with some columns changed.
func (c *crawler) clone(t *testing.T, table, where string, change map[string]any) {
	t.Helper()
	rows, err := c.a.db.SQL().Query("SELECT * FROM " + table + " WHERE " + where + " LIMIT 1")
	if err != nil {
		t.Fatal(err)
	}
	cols, err := rows.Columns()
	if err != nil || !rows.Next() {
		t.Fatalf("%s has no row to copy: %v", table, err)
	}
	values, into := make([]any, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	for i, col := range cols {
		if v, ok := change[col]; ok {
			values[i] = v
		}
	}
	q := "INSERT INTO " + table + " (" + strings.Join(cols, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(cols)-1) + ")"
	if _, err := c.a.db.SQL().Exec(q, values...); err != nil {
		t.Fatalf("copy a row of %s: %v", table, err)
	}
}

// populate makes one of each thing in each street.
func (c *crawler) populate(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	frame, err := c.a.blobs.PutBytes(ctx, picture(t, 70), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	c.report(t, 1, 1, 0, edgev1.Frontage, edgev1.Opened, frame.SM3)
	c.report(t, 2, 1, 1, edgev1.Stacking, edgev1.Opened, frame.SM3)
	list := call[page](t, c.city, "caozuo", "GET", "/api/alerts?tab=pending&sort=no", nil)
	call[struct{ OrderID string }](t, c.city, "caozuo", "POST", "/api/alerts/"+list.Items[0].ID+"/confirm", map[string]any{"rev": list.Items[0].Rev})
	c.drain(t)
	for i, region := range []string{streetA, streetB, streetC} {
		snap, err := c.a.blobs.PutBytes(ctx, picture(t, uint8(100+i)), "image/jpeg")
		if err != nil {
			t.Fatal(err)
		}
		c.furnish(t, region, snap.SM3)
	}
}

func (c *crawler) furnish(t *testing.T, region, sm3 string) {
	t.Helper()
	add := func(kind, id string, tokens ...string) {
		c.things = append(c.things, thing{kind, id, region, append(tokens, id)})
	}
	name := func(kind string) string { return "只在" + region + kind }
	box, cam, shop, alert, order, event := ids.New(), ids.New(), ids.New(), ids.New(), ids.New(), ids.New()
	c.clone(t, "fleet_boxes", "1 = 1", map[string]any{"id": box, "name": name("盒"), "region_code": region, "serial": "", "instance": ""})
	c.clone(t, "dir_cameras", "1 = 1", map[string]any{"id": cam, "code": region + "999", "name": name("点"), "region_code": region, "box_id": box, "search": name("点"), "snapshot_sm3": sm3, "reference_sm3": "", "squad_org_id": ""})
	c.clone(t, "dir_states", "1 = 1", map[string]any{"camera_id": cam})
	c.clone(t, "shop_items", "1 = 1", map[string]any{"id": shop, "name": name("店"), "region_code": region, "camera_id": "", "zone_id": "", "search": name("店"), "sign_reference_sm3": ""})
	c.clone(t, "alert_items", "state = 'pending'", map[string]any{"id": alert, "no": "YJ-" + region, "event_id": event, "region_code": region, "camera_id": cam, "camera_name": name("点"), "shop_id": "", "shop_name": "", "thumb": sm3})
	c.clone(t, "alert_events", "1 = 1", map[string]any{"alert_id": alert, "event_id": event})
	c.clone(t, "order_items", "1 = 1", map[string]any{"id": order, "no": "GD-" + region, "region_code": region, "camera_id": cam, "camera_name": name("点"), "shop_id": "", "shop_name": "", "squad_org_id": "", "squad_name": "", "officer_id": "", "officer_name": "", "suggested_squad_id": "", "thumb": sm3})
	who, err := c.a.access.EnsurePerson(t.Context(), access.NewPerson{Account: "local-" + region, Name: name("人"), OrgID: base.OrgID(region), Password: demo.Password, Roles: []string{"officer"}})
	if err != nil {
		t.Fatal(err)
	}
	add("box", box, name("盒"))
	add("camera", cam, name("点"))
	add("shop", shop, name("店"))
	add("alert", alert, "YJ-"+region)
	add("order", order, "GD-"+region)
	add("person", who, "local-"+region, name("人"))
	add("picture", sm3)
}

func (v *visitor) sees(x thing) bool { return strings.HasPrefix(x.region, v.prefix) }

var hole = regexp.MustCompile(`\{[^}]+\}`)

// fill puts an id, or the digest of a picture, into a path.
func fill(path, id string) string {
	return hole.ReplaceAllStringFunc(path, func(p string) string {
		if (p == "{sm3}") != (len(id) == 64) {
			return map[bool]string{true: strings.Repeat("0", 64), false: "01KAV3M6Q0ZX2B4N5R7T8W9Y0A"}[p == "{sm3}"]
		}
		return id
	})
}

// text gives what an answer says: spreadsheets are unpacked.
func text(b []byte) string {
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		return string(b)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return string(b)
	}
	var out strings.Builder
	for _, f := range z.File {
		if r, err := f.Open(); err == nil {
			_, _ = io.Copy(&out, r)
			_ = r.Close()
		}
	}
	return out.String()
}

// leaks names what an answer says of rows that the visitor may not see. What
// the request itself named may be named again.
func (c *crawler) leaks(v *visitor, asked string, body []byte) []string {
	said, out := text(body), []string(nil)
	for _, x := range c.things {
		if v.sees(x) {
			continue
		}
		for _, tok := range x.tokens {
			if tok != asked && strings.Contains(said, tok) {
				out = append(out, x.kind+" "+tok)
			}
		}
	}
	return out
}

func (r crawled) open(v *visitor) bool {
	return r.perm == httpx.SignedIn || r.perm == httpx.Public || v.perms[r.perm]
}

// endless answers never end, or end the session on purpose.
func (r crawled) skip() bool {
	return r.path == "/api/stream" || r.path == "/api/session"
}

// Every route, as every role, in three scopes: nothing outside the scope is
// said or done, whatever is asked; what is inside is there; and the exported
// matrices say just what was seen.
func TestEveryRouteInThreeScopes(t *testing.T) {
	c := newCrawler(t)
	may := map[string]map[string]bool{} // role, permission: some route answered
	for _, v := range c.visitors {
		if may[v.role] == nil {
			may[v.role] = map[string]bool{}
		}
		for _, r := range c.routes {
			if r.skip() || r.outside {
				continue
			}
			c.visit(t, v, r, may[v.role])
		}
		c.inside(t, v)
	}
	c.rolesAsSeen(t, may)
	c.personsAsSeen(t)
	t.Logf("%d routes, %d visitors, %d requests", len(c.routes), len(c.visitors), c.requests)
}

func (c *crawler) visit(t *testing.T, v *visitor, r crawled, may map[string]bool) {
	t.Helper()
	plain := fill(r.path, "01KAV3M6Q0ZX2B4N5R7T8W9Y0A")
	code, body := c.ask(t, v, r.method, plain)
	switch {
	case !r.open(v) && code != 403:
		t.Errorf("%s may not %s %s, and gets %d %.200s", v.account, r.method, r.path, code, body)
	case code == 500, code == 401 && r.perm != httpx.Public: // a public page may have a door of its own
		t.Errorf("%s %s %s: %d %.300s", v.account, r.method, r.path, code, body)
	}
	if code != 403 && r.perm != httpx.SignedIn && r.perm != httpx.Public {
		may[r.perm] = true
	}
	for _, l := range c.leaks(v, "", body) {
		t.Errorf("%s %s %s tells of %s", v.account, r.method, r.path, l)
	}
	if !r.open(v) || v.prefix == "31" && r.method != "GET" {
		return
	}
	if !strings.Contains(r.path, "{") {
		if r.method == "GET" {
			c.lists(t, v, r)
		}
		return
	}
	for _, x := range c.things {
		if v.sees(x) || (x.kind == "picture") != strings.Contains(r.path, "{sm3}") {
			continue
		}
		code, body := c.ask(t, v, r.method, fill(r.path, x.id))
		if code < 300 && !harmless(body) {
			t.Errorf("%s %s %s of a %s of %s: %d %.200s", v.account, r.method, r.path, x.kind, x.region, code, body)
		}
		for _, l := range c.leaks(v, x.id, body) {
			t.Errorf("%s %s %s of a %s of %s tells of %s", v.account, r.method, r.path, x.kind, x.region, l)
		}
	}
}

// harmless is an answer that says nothing: an empty list or object.
func harmless(body []byte) bool {
	s := strings.TrimSpace(string(body))
	return s == "" || s == "[]" || s == "{}" || s == "null" || strings.Contains(s, `"items":[]`)
}

// lists asks a list whole, by the regions outside, and by the texts of rows
// outside.
func (c *crawler) lists(t *testing.T, v *visitor, r crawled) {
	t.Helper()
	queries := []string{}
	ask := func(param, q string) {
		if r.query[param] {
			queries = append(queries, "?"+q)
		}
	}
	ask("size", "size=200")
	ask("tab", "size=200&tab=all")
	ask("all", "size=200&all=true")
	for _, x := range c.things {
		if !v.sees(x) && x.kind != "picture" {
			ask("q", "q="+x.tokens[0])
		}
	}
	for _, region := range []string{streetB, streetC} {
		ask("region", "region="+region)
		ask("org", "below=true&org="+base.OrgID(region))
	}
	for _, q := range queries {
		code, body := c.ask(t, v, r.method, r.path+q)
		if code == 500 {
			t.Errorf("%s %s%s: 500 %.200s", v.account, r.path, q, body)
		}
		asked := ""
		if _, tok, ok := strings.Cut(q, "?q="); ok {
			asked = tok
		}
		for _, l := range c.leaks(v, asked, body) {
			t.Errorf("%s %s%s tells of %s", v.account, r.path, q, l)
		}
	}
}

// inside proves that the crawl would have seen something: the rows of the
// scope are in their lists, and can be opened.
func (c *crawler) inside(t *testing.T, v *visitor) {
	t.Helper()
	for kind, l := range map[string]struct{ perm, list, one string }{
		"camera": {access.CameraView, "/api/cameras?size=200", "/api/cameras/"}, "shop": {access.ShopView, "/api/shops?size=200", "/api/shops/"},
		"alert": {access.AlertView, "/api/alerts?size=200&tab=all", "/api/alerts/"}, "order": {access.OrderView, "/api/orders?size=200&tab=all", "/api/orders/"},
		"box": {access.BoxView, "/api/boxes?size=200", "/api/boxes/"}, "person": {access.OrgManage, "/api/people?size=200", "/api/people/"},
		"picture": {access.CameraView, "/api/cameras?size=200", "/api/blobs/"},
	} {
		if !v.perms[l.perm] {
			continue
		}
		_, body := c.ask(t, v, "GET", l.list)
		for _, x := range c.things {
			if x.kind != kind || !v.sees(x) {
				continue
			}
			if kind != "picture" && !bytes.Contains(body, []byte(x.id)) {
				t.Errorf("%s does not find the %s of %s in %s", v.account, kind, x.region, l.list)
			}
			if code, out := c.ask(t, v, "GET", l.one+x.id); code != 200 {
				t.Errorf("%s opens the %s of %s: %d %.200s", v.account, kind, x.region, code, out)
			}
		}
	}
}

func (c *crawler) workbook(t *testing.T, address string) [][]string {
	t.Helper()
	i := slices.IndexFunc(c.visitors, func(v *visitor) bool { return v.role == "sec_admin" && v.prefix == "31" })
	code, body := c.ask(t, c.visitors[i], "GET", address)
	if code != 200 {
		t.Fatalf("%s: %d %.200s", address, code, body)
	}
	f, err := excelize.OpenReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := f.GetRows(f.GetSheetList()[0])
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// rolesAsSeen compares the exported matrix of roles with the routes that
// answered.
func (c *crawler) rolesAsSeen(t *testing.T, may map[string]map[string]bool) {
	t.Helper()
	rows := c.workbook(t, "/api/roles.xlsx")
	roles, err := c.a.access.AllRoles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	routed := map[string]bool{}
	for _, r := range c.routes {
		routed[r.perm] = true
	}
	cells := 0
	for _, row := range rows[1:] {
		if !routed[row[0]] {
			continue
		}
		for i, r := range roles {
			mark := 2+i < len(row) && row[2+i] == "√"
			cells++
			if mark != may[r.Code][row[0]] {
				t.Errorf("matrix says %s of %s: %v; the crawl saw %v", row[0], r.Code, mark, may[r.Code][row[0]])
			}
		}
	}
	if cells < 200 {
		t.Errorf("only %d cells compared", cells)
	}
}

// personsAsSeen compares the exported matrix of persons with the scopes that
// the crawl proved.
func (c *crawler) personsAsSeen(t *testing.T) {
	t.Helper()
	rows := c.workbook(t, "/api/access/matrix.xlsx")
	perms := []string{}
	for _, h := range rows[0][4:] {
		perms = append(perms, h[strings.LastIndex(h, " ")+1:])
	}
	want := map[string]*visitor{}
	for _, v := range c.visitors {
		want[v.account] = v
	}
	for _, row := range rows[1:] {
		v := want[row[0]]
		if v == nil {
			continue
		}
		delete(want, row[0])
		for i, p := range perms {
			cell := ""
			if 4+i < len(row) {
				cell = row[4+i]
			}
			if expect := map[bool]string{true: v.prefix}[v.perms[p]]; cell != expect {
				t.Errorf("matrix says %s of %s holds in %q, want %q", p, v.account, cell, expect)
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not in the matrix: %v", slices.Sorted(maps.Keys(want)))
	}
}
