package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

const keyPurpose = "app.key"

// Keys seals connections.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	Open(purpose, sealed, aad string) (string, error)
}

// Options are what the service needs.
type Options struct {
	DB    *db.DB
	Log   *slog.Logger
	Keys  Keys
	Files Files
	// Client calls HTTP sources.
	Client *http.Client
	// Targets by name, without plain records.
	Targets map[string]Target
	// Region tells whether a region code exists.
	Region func(code string) bool
	// Workday gives the first working day's moment at or after at.
	Workday func(at time.Time) time.Time
	// Own is the center's folder, which no source may read.
	Own string
}

// Service has the use cases of data sources.
type Service struct {
	o  Options
	db *db.DB
}

// New makes the service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	if o.Region == nil {
		o.Region = func(string) bool { return true }
	}
	if o.Workday == nil {
		o.Workday = func(at time.Time) time.Time { return at }
	}
	return &Service{o: o, db: o.DB}
}

func aad(id string) string { return "integration_feeds.sealed:" + id }

func (s *Service) connection(r feedRow) (Connection, error) {
	var c Connection
	text, err := s.o.Keys.Open(keyPurpose, r.Sealed, aad(r.ID))
	if err != nil {
		return c, errs.Wrap(errs.Internal, "数据源的连接打不开", err)
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("read connection: %w", err)
	}
	return c, nil
}

// place says where a source is, without secrets.
func (c Connection) place() string {
	switch {
	case c.Name != "":
		return c.Name
	case c.URL != "":
		u, err := url.Parse(c.URL)
		if err != nil {
			return ""
		}
		return u.Scheme + "://" + u.Host + u.Path
	}
	u, err := url.Parse(c.DSN)
	if err != nil {
		return ""
	}
	if u.Host == "" {
		return u.Scheme + ":" + u.Opaque + u.Path
	}
	return u.Scheme + "://" + u.Host + u.Path
}

func (s *Service) feed(ctx context.Context, r feedRow) (Feed, error) {
	out := Feed{ID: r.ID, Name: r.Name, Kind: r.Kind, Target: r.Target, Query: r.Query, Mapping: []Map{}, Rules: []Quality{}, KeyField: r.KeyField, RowCap: r.RowCap,
		EveryMinutes: r.EveryMinutes, WorkdaysOnly: r.WorkdaysOnly == 1, Enabled: r.Enabled == 1, NextAt: r.NextAt, Rev: r.Rev}
	if err := r.decode(&out.Mapping, &out.Rules); err != nil {
		return out, err
	}
	if c, err := s.connection(r); err == nil {
		out.Place = c.place()
	} else {
		out.Place = "连接打不开"
	}
	var err error
	if out.OpenRows, err = openRows(ctx, s.db.Read(), r.ID); err != nil {
		return out, err
	}
	last, _, err := runs(ctx, s.db.Read(), r.ID, httpx.Paging{Page: 1, Size: 1})
	if err == nil && len(last) > 0 {
		out.Last = &last[0]
	}
	return out, err
}

func (r feedRow) decode(m *[]Map, q *[]Quality) error {
	if err := json.Unmarshal([]byte(r.Mapping), m); err != nil {
		return fmt.Errorf("read mapping of %s: %w", r.Name, err)
	}
	if err := json.Unmarshal([]byte(r.Rules), q); err != nil {
		return fmt.Errorf("read rules of %s: %w", r.Name, err)
	}
	return nil
}

// List gives one page of feeds.
func (s *Service) List(ctx context.Context, p httpx.Paging) (httpx.List[Feed], error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return httpx.List[Feed]{}, err
	}
	rows, n, err := list(ctx, s.db.Read(), p)
	if err != nil {
		return httpx.List[Feed]{}, err
	}
	out := make([]Feed, len(rows))
	for i, r := range rows {
		if out[i], err = s.feed(ctx, r); err != nil {
			return httpx.List[Feed]{}, err
		}
	}
	return httpx.NewList(out, n, p, s.db.Now()), nil
}

// Get gives one feed.
func (s *Service) Get(ctx context.Context, id string) (Feed, error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return Feed{}, err
	}
	r, err := get(ctx, s.db.Read(), id)
	if err != nil {
		return Feed{}, err
	}
	return s.feed(ctx, r)
}

// Save makes a feed (id empty) or changes one.
func (s *Service) Save(ctx context.Context, id string, in FeedWrite) (Feed, error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return Feed{}, err
	}
	if err := in.check(); err != nil {
		return Feed{}, err
	}
	fresh := id == ""
	if fresh && in.Connection == (Connection{}) {
		return Feed{}, errs.Invalidf("connection", "请填写连接")
	}
	if fresh {
		id = ids.New()
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := s.row(ctx, tx, id, fresh, in)
		if err != nil {
			return err
		}
		if fresh {
			err = insert(ctx, tx, &r, "feed")
		} else {
			err = update(ctx, tx, &r)
		}
		if err != nil {
			return err
		}
		return trail.Record(ctx, tx, audit.Entry{Act: "feed.save", Object: "integration.feed", ObjectID: id, Summary: "保存数据源 " + r.Name,
			After: map[string]any{"name": r.Name, "kind": r.Kind, "target": r.Target, "query": r.Query, "mapping": r.Mapping, "rules": r.Rules, "enabled": in.Enabled}})
	})
	if err != nil {
		return Feed{}, err
	}
	return s.Get(ctx, id)
}

func (s *Service) row(ctx context.Context, tx db.Tx, id string, fresh bool, in FeedWrite) (feedRow, error) {
	r := feedRow{ID: id, Rev: 1}
	if !fresh {
		var err error
		if r, err = get(ctx, tx, id); err != nil {
			return r, err
		}
		if r.Rev != in.Rev {
			return r, errs.Conflict("这个数据源刚被别人修改过，请刷新后重试")
		}
		if r.Kind != in.Kind || r.Target != in.Target {
			return r, errs.Invalidf("kind", "种类和目标不能修改，请另建一个数据源")
		}
	}
	if in.Connection != (Connection{}) {
		sealed, err := s.o.Keys.Seal(keyPurpose, toJSON(in.Connection), aad(id))
		if err != nil {
			return r, fmt.Errorf("seal connection: %w", err)
		}
		r.Sealed = sealed
	}
	bit := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	if in.Rules == nil {
		in.Rules = []Quality{}
	}
	r.Name, r.Kind, r.Target, r.Query, r.Mapping, r.Rules, r.KeyField = in.Name, in.Kind, in.Target, in.Query, toJSON(in.Mapping), toJSON(in.Rules), in.KeyField
	r.RowCap, r.EveryMinutes, r.WorkdaysOnly, r.Enabled, r.NextAt, r.UpdatedAt = in.RowCap, in.EveryMinutes, bit(in.WorkdaysOnly), bit(in.Enabled), nil, clock.At(tx.Now())
	if in.Enabled && in.EveryMinutes > 0 {
		r.NextAt = clock.Ptr(s.next(r, tx.Now()))
	}
	return r, nil
}

// next is when a feed runs after now.
func (s *Service) next(r feedRow, now time.Time) time.Time {
	at := now.Add(time.Duration(r.EveryMinutes) * time.Minute)
	if r.WorkdaysOnly == 1 {
		at = s.o.Workday(at)
	}
	return at
}

// FeedSample is what a test of the connection shows.
type FeedSample struct {
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	Mapped  []Row    `json:"mapped"`
}

// sampleRows is how many rows a test shows.
const sampleRows = 5

// Test reads the first rows of a feed as it is being written, or as it is
// stored when the connection is empty.
func (s *Service) Test(ctx context.Context, id string, in FeedWrite) (FeedSample, error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return FeedSample{}, err
	}
	c := in.Connection
	if c == (Connection{}) {
		r, err := get(ctx, s.db.Read(), id)
		if err != nil {
			return FeedSample{}, err
		}
		if c, err = s.connection(r); err != nil {
			return FeedSample{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out := FeedSample{Columns: []string{}, Rows: []Row{}, Mapped: []Row{}}
	seen := map[string]bool{}
	err := s.read(ctx, in.Kind, c, in.Query, func(_ int64, row Row) error {
		if len(out.Rows) >= sampleRows {
			return errEnough
		}
		for k := range row {
			if !seen[k] {
				seen[k] = true
				out.Columns = append(out.Columns, k)
			}
		}
		out.Rows = append(out.Rows, row)
		out.Mapped = append(out.Mapped, mapped(in.Mapping, row))
		return nil
	})
	if err != nil && err != errEnough { //nolint:errorlint // our own sentinel, given back as it is
		return out, err
	}
	return out, nil
}

func (s *Service) read(ctx context.Context, kind string, c Connection, query string, f each) error {
	switch kind {
	case Database:
		if err := ping(ctx, c.DSN, s.o.Own); err != nil {
			return err
		}
		return readDatabase(ctx, c.DSN, s.o.Own, query, f)
	case HTTP:
		return readHTTP(ctx, s.o.Client, c, f)
	}
	data, err := s.o.Files.Read(ctx, c.SM3)
	if err != nil {
		return errs.Wrap(errs.Invalid, "上传的文件已经不在，请重新上传", err)
	}
	return readFile(c.Name, data, f)
}

// Upload keeps a file for a feed.
func (s *Service) Upload(ctx context.Context, data []byte) (string, error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return "", err
	}
	if len(data) == 0 || len(data) > maxFile {
		return "", errs.Invalidf("file", "文件应大于 0 且不超过 16 MB")
	}
	return s.o.Files.Put(ctx, data)
}

// Runs gives one page of a feed's runs.
func (s *Service) Runs(ctx context.Context, id string, p httpx.Paging) (httpx.List[FeedRun], error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return httpx.List[FeedRun]{}, err
	}
	rows, n, err := runs(ctx, s.db.Read(), id, p)
	return httpx.NewList(rows, n, p, s.db.Now()), err
}

// Rows gives one page of refused and noted rows.
func (s *Service) Rows(ctx context.Context, id, run, state string, p httpx.Paging) (httpx.List[FeedRow], error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return httpx.List[FeedRow]{}, err
	}
	rows, n, err := badRows(ctx, s.db.Read(), id, run, state, p)
	out := make([]FeedRow, len(rows))
	for i, r := range rows {
		out[i] = r.view()
	}
	return httpx.NewList(out, n, p, s.db.Now()), err
}

// Records gives one page of the plain records of a feed.
func (s *Service) Records(ctx context.Context, id string, p httpx.Paging) (httpx.List[FeedRecord], error) {
	if _, err := access.Need(ctx, access.DataSourceManage); err != nil {
		return httpx.List[FeedRecord]{}, err
	}
	rows, n, err := records(ctx, s.db.Read(), id, p)
	return httpx.NewList(rows, n, p, s.db.Now()), err
}
