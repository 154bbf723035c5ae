package notices

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// Rules gives every version of the rule, the newest first.
func (s *Service) Rules(ctx context.Context) ([]Rule, error) {
	if _, err := access.Need(ctx, access.NoticeView); err != nil {
		return nil, err
	}
	return rules(ctx, s.db.Read())
}

// SaveRule makes a new version of the rule, in force at once. Notices that
// exist keep theirs.
func (s *Service) SaveRule(ctx context.Context, in RuleInput) (Rule, error) {
	who, err := access.Need(ctx, access.NoticeTemplate)
	if err != nil {
		return Rule{}, err
	}
	if err := in.check(); err != nil {
		return Rule{}, err
	}
	var out Rule
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		list, err := rules(ctx, tx)
		if err != nil {
			return err
		}
		if len(list) == 0 || list[0].Version != in.Base {
			return errs.Conflict("规则刚有新版，请刷新后再修改")
		}
		out = Rule{
			ID: ids.New(), Version: in.Base + 1, PushMinutes: in.PushMinutes, SMSMinutes: in.SMSMinutes, LinkDays: in.LinkDays, ObjectionHours: in.ObjectionHours,
			ObjectionPauses: in.ObjectionPauses, AutoIssue: in.AutoIssue, PhotoLimit: in.PhotoLimit, Urgent: in.Urgent, Contact: in.Contact, Source: in.Source,
			Verified: in.Verified, From: clock.At(tx.Now()), MadeName: who.Name, Reason: in.Reason,
		}
		if err := insertRule(ctx, tx, out, who.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "notice.rule", Object: "noticeRule", ObjectID: out.ID, Summary: fmt.Sprintf("告知规则第 %d 版", out.Version), Before: list[0], After: out, Reason: in.Reason})
	})
	return out, err
}

// Templates gives every version of the texts.
func (s *Service) Templates(ctx context.Context) ([]Template, error) {
	if _, err := access.Need(ctx, access.NoticeView); err != nil {
		return nil, err
	}
	return templates(ctx, s.db.Read())
}

// WriteTemplate makes a new version that waits for the approval of another
// person; the version in force stays until then.
func (s *Service) WriteTemplate(ctx context.Context, in TemplateInput) (Template, error) {
	who, err := access.Need(ctx, access.NoticeTemplate)
	if err != nil {
		return Template{}, err
	}
	if err := in.check(); err != nil {
		return Template{}, err
	}
	var r templateRow
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n, err := lastVersion(ctx, tx, in.Code)
		if err != nil {
			return err
		}
		r = templateRow{
			ID: ids.New(), Code: in.Code, Version: n + 1, Name: in.Name, Kind: in.Kind, EventKind: in.EventKind, Title: in.Title, Body: in.Body, Message: in.Message,
			Checklist: in.Checklist, State: "pending", WrittenBy: who.ID, WrittenName: who.Name, WrittenAt: clock.At(tx.Now()), Rev: 1,
		}
		if err := insertTemplates(ctx, tx, r); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "notice.template.write", Object: "noticeTemplate", ObjectID: r.ID, Summary: "提交告知模板 " + r.Name, After: r.template()})
	})
	return r.template(), err
}

// DecideTemplate approves or rejects a version; nobody decides about their
// own.
func (s *Service) DecideTemplate(ctx context.Context, id string, approve bool, note string, rev int64) (Template, error) {
	who, err := access.Need(ctx, access.NoticeTemplate)
	if err != nil {
		return Template{}, err
	}
	if note = strings.TrimSpace(note); !approve && note == "" {
		return Template{}, errs.Invalidf("note", "驳回时请写明原因")
	}
	var out Template
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, ok, err := templateByID(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case !ok:
			return errs.NotFound("模板")
		case r.Rev != rev || r.State != "pending":
			return errs.Conflict("这个版本已有结论，请刷新")
		case r.WrittenBy == who.ID:
			return errs.Forbidden("不能审批自己提交的模板")
		}
		before := r.template()
		r.State, r.DecidedBy, r.DecidedName, r.DecidedAt, r.Note = "rejected", who.ID, who.Name, clock.Ptr(tx.Now()), note
		if approve {
			r.State = "approved"
			if err := retire(ctx, tx, r); err != nil {
				return err
			}
		}
		if err := saveTemplate(ctx, tx, r); err != nil {
			return err
		}
		r.Rev++
		out = r.template()
		return audit.Record(ctx, tx, audit.Entry{Act: "notice.template.decide", Object: "noticeTemplate", ObjectID: r.ID, Summary: "审批告知模板 " + r.Name, Before: before, After: out, Reason: note})
	})
	return out, err
}
