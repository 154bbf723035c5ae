package shops_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/shops"
	"jiexun/center/internal/shops/match"
)

const street = "310101013"

func boss(perms ...string) context.Context {
	p := map[string]bool{access.ShopView: true, access.ShopEdit: true, access.ShopConfirm: true, access.ShopReveal: true, access.ShopRule: true}
	for _, x := range perms {
		delete(p, x)
	}
	return access.With(context.Background(), access.Actor{ID: "boss", Name: "演示", Scope: access.Scope{Prefixes: []string{"310101"}}, Perms: p})
}

func mustCreate(t *testing.T, s *shops.Service, in shops.Input) shops.Shop {
	t.Helper()
	if in.RegionCode == "" {
		in.RegionCode = street
	}
	if in.Lng == 0 {
		in.Lng, in.Lat = 121.48, 31.23
	}
	x, err := s.Create(boss(), in)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func seen(t *testing.T, d *db.DB, s *shops.Service, e shops.SignSeen) shops.Sighting {
	t.Helper()
	if e.TaskID == "" {
		e.TaskID = "T1"
	}
	e.CameraID, e.RegionCode, e.At, e.Frame, e.Crop = "C1", street, clock.At(d.Now()), "frame", "crop"
	if e.Lng == 0 {
		e.Lng, e.Lat = 121.48, 31.23
	}
	if e.Confidence == 0 {
		e.Confidence = 0.95
	}
	if e.GlyphPx == 0 {
		e.GlyphPx = 30
	}
	if err := d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error { return s.TakeSign(ctx, tx, e) }); err != nil {
		t.Fatal(err)
	}
	list, err := s.Sightings(boss(), shops.SightFilter{Task: e.TaskID}, httpx.Paging{Page: 1, Size: 50})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list.Items, func(x shops.Sighting) bool { return x.Text == e.Text })
	if i < 0 {
		t.Fatalf("no sighting of %q: %+v", e.Text, list.Items)
	}
	return list.Items[i]
}

func findings(t *testing.T, d *db.DB) int {
	t.Helper()
	n := 0
	if err := d.SQL().QueryRow(`SELECT count(*) FROM event_outbox WHERE topic = 'shops.finding'`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSurvey goes from what a survey read to the registry and back.
func TestSurvey(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		own := mustCreate(t, s, shops.Input{Name: "上海老城面馆有限公司", SignName: "老城面馆", Address: "福州路 431 号"})
		x := seen(t, d, s, shops.SignSeen{ObservationID: "o1", Text: "老城面馆", Lines: []string{"老城面馆", "面食小炒"}})
		if x.Verdict != "same" || x.State != shops.SightAuto || x.ShopID != own.ID || !x.Claimed || x.Road != "福州路" {
			t.Fatalf("%+v", x)
		}
		if n := findings(t, d); n != 0 {
			t.Fatalf("%d findings of a shop that is as registered", n)
		}
		x = seen(t, d, s, shops.SignSeen{ObservationID: "o2", Text: "阿宝烘焙"})
		if x.Verdict != "new" || x.State != shops.SightWaiting || x.Claimed {
			t.Fatalf("%+v", x)
		}
		seen(t, d, s, shops.SignSeen{ObservationID: "o2", Text: "阿宝烘焙"})
		again := seen(t, d, s, shops.SignSeen{ObservationID: "o3", Text: "阿宝烘焙", Confidence: 0.99})
		if again.ID != x.ID || again.Looks != 2 || again.Confidence != 0.99 {
			t.Fatalf("%+v", again)
		}
		if n := findings(t, d); n != 1 {
			t.Fatalf("%d findings of one point in a day", n)
		}
		op, err := s.Decide(boss(), x.ID, shops.Decision{Act: "create", Business: "烘焙", Rev: again.Rev})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Decide(boss(), x.ID, shops.Decision{Act: "false", Rev: again.Rev}); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("a decision on an old state: %v", err)
		}
		if x = seen(t, d, s, shops.SignSeen{ObservationID: "o4", Text: "阿宝烘焙", TaskID: "T2"}); x.Verdict != "same" {
			t.Fatalf("the shop that was made is not found again: %+v", x)
		}
		if _, err := s.Undo(boss(), op); err != nil {
			t.Fatal(err)
		}
		if x = seen(t, d, s, shops.SignSeen{ObservationID: "o5", Text: "阿宝烘焙", TaskID: "T3"}); x.Verdict != "new" {
			t.Fatalf("after the undo: %+v", x)
		}
		if _, err := s.Undo(boss(), op); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("a second undo: %v", err)
		}
	})
}

// TestZoneRenamed reads another name in the zone of a shop; the alert's
// "update the registry" renames it and keeps the old name.
func TestZoneRenamed(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		own := mustCreate(t, s, shops.Input{Name: "依佳人网咖", Address: "福州路 431 号"})
		x := seen(t, d, s, shops.SignSeen{ObservationID: "o1", ZoneID: "z", ShopID: own.ID, Text: "老街坊面馆"})
		if x.Verdict != "renamed" || x.ShopID != own.ID {
			t.Fatalf("%+v", x)
		}
		var id string
		if err := d.SQL().QueryRow(`SELECT id FROM shop_findings`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		err := d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
			return s.TakeRegistry(ctx, tx, shops.Registry{AlertID: "a", FindingIDs: []string{id}, Act: "update", ShopID: own.ID, ByName: "演示"})
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(boss(), own.ID)
		if err != nil || got.Shop.Name != "老街坊面馆" || len(got.Shop.Aliases) != 1 || got.Shop.Aliases[0].Name != "依佳人网咖" {
			t.Fatalf("%+v %v", got.Shop, err)
		}
		list, err := s.List(boss(), shops.Filter{}, httpx.Paging{Page: 1, Size: 20, Q: "依佳人"})
		if err != nil || list.Total != 1 {
			t.Fatalf("the former name finds %d: %v", list.Total, err)
		}
	})
}

func TestMergeSplitUndoHistory(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		a := mustCreate(t, s, shops.Input{Name: "顺达五金", Address: "福州路 8 号", CreditCode: "91310000MA1FL5E93W", Contact: "13900001234"})
		b := mustCreate(t, s, shops.Input{Name: "顺达五金店", Address: "福州路 8 号甲", Operator: "张三丰", Contact: "13800001234"})
		into, op, err := s.Merge(boss(), shops.MergeInput{Into: a.ID, IntoRev: a.Rev, From: []string{b.ID}, Reason: "同一家"})
		if err != nil || into.Operator != "张三丰" || !slices.Contains(into.Names(), "顺达五金店") {
			t.Fatalf("%+v %v", into, err)
		}
		if _, err := s.Get(boss(), b.ID); !errs.Is(err, errs.NotFoundCode) {
			t.Fatalf("the merged shop answers: %v", err)
		}
		if _, err := s.Undo(boss(), op); err != nil {
			t.Fatal(err)
		}
		back, err := s.Get(boss(), b.ID)
		if err != nil || back.Shop.Name != "顺达五金店" || back.Shop.MergedInto != "" {
			t.Fatalf("%+v %v", back.Shop, err)
		}
		num, err := s.Reveal(boss(), b.ID, "核对电话")
		if err != nil || num.Contact != "13800001234" || num.Operator != "张三丰" {
			t.Fatalf("the number after merge and undo: %+v %v", num, err)
		}
		old, err := s.Get(boss(), a.ID)
		if err != nil || old.Shop.Operator != "" {
			t.Fatalf("%+v %v", old.Shop, err)
		}
		fresh, op, err := s.Split(boss(), shops.SplitInput{ID: a.ID, Rev: old.Shop.Rev, New: shops.Input{Name: "顺达锁业", Address: "福州路 8 号", RegionCode: street, Lng: 121.48, Lat: 31.23}, Reason: "隔成两间"})
		if err != nil || fresh.Name != "顺达锁业" {
			t.Fatalf("%+v %v", fresh, err)
		}
		if _, err := s.Undo(boss(), op); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(boss(), fresh.ID); !errs.Is(err, errs.NotFoundCode) {
			t.Fatalf("the split shop answers after the undo: %v", err)
		}
		h, err := s.History(boss(), a.ID)
		if err != nil || len(h) != 5 || h[len(h)-1].Fields[0].Name != "name" {
			t.Fatalf("%d entries %+v %v", len(h), h, err)
		}
		for _, e := range h {
			for _, f := range e.Fields {
				if strings.Contains(f.Before+f.After, "13900001234") {
					t.Fatalf("the history shows a number: %+v", f)
				}
			}
		}
	})
}

func TestUndoAfterAnotherChangeIsRefused(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		a := mustCreate(t, s, shops.Input{Name: "甲店铺", Address: "福州路 1 号"})
		b := mustCreate(t, s, shops.Input{Name: "乙店铺", Address: "福州路 3 号"})
		into, op, err := s.Merge(boss(), shops.MergeInput{Into: a.ID, IntoRev: a.Rev, From: []string{b.ID}, Reason: "同一家"})
		if err != nil {
			t.Fatal(err)
		}
		in := shops.InputOf(into)
		in.Business = "零售"
		if _, err := s.Update(boss(), a.ID, in); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Undo(boss(), op); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("%v", err)
		}
	})
}

// TestNumbersAreSealed looks into the table.
func TestNumbersAreSealed(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		x := mustCreate(t, s, shops.Input{Name: "康民药房", Address: "福州路 9 号", Contact: "139-0000-1234"})
		var stored, kept string
		if err := d.SQL().QueryRow(`SELECT h.contact, v.contact FROM shop_items h JOIN shop_versions v ON v.shop_id = h.id`).Scan(&stored, &kept); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(stored, "sm4:") || !strings.HasPrefix(kept, "sm4:") {
			t.Fatalf("stored as %q and %q", stored, kept)
		}
		list, err := s.List(boss(), shops.Filter{}, httpx.Paging{Page: 1, Size: 20, Q: "13900001234"})
		if err != nil || list.Total != 1 {
			t.Fatalf("found by its number: %d %v", list.Total, err)
		}
		if _, err := s.Reveal(boss(access.ShopReveal), x.ID, "核对"); !errs.Is(err, errs.ForbiddenCode) {
			t.Fatalf("%v", err)
		}
		if _, err := s.Reveal(boss(), x.ID, " "); !errs.Is(err, errs.Invalid) {
			t.Fatalf("%v", err)
		}
		err = d.InTx(context.Background(), func(ctx context.Context, tx db.Tx) error {
			r, err := s.PhoneFor(ctx, tx, x.ID, "发送告知")
			if err == nil && r.Phone != "139-0000-1234" {
				err = fmt.Errorf("%+v", r)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestSearch(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		x := mustCreate(t, s, shops.Input{Name: "老城面馆", Aliases: []string{"老城牛肉面"}, Address: "福州路 431 号", CreditCode: "91310000MA1FL5E93W"})
		mustCreate(t, s, shops.Input{Name: "佳佳水果", Address: "山西南路 7 号"})
		for _, q := range []string{"老城", "城面", "lcmg", "laochengm", "牛肉面", "福州路", "431", "91310000MA1FL5E93W", x.No, "fzl"} {
			list, err := s.List(boss(), shops.Filter{}, httpx.Paging{Page: 1, Size: 20, Q: q})
			if err != nil || list.Total != 1 || list.Items[0].Shop.ID != x.ID {
				t.Errorf("%q finds %d: %v", q, list.Total, err)
			}
		}
		strip, err := s.Strip(boss(), "福州路", street, "odd")
		if err != nil || len(strip) != 1 {
			t.Fatalf("%+v %v", strip, err)
		}
	})
}

// TestImportTenThousand checks 10,000 rows of which 37 are bad in their own
// ways: each is named, and none is loaded.
func TestImportTenThousand(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		mustCreate(t, s, shops.Input{Name: "已有的店", Address: "福州路 1 号"})
		rows := make([][]string, 10_000)
		for i := range rows {
			rows[i] = []string{fmt.Sprintf("店铺%05d", i), fmt.Sprintf("福州路 %d 号", i+2), street, fmt.Sprint(121.4 + float64(i%100)*0.0005), fmt.Sprint(31.1 + float64(i/100)*0.0005), "", "零售", "", "", "", "", ""}
		}
		bad := map[int]string{}
		ways := []func(r []string) string{
			func(r []string) string { r[0] = ""; return "商铺名称" },
			func(r []string) string { r[3] = "东经"; return "经度" },
			func(r []string) string { r[4] = "41"; return "纬度" },
			func(r []string) string { r[2] = "310104003"; return "街镇区划代码" },
			func(r []string) string { r[10] = "91310000MA1FL5E93X"; return "信用代码" },
			func(r []string) string { r[7] = "电话"; return "联系电话" },
			func(r []string) string { r[11] = "2026年"; return "承诺书签署日" },
			func(r []string) string { r[0], r[1] = "已有的店", "福州路 1 号"; return "商铺名称" },
		}
		for k := range 36 {
			i := 113 + k*271
			bad[i+2] = ways[k%len(ways)](rows[i])
		}
		copy(rows[9999], rows[9998])
		bad[10001] = "商铺名称"
		// Only the first that is there already counts as such; the others
		// are there too.
		list, err := s.CheckImport(boss(), rows)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]string{}
		for _, e := range list {
			got[e.Row] = e.Column
			if e.Message == "" {
				t.Errorf("row %d has no message", e.Row)
			}
		}
		if len(got) != 37 {
			t.Fatalf("%d rows named, want 37: %v", len(got), list)
		}
		for row, col := range bad {
			if got[row] != col {
				t.Errorf("row %d: named %q, want %q", row, got[row], col)
			}
		}
		err = d.InTx(boss(), func(ctx context.Context, tx db.Tx) error { return s.LoadImport(ctx, tx, rows) })
		if err == nil {
			t.Fatal("a list with bad rows was loaded")
		}
		if n, err := s.Count(boss(), shops.Filter{}); err != nil || n != 1 {
			t.Fatalf("%d shops after a refused import, want 1: %v", n, err)
		}
		good := rows[:100]
		if err := d.InTx(boss(), func(ctx context.Context, tx db.Tx) error { return s.LoadImport(ctx, tx, good) }); err != nil {
			t.Fatal(err)
		}
		if again, err := s.CheckImport(boss(), good); err != nil || len(again) != 100 {
			t.Fatalf("%d of 100 loaded rows are found again: %v", len(again), err)
		}
	})
}

func TestRulesPreview(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := newService(t, d)
		mustCreate(t, s, shops.Input{Name: "老城面馆", Address: "福州路 431 号"})
		seen(t, d, s, shops.SignSeen{ObservationID: "o1", Text: "新城面馆"})
		r := match.DefaultThresholds()
		r.SameText, r.SuspectText = 0.55, 0.5
		p, err := s.PreviewRules(boss(), r)
		if err != nil || p.Looked != 1 || p.Changed != 1 || p.Before != 1 || p.After != 0 {
			t.Fatalf("%+v %v", p, err)
		}
		v, err := s.SetRules(boss(), 0, r, "试用")
		if err != nil || v.Version != 1 {
			t.Fatalf("%+v %v", v, err)
		}
		if _, err := s.SetRules(boss(), 0, r, "晚了"); !errs.Is(err, errs.ConflictCode) {
			t.Fatalf("%v", err)
		}
		r.MoveM = -1
		if _, err := s.SetRules(boss(), 1, r, "错"); !errs.Is(err, errs.Invalid) {
			t.Fatalf("%v", err)
		}
		if x := seen(t, d, s, shops.SignSeen{ObservationID: "o2", Text: "新城面馆", TaskID: "T2"}); x.Verdict != "same" || x.Rules != 1 {
			t.Fatalf("%+v", x)
		}
	})
}
