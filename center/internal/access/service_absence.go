package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// TopicSubstitute tells that a substitution was agreed or ended. Payload:
// SubstituteChanged.
const TopicSubstitute = "access.substitute"

// SubstituteChanged is the payload of TopicSubstitute.
type SubstituteChanged struct {
	ID           string      `json:"id"`
	AbsentID     string      `json:"absentId"`
	SubstituteID string      `json:"substituteId"`
	From         clock.Stamp `json:"from"`
	To           clock.Stamp `json:"to"`
	State        string      `json:"state"`
}

// States of a substitution.
const (
	SubstituteAsked    = "asked"
	SubstituteActive   = "active"
	SubstituteDeclined = "declined"
	SubstituteEnded    = "ended"
)

// maxAbsence bounds one substitution.
const maxAbsence = 366 * 24 * time.Hour

// Substitute is one absence and who stands in.
type Substitute struct {
	ID             string `json:"id"`
	AbsentID       string `json:"absentId"`
	AbsentName     string `json:"absentName"`
	SubstituteID   string `json:"substituteId"`
	SubstituteName string `json:"substituteName"`
	// Perms are what the substitute gets; empty is all that may be lent.
	Perms  []string    `json:"perms"`
	From   clock.Stamp `json:"from"`
	To     clock.Stamp `json:"to"`
	Reason string      `json:"reason"`
	State  string      `json:"state" enum:"asked,active,declined,ended"`
	// AbsentAgreedAt and SubstituteAgreedAt are the consent of both.
	AbsentAgreedAt     *clock.Stamp `json:"absentAgreedAt,omitempty"`
	SubstituteAgreedAt *clock.Stamp `json:"substituteAgreedAt,omitempty"`
	EndedAt            *clock.Stamp `json:"endedAt,omitempty"`
	Rev                int          `json:"rev"`
	// Mine tells what the reader may do: agree, end.
	Mine []string `json:"acts"`
}

func (r substituteRow) substitute(names map[string]string) Substitute {
	perms := split(r.Perms)
	if perms == nil {
		perms = []string{}
	}
	return Substitute{
		ID: r.ID, AbsentID: r.AbsentID, AbsentName: names[r.AbsentID], SubstituteID: r.SubstituteID, SubstituteName: names[r.SubstituteID], Perms: perms,
		From: r.FromAt, To: r.ToAt, Reason: r.Reason, State: r.State, AbsentAgreedAt: r.AbsentAgreedAt, SubstituteAgreedAt: r.SubstituteAgreedAt, EndedAt: r.EndedAt, Rev: r.Rev, Mine: []string{},
	}
}

// SubstituteOf gives who stands in for a person at a moment; false for
// nobody. Of several the one with all permissions comes first.
func (s *Service) SubstituteOf(ctx context.Context, personID string, at time.Time) (Person, bool, error) {
	rows, err := standInsOf(ctx, s.db.Read(), personID, clock.At(at))
	if err != nil {
		return Person{}, false, err
	}
	for i := range rows {
		r := &rows[i]
		if !s.genuine("access_substitutes", r.ID, r.MAC, r.parts(), "代理记录") {
			continue
		}
		p, err := s.Person(ctx, r.SubstituteID)
		if err != nil {
			return Person{}, false, err
		}
		if p.Active {
			return p, true, nil
		}
	}
	return Person{}, false, nil
}

// ActingFor lists the absent persons whose whole work a person does at a
// moment.
func (s *Service) ActingFor(ctx context.Context, personID string, at time.Time) ([]Person, error) {
	var rows []substituteRow
	if f := factsIn(ctx, personID, clock.At(at)); f != nil {
		rows = f.subs
	} else {
		list, err := substitutesOf(ctx, s.db.Read(), personID, clock.At(at))
		if err != nil {
			return []Person{}, err
		}
		rows = slices.DeleteFunc(list, func(r substituteRow) bool {
			return !s.genuine("access_substitutes", r.ID, r.MAC, r.parts(), "代理记录")
		})
	}
	out := []Person{}
	for i := range rows {
		r := &rows[i]
		if r.Perms != "" {
			continue
		}
		p, err := s.Person(ctx, r.AbsentID)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// AbsenceInput asks for a substitution. AbsentID "" is the actor.
type AbsenceInput struct {
	AbsentID, SubstituteID string
	Perms                  []string
	From, To               clock.Stamp
	Reason                 string
}

// Absent asks for a substitute: a person for themself, or somebody with
// org.manage for people in scope. It works once both have agreed.
func (s *Service) Absent(ctx context.Context, in AbsenceInput) (Substitute, error) {
	who, err := From(ctx)
	if err != nil {
		return Substitute{}, err
	}
	if in.AbsentID == "" {
		in.AbsentID = who.ID
	}
	if in.AbsentID != who.ID {
		if who, err = Need(ctx, OrgManage); err != nil {
			return Substitute{}, err
		}
		if _, err := s.account(ctx, who, in.AbsentID); err != nil {
			return Substitute{}, err
		}
	}
	row, names, err := s.checkAbsence(ctx, in)
	if err != nil {
		return Substitute{}, err
	}
	row.AskedBy = who.ID
	if in.AbsentID == who.ID {
		row.AbsentAgreedAt = clock.Ptr(s.db.Now())
	}
	row.MAC = s.mac(row.parts())
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := insert(ctx, tx, "substitution", &row); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, audit.Entry{Act: "absence.ask", Object: "person", ObjectID: row.AbsentID, RegionCode: who.RegionCode,
			Summary: names[row.AbsentID] + " 请 " + names[row.SubstituteID] + " 代理，等待同意", After: row.substitute(names), Reason: in.Reason}); err != nil {
			return err
		}
		return events.Publish(ctx, tx, TopicSubstitute, row.changed())
	})
	return row.substitute(names), err
}

func (r *substituteRow) changed() SubstituteChanged {
	return SubstituteChanged{ID: r.ID, AbsentID: r.AbsentID, SubstituteID: r.SubstituteID, From: r.FromAt, To: r.ToAt, State: r.State}
}

func (s *Service) checkAbsence(ctx context.Context, in AbsenceInput) (substituteRow, map[string]string, error) {
	now := s.db.Now()
	var f errs.Fields
	f.Check(in.SubstituteID != "" && in.SubstituteID != in.AbsentID, "substituteId", "请选择另一个人代理")
	f.Check(in.To > in.From && in.To > clock.At(now), "to", "结束时间应晚于开始时间和现在")
	f.Check(in.To.Time().Sub(in.From.Time()) <= maxAbsence, "to", "一次代理最长一年")
	f.Check(len([]rune(strings.TrimSpace(in.Reason))) >= 2, "reason", "请写明原因")
	for _, p := range in.Perms {
		f.Check(knownPerm(p) && p != GrantManage && p != RoleManage, "perms", "不能代理权限 %s", p)
	}
	if err := f.Err(); err != nil {
		return substituteRow{}, nil, err
	}
	absent, err := s.Person(ctx, in.AbsentID)
	if err != nil {
		return substituteRow{}, nil, err
	}
	sub, err := s.Person(ctx, in.SubstituteID)
	if err != nil {
		return substituteRow{}, nil, err
	}
	f.Check(absent.Active, "absentId", "%s 的账号未启用", absent.Name)
	f.Check(sub.Active, "substituteId", "%s 的账号未启用", sub.Name)
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return substituteRow{}, nil, err
	}
	both := map[string]bool{}
	for p := range sub.perms {
		both[p] = true
	}
	for p := range lent(absent.perms, in.Perms) {
		both[p] = true
	}
	if c := b.conflict(both); c != "" {
		f.Add("substituteId", "%s", c)
	}
	busy, err := s.overlaps(ctx, in)
	if err != nil {
		return substituteRow{}, nil, err
	}
	f.Check(!busy, "from", "这段时间已有代理安排")
	if err := f.Err(); err != nil {
		return substituteRow{}, nil, err
	}
	perms := slices.Compact(slices.Sorted(slices.Values(in.Perms)))
	return substituteRow{
		ID: ids.New(), AbsentID: in.AbsentID, SubstituteID: in.SubstituteID, Perms: strings.Join(perms, ","), FromAt: in.From, ToAt: in.To,
		Reason: strings.TrimSpace(in.Reason), State: SubstituteAsked, CreatedAt: clock.At(now), Rev: 1,
	}, map[string]string{absent.ID: absent.Name, sub.ID: sub.Name}, nil
}

// overlaps tells whether the two already have an arrangement in that time, or
// stand in for each other.
func (s *Service) overlaps(ctx context.Context, in AbsenceInput) (bool, error) {
	rows, err := arrangementsOf(ctx, s.db.Read(), in.AbsentID, in.From, in.To)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if r.AbsentID == in.AbsentID && (r.SubstituteID == in.SubstituteID || r.Perms == "" || len(in.Perms) == 0) ||
			r.SubstituteID == in.AbsentID && r.AbsentID == in.SubstituteID {
			return true, nil
		}
	}
	return false, nil
}

// Answer is the consent to a substitution or its refusal.
func (s *Service) Answer(ctx context.Context, id string, agree bool, reason string, rev int) error {
	return s.changeAbsence(ctx, id, rev, reason, func(who Actor, r *substituteRow, now clock.Stamp) (string, error) {
		if r.State != SubstituteAsked {
			return "", errs.Conflict("这项代理已经" + substituteLabel(r.State))
		}
		switch {
		case who.ID == r.SubstituteID && r.SubstituteAgreedAt == nil:
			if agree {
				r.SubstituteAgreedAt = &now
			}
		case who.ID == r.AbsentID && r.AbsentAgreedAt == nil:
			if agree {
				r.AbsentAgreedAt = &now
			}
		default:
			return "", errs.Forbidden("需由代理双方本人确认")
		}
		if !agree {
			r.State, r.EndedAt, r.EndedBy = SubstituteDeclined, &now, who.ID
			return "谢绝代理", nil
		}
		if r.AbsentAgreedAt != nil && r.SubstituteAgreedAt != nil {
			r.State = SubstituteActive
		}
		return "同意代理", nil
	})
}

// EndAbsence ends a substitution before its time: either of the two, or
// somebody with org.manage.
func (s *Service) EndAbsence(ctx context.Context, id, reason string, rev int) error {
	return s.changeAbsence(ctx, id, rev, reason, func(who Actor, r *substituteRow, now clock.Stamp) (string, error) {
		if r.State != SubstituteActive && r.State != SubstituteAsked {
			return "", errs.Conflict("这项代理已经" + substituteLabel(r.State))
		}
		r.State, r.EndedAt, r.EndedBy = SubstituteEnded, &now, who.ID
		return "结束代理", nil
	})
}

func substituteLabel(state string) string {
	switch state {
	case SubstituteActive:
		return "生效"
	case SubstituteDeclined:
		return "被谢绝"
	case SubstituteEnded:
		return "结束"
	}
	return "提出"
}

func (s *Service) changeAbsence(ctx context.Context, id string, rev int, reason string, act func(who Actor, r *substituteRow, now clock.Stamp) (string, error)) error {
	who, err := From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := substituteByID(ctx, tx, id)
		if db.NoRows(err) || err == nil && !s.seesAbsence(ctx, who, r) {
			return errs.NotFound("代理记录")
		}
		if err != nil {
			return fmt.Errorf("read substitution: %w", err)
		}
		if r.Rev != rev {
			return errs.Conflict("代理刚被别人修改过，请刷新后重试")
		}
		names, err := namesOf(ctx, tx, []string{r.AbsentID, r.SubstituteID})
		if err != nil {
			return err
		}
		before := r.substitute(names)
		what, err := act(who, &r, clock.At(tx.Now()))
		if err != nil {
			return err
		}
		r.Rev++
		r.MAC = s.mac(r.parts())
		if err := saveSubstitute(ctx, tx, &r, rev); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, audit.Entry{Act: "absence." + r.State, Object: "person", ObjectID: r.AbsentID, RegionCode: who.RegionCode,
			Summary: what + "：" + names[r.AbsentID] + " 由 " + names[r.SubstituteID] + " 代理", Before: before, After: r.substitute(names), Reason: reason}); err != nil {
			return err
		}
		return events.Publish(ctx, tx, TopicSubstitute, r.changed())
	})
}

// seesAbsence: the two concerned, and org.manage over the absent person.
func (s *Service) seesAbsence(ctx context.Context, who Actor, r substituteRow) bool {
	if who.ID == r.AbsentID || who.ID == r.SubstituteID {
		return true
	}
	if !who.Has(OrgManage) {
		return false
	}
	_, err := s.account(ctx, who.For(OrgManage), r.AbsentID)
	return err == nil
}

// Absences lists substitutions: the actor's own, or with all those of the
// people whom the actor manages.
func (s *Service) Absences(ctx context.Context, all bool, state string, limit, offset int64) ([]Substitute, int64, error) {
	who, err := From(ctx)
	if err != nil {
		return nil, 0, err
	}
	var scope *Scope
	if all {
		if who, err = Need(ctx, OrgManage); err != nil {
			return nil, 0, err
		}
		scope = &who.Scope
	}
	rows, n, err := listSubstitutes(ctx, s.db.Read(), who.ID, scope, state, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	list := []string{}
	for _, r := range rows {
		list = append(list, r.AbsentID, r.SubstituteID)
	}
	names, err := namesOf(ctx, s.db.Read(), list)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Substitute, 0, len(rows))
	for _, r := range rows {
		x := r.substitute(names)
		if r.State == SubstituteAsked && (who.ID == r.SubstituteID && r.SubstituteAgreedAt == nil || who.ID == r.AbsentID && r.AbsentAgreedAt == nil) {
			x.Mine = append(x.Mine, "answer")
		}
		if r.State == SubstituteAsked || r.State == SubstituteActive {
			x.Mine = append(x.Mine, "end")
		}
		out = append(out, x)
	}
	return out, n, nil
}
