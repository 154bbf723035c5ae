package directory_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/seed/base"
)

// line is the hub of these tests: it keeps what boxes were sent and answers
// commands.
type line struct {
	mu   sync.Mutex
	sent map[string][]edgev1.Config
	next edgev1.Result
	err  error
}

func (l *line) Publish(edge string, c edgev1.Config) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[edge] = append(l.sent[edge], c)
	return nil
}

func (l *line) Send(context.Context, string, edgev1.Command) (edgev1.Result, error) {
	return l.next, l.err
}

func (l *line) last(t *testing.T, edge string) edgev1.Config {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.sent[edge]) == 0 {
		t.Fatalf("nothing was sent to %s", edge)
	}
	return l.sent[edge][len(l.sent[edge])-1]
}

// album is the file store of these tests: a picture arrives when it was asked
// for so many times.
type album map[string]int

func (a album) Has(_ context.Context, sm3 string) (bool, error) {
	n, ok := a[sm3]
	if n > 0 {
		a[sm3] = n - 1
	}
	return ok && n == 0, nil
}

func (a album) Read(context.Context, string) ([]byte, error) { return nil, errs.NotFound("图片") }

func setUp(t testing.TB, d *db.DB) (*directory.Service, *line) {
	t.Helper()
	tree, err := base.Regions()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"黄浦一号盒", "黄浦二号盒"} {
		_, err := d.SQL().Exec(fmt.Sprintf("INSERT INTO fleet_boxes (id, name, region_code, state, state_at, created_at, rev) VALUES ('box%d', '%s', '310101', 'never', 0, 0, 1)", i+1, name))
		if err != nil {
			t.Fatal(err)
		}
	}
	l := &line{sent: map[string][]edgev1.Config{}}
	return directory.New(directory.Options{DB: d, Keys: crypto.ForTest(t, d), Regions: tree, Commands: l, Publisher: l, Pictures: album{"pic": 0, "late": 3}, PictureWait: time.Second, Log: testkit.Log(t)}), l
}

func as(scope string) context.Context {
	return access.With(context.Background(), access.Actor{
		ID: "it", Name: "演示运维员", Scope: access.Scope{Prefixes: []string{scope}},
		Perms: map[string]bool{access.CameraView: true, access.CameraEdit: true, access.CameraZone: true},
	})
}

func input(i int, region string) directory.CameraInput {
	in := directory.CameraInput{
		Code: fmt.Sprintf("%s%03d", region, i), Name: fmt.Sprintf("点位 %d", i), Address: "演示路", RegionCode: region, Lng: 121.4 + float64(i)/1000, Lat: 31.2,
		BoxID: []string{"box1", "box2"}[i%2], URL: fmt.Sprintf("rtsp://10.0.0.%d/main", i), Tags: [][]string{{"街面"}, {"工地", "街面"}, {}}[i%3],
		Legal: directory.Legal{Status: []string{"approved", "pending"}[i%2]},
	}
	if i%4 == 0 {
		then := clock.Ptr(testkit.Start())
		in.Legal.ReviewedAt, in.Legal.TechnicalAt, in.Legal.PublishedAt, in.Legal.SignOnSite = then, then, then, true
		in.Legal.VerifiedTo = clock.Ptr(testkit.Start().AddDate(1, 0, 0))
	}
	return in
}

func TestListAndStatisticsAgree(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, _ := setUp(t, d)
		for i := range 30 {
			if _, err := s.Create(as("31"), input(i, []string{"310101013", "310101015", "310104014"}[i%3])); err != nil {
				t.Fatal(err)
			}
		}
		seen := int64(0)
		for _, scope := range []string{"31", "310101", "310101013", "310115", ""} {
			for _, f := range []directory.Filter{
				{},
				{Region: "310101015"},
				{Tag: "工地"},
				{Box: "box2"},
				{Legal: directory.UseEvidence},
				{Legal: directory.UseClue},
				{State: directory.Unknown, BBox: &[4]float64{121.4, 31.2, 121.41, 31.2}},
			} {
				p := httpx.Paging{Page: 1, Size: 200}
				res, err := s.List(as(scope), f, p)
				if err != nil {
					t.Fatal(err)
				}
				for _, by := range []string{"state", "district"} {
					bars, err := s.Stats(as(scope), f, by)
					if err != nil {
						t.Fatal(err)
					}
					sum := int64(0)
					for _, b := range bars {
						sum += b.Count
						if b.Name == "" {
							t.Errorf("bar %q has no name", b.Key)
						}
					}
					if sum != res.Total || int64(len(res.Items)) != res.Total {
						t.Errorf("scope %q %+v by %s: bars %d, total %d, rows %d", scope, f, by, sum, res.Total, len(res.Items))
					}
				}
				for _, x := range res.Items {
					use, _ := x.Camera.Legal.At(res.AsOf.Time())
					if f.Legal != "" && use != f.Legal {
						t.Errorf("filter %s shows %s", f.Legal, use)
					}
				}
				bars, err := s.Stats(as(scope), f, "tag")
				if err != nil {
					t.Fatal(err)
				}
				for _, b := range bars {
					g := f
					g.Tag = b.Key
					if f.Tag != "" && f.Tag != b.Key {
						continue
					}
					res, err := s.List(as(scope), g, p)
					if err != nil || res.Total != b.Count {
						t.Errorf("tag %s: bar %d, list %d, %v", b.Key, b.Count, res.Total, err)
					}
				}
				seen += res.Total
			}
		}
		if seen < 100 {
			t.Fatalf("the filters found only %d cameras", seen)
		}
	})
}

func TestDesiredStateGrowsOnlyWhenItChanges(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, l := setUp(t, d)
		ctx := as("310101")
		c, err := s.Create(ctx, input(1, "310101013"))
		if err != nil {
			t.Fatal(err)
		}
		if cfg := l.last(t, "box2"); cfg.Version != 1 || len(cfg.Cameras) != 1 || cfg.Cameras[0].ID != c.ID {
			t.Fatalf("%+v", cfg)
		}
		in := input(1, "310101013")
		in.Rev, in.Legal.Note = c.Rev, "只改备注"
		if c, err = s.Update(ctx, c.ID, in); err != nil {
			t.Fatal(err)
		}
		if n := len(l.sent["box2"]); n != 1 {
			t.Fatalf("an edit that does not concern the box was sent: %d", n)
		}
		in.Rev, in.BoxID, in.Password = c.Rev, "box1", "neu"
		if c, err = s.Update(ctx, c.ID, in); err != nil {
			t.Fatal(err)
		}
		if a, b := l.last(t, "box2"), l.last(t, "box1"); a.Version != 2 || len(a.Cameras) != 0 || b.Version != 1 || len(b.Cameras) != 1 || b.Cameras[0].Password != "neu" {
			t.Fatalf("moved: %+v %+v", a, b)
		}
		if _, err := s.Update(ctx, c.ID, in); errs.CodeOf(err) != errs.ConflictCode {
			t.Fatalf("old revision: %v", err)
		}
		if _, err := s.Update(as("310104"), c.ID, in); errs.CodeOf(err) != errs.Invalid && errs.CodeOf(err) != errs.NotFoundCode {
			t.Fatalf("out of scope: %v", err)
		}
		if err := s.Delete(ctx, c.ID, c.Rev); err != nil {
			t.Fatal(err)
		}
		if cfg := l.last(t, "box1"); cfg.Version != 2 || len(cfg.Cameras) != 0 {
			t.Fatalf("deleted: %+v", cfg)
		}
		if _, err := s.Create(ctx, input(1, "310101013")); err != nil {
			t.Fatalf("the code of a deleted camera is free: %v", err)
		}
		if _, err := s.Restore(ctx, c.ID, c.Rev+1); errs.CodeOf(err) != errs.Invalid {
			t.Fatalf("two cameras with one code: %v", err)
		}
	})
}

func TestSnapshotAndProbe(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, l := setUp(t, d)
		ctx := as("310101")
		c, err := s.Create(ctx, input(1, "310101013"))
		if err != nil {
			t.Fatal(err)
		}
		ref := &edgev1.EvidenceRef{SM3: "pic", Width: 1280, Height: 720, TakenAt: edgev1.At(testkit.Start())}
		for _, x := range []struct {
			name string
			res  edgev1.Result
			err  error
			code errs.Code
		}{
			{"offline", edgev1.Result{}, errs.New(errs.Unavailable, "边缘盒离线"), errs.Unavailable},
			{"refused", edgev1.Result{OK: false, Message: "摄像机拒绝连接"}, nil, errs.Unavailable},
			{"not uploaded", edgev1.Result{OK: true, Snapshot: &edgev1.EvidenceRef{SM3: "other"}}, nil, errs.Unavailable},
			{"uploaded late", edgev1.Result{OK: true, Snapshot: &edgev1.EvidenceRef{SM3: "late"}}, nil, ""},
			{"taken", edgev1.Result{OK: true, Snapshot: ref}, nil, ""},
		} {
			l.next, l.err = x.res, x.err
			if _, err := s.TakeSnapshot(ctx, c.ID); errs.CodeOf(err) != x.code {
				t.Errorf("%s: %v", x.name, err)
			}
		}
		snap, err := s.LatestSnapshot(ctx, c.ID)
		if err != nil || snap.SM3 != "pic" || snap.Width != 1280 {
			t.Fatalf("%+v %v", snap, err)
		}
		if ok, err := s.SeesBlob(ctx, "pic"); !ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		if ok, err := s.SeesBlob(as("310104"), "pic"); ok || err != nil {
			t.Errorf("another district sees the snapshot: %v %v", ok, err)
		}
		l.next, l.err = edgev1.Result{OK: true, Probe: &edgev1.ProbeReport{OK: true, Codec: "h264"}}, nil
		r, err := s.Probe(ctx, directory.ProbeInput{BoxID: "box1", URL: "rtsp://a:b@10.0.0.1/x"})
		if err != nil || r.Codec != "h264" || r.Warnings == nil {
			t.Errorf("%+v %v", r, err)
		}
		var e *errs.Error
		if _, err := s.Probe(ctx, directory.ProbeInput{BoxID: "box1", URL: "ftp://x"}); !errors.As(err, &e) || e.Fields[0].Name != "url" {
			t.Errorf("%v", err)
		}
	})
}

// A center that was restored from a backup goes past the version that a box
// already has: a box takes nothing that is not newer.
func TestABoxIsAheadOfARestoredCenter(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, l := setUp(t, d)
		if _, err := s.Create(as("310101"), input(1, "310101013")); err != nil {
			t.Fatal(err)
		}
		report := func(version int64) edgev1.Config {
			t.Helper()
			st := edgev1.Status{At: edgev1.At(d.Now()), ConfigVersion: version}
			err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
				return s.TakeStatus(ctx, tx, "box2", st, clock.At(tx.Now()))
			})
			if err != nil {
				t.Fatal(err)
			}
			return l.last(t, "box2")
		}
		if cfg := report(1); cfg.Version != 1 || len(l.sent["box2"]) != 1 {
			t.Fatalf("a box that is up to date got version %d, %d messages", cfg.Version, len(l.sent["box2"]))
		}
		if cfg := report(41); cfg.Version != 42 || len(cfg.Cameras) != 1 {
			t.Fatalf("a box that runs 41 got %+v", cfg)
		}
		if cfg := report(41); cfg.Version != 42 || len(l.sent["box2"]) != 2 {
			t.Fatalf("the same report again made version %d", cfg.Version)
		}
		if cfg := report(1 << 60); cfg.Version != 42 {
			t.Fatalf("an absurd version was believed: %d", cfg.Version)
		}
		// The restore command does this: numbers of before and after must
		// not meet.
		if _, err := d.SQL().ExecContext(t.Context(), "UPDATE dir_boxes SET version = version + 1000"); err != nil {
			t.Fatal(err)
		}
		if cfg := report(42); cfg.Version != 1043 {
			t.Fatalf("after a restore the box got version %d", cfg.Version)
		}
	})
}
