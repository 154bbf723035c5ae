package directory

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/testkit"
)

func TestEvidenceNeedsReviewPublicationAndValidity(t *testing.T) {
	now := testkit.Start()
	past, future := clock.Ptr(now.Add(-time.Hour)), clock.Ptr(now.Add(time.Hour))
	good := func(change func(l *Legal)) Legal {
		l := Legal{Status: "approved", ReviewedAt: past, TechnicalAt: past, VerifiedTo: future, SignOnSite: true, PublishedAt: past}
		change(&l)
		return l
	}
	for _, c := range []struct {
		name   string
		change func(l *Legal)
		use    string
	}{
		{"all in order", func(l *Legal) { l.ValidTo = future }, UseEvidence},
		{"no end", func(*Legal) {}, UseEvidence},
		{"published this moment", func(l *Legal) { l.PublishedAt = clock.Ptr(now) }, UseEvidence},
		{"not published", func(l *Legal) { l.PublishedAt = nil }, UseClue},
		{"published later", func(l *Legal) { l.PublishedAt = future }, UseClue},
		{"no legal review", func(l *Legal) { l.ReviewedAt = nil }, UseClue},
		{"legal review to come", func(l *Legal) { l.ReviewedAt = future }, UseClue},
		{"no technical review", func(l *Legal) { l.TechnicalAt = nil }, UseClue},
		{"not verified", func(l *Legal) { l.VerifiedTo = nil }, UseClue},
		{"verification ran out", func(l *Legal) { l.VerifiedTo = past }, UseClue},
		{"verification runs out this moment", func(l *Legal) { l.VerifiedTo = clock.Ptr(now) }, UseClue},
		{"no sign", func(l *Legal) { l.SignOnSite = false }, UseClue},
		{"run out", func(l *Legal) { l.ValidTo = past }, UseClue},
		{"runs out this moment", func(l *Legal) { l.ValidTo = clock.Ptr(now) }, UseClue},
		{"pending", func(l *Legal) { l.Status = "pending" }, UseClue},
		{"expired", func(l *Legal) { l.Status = "expired" }, UseClue},
	} {
		use, reason := good(c.change).At(now)
		if use != c.use || reason == "" {
			t.Errorf("%s: %s %s", c.name, use, reason)
		}
		if use == UseClue && !strings.Contains(reason, "仅作线索") {
			t.Errorf("%s: the reason does not say what follows: %s", c.name, reason)
		}
	}
}

// What the kept columns say holds until the moment that next names.
func TestLegalChangesWhenNextSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := clock.At(testkit.Start())
		at := func(name string) *clock.Stamp {
			if rapid.Bool().Draw(t, name+" set") {
				v := now + clock.Stamp(rapid.Int64Range(-5, 5).Draw(t, name))
				return &v
			}
			return nil
		}
		l := Legal{
			Status: rapid.SampledFrom([]string{"approved", "approved", "pending"}).Draw(t, "status"), SignOnSite: rapid.Bool().Draw(t, "sign"),
			ReviewedAt: at("review"), TechnicalAt: at("technical"), VerifiedTo: at("verified"), PublishedAt: at("published"), ValidTo: at("valid"),
		}
		use, reason := l.At(now.Time())
		end := now + 10
		if n := l.next(now); n != nil {
			end = *n
		}
		for m := now; m < end; m++ {
			if u, r := l.At(m.Time()); u != use || r != reason {
				t.Fatalf("%+v changes %d ms on, next is %v", l, m-now, l.next(now))
			}
		}
	})
}

func TestSegmentsOfReportsNeverOverlap(t *testing.T) {
	states := []edgev1.CameraState{edgev1.Online, edgev1.Reconnecting, edgev1.NoVerdict, edgev1.Offline, edgev1.Refused}
	rapid.Check(t, func(t *rapid.T) {
		now := clock.At(testkit.Start())
		h := Health{CameraID: "c", State: Unknown, Since: now}
		list := []Segment{{State: h.State, From: h.Since}}
		for range rapid.IntRange(1, 40).Draw(t, "reports") {
			now += clock.Stamp(rapid.Int64Range(1, 60_000).Draw(t, "step"))
			var next Health
			var changed bool
			if rapid.IntRange(0, 5).Draw(t, "lost") == 0 {
				next, changed = Lost(h, now, "x")
			} else {
				// The box's clock may be wrong by an hour either way.
				since := now + clock.Stamp(rapid.Int64Range(-3_600_000, 3_600_000).Draw(t, "since"))
				s := edgev1.CameraStatus{Camera: "c", State: rapid.SampledFrom(states).Draw(t, "state"), Since: edgev1.At(since.Time()), Diagnosis: edgev1.Healthy}
				next, changed = Report(h, s, now, "{}")
			}
			if next.Since > now || next.Since < h.Since {
				t.Fatalf("since %d, now %d, before %d", next.Since, now, h.Since)
			}
			if changed != (next.State != h.State || next.Diagnosis != h.Diagnosis) {
				t.Fatalf("changed %v from %s to %s", changed, h.State, next.State)
			}
			if changed {
				end := next.Since
				list[len(list)-1].To = &end
				list = append(list, Segment{State: next.State, From: next.Since})
			}
			h = next
		}
		if p, ok := Uptime(list, clock.At(testkit.Start()), now); ok && (p < 0 || p > 100) {
			t.Fatalf("uptime %f", p)
		}
	})
}

func TestSignZonesTakeTheirShop(t *testing.T) {
	cams := []Camera{{ID: "c", Name: "c", URL: "rtsp://x/1"}}
	zones := map[string][]edgev1.Zone{"c": {
		{ID: "named", Kind: edgev1.ZoneSign, Shop: "s1"},
		{ID: "naming", Kind: edgev1.ZoneSign},
		{ID: "own", Kind: edgev1.ZoneSign, Shop: "s1", SignName: "自定", SignReferenceSM3: "own"},
		{ID: "gone", Kind: edgev1.ZoneFrontage, Shop: "deleted"},
	}}
	signs := []sign{{ID: "s1", SignName: "依佳人网咖", ReferenceSM3: "ref"}, {ID: "s2", SignName: "华科眼镜", ZoneID: "naming"}}
	got := buildCameras(cams, zones, signs)[0].Zones
	want := []struct{ shop, name, ref string }{{"s1", "依佳人网咖", "ref"}, {"s2", "华科眼镜", ""}, {"s1", "自定", "own"}, {"", "", ""}}
	for i, w := range want {
		if got[i].Shop != w.shop || got[i].SignName != w.name || got[i].SignReferenceSM3 != w.ref {
			t.Errorf("zone %s: %+v", got[i].ID, got[i])
		}
	}
	a, err := digestOf(buildCameras(cams, zones, signs))
	if err != nil {
		t.Fatal(err)
	}
	signs[0].SignName = "改名"
	if b, err := digestOf(buildCameras(cams, zones, signs)); err != nil || a == b {
		t.Error("another sign name gives the same digest")
	}
}

func TestCredentialsLeaveTheAddress(t *testing.T) {
	in := CameraInput{
		Code: "1", Name: "n", Address: "a", RegionCode: "310101013", Lng: 121.48, Lat: 31.23, BoxID: "b",
		URL: " rtsp://admin:pw@10.0.0.1:554/a ", Legal: Legal{Status: "pending"}, Tags: []string{" 街面 ", "", "街面"},
	}
	if err := in.check(func(string) string { return "外滩街道" }); err != nil {
		t.Fatal(err)
	}
	if in.URL != "rtsp://10.0.0.1:554/a" || in.Username != "admin" || in.Password != "pw" || len(in.Tags) != 1 || in.Transport != "tcp" || in.IntervalMS != 1000 {
		t.Fatalf("%+v", in)
	}
}

// FuzzBBox: no text may panic, and what is taken is in order.
func FuzzBBox(f *testing.F) {
	for _, s := range []string{"", "1,2,3,4", "121.4,31.2,121.5,31.3", "NaN,0,0,0", "1,2,3", "4,3,2,1", "1e999,0,0,0", ",,,"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := FilterParams{BBox: s}.filter()
		if err == nil && got.BBox != nil {
			if b := got.BBox; !(b[0] <= b[2] && b[1] <= b[3]) {
				t.Fatalf("%q gives %v", s, *b)
			}
		}
	})
}

// FuzzCameraInput: no address may panic, and no credentials stay in it.
func FuzzCameraInput(f *testing.F) {
	for _, s := range []string{"rtsp://a:b@c/d", "rtsp://", "rtsp://[::1]:554/x", "http://x", "rtsp://%zz", "rtsp://a@b@c/", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		in := CameraInput{URL: s, Legal: Legal{Status: "pending"}}
		if in.check(func(string) string { return "x" }) == nil {
			t.Fatal("an empty camera was taken")
		}
	})
}
