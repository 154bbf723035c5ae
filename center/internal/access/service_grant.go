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

// Grant gives a role to a person. The granter cannot give more than they
// have, to themself, or what excludes each other.
func (s *Service) Grant(ctx context.Context, in GrantInput) (Grant, error) {
	who, err := Need(ctx, GrantManage)
	if err != nil {
		return Grant{}, err
	}
	if in.PersonID == who.ID {
		return Grant{}, errs.Forbidden("不能给自己授权，请另一位管理员办理")
	}
	p, err := s.account(ctx, who, in.PersonID)
	if err != nil {
		return Grant{}, err
	}
	if p.State != StateActive {
		return Grant{}, errs.Conflict("账号未启用，不能授权")
	}
	var row grantRow
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		b, err := s.book(ctx, tx)
		if err != nil {
			return err
		}
		now := clock.At(tx.Now())
		if err := in.validate(b, now); err != nil {
			return err
		}
		if in.Kind == KindOrg && in.OrgID == "" {
			in.OrgID = p.OrgID
		}
		role, _ := b.live(in.Role)
		// The granter's own grants are read again inside the transaction,
		// so that a revoke at the same moment counts.
		holds, err := s.heldBy(ctx, tx, b, who.ID, now)
		if err != nil {
			return err
		}
		if who.held == nil { // a job or a test acts with what it brings
			holds = []Held{{Perms: who.Perms, Pass: map[string]bool{AnyPermission: true}, Scope: who.Scope}}
		}
		if err := mayHand(holds, GrantManage, role.Permissions, role.Pass, b.handScope(in, p.OrgID), in.To); err != nil {
			return err
		}
		if err := s.excluded(ctx, tx, b, p.ID, role.perms, now); err != nil {
			return err
		}
		row = grantRow{
			ID: ids.New(), PersonID: p.ID, Role: in.Role, Kind: in.Kind, Prefixes: strings.Join(normal(in.Prefixes), ","), OrgID: in.OrgID, ScopeCode: in.ScopeCode,
			FromAt: in.From, ToAt: in.To, Reason: in.Reason, GrantedBy: who.ID, CreatedAt: now,
		}
		row.MAC = s.mac(row.parts())
		if err := insert(ctx, tx, "grant", &row); err != nil {
			return err
		}
		return s.grantChanged(ctx, tx, b, who, p, &row, "granted")
	})
	if err != nil {
		return Grant{}, err
	}
	return s.GrantByID(ctx, row.ID)
}

// handScope is the scope that a grant is judged by: of a person's own rows
// it is where the person works.
func (b *rolebook) handScope(in GrantInput, org string) Scope {
	if in.Kind == KindOwn {
		return b.orgScope(org)
	}
	return b.grantScope(in.Kind, in.PersonID, in.OrgID, in.ScopeCode, in.Prefixes)
}

// excluded refuses permissions that exclude what a person has or will have.
func (s *Service) excluded(ctx context.Context, q reader, b *rolebook, person string, more map[string]bool, now clock.Stamp) error {
	rows, err := openGrants(ctx, q, []string{person}, now)
	if err != nil {
		return err
	}
	all := map[string]bool{}
	for p := range more {
		all[p] = true
	}
	for _, g := range rows {
		for p := range b.roles[g.Role].perms {
			all[p] = true
		}
	}
	if c := b.conflict(all); c != "" {
		return errs.Conflict(c)
	}
	return nil
}

func (s *Service) grantChanged(ctx context.Context, tx db.Tx, b *rolebook, who Actor, p personRow, g *grantRow, act string) error {
	text := map[string]string{"granted": "授予", "revoked": "收回"}[act]
	reason := g.Reason
	if act == "revoked" {
		reason = g.RevokeReason
	}
	// Open pages read again what the person may see.
	tx.AfterCommit(func() { s.o.Kicked(p.ID) })
	err := audit.Record(ctx, tx, audit.Entry{
		Act: "grant." + act, Object: "grant", ObjectID: g.ID, RegionCode: b.orgs[p.OrgID].RegionCode,
		Summary: text + p.Name + "（" + p.Account + "）角色“" + b.name(g.Role) + "”，" + b.scopeName(g.Kind, g.OrgID, g.ScopeCode, g.prefixes()),
		After:   map[string]any{"person": p.ID, "role": g.Role, "kind": g.Kind, "prefixes": g.Prefixes, "org": g.OrgID, "scope": g.ScopeCode, "from": g.FromAt, "to": g.ToAt},
		Reason:  reason,
	})
	if err != nil {
		return err
	}
	return events.Publish(ctx, tx, TopicGrant, GrantChanged{GrantID: g.ID, PersonID: p.ID, Role: g.Role, Act: act, By: who.ID})
}

// Revoke ends a grant; it gives nothing from the next request on. Only what
// one could grant can be revoked.
func (s *Service) Revoke(ctx context.Context, id, reason string) error {
	who, err := Need(ctx, GrantManage)
	if err != nil {
		return err
	}
	if len([]rune(strings.TrimSpace(reason))) < 2 {
		return errs.Invalidf("reason", "请写明收回原因")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		g, err := grantByID(ctx, tx, id)
		if db.NoRows(err) {
			return errs.NotFound("授权")
		}
		if err != nil {
			return fmt.Errorf("read grant: %w", err)
		}
		p, err := s.account(ctx, who, g.PersonID)
		if err != nil {
			return errs.NotFound("授权")
		}
		if p.ID == who.ID {
			return errs.Forbidden("不能收回自己的授权，请另一位管理员办理")
		}
		now := clock.At(tx.Now())
		if st := g.state(now); st == "revoked" || st == "ended" {
			return errs.Conflict("这项授权已经结束")
		}
		b, err := s.book(ctx, tx)
		if err != nil {
			return err
		}
		holds, err := s.heldBy(ctx, tx, b, who.ID, now)
		if err != nil {
			return err
		}
		if who.held == nil {
			holds = []Held{{Perms: who.Perms, Pass: map[string]bool{AnyPermission: true}, Scope: who.Scope}}
		}
		// A grant that was changed beside the center may always be taken away
		// by whoever manages the person.
		role := b.roles[g.Role]
		if s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+g.PersonID+"，角色 "+b.name(g.Role)+"）") {
			in := GrantInput{PersonID: g.PersonID, Kind: g.Kind, Prefixes: g.prefixes(), OrgID: g.OrgID, ScopeCode: g.ScopeCode}
			if sc := b.handScope(in, p.OrgID); !sc.Empty() {
				if err := mayHand(holds, GrantManage, role.Permissions, role.Pass, sc, clock.Ptr(tx.Now())); err != nil {
					return err
				}
			}
		}
		if err := s.revoke(ctx, tx, &g, who.ID, strings.TrimSpace(reason)); err != nil {
			return err
		}
		return s.grantChanged(ctx, tx, b, who, p, &g, "revoked")
	})
}

// GrantFilter narrows the list of grants.
type GrantFilter struct {
	PersonID, Role, OrgID, Q string
	// State is active, future, ended, revoked, tampered, or expiring: ends
	// within Days. Empty is active and future.
	State         string
	Days          int
	Order         string
	Limit, Offset int64
}

// Grants lists the grants of people in the actor's scope.
func (s *Service) Grants(ctx context.Context, f GrantFilter) ([]Grant, int64, error) {
	who, err := Need(ctx, RoleView)
	if err != nil {
		return nil, 0, err
	}
	return s.grants(ctx, who.Scope, f)
}

func (s *Service) grants(ctx context.Context, scope Scope, f GrantFilter) ([]Grant, int64, error) {
	now := s.db.Now()
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := listGrants(ctx, s.db.Read(), scope, f, clock.At(now), clock.At(now.AddDate(0, 0, max(f.Days, 1))))
	if err != nil {
		return nil, 0, err
	}
	who := []string{}
	for _, r := range rows {
		who = append(who, r.GrantedBy, r.RevokedBy)
	}
	names, err := namesOf(ctx, s.db.Read(), who)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Grant, 0, len(rows))
	for i := range rows {
		out = append(out, s.grantView(b, &rows[i], names, clock.At(now)))
	}
	s.raise(ctx)
	return out, n, nil
}

func (s *Service) grantView(b *rolebook, r *grantView, names map[string]string, now clock.Stamp) Grant {
	g := &r.grantRow
	v := Grant{
		ID: g.ID, PersonID: g.PersonID, PersonName: r.PersonName, Account: r.Account, PersonOrg: r.OrgName, Role: g.Role, RoleName: b.name(g.Role), Kind: g.Kind,
		Prefixes: g.prefixes(), OrgID: g.OrgID, ScopeCode: g.ScopeCode, ScopeName: b.scopeName(g.Kind, g.OrgID, g.ScopeCode, g.prefixes()), From: g.FromAt, To: g.ToAt,
		Reason: g.Reason, GrantedBy: names[g.GrantedBy], CreatedAt: g.CreatedAt, RevokedAt: g.RevokedAt, RevokedBy: names[g.RevokedBy], RevokeReason: g.RevokeReason, State: g.state(now),
	}
	if v.Prefixes == nil {
		v.Prefixes = []string{}
	}
	if !s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+g.PersonID+"，角色 "+b.name(g.Role)+"）") {
		v.State = "tampered"
	}
	return v
}

// GrantByID gives one grant of a person in the actor's scope.
func (s *Service) GrantByID(ctx context.Context, id string) (Grant, error) {
	who, err := Need(ctx, RoleView)
	if err != nil {
		return Grant{}, err
	}
	g, err := grantByID(ctx, s.db.Read(), id)
	if db.NoRows(err) {
		return Grant{}, errs.NotFound("授权")
	}
	if err != nil {
		return Grant{}, fmt.Errorf("read grant: %w", err)
	}
	list, _, err := s.grants(ctx, who.Scope, GrantFilter{PersonID: g.PersonID, State: "all", Limit: 500})
	if err != nil {
		return Grant{}, err
	}
	for _, x := range list {
		if x.ID == id {
			return x, nil
		}
	}
	return Grant{}, errs.NotFound("授权")
}

// Grantable is a role that the actor may hand out, and where.
type Grantable struct {
	Role     string   `json:"role"`
	Name     string   `json:"name"`
	Note     string   `json:"note"`
	Prefixes []string `json:"prefixes"`
}

// Grantables lists the roles that the actor may hand out somewhere.
func (s *Service) Grantables(ctx context.Context) ([]Grantable, error) {
	who, err := Need(ctx, GrantManage)
	if err != nil {
		return nil, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	soon := clock.Ptr(s.db.Now())
	out := []Grantable{}
	for _, code := range b.order {
		r, ok := b.live(code)
		if !ok {
			continue
		}
		ok2 := []string{}
		for _, p := range who.Scope.Prefixes {
			if mayHand(who.held, GrantManage, r.Permissions, r.Pass, Scope{Prefixes: []string{p}}, soon) == nil {
				ok2 = append(ok2, p)
			}
		}
		if len(ok2) > 0 {
			out = append(out, Grantable{Role: code, Name: r.Name, Note: r.Note, Prefixes: ok2})
		}
	}
	return out, nil
}
