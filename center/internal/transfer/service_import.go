package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/sheet"
)

// MaxUpload bounds an uploaded file.
const MaxUpload = 10 << 20

// Imported is an import as its owner sees it.
type Imported struct {
	ID        string       `json:"id"`
	Kind      string       `json:"kind"`
	Title     string       `json:"title"`
	FileName  string       `json:"fileName"`
	ByName    string       `json:"byName"`
	JobID     string       `json:"jobId"`
	State     string       `json:"state" doc:"checking, checked, loading, done, failed or dropped"`
	Rows      int64        `json:"rows"`
	Bad       int64        `json:"bad"`
	Loaded    int64        `json:"loaded"`
	Problems  []Problem    `json:"problems" doc:"the first of them"`
	Error     string       `json:"error"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	EndedAt   *clock.Stamp `json:"endedAt"`
}

func (s *Service) imported(x importRow, most int) Imported {
	out := Imported{
		ID: x.ID, Kind: x.Kind, Title: x.Kind, FileName: x.FileName, ByName: x.ByName, JobID: x.JobID, State: x.State, Rows: x.Rows, Bad: x.Bad, Loaded: x.Loaded,
		Problems: []Problem{}, Error: x.Error, CreatedAt: x.CreatedAt, EndedAt: x.EndedAt,
	}
	if i, err := s.importer(x.Kind); err == nil {
		out.Title = i.Title
	}
	if err := json.Unmarshal([]byte(x.Problems), &out.Problems); err != nil {
		s.o.Log.Error("read the problems of an import", "id", x.ID, "err", err)
	}
	out.Problems = out.Problems[:min(len(out.Problems), most)]
	return out
}

// Upload keeps a file and queues its check. Nothing is loaded.
func (s *Service) Upload(ctx context.Context, kind, name string, data []byte) (Imported, error) {
	who, err := access.Need(ctx, access.ImportData)
	if err != nil {
		return Imported{}, err
	}
	i, err := s.importer(kind)
	if err != nil {
		return Imported{}, err
	}
	if err := who.Need(i.Perm); err != nil {
		return Imported{}, err
	}
	if len(data) == 0 || len(data) > MaxUpload {
		return Imported{}, errs.New(errs.TooLarge, "文件应在 %d MB 以内，且不能是空的", MaxUpload>>20)
	}
	suffix := "xlsx"
	if strings.HasSuffix(strings.ToLower(name), ".csv") {
		suffix = "csv"
	} else if !strings.HasSuffix(strings.ToLower(name), ".xlsx") {
		return Imported{}, errs.Invalidf("file", "只能导入 xlsx 或 csv 文件")
	}
	id := ids.New()
	if err := os.WriteFile(s.path(id, "in."+suffix), data, 0o640); err != nil {
		return Imported{}, fmt.Errorf("keep the uploaded file: %w", err)
	}
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	x := importRow{ID: id, Kind: kind, FileName: name, SM3: blob.Digest(data), ByID: who.ID, ByName: who.Name, State: "checking", Problems: "[]"}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x.CreatedAt = clock.At(tx.Now())
		if x.JobID, err = s.o.Jobs.Enqueue(ctx, tx, checkJob, map[string]string{"id": id}, jobs.Titled("校验导入的"+i.Title), jobs.Tries(2)); err != nil {
			return err
		}
		if err := insertImport(ctx, tx, &x); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "import.upload", Object: "import", ObjectID: id, RegionCode: who.RegionCode, Summary: "上传待导入的" + i.Title + "：" + name, After: map[string]any{"sm3": x.SM3}})
	})
	return s.imported(x, 0), err
}

// table reads the kept file: its rows in the order of the importer's columns.
func (s *Service) table(x importRow, i Importer) ([][]string, error) {
	suffix := "xlsx"
	if strings.HasSuffix(strings.ToLower(x.FileName), ".csv") {
		suffix = "csv"
	}
	b, err := os.ReadFile(s.path(x.ID, "in."+suffix))
	if err != nil {
		return nil, errs.Wrap(errs.NotFoundCode, "上传的文件已经不在，请重新上传", err)
	}
	all, err := sheet.Read(bytes.NewReader(b), "x."+suffix)
	if err != nil {
		return nil, err
	}
	if len(all) < 2 {
		return nil, errs.Invalidf("file", "文件里没有数据行")
	}
	at := make([]int, len(i.Columns))
	missing := []string{}
	for n, c := range i.Columns {
		at[n] = slices.IndexFunc(all[0], func(h string) bool { return strings.TrimSuffix(strings.TrimSpace(h), "*") == c.Title })
		if at[n] < 0 && c.Needed {
			missing = append(missing, c.Title)
		}
	}
	if len(missing) > 0 {
		return nil, errs.Invalidf("file", "第一行缺少列：%s", strings.Join(missing, "、"))
	}
	out := make([][]string, 0, len(all)-1)
	for _, row := range all[1:] {
		line := make([]string, len(at))
		for n, k := range at {
			if k >= 0 && k < len(row) {
				line[n] = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(row[k]), "'"))
			}
		}
		out = append(out, line)
	}
	for len(out) > 0 && strings.Join(out[len(out)-1], "") == "" {
		out = out[:len(out)-1]
	}
	return out, nil
}

// as gives the context of the person who asked, as they may act now.
func (s *Service) as(ctx context.Context, x importRow, i Importer) (context.Context, error) {
	who, err := s.o.Actor(ctx, x.ByID)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(who.Need(access.ImportData), who.Need(i.Perm)); err != nil {
		return nil, err
	}
	return access.With(ctx, who), nil
}

func (s *Service) taskOf(ctx context.Context, run *jobs.Run) (importRow, Importer, error) {
	var p struct{ ID string }
	if err := run.Decode(&p); err != nil {
		return importRow{}, Importer{}, err
	}
	x, found, err := importByID(ctx, s.db.Read(), p.ID)
	if err == nil && !found {
		err = jobs.Final(errs.NotFound("导入"))
	}
	if err != nil {
		return x, Importer{}, err
	}
	i, err := s.importer(x.Kind)
	return x, i, err
}

// runCheck looks at every row and loads none.
func (s *Service) runCheck(ctx context.Context, run *jobs.Run) error {
	x, i, err := s.taskOf(ctx, run)
	if err != nil || x.State != "checking" {
		return err
	}
	problems, n, err := s.check(ctx, x, i)
	if err != nil {
		var shown *errs.Error
		if errors.As(err, &shown) && shown.Code != errs.Internal || run.Attempt >= 2 {
			return errors.Join(jobs.Final(err), failImport(context.WithoutCancel(ctx), s.db, x.ID, text(err)))
		}
		return err
	}
	bad := map[int]bool{}
	for _, p := range problems {
		bad[p.Row] = true
	}
	run.Log("校验 %d 行，%d 行有问题", n, len(bad))
	run.Progress(int64(n), int64(n), "")
	return checked(ctx, s.db, x.ID, int64(n), int64(len(bad)), mustJSON(problems))
}

func (s *Service) check(ctx context.Context, x importRow, i Importer) ([]Problem, int, error) {
	ctx, err := s.as(ctx, x, i)
	if err != nil {
		return nil, 0, err
	}
	rows, err := s.table(x, i)
	if err != nil {
		return nil, 0, err
	}
	problems := []Problem{}
	for n, row := range rows {
		for k, c := range i.Columns {
			if c.Needed && row[k] == "" {
				problems = append(problems, Problem{Row: n + 2, Column: c.Title, Message: "请填写" + c.Title})
			}
		}
	}
	more, err := i.Check(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	for _, p := range more {
		if !slices.ContainsFunc(problems, func(q Problem) bool { return q.Row == p.Row && q.Column == p.Column }) {
			problems = append(problems, p)
		}
	}
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Row - b.Row })
	return problems, len(rows), nil
}

// Confirm queues the load of a checked import without bad rows.
func (s *Service) Confirm(ctx context.Context, id string) (Imported, error) {
	var out Imported
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x, i, who, err := s.ownImport(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case x.State == "loading" || x.State == "done": // asked again
			out = s.imported(x, 100)
			return nil
		case x.State != "checked":
			return errs.Conflict("文件还没有校验完，或校验没有通过")
		case x.Bad > 0:
			return errs.Conflict(fmt.Sprintf("有 %d 行有问题，请改好后重新上传；现在没有导入任何一行", x.Bad))
		}
		if x.JobID, err = s.o.Jobs.Enqueue(ctx, tx, loadJob, map[string]string{"id": id}, jobs.Titled("导入"+i.Title), jobs.Tries(3)); err != nil {
			return err
		}
		if err := loading(ctx, tx, id, x.JobID); err != nil {
			return err
		}
		x.State = "loading"
		out = s.imported(x, 100)
		return audit.Record(ctx, tx, audit.Entry{Act: "import.confirm", Object: "import", ObjectID: id, RegionCode: who.RegionCode, Summary: fmt.Sprintf("确认导入%s %d 行", i.Title, x.Rows), After: map[string]any{"sm3": x.SM3, "rows": x.Rows}})
	})
	return out, err
}

// runLoad adds all rows and notes it in one transaction, so that another run
// finds it done.
func (s *Service) runLoad(ctx context.Context, run *jobs.Run) error {
	x, i, err := s.taskOf(ctx, run)
	if err != nil || x.State != "loading" {
		return err
	}
	err = s.load(ctx, run, x, i)
	var shown *errs.Error
	if err != nil && (errors.As(err, &shown) && shown.Code != errs.Internal || run.Attempt >= 3) {
		return errors.Join(jobs.Final(err), failImport(context.WithoutCancel(ctx), s.db, x.ID, text(err)))
	}
	return err
}

func (s *Service) load(ctx context.Context, run *jobs.Run, x importRow, i Importer) error {
	problems, n, err := s.check(ctx, x, i) // the world may have changed since
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return errs.Conflict(fmt.Sprintf("校验之后数据有变：第 %d 行，%s；没有导入任何一行", problems[0].Row, problems[0].Message))
	}
	ctx, err = s.as(ctx, x, i)
	if err != nil {
		return err
	}
	rows, err := s.table(x, i)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		took, err := loaded(ctx, tx, x.ID, int64(n))
		if err != nil || !took {
			return err
		}
		if err := i.Load(ctx, tx, rows); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "import.done", Object: "import", ObjectID: x.ID, Summary: fmt.Sprintf("导入%s %d 行", i.Title, n), After: map[string]any{"sm3": x.SM3, "rows": n}})
	})
	if err == nil {
		run.Progress(int64(n), int64(n), "")
		run.Log("导入 %d 行", n)
	}
	return err
}

func (s *Service) ownImport(ctx context.Context, r reader, id string) (importRow, Importer, access.Actor, error) {
	who, err := access.Need(ctx, access.ImportData)
	if err != nil {
		return importRow{}, Importer{}, who, err
	}
	x, found, err := importByID(ctx, r, id)
	if err == nil && (!found || x.ByID != who.ID) {
		err = errs.NotFound("导入")
	}
	if err != nil {
		return x, Importer{}, who, err
	}
	i, err := s.importer(x.Kind)
	if err == nil {
		err = who.Need(i.Perm)
	}
	return x, i, who, err
}

// Imports lists the actor's own imports, newest first.
func (s *Service) Imports(ctx context.Context, limit, offset int64) ([]Imported, int64, error) {
	who, err := access.Need(ctx, access.ImportData)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := listImports(ctx, s.db.Read(), who.ID, limit, offset)
	out := make([]Imported, 0, len(rows))
	for _, x := range rows {
		out = append(out, s.imported(x, 20))
	}
	return out, n, err
}

// Problems writes every problem of an import as xlsx.
func (s *Service) Problems(ctx context.Context, id string, out io.Writer) error {
	x, _, _, err := s.ownImport(ctx, s.db.Read(), id)
	if err != nil {
		return err
	}
	rows, err := sheet.XLSX(out, "问题", nil, []sheet.Column{{Title: "行号", Width: 8}, {Title: "列", Width: 16}, {Title: "问题", Width: 60}})
	if err != nil {
		return err
	}
	for _, p := range s.imported(x, 1<<30).Problems {
		if err := rows.Add(p.Row, p.Column, p.Message); err != nil {
			return err
		}
	}
	return rows.Close()
}

// Template writes an empty file with the columns of a kind.
func (s *Service) Template(ctx context.Context, kind string, out io.Writer) error {
	who, err := access.Need(ctx, access.ImportData)
	if err != nil {
		return err
	}
	i, err := s.importer(kind)
	if err == nil {
		err = who.Need(i.Perm)
	}
	if err != nil {
		return err
	}
	cols := make([]sheet.Column, len(i.Columns))
	for n, c := range i.Columns {
		cols[n] = sheet.Column{Title: c.Title, Width: 18}
		if c.Needed {
			cols[n].Title += "*"
		}
	}
	rows, err := sheet.XLSX(out, i.Title, nil, cols)
	if err != nil {
		return err
	}
	return rows.Close()
}
