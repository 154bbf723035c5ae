package main

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "github.com/mattn/go-sqlite3"    // the driver "sqlite3"
)

// database is the same database seen without the product.
type database struct {
	*sql.DB
	pg bool
}

// openDB opens sqlite:PATH or postgres://… as the center opens it for writing.
func openDB(url string) (*database, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		db, err := sql.Open("sqlite3", "file:"+path+"?_busy_timeout=5000&_journal_mode=WAL&_synchronous=FULL&_foreign_keys=on&_cache_size=-65536&_txlock=immediate")
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", path, err)
		}
		db.SetMaxOpenConns(1)
		return &database{DB: db}, nil
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	db.SetMaxOpenConns(1)
	return &database{DB: db, pg: true}, nil
}

// tables lists the product's tables in the order of their making, so that a
// table comes after those that it refers to.
func (d *database) tables(ctx context.Context) ([]string, error) {
	q := `SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid`
	if d.pg {
		q = `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid=c.relnamespace WHERE c.relkind='r' AND n.nspname='public' ORDER BY c.oid`
	}
	rows, err := d.QueryContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		out = append(out, name)
	}
	return out, rows.Err()
}

// counts counts the rows of every table.
func (d *database) counts(ctx context.Context) (map[string]int, error) {
	names, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, t := range names {
		var n int
		if err := d.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+quote(t)).Scan(&n); err != nil {
			return nil, fmt.Errorf("count %s: %w", t, err)
		}
		out[t] = n
	}
	return out, nil
}

func quote(name string) string { return `"` + name + `"` }

// table is what the ingest left in one table.
type table struct {
	name    string
	columns []string
	rows    [][]any
}

func (t table) rowBytes() int {
	if len(t.rows) == 0 {
		return 0
	}
	n := 0
	for _, r := range t.rows {
		for _, v := range r {
			switch v := v.(type) {
			case string:
				n += len(v)
			case []byte:
				n += len(v)
			default:
				n += 8
			}
		}
	}
	return n / len(t.rows)
}

// filled reads the rows of every table that the events filled: tables that
// were all but empty before and now hold at least one row for every hundred
// events.
// A table that held more than a hundredth of that before and grew as much
// would make the comparison wrong, so it is an error.
func (d *database) filled(ctx context.Context, before map[string]int, events int) ([]table, error) {
	names, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	after, err := d.counts(ctx)
	if err != nil {
		return nil, err
	}
	var out []table
	for _, name := range names {
		if after[name]-before[name] < max(events/100, 1) {
			continue
		}
		if before[name] > events/100 {
			return nil, fmt.Errorf("table %s held %d rows before the events came: its new rows cannot be told from the old ones", name, before[name])
		}
		t, err := d.read(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// read loads a table in the order of its first columns, which are its key.
func (d *database) read(ctx context.Context, name string) (table, error) {
	t := table{name: name}
	rows, err := d.QueryContext(ctx, `SELECT * FROM `+quote(name))
	if err != nil {
		return t, fmt.Errorf("read %s: %w", name, err)
	}
	defer rows.Close()
	if t.columns, err = rows.Columns(); err != nil {
		return t, fmt.Errorf("read %s: %w", name, err)
	}
	for rows.Next() {
		r := make([]any, len(t.columns))
		to := make([]any, len(r))
		for i := range r {
			to[i] = &r[i]
		}
		if err := rows.Scan(to...); err != nil {
			return t, fmt.Errorf("read %s: %w", name, err)
		}
		t.rows = append(t.rows, r)
	}
	slices.SortFunc(t.rows, compareRows)
	return t, rows.Err()
}

// compareRows orders rows by their columns from the left.
func compareRows(a, b []any) int {
	for i := range a {
		c := 0
		switch x := a[i].(type) {
		case string:
			y, _ := b[i].(string)
			c = strings.Compare(x, y)
		case int64:
			y, _ := b[i].(int64)
			c = cmp.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
