// Package db opens SQLite or PostgreSQL and runs transactions on them. All
// differences between the two that other packages need are in dialect.go.
package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "github.com/mattn/go-sqlite3"    // registers the driver "sqlite3"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"jiexun/center/internal/platform/clock"
)

// DB is one database. SQLite has one writing connection and several reading
// ones; PostgreSQL has one pool.
type DB struct {
	write *bun.DB
	read  *bun.DB
	pg    bool
	clock clock.Clock
	with  sync.Map
}

// Tx is a running transaction. Now is fixed for its whole length.
type Tx struct {
	bun.IDB
	state *txState
}

// inside marks the context of a running transaction.
type inside struct{}

type txState struct {
	db    *DB
	now   time.Time
	pg    bool
	after []func()
}

// Now is the time of the transaction: UTC, whole milliseconds.
func (t Tx) Now() time.Time { return t.state.now }

// AfterCommit runs f once the transaction is committed, never when it failed.
func (t Tx) AfterCommit(f func()) { t.state.after = append(t.state.after, f) }

// Postgres tells which dialect runs.
func (t Tx) Postgres() bool { return t.state.pg }

// Open connects to "sqlite:PATH" or "postgres://…". Nothing is migrated.
func Open(ctx context.Context, url string, c clock.Clock) (*DB, error) {
	switch {
	case strings.HasPrefix(url, "sqlite:"):
		return openSQLite(ctx, strings.TrimPrefix(url, "sqlite:"), c)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return openPostgres(ctx, url, c)
	}
	return nil, fmt.Errorf("open database: the address must begin with sqlite: or postgres://, got %.20q", url)
}

func openSQLite(ctx context.Context, path string, c clock.Clock) (*DB, error) {
	if path == "" {
		return nil, errors.New("open database: sqlite: needs a file name after it")
	}
	// busy_timeout comes first, so that the other pragmas wait too. FULL
	// because a box forgets a message once we said it is committed.
	pragma := "?_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_cache_size=-65536"
	w, err := sql.Open("sqlite3", "file:"+path+pragma+"&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	w.SetMaxOpenConns(1)
	r, err := sql.Open("sqlite3", "file:"+path+pragma+"&_query_only=1")
	if err != nil {
		return nil, fmt.Errorf("open database: %w", errors.Join(err, w.Close()))
	}
	r.SetMaxOpenConns(8)
	r.SetMaxIdleConns(8)
	d := &DB{write: bun.NewDB(w, sqlitedialect.New()), read: bun.NewDB(r, sqlitedialect.New()), clock: c}
	if err := d.Ping(ctx); err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, errors.Join(err, d.Close()))
	}
	return d, nil
}

func openPostgres(ctx context.Context, url string, c clock.Clock) (*DB, error) {
	s, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.SetMaxOpenConns(24)
	s.SetMaxIdleConns(12)
	s.SetConnMaxIdleTime(5 * time.Minute)
	b := bun.NewDB(s, pgdialect.New())
	d := &DB{write: b, read: b, pg: true, clock: c}
	if err := d.Ping(ctx); err != nil {
		return nil, fmt.Errorf("open database: %w", errors.Join(err, d.Close()))
	}
	return d, nil
}

// Ping asks whether the database answers.
func (d *DB) Ping(ctx context.Context) error { return d.write.PingContext(ctx) }

// Read gives the connection for queries outside a transaction. On SQLite it
// cannot write.
func (d *DB) Read() bun.IDB { return d.read }

// Postgres tells which dialect runs.
func (d *DB) Postgres() bool { return d.pg }

// Clock is the clock that transactions take their time from.
func (d *DB) Clock() clock.Clock { return d.clock }

// Now is the current time: UTC, whole milliseconds.
func (d *DB) Now() time.Time { return d.clock.Now().UTC().Truncate(time.Millisecond) }

// Hook lets h see every statement. Call it before the database is used.
func (d *DB) Hook(h bun.QueryHook) {
	d.write = d.write.WithQueryHook(h)
	if d.pg {
		d.read = d.write
	} else {
		d.read = d.read.WithQueryHook(h)
	}
}

// Snapshot begins a transaction that reads one state of the whole database
// while others write. The caller rolls it back.
func (d *DB) Snapshot(ctx context.Context) (*sql.Tx, error) {
	o := &sql.TxOptions{ReadOnly: true}
	if d.pg {
		o.Isolation = sql.LevelRepeatableRead
	}
	tx, err := d.read.DB.BeginTx(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	return tx, nil
}

// SQL gives the writing pool for migrations and checks.
func (d *DB) SQL() *sql.DB { return d.write.DB }

// Close closes all connections.
func (d *DB) Close() error {
	if d.pg {
		return d.write.Close()
	}
	return errors.Join(d.read.Close(), d.write.Close())
}

// busyTries bounds how often a transaction is run again when the database is
// locked or PostgreSQL chose it as a deadlock's victim.
const busyTries = 6

// InTx runs f in one transaction, commits when it returns nil, and then runs
// the AfterCommit functions. f may run more than once: it must not change
// anything outside the transaction. A transaction inside another one is
// refused, because SQLite's one writer would wait for itself: pass the tx on.
func (d *DB) InTx(ctx context.Context, f func(ctx context.Context, tx Tx) error) error {
	if ctx.Value(inside{}) != nil {
		return errors.New("a transaction was begun inside another one")
	}
	wait := 20 * time.Millisecond
	for try := 1; ; try++ {
		err := d.once(ctx, f)
		if err == nil || try == busyTries || !Busy(err) {
			return err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return errors.Join(ctx.Err(), err)
		case <-t.C:
		}
		wait *= 2
	}
}

func (d *DB) once(ctx context.Context, f func(ctx context.Context, tx Tx) error) (err error) {
	raw, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	st := &txState{db: d, now: d.Now(), pg: d.pg}
	done := false
	defer func() {
		if !done { // f failed or panicked
			if e := raw.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
				err = errors.Join(err, fmt.Errorf("roll back: %w", e))
			}
		}
	}()
	if err := f(context.WithValue(ctx, inside{}, true), Tx{IDB: raw, state: st}); err != nil {
		return err
	}
	done = true
	if err := raw.Commit(); err != nil {
		if e := raw.Rollback(); e != nil && !errors.Is(e, sql.ErrTxDone) {
			err = errors.Join(err, e)
		}
		return fmt.Errorf("commit: %w", err)
	}
	for _, g := range st.after {
		g()
	}
	return nil
}
