package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/sheet"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/transfer"
)

type bench struct {
	t    *testing.T
	d    *db.DB
	c    *clock.Fake
	s    *transfer.Service
	dir  string
	may  map[string]bool // what the person may do when a job runs
	gate chan struct{}   // holds the export until closed
	seen chan struct{}   // told once the export runs
}

func each(t *testing.T, f func(b *bench)) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		if err := jobs.Migrate(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if _, err := d.SQL().Exec("CREATE TABLE things (name TEXT)"); err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t, d: d, c: c, dir: t.TempDir(), may: map[string]bool{access.ExportData: true, access.ImportData: true, access.OrderView: true, access.ShopEdit: true}, gate: make(chan struct{}), seen: make(chan struct{}, 9)}
		r := jobs.NewWith(d, testkit.Log(t), nil, jobs.Options{Poll: 20 * time.Millisecond, Beat: 200 * time.Millisecond})
		var err error
		b.s, err = transfer.New(transfer.Options{DB: d, Jobs: r, Dir: b.dir, Log: testkit.Log(t), Actor: func(_ context.Context, id string) (access.Actor, error) {
			return access.Actor{ID: id, Name: "张三", Perms: b.may, Scope: access.Scope{Prefixes: []string{"310101"}}}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.s.Export(transfer.Exporter{
			Kind: "orders", Title: "工单", Perm: access.OrderView, Columns: []sheet.Column{{Title: "编号"}, {Title: "数"}},
			Count: func(ctx context.Context, q map[string]string) (int64, error) {
				if q["many"] != "" {
					return 2_000_000, nil
				}
				return 3000, nil
			},
			Rows: func(ctx context.Context, _ map[string]string, emit func(...any) error) error {
				who, err := access.Need(ctx, access.OrderView)
				if err != nil || !who.Scope.Covers("310101013") || who.Scope.Covers("310104") {
					return errors.New("the job does not run as who asked")
				}
				b.seen <- struct{}{}
				for i := range 3000 {
					if i == 2000 {
						select {
						case <-b.gate:
						case <-ctx.Done():
						}
					}
					if err := emit(fmt.Sprintf("=GD%d", i), i); err != nil {
						return err
					}
				}
				return nil
			},
		})
		b.s.Import(transfer.Importer{
			Kind: "things", Title: "东西", Perm: access.ShopEdit, Columns: []transfer.ImportColumn{{Title: "名称", Needed: true}, {Title: "备注"}},
			Check: func(_ context.Context, rows [][]string) ([]transfer.Problem, error) {
				out := []transfer.Problem{}
				for i, r := range rows {
					if strings.HasPrefix(r[0], "坏") {
						out = append(out, transfer.Problem{Row: i + 2, Column: "名称", Message: "不能叫这个名字"})
					}
				}
				return out, nil
			},
			Load: func(ctx context.Context, tx db.Tx, rows [][]string) error {
				for _, r := range rows {
					if _, err := tx.NewRaw("INSERT INTO things VALUES (?)", r[0]).Exec(ctx); err != nil {
						return err
					}
				}
				return nil
			},
		})
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		f(b)
	})
}

func (b *bench) as(id string) context.Context {
	return access.With(b.t.Context(), access.Actor{ID: id, Name: "张三", Perms: b.may, Scope: access.Scope{Prefixes: []string{"310101"}}})
}

func (b *bench) ask(format string) transfer.Exported {
	b.t.Helper()
	e, err := b.s.AskExport(b.as("p"), transfer.ExportInput{Kind: "orders", Format: format, Reason: "月度核对", Filter: map[string]string{"tab": "all"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for range 1500 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatalf("never came: %s", what)
}

func (b *bench) state(id string) string {
	list, _, err := b.s.Exports(b.as("p"), 20, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range list {
		if e.ID == id {
			return e.State
		}
	}
	return ""
}

func TestExport(t *testing.T) {
	each(t, func(b *bench) {
		close(b.gate)
		e, c := b.ask("xlsx"), b.ask("csv")
		b.until("the files", func() bool { return b.state(e.ID) == "done" && b.state(c.ID) == "done" })
		f, info, err := b.s.Download(b.as("p"), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(f)
		_ = f.Close()
		if err != nil || info.Rows != 3000 || int64(len(data)) != info.Size {
			t.Fatalf("%d bytes of %+v, %v", len(data), info, err)
		}
		x, err := excelize.OpenReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := x.GetRows("工单")
		if err != nil || len(rows) != 3002 || !strings.Contains(rows[0][0], "张三") || !strings.Contains(rows[0][0], "月度核对") || !strings.Contains(rows[0][0], e.ID) || rows[2][0] != "=GD0" || rows[3001][1] != "2999" {
			t.Fatalf("%d rows, first %q, %v", len(rows), rows[:3], err)
		}
		if _, _, err := b.s.Download(b.as("q"), e.ID); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("another person's file: %v", err)
		}
		list, _, err := audit.List(t.Context(), b.d, audit.Filter{Object: "export", Prefixes: []string{"31"}}, 20, 0)
		acts := map[string]int{}
		for _, r := range list {
			acts[r.Act]++
		}
		if err != nil || acts["export.ask"] != 2 || acts["export.done"] != 2 || acts["export.download"] != 1 {
			t.Errorf("audit %v, %v", acts, err)
		}
		b.c.Advance(8 * 24 * time.Hour)
		if _, _, err := b.s.Download(b.as("p"), e.ID); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("an expired file: %v", err)
		}
		if err := b.s.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if files, err := filepath.Glob(filepath.Join(b.dir, "*")); err != nil || len(files) != 0 || b.state(e.ID) != "expired" {
			t.Errorf("after the sweep %v are there, state %s, %v", files, b.state(e.ID), err)
		}
	})
}

func TestExportIsCancelledMidway(t *testing.T) {
	each(t, func(b *bench) {
		e := b.ask("xlsx")
		<-b.seen
		if err := b.s.CancelExport(b.as("q"), e.ID); !errs.Is(err, errs.NotFoundCode) {
			t.Fatalf("another person cancelled it: %v", err)
		}
		if err := b.s.CancelExport(b.as("p"), e.ID); err != nil {
			t.Fatal(err)
		}
		b.until("no half file", func() bool {
			files, err := os.ReadDir(b.dir)
			return err == nil && len(files) == 0
		})
		if b.state(e.ID) != "cancelled" {
			t.Fatalf("state %s", b.state(e.ID))
		}
		if err := b.s.CancelExport(b.as("p"), e.ID); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("cancelled twice: %v", err)
		}
	})
}

func TestExportRefused(t *testing.T) {
	each(t, func(b *bench) {
		ok := transfer.ExportInput{Kind: "orders", Format: "csv", Reason: "月度核对"}
		for name, change := range map[string]func(*transfer.ExportInput){
			"kind": func(in *transfer.ExportInput) { in.Kind = "x" }, "format": func(in *transfer.ExportInput) { in.Format = "pdf" },
			"reason": func(in *transfer.ExportInput) { in.Reason = " " },
		} {
			in := ok
			change(&in)
			if _, err := b.s.AskExport(b.as("p"), in); !errs.Is(err, errs.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		in := ok
		in.Filter = map[string]string{"many": "1"}
		if _, err := b.s.AskExport(b.as("p"), in); !errs.Is(err, errs.TooLarge) {
			t.Errorf("too many rows: %v", err)
		}
		// The right is taken away between the asking and the run.
		who := b.as("p")
		b.may = map[string]bool{access.ExportData: true}
		if _, err := b.s.AskExport(b.as("p"), ok); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("without the list's permission: %v", err)
		}
		e, err := b.s.AskExport(who, ok)
		if err != nil {
			t.Fatal(err)
		}
		b.until("it is refused", func() bool { return b.state(e.ID) == "failed" })
	})
}

func file(bad int) []byte {
	var s strings.Builder
	s.WriteString("\ufeff备注,名称*\r\n")
	for i := range 10_000 {
		name := fmt.Sprintf("物%d", i)
		if bad > 0 && i%270 == 5 {
			bad--
			name = "坏" + name
		}
		s.WriteString("x," + name + "\r\n")
	}
	return []byte(s.String())
}

func (b *bench) imported(id, state string) transfer.Imported {
	b.t.Helper()
	var out transfer.Imported
	b.until(state, func() bool {
		list, _, err := b.s.Imports(b.as("p"), 20, 0)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, x := range list {
			if x.ID == id {
				out = x
			}
		}
		return out.State == state
	})
	return out
}

// Ten thousand rows with 37 bad ones: each is named and none is loaded; the
// mended file is loaded whole, once.
func TestImport(t *testing.T) {
	each(t, func(b *bench) {
		count := func() (n int) {
			if err := b.d.SQL().QueryRow("SELECT count(*) FROM things").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		up, err := b.s.Upload(b.as("p"), "things", "东西.csv", file(37))
		if err != nil {
			t.Fatal(err)
		}
		x := b.imported(up.ID, "checked")
		if x.Rows != 10_000 || x.Bad != 37 || len(x.Problems) != 20 || x.Problems[0].Row != 7 {
			t.Fatalf("checked %+v", x)
		}
		var buf bytes.Buffer
		if err := b.s.Problems(b.as("p"), up.ID, &buf); err != nil {
			t.Fatal(err)
		}
		if rows, err := sheet.Read(&buf, "x.xlsx"); err != nil || len(rows) != 38 {
			t.Fatalf("%d lines of problems, %v", len(rows), err)
		}
		if _, err := b.s.Confirm(b.as("p"), up.ID); !errs.Is(err, errs.ConflictCode) || count() != 0 {
			t.Fatalf("confirmed with bad rows: %v, %d loaded", err, count())
		}
		if up, err = b.s.Upload(b.as("p"), "things", "东西.csv", file(0)); err != nil {
			t.Fatal(err)
		}
		b.imported(up.ID, "checked")
		if count() != 0 {
			t.Fatal("loaded before it was confirmed")
		}
		for range 2 { // a double click
			if _, err := b.s.Confirm(b.as("p"), up.ID); err != nil {
				t.Fatal(err)
			}
		}
		if x := b.imported(up.ID, "done"); x.Loaded != 10_000 || count() != 10_000 {
			t.Fatalf("loaded %d, there are %d", x.Loaded, count())
		}
		if _, err := b.s.Confirm(b.as("q"), up.ID); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("another person's import: %v", err)
		}
		if up, err = b.s.Upload(b.as("p"), "things", "x.csv", []byte("别的,列\n1,2\n")); err != nil {
			t.Fatal(err)
		}
		if x := b.imported(up.ID, "failed"); !strings.Contains(x.Error, "名称") {
			t.Errorf("error %q", x.Error)
		}
		if _, err := b.s.Upload(b.as("p"), "things", "x.exe", []byte("x")); !errs.Is(err, errs.Invalid) {
			t.Errorf("a wrong file: %v", err)
		}
	})
}
