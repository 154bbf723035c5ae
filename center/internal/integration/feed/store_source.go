package feed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"jiexun/center/internal/platform/errs"
)

// queryLimit bounds a query of another database.
const queryLimit = 10 * time.Minute

// openSource opens another database for reading only. A SQLite file inside
// the center's own folder is refused: it would show what is sealed here.
func openSource(dsn, own string) (*sql.DB, bool, error) {
	path, lite := strings.CutPrefix(dsn, "sqlite:")
	if !lite {
		d, err := sql.Open("pgx", dsn)
		if err != nil {
			return nil, false, errs.Invalidf("connection.dsn", "连接写法不正确")
		}
		d.SetMaxOpenConns(1)
		return d, true, nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, false, errs.Invalidf("connection.dsn", "没有这个数据库文件")
	}
	if own != "" {
		mine, err := filepath.EvalSymlinks(own)
		if err != nil {
			return nil, false, fmt.Errorf("find own folder: %w", err)
		}
		if rel, err := filepath.Rel(mine, real); err == nil && !strings.HasPrefix(rel, "..") {
			return nil, false, errs.Invalidf("connection.dsn", "不能把本系统自己的数据库作为数据源")
		}
	}
	u := url.URL{Scheme: "file", Opaque: real, RawQuery: "mode=ro&_query_only=1&_busy_timeout=5000"}
	d, err := sql.Open("sqlite3", u.String())
	if err != nil {
		return nil, false, errs.Invalidf("connection.dsn", "连接写法不正确")
	}
	d.SetMaxOpenConns(1)
	return d, false, nil
}

// ping tells whether a database answers.
func ping(ctx context.Context, dsn, own string) error {
	d, _, err := openSource(dsn, own)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if err := d.PingContext(ctx); err != nil {
		return errs.Wrap(errs.Unavailable, "数据库连接不上", err)
	}
	return nil
}

// readDatabase runs one SELECT in a read-only transaction.
func readDatabase(ctx context.Context, dsn, own, query string, f each) (err error) {
	if msg := checkQuery(query); msg != "" {
		return errs.Invalidf("query", "%s", msg)
	}
	d, pg, err := openSource(dsn, own)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	tx, err := d.BeginTx(ctx, &sql.TxOptions{ReadOnly: pg})
	if err != nil {
		return errs.Wrap(errs.Unavailable, "数据库连接不上", err)
	}
	defer func() { _ = tx.Rollback() }()
	rows, err := tx.QueryContext(ctx, strings.TrimSuffix(strings.TrimSpace(query), ";"))
	if err != nil {
		return errs.Wrap(errs.Invalid, "查询没有成功，请核对表名和字段", err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil || len(names) > maxColumns {
		return errs.New(errs.Invalid, "查询的列超过 %d", maxColumns)
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for n := int64(1); rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return errs.Wrap(errs.Unavailable, "数据库的行读不出来", err)
		}
		row := make(Row, len(names))
		for i, v := range values {
			if t, ok := v.(time.Time); ok {
				v = t.Format(time.RFC3339)
			}
			row[names[i]] = plain(v)
		}
		if err := f(n, row); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return errs.Wrap(errs.Unavailable, "数据库中断了查询", err)
	}
	return nil
}
