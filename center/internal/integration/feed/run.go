package feed

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

const (
	// leased is how long a run belongs to its process without a word.
	leased = 2 * time.Minute
	// saveEvery is after how many rows a run's place is saved.
	saveEvery = 100
)

// errCap says that the source has more rows than the feed may read.
var errCap = errors.New("more rows than the cap")

// RunNow runs a feed for the actor: all rows, or only those that were
// refused.
func (s *Service) RunNow(ctx context.Context, id string, again bool) (FeedRun, error) {
	who, err := access.Need(ctx, access.DataSourceManage)
	if err != nil {
		return FeedRun{}, err
	}
	f, err := get(ctx, s.db.Read(), id)
	if err != nil {
		return FeedRun{}, err
	}
	kind := "full"
	if again {
		kind = "again"
	}
	r, err := s.begin(ctx, f, kind, who.Name)
	if err != nil {
		return FeedRun{}, err
	}
	return s.carryOn(ctx, f, r)
}

// RunDue runs what is due and goes on with runs whose process died; a job
// calls it.
func (s *Service) RunDue(ctx context.Context) error {
	var left []runRow
	var list []feedRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var err error
		if left, err = orphans(ctx, tx, clock.At(tx.Now().Add(leased))); err != nil {
			return err
		}
		if list, err = due(ctx, tx); err != nil {
			return err
		}
		for _, f := range list {
			if err := setNext(ctx, tx, f.ID, clock.At(s.next(f, tx.Now()))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range left {
		f, err := get(ctx, s.db.Read(), r.FeedID)
		if err == nil {
			_, err = s.carryOn(ctx, f, r)
		}
		if err != nil {
			s.o.Log.Warn("a feed's run could not go on", "feed", r.FeedID, "err", err)
		}
	}
	for _, f := range list {
		r, err := s.begin(ctx, f, "full", caller.From(ctx).Name)
		if err == nil {
			_, err = s.carryOn(ctx, f, r)
		}
		if err != nil {
			s.o.Log.Warn("a feed's run failed", "feed", f.Name, "err", err)
		}
	}
	return nil
}

func (s *Service) begin(ctx context.Context, f feedRow, kind, by string) (runRow, error) {
	r := runRow{ID: ids.New(), FeedID: f.ID, State: "running", Kind: kind, ByName: by}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, busy, err := running(ctx, tx, f.ID)
		if err != nil {
			return err
		}
		if busy {
			return errs.Conflict("这个数据源正在运行，请等它结束")
		}
		if kind == "full" {
			if err := supersede(ctx, tx, f.ID); err != nil {
				return err
			}
		}
		r.StartedAt, r.LeaseAt = clock.At(tx.Now()), clock.At(tx.Now().Add(leased))
		return insert(ctx, tx, &r, "run")
	})
	return r, err
}

// carryOn runs from the place where the run stands to the end.
func (s *Service) carryOn(ctx context.Context, f feedRow, r runRow) (FeedRun, error) {
	err := s.work(ctx, f, &r)
	if ctx.Err() != nil {
		return r.run(), ctx.Err() // another process goes on when the lease is over
	}
	r.State = "done"
	var e *errs.Error
	switch {
	case errors.Is(err, errCap):
		r.State, r.Note = "failed", "来源的行数超过上限，已停在上限处"
	case errors.As(err, &e):
		r.State, r.Note = "failed", e.Message
	case err != nil:
		s.o.Log.Error("a feed's run failed", "feed", f.Name, "err", err)
		r.State, r.Note = "failed", "系统出了问题，详见日志"
	}
	if r.SourceCount == r.Loaded+r.Rejected+r.Skipped {
		r.Balanced = 1
	}
	end := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r.EndedAt = clock.Ptr(tx.Now())
		if err := saveRun(ctx, tx, &r); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "feed.run", Object: "integration.feed", ObjectID: f.ID, Summary: "数据源 " + f.Name + " 运行结束：" + r.State,
			After: map[string]any{"source": r.SourceCount, "loaded": r.Loaded, "rejected": r.Rejected, "skipped": r.Skipped, "balanced": r.Balanced == 1}})
	})
	return r.run(), end
}

func (s *Service) work(ctx context.Context, f feedRow, r *runRow) error {
	var maps []Map
	var rules []Quality
	if err := f.decode(&maps, &rules); err != nil {
		return err
	}
	check := newChecker(rules, s.o.Region)
	take := func(n int64, row Row) error {
		if n > int64(f.RowCap) {
			return errCap
		}
		out := mapped(maps, row)
		reasons := check.check(out) // also for rows before the place: they count for uniqueness
		if n <= r.Position {
			return nil
		}
		if err := s.takeRow(ctx, f, r, n, row, out, reasons); err != nil {
			return err
		}
		r.Position, r.SourceCount = n, r.SourceCount+1
		if n%saveEvery == 0 {
			return s.saveProgress(ctx, r)
		}
		return ctx.Err()
	}
	if r.Kind == "again" {
		return s.again(ctx, f, take)
	}
	c, err := s.connection(f)
	if err != nil {
		return err
	}
	return s.read(ctx, f.Kind, c, f.Query, take)
}

// again reads the refused rows as a source.
func (s *Service) again(ctx context.Context, f feedRow, take each) error {
	all := []badRow{}
	for page := 1; ; page++ {
		rows, _, err := badRows(ctx, s.db.Read(), f.ID, "", "open", pageOf(page))
		if err != nil {
			return err
		}
		all = append(all, rows...)
		if len(rows) < againPage {
			break
		}
	}
	for i, b := range all {
		row := Row{}
		if err := json.Unmarshal([]byte(b.Raw), &row); err != nil {
			return err
		}
		if err := take(int64(i+1), row); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) saveProgress(ctx context.Context, r *runRow) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r.LeaseAt = clock.At(tx.Now().Add(leased))
		return saveRun(ctx, tx, r)
	})
}

// takeRow loads one row, or keeps it with its reasons. A row whose key and
// content were loaded before is skipped: a run that is taken up again loads
// nothing twice.
func (s *Service) takeRow(ctx context.Context, f feedRow, r *runRow, n int64, raw, row Row, reasons []Reason) error {
	key := row[f.KeyField]
	if key == "" {
		reasons = append(reasons, Reason{Field: f.KeyField, Message: "唯一标识为空", Level: "reject"})
	}
	if rejected(reasons) {
		r.Rejected++
		return s.keep(ctx, f, r, n, key, raw, reasons, "reject")
	}
	sum := sign.Digest([]byte(toJSON(row)))
	l, have, err := link(ctx, s.db.Read(), f.ID, key)
	if err != nil {
		return err
	}
	if have && l.Digest == sum {
		r.Skipped++
		return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return closeRows(ctx, tx, f.ID, key) })
	}
	id := l.TargetID
	if t := s.o.Targets[f.Target]; t != nil {
		if id, err = t.Put(ctx, l.TargetID, row); err != nil {
			var e *errs.Error
			if !errors.As(err, &e) || e.Code == errs.Internal {
				return err
			}
			r.Rejected++
			return s.keep(ctx, f, r, n, key, raw, append(reasons, refusals(e)...), "reject")
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if f.Target == TargetRecords {
			if id, err = putRecord(ctx, tx, f.ID, key, row); err != nil {
				return err
			}
		}
		if err := putLink(ctx, tx, &linkRow{FeedID: f.ID, RowKey: key, TargetID: id, Digest: sum, RunID: r.ID}); err != nil {
			return err
		}
		return closeRows(ctx, tx, f.ID, key)
	})
	if err != nil {
		return err
	}
	r.Loaded++
	if len(reasons) > 0 {
		r.Warned++
		return s.keep(ctx, f, r, n, key, raw, reasons, "warn")
	}
	return nil
}

func refusals(e *errs.Error) []Reason {
	if len(e.Fields) == 0 {
		return []Reason{{Message: e.Message, Level: "reject"}}
	}
	out := make([]Reason, len(e.Fields))
	for i, f := range e.Fields {
		out[i] = Reason{Field: f.Name, Message: f.Message, Level: "reject"}
	}
	return out
}

func (s *Service) keep(ctx context.Context, f feedRow, r *runRow, n int64, key string, raw Row, reasons []Reason, level string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if r.Kind == "again" {
			if err := closeOld(ctx, tx, f.ID, key, toJSON(raw)); err != nil {
				return err
			}
		}
		b := badRow{ID: ids.New(), FeedID: f.ID, RunID: r.ID, RowNo: n, RowKey: key, Raw: toJSON(raw), Reasons: toJSON(reasons), Level: level, State: "open", At: clock.At(tx.Now())}
		return insert(ctx, tx, &b, "refused row")
	})
}
