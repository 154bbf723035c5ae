package deadline

import (
	"context"
	"fmt"
	"io"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

// Monitor is a page of clocks with the counts of the tabs, and what the
// filters may choose from.
type Monitor struct {
	httpx.List[View]
	Counts  map[State]int64 `json:"counts"`
	Records []Choice        `json:"records"`
	Rules   []Choice        `json:"rules"`
}

// Choice is one entry of a filter.
type Choice struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Monitor lists the clocks of records that the actor may see.
func (s *Service) Monitor(ctx context.Context, f Filter, p httpx.Paging) (Monitor, error) {
	out := Monitor{Counts: map[State]int64{}, Records: []Choice{}, Rules: []Choice{}}
	who, err := access.From(ctx)
	if err != nil {
		return out, err
	}
	list, n, err := s.page(ctx, who, f, p)
	if err != nil {
		return out, err
	}
	out.List = httpx.NewList(list, n, p, s.db.Now())
	for _, st := range []State{Normal, Near, Over, Paused, Off} {
		g := f
		g.State = st
		if out.Counts[st], err = s.countClocks(ctx, who, g); err != nil {
			return out, err
		}
	}
	for _, r := range s.records {
		if who.Has(r.Perm) {
			out.Records = append(out.Records, Choice{r.Kind, r.Label})
		}
	}
	rules, err := listRules(ctx, s.db.Read())
	if err != nil {
		return out, err
	}
	for i, r := range rules {
		if i == 0 || rules[i-1].Code != r.Code {
			out.Rules = append(out.Rules, Choice{r.Code, r.Name})
		}
	}
	return out, nil
}

func (s *Service) page(ctx context.Context, who access.Actor, f Filter, p httpx.Paging) ([]View, int64, error) {
	order, err := p.Order(map[string]string{"dueAt": "c.due_at", "startedAt": "c.started_at", "title": "c.title"}, "c.due_at ASC, c.id")
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := s.listClocks(ctx, who, f, order, p.Limit(), p.Offset())
	if err != nil {
		return nil, 0, err
	}
	out := make([]View, 0, len(rows))
	for _, c := range rows {
		v, err := s.view(ctx, c, false)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, v)
	}
	return out, n, nil
}

// ExportClocks writes the filtered clocks as xlsx: the rows are those that
// the monitor counts.
func (s *Service) ExportClocks(ctx context.Context, f Filter, p httpx.Paging, out io.Writer) error {
	who, err := access.Need(ctx, access.ExportData)
	if err != nil {
		return err
	}
	p.Page, p.Size = 1, 200
	rows, n, err := s.page(ctx, who, f, p)
	if err != nil {
		return err
	}
	if n > sheet.MaxRows {
		return errs.New(errs.TooLarge, "共 %d 条，超过一次导出 %d 条的上限，请加筛选条件", n, sheet.MaxRows)
	}
	w, err := sheet.New("期限监控", []sheet.Column{
		{Title: "记录", Width: 30}, {Title: "类别", Width: 12}, {Title: "期限", Width: 18}, {Title: "规则", Width: 18}, {Title: "起算", Width: 19},
		{Title: "到期", Width: 19}, {Title: "剩余", Width: 18}, {Title: "说明", Width: 30},
	})
	if err != nil {
		return err
	}
	for {
		for _, v := range rows {
			due := ""
			if v.DueAt != nil {
				due = shown(*v.DueAt)
			}
			if err := w.Add(v.Title, v.Label, v.Name, v.RuleName, shown(v.StartedAt), due, v.Remaining.Text, v.Note); err != nil {
				return err
			}
		}
		if int64(p.Page)*int64(p.Size) >= n {
			break
		}
		p.Page++
		if rows, _, err = s.page(ctx, who, f, p); err != nil {
			return err
		}
	}
	_, err = w.WriteTo(out)
	return err
}

func shown(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format(time.DateTime) }

// ActInput is what a person does to a clock.
type ActInput struct {
	Act string `json:"act" enum:"pause,resume,move,ask,approve,refuse"`
	// Event is the reason of a pause out of the rule's list.
	Event     string `json:"event,omitempty" maxLength:"40"`
	Rule      string `json:"rule,omitempty" maxLength:"40"`
	Amount    int    `json:"amount,omitempty" minimum:"0" maximum:"1000"`
	Extension string `json:"extension,omitempty" maxLength:"64"`
	Reason    string `json:"reason" minLength:"1" maxLength:"200"`
}

// Act lets a person change a clock of a record that the person may see, and
// gives the record's clocks.
func (s *Service) Act(ctx context.Context, id string, in ActInput) ([]View, error) {
	if _, err := access.From(ctx); err != nil {
		return nil, err
	}
	var c Clock
	if err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) (err error) { c, err = load(ctx, tx, id); return err }); err != nil {
		return nil, err
	}
	if err := s.mayView(ctx, c.Record, c.RecordID); err != nil {
		return nil, err
	}
	r, err := s.kind(ctx, c.Record)
	if err != nil {
		return nil, err
	}
	if who, err := access.Need(ctx, r.Act); err != nil || !who.Scope.Covers(c.RegionCode) {
		if err == nil {
			err = errs.Forbidden("这条记录不在您的办理范围内")
		}
		return nil, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		switch in.Act {
		case "pause":
			_, err = s.Pause(ctx, tx, id, in.Event, in.Reason)
		case "resume":
			_, err = s.Resume(ctx, tx, id, in.Reason)
		case "move":
			_, err = s.Move(ctx, tx, id, in.Rule, in.Reason)
		case "ask":
			_, err = s.AskExtension(ctx, tx, id, in.Amount, in.Reason)
		case "approve", "refuse":
			_, err = s.DecideExtension(ctx, tx, id, in.Extension, in.Act == "approve", in.Reason)
		default:
			err = fmt.Errorf("no act %q", in.Act)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Of(ctx, c.Record, c.RecordID)
}
