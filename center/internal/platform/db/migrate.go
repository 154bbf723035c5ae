package db

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate applies all files of fsys that are missing, in the order of their
// names. On PostgreSQL an advisory lock keeps two centers from doing it at
// the same time. It gives the names that were applied.
func Migrate(ctx context.Context, d *DB, fsys fs.FS) ([]string, error) {
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
