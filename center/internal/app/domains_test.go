package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/demo"
)

// city is a center with the demonstration district, without listeners.
type city struct {
	a     *App
	clock *clock.Fake
	demo  demo.Result
	heads map[string]map[string]string
}

func scenes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	square := []edgev1.Point{{X: .1, Y: .1}, {X: .9, Y: .1}, {X: .9, Y: .9}, {X: .1, Y: .9}}
	for i := 1; i <= 4; i++ {
		truth := map[string]any{"zones": []edgev1.Zone{
			{ID: "pavement", Name: "人行道", Kind: edgev1.ZonePavement, Polygon: square},
			{ID: "frontage", Name: "门前", Kind: edgev1.ZoneFrontage, Polygon: square},
			{ID: "sign", Name: "店招", Kind: edgev1.ZoneSign, Polygon: square, SignName: fmt.Sprintf("演示店%d", i)},
		}}
		b, err := json.Marshal(truth)
		if err != nil {
			t.Fatal(err)
		}
		d := filepath.Join(dir, fmt.Sprintf("cam%d", i))
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d, "truth.json"), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func newCity(t *testing.T) *city {
	t.Helper()
	c := clock.NewFake(testkit.Start())
	a, err := New(context.Background(), Options{
		Data: t.TempDir(), Edge: "127.0.0.1:0", MQTT: "127.0.0.1:0", Clock: c, Log: testkit.Log(t),
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
	o := demo.Options{RTSP: "rtsp://127.0.0.1:8654", Scenes: scenes(t), Camera: "rtsp://u:p@10.1.2.3/live"}
	res, err := demo.Load(context.Background(), a.Demo(), o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := demo.Load(context.Background(), a.Demo(), o)
	if err != nil {
		t.Fatal(err)
	}
	if again.String() != res.String() || len(res.Cameras) != 5 || res.Shops < 4 {
		t.Fatalf("loading twice differs:\n%s\n%s", res, again)
	}
	return &city{a: a, clock: c, demo: res, heads: map[string]map[string]string{}}
}

// as logs an account in once and gives the headers of its session.
func (c *city) as(t *testing.T, account string) map[string]string {
	t.Helper()
	if h := c.heads[account]; h != nil {
		return h
	}
	code, body, head := testkit.Do(t, c.a.Fiber(), http.MethodPost, "/api/session", map[string]string{"account": account, "password": demo.Password}, nil)
	if code != 200 {
		t.Fatalf("log in as %s: %d %s", account, code, body)
	}
	s := testkit.JSON[struct{ CSRF string }](t, body)
	cookie, _, _ := strings.Cut(head.Get("Set-Cookie"), ";")
	c.heads[account] = map[string]string{"Cookie": cookie, "X-CSRF-Token": s.CSRF}
	return c.heads[account]
}

// call sends a request that has to work and decodes the answer.
func call[T any](t *testing.T, c *city, account, method, path string, body any) T {
	t.Helper()
	code, out, _ := testkit.Do(t, c.a.Fiber(), method, path, body, c.as(t, account))
	if code != 200 {
		t.Fatalf("%s %s %s: %d %s", account, method, path, code, out)
	}
	return testkit.JSON[T](t, out)
}

func (c *city) camera(i int) string {
	id, _, _ := strings.Cut(c.demo.Cameras[i], " ")
	return id
}

// report lets the box report an event, as the ingest would.
func (c *city) report(t *testing.T, n, rev, camera int, kind edgev1.Kind, phase edgev1.Phase, sm3 string) {
	t.Helper()
	at := edgev1.At(c.clock.Now())
	zone := map[edgev1.Kind]string{edgev1.Stacking: "pavement", edgev1.Frontage: "frontage", edgev1.Sign: "sign"}[kind]
	e := edgev1.Event{
		ID: fmt.Sprintf("01K%023d", n), Rev: rev, Camera: c.camera(camera), Kind: kind, Phase: phase, Zone: fmt.Sprintf("cam%d-%s", camera+1, zone),
		ZoneName: zone, Since: edgev1.At(at.Add(-20 * time.Second)), ConfirmedAt: at, Score: .9,
		Evidence: []edgev1.EvidenceRef{{Role: "frame", SM3: sm3, Size: 1, MediaType: "image/jpeg"}},
	}
	err := c.a.db.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
		bad, err := c.a.takeEvents(ctx, tx, c.demo.BoxID, []edgev1.Received{{Event: e}})
		if len(bad) > 0 {
			return bad[0]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (c *city) drain(t *testing.T) {
	t.Helper()
	for {
		n, err := c.a.bus.Drain(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

func picture(t *testing.T, shade uint8) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range img.Pix {
		img.Pix[i] = shade
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type row struct {
	ID, No, State, Kind, ShopName, EvidenceUse, OrderID, OrderState, OrderResult string
	Rev                                                                          int64
}

type page struct {
	Items []row
	Total int64
}

type order struct {
	row
	SquadName, OfficerName string
	Allowed                []string
	Alerts                 []row
	Timeline               []struct {
		Act, Label string
		Actor      struct{ Name string }
	}
}

func TestMainJobFromEventToClosed(t *testing.T) {
	c := newCity(t)
	ctx := context.Background()
	frame, err := c.a.blobs.PutBytes(ctx, picture(t, 90), "image/jpeg")
	if err != nil {
		t.Fatal(err)
	}
	c.report(t, 1, 1, 0, edgev1.Frontage, edgev1.Opened, frame.SM3)
	c.report(t, 2, 1, 1, edgev1.Stacking, edgev1.Opened, frame.SM3)

	list := call[page](t, c, "caozuo", "GET", "/api/alerts?tab=pending&sort=no", nil)
	if list.Total != 2 || list.Items[0].EvidenceUse != "evidence" || list.Items[1].EvidenceUse != "clue" || list.Items[0].ShopName != "演示店1" {
		t.Fatalf("%+v", list)
	}
	a := list.Items[0]
	done := call[struct{ OrderID, OrderNo string }](t, c, "caozuo", "POST", "/api/alerts/"+a.ID+"/confirm", map[string]any{"rev": a.Rev})
	base := "/api/orders/" + done.OrderID
	o := call[order](t, c, "paidan", "GET", base, nil)
	if o.State != "dispatched" || len(o.Alerts) != 1 || o.Alerts[0].ID != a.ID || fmt.Sprint(o.Allowed) != "[assign urge recheck]" {
		t.Fatalf("%+v", o)
	}
	o = call[order](t, c, "paidan", "POST", base+"/assign", map[string]any{"rev": o.Rev, "squadOrgId": "org-310101013"})
	officers := call[struct{ Items []struct{ ID, Name string } }](t, c, "zhongdui", "GET", "/api/persons?org=org-310101013&role=officer", nil)
	o = call[order](t, c, "zhongdui", "POST", base+"/assign", map[string]any{"rev": o.Rev, "officerId": officers.Items[0].ID})
	o = call[order](t, c, "duiyuan", "POST", base+"/accept", map[string]any{"rev": o.Rev})
	o = call[order](t, c, "duiyuan", "POST", base+"/arrive", map[string]any{"rev": o.Rev, "lng": 121.4866, "lat": 31.2339, "accuracyM": 9})
	photo := upload(t, c, "duiyuan", picture(t, 200))
	o = call[order](t, c, "duiyuan", "POST", base+"/handle", map[string]any{"rev": o.Rev, "result": "corrected", "note": "已搬回", "photos": []string{photo}})
	o = call[order](t, c, "zhongdui", "POST", base+"/review", map[string]any{"rev": o.Rev, "pass": true})
	if o.State != "closed" || len(o.Timeline) != 7 || o.Timeline[6].Actor.Name != "演示中队长" {
		t.Fatalf("%+v", o)
	}
	c.drain(t)
	got := call[row](t, c, "caozuo", "GET", "/api/alerts/"+a.ID, nil)
	if got.OrderState != "closed" || got.OrderResult != "corrected" {
		t.Fatalf("the bureau got no feedback: %+v", got)
	}
	// Who may see the pictures: the officer the alert's frame through the
	// order, the operator the officer's photo, the auditor neither.
	for _, x := range []struct {
		who, sm3 string
		want     int
	}{{"duiyuan", frame.SM3, 200}, {"caozuo", photo, 200}, {"shenji", frame.SM3, 404}, {"shenji", photo, 404}} {
		if code, _, _ := testkit.Do(t, c.a.Fiber(), "GET", "/api/blobs/"+x.sm3, nil, c.as(t, x.who)); code != x.want {
			t.Errorf("%s asks for a picture: %d, want %d", x.who, code, x.want)
		}
	}
	if _, fault, err := audit.Verify(ctx, c.a.db); err != nil || fault != nil {
		t.Errorf("audit chain: %v %v", fault, err)
	}
}

// upload sends a photo as the phone does.
func upload(t *testing.T, c *city, who string, data []byte) string {
	t.Helper()
	h := map[string]string{"Content-Type": "image/jpeg"}
	for k, v := range c.as(t, who) {
		h[k] = v
	}
	code, body, _ := testkit.Do(t, c.a.Fiber(), "POST", "/api/blobs", data, h)
	if code != 200 {
		t.Fatalf("upload: %d %s", code, body)
	}
	ref := testkit.JSON[struct{ SM3 string }](t, body)
	if ref.SM3 != blob.Digest(data) {
		t.Fatalf("digest %s", ref.SM3)
	}
	return ref.SM3
}

func TestTwentyConfirmationsMakeOneOrder(t *testing.T) {
	c := newCity(t)
	c.report(t, 1, 1, 0, edgev1.Stacking, edgev1.Opened, strings.Repeat("a", 64))
	c.report(t, 2, 1, 0, edgev1.Stacking, edgev1.Opened, strings.Repeat("b", 64))
	list := call[page](t, c, "caozuo", "GET", "/api/alerts?sort=no", nil)
	heads := []map[string]string{c.as(t, "caozuo"), c.as(t, "paidan")}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[int]int{}
	for i := range 20 {
		wg.Go(func() {
			code, _, _ := testkit.Do(t, c.a.Fiber(), "POST", "/api/alerts/"+list.Items[0].ID+"/confirm", map[string]any{"rev": 1}, heads[i%2])
			mu.Lock()
			codes[code]++
			mu.Unlock()
		})
	}
	wg.Wait()
	if codes[200] != 1 || codes[409] != 19 {
		t.Fatalf("answers %v", codes)
	}
	o := call[page](t, c, "paidan", "GET", "/api/orders?tab=all", nil)
	if o.Total != 1 {
		t.Fatalf("%d orders", o.Total)
	}
	// The other thing before the same shop joins the order, and may be taken
	// out again within ten seconds.
	b := call[struct {
		Alert  row
		Merged bool
	}](t, c, "caozuo", "POST", "/api/alerts/"+list.Items[1].ID+"/confirm", map[string]any{"rev": 1, "shopId": ""})
	if b.Merged {
		t.Fatal("an alert without a shop was merged")
	}
	u := call[struct{ Alert row }](t, c, "caozuo", "POST", "/api/alerts/"+list.Items[1].ID+"/undo", map[string]any{"rev": b.Alert.Rev})
	if u.Alert.State != "pending" || u.Alert.OrderID != "" {
		t.Fatalf("%+v", u)
	}
	if o := call[page](t, c, "paidan", "GET", "/api/orders?tab=all", nil); o.Total != 1 {
		t.Fatalf("the undone order is still there: %d", o.Total)
	}
}

func TestCamerasAndZones(t *testing.T) {
	c := newCity(t)
	id := c.camera(0)
	type zones struct {
		Rev, ConfigVersion, AppliedVersion int64
		Zones                              []json.RawMessage
	}
	z := call[zones](t, c, "yunwei", "GET", "/api/cameras/"+id+"/zones", nil)
	if len(z.Zones) != 3 || z.ConfigVersion == 0 {
		t.Fatalf("%+v", z)
	}
	for _, raw := range z.Zones { // an alert of the demonstration outlives its thing
		got := testkit.JSON[edgev1.Zone](t, raw)
		want := map[edgev1.ZoneKind][2]float64{edgev1.ZonePavement: {12, 40}, edgev1.ZoneFrontage: {12, 40}, edgev1.ZoneSign: {8, 6}}[got.Kind]
		if [2]float64{got.DwellS, got.EndDelayS} != want {
			t.Errorf("%s zone: dwell %g s, end %g s, want %v", got.Kind, got.DwellS, got.EndDelayS, want)
		}
	}
	bow := []edgev1.Point{{X: .1, Y: .1}, {X: .9, Y: .9}, {X: .9, Y: .1}, {X: .1, Y: .9}}
	good := edgev1.Zone{Name: "新围栏", Kind: edgev1.ZonePavement, Polygon: []edgev1.Point{{X: .1, Y: .1}, {X: .9, Y: .1}, {X: .5, Y: .9}}}
	crossed := good
	crossed.Polygon = bow
	put := func(list ...edgev1.Zone) map[string]any { return map[string]any{"rev": z.Rev, "zones": list} }
	full := map[string]any{
		"code": "310101013001", "name": "另一个", "address": "演示路", "regionCode": "310101013", "lng": 121.48, "lat": 31.23, "boxId": c.demo.BoxID,
		"url": "rtsp://u:secret@10.0.0.1/s", "legalReview": map[string]any{"status": "pending"},
	}
	with := func(k string, v any) map[string]any {
		m := map[string]any{}
		for a, b := range full {
			m[a] = b
		}
		m[k] = v
		return m
	}
	it, officer := c.as(t, "yunwei"), c.as(t, "duiyuan")
	for _, s := range []testkit.Scenario{
		{Name: "self-crossing polygon", Method: "PUT", Path: "/api/cameras/" + id + "/zones", Body: put(good, crossed), Headers: it, Status: 422, Has: []string{`"name":"zones[1].polygon"`, "边线自相交"}},
		{Name: "sign without a name", Method: "PUT", Path: "/api/cameras/" + id + "/zones", Body: put(edgev1.Zone{Name: "店招", Kind: edgev1.ZoneSign, Polygon: good.Polygon}), Headers: it, Status: 422, Has: []string{`"name":"zones[0].shop"`}},
		{Name: "stranger's shop", Method: "PUT", Path: "/api/cameras/" + id + "/zones", Body: put(edgev1.Zone{Name: "门前", Kind: edgev1.ZoneFrontage, Polygon: good.Polygon, Shop: "nowhere"}), Headers: it, Status: 422, Has: []string{`"name":"zones[0].shop"`}},
		{Name: "no right", Method: "PUT", Path: "/api/cameras/" + id + "/zones", Body: put(good), Headers: officer, Status: 403},
		{Name: "save", Method: "PUT", Path: "/api/cameras/" + id + "/zones", Body: put(good), Headers: it, Status: 200, Has: []string{`"name":"新围栏"`, fmt.Sprintf(`"configVersion":%d`, z.ConfigVersion+1)}},
		{Name: "old revision", Method: "PUT", Path: "/api/cameras/" + id + "/zones", Body: put(good), Headers: it, Status: 409, Has: []string{"围栏已被他人修改"}},
		{Name: "code used twice", Method: "POST", Path: "/api/cameras", Body: full, Headers: it, Status: 422, Has: []string{`"name":"code"`}},
		{Name: "outside Shanghai", Method: "POST", Path: "/api/cameras", Body: with("lng", 116.4), Headers: it, Status: 422, Has: []string{`"name":"lng"`}},
		{Name: "not a stream", Method: "POST", Path: "/api/cameras", Body: with("url", "http://10.0.0.1"), Headers: it, Status: 422, Has: []string{`"name":"url"`}},
		{Name: "another district's street", Method: "POST", Path: "/api/cameras", Body: with("regionCode", "310104014"), Headers: it, Status: 422, Has: []string{`"name":"regionCode"`}},
		{Name: "create", Method: "POST", Path: "/api/cameras", Body: with("code", "310101013050"), Headers: it, Status: 200, Has: []string{`"url":"rtsp://10.0.0.1/s"`, `"username":"u"`, `"hasPassword":true`, `"evidenceUse":"clue"`}, HasNot: []string{"secret"}},
		{Name: "box on the border is inside", Path: "/api/cameras?bbox=121.48662,31.23391,121.48662,31.23391", Headers: it, Status: 200, Has: []string{`"total":1`}},
		{Name: "bad box", Path: "/api/cameras?bbox=1,2,3", Headers: it, Status: 422, Has: []string{`"name":"bbox"`}},
		{Name: "by name", Path: "/api/cameras?q=" + "%E8%B7%AF%E5%8F%A3", Headers: it, Status: 200, Has: []string{`"total":1`}},
		{Name: "evidence only", Path: "/api/cameras?legal=evidence", Headers: it, Status: 200, Has: []string{`"total":2`}},
		{Name: "clue only", Path: "/api/cameras?legal=clue", Headers: it, Status: 200, Has: []string{`"total":4`}},
		{Name: "by tag", Path: "/api/cameras/stats?by=tag", Headers: it, Status: 200, Has: []string{`{"key":"街面","name":"街面","count":4}`}},
		{Name: "no snapshot yet", Path: "/api/cameras/" + id + "/snapshot", Headers: it, Status: 404, Has: []string{"还没有抓图"}},
		{Name: "box is offline", Method: "POST", Path: "/api/cameras/" + id + "/snapshot", Headers: it, Status: 503},
		{Name: "map", Path: "/api/map?region=310101", Headers: officer, Status: 200, Has: []string{`"cameras":[{`}},
		{Name: "shop of a sign", Path: "/api/shops?camera=" + c.camera(1), Headers: it, Status: 200, Has: []string{"演示店2", `"contact":"139****`}},
	} {
		s.Run(t, c.a.Fiber())
	}
	cfg, ok, err := c.a.directory.ConfigFor(context.Background(), c.demo.BoxID)
	if err != nil || !ok || cfg.Validate() != nil || len(cfg.Cameras) != 6 {
		t.Fatalf("%v %v %+v", ok, err, cfg)
	}
	for _, m := range cfg.Cameras {
		if m.ID == c.camera(1) && (m.Zones[2].SignName != "演示店2" || m.Zones[1].Shop == "") {
			t.Errorf("the sign's shop is not in the configuration: %+v", m.Zones)
		}
	}
}

func TestCameraStatesFollowTheBox(t *testing.T) {
	c := newCity(t)
	ctx := context.Background()
	status := func(state edgev1.CameraState, d edgev1.Diagnosis, gone bool) {
		t.Helper()
		now := edgev1.At(c.clock.Now())
		st := edgev1.Status{At: now, Gone: gone, ConfigVersion: 3, Cameras: []edgev1.CameraStatus{{Camera: c.camera(0), State: state, Diagnosis: d, Since: now}}}
		err := c.a.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			return c.a.directory.TakeStatus(ctx, tx, c.demo.BoxID, st, clock.At(tx.Now()))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	state := func() string {
		t.Helper()
		return call[row](t, c, "yunwei", "GET", "/api/cameras/"+c.camera(0), nil).State
	}
	if state() != "unknown" {
		t.Fatalf("before any report: %s", state())
	}
	status(edgev1.Online, edgev1.Healthy, false)
	c.clock.Advance(10 * time.Minute)
	status(edgev1.Online, edgev1.Healthy, false)
	if err := c.a.directory.Age(ctx); err != nil || state() != "online" {
		t.Fatalf("%s %v", state(), err)
	}
	status(edgev1.NoVerdict, edgev1.Covered, false)
	c.clock.Advance(5 * time.Minute)
	status(edgev1.NoVerdict, edgev1.Covered, false)
	c.clock.Advance(31 * time.Second)
	if err := c.a.directory.Age(ctx); err != nil || state() != "offline" {
		t.Fatalf("a silent camera stays green: %s %v", state(), err)
	}
	c.clock.Advance(15*time.Minute - time.Second)
	status(edgev1.Online, edgev1.Healthy, false)
	c.clock.Advance(time.Second)
	status(edgev1.Online, edgev1.Healthy, true)
	if state() != "offline" {
		t.Fatalf("the box went away, the camera did not: %s", state())
	}
	h := call[struct {
		Segments []struct {
			State, Diagnosis, Detail string
			From, To                 time.Time
		}
		UptimePercent float64
	}](t, c, "yunwei", "GET", "/api/cameras/"+c.camera(0)+"/health", nil)
	got := []string{}
	for i, s := range h.Segments {
		got = append(got, s.State+"/"+s.Diagnosis)
		if i > 0 && !h.Segments[i-1].To.Equal(s.From) {
			t.Errorf("hole between segments %d and %d", i-1, i)
		}
	}
	if strings.Join(got, " ") != "online/healthy noVerdict/covered offline/ online/healthy" {
		t.Errorf("day %v", got)
	}
	if h.UptimePercent < 50.8 || h.UptimePercent > 50.9 {
		t.Errorf("uptime %.2f", h.UptimePercent)
	}
}
