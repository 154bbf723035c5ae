package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/live"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// box answers commands about recordings as a box does: it stores the cut in
// the center's files before it answers.
type box struct {
	world
	files *blob.Store
	cuts  int
	spans []edgev1.Span
}

func (b *box) Send(ctx context.Context, edge string, c edgev1.Command) (edgev1.Result, error) {
	switch c.Kind {
	case edgev1.CmdRecords:
		return edgev1.Result{OK: true, Spans: b.spans}, nil
	case edgev1.CmdCut:
		b.mu.Lock()
		b.cuts++
		b.mu.Unlock()
		if len(b.spans) == 0 {
			return edgev1.Result{Message: "这段时间没有录像"}, nil
		}
		data := fmt.Appendf(nil, "film of %s at %v to %v", c.Camera, c.From, c.Until)
		ref, err := b.files.PutBytes(ctx, data, "video/mp4")
		if err != nil {
			return edgev1.Result{}, err
		}
		return edgev1.Result{OK: true, Cut: &edgev1.Cut{Until: c.Until, Codec: "H264", FPS: 25, File: edgev1.EvidenceRef{
			Role: edgev1.RoleClip, SM3: ref.SM3, Size: ref.Size, MediaType: "video/mp4", Width: 1920, Height: 1080, TakenAt: c.From,
		}}}, nil
	case edgev1.CmdInspect:
		return edgev1.Result{OK: true, Running: &edgev1.Running{Load: .4, Runs: []edgev1.Run{{Kind: edgev1.Stacking, Looks: 7}}}}, nil
	}
	return b.world.Send(ctx, edge, c)
}

func filmWorld(t *testing.T, d *db.DB, c *clock.Fake) (*live.Service, *box) {
	t.Helper()
	files, err := blob.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b := &box{world: world{answer: edgev1.Result{OK: true}}, files: files}
	s := live.New(live.Options{
		DB: d, Clock: c, Log: testkit.Log(t), Rights: b, Commands: b, Media: b, Files: files,
		Keeps: func(context.Context, string) (bool, error) { return false, nil },
		Snap: func(context.Context, string) (live.Snap, error) {
			return live.Snap{SM3: strings.Repeat("a", 64), At: clock.At(c.Now())}, nil
		},
	})
	t.Cleanup(s.Close)
	return s, b
}

func person(id, org string, perms ...string) context.Context {
	all := map[string]bool{access.CameraView: true}
	for _, p := range perms {
		all[p] = true
	}
	return access.With(context.Background(), access.Actor{ID: id, Name: "演示" + id, Account: "acc" + id, OrgID: org, Perms: all, Scope: access.Scope{Prefixes: []string{"3101"}}})
}

func TestPlayback(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, b := filmWorld(t, d, c)
		me, other := person("1", "o1", access.AlertView), person("2", "o1")
		x, err := s.OpenPlayback(me, "c1")
		if err != nil {
			t.Fatal(err)
		}
		start := clock.DayStart(c.Now())
		day := start.In(clock.Shanghai()).Format(time.DateOnly)
		b.spans = []edgev1.Span{{From: edgev1.At(start), To: edgev1.At(start.Add(time.Hour))}}
		f, err := s.Day(me, x.ID, day)
		if err != nil || len(f.Spans) != 1 || f.From != clock.At(start) || f.To-f.From != 86_400_000 || !f.MayDownload {
			t.Fatalf("%+v %v", f, err)
		}
		if _, err := s.Day(me, x.ID, "2026-13-40"); !errs.Is(err, errs.Invalid) {
			t.Errorf("a day that is none: %v", err)
		}
		if _, err := s.Day(other, x.ID, day); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("another person's session: %v", err)
		}
		from := clock.At(start)
		for range 3 {
			p, err := s.Piece(me, x.ID, from, from+30_000)
			if err != nil || p.SM3 == "" || p.From != from || !p.Complete {
				t.Fatalf("%+v %v", p, err)
			}
			if ok, err := s.SeesBlob(me, p.SM3); err != nil || !ok {
				t.Errorf("the viewer may not play it: %v", err)
			}
		}
		if b.cuts != 1 {
			t.Errorf("the box cut the same piece %d times", b.cuts)
		}
		if _, err := s.Piece(me, x.ID, from, from); !errs.Is(err, errs.Invalid) {
			t.Errorf("an empty piece: %v", err)
		}
		if _, err := s.Piece(me, x.ID, from, from+121_000); !errs.Is(err, errs.Invalid) {
			t.Errorf("a piece of more than two minutes: %v", err)
		}
		c.Advance(42 * time.Second)
		if _, err := s.Renew(me, x.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.End(me, x.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Piece(me, x.ID, from, from+30_000); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("after the end: %v", err)
		}
		l, err := s.Watches(me, live.WatchFilter{Kind: live.ActPlayback}, httpx.Paging{})
		if err != nil || l.Total != 1 {
			t.Fatalf("%+v %v", l, err)
		}
		w := l.Items[0]
		if w.Seconds != 42 || w.EndedAt == nil || w.FilmFrom == nil || *w.FilmFrom != from || *w.FilmUntil != from+30_000 || w.PersonName != "演示1" {
			t.Errorf("%+v", w)
		}
	})
}

func TestDownload(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, b := filmWorld(t, d, c)
		me := person("1", "o1")
		from := clock.At(c.Now().Add(-time.Hour))
		if _, err := s.Download(me, "c1", from, from+60_000, "办案调取"); !errs.Is(err, errs.Unavailable) || !strings.Contains(err.Error(), "没有录像") {
			t.Errorf("nothing recorded: %v", err)
		}
		b.spans = []edgev1.Span{{}}
		if _, err := s.Download(me, "c1", from, from+60_000, " "); !errs.Is(err, errs.Invalid) {
			t.Errorf("without a reason: %v", err)
		}
		if _, err := s.Download(me, "c1", from, from+901_000, "办案调取"); !errs.Is(err, errs.Invalid) {
			t.Errorf("more than 15 minutes: %v", err)
		}
		if _, err := s.Download(me, "away", from, from+60_000, "办案调取"); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("out of scope: %v", err)
		}
		f, err := s.Download(me, "c1", from, from+60_000, "办案调取")
		if err != nil || !strings.HasPrefix(f.Name, "点位 c1_") || !strings.HasSuffix(f.Name, "_演示1_acc1.mp4") {
			t.Fatalf("%+v %v", f, err)
		}
		r, _, err := b.files.Open(t.Context(), f.SM3)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil || !bytes.Contains(body, []byte("c1")) || r.Close() != nil {
			t.Fatalf("%s %v", body, err)
		}
		l, err := s.Watches(me, live.WatchFilter{}, httpx.Paging{Sort: "-seconds"})
		if err != nil || l.Total != 1 || l.Items[0].Kind != live.ActDownload || l.Items[0].Note != "办案调取" || l.Items[0].Seconds != 60 {
			t.Errorf("%+v %v", l, err)
		}
		if err := s.Tidy(t.Context()); err != nil || !b.files.Has(t.Context(), f.SM3) {
			t.Fatalf("a fresh cut went: %v", err)
		}
		c.Advance(3 * time.Hour)
		if err := s.Tidy(t.Context()); err != nil || b.files.Has(t.Context(), f.SM3) {
			t.Errorf("an old cut stays: %v", err)
		}
		if ok, err := s.SeesBlob(me, f.SM3); err != nil || ok {
			t.Errorf("a forgotten cut is shown: %v", err)
		}
	})
}

// A center that dies leaves its viewers open; they end with their last sign
// of life.
func TestLostWatches(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := filmWorld(t, d, c)
		me := person("1", "o1")
		x, err := s.Open(me, "c1")
		if err != nil {
			t.Fatal(err)
		}
		c.Advance(30 * time.Second)
		if _, err := s.Renew(me, x.ID); err != nil {
			t.Fatal(err)
		}
		other, _ := filmWorld(t, d, c)
		c.Advance(100 * time.Second)
		if err := other.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		if l, err := s.Watches(me, live.WatchFilter{Open: true}, httpx.Paging{}); err != nil || l.Total != 1 {
			t.Fatalf("one who watches was ended: %+v %v", l, err)
		}
		c.Advance(100 * time.Second)
		if err := other.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		l, err := s.Watches(me, live.WatchFilter{}, httpx.Paging{})
		if err != nil || l.Items[0].EndedAt == nil || l.Items[0].Seconds != 30 || l.Items[0].Note != "中断" {
			t.Errorf("%+v %v", l, err)
		}
		if l, err := s.Watches(person("9", "o9"), live.WatchFilter{}, httpx.Paging{}); err != nil || l.Total != 0 {
			t.Errorf("a stranger sees %+v %v", l, err)
		}
		if l, err := s.Watches(person("9", "o9", access.AuditView), live.WatchFilter{Person: "1", Region: "310101", Camera: "c1"}, httpx.Paging{}); err != nil || l.Total != 1 {
			t.Errorf("an auditor sees %+v %v", l, err)
		}
	})
}

func TestWalls(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := filmWorld(t, d, c)
		me, mate, stranger := person("1", "o1"), person("2", "o1"), person("3", "o2")
		w, err := s.SaveWall(me, live.Wall{Kind: live.KindWall, Name: " 早高峰 ", Layout: 16, Cameras: []string{"c1", "", "c2"}, Shared: true})
		if err != nil || w.Name != "早高峰" || w.Rev != 1 || !w.Mine {
			t.Fatalf("%+v %v", w, err)
		}
		if _, err := s.SaveWall(me, live.Wall{Kind: live.KindTour, Name: "轮巡", Layout: 4, Cameras: []string{"c1", "c2", "c3"}, IntervalS: 10}); err != nil {
			t.Fatal(err)
		}
		for who, want := range map[context.Context]int{me: 2, mate: 1, stranger: 0} {
			if l, err := s.Walls(who); err != nil || len(l) != want {
				t.Errorf("%d layouts, want %d: %v", len(l), want, err)
			}
		}
		for name, bad := range map[string]live.Wall{
			"same name": {Kind: live.KindWall, Name: "早高峰", Layout: 4, Cameras: []string{"c1"}},
			"no camera": {Kind: live.KindWall, Name: "空", Layout: 4, Cameras: []string{"", ""}},
			"layout":    {Kind: live.KindWall, Name: "三格", Layout: 3, Cameras: []string{"c1"}},
			"too many":  {Kind: live.KindWall, Name: "一格", Layout: 1, Cameras: []string{"c1", "c2"}},
			"interval":  {Kind: live.KindTour, Name: "太快", Layout: 1, Cameras: []string{"c1"}, IntervalS: 1},
		} {
			if _, err := s.SaveWall(me, bad); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.Cameras = []string{"c9"}
		if w, err = s.SaveWall(me, w); err != nil || w.Rev != 2 {
			t.Fatalf("%+v %v", w, err)
		}
		w.Rev = 1
		if _, err := s.SaveWall(me, w); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("an old revision: %v", err)
		}
		w.Rev = 2
		if _, err := s.SaveWall(mate, w); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("a colleague changed it: %v", err)
		}
		if err := s.DeleteWall(mate, w.ID); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("a colleague deleted it: %v", err)
		}
		if err := s.DeleteWall(me, w.ID); err != nil {
			t.Fatal(err)
		}
		snap, err := s.NoteSnap(me, "c1", func(ctx context.Context) (live.Snap, error) {
			return live.Snap{SM3: strings.Repeat("b", 64), At: clock.At(c.Now())}, nil
		})
		if err != nil || !strings.HasSuffix(snap.Name, ".jpg") {
			t.Errorf("%+v %v", snap, err)
		}
		if r, err := s.Inspect(me, "c1"); err != nil || r.Runs[0].Looks != 7 {
			t.Errorf("%+v %v", r, err)
		}
	})
}

func exec(t *testing.T, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.InTx(t.Context(), func(ctx context.Context, tx db.Tx) error {
		_, err := tx.NewRaw(query, args...).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// past stores a decided recognition as the alerts do.
func past(t *testing.T, d *db.DB, n int, state, kind string, at time.Time, e edgev1.Event) {
	t.Helper()
	body, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("a%05d", n)
	exec(t, d, `INSERT INTO alert_items (id, no, edge_id, event_id, event_rev, kind, seen_kind, phase, state, camera_id, camera_name, address, region_code,
		street_name, lng, lat, zone_id, zone_name, shop_id, shop_name, bind_reason, score, since_at, confirmed_at, received_at, evidence_use, evidence_reason,
		thumb, text, sign_text, decided_by, decided_name, decision, prior_state, order_id, order_no, order_state, order_result, text_key, received_ymd, rev)
		VALUES (?, ?, 'b', ?, 1, ?, 'stacking', 'opened', ?, 'c1', '点位一', '', '310101013', '', 0, 0, 'z1', '', '', '', '', ?, ?, ?, ?, 'clue', '', '', '', '',
		'', '', '', '', '', '', '', '', '', ?, 1)`,
		id, "YJ"+id, id, kind, state, e.Score, at.UnixMilli(), at.UnixMilli(), at.UnixMilli(), clock.YMD(at))
	exec(t, d, `INSERT INTO alert_events (alert_id, rev, body) VALUES (?, 1, ?)`, id, string(body))
}

func seen(at time.Time, seconds int, area float64, scores ...float64) edgev1.Event {
	e := edgev1.Event{
		Since: edgev1.At(at), ConfirmedAt: edgev1.At(at.Add(time.Duration(seconds) * time.Second)), Area: area, Score: scores[len(scores)-1],
		Box: edgev1.Box{X: .4, Y: .4, W: .1, H: .1}, Rule: edgev1.Rule{K: 2, N: 3},
	}
	for i, s := range scores {
		e.Scores = append(e.Scores, edgev1.ScorePoint{At: edgev1.At(at.Add(time.Duration(i) * time.Second)), Score: s})
	}
	return e
}

func TestReportAndTrial(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s, _ := filmWorld(t, d, c)
		me := person("1", "o1", access.AlertView)
		now := c.Now().Add(-time.Hour)
		past(t, d, 1, "confirmed", "stacking", now, seen(now, 120, .02, .9, .95, .9))
		past(t, d, 2, "merged", "stacking", now, seen(now, 20, .02, .9, .6, .95))
		past(t, d, 3, "rejected", "stacking", now, seen(now, 120, .001, .7, .75, .7))
		past(t, d, 4, "confirmed", "frontage", now, seen(now, 120, .02, .6, .6, .9))
		past(t, d, 5, "pending", "stacking", now, seen(now, 120, .02, .9, .9, .9))
		for _, by := range []string{"kind", "camera", "region", "day"} {
			l, err := s.Report(me, live.QualityFilter{By: by})
			if err != nil || len(l) != 1 || l[0].Right != 2 || l[0].Wrong != 2 || l[0].Open != 1 || l[0].Precision == nil || *l[0].Precision != .5 {
				t.Errorf("by %s: %+v %v", by, l, err)
			}
		}
		if l, err := s.Report(me, live.QualityFilter{By: "kind", Region: "310104"}); err != nil || len(l) != 0 {
			t.Errorf("another district: %+v %v", l, err)
		}
		for _, bad := range []live.QualityFilter{{By: "x"}, {By: "kind", From: 20261399}, {By: "kind", From: 20260101, To: 20260601}, {By: "kind", From: 20261102, To: 20261101}} {
			if _, err := s.Report(me, bad); !errs.Is(err, errs.Invalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		for name, tc := range map[string]struct {
			rule                                 live.TrialRule
			rightKept, wrongKept, openKept, gone int
		}{
			"as it was":    {live.TrialRule{}, 2, 2, 1, 0},
			"score":        {live.TrialRule{OpenScore: .85}, 2, 0, 1, 2},
			"area":         {live.TrialRule{MinArea: .01}, 2, 1, 1, 1},
			"dwell":        {live.TrialRule{DwellS: 60}, 1, 2, 1, 1},
			"other zone":   {live.TrialRule{ZoneID: "z9"}, 0, 0, 0, 0},
			"moved":        {live.TrialRule{Polygon: []edgev1.Point{{X: .6, Y: .6}, {X: .9, Y: .6}, {X: .9, Y: .9}}}, 0, 0, 0, 5},
			"around it":    {live.TrialRule{Polygon: []edgev1.Point{{X: .3, Y: .3}, {X: .7, Y: .3}, {X: .7, Y: .7}, {X: .3, Y: .7}}}, 2, 2, 1, 0},
			"one by score": {live.TrialRule{OpenScore: .99}, 0, 0, 0, 5},
		} {
			r, err := s.Try(me, "c1", tc.rule)
			if err != nil || r.RightKept != tc.rightKept || r.WrongKept != tc.wrongKept || r.OpenKept != tc.openKept {
				t.Errorf("%s: %+v %v", name, r, err)
			}
			gone := 0
			for _, x := range r.Items {
				if !x.Raised {
					gone++
				}
				if x.Raised != (x.Why == "") {
					t.Errorf("%s: %+v", name, x)
				}
			}
			if gone != tc.gone {
				t.Errorf("%s: %d would not be raised, want %d", name, gone, tc.gone)
			}
		}
		if _, err := s.Try(me, "c1", live.TrialRule{OpenScore: 2}); !errs.Is(err, errs.Invalid) {
			t.Errorf("a score above 1: %v", err)
		}
		if _, err := s.Try(person("1", "o1"), "c1", live.TrialRule{}); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("without the right to see alerts: %v", err)
		}
	})
}
