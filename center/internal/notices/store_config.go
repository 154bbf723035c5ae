package notices

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type ruleRow struct {
	bun.BaseModel `bun:"table:notice_rules,alias:r"`

	ID              string `bun:",pk"`
	Version         int
	PushMinutes     int64
	SMSMinutes      int64 `bun:"sms_minutes"`
	LinkDays        int64
	ObjectionHours  int64
	ObjectionPauses int
	AutoIssue       int
	PhotoLimit      int64
	Urgent          int
	Contact         string
	Source          string
	Verified        int
	EffectiveFromAt clock.Stamp
	MadeBy          string
	MadeName        string
	Reason          string
}

func (r ruleRow) rule() Rule {
	return Rule{
		r.ID, r.Version, r.PushMinutes, r.SMSMinutes, r.LinkDays, r.ObjectionHours, r.ObjectionPauses == 1, r.AutoIssue == 1, r.PhotoLimit, r.Urgent == 1,
		r.Contact, r.Source, r.Verified == 1, r.EffectiveFromAt, r.MadeName, r.Reason,
	}
}

func rules(ctx context.Context, idb bun.IDB) ([]Rule, error) {
	rows := []ruleRow{}
	if err := idb.NewSelect().Model(&rows).Order("r.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read rules of notices: %w", err)
	}
	out := make([]Rule, len(rows))
	for i, r := range rows {
		out[i] = r.rule()
	}
	return out, nil
}

// ruleNow gives the version in force.
func ruleNow(ctx context.Context, idb bun.IDB, now clock.Stamp) (Rule, error) {
	var r ruleRow
	if err := idb.NewSelect().Model(&r).Where("r.effective_from_at <= ?", now).Order("r.version DESC").Limit(1).Scan(ctx); err != nil {
		return Rule{}, fmt.Errorf("find the rule of notices: %w", err)
	}
	return r.rule(), nil
}

func ruleByID(ctx context.Context, idb bun.IDB, id string) (Rule, error) {
	var r ruleRow
	if err := idb.NewSelect().Model(&r).Where("r.id = ?", id).Scan(ctx); err != nil {
		return Rule{}, fmt.Errorf("load rule of notices: %w", err)
	}
	return r.rule(), nil
}

func insertRule(ctx context.Context, tx db.Tx, r Rule, by string) error {
	row := ruleRow{
		ID: r.ID, Version: r.Version, PushMinutes: r.PushMinutes, SMSMinutes: r.SMSMinutes, LinkDays: r.LinkDays, ObjectionHours: r.ObjectionHours,
		ObjectionPauses: flag(r.ObjectionPauses), AutoIssue: flag(r.AutoIssue), PhotoLimit: r.PhotoLimit, Urgent: flag(r.Urgent), Contact: r.Contact,
		Source: r.Source, Verified: flag(r.Verified), EffectiveFromAt: r.From, MadeBy: by, MadeName: r.MadeName, Reason: r.Reason,
	}
	if _, err := tx.NewInsert().Model(&row).Exec(ctx); err != nil {
		return fmt.Errorf("insert rule of notices: %w", err)
	}
	return nil
}

type templateRow struct {
	bun.BaseModel `bun:"table:notice_templates,alias:t"`

	ID          string `bun:",pk"`
	Code        string
	Version     int
	Name        string
	Kind        string
	EventKind   string
	Title       string
	Body        string
	Message     string
	Checklist   string
	State       string
	WrittenBy   string
	WrittenName string
	WrittenAt   clock.Stamp
	DecidedBy   string
	DecidedName string
	DecidedAt   *clock.Stamp
	Note        string
	Rev         int64
}

func (r templateRow) template() Template {
	return Template{
		r.ID, r.Code, r.Version, r.Name, r.Kind, r.EventKind, r.Title, r.Body, r.Message, r.Checklist, r.State, r.WrittenBy, r.WrittenName, r.WrittenAt,
		r.DecidedName, r.DecidedAt, r.Note, r.Rev,
	}
}

func templates(ctx context.Context, idb bun.IDB) ([]Template, error) {
	rows := []templateRow{}
	if err := idb.NewSelect().Model(&rows).Order("t.kind DESC", "t.code", "t.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read templates of notices: %w", err)
	}
	out := make([]Template, len(rows))
	for i, r := range rows {
		out[i] = r.template()
	}
	return out, nil
}

// templateFor finds the text in force for a kind of notice: one of the event
// kind's own goes before the common one.
func templateFor(ctx context.Context, idb bun.IDB, kind, event string) (Template, error) {
	var r templateRow
	err := idb.NewSelect().Model(&r).Where("t.kind = ? AND t.state = 'approved' AND t.event_kind IN (?)", kind, bun.List([]string{"", event})).
		OrderExpr("CASE WHEN t.event_kind = '' THEN 1 ELSE 0 END, t.version DESC, t.code").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return Template{}, errs.Conflict("没有审批通过的" + KindName(kind) + "模板，请先在告知模板里审批")
	}
	if err != nil {
		return Template{}, fmt.Errorf("find template of notice: %w", err)
	}
	return r.template(), nil
}

func templateByID(ctx context.Context, idb bun.IDB, id string) (templateRow, bool, error) {
	var r templateRow
	err := idb.NewSelect().Model(&r).Where("t.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read template of notice: %w", err)
	}
	return r, true, nil
}

func lastVersion(ctx context.Context, tx db.Tx, code string) (int, error) {
	n := 0
	if err := tx.NewSelect().Model((*templateRow)(nil)).ColumnExpr("COALESCE(MAX(t.version), 0)").Where("t.code = ?", code).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("read last version of template: %w", err)
	}
	return n, nil
}

func insertTemplates(ctx context.Context, tx db.Tx, rows ...templateRow) error {
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("insert templates of notices: %w", err)
	}
	return nil
}

func saveTemplate(ctx context.Context, tx db.Tx, r templateRow) error {
	old := r.Rev
	r.Rev++
	res, err := tx.NewUpdate().Model(&r).WherePK().Where("rev = ?", old).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save template of notice: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		if err != nil {
			return err
		}
		return errs.Conflict("模板刚被他人处理，请刷新后再操作")
	}
	return nil
}

// retire ends the versions that another one replaces.
func retire(ctx context.Context, tx db.Tx, r templateRow) error {
	_, err := tx.NewUpdate().Model((*templateRow)(nil)).Set("state = 'retired'").Set("rev = rev + 1").
		Where("code = ? AND state = 'approved' AND id <> ?", r.Code, r.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("retire templates of notices: %w", err)
	}
	return nil
}
