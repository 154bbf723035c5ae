package staff

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

const keyPurpose = "app.key"

// Keys seals the tokens of sources.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	Open(purpose, sealed, aad string) (string, error)
}

// Options are what the service needs.
type Options struct {
	DB     *db.DB
	Log    *slog.Logger
	Keys   Keys
	People People
	// Client calls the personnel system; it must not reach where it should
	// not.
	Client *http.Client
}

// Service has the use cases of the synchronisation.
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
		o.Client = &http.Client{Timeout: 20 * time.Second}
	}
	return &Service{o: o, db: o.DB}
}

func aad(id string) string { return "integration_staff_sources.sealed:" + id }

func (s *Service) source(ctx context.Context, r sourceRow) (StaffSource, error) {
	out := StaffSource{ID: r.ID, Name: r.Name, URL: r.URL, HasToken: r.Sealed != "", PageSize: r.PageSize, LimitPercent: r.LimitPercent, EveryMinutes: r.EveryMinutes,
		Enabled: r.Enabled == 1, Previewed: r.Previewed == 1, Cursor: r.Cursor, NextAt: r.NextAt, Rev: r.Rev}
	var err error
	if out.Open, err = openCount(ctx, s.db.Read(), r.ID); err != nil {
		return out, err
	}
	last, _, err := runs(ctx, s.db.Read(), r.ID, httpx.Paging{Page: 1, Size: 1})
	if err != nil || len(last) == 0 {
		return out, err
	}
	last[0].Detail = []StaffAct{}
	out.Last = &last[0]
	return out, nil
}

// Sources lists the personnel systems.
func (s *Service) Sources(ctx context.Context) ([]StaffSource, error) {
	if _, err := access.Need(ctx, access.SyncManage); err != nil {
		return nil, err
	}
	rows, err := sources(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]StaffSource, len(rows))
	for i, r := range rows {
		if out[i], err = s.source(ctx, r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Save makes a source (id empty) or changes one.
func (s *Service) Save(ctx context.Context, id string, in StaffSourceWrite) (StaffSource, error) {
	if _, err := access.Need(ctx, access.SyncManage); err != nil {
		return StaffSource{}, err
	}
	if err := in.check(); err != nil {
		return StaffSource{}, err
	}
	fresh := id == ""
	if fresh {
		id = ids.New()
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r := sourceRow{ID: id, Rev: 1}
		if !fresh {
			var err error
			if r, err = sourceByID(ctx, tx, id); err != nil {
				return err
			}
			if r.Rev != in.Rev {
				return errs.Conflict("这个来源刚被别人修改过，请刷新后重试")
			}
		}
		before := map[string]any{"name": r.Name, "url": r.URL, "enabled": r.Enabled == 1, "limitPercent": r.LimitPercent}
		if in.URL != r.URL {
			r.Previewed, r.Cursor = 0, "" // another system: everything from the start, and looked at before
		}
		r.Name, r.URL, r.PageSize, r.LimitPercent, r.EveryMinutes, r.Enabled, r.NextAt = in.Name, in.URL, in.PageSize, in.LimitPercent, in.EveryMinutes, 0, nil
		if in.Enabled {
			r.Enabled = 1
		}
		if in.Enabled && in.EveryMinutes > 0 {
			r.NextAt = clock.Ptr(tx.Now().Add(time.Duration(in.EveryMinutes) * time.Minute))
		}
		if in.Token != "" {
			sealed, err := s.o.Keys.Seal(keyPurpose, in.Token, aad(id))
			if err != nil {
				return fmt.Errorf("seal token: %w", err)
			}
			r.Sealed = sealed
		}
		r.UpdatedAt = clock.At(tx.Now())
		var err error
		if fresh {
			err = save(ctx, tx, &r, "source")
		} else {
			err = updateSource(ctx, tx, &r)
		}
		if err != nil {
			return err
		}
		return trail.Record(ctx, tx, audit.Entry{Act: "staff.source", Object: "integration.staff", ObjectID: id, Summary: "保存人员同步来源 " + r.Name, Before: before,
			After: map[string]any{"name": r.Name, "url": r.URL, "enabled": in.Enabled, "limitPercent": r.LimitPercent}})
	})
	if err != nil {
		return StaffSource{}, err
	}
	r, err := sourceByID(ctx, s.db.Read(), id)
	if err != nil {
		return StaffSource{}, err
	}
	return s.source(ctx, r)
}

// Runs gives one page of a source's runs.
func (s *Service) Runs(ctx context.Context, source string, p httpx.Paging) (httpx.List[StaffRun], error) {
	if _, err := access.Need(ctx, access.SyncManage); err != nil {
		return httpx.List[StaffRun]{}, err
	}
	rows, n, err := runs(ctx, s.db.Read(), source, p)
	return httpx.NewList(rows, n, p, s.db.Now()), err
}

// Conflicts gives one page of conflicts.
func (s *Service) Conflicts(ctx context.Context, source, state string, p httpx.Paging) (httpx.List[StaffConflict], error) {
	if _, err := access.Need(ctx, access.SyncManage); err != nil {
		return httpx.List[StaffConflict]{}, err
	}
	rows, n, err := conflicts(ctx, s.db.Read(), source, state, p)
	return httpx.NewList(rows, n, p, s.db.Now()), err
}

// RunNow runs a source for the actor. The first full run must have been
// previewed.
func (s *Service) RunNow(ctx context.Context, id string, preview bool) (StaffRun, error) {
	who, err := access.Need(ctx, access.SyncManage)
	if err != nil {
		return StaffRun{}, err
	}
	src, err := sourceByID(ctx, s.db.Read(), id)
	if err != nil {
		return StaffRun{}, err
	}
	if !preview && src.Previewed == 0 {
		return StaffRun{}, errs.Conflict("首次同步前请先预览，看清会新增、停用哪些人")
	}
	return s.run(ctx, src, preview, who.Name)
}

// RunDue runs the sources whose time has come; a job calls it.
func (s *Service) RunDue(ctx context.Context) error {
	var list []sourceRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var err error
		list, err = due(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, src := range list {
		if _, err := s.run(ctx, src, false, caller.From(ctx).Name); err != nil {
			s.o.Log.Warn("synchronisation failed", "source", src.Name, "err", err)
		}
	}
	return nil
}

// Decide settles a conflict: "theirs" applies the outside record, "ours"
// keeps the center's and remembers the outside one as seen, "bind" says that
// both are the same person, "org" names the organisation that is meant.
func (s *Service) Decide(ctx context.Context, id, decision, orgID, reason string) error {
	who, err := access.Need(ctx, access.SyncManage)
	if err != nil {
		return err
	}
	c, err := conflictByID(ctx, s.db.Read(), id)
	if err != nil {
		return err
	}
	if c.State != "open" {
		return errs.Conflict("这个冲突已经有人处理过，请刷新后查看")
	}
	src, err := sourceByID(ctx, s.db.Read(), c.SourceID)
	if err != nil {
		return err
	}
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return errs.Invalidf("reason", "请写明这样处理的理由")
	}
	if err := s.settle(ctx, src, c, decision, orgID); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		c.State, c.Decision, c.Reason, c.ByID, c.ByName, c.DecidedAt = "decided", decision, reason, who.ID, who.Name, clock.Ptr(tx.Now())
		if err := updateConflict(ctx, tx, &c); err != nil {
			return err
		}
		return trail.Record(ctx, tx, audit.Entry{Act: "staff.decide", Object: "integration.staff", ObjectID: c.SourceID,
			Summary: "处理人员同步冲突：" + kindName(c.Kind) + "，" + c.conflict().Theirs.Name, Reason: reason, After: map[string]any{"decision": decision, "orgId": orgID}})
	})
}
