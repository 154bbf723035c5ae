// Package transfer takes lists out of the center and in, as jobs: an export
// is streamed into a file that lives for a few days, with who asked, why and
// when written on it; an import is checked row by row first and loaded whole
// or not at all, once a person has confirmed it. What can be exported and
// imported is registered by the app; each list keeps its own permission,
// scope and filter.
package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/sheet"
)

// Lifetime is how long a finished file can be fetched.
const Lifetime = 7 * 24 * time.Hour

// Exporter is a list that can be taken out.
type Exporter struct {
	Kind, Title string
	// Perm is what a person needs to see the list.
	Perm    string
	Columns []sheet.Column
	// Check refuses a filter that the list would refuse.
	Check func(filter map[string]string) error
	// Count is the number of rows, and Rows gives them, both for the actor of
	// the context. A nil error after emit returned one is fine.
	Count func(ctx context.Context, filter map[string]string) (int64, error)
	Rows  func(ctx context.Context, filter map[string]string, emit func(values ...any) error) error
}

// Problem is what is wrong with one row of an import.
type Problem struct {
	// Row is the line in the file, the heading being 1.
	Row     int    `json:"row"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

// Importer is a list that rows can be added to.
type Importer struct {
	Kind, Title string
	Perm        string
	Columns     []ImportColumn
	// Check looks at all rows for the actor of the context and changes
	// nothing.
	Check func(ctx context.Context, rows [][]string) ([]Problem, error)
	// Load adds all rows in the transaction.
	Load func(ctx context.Context, tx db.Tx, rows [][]string) error
}

// ImportColumn is a column that a file must have.
type ImportColumn struct {
	Title  string `json:"title"`
	Needed bool   `json:"needed"`
	Hint   string `json:"hint"`
}

// Jobs runs the work.
type Jobs interface {
	Handle(kind, title string, fn jobs.RunFunc)
	Enqueue(ctx context.Context, tx db.Tx, kind string, payload any, o ...jobs.Opt) (string, error)
	CancelJob(ctx context.Context, tx db.Tx, id string) error
	Get(ctx context.Context, id string) (jobs.Item, error)
}

// Options are what the service needs.
type Options struct {
	DB   *db.DB
	Jobs Jobs
	// Dir is where files lie until they expire.
	Dir string
	// Actor gives a person as they may act now; a job runs as who asked.
	Actor func(ctx context.Context, personID string) (access.Actor, error)
	Log   *slog.Logger
}

// Service is safe for concurrent use after the registrations.
type Service struct {
	o         Options
	db        *db.DB
	exporters []Exporter
	importers []Importer
}

const (
	exportJob = "transfer.export"
	checkJob  = "transfer.check"
	loadJob   = "transfer.load"
)

// New makes the service and its folder.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := os.MkdirAll(o.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of exports: %w", err)
	}
	s := &Service{o: o, db: o.DB}
	o.Jobs.Handle(exportJob, "导出", s.runExport)
	o.Jobs.Handle(checkJob, "导入校验", s.runCheck)
	o.Jobs.Handle(loadJob, "导入", s.runLoad)
	return s, nil
}

// Export registers a list.
func (s *Service) Export(e Exporter) { s.exporters = append(s.exporters, e) }

// Import registers a list.
func (s *Service) Import(i Importer) { s.importers = append(s.importers, i) }

func (s *Service) exporter(kind string) (Exporter, error) {
	if i := slices.IndexFunc(s.exporters, func(e Exporter) bool { return e.Kind == kind }); i >= 0 {
		return s.exporters[i], nil
	}
	return Exporter{}, errs.Invalidf("kind", "没有“%s”这种导出", kind)
}

func (s *Service) importer(kind string) (Importer, error) {
	if i := slices.IndexFunc(s.importers, func(e Importer) bool { return e.Kind == kind }); i >= 0 {
		return s.importers[i], nil
	}
	return Importer{}, errs.Invalidf("kind", "没有“%s”这种导入", kind)
}

// Kind names a list that the actor may take out or add to.
type Kind struct {
	Kind    string         `json:"kind"`
	Title   string         `json:"title"`
	Columns []ImportColumn `json:"columns,omitempty"`
}

// Kinds are the lists that the actor may take out, and those that rows may be
// added to.
type Kinds struct {
	Exports []Kind `json:"exports"`
	Imports []Kind `json:"imports"`
}

// Kinds tells what the actor may do.
func (s *Service) Kinds(ctx context.Context) (Kinds, error) {
	out := Kinds{Exports: []Kind{}, Imports: []Kind{}}
	who, err := access.From(ctx)
	if err != nil {
		return out, err
	}
	for _, e := range s.exporters {
		if who.Has(access.ExportData) && who.Has(e.Perm) {
			out.Exports = append(out.Exports, Kind{Kind: e.Kind, Title: e.Title})
		}
	}
	for _, i := range s.importers {
		if who.Has(access.ImportData) && who.Has(i.Perm) {
			out.Imports = append(out.Imports, Kind{Kind: i.Kind, Title: i.Title, Columns: i.Columns})
		}
	}
	return out, nil
}

func (s *Service) path(id, suffix string) string { return filepath.Join(s.o.Dir, id+"."+suffix) }

// Sweep drops files that have expired, and what a killed center left half
// written.
func (s *Service) Sweep(ctx context.Context) error {
	list, err := expired(ctx, s.db, clock.At(s.db.Now()))
	if err != nil {
		return err
	}
	for _, e := range list {
		if err := os.Remove(s.path(e.ID, e.Format)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("drop the expired export %s: %w", e.ID, err)
		}
		if err := setExpired(ctx, s.db, e.ID); err != nil {
			return err
		}
	}
	parts, err := filepath.Glob(filepath.Join(s.o.Dir, "*.part"))
	if err != nil {
		return fmt.Errorf("look for half written exports: %w", err)
	}
	for _, p := range parts {
		if fi, err := os.Stat(p); err == nil && s.db.Now().Sub(fi.ModTime()) > Lifetime {
			_ = os.Remove(p) // next time, if not now
		}
	}
	return nil
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}"
	}
	return string(b)
}
