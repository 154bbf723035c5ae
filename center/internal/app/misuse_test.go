package app

import (
	"strconv"
	"strings"
	"testing"

	"jiexun/center/internal/access"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/security"
	"jiexun/center/internal/todo"
)

// A box whose certificate a second machine uses is found by the job and made
// one alert, on both databases.
func TestMisuseOfBoxesIsFound(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		tree, err := region.Parse(strings.NewReader("310000,上海市,city,\n310101,黄浦区,district,310000\n"))
		if err != nil {
			t.Fatal(err)
		}
		acc, err := access.New(d, access.Options{Keys: crypto.ForTest(t, d), Log: testkit.Log(t)})
		if err != nil {
			t.Fatal(err)
		}
		a := &App{log: testkit.Log(t), db: d, access: acc, fleet: fleet.New(fleet.Options{DB: d, Log: testkit.Log(t), Regions: tree, TopicOffline: "edge.offline"})}
		td := todo.New(todo.Options{DB: d, People: todoPeople{acc, d.Now}, Log: testkit.Log(t)})
		if a.security, err = security.New(t.Context(), security.Options{DB: d, Access: acc, Todos: td, Log: testkit.Log(t), Handlers: bureauOrg}); err != nil {
			t.Fatal(err)
		}
		box, err := a.fleet.EnsureBox(t.Context(), "黄浦一号盒", "310101")
		if err != nil {
			t.Fatal(err)
		}
		job := caller.System(t.Context(), "检查边缘盒证书是否被冒用")
		alerts := func() int64 {
			t.Helper()
			admin := access.With(t.Context(), access.Actor{ID: "a", Perms: map[string]bool{access.SecurityView: true}, Scope: access.SystemScope()})
			_, n, err := a.security.Alerts(admin, security.AlertFilter{Order: "a.last_at DESC", Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if err := a.countMisuse(job); err != nil {
			t.Fatal(err)
		}
		if n := alerts(); n != 0 {
			t.Fatalf("%d alerts without a misuse", n)
		}
		if _, err := d.SQL().Exec("UPDATE fleet_boxes SET state = 'online', seen_at = " + millis(c) + ", duplicate_at = " + millis(c) + " WHERE id = '" + box + "'"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := a.countMisuse(job); err != nil {
				t.Fatal(err)
			}
		}
		if n := alerts(); n != 1 {
			t.Fatalf("%d alerts of one misuse", n)
		}
		// What somebody would see of boxes is counted by the same list.
		got, err := a.accessSamples(t.Context(), access.Actor{ID: "a", Perms: map[string]bool{access.BoxView: true}, Scope: access.Scope{Prefixes: []string{"31"}}})
		if err != nil || len(got) != 1 || got[0].Count != 1 {
			t.Fatalf("samples %+v %v", got, err)
		}
	})
}

// millis is now as the database keeps it.
func millis(c *clock.Fake) string { return strconv.FormatInt(c.Now().UnixMilli(), 10) }
