package directory_test

import (
	"strings"
	"testing"

	"jiexun/center/internal/directory"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/testkit"
)

// Passwords of cameras lie sealed in every table; rows of before are sealed by
// the same run that follows a rotation, and one changed byte is found.
func TestPasswordsAreSealed(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s, l := setUp(t, d)
		ctx := as("310101")
		in := input(2, "310101013")
		in.URL = "rtsp://admin:geheim-77@10.0.0.9/main" // credentials in the address are taken out of it
		c, err := s.Create(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		stored := func() (password, body string) {
			if err := d.SQL().QueryRow("SELECT password FROM dir_cameras").Scan(&password); err != nil {
				t.Fatal(err)
			}
			if err := d.SQL().QueryRow("SELECT body FROM dir_configs ORDER BY version DESC LIMIT 1").Scan(&body); err != nil {
				t.Fatal(err)
			}
			return password, body
		}
		p, body := stored()
		if !crypto.Sealed(p) || !crypto.Sealed(body) || l.last(t, "box1").Cameras[0].Password != "geheim-77" {
			t.Fatalf("stored %.20q and %.20q, sent %q", p, body, l.last(t, "box1").Cameras[0].Password)
		}
		cfg, _, err := s.ConfigFor(ctx, "box1")
		if err != nil || cfg.Cameras[0].Password != "geheim-77" {
			t.Fatalf("read back %+v, %v", cfg, err)
		}
		if _, err := d.SQL().Exec("UPDATE dir_cameras SET password = 'of before'"); err != nil {
			t.Fatal(err)
		}
		k := crypto.ForTest(t, d)
		k.Guard(directory.Sealed()...)
		if r, err := k.Rewrap(t.Context(), "", nil); err != nil || r.Done != 1 || r.Left != 0 {
			t.Fatalf("sealed %+v, %v", r, err)
		}
		if p, _ = stored(); !crypto.Sealed(p) {
			t.Errorf("old password lies as %.20q", p)
		}
		in.URL, in.Username, in.Password, in.Rev, in.Name = "rtsp://10.0.0.9/main", "admin", "", c.Rev, "改名"
		if _, err := s.Update(ctx, c.ID, in); err != nil {
			t.Fatal(err)
		}
		if got := l.last(t, "box1").Cameras[0].Password; got != "of before" {
			t.Errorf("sent %q", got)
		}
		// A password of one camera copied into another's row, or flipped.
		if _, err := d.SQL().Exec("UPDATE dir_cameras SET password = '" + strings.Replace(p, p[40:44], "AAAA", 1) + "'"); err != nil {
			t.Fatal(err)
		}
		in.Rev, in.Name = c.Rev+1, "再改名"
		if _, err := s.Update(ctx, c.ID, in); err == nil {
			t.Error("a changed sealed password went to the box")
		}
	})
}
