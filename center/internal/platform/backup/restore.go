package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/db"
)

// Report is what a restore did.
type Report struct {
	Manifest Manifest
	// Skipped tables hold rows that another kind of database cannot take.
	Skipped []string
}

// Restore reads the archive twice: once to check every digest, before
// anything is touched, and once to load it. The data folder must be empty and
// the database without persons. Rows are loaded in one transaction and read
// back; files are written beside their names first.
func Restore(ctx context.Context, o Options, open func() (io.ReadCloser, error)) (Report, error) {
	var rep Report
	m, err := withArchive(open, func(r io.Reader) (Manifest, error) { return Verify(r, o.Passphrase) })
	if err != nil {
		return rep, err
	}
	rep.Manifest = m
	if err := o.empty(ctx); err != nil {
		return rep, err
	}
	if err := db.MigrateTo(ctx, o.DB, o.Migrations, m.Schema); err != nil {
		return rep, err
	}
	if o.Prepare != nil {
		if err := o.Prepare(ctx); err != nil {
			return rep, err
		}
	}
	if _, err = withArchive(open, func(r io.Reader) (Manifest, error) {
		rep.Skipped, err = o.load(ctx, m, r)
		return m, err
	}); err != nil {
		return rep, err
	}
	if err := o.compare(ctx, m, rep.Skipped); err != nil {
		return rep, err
	}
	if _, err := db.Migrate(ctx, o.DB, o.Migrations); err != nil {
		return rep, err
	}
	return rep, nil
}

func withArchive(open func() (io.ReadCloser, error), f func(io.Reader) (Manifest, error)) (m Manifest, err error) {
	r, err := open()
	if err != nil {
		return m, fmt.Errorf("open the archive: %w", err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return f(r)
}

// empty refuses to write over a center.
func (o Options) empty(ctx context.Context) error {
	list, err := os.ReadDir(o.Data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	for _, e := range list {
		if !skipped(e.Name()) {
			return fmt.Errorf("the data folder %s is not empty (%s): restore into an empty one", o.Data, e.Name())
		}
	}
	tables, err := tablesOf(ctx, o.DB.SQL(), o.DB.Postgres())
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.name != "access_persons" {
			continue
		}
		n, err := texts(ctx, o.DB.SQL(), "SELECT CAST(count(*) AS TEXT) FROM access_persons", 1)
		if err != nil {
			return fmt.Errorf("look at the database: %w", err)
		}
		if n[0][0] != "0" {
			return fmt.Errorf("the database already holds %s accounts: restore into an empty one", n[0][0])
		}
	}
	return nil
}

// load fills the database and the data folder. What migrations put into the
// tables is replaced.
func (o Options) load(ctx context.Context, m Manifest, r io.Reader) (left []string, err error) {
	pg := o.DB.Postgres()
	tx, err := o.DB.SQL().BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	tables, err := tablesOf(ctx, tx, pg)
	if err != nil {
		return nil, err
	}
	byName := map[string]*table{}
	for i := len(tables) - 1; i >= 0; i-- {
		byName[tables[i].name] = &tables[i]
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+quote(tables[i].name)); err != nil {
			return nil, fmt.Errorf("empty table %s: %w", tables[i].name, err)
		}
	}
	_, err = walk(r, o.Passphrase, func(name string, r io.Reader) error {
		if rel, ok := strings.CutPrefix(name, filePrefix); ok {
			return putFile(filepath.Join(o.Data, filepath.FromSlash(rel)), r)
		}
		name = strings.TrimSuffix(strings.TrimPrefix(name, tablePrefix), ".ndjson")
		if strings.HasPrefix(name, "river_") && m.Database != dialect(o.DB) {
			left = append(left, name)
			return nil
		}
		t := byName[name]
		if t == nil {
			return fmt.Errorf("the archive holds table %s, which this center does not know", name)
		}
		if _, err := t.load(ctx, tx, pg, r); err != nil {
			return fmt.Errorf("load table %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return left, err
	}
	if pg {
		if err := sequences(ctx, tx); err != nil {
			return left, err
		}
	}
	if err := tx.Commit(); err != nil {
		return left, fmt.Errorf("commit: %w", err)
	}
	return left, nil
}

// sequences lets counters go on behind the greatest number that was loaded.
func sequences(ctx context.Context, tx *sql.Tx) error {
	list, err := texts(ctx, tx, `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND (column_default LIKE 'nextval(%' OR is_identity = 'YES')`, 2)
	if err != nil {
		return fmt.Errorf("list counters: %w", err)
	}
	for _, c := range list {
		t, col := quote(c[0]), quote(c[1])
		_, err := tx.ExecContext(ctx, "SELECT setval(pg_get_serial_sequence($1, $2), (SELECT coalesce(max("+col+"), 0) + 1 FROM "+t+"), false)", t, c[1])
		if err != nil {
			return fmt.Errorf("set the counter of %s: %w", c[0], err)
		}
	}
	return nil
}

// putFile writes beside the name first, so that no half file carries it.
func putFile(path string, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	f, err := os.OpenFile(path+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("restore a file: %w", err)
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("restore %s: %w", path, err)
	}
	if err := os.Rename(path+".part", path); err != nil {
		return fmt.Errorf("restore a file: %w", err)
	}
	return nil
}

// compare reads every table and file back. In the same kind of database the
// text must be the same to the byte; in the other kind the rows are counted.
func (o Options) compare(ctx context.Context, m Manifest, left []string) error {
	pg := o.DB.Postgres()
	tables, err := tablesOf(ctx, o.DB.SQL(), pg)
	if err != nil {
		return err
	}
	byName := map[string]*table{}
	for i := range tables {
		byName[tables[i].name] = &tables[i]
	}
	for _, e := range m.Entries {
		if rel, ok := strings.CutPrefix(e.Name, filePrefix); ok {
			if err := sameFile(filepath.Join(o.Data, filepath.FromSlash(rel)), e); err != nil {
				return err
			}
			continue
		}
		t := byName[strings.TrimSuffix(strings.TrimPrefix(e.Name, tablePrefix), ".ndjson")]
		if t == nil || slices.Contains(left, t.name) {
			continue
		}
		h := sm3.New()
		n, err := t.write(ctx, o.DB.SQL(), pg, h)
		if err != nil {
			return fmt.Errorf("read table %s back: %w", t.name, err)
		}
		if n != e.Rows || m.Database == dialect(o.DB) && digestOf(h) != e.SM3 {
			return fmt.Errorf("table %s came back different: %d rows, %d in the archive", t.name, n, e.Rows)
		}
	}
	return nil
}

func sameFile(path string, e Entry) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read %s back: %w", e.Name, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sm3.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("read %s back: %w", e.Name, err)
	}
	if digestOf(h) != e.SM3 {
		return fmt.Errorf("%s came back different", e.Name)
	}
	return nil
}
