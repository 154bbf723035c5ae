package feed_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/feed"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

type files map[string][]byte

func (f files) Put(_ context.Context, b []byte) (string, error) {
	k := sign.Digest(b)
	f[k] = b
	return k, nil
}

func (f files) Read(_ context.Context, k string) ([]byte, error) {
	if b, ok := f[k]; ok {
		return b, nil
	}
	return nil, errors.New("absent")
}

// shops is a target that refuses and may be down.
type shops struct {
	puts map[string]feed.Row
	down int // fails at this put, once
	n    int
}

func (s *shops) Put(_ context.Context, id string, row feed.Row) (string, error) {
	s.n++
	if s.n == s.down {
		return "", context.Canceled
	}
	if row["contact"] == "bad" {
		return "", errs.Invalidf("contact", "联系电话只能有数字")
	}
	if id == "" {
		id = "S-" + row["name"]
	}
	s.puts[id] = row
	return id, nil
}

func actor(ctx context.Context) context.Context {
	return access.With(ctx, access.Actor{ID: "sys", Name: "系统管理员", Perms: map[string]bool{access.DataSourceManage: true}, Scope: access.Scope{Prefixes: []string{"31"}}})
}

func shopFeed(f files, data []byte, name string) feed.FeedWrite {
	k, _ := f.Put(context.Background(), data)
	return feed.FeedWrite{
		Name: "商铺底册", Kind: feed.File, Target: feed.TargetShops, Connection: feed.Connection{Name: name, SM3: k}, KeyField: "name", RowCap: 1000,
		Mapping: []feed.Map{{From: "店名", To: "name", Do: "trim"}, {From: "地址", To: "address"}, {From: "区划", To: "regionCode", Do: "digits"}, {From: "经度", To: "lng", Do: "number"}, {From: "纬度", To: "lat", Do: "number"}, {From: "电话", To: "contact"}},
		Rules: []feed.Quality{{Field: "name", Rule: "required", Level: "reject"}, {Field: "name", Rule: "unique", Level: "reject"}, {Field: "lng", Rule: "range", Arg: "120.8,122.3", Level: "reject"},
			{Field: "regionCode", Rule: "reference", Arg: "region", Level: "reject"}, {Field: "contact", Rule: "format", Arg: `^(1\d{10}|bad)$`, Level: "warn"}},
	}
}

const head = "店名,地址,区划,经度,纬度,电话\n"

func newService(t *testing.T, d *db.DB, f files, s *shops, own string) *feed.Service {
	t.Helper()
	return feed.New(feed.Options{DB: d, Log: testkit.Log(t), Keys: crypto.ForTest(t, d), Files: f, Targets: map[string]feed.Target{feed.TargetShops: s}, Own: own,
		Region: func(c string) bool { return strings.HasPrefix(c, "310101") }})
}

func TestRowsAreAccountedFor(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		f, sh := files{}, &shops{puts: map[string]feed.Row{}}
		s := newService(t, d, f, sh, "")
		ctx := actor(t.Context())
		csv := head + "甲,路1,310101013,121.48,31.23,13900000000\n" + // good
			"乙,路2,310101013,121.48,31.23,123\n" + // a warning
			"甲,路3,310101013,121.48,31.23,\n" + // twice
			",路4,310101013,121.48,31.23,\n" + // no name
			"丙,路5,310104014,121.48,31.23,\n" + // no such region
			"丁,路6,310101013,0,31.23,\n" + // out of range
			"戊,路7,310101013,121.48,31.23,bad\n" // the target refuses
		gbk, err := simplifiedchinese.GB18030.NewEncoder().String(csv)
		if err != nil {
			t.Fatal(err)
		}
		in := shopFeed(f, []byte(gbk), "商铺.csv")
		sample, err := s.Test(ctx, "-", in)
		if err != nil || len(sample.Rows) != 5 || sample.Mapped[0]["name"] != "甲" {
			t.Fatalf("%+v %v", sample, err)
		}
		fd, err := s.Save(ctx, "", in)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.RunNow(ctx, fd.ID, false)
		if err != nil || r.State != "done" || r.SourceCount != 7 || r.Loaded != 2 || r.Rejected != 5 || r.Warned != 1 || !r.Balanced {
			t.Fatalf("%+v %v", r, err)
		}
		bad, err := s.Rows(ctx, fd.ID, "", "open", httpx.Paging{Page: 1, Size: 20})
		if err != nil || bad.Total != 5 {
			t.Fatalf("%+v %v", bad, err)
		}
		// The same file again: nothing is loaded twice.
		r, err = s.RunNow(ctx, fd.ID, false)
		if err != nil || r.Loaded != 0 || r.Skipped != 2 || r.Rejected != 5 || !r.Balanced {
			t.Fatalf("%+v %v", r, err)
		}
		// The rule is put right; only the refused rows run again.
		in.Rules = in.Rules[:2]
		in.Rev, in.Connection = fd.Rev, feed.Connection{}
		if _, err = s.Save(ctx, fd.ID, in); err != nil {
			t.Fatal(err)
		}
		r, err = s.RunNow(ctx, fd.ID, true)
		if err != nil || r.Kind != "again" || r.SourceCount != 5 || r.Loaded != 3 || r.Rejected != 2 || !r.Balanced {
			t.Fatalf("%+v %v", r, err)
		}
		if got, _ := s.Get(ctx, fd.ID); got.OpenRows != 2 {
			t.Fatalf("%d rows wait, want 2", got.OpenRows)
		}
	})
}

// A run that its process did not end is taken up where it stood.
func TestResumedRunLoadsNothingTwice(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, fc *clock.Fake) {
		f, sh := files{}, &shops{puts: map[string]feed.Row{}, down: 151}
		s := newService(t, d, f, sh, "")
		var b strings.Builder
		b.WriteString(head)
		for i := range 250 {
			fmt.Fprintf(&b, "店%03d,路,310101013,121.48,31.23,13900000000\n", i)
		}
		ctx, cancel := context.WithCancel(actor(t.Context()))
		fd, err := s.Save(ctx, "", shopFeed(f, []byte(b.String()), "a.csv"))
		if err != nil {
			t.Fatal(err)
		}
		stop := &stopping{shops: sh, cancel: cancel}
		dying := feed.New(feed.Options{DB: d, Log: testkit.Log(t), Keys: crypto.ForTest(t, d), Files: f, Targets: map[string]feed.Target{feed.TargetShops: stop}, Region: func(string) bool { return true }})
		if _, err := dying.RunNow(ctx, fd.ID, false); err == nil {
			t.Fatal("the run was not interrupted")
		}
		ctx = actor(t.Context())
		if _, err := s.RunNow(ctx, fd.ID, false); err == nil {
			t.Fatal("a second run began beside the first")
		}
		fc.Advance(3 * time.Minute)
		if err := s.RunDue(ctx); err != nil {
			t.Fatal(err)
		}
		runs, err := s.Runs(ctx, fd.ID, httpx.Paging{Page: 1, Size: 5})
		if err != nil || runs.Total != 1 {
			t.Fatalf("%+v %v", runs, err)
		}
		r := runs.Items[0]
		if r.State != "done" || r.SourceCount != 250 || r.Loaded+r.Skipped != 250 || !r.Balanced || len(sh.puts) != 250 {
			t.Fatalf("%+v, %d shops", r, len(sh.puts))
		}
	})
}

// stopping ends its process at the put where shops is down.
type stopping struct {
	*shops
	cancel context.CancelFunc
}

func (s *stopping) Put(ctx context.Context, id string, row feed.Row) (string, error) {
	out, err := s.shops.Put(ctx, id, row)
	if errors.Is(err, context.Canceled) {
		s.cancel()
	}
	return out, err
}

func TestOtherDatabase(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		dir := t.TempDir()
		path := filepath.Join(dir, "other.db")
		o, err := sql.Open("sqlite3", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Exec(`CREATE TABLE permit (no TEXT, holder TEXT); INSERT INTO permit VALUES ('A1','甲'),('A2','乙'),('','丙')`); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		s := newService(t, d, files{}, nil, t.TempDir())
		ctx := actor(t.Context())
		in := feed.FeedWrite{Name: "许可", Kind: feed.Database, Target: feed.TargetRecords, Connection: feed.Connection{DSN: "sqlite:" + path}, Query: "SELECT no, holder FROM permit", KeyField: "no", RowCap: 100,
			Mapping: []feed.Map{{From: "no", To: "no"}, {From: "holder", To: "holder"}}}
		for _, q := range []string{"DELETE FROM permit", "SELECT 1; DROP TABLE permit", "WITH x AS (SELECT 1) DELETE FROM permit", "SELECT load_extension('x')", "/* SELECT */ UPDATE permit SET no = 1"} {
			bad := in
			bad.Query = q
			if _, err := s.Save(ctx, "", bad); err == nil {
				t.Errorf("%s was taken", q)
			}
		}
		own := newService(t, d, files{}, nil, dir)
		if _, err := own.Test(ctx, "-", in); err == nil {
			t.Error("a database in the center's own folder was read")
		}
		fd, err := s.Save(ctx, "", in)
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.RunNow(ctx, fd.ID, false)
		if err != nil || r.Loaded != 2 || r.Rejected != 1 || !r.Balanced {
			t.Fatalf("%+v %v", r, err)
		}
		recs, err := s.Records(ctx, fd.ID, httpx.Paging{Page: 1, Size: 10, Q: "乙"})
		if err != nil || recs.Total != 1 || recs.Items[0].Data["no"] != "A2" {
			t.Fatalf("%+v %v", recs, err)
		}
		in.RowCap, in.Rev, in.Connection = 1, fd.Rev, feed.Connection{}
		if _, err = s.Save(ctx, fd.ID, in); err != nil {
			t.Fatal(err)
		}
		if r, err = s.RunNow(ctx, fd.ID, false); err != nil || r.State != "failed" || !strings.Contains(r.Note, "上限") {
			t.Fatalf("%+v %v", r, err)
		}
		if strings.Contains(fmt.Sprint(fd), "password") || fd.Place == "" {
			t.Fatalf("%+v", fd)
		}
	})
}

func TestSheet(t *testing.T) {
	x := excelize.NewFile()
	for i, row := range [][]any{{"店名", "地址", "区划", "经度", "纬度", "电话"}, {"甲", "路1", "310101013", 121.48, 31.23, "13900000000"}} {
		if err := x.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+1), &row); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := x.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	d := testkit.SQLite(t, clock.NewFake(testkit.Start()))
	f := files{}
	s := newService(t, d, f, nil, "")
	out, err := s.Test(actor(t.Context()), "-", shopFeed(f, b.Bytes(), "a.xlsx"))
	if err != nil || len(out.Mapped) != 1 || out.Mapped[0]["lng"] != "121.48" {
		t.Fatalf("%+v %v", out, err)
	}
}
