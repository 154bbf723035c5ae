package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The bare loop: transactions of so many events, statements of so many rows.
const (
	eventsPerTx      = 1000
	rowsPerStatement = 50
)

// bareLoop inserts the rows into an empty database of the same schema and
// tells how long that took. There is nothing in it but database/sql with
// prepared statements.
func bareLoop(ctx context.Context, d *database, tables []table, events int) (took time.Duration, err error) {
	stmts := make([]*insert, len(tables))
	for i, t := range tables {
		if stmts[i], err = prepareInsert(ctx, d, t); err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, stmts[i].close()) }()
	}
	chunks := (events + eventsPerTx - 1) / eventsPerTx
	start := time.Now()
	for c := range chunks {
		if err := insertChunk(ctx, d, tables, stmts, c, chunks); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}

// insertChunk writes the c-th part of every table in one transaction. Parts
// are rounded up, so that a row never comes before the one it refers to.
func insertChunk(ctx context.Context, d *database, tables []table, stmts []*insert, c, chunks int) error {
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("bare loop: %w", err)
	}
	defer tx.Rollback() // no-op after commit
	for i, t := range tables {
		from, to := part(len(t.rows), c, chunks), part(len(t.rows), c+1, chunks)
		if err := stmts[i].exec(ctx, tx, t.rows[from:to]); err != nil {
			return fmt.Errorf("bare loop, table %s: %w", t.name, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("bare loop: %w", err)
	}
	return nil
}

func part(n, c, chunks int) int { return (n*c + chunks - 1) / chunks }

// insert holds a table's statement for a full set of rows and for one row.
type insert struct{ many, one *sql.Stmt }

func prepareInsert(ctx context.Context, d *database, t table) (*insert, error) {
	var s insert
	var err error
	if s.many, err = d.PrepareContext(ctx, insertText(d.pg, t, rowsPerStatement)); err == nil {
		s.one, err = d.PrepareContext(ctx, insertText(d.pg, t, 1))
	}
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", t.name, err)
	}
	return &s, nil
}

func (s *insert) close() error { return errors.Join(s.many.Close(), s.one.Close()) }

func (s *insert) exec(ctx context.Context, tx *sql.Tx, rows [][]any) (err error) {
	many := tx.StmtContext(ctx, s.many)
	defer func() { err = errors.Join(err, many.Close()) }()
	one := tx.StmtContext(ctx, s.one)
	defer func() { err = errors.Join(err, one.Close()) }()
	for len(rows) >= rowsPerStatement {
		var args []any
		for _, r := range rows[:rowsPerStatement] {
			args = append(args, r...)
		}
		if _, err := many.ExecContext(ctx, args...); err != nil {
			return err
		}
		rows = rows[rowsPerStatement:]
	}
	for _, r := range rows {
		if _, err := one.ExecContext(ctx, r...); err != nil {
			return err
		}
	}
	return nil
}

func insertText(pg bool, t table, rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + quote(t.name) + " (")
	for i, c := range t.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(c))
	}
	b.WriteString(") VALUES ")
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(")
		for i := range t.columns {
			if i > 0 {
				b.WriteString(", ")
			}
			n++
			if pg {
				fmt.Fprintf(&b, "$%d", n)
			} else {
				b.WriteString("?")
			}
		}
		b.WriteString(")")
	}
	return b.String()
}
