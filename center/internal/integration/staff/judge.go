package staff

import (
	"context"
	"encoding/json"
	"errors"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// plan is what is to be done with one outside record.
type plan struct {
	t      StaffTheirs
	act    string
	why    string
	kind   string // of a conflict
	local  StaffOurs
	known  bool // local is linked to the record
	org    string
	rename bool
	move   bool
}

// applied is what the last run left the person at.
type applied struct {
	Name, Account, OrgID string
	Active               bool
}

// judge decides what to do with a record, without doing it.
func (s *Service) judge(ctx context.Context, src sourceRow, t StaffTheirs) (plan, error) {
	p := plan{t: t, act: "same"}
	if f := t.fault(); f != "" {
		p.act, p.why = "failed", f
		return p, nil
	}
	l, known, err := link(ctx, s.db.Read(), src.ID, t.Kind, t.ID)
	if err != nil {
		return p, err
	}
	if known && t.Version <= l.Version {
		return p, nil // late, or seen before
	}
	if t.Kind == "org" {
		return s.judgeOrg(ctx, p, l, known)
	}
	if known {
		return s.judgeKnown(ctx, src, p, l)
	}
	return s.judgeNew(ctx, src, p)
}

// judgeOrg finds the center's organisation by its code: the tree itself is
// looked after here, and people of unknown organisations become conflicts.
func (s *Service) judgeOrg(ctx context.Context, p plan, l linkRow, known bool) (plan, error) {
	id := p.t.Code
	if known && l.LocalID != "" {
		id = l.LocalID
	}
	name, ok, err := s.o.People.OrgExists(ctx, id)
	if err != nil || id == "" || !ok {
		if err == nil && p.t.Active && !known {
			p.act, p.kind, p.why = "conflict", "org", "机构“"+p.t.Name+"”（"+p.t.Code+"）在本系统没有对应"
		}
		return p, err
	}
	p.local = StaffOurs{ID: id, Name: name}
	if !known {
		p.act, p.why = "add", "对应到本系统的 "+name
	}
	return p, nil
}

func (s *Service) orgOf(ctx context.Context, src sourceRow, external string) (string, bool, error) {
	if id, ok := src.matched[external]; ok {
		return id, true, nil
	}
	l, ok, err := link(ctx, s.db.Read(), src.ID, "org", external)
	if err != nil || !ok || l.LocalID == "" {
		return "", false, err
	}
	_, ok, err = s.o.People.OrgExists(ctx, l.LocalID)
	return l.LocalID, ok, err
}

func conflict(p plan, kind, why string) plan {
	p.act, p.kind, p.why = "conflict", kind, why
	return p
}

// judgeNew is for a record that was never applied.
func (s *Service) judgeNew(ctx context.Context, src sourceRow, p plan) (plan, error) {
	if !p.t.Active {
		return p, nil // gone before it came
	}
	org, ok, err := s.orgOf(ctx, src, p.t.OrgID)
	if err != nil {
		return p, err
	}
	if !ok {
		return conflict(p, "org", "所属机构 "+p.t.OrgID+" 在本系统没有对应"), nil
	}
	p.org = org
	x, taken, err := s.o.People.ByAccount(ctx, p.t.Account)
	if err != nil {
		return p, err
	}
	if taken {
		p.local = x
		return conflict(p, "account", "账号 "+p.t.Account+" 已是 "+x.Name+" 的"), nil
	}
	if p.t.CertNo != "" {
		if x, taken, err = s.o.People.ByCert(ctx, p.t.CertNo); err != nil {
			return p, err
		}
		if taken {
			p.local = x
			return conflict(p, "cert", "执法证号 "+p.t.CertNo+" 已在 "+x.Name+"（"+x.Account+"）名下"), nil
		}
	}
	p.act, p.why = "add", "账号 "+p.t.Account
	return p, nil
}

// judgeKnown compares three sides: what is told, what was applied last, and
// what the center has now.
func (s *Service) judgeKnown(ctx context.Context, src sourceRow, p plan, l linkRow) (plan, error) {
	if l.LocalID == "" {
		return p, nil // decided before: not to be taken over
	}
	x, ok, err := s.o.People.Find(ctx, l.LocalID)
	if err != nil || !ok {
		p.act, p.why = "failed", "本系统已没有这个人"
		return p, err
	}
	p.local, p.known = x, true
	var was applied
	if err := json.Unmarshal([]byte(l.Applied), &was); err != nil {
		was = applied{x.Name, x.Account, x.OrgID, x.Active}
	}
	if !p.t.Active {
		if x.Active {
			p.act, p.why = "disable", "对方已停用"
		}
		return p, nil
	}
	if p.org, ok, err = s.orgOf(ctx, src, p.t.OrgID); err != nil {
		return p, err
	}
	if !ok {
		return conflict(p, "org", "所属机构 "+p.t.OrgID+" 在本系统没有对应"), nil
	}
	told := applied{p.t.Name, p.t.Account, p.org, true}
	now := applied{x.Name, x.Account, x.OrgID, x.Active}
	switch {
	case told == now:
		return p, nil
	case now != was && told != was:
		return conflict(p, "local", "上次同步后本系统改过，对方也改了"), nil
	case now != was:
		return p, nil // changed here on purpose; the other side says nothing new
	}
	p.rename, p.move = told.Name != now.Name, told.OrgID != now.OrgID
	switch {
	case p.move:
		p.act, p.why = "move", "换岗"
	case p.rename:
		p.act, p.why = "rename", now.Name+" → "+told.Name
	case !now.Active:
		p.act, p.why = "enable", "对方已恢复"
	default:
		p.act, p.why = "failed", "账号不能由同步修改"
	}
	return p, nil
}

// apply does what was judged and notes what was applied. A record that the
// center refuses fails by itself.
func (s *Service) apply(ctx context.Context, src sourceRow, p plan) (plan, error) {
	switch p.act {
	case "failed":
		return p, nil
	case "conflict":
		return p, s.noteConflict(ctx, src, p)
	case "same":
		if p.t.Kind == "person" && !p.known {
			return p, nil
		}
		return p, s.noteLink(ctx, src, p)
	}
	if p.t.Kind == "person" {
		if err := s.change(ctx, &p); err != nil {
			var e *errs.Error
			if errors.As(err, &e) && e.Code != errs.Internal {
				p.act, p.why = "failed", e.Message
				return p, nil
			}
			return p, err
		}
	}
	return p, s.noteLink(ctx, src, p)
}

func (s *Service) change(ctx context.Context, p *plan) error {
	switch p.act {
	case "add":
		id, err := s.o.People.Create(ctx, StaffOurs{Account: p.t.Account, Name: p.t.Name, CertNo: p.t.CertNo, OrgID: p.org})
		p.local = StaffOurs{ID: id}
		return err
	case "disable":
		return s.o.People.SetActive(ctx, p.local.ID, false, "人员系统已停用")
	}
	if p.rename {
		if err := s.o.People.Rename(ctx, p.local.ID, p.t.Name); err != nil {
			return err
		}
	}
	if p.move {
		if err := s.o.People.Move(ctx, p.local.ID, p.org, "人员系统换岗"); err != nil {
			return err
		}
	}
	if !p.local.Active {
		return s.o.People.SetActive(ctx, p.local.ID, true, "人员系统已恢复")
	}
	return nil
}

// noteLink remembers what the record was applied to.
func (s *Service) noteLink(ctx context.Context, src sourceRow, p plan) error {
	now := applied{}
	if p.t.Kind == "person" && p.local.ID != "" {
		x, _, err := s.o.People.Find(ctx, p.local.ID)
		if err != nil {
			return err
		}
		now = applied{x.Name, x.Account, x.OrgID, x.Active}
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return putLink(ctx, tx, &linkRow{SourceID: src.ID, Kind: p.t.Kind, ExternalID: p.t.ID, LocalID: p.local.ID, Applied: toJSON(now), Version: p.t.Version})
	})
}

func (s *Service) noteConflict(ctx context.Context, src sourceRow, p plan) error {
	ours := ""
	if p.local.ID != "" {
		ours = toJSON(p.local)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, have, err := openConflict(ctx, tx, src.ID, p.t.ID)
		if err != nil {
			return err
		}
		if have {
			old.Theirs, old.Ours, old.Kind, old.LocalID = toJSON(p.t), ours, p.kind, p.local.ID
			return updateConflict(ctx, tx, &old)
		}
		r := conflictRow{ID: ids.New(), SourceID: src.ID, Kind: p.kind, ExternalID: p.t.ID, LocalID: p.local.ID, Theirs: toJSON(p.t), Ours: ours, State: "open", CreatedAt: clock.At(tx.Now())}
		return save(ctx, tx, &r, "conflict")
	})
}

// settle does what a person decided about a conflict.
func (s *Service) settle(ctx context.Context, src sourceRow, c conflictRow, decision, orgID string) error {
	t := c.conflict().Theirs
	p := plan{t: t, local: StaffOurs{ID: c.LocalID}}
	switch decision {
	case "ours":
		return s.noteLink(ctx, src, p) // seen; the next change of theirs is judged anew
	case "bind":
		if c.Kind != "account" && c.Kind != "cert" {
			return errs.Invalidf("decision", "只有账号或证号相同时可以认定为同一个人")
		}
		return s.noteLink(ctx, src, p)
	case "org":
		if _, ok, err := s.o.People.OrgExists(ctx, orgID); err != nil || !ok {
			return errs.Invalidf("orgId", "请选择本系统的机构")
		}
		external, name := t.OrgID, t.OrgID
		if t.Kind == "org" {
			external, name = t.ID, t.Name
		}
		err := s.noteLink(ctx, src, plan{t: StaffTheirs{Kind: "org", ID: external, Name: name, Version: 1}, local: StaffOurs{ID: orgID}})
		if err != nil || t.Kind == "org" {
			return err
		}
	case "theirs":
		if c.Kind != "local" {
			return errs.Invalidf("decision", "请认定为同一个人、指定机构，或保留本系统")
		}
		x, ok, err := s.o.People.Find(ctx, c.LocalID)
		if err != nil || !ok {
			return errs.NotFound("人员")
		}
		org, ok, err := s.orgOf(ctx, src, t.OrgID)
		if err != nil || !ok {
			return errs.Invalidf("orgId", "对方的机构在本系统没有对应")
		}
		p = plan{t: t, act: "move", local: x, known: true, org: org, rename: x.Name != t.Name, move: x.OrgID != org}
		if err := s.change(ctx, &p); err != nil {
			return err
		}
		return s.noteLink(ctx, src, p)
	default:
		return errs.Invalidf("decision", "处理方式应为采用对方、保留本系统、认定同一人或指定机构")
	}
	// An organisation was named: the person behind it goes on at once.
	p, err := s.judge(ctx, src, t)
	if err != nil {
		return err
	}
	p, err = s.apply(ctx, src, p)
	if err == nil && p.act == "failed" {
		return errs.New(errs.ConflictCode, "%s", p.why)
	}
	return err
}
