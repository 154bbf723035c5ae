package backup

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"jiexun/center/internal/platform/db"
)

// leftOut tables are made by migrations or hold what is true for running
// processes only.
func leftOut(table string) bool {
	switch table {
	case "goose_db_version", "river_migration", "river_leader", "river_notification", "river_client", "river_client_queue":
		return true
	}
	return strings.HasPrefix(table, "sqlite_")
}

// table is one table as both dialects describe it.
type table struct {
	name    string
	columns []column
	keys    []string // of the primary key, in order
	refs    []string // tables that must be loaded before
}

type column struct {
	name string
	kind string // declared type in lower case
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// tablesOf lists the tables so that each comes after those it refers to.
func tablesOf(ctx context.Context, q querier, pg bool) ([]table, error) {
	read := sqliteTables
	if pg {
		read = pgTables
	}
	list, err := read(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	var out []table
	done := map[string]bool{}
	for len(out) < len(list) {
		n := len(out)
		for _, t := range list {
			ready := !slices.ContainsFunc(t.refs, func(r string) bool { return r != t.name && !done[r] })
			if !done[t.name] && ready {
				done[t.name] = true
				out = append(out, t)
			}
		}
		if len(out) == n {
			return nil, errors.New("list tables: they refer to each other in a circle")
		}
	}
	return out, nil
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// texts runs a query of text columns.
func texts(ctx context.Context, q querier, query string, n int, args ...any) (out [][]string, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		v, p := make([]string, n), make([]any, n)
		for i := range v {
			p[i] = &v[i]
		}
		if err := rows.Scan(p...); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func sqliteTables(ctx context.Context, q querier) ([]table, error) {
	names, err := texts(ctx, q, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`, 1)
	if err != nil {
		return nil, err
	}
	var out []table
	for _, n := range names {
		if leftOut(n[0]) {
			continue
		}
		t := table{name: n[0]}
		cols, err := texts(ctx, q, `SELECT name, lower(type), pk FROM pragma_table_info(?) ORDER BY cid`, 3, n[0])
		if err != nil {
			return nil, err
		}
		for _, c := range cols {
			t.columns = append(t.columns, column{c[0], c[1]})
			if c[2] != "0" {
				t.keys = append(t.keys, c[0])
			}
		}
		refs, err := texts(ctx, q, `SELECT DISTINCT "table" FROM pragma_foreign_key_list(?)`, 1, n[0])
		if err != nil {
			return nil, err
		}
		for _, r := range refs {
			t.refs = append(t.refs, r[0])
		}
		out = append(out, t)
	}
	return out, nil
}

func pgTables(ctx context.Context, q querier) ([]table, error) {
	cols, err := texts(ctx, q, `SELECT c.table_name, c.column_name, lower(c.data_type) FROM information_schema.columns c
		JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
		WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position`, 3)
	if err != nil {
		return nil, err
	}
	var out []table
	at := map[string]int{}
	for _, c := range cols {
		if leftOut(c[0]) {
			continue
		}
		if _, ok := at[c[0]]; !ok {
			at[c[0]] = len(out)
			out = append(out, table{name: c[0]})
		}
		t := &out[at[c[0]]]
		t.columns = append(t.columns, column{c[1], c[2]})
	}
	keys, err := texts(ctx, q, `SELECT k.table_name, k.column_name FROM information_schema.table_constraints c
		JOIN information_schema.key_column_usage k ON k.constraint_schema = c.constraint_schema AND k.constraint_name = c.constraint_name
		WHERE c.table_schema = current_schema() AND c.constraint_type = 'PRIMARY KEY' ORDER BY k.table_name, k.ordinal_position`, 2)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if i, ok := at[k[0]]; ok {
			out[i].keys = append(out[i].keys, k[1])
		}
	}
	refs, err := texts(ctx, q, `SELECT DISTINCT a.relname, b.relname FROM pg_constraint c JOIN pg_class a ON a.oid = c.conrelid
		JOIN pg_class b ON b.oid = c.confrelid JOIN pg_namespace n ON n.oid = c.connamespace
		WHERE c.contype = 'f' AND n.nspname = current_schema()`, 2)
	if err != nil {
		return nil, err
	}
	for _, r := range refs {
		if i, ok := at[r[0]]; ok {
			out[i].refs = append(out[i].refs, r[1])
		}
	}
	return out, nil
}

// dump adds every table, one JSON object a line.
func dump(ctx context.Context, d *db.DB, a *archive) (err error) {
	tx, err := d.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	list, err := tablesOf(ctx, tx, d.Postgres())
	if err != nil {
		return err
	}
	for _, t := range list {
		s := &spool{}
		rows, err := t.write(ctx, tx, d.Postgres(), s)
		if err == nil {
			var r io.Reader
			if r, err = s.reader(); err == nil {
				err = a.add(tablePrefix+t.name+".ndjson", s.size, rows, r)
			}
		}
		if err := errors.Join(err, s.close()); err != nil {
			return fmt.Errorf("back up table %s: %w", t.name, err)
		}
	}
	return nil
}

// order sorts rows the same way in both dialects and after a restore.
func (t *table) order() string {
	keys := t.keys
	if len(keys) == 0 {
		for _, c := range t.columns {
			keys = append(keys, c.name)
		}
	}
	q := make([]string, len(keys))
	for i, k := range keys {
		q[i] = quote(k)
	}
	return " ORDER BY " + strings.Join(q, ", ")
}

func (t *table) write(ctx context.Context, q querier, pg bool, w io.Writer) (int64, error) {
	if pg {
		return t.writePG(ctx, q, w)
	}
	return t.writeSQLite(ctx, q, w)
}

func (t *table) writePG(ctx context.Context, q querier, w io.Writer) (n int64, err error) {
	rows, err := q.QueryContext(ctx, "SELECT row_to_json(x)::text FROM (SELECT * FROM "+quote(t.name)+t.order()+") x")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var line sql.RawBytes
		if err := rows.Scan(&line); err != nil {
			return n, err
		}
		if _, err := w.Write(line); err != nil {
			return n, err
		}
		if _, err := io.WriteString(w, "\n"); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

func (t *table) writeSQLite(ctx context.Context, q querier, w io.Writer) (n int64, err error) {
	cols := make([]string, len(t.columns))
	for i, c := range t.columns {
		cols[i] = quote(c.name)
		switch c.kind { // the driver would turn these into Go's types and back
		case "timestamp", "datetime", "date":
			cols[i] = "CAST(" + cols[i] + " AS TEXT)"
		case "boolean":
			cols[i] += " + 0"
		}
	}
	rows, err := q.QueryContext(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM "+quote(t.name)+t.order())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	v, p := make([]any, len(cols)), make([]any, len(cols))
	for i := range v {
		p[i] = &v[i]
	}
	line := map[string]any{}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for rows.Next() {
		if err := rows.Scan(p...); err != nil {
			return n, err
		}
		for i, c := range t.columns {
			line[c.name] = v[i]
			if b, ok := v[i].([]byte); ok {
				line[c.name] = map[string]string{"$b": base64.StdEncoding.EncodeToString(b)}
			}
		}
		if err := enc.Encode(line); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// batch is how many rows go to the database at once.
const batch = 400

// load inserts the lines of r.
func (t *table) load(ctx context.Context, tx *sql.Tx, pg bool, r io.Reader) (int64, error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	var n int64
	lines := make([]map[string]any, 0, batch)
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		err := t.insert(ctx, tx, pg, lines)
		n += int64(len(lines))
		lines = lines[:0]
		return err
	}
	for {
		var line map[string]any
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			return n, flush()
		}
		if err != nil {
			return n, fmt.Errorf("row %d: %w", n+int64(len(lines))+1, err)
		}
		lines = append(lines, line)
		if len(lines) == batch {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
}

func (t *table) insert(ctx context.Context, tx *sql.Tx, pg bool, lines []map[string]any) (err error) {
	for _, l := range lines {
		for k, v := range l {
			if !slices.ContainsFunc(t.columns, func(c column) bool { return c.name == k }) {
				return fmt.Errorf("the table has no column %s", k)
			}
			l[k] = native(v, pg)
		}
	}
	if pg {
		b, err := json.Marshal(lines)
		if err != nil {
			return err
		}
		name := quote(t.name)
		_, err = tx.ExecContext(ctx, "INSERT INTO "+name+" SELECT * FROM json_populate_recordset(NULL::"+name+", $1::json)", string(b))
		return err
	}
	cols, marks := make([]string, len(t.columns)), make([]string, len(t.columns))
	for i, c := range t.columns {
		cols[i], marks[i] = quote(c.name), "?"
	}
	st, err := tx.PrepareContext(ctx, "INSERT INTO "+quote(t.name)+" ("+strings.Join(cols, ", ")+") VALUES ("+strings.Join(marks, ", ")+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	args := make([]any, len(t.columns))
	for _, l := range lines {
		for i, c := range t.columns {
			args[i] = forSQLite(l[c.name], c)
		}
		if _, err := st.ExecContext(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}

// native turns SQLite's bytes into those of PostgreSQL when pg is set.
func native(v any, pg bool) any {
	m, ok := v.(map[string]any)
	if !ok || !pg || len(m) != 1 {
		return v
	}
	s, ok := m["$b"].(string)
	if !ok {
		return v
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return v
	}
	return `\x` + hex.EncodeToString(b)
}

// forSQLite gives a value that the driver stores as it was.
func forSQLite(v any, c column) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		if s, ok := v["$b"].(string); ok && len(v) == 1 {
			if b, err := base64.StdEncoding.DecodeString(s); err == nil {
				return b
			}
		}
		b, _ := json.Marshal(v) // it came from JSON
		return string(b)
	case []any:
		b, _ := json.Marshal(v) // the same
		return string(b)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case string:
		if h, ok := strings.CutPrefix(v, `\x`); ok && c.kind == "blob" {
			if b, err := hex.DecodeString(h); err == nil {
				return b
			}
		}
	}
	return v
}
