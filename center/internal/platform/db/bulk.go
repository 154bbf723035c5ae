package db

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/schema"
)

// bulkValues bounds the values of one statement: SQLite takes 32766 of them.
const bulkValues = 4096

// InsertAll writes rows of one bun model by statements with bound values. It
// is for many or large rows: bun itself writes values into the statement's
// text, which the database then has to read again. Suffix is what follows the
// values, such as ON CONFLICT DO NOTHING.
func InsertAll[T any](ctx context.Context, tx Tx, rows []T, suffix string) error {
	raw, ok := tx.IDB.(bun.Tx)
	if !ok {
		return errors.New("insert rows: not in a transaction")
	}
	table := raw.Dialect().Tables().Get(reflect.TypeFor[T]())
	// Sizes are powers of two, so that few different statements are prepared.
	size := 1
	for size*2*len(table.Fields) <= bulkValues {
		size *= 2
	}
	for len(rows) > 0 {
		for size > len(rows) {
			size /= 2
		}
		if err := insertSome(ctx, raw, table, reflect.ValueOf(rows), size, tx.Postgres(), suffix, len(rows)/size); err != nil {
			return fmt.Errorf("insert into %s: %w", table.Name, err)
		}
		rows = rows[len(rows)/size*size:]
	}
	return nil
}

// insertSome runs one prepared statement of size rows several times.
func insertSome(ctx context.Context, raw bun.Tx, table *schema.Table, rows reflect.Value, size int, pg bool, suffix string, times int) (err error) {
	stmt, err := raw.Tx.PrepareContext(ctx, insertText(table, size, pg, suffix))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	args := make([]any, 0, size*len(table.Fields))
	for n := range times {
		args = args[:0]
		for i := n * size; i < (n+1)*size; i++ {
			for _, f := range table.Fields {
				args = append(args, f.Value(rows.Index(i)).Interface())
			}
		}
		if _, err := stmt.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

func insertText(table *schema.Table, size int, pg bool, suffix string) string {
	var b strings.Builder
	b.WriteString("INSERT INTO " + string(table.SQLName) + " (")
	for i, f := range table.Fields {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(f.SQLName))
	}
	b.WriteString(") VALUES ")
	n := 0
	for r := range size {
		if r > 0 {
			b.WriteByte(',')
		}
		for i := range table.Fields {
			b.WriteByte("(,"[min(i, 1)])
			if n++; pg {
				b.WriteString("$" + strconv.Itoa(n))
			} else {
				b.WriteByte('?')
			}
		}
		b.WriteByte(')')
	}
	return b.String() + " " + suffix
}
