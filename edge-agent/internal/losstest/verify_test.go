package losstest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver "sqlite3"

	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/identity"
	"jiexun/edge-agent/internal/outbox"
)

// message is one row of the center's record of messages.
type message struct {
	epoch   string
	seq     int64
	eventID string
	rev     int
}

// alert is what the center made of an event.
type alert struct{ eventID, phase string }

// books are both sides' records, read independently: the box's journal and
// outbox, the center's tables and files.
type books struct {
	journal  []made
	cutNotes int // journal lines that a kill cut off
	lastSeq  int64
	depth    int64 // rows left in the outbox, also those set aside
	stored   []message
	rejected int
	alerts   []alert
	gaps     []string // as the center noted them
	// whole tells whether the center holds an evidence file with the right
	// content.
	whole func(sm3 string) error
}

// sums are the figures of a comparison.
type sums struct{ journaled, cutNotes, made, stored, alerts, evidence, faults int }

// verify reads the books and compares them.
func verify(t *testing.T, w *world) sums {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	b := readBooks(ctx, t, w)
	faults := b.compare()
	for i, f := range faults {
		if i == 10 {
			t.Errorf("and %d more", len(faults)-i)
			break
		}
		t.Error(f)
	}
	files := map[string]bool{}
	for _, m := range b.journal {
		if m.SM3 != "" {
			files[m.SM3] = true
		}
	}
	return sums{len(b.journal), b.cutNotes, int(b.lastSeq), len(b.stored), len(b.alerts), len(files), len(faults)}
}

// compare tells every way in which the books disagree.
func (b books) compare() []string {
	var faults []string
	say := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if b.depth != 0 {
		say("%d rows are left in the outbox", b.depth)
	}
	if b.rejected != 0 {
		say("the center rejected %d messages", b.rejected)
	}
	if int64(len(b.stored)) != b.lastSeq {
		say("the box made %d messages, %d are stored", b.lastSeq, len(b.stored))
	}
	for _, g := range b.gaps {
		if g != "[]" {
			say("the center notes gaps: %s", g)
		}
	}
	type version struct {
		id  string
		rev int
	}
	have, ids := map[version]bool{}, map[string]bool{}
	for i, m := range b.stored {
		if m.epoch != b.stored[0].epoch {
			say("message %d is of another numbering", m.seq)
		}
		if m.seq != int64(i)+1 {
			say("after %d messages comes number %d", i, m.seq)
			break
		}
		v := version{m.eventID, m.rev}
		if have[v] {
			say("event %s revision %d is stored twice", m.eventID, m.rev)
		}
		have[v], ids[m.eventID] = true, true
	}
	phase := map[string]string{}
	for _, a := range b.alerts {
		if _, twice := phase[a.eventID]; twice {
			say("event %s has two alerts", a.eventID)
		}
		if !ids[a.eventID] {
			say("alert of event %s, which was never stored", a.eventID)
		}
		phase[a.eventID] = a.phase
	}
	for id := range ids {
		if _, ok := phase[id]; !ok {
			say("event %s has no alert", id)
		}
	}
	for _, m := range b.journal {
		if !have[version{m.ID, m.Rev}] {
			say("event %s revision %d was made and is not stored", m.ID, m.Rev)
		}
		if m.Ended && phase[m.ID] != "ended" {
			say("event %s ended, its alert is %q", m.ID, phase[m.ID])
		}
		if m.SM3 != "" {
			if err := b.whole(m.SM3); err != nil {
				say("evidence %s: %v", m.SM3, err)
			}
		}
	}
	return faults
}

func readBooks(ctx context.Context, t *testing.T, w *world) books {
	t.Helper()
	var b books
	dir := w.box.conf.Dir
	id, err := identity.Load(filepath.Join(dir, "identity"))
	if err != nil {
		t.Fatal(err)
	}
	b.readJournal(t, filepath.Join(dir, "journal"))
	out, err := outbox.Open(ctx, outbox.Options{Path: filepath.Join(dir, "outbox.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	st, err := out.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	b.lastSeq, b.depth = st.LastSeq, st.Depth+st.Rejected+st.Dropped
	b.readCenter(ctx, t, w.center, id.Edge)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: id.TLS}}
	t.Cleanup(client.CloseIdleConnections)
	b.whole = func(sm3 string) error { return whole(ctx, client, id.HTTPS, w.center.data, sm3) }
	return b
}

func (b *books) readJournal(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines(text) {
		var m made
		switch err := json.Unmarshal(l, &m); {
		case len(l) == 0:
		case err != nil:
			b.cutNotes++
		default:
			b.journal = append(b.journal, m)
		}
	}
}

func (b *books) readCenter(ctx context.Context, t *testing.T, c *center, edge string) {
	t.Helper()
	driver, dsn := "sqlite3", "file:"+filepath.Join(c.data, "jiexun.db")+"?_query_only=1&_busy_timeout=5000"
	if c.db != "" {
		driver, dsn = "pgx", c.db
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	each := func(scan func(*sql.Rows) error, q string) {
		rows, err := db.QueryContext(ctx, q, edge)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	each(func(r *sql.Rows) error {
		var m message
		err := r.Scan(&m.epoch, &m.seq, &m.eventID, &m.rev)
		b.stored = append(b.stored, m)
		return err
	}, `SELECT epoch, seq, event_id, event_rev FROM hub_messages WHERE edge = $1 ORDER BY epoch, seq`)
	each(func(r *sql.Rows) error {
		var a alert
		err := r.Scan(&a.eventID, &a.phase)
		b.alerts = append(b.alerts, a)
		return err
	}, `SELECT event_id, phase FROM alert_items WHERE edge_id = $1`)
	each(func(r *sql.Rows) error {
		var g string
		err := r.Scan(&g)
		b.gaps = append(b.gaps, g)
		return err
	}, `SELECT gaps FROM hub_streams WHERE edge = $1`)
	each(func(r *sql.Rows) error { return r.Scan(&b.rejected) }, `SELECT COUNT(*) FROM hub_rejections WHERE edge = $1`)
}

// whole asks the center for the file as a box does, and reads it where the
// center keeps it.
func whole(ctx context.Context, client *http.Client, base, data, sm3 string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base+"/edge/v1/evidence/"+sm3, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the center answers %d", resp.StatusCode)
	}
	return evidence.VerifyFile(filepath.Join(data, "blobs", "files", sm3[:2], sm3))
}
