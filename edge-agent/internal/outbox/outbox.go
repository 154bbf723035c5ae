// Package outbox keeps what a box has to tell the center until the center
// says that it is committed there. One SQLite file, synced before anything is
// called made, holds the numbered messages and, changed in the same
// transaction, the states that must survive a restart: a kill at any moment
// leaves both as before or both as after.
package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3" // the driver
	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
)

// Options of an outbox. The zero value of a field means its default.
type Options struct {
	// Path of the SQLite file.
	Path string
	// MaxRows bounds the rows kept while the center is away; beyond it the
	// oldest are dropped and a Gap explains them. Default 2,000,000.
	MaxRows int64
	Now     func() time.Time
}

// Box is an open outbox. It is safe for concurrent use.
type Box struct {
	db    *sql.DB
	now   func() time.Time
	max   int64
	epoch string

	mu      sync.Mutex // one writer; SQLite has one anyway
	lastSeq int64
	dropped int64
	wake    chan struct{}
}

// Change is what one transaction stores: new events, what was seen for tasks,
// and new states.
type Change struct {
	Events       []edgev1.Event
	Observations []edgev1.Observation
	// State maps a key to its new bytes; nil bytes delete it.
	State map[string][]byte
}

// Stats describes the queue at one moment.
type Stats struct {
	Depth    int64
	OldestAt time.Time // zero when empty
	LastSeq  int64
	Rejected int64
	Dropped  int64
}

const schema = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS msg (
  seq INTEGER PRIMARY KEY,
  made_at INTEGER NOT NULL,
  body BLOB NOT NULL,
  field TEXT NOT NULL DEFAULT '',
  reason TEXT NOT NULL DEFAULT '',
  rejected INTEGER NOT NULL DEFAULT 0,
  gap INTEGER NOT NULL DEFAULT 0 -- a Gap is never dropped: it explains what was
);
CREATE INDEX IF NOT EXISTS msg_open ON msg (rejected, seq);
CREATE TABLE IF NOT EXISTS state (key TEXT PRIMARY KEY, value BLOB NOT NULL);
`

// Open opens or creates the file. A file that cannot be read is an error, not
// a reason to start anew: its rows may be the only copy.
func Open(ctx context.Context, o Options) (*Box, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 2_000_000
	}
	dsn := "file:" + o.Path + "?_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL&_txlock=immediate"
	db, err := sql.Open("sqlite3", dsn)
	if err != nil {
		return nil, fmt.Errorf("open outbox %s: %w", o.Path, err)
	}
	db.SetMaxOpenConns(2)
	b := &Box{db: db, now: o.Now, max: o.MaxRows, wake: make(chan struct{}, 1)}
	if err := b.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open outbox %s: %w", o.Path, err), db.Close())
	}
	return b, nil
}

func (b *Box) load(ctx context.Context) error {
	if _, err := b.db.ExecContext(ctx, schema); err != nil {
		return err
	}
	fresh := ulid.MustNew(ulid.Timestamp(b.now()), ulid.DefaultEntropy()).String()
	if _, err := b.db.ExecContext(ctx, `INSERT INTO meta VALUES ('epoch', ?), ('seq', '0'), ('dropped', '0') ON CONFLICT DO NOTHING`, fresh); err != nil {
		return err
	}
	return b.db.QueryRowContext(ctx, `SELECT (SELECT value FROM meta WHERE key='epoch'),
		(SELECT CAST(value AS INTEGER) FROM meta WHERE key='seq'),
		(SELECT CAST(value AS INTEGER) FROM meta WHERE key='dropped')`).Scan(&b.epoch, &b.lastSeq, &b.dropped)
}

// Close closes the file.
func (b *Box) Close() error { return b.db.Close() }

// Epoch names this outbox; a new file has a new one.
func (b *Box) Epoch() string { return b.epoch }

// Wake receives after new rows were committed.
func (b *Box) Wake() <-chan struct{} { return b.wake }

// Commit stores the change in one synced transaction and returns the number
// of the last row. Nothing of it is visible when an error is returned.
func (b *Box) Commit(ctx context.Context, c Change) (int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("begin outbox transaction: %w", err)
	}
	defer tx.Rollback()
	seq := b.lastSeq
	for i := range c.Events {
		seq++
		if err := insert(ctx, tx, edgev1.Envelope{Seq: seq, ID: newID(b.now()), MadeAt: edgev1.At(b.now()), Event: &c.Events[i]}); err != nil {
			return 0, err
		}
	}
	for i := range c.Observations {
		seq++
		if err := insert(ctx, tx, edgev1.Envelope{Seq: seq, ID: newID(b.now()), MadeAt: edgev1.At(b.now()), Observation: &c.Observations[i]}); err != nil {
			return 0, err
		}
	}
	for k, v := range c.State {
		if v == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM state WHERE key=?`, k)
		} else {
			_, err = tx.ExecContext(ctx, `INSERT INTO state VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value=excluded.value`, k, v)
		}
		if err != nil {
			return 0, fmt.Errorf("store state %s: %w", k, err)
		}
	}
	dropped, last, err := b.trim(ctx, tx, seq)
	if err != nil {
		return 0, err
	}
	if last != b.lastSeq || dropped > 0 {
		if _, err := tx.ExecContext(ctx, `UPDATE meta SET value=CASE key WHEN 'seq' THEN ? ELSE ? END WHERE key IN ('seq','dropped')`,
			fmt.Sprint(last), fmt.Sprint(b.dropped+dropped)); err != nil {
			return 0, fmt.Errorf("store outbox number: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("commit outbox: %w", err)
	}
	b.lastSeq, b.dropped = last, b.dropped+dropped
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return last, nil
}

func newID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
}

func insert(ctx context.Context, tx *sql.Tx, e edgev1.Envelope) error {
	body, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode message %d: %w", e.Seq, err)
	}
	if len(body) > edgev1.MaxPayload/2 {
		return fmt.Errorf("message %d has %d bytes, more than the limit of %d", e.Seq, len(body), edgev1.MaxPayload/2)
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO msg (seq, made_at, body, gap) VALUES (?,?,?,?)`, e.Seq, e.MadeAt.UnixMilli(), body, e.Gap != nil); err != nil {
		return fmt.Errorf("store message %d: %w", e.Seq, err)
	}
	return nil
}

// trim drops the oldest tenth when the cap is exceeded and leaves a Gap row
// behind, so that the center can explain the hole.
func (b *Box) trim(ctx context.Context, tx *sql.Tx, seq int64) (dropped, last int64, err error) {
	var first sql.NullInt64
	var depth int64
	if err := tx.QueryRowContext(ctx, `SELECT MIN(seq), COUNT(*) FROM msg WHERE rejected=0 AND gap=0`).Scan(&first, &depth); err != nil {
		return 0, 0, fmt.Errorf("count outbox: %w", err)
	}
	if depth <= b.max {
		return 0, seq, nil
	}
	cut := first.Int64 + max(b.max/10, depth-b.max) - 1
	res, err := tx.ExecContext(ctx, `DELETE FROM msg WHERE rejected=0 AND gap=0 AND seq<=?`, cut)
	if err != nil {
		return 0, 0, fmt.Errorf("drop oldest messages: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, 0, fmt.Errorf("drop oldest messages: %w", err)
	}
	seq++
	gap := edgev1.Envelope{Seq: seq, ID: newID(b.now()), MadeAt: edgev1.At(b.now()),
		Gap: &edgev1.Gap{From: first.Int64, To: cut, Reason: fmt.Sprintf("outbox full: more than %d messages waited", b.max)}}
	return n, seq, insert(ctx, tx, gap)
}
