package transfer

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/sheet"
)

// ExportInput asks for a list. Filter has the list's own query parameters.
type ExportInput struct {
	Kind   string            `json:"kind" maxLength:"40"`
	Format string            `json:"format" enum:"xlsx,csv"`
	Filter map[string]string `json:"filter"`
	Reason string            `json:"reason" minLength:"2" maxLength:"200"`
}

// AskExport queues an export. The list's permission and scope are those of
// the actor, looked at again when the job runs.
func (s *Service) AskExport(ctx context.Context, in ExportInput) (Exported, error) {
	who, err := access.Need(ctx, access.ExportData)
	if err != nil {
		return Exported{}, err
	}
	e, err := s.exporter(in.Kind)
	if err != nil {
		return Exported{}, err
	}
	if err := who.Need(e.Perm); err != nil {
		return Exported{}, err
	}
	in.Reason = strings.TrimSpace(in.Reason)
	var f errs.Fields
	f.Check(in.Format == "xlsx" || in.Format == "csv", "format", "格式应为 xlsx 或 csv")
	f.Check(len([]rune(in.Reason)) >= 2, "reason", "请写明导出的用途")
	f.Check(len(in.Filter) <= 30, "filter", "筛选条件太多")
	if err := f.Err(); err != nil {
		return Exported{}, err
	}
	if in.Filter == nil {
		in.Filter = map[string]string{}
	}
	if e.Check != nil {
		if err := e.Check(in.Filter); err != nil {
			return Exported{}, err
		}
	}
	n, err := e.Count(ctx, in.Filter)
	if err != nil {
		return Exported{}, err
	}
	if n > sheet.MaxStream {
		return Exported{}, errs.New(errs.TooLarge, "共 %d 条，超过一次导出 %d 条的上限，请加筛选条件", n, sheet.MaxStream)
	}
	var out Exported
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x := exportRow{
			ID: ids.New(), Kind: in.Kind, Format: in.Format, Filter: mustJSON(in.Filter), Reason: in.Reason, ByID: who.ID, ByName: who.Name,
			State: "waiting", CreatedAt: clock.At(tx.Now()),
		}
		job, err := s.o.Jobs.Enqueue(ctx, tx, exportJob, map[string]string{"id": x.ID}, jobs.Queue(jobs.QueueExport), jobs.Titled("导出"+e.Title), jobs.Tries(3))
		if err != nil {
			return err
		}
		x.JobID = job
		if err := insertExport(ctx, tx, &x); err != nil {
			return err
		}
		out = s.exported(x)
		return audit.Record(ctx, tx, audit.Entry{
			Act: "export.ask", Object: "export", ObjectID: x.ID, RegionCode: who.RegionCode, Summary: fmt.Sprintf("导出%s，约 %d 条", e.Title, n), Reason: in.Reason, After: in,
		})
	})
	return out, err
}

// runExport writes the file. It may run again: the file appears whole or not
// at all.
func (s *Service) runExport(ctx context.Context, run *jobs.Run) (err error) {
	var p struct{ ID string }
	if err := run.Decode(&p); err != nil {
		return err
	}
	x, found, err := exportByID(ctx, s.db.Read(), p.ID)
	if err != nil {
		return err
	}
	if !found || x.State == "done" || x.State == "cancelled" {
		return nil
	}
	defer func() {
		switch {
		case err == nil:
		case run.Cancelled() && ctx.Err() != nil:
			// Cancelled by a person, or interrupted and done again later.
			_ = os.Remove(s.path(x.ID, "part"))
		case errors.Is(err, errFinal) || run.Attempt >= 3:
			err = errors.Join(jobs.Final(err), endExport(context.WithoutCancel(ctx), s.db, x.ID, "failed", text(err)))
		}
	}()
	e, err := s.exporter(x.Kind)
	if err != nil {
		return errors.Join(errFinal, err)
	}
	who, err := s.o.Actor(ctx, x.ByID)
	if err != nil {
		return errors.Join(errFinal, err)
	}
	if err := errors.Join(who.Need(access.ExportData), who.Need(e.Perm)); err != nil {
		return errors.Join(errFinal, err)
	}
	ctx = access.With(ctx, who)
	filter := map[string]string{}
	if err := json.Unmarshal([]byte(x.Filter), &filter); err != nil {
		return errors.Join(errFinal, err)
	}
	total, err := e.Count(ctx, filter)
	if err != nil {
		return err
	}
	n, size, digest, err := s.writeFile(ctx, run, e, x, filter, total)
	if err != nil {
		return err
	}
	x.Rows, x.Size, x.SM3 = n, size, digest
	run.Log("写完 %d 行，%d KB", n, size>>10)
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		took, err := finishExport(ctx, tx, x, clock.At(tx.Now().Add(Lifetime)))
		if err != nil {
			return err
		}
		if !took { // cancelled at the last moment
			return os.Remove(s.path(x.ID, x.Format))
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "export.done", Object: "export", ObjectID: x.ID, RegionCode: who.RegionCode, Summary: fmt.Sprintf("导出%s完成，%d 条", e.Title, n), Reason: x.Reason,
			After: map[string]any{"rows": n, "size": size, "sm3": digest, "format": x.Format},
		})
	})
}

var errFinal = errors.New("this export cannot succeed")

// text is the part of a failure that its owner may read.
func text(err error) string {
	var e *errs.Error
	if errors.As(err, &e) && e.Code != errs.Internal {
		return e.Message
	}
	return "导出没有完成，请稍后重试"
}

// writeFile streams the rows into a file beside its final name.
func (s *Service) writeFile(ctx context.Context, run *jobs.Run, e Exporter, x exportRow, filter map[string]string, total int64) (n, size int64, digest string, err error) {
	part := s.path(x.ID, "part")
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return 0, 0, "", fmt.Errorf("write export: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(part))
		}
	}()
	h := sm3.New()
	count := &counter{}
	out := io.MultiWriter(f, h, count)
	mark := []string{fmt.Sprintf("%s 于 %s 导出　用途：%s　编号 %s　仅限工作使用，不得外传", x.ByName, shown(s.db.Now()), x.Reason, x.ID)}
	var rows sheet.Rows
	if x.Format == "csv" {
		rows, err = sheet.CSV(out, mark, e.Columns)
	} else {
		rows, err = sheet.XLSX(out, e.Title, mark, e.Columns)
	}
	if err != nil {
		return 0, 0, "", err
	}
	err = e.Rows(ctx, filter, func(values ...any) error {
		if n%256 == 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			run.Progress(n, max(total, n), "")
		}
		if n++; n > sheet.MaxStream {
			return errors.Join(errFinal, errs.New(errs.TooLarge, "导出时已超过 %d 条的上限", sheet.MaxStream))
		}
		return rows.Add(values...)
	})
	if err == nil {
		err = rows.Close()
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return 0, 0, "", err
	}
	if err = f.Close(); err != nil {
		return 0, 0, "", fmt.Errorf("write export: %w", err)
	}
	if err := os.Rename(part, s.path(x.ID, x.Format)); err != nil {
		return 0, 0, "", fmt.Errorf("write export: %w", err)
	}
	run.Progress(n, n, "")
	return n, count.n, hex.EncodeToString(h.Sum(nil)), nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

func shown(t time.Time) string { return t.In(clock.Shanghai()).Format(time.DateTime) }

// Exported is an export as its owner sees it.
type Exported struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Title     string            `json:"title"`
	Format    string            `json:"format"`
	Filter    map[string]string `json:"filter"`
	Reason    string            `json:"reason"`
	ByName    string            `json:"byName"`
	JobID     string            `json:"jobId"`
	State     string            `json:"state" doc:"waiting, running, done, failed, cancelled or expired"`
	Done      int64             `json:"done"`
	Total     int64             `json:"total"`
	Rows      int64             `json:"rows"`
	Size      int64             `json:"size"`
	SM3       string            `json:"sm3"`
	Error     string            `json:"error"`
	CreatedAt clock.Stamp       `json:"createdAt"`
	EndedAt   *clock.Stamp      `json:"endedAt"`
	ExpiresAt *clock.Stamp      `json:"expiresAt"`
	Downloads int64             `json:"downloads"`
}

func (s *Service) exported(x exportRow) Exported {
	out := Exported{
		ID: x.ID, Kind: x.Kind, Title: x.Kind, Format: x.Format, Filter: map[string]string{}, Reason: x.Reason, ByName: x.ByName, JobID: x.JobID, State: x.State,
		Rows: x.Rows, Size: x.Size, SM3: x.SM3, Error: x.Error, CreatedAt: x.CreatedAt, EndedAt: x.EndedAt, ExpiresAt: x.ExpiresAt, Downloads: x.Downloads,
	}
	if e, err := s.exporter(x.Kind); err == nil {
		out.Title = e.Title
	}
	if err := json.Unmarshal([]byte(x.Filter), &out.Filter); err != nil {
		s.o.Log.Error("read the filter of an export", "id", x.ID, "err", err)
	}
	return out
}

// Exports lists the actor's own exports, newest first.
func (s *Service) Exports(ctx context.Context, limit, offset int64) ([]Exported, int64, error) {
	who, err := access.Need(ctx, access.ExportData)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := listExports(ctx, s.db.Read(), who.ID, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Exported, 0, len(rows))
	for _, x := range rows {
		e := s.exported(x)
		if x.State == "waiting" {
			j, err := s.o.Jobs.Get(ctx, x.JobID)
			if err != nil && !errs.Is(err, errs.NotFoundCode) {
				return nil, 0, err
			}
			e.Done, e.Total = j.Done, j.Total
			switch j.State {
			case jobs.Running, jobs.Retrying:
				e.State = "running"
			case jobs.Cancelled:
				e.State = "cancelled" // by an administrator
			}
		}
		out = append(out, e)
	}
	return out, n, nil
}

// own gives an export of the actor; anybody else's is not there.
func own(ctx context.Context, r reader, id string) (exportRow, access.Actor, error) {
	who, err := access.Need(ctx, access.ExportData)
	if err != nil {
		return exportRow{}, who, err
	}
	x, found, err := exportByID(ctx, r, id)
	if err == nil && (!found || x.ByID != who.ID) {
		err = errs.NotFound("导出")
	}
	return x, who, err
}

// CancelExport ends an export of the actor that is not done.
func (s *Service) CancelExport(ctx context.Context, id string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x, who, err := own(ctx, tx, id)
		if err != nil {
			return err
		}
		if x.State != "waiting" {
			return errs.Conflict("导出已经结束，不能取消")
		}
		if err := s.o.Jobs.CancelJob(ctx, tx, x.JobID); err != nil && !errs.Is(err, errs.ConflictCode) {
			return err
		}
		if err := endExportTx(ctx, tx, id, "cancelled", ""); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "export.cancel", Object: "export", ObjectID: id, RegionCode: who.RegionCode, Summary: "取消导出"})
	})
}

// Download opens the file of an export of the actor and notes that it was
// fetched.
func (s *Service) Download(ctx context.Context, id string) (*os.File, Exported, error) {
	x, who, err := own(ctx, s.db.Read(), id)
	if err != nil {
		return nil, Exported{}, err
	}
	e := s.exported(x)
	if x.State != "done" || x.ExpiresAt == nil || s.db.Now().After(x.ExpiresAt.Time()) {
		return nil, e, errs.Conflict("文件还没有写完，或已经过期")
	}
	f, err := os.Open(s.path(x.ID, x.Format))
	if err != nil {
		return nil, e, errs.Wrap(errs.NotFoundCode, "文件已经不在，请重新导出", err)
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := noteDownload(ctx, tx, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "export.download", Object: "export", ObjectID: id, RegionCode: who.RegionCode, Summary: "下载导出的" + e.Title, Reason: x.Reason})
	})
	if err != nil {
		return nil, e, errors.Join(err, f.Close())
	}
	return f, e, nil
}
