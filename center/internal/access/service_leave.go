package access

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// Outbox topics. Payload: Moved.
const (
	TopicLeft        = "access.person.left"
	TopicTransferred = "access.person.transferred"
)

// Moved is the payload of TopicLeft and TopicTransferred. To takes the open
// work; empty means that it goes back to the group.
type Moved struct {
	PersonID string `json:"personId"`
	By       string `json:"by"`
	To       string `json:"to,omitempty"`
	FromOrg  string `json:"fromOrg"`
	ToOrg    string `json:"toOrg,omitempty"`
}

// MoveInput is a leaving or a transfer. HandTo takes the open work.
type MoveInput struct {
	PersonID, ToOrg, HandTo, Reason string
	Rev                             int
}

// Leave notes that a person has left: the account ends, all grants and
// substitutions end, and the open work goes to HandTo or back to the group.
func (s *Service) Leave(ctx context.Context, in MoveInput) error {
	return s.move(ctx, in, TopicLeft)
}

// Transfer moves a person to another organisation. The grants end: what the
// new post needs is granted anew; the open work goes to HandTo or back to
// the group.
func (s *Service) Transfer(ctx context.Context, in MoveInput) error {
	return s.move(ctx, in, TopicTransferred)
}

func (s *Service) move(ctx context.Context, in MoveInput, topic string) error {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return err
	}
	in.Reason = strings.TrimSpace(in.Reason)
	p, err := s.inScope(ctx, who, in.PersonID)
	if err != nil {
		return err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return err
	}
	if err := s.checkMove(ctx, who, b, p, in, topic); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		p, err := personByID(ctx, tx, in.PersonID)
		if err != nil {
			return fmt.Errorf("read person: %w", err)
		}
		if p.Rev != in.Rev {
			return errs.Conflict("人员刚被别人修改过，请刷新后重试")
		}
		m := Moved{PersonID: p.ID, By: who.ID, To: in.HandTo, FromOrg: p.OrgID, ToOrg: in.ToOrg}
		kind, text := "transferred", "调往"+b.orgs[in.ToOrg].Name
		if topic == TopicLeft {
			kind, text = "left", "离职"
			p.State, p.LeftAt = StateLeft, clock.Ptr(tx.Now())
		} else {
			p.OrgID = in.ToOrg
		}
		if ok, err := savePerson(ctx, tx, &p); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("人员刚被别人修改过，请刷新后重试")
			}
			return err
		}
		n, err := s.endAll(ctx, tx, p.ID, who.ID, text)
		if err != nil {
			return err
		}
		if err := dropSessions(ctx, tx, p.ID); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Kicked(p.ID) })
		row := moveRow{ID: ids.New(), PersonID: p.ID, Kind: kind, FromOrg: m.FromOrg, ToOrg: m.ToOrg, HandTo: in.HandTo, Reason: in.Reason, ByID: who.ID, At: clock.At(tx.Now())}
		if err := insert(ctx, tx, "move", &row); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, audit.Entry{Act: "person." + kind, Object: "person", ObjectID: p.ID, RegionCode: b.orgs[m.FromOrg].RegionCode,
			Summary: fmt.Sprintf("%s（%s）%s，结束授权 %d 项", p.Name, p.Account, text, n), After: m, Reason: in.Reason}); err != nil {
			return err
		}
		return events.Publish(ctx, tx, topic, m)
	})
}

func (s *Service) checkMove(ctx context.Context, who Actor, b *rolebook, p personRow, in MoveInput, topic string) error {
	var f errs.Fields
	f.Check(len([]rune(in.Reason)) >= 2, "reason", "请写明原因")
	if topic == TopicTransferred {
		o, ok := b.orgs[in.ToOrg]
		f.Check(ok && o.State == StateActive, "toOrg", "没有这个机构，或已停用")
		f.Check(in.ToOrg != p.OrgID, "toOrg", "已在这个机构")
	}
	if in.HandTo != "" {
		x, err := s.Person(ctx, in.HandTo)
		if err != nil && !errs.Is(err, errs.NotFoundCode) {
			return err
		}
		f.Check(err == nil && x.Active && x.ID != p.ID, "handTo", "请选择另一位在岗人员接手")
	}
	if err := f.Err(); err != nil {
		return err
	}
	if p.State == StateLeft {
		return errs.Conflict(p.Name + " 已离职")
	}
	if p.ID == who.ID {
		return errs.Forbidden("不能办理自己的离职或调动")
	}
	return nil
}

// endAll revokes the open grants of a person and ends their substitutions.
func (s *Service) endAll(ctx context.Context, tx db.Tx, person, by, why string) (int, error) {
	now := clock.At(tx.Now())
	rows, err := openGrants(ctx, tx, []string{person}, now)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		g := &rows[i]
		// A row that was changed beside the center is not signed anew.
		if !s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+person+"）") {
			continue
		}
		if err := s.revoke(ctx, tx, g, by, why); err != nil {
			return 0, err
		}
	}
	subs, err := openArrangements(ctx, tx, person)
	if err != nil {
		return 0, err
	}
	for i := range subs {
		r := &subs[i]
		old := r.Rev
		r.State, r.EndedAt, r.EndedBy, r.Rev = SubstituteEnded, &now, by, old+1
		r.MAC = s.mac(r.parts())
		if err := saveSubstitute(ctx, tx, r, old); err != nil {
			return 0, err
		}
		if err := events.Publish(ctx, tx, TopicSubstitute, r.changed()); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// Move is one leaving or transfer in a person's history.
type Move struct {
	Kind     string      `json:"kind" enum:"left,transferred"`
	FromOrg  string      `json:"fromOrg"`
	ToOrg    string      `json:"toOrg,omitempty"`
	HandTo   string      `json:"handTo,omitempty"`
	Reason   string      `json:"reason"`
	ByName   string      `json:"byName"`
	At       clock.Stamp `json:"at"`
	PersonID string      `json:"personId"`
}

// Moves lists a person's leavings and transfers, newest first.
func (s *Service) Moves(ctx context.Context, id string) ([]Move, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return nil, err
	}
	if _, err := s.inScope(ctx, who, id); err != nil {
		return nil, err
	}
	rows, err := movesOf(ctx, s.db.Read(), id)
	if err != nil {
		return nil, err
	}
	list := []string{}
	for _, r := range rows {
		list = append(list, r.ByID, r.HandTo)
	}
	names, err := namesOf(ctx, s.db.Read(), list)
	if err != nil {
		return nil, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]Move, 0, len(rows))
	for _, r := range rows {
		out = append(out, Move{Kind: r.Kind, FromOrg: b.orgs[r.FromOrg].Name, ToOrg: b.orgs[r.ToOrg].Name, HandTo: names[r.HandTo], Reason: r.Reason, ByName: names[r.ByID], At: r.At, PersonID: r.PersonID})
	}
	return out, nil
}
