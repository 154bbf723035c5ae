package access

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// OpenSession is one open session as people see it; the token never leaves
// the browser that holds it.
type OpenSession struct {
	ID         string      `json:"id"`
	PersonID   string      `json:"personId"`
	PersonName string      `json:"personName"`
	Account    string      `json:"account"`
	OrgName    string      `json:"orgName"`
	IP         string      `json:"ip"`
	Agent      string      `json:"agent"`
	Method     string      `json:"method"`
	MethodName string      `json:"methodName"`
	Since      clock.Stamp `json:"since"`
	SeenAt     clock.Stamp `json:"seenAt"`
	ExpiresAt  clock.Stamp `json:"expiresAt"`
	// Current marks the session that asks.
	Current bool `json:"current"`
}

// SessionFilter narrows the list of sessions.
type SessionFilter struct {
	PersonID, Method, Q string
	// Order is SQL made by Paging.Order.
	Order         string
	Limit, Offset int64
}

// Sessions lists open sessions of people in the actor's scope.
func (s *Service) Sessions(ctx context.Context, f SessionFilter) ([]OpenSession, int64, error) {
	who, err := Need(ctx, SessionManage)
	if err != nil {
		return nil, 0, err
	}
	return s.sessions(ctx, who.Scope, f)
}

// OwnSessions lists the actor's own open sessions.
func (s *Service) OwnSessions(ctx context.Context) ([]OpenSession, error) {
	who, err := From(ctx)
	if err != nil {
		return nil, err
	}
	list, _, err := s.sessions(ctx, SystemScope(), SessionFilter{PersonID: who.ID, Limit: 100, Order: "s.seen_at DESC"})
	return list, err
}

func (s *Service) sessions(ctx context.Context, scope Scope, f SessionFilter) ([]OpenSession, int64, error) {
	now := s.db.Now()
	rows, n, err := listSessions(ctx, s.db.Read(), scope, f, clock.At(now), clock.At(now.Add(-s.policy().Idle)))
	if err != nil {
		return nil, 0, err
	}
	mine, _ := CurrentSession(ctx)
	out := make([]OpenSession, 0, len(rows))
	for _, r := range rows {
		out = append(out, OpenSession{
			ID: r.ID, PersonID: r.PersonID, PersonName: r.PersonName, Account: r.Account, OrgName: r.OrgName, IP: r.IP, Agent: r.Agent,
			Method: r.Method, MethodName: MethodName(r.Method), Since: r.CreatedAt, SeenAt: r.SeenAt, ExpiresAt: r.ExpiresAt, Current: r.ID == mine.SessionID,
		})
	}
	return out, n, nil
}

// EndSession ends one session: anybody their own, the security administrator
// those of people in scope.
func (s *Service) EndSession(ctx context.Context, id, reason string) error {
	who, err := From(ctx)
	if err != nil {
		return err
	}
	row, err := sessionByID(ctx, s.db.Read(), id)
	if db.NoRows(err) {
		return errs.NotFound("登录会话")
	}
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	if row.PersonID != who.ID {
		if _, err := s.sessionOwner(ctx, row.PersonID); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := dropSession(ctx, tx, row.TokenHash); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Kicked(row.PersonID) })
		return audit.Record(ctx, tx, audit.Entry{Act: "session.end", Object: "account", ObjectID: row.PersonID, Summary: "结束一个登录会话（" + row.IP + "）", Reason: reason})
	})
}

// EndSessions ends all sessions of a person, but for the one that asks.
func (s *Service) EndSessions(ctx context.Context, personID, reason string) (int, error) {
	who, err := From(ctx)
	if err != nil {
		return 0, err
	}
	if personID != who.ID {
		if _, err := s.sessionOwner(ctx, personID); err != nil {
			return 0, err
		}
	}
	mine, _ := CurrentSession(ctx)
	n := 0
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var err error
		if n, err = dropOtherSessions(ctx, tx, personID, mine.SessionID); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Kicked(personID) })
		return audit.Record(ctx, tx, audit.Entry{Act: "session.endAll", Object: "account", ObjectID: personID, Summary: fmt.Sprintf("结束 %d 个登录会话", n), Reason: reason})
	})
	return n, err
}

// sessionOwner finds the person whose sessions an administrator may end.
func (s *Service) sessionOwner(ctx context.Context, personID string) (personRow, error) {
	who, err := Need(ctx, SessionManage)
	if err != nil {
		return personRow{}, err
	}
	return s.account(ctx, who, personID)
}

func (s *Service) endOthers(ctx context.Context, tx db.Tx, personID string) error {
	n, err := dropOtherSessions(ctx, tx, personID, "")
	if err != nil || n == 0 {
		return err
	}
	tx.AfterCommit(func() { s.o.Kicked(personID) })
	return audit.Record(ctx, tx, audit.Entry{Act: "session.replaced", Object: "account", ObjectID: personID, Summary: fmt.Sprintf("同一账号再次登录，结束此前的 %d 个会话", n)})
}

// LockFor locks an account for a time and ends its sessions: a measure of
// the security administrator.
func (s *Service) LockFor(ctx context.Context, personID string, long time.Duration, reason string) error {
	who, err := Need(ctx, SecurityHandle)
	if err != nil {
		return err
	}
	if personID == who.ID {
		return errs.Conflict("不能锁定自己的账号")
	}
	p, err := s.account(ctx, who, personID)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		f, err := failureOf(ctx, tx, p.Account)
		if err != nil {
			return err
		}
		f.LastAt, f.LockedUntil = clock.At(tx.Now()), clock.Ptr(tx.Now().Add(long))
		if err := saveFailure(ctx, tx, &f); err != nil {
			return err
		}
		if err := dropSessions(ctx, tx, personID); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Kicked(personID) })
		return audit.Record(ctx, tx, audit.Entry{Act: "account.lock", Object: "account", ObjectID: personID, Summary: "锁定账号 " + p.Account, Reason: reason})
	})
}
