package registry

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// ViewPerm opens the lists.
const ViewPerm = access.AppView

// macPurpose is the key under which permission rows are signed.
const macPurpose = "grant"

// Options are what the service needs.
type Options struct {
	DB   *db.DB
	Keys Keys
	Orgs Orgs
	Wake func()
}

// Service has the use cases of registrations. It is safe for concurrent use.
type Service struct {
	db   *db.DB
	keys Keys
	orgs Orgs
	wake func()

	mu   sync.Mutex
	gate gate
	read time.Time
}

// New makes the service.
func New(o Options) *Service {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Service{db: o.DB, keys: o.Keys, orgs: o.Orgs, wake: o.Wake}
}

func (s *Service) entry(ctx context.Context, r entryRow, apps map[string]string) (Registration, error) {
	e := Registration{
		ID: r.ID, Kind: Kind(r.Kind), AppID: r.AppID, AppName: apps[r.AppID], Code: r.Code, Name: r.Name, Description: r.Description,
		Internal: r.Internal == 1, OwnerOrgID: r.OwnerOrgID, Version: r.Version, Menu: r.Menu, Route: r.Route,
		Operations: fromJSON[string](r.Operations), Rules: fromJSON[RegistrationRule](r.Rules), State: r.State, Enabled: r.Enabled == 1, Note: r.Note,
		AppliedBy: r.AppliedBy, AppliedName: r.AppliedName, AppliedAt: r.AppliedAt, DecidedName: r.DecidedName, DecidedAt: r.DecidedAt,
		Intact: r.Kind != string(Permission) || s.keys.CheckMAC(macPurpose, r.Mac, r.parts()...), Rev: r.Rev,
	}
	if r.OwnerOrgID != "" {
		name, _, err := s.orgs.OrgName(ctx, r.OwnerOrgID)
		if err != nil {
			return e, err
		}
		e.OwnerName = name
	}
	return e, nil
}

// List gives one page of registrations.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Registration], error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return httpx.List[Registration]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	rows, n, err := list(ctx, s.db.Read(), f, p)
	if err != nil {
		return httpx.List[Registration]{}, err
	}
	apps, err := names(ctx, s.db.Read())
	if err != nil {
		return httpx.List[Registration]{}, err
	}
	out := make([]Registration, len(rows))
	for i, r := range rows {
		if out[i], err = s.entry(ctx, r, apps); err != nil {
			return httpx.List[Registration]{}, err
		}
	}
	return httpx.NewList(out, n, p, s.db.Now()), nil
}

// Get gives one registration.
func (s *Service) Get(ctx context.Context, id string) (Registration, error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return Registration{}, err
	}
	return s.view(ctx, id)
}

func (s *Service) view(ctx context.Context, id string) (Registration, error) {
	r, err := get(ctx, s.db.Read(), id)
	if err != nil {
		return Registration{}, err
	}
	apps, err := names(ctx, s.db.Read())
	if err != nil {
		return Registration{}, err
	}
	return s.entry(ctx, r, apps)
}

// Changes is the change log of one registration.
func (s *Service) Changes(ctx context.Context, id string) ([]trail.LoggedChange, error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return nil, err
	}
	if _, err := get(ctx, s.db.Read(), id); err != nil {
		return nil, err
	}
	return trail.Of(ctx, s.db, "integration.entry", id)
}

func (s *Service) note(ctx context.Context, tx db.Tx, act, summary, reason string, before, after *entryRow) error {
	e := audit.Entry{Act: "integration." + act, Object: "integration.entry", ObjectID: after.ID, Summary: summary, Reason: reason, After: after.facts()}
	if before != nil {
		e.Before = before.facts()
	}
	return trail.Record(ctx, tx, e)
}

func (r *entryRow) facts() map[string]any {
	return map[string]any{
		"code": r.Code, "name": r.Name, "version": r.Version, "menu": r.Menu, "route": r.Route, "operations": r.Operations,
		"rules": r.Rules, "state": r.State, "enabled": r.Enabled == 1, "ownerOrgId": r.OwnerOrgID, "description": r.Description,
	}
}

// Apply asks for a new registration; it is not in force before Decide.
func (s *Service) Apply(ctx context.Context, in RegistrationWrite) (Registration, error) {
	who, err := access.Need(ctx, access.AppManage)
	if err != nil {
		return Registration{}, err
	}
	if err := in.check(); err != nil {
		return Registration{}, err
	}
	id := ids.New()
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := s.checkLinks(ctx, tx, in); err != nil {
			return err
		}
		now := clock.At(tx.Now())
		r := entryRow{ID: id, Kind: string(in.Kind), Code: in.Code, State: Pending, AppliedBy: who.ID, AppliedName: who.Name, AppliedAt: now, UpdatedAt: now, Rev: 1}
		r.take(in)
		s.seal(&r)
		if err := insert(ctx, tx, &r); err != nil {
			return err
		}
		if err := s.note(ctx, tx, "apply", fmt.Sprintf("申请登记%s %s（%s）", in.Kind.name(), r.Name, r.Code), in.Reason, nil, &r); err != nil {
			return err
		}
		return trail.Tell(ctx, tx, trail.TopicRegistered, trail.Registered{ID: id, Kind: r.Kind, Name: r.Name, PersonID: who.ID, By: who.ID}, s.wake)
	})
	if err != nil {
		return Registration{}, err
	}
	return s.view(ctx, id)
}

func (s *Service) checkLinks(ctx context.Context, tx db.Tx, in RegistrationWrite) error {
	if in.Kind != App {
		app, err := get(ctx, tx, in.AppID)
		if err != nil || app.Kind != string(App) {
			return errs.Invalidf("appId", "没有这个应用")
		}
		if app.State != Active {
			return errs.Invalidf("appId", "应用“%s”还没有批准，批准后才能登记它的功能和权限码", app.Name)
		}
	}
	if in.OwnerOrgID != "" {
		if _, ok, err := s.orgs.OrgName(ctx, in.OwnerOrgID); err != nil || !ok {
			return errs.Invalidf("ownerOrgId", "没有这个归口单位")
		}
	}
	return nil
}

func (r *entryRow) take(in RegistrationWrite) {
	ops, rules := in.Operations, in.Rules
	if ops == nil {
		ops = []string{}
	}
	if rules == nil {
		rules = []RegistrationRule{}
	}
	r.AppID, r.Name, r.Description, r.OwnerOrgID, r.Version = in.AppID, in.Name, in.Description, in.OwnerOrgID, in.Version
	r.Menu, r.Route, r.Operations, r.Rules = in.Menu, in.Route, toJSON(ops), toJSON(rules)
	if r.Kind == string(App) {
		r.AppID = ""
	}
}

// seal signs a permission row; other kinds carry no code.
func (s *Service) seal(r *entryRow) {
	if r.Kind == string(Permission) {
		r.Mac = s.keys.MAC(macPurpose, r.parts()...)
	}
}

// Change edits a registration. A permission code whose rules change waits for
// approval again, and meanwhile nobody has it; so does a rejected entry. Of
// what the center registers itself only text and owner can be changed.
func (s *Service) Change(ctx context.Context, id string, in RegistrationWrite) (Registration, error) {
	who, err := access.Need(ctx, access.AppManage)
	if err != nil {
		return Registration{}, err
	}
	if err := in.check(); err != nil {
		return Registration{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if old.Rev != in.Rev {
			return errs.Conflict("这项登记刚被别人修改过，请刷新后重试")
		}
		if Kind(old.Kind) != in.Kind || old.Code != in.Code {
			return errs.Invalidf("code", "编码和种类不能修改，请另行登记")
		}
		next := old
		if old.Internal == 1 {
			next.Name, next.Description, next.OwnerOrgID, next.Version = in.Name, in.Description, in.OwnerOrgID, in.Version
		} else {
			if err := s.checkLinks(ctx, tx, in); err != nil {
				return err
			}
			next.take(in)
		}
		if next.State == Rejected || next.Kind == string(Permission) && next.Rules != old.Rules {
			next.State, next.Enabled, next.AppliedBy, next.AppliedName, next.AppliedAt = Pending, 0, who.ID, who.Name, clock.At(tx.Now())
			next.DecidedBy, next.DecidedName, next.DecidedAt = "", "", nil
		}
		s.seal(&next)
		if err := update(ctx, tx, &next); err != nil {
			return err
		}
		tx.AfterCommit(s.forget)
		return s.note(ctx, tx, "change", fmt.Sprintf("修改%s %s", in.Kind.name(), next.Name), in.Reason, &old, &next)
	})
	if err != nil {
		return Registration{}, err
	}
	return s.view(ctx, id)
}

// Decide approves or rejects a registration. The applicant cannot.
func (s *Service) Decide(ctx context.Context, id string, approve bool, reason string, rev int64, perm string) (Registration, error) {
	who, err := access.Need(ctx, perm)
	if err != nil {
		return Registration{}, err
	}
	reason = strings.TrimSpace(reason)
	if !approve && reason == "" {
		return Registration{}, errs.Invalidf("reason", "请写明不同意的原因")
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case (old.Kind == string(Permission)) != (perm == access.PermissionApprove):
			return errs.NotFound("这项登记")
		case old.State != Pending:
			return errs.Conflict("这项申请已经有了结果，请刷新后查看")
		case old.AppliedBy == who.ID:
			return errs.Conflict("申请人不能审批自己的申请，请由另一位审批")
		case old.Rev != rev:
			return errs.Conflict("这项登记刚被别人修改过，请刷新后重试")
		}
		next := old
		next.State, next.Enabled, next.Note = Rejected, 0, reason
		verb := "不同意登记"
		if approve {
			next.State, next.Enabled, verb = Active, 1, "同意登记"
		}
		next.DecidedBy, next.DecidedName, next.DecidedAt = who.ID, who.Name, clock.Ptr(tx.Now())
		s.seal(&next)
		if err := update(ctx, tx, &next); err != nil {
			return err
		}
		tx.AfterCommit(s.forget)
		if err := s.note(ctx, tx, "decide", fmt.Sprintf("%s%s %s", verb, Kind(old.Kind).name(), next.Name), reason, &old, &next); err != nil || !approve {
			return err
		}
		return trail.Tell(ctx, tx, trail.TopicApproved, trail.Registered{ID: id, Kind: next.Kind, Name: next.Name, PersonID: next.AppliedBy, By: who.ID}, s.wake)
	})
	if err != nil {
		return Registration{}, err
	}
	r, err := get(ctx, s.db.Read(), id)
	if err != nil {
		return Registration{}, err
	}
	return s.entry(ctx, r, map[string]string{})
}

// guarded are permissions whose functions cannot be switched off: with them
// everything else is switched on again.
func guarded(code string) bool {
	return code == access.AppManage || code == access.AppApprove || code == "system.integration"
}

// Switch turns an application, a function or a permission code on or off, at
// once and on every center.
func (s *Service) Switch(ctx context.Context, id string, on bool, reason string, rev int64) (Registration, error) {
	if _, err := access.Need(ctx, access.AppManage); err != nil {
		return Registration{}, err
	}
	reason = strings.TrimSpace(reason)
	if !on && reason == "" {
		return Registration{}, errs.Invalidf("reason", "请写明停用的原因")
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		switch {
		case old.State != Active:
			return errs.Conflict("还没有批准，不能启停")
		case old.Rev != rev:
			return errs.Conflict("这项登记刚被别人修改过，请刷新后重试")
		case !on && old.Internal == 1 && guarded(old.Code):
			return errs.Conflict("接入管理自身不能停用，否则无法再启用其它功能")
		}
		next := old
		verb := "停用"
		next.Enabled, next.Note = 0, reason
		if on {
			verb, next.Enabled = "启用", 1
		}
		s.seal(&next)
		if err := update(ctx, tx, &next); err != nil {
			return err
		}
		tx.AfterCommit(s.forget)
		if err := events.Publish(ctx, tx, TopicSwitched, Switched{ID: id, Code: old.Code, On: on}); err != nil {
			return err
		}
		tx.AfterCommit(s.wake)
		return s.note(ctx, tx, "switch", fmt.Sprintf("%s%s %s", verb, Kind(old.Kind).name(), old.Name), reason, &old, &next)
	})
	if err != nil {
		return Registration{}, err
	}
	return s.view(ctx, id)
}

// TopicSwitched tells open pages that something was switched on or off.
const TopicSwitched = "integration.switched"

// Switched is its payload.
type Switched struct {
	ID   string `json:"id"`
	Code string `json:"code"`
	On   bool   `json:"on"`
}

// InForce lists the approved entries of a kind, for other services; whoever
// calls has decided who may see them. An empty app means all.
func (s *Service) InForce(ctx context.Context, kind Kind, appCode string) ([]Registration, error) {
	rows, err := all(ctx, s.db.Read(), kind)
	if err != nil {
		return nil, err
	}
	apps, err := all(ctx, s.db.Read(), App)
	if err != nil {
		return nil, err
	}
	codes := map[string]string{}
	for _, a := range apps {
		codes[a.ID] = a.Code
	}
	out := []Registration{}
	for _, r := range rows {
		if r.State != Active || appCode != "" && codes[r.AppID] != appCode {
			continue
		}
		e, err := s.entry(ctx, r, codes)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}
