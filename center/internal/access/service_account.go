package access

import (
	"context"
	"fmt"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Account is a person's account as the security administrator sees it.
type Account struct {
	Person
	State       string       `json:"state" enum:"active,disabled"`
	LockedUntil *clock.Stamp `json:"lockedUntil,omitempty"`
	Failures    int          `json:"failures"`
	MustChange  bool         `json:"mustChangePassword"`
	Rev         int          `json:"rev"`
}

// Accounts lists accounts for the security administrator.
func (s *Service) Accounts(ctx context.Context, f PersonFilter) ([]Account, int64, error) {
	who, err := Need(ctx, AccountManage)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := s.persons(ctx, who.Scope, f)
	if err != nil {
		return nil, 0, err
	}
	roles, err := s.rolesOf(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, 0, err
	}
	now := clock.At(s.db.Now())
	out := make([]Account, 0, len(rows))
	for _, r := range rows {
		a := Account{Person: s.person(r, b, roles[r.ID]), State: r.State, Failures: r.Failures, MustChange: r.MustChange == 1, Rev: r.Rev}
		if r.LockedUntil != nil && *r.LockedUntil > now {
			a.LockedUntil = r.LockedUntil
		}
		out = append(out, a)
	}
	return out, n, nil
}

// account loads an account through the actor's scope.
func (s *Service) account(ctx context.Context, who Actor, id string) (personRow, error) {
	p, err := personByID(ctx, s.db.Read(), id)
	if err == nil {
		var o orgRow
		if o, err = orgByID(ctx, s.db.Read(), p.OrgID); err == nil && who.Scope.Covers(o.RegionCode) {
			return p, nil
		}
	}
	if err != nil && !db.NoRows(err) {
		return personRow{}, fmt.Errorf("read account: %w", err)
	}
	return personRow{}, errs.NotFound("账号")
}

// Unlock ends a lock-out before its time.
func (s *Service) Unlock(ctx context.Context, id, reason string) error {
	who, err := Need(ctx, AccountManage)
	if err != nil {
		return err
	}
	p, err := s.account(ctx, who, id)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := clearFailure(ctx, tx, p.Account); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "account.unlock", Object: "account", ObjectID: id, Summary: "解锁账号 " + p.Account, Reason: reason})
	})
}

// SetState disables an account, ending its sessions at once, or makes it
// active again.
func (s *Service) SetState(ctx context.Context, id, state, reason string, rev int) error {
	who, err := Need(ctx, AccountManage)
	if err != nil {
		return err
	}
	if state != "active" && state != "disabled" {
		return errs.Invalidf("state", "状态应为 active 或 disabled")
	}
	if id == who.ID {
		return errs.Conflict("不能停用自己的账号")
	}
	if _, err := s.account(ctx, who, id); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		p, err := personByID(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("read account: %w", err)
		}
		if p.Rev != rev {
			return errs.Conflict("账号刚被别人修改过，请刷新后重试")
		}
		if p.State == StateLeft {
			return errs.Conflict(p.Name + " 已离职，账号不能再启用")
		}
		before := p.State
		p.State = state
		if _, err := savePerson(ctx, tx, &p); err != nil {
			return err
		}
		if state == "disabled" {
			if err := dropSessions(ctx, tx, id); err != nil {
				return err
			}
			tx.AfterCommit(func() { s.o.Kicked(id) })
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "account.state", Object: "account", ObjectID: id, Summary: "账号 " + p.Account + " 改为 " + state,
			Before: map[string]string{"state": before}, After: map[string]string{"state": state}, Reason: reason})
	})
}

// Reset gives an account a temporary password, shown once, that must be
// changed at the next log-in; all its sessions end.
func (s *Service) Reset(ctx context.Context, id, reason string) (string, error) {
	who, err := Need(ctx, AccountManage)
	if err != nil {
		return "", err
	}
	if id == who.ID {
		return "", errs.Conflict("请在个人设置中修改自己的密码")
	}
	p, err := s.account(ctx, who, id)
	if err != nil {
		return "", err
	}
	pw := temporaryPassword()
	summary := "重置账号 " + p.Account + " 的密码"
	if reason != "" {
		summary += "：" + reason
	}
	return pw, s.setPassword(ctx, id, pw, true, "account.reset", summary)
}

// SetPassword sets the password of an account by its name: the command line
// uses it, so that an installation is never locked out of itself.
func (s *Service) SetPassword(ctx context.Context, account, password string) error {
	if err := s.CheckPassword("password", account, password); err != nil {
		return err
	}
	p, err := personByAccount(ctx, s.db.Read(), account)
	if db.NoRows(err) {
		return errs.NotFound("账号")
	}
	if err != nil {
		return fmt.Errorf("read account: %w", err)
	}
	return s.setPassword(ctx, p.ID, password, false, "account.password", "命令行设置账号 "+account+" 的密码")
}
