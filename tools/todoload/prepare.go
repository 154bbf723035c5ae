package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // registers the driver "pgx"
	_ "github.com/mattn/go-sqlite3"    // registers the driver "sqlite3"
	"github.com/oklog/ulid/v2"
)

const password = "Load-measure-2026"

// far is what the center sorts items without a deadline by.
const far = int64(253402300799000)

func (o options) open() (*sql.DB, error) {
	if o.DB != "" {
		return sql.Open("pgx", o.DB)
	}
	d, err := sql.Open("sqlite3", "file:"+filepath.Join(o.Work, "data", "jiexun.db")+"?_busy_timeout=20000&_journal_mode=WAL&_synchronous=OFF")
	if err == nil {
		d.SetMaxOpenConns(4)
	}
	return d, err
}

func (o options) bind(n int) string {
	if o.DB != "" {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// prepare makes the schema, the people and the to-dos.
func prepare(ctx context.Context, o options, out io.Writer) (err error) {
	if err := o.center(ctx, "migrate"); err != nil {
		return err
	}
	d, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	streets, err := texts(ctx, d, "SELECT region_code FROM access_orgs WHERE kind = 'squad' ORDER BY region_code LIMIT "+strconv.Itoa(o.Leaders))
	if err != nil {
		return err
	}
	for i := range o.Leaders {
		if err := o.center(ctx, "user", "add", account(i), "--name", "队长"+strconv.Itoa(i), "--role", "squad_leader", "--region", streets[i%len(streets)]); err != nil {
			return err
		}
	}
	if err := copyPeople(ctx, o, d); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	people, err := texts(ctx, d, "SELECT id FROM access_persons WHERE account LIKE 'load%' ORDER BY account")
	if err != nil {
		return err
	}
	groups := make([]string, o.Leaders)
	for i := range groups {
		groups[i] = "squad_leader@org-" + streets[i%len(streets)]
	}
	fmt.Fprintf(out, "%d people, %d groups\n", len(people), len(groups))
	if err := load(ctx, o, d, people, groups, streets, out); err != nil {
		return fmt.Errorf("to-dos: %w", err)
	}
	for _, q := range []string{"ANALYZE todo_people", "ANALYZE todo_items", "ANALYZE access_persons"} {
		if _, err := d.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func account(i int) string { return fmt.Sprintf("load%05d", i) }

func texts(ctx context.Context, d *sql.DB, q string) ([]string, error) {
	rows, err := d.QueryContext(ctx, q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("nothing found by %s", q)
	}
	return out, nil
}

// copyPeople makes the others after the first leader: the same password
// costs one hash instead of thousands. They have no roles.
func copyPeople(ctx context.Context, o options, d *sql.DB) error {
	if _, err := d.ExecContext(ctx, "UPDATE access_persons SET must_change = 0 WHERE account LIKE 'load%'"); err != nil {
		return err
	}
	cols, err := columnsOf(ctx, o, d)
	if err != nil {
		return err
	}
	tx, err := d.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	list := make([]string, len(cols))
	for i, c := range cols {
		list[i] = c
		switch c {
		case "id":
			list[i] = "CAST(" + o.bind(1) + " AS TEXT)"
		case "account":
			list[i] = "CAST(" + o.bind(2) + " AS TEXT)"
		}
	}
	// The columns keep their order, so that id and account are bound in it.
	q := "INSERT INTO access_persons (" + strings.Join(cols, ", ") + ") SELECT " + strings.Join(list, ", ") + " FROM access_persons WHERE account = '" + account(0) + "'"
	for i := o.Leaders; i < o.People; i++ {
		if _, err := tx.ExecContext(ctx, q, ulid.Make().String(), account(i)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// rowsPer is how many to-dos one statement writes.
const rowsPer = 100

// load writes the to-dos: three of ten are open, one of ten of those waits
// for a group, deadlines lie from a week ago to a month ahead.
func load(ctx context.Context, o options, d *sql.DB, people, groups, streets []string, out io.Writer) error {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same data each time
	now := time.Now().UnixMilli()
	const hour = int64(3600_000)
	for done := 0; done < o.Items; {
		tx, err := d.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for end := min(done+20_000, o.Items); done < end; {
			n := min(rowsPer, end-done)
			var items, folk values
			for range n {
				oneItem(r, now, hour, people, groups, streets, &items, &folk)
			}
			for _, x := range []struct {
				into string
				v    *values
			}{{"todo_items (id, source, source_id, item_key, kind, title, summary, path, phone_path, region_code, assignee, assignee_name, group_role, group_org, group_name, starter, starter_name, priority, due_at, near_at, due_note, step, steps, step_name, state, outcome, closed_by, closed_name, created_at, updated_at, closed_at, fire_at, fire_what, rev)", &items},
				{"todo_people (item_id, holder, tab, is_open, sort_at, kind, source, region_code, priority, late, read_at)", &folk}} {
				if _, err := tx.ExecContext(ctx, "INSERT INTO "+x.into+" VALUES "+x.v.text(o), x.v.args...); err != nil {
					return errors.Join(err, tx.Rollback())
				}
			}
			done += n
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		if done%200_000 == 0 || done == o.Items {
			fmt.Fprintf(out, "%d to-dos written\n", done)
		}
	}
	return nil
}

// values are rows to insert.
type values struct {
	args []any
	rows []int // columns of each row
}

func (v *values) add(args ...any) {
	v.args = append(v.args, args...)
	v.rows = append(v.rows, len(args))
}

func (v *values) text(o options) string {
	var b strings.Builder
	n := 0
	for i, cols := range v.rows {
		if i > 0 {
			b.WriteByte(',')
		}
		for c := range cols {
			b.WriteByte("(,"[min(c, 1)])
			n++
			b.WriteString(o.bind(n))
		}
		b.WriteByte(')')
	}
	return b.String()
}

func oneItem(r *rand.Rand, now, hour int64, people, groups, streets []string, items, folk *values) {
	id := ulid.Make().String()
	kind := []string{"order", "approval", "security", "case"}[r.IntN(4)]
	who, starter := people[r.IntN(len(people))], people[r.IntN(len(people))]
	region, prio := streets[r.IntN(len(streets))], r.IntN(3)
	created := now - r.Int64N(60*24)*hour
	due := now + (r.Int64N(37*24)-7*24)*hour
	open, group := r.IntN(10) < 3, ""
	if open && r.IntN(10) == 0 {
		group = groups[r.IntN(len(groups))]
		who = ""
	}
	var dueAt, closedAt, fireAt any
	sort, state, by, late := due, "open", "", 0
	if r.IntN(20) == 0 {
		sort = far
	} else {
		dueAt = due
	}
	what := ""
	switch {
	case !open:
		at := min(created+r.Int64N(10*24)*hour, now)
		sort, state, by, closedAt = at, "done", who, at
		if dueAt != nil && due < at {
			late = 1
		}
	case dueAt != nil && due > now:
		fireAt, what = due, "overdue"
	}
	role, org, _ := strings.Cut(group, "@")
	items.add(id, kind, id, "handle", kind, "占道堆物 — 现场处置 "+id[20:], "GD"+id[10:20]+"　外滩街道", "/orders/"+id, "/order/"+id, region, who, "队员", role, org, "", starter, "派单员",
		prio, dueAt, dueAt, "", 1+r.IntN(5), 5, "现场处置", state, "", by, "", created, created, closedAt, fireAt, what, 1)
	isOpen := 0
	if open {
		isOpen = 1
	}
	add := func(holder, tab string) {
		folk.add(id, holder, tab, isOpen, sort, kind, kind, region, prio, late, nil)
	}
	switch {
	case !open:
		add(who, "done")
	case group != "":
		add(group, "group")
	default:
		add(who, "todo")
	}
	add(starter, "started")
	if r.IntN(5) == 0 {
		add(people[r.IntN(len(people))], "cc")
	}
}

// columnsOf lists the columns of the table of persons.
func columnsOf(ctx context.Context, o options, d *sql.DB) (cols []string, err error) {
	rows, err := d.QueryContext(ctx, "SELECT * FROM access_persons WHERE account = "+o.bind(1), account(0))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if cols, err = rows.Columns(); err != nil {
		return nil, err
	}
	return cols, rows.Err()
}
