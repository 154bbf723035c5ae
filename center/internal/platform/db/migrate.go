package db

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate applies all files of fsys that are missing, in the order of their
// names. On PostgreSQL an advisory lock keeps two centers from doing it at
// the same time. It gives the names that were applied.
func Migrate(ctx context.Context, d *DB, fsys fs.FS) ([]string, error) {
	p, err := provider(d, fsys)
	if err != nil {
		return nil, err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	names := make([]string, 0, len(done))
	for _, r := range done {
		names = append(names, r.Source.Path)
	}
	return names, nil
}

func provider(d *DB, fsys fs.FS) (*goose.Provider, error) {
	dialect := goose.DialectSQLite3
	// Several people add files at once, so that an earlier name may come later.
	opts := []goose.ProviderOption{goose.WithAllowOutofOrder(true), goose.WithLogger(goose.NopLogger())}
	if d.pg {
		dialect = goose.DialectPostgres
		l, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		opts = append(opts, goose.WithSessionLocker(l))
	}
	p, err := goose.NewProvider(dialect, d.write.DB, fsys, opts...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return p, nil
}

// Tables lists the tables, columns, indexes and views of the database, one a
// line, for comparing the two dialects.
func Tables(ctx context.Context, d *DB) ([]string, error) {
	q := `SELECT m.type || ' ' || m.name || CASE WHEN m.type = 'table' THEN '.' || p.name ELSE '' END
		FROM sqlite_master m LEFT JOIN pragma_table_info(m.name) p ON m.type = 'table'
		WHERE m.name NOT LIKE 'sqlite_%' ORDER BY 1`
	if d.pg {
		q = `SELECT 'table ' || c.table_name || '.' || c.column_name FROM information_schema.columns c
			JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
			WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
		UNION SELECT 'view ' || table_name FROM information_schema.views WHERE table_schema = current_schema()
		UNION SELECT 'index ' || indexname FROM pg_indexes WHERE schemaname = current_schema() AND indexname NOT LIKE '%_pkey' AND indexname NOT LIKE '%_key'
		ORDER BY 1`
	}
	rows, err := d.write.DB.QueryContext(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	defer func() { _ = rows.Close() }()
	return scanTexts(rows)
}

func scanTexts(rows *sql.Rows) ([]string, error) {
	out := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, fmt.Errorf("list tables: %w", err)
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Versions lists the versions of the migrations that were applied, in order.
func Versions(ctx context.Context, d *DB, fsys fs.FS) ([]int64, error) {
	p, err := provider(d, fsys)
	if err != nil {
		return nil, err
	}
	list, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read applied migrations: %w", err)
	}
	out := []int64{}
	for _, m := range list {
		if m.State == goose.StateApplied {
			out = append(out, m.Source.Version)
		}
	}
	return out, nil
}

// MigrateTo applies exactly the given versions to a database that has none or
// some of them. A version that fsys does not know is an error: the data is of
// a newer center.
func MigrateTo(ctx context.Context, d *DB, fsys fs.FS, versions []int64) error {
	p, err := provider(d, fsys)
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	for _, s := range p.ListSources() {
		known[s.Version] = true
	}
	have, err := Versions(ctx, d, fsys)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if !known[v] {
			return fmt.Errorf("the data has schema version %d, which this center does not know: use a newer center", v)
		}
		if slices.Contains(have, v) {
			continue
		}
		if _, err := p.ApplyVersion(ctx, v, true); err != nil {
			return fmt.Errorf("migrate to %d: %w", v, err)
		}
	}
	for _, v := range have {
		if !slices.Contains(versions, v) {
			return fmt.Errorf("the database has schema version %d, which the data does not have: start from an empty one", v)
		}
	}
	return nil
}
