package access

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// Credentials is what a log-in brings.
type Credentials struct {
	Account, Password string
	Agent             string
	// OldToken is the session cookie of before; that session ends.
	OldToken string
}

// Opened is a fresh session; Token goes into the cookie and is stored nowhere.
type Opened struct {
	Token      string
	CSRF       string
	Actor      Actor
	MustChange bool
	CertNo     string
	Method     string
	ExpiresAt  clock.Stamp
	// Next is set when the password was right and more is needed; no
	// session was opened then.
	Next *NextStep
}

// wrongLogin is the one answer to an unknown account, a wrong password and a
// disabled account.
func wrongLogin() error { return errs.New(errs.Unauthenticated, "账号或密码不正确") }

// Login checks the credentials and opens a session, or says what else the
// rules ask of the person.
func (s *Service) Login(ctx context.Context, c Credentials) (Opened, error) {
	account := strings.TrimSpace(c.Account)
	ip := caller.From(ctx).IP
	now := s.db.Now()
	rules := s.policy()
	if !s.byIP.allow(ip, rules.PerIP, now) || !s.byName.allow(account, rules.PerAccount, now) {
		return Opened{}, tooOften()
	}
	if s.hooks.Admit != nil {
		if err := s.hooks.Admit(ctx, ip, account); err != nil {
			return Opened{}, err
		}
	}
	if len(account) > 64 || len(c.Password) > 256 {
		return Opened{}, wrongLogin()
	}
	f, err := failureOf(ctx, s.db.Read(), account)
	if err != nil {
		return Opened{}, fmt.Errorf("log in: %w", err)
	}
	if f.LockedUntil != nil && *f.LockedUntil > clock.At(now) {
		return Opened{}, s.lockedError(f.LockedUntil.Time(), now)
	}
	p, err := personByAccount(ctx, s.db.Read(), account)
	known := err == nil && p.State == "active"
	if err != nil && !db.NoRows(err) {
		return Opened{}, fmt.Errorf("log in: %w", err)
	}
	hash := s.noMatch
	if known {
		hash = p.PasswordHash
	}
	ok, err := s.hash.Matches(ctx, hash, c.Password)
	if err != nil {
		return Opened{}, fmt.Errorf("log in: %w", err)
	}
	if !ok || !known {
		return Opened{}, s.failed(ctx, account, p.ID)
	}
	if s.hooks.Next != nil {
		n, err := s.hooks.Next(ctx, p.ID)
		if err != nil {
			return Opened{}, fmt.Errorf("log in: %w", err)
		}
		if n != nil {
			return Opened{Next: n}, nil
		}
	}
	return s.open(ctx, p, c, MethodPassword)
}

func (s *Service) lockedError(until, now time.Time) error {
	m := int((until.Sub(now) + time.Minute - 1) / time.Minute)
	return errs.New(errs.TooMany, "登录失败次数过多，请 %d 分钟后再试，或请安全管理员解锁", m)
}

// failed counts a wrong log-in. Unknown accounts are counted too, so that the
// answers do not tell which accounts exist.
func (s *Service) failed(ctx context.Context, account, personID string) error {
	answer := wrongLogin()
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		answer = wrongLogin()
		f, err := failureOf(ctx, tx, account)
		if err != nil {
			return err
		}
		now := tx.Now()
		rules := s.policy()
		if f.LockedUntil != nil && f.LockedUntil.Time().After(now) {
			answer = s.lockedError(f.LockedUntil.Time(), now)
			return nil // another attempt at the same moment locked it
		}
		if f.LockedUntil != nil || now.Sub(f.LastAt.Time()) > rules.LockFor {
			f.Count, f.LockedUntil = 0, nil // an old lock has run out
		}
		f.Count++
		f.LastAt = clock.At(now)
		act := "session.fail"
		locked := f.Count >= rules.MaxFailures
		if locked {
			f.LockedUntil = clock.Ptr(now.Add(rules.LockFor))
			answer = s.lockedError(f.LockedUntil.Time(), now)
			act = "account.lock"
		}
		if err := saveFailure(ctx, tx, &f); err != nil {
			return err
		}
		if err := audit.Record(ctx, tx, audit.Entry{Act: act, Object: "account", ObjectID: personID,
			Summary: fmt.Sprintf("账号 %.64s 登录失败，连续第 %d 次", account, f.Count)}); err != nil {
			return err
		}
		return events.Publish(ctx, tx, TopicFailed, SessionFailed{Account: account, PersonID: personID, IP: caller.From(ctx).IP, Count: f.Count, Locked: locked})
	})
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	return answer
}

func (s *Service) open(ctx context.Context, p personRow, c Credentials, method string) (Opened, error) {
	token, csrf := randomText(32), randomText(24)
	rules := s.policy()
	var out Opened
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		if c.OldToken != "" {
			if err := dropSession(ctx, tx, tokenHash(c.OldToken)); err != nil {
				return err
			}
		}
		if err := clearFailure(ctx, tx, p.Account); err != nil {
			return err
		}
		actor, err := s.actorOf(ctx, tx, p, now)
		if err != nil {
			return err
		}
		if s.hooks.Single != nil && s.hooks.Single(actor.Roles) {
			if err := s.endOthers(ctx, tx, p.ID); err != nil {
				return err
			}
		}
		row := sessionRow{
			TokenHash: tokenHash(token), ID: ids.New(), Method: method, PersonID: p.ID, CSRF: csrf, IP: caller.From(ctx).IP, Agent: clip(c.Agent, 200),
			CreatedAt: clock.At(now), SeenAt: clock.At(now), ExpiresAt: clock.At(now.Add(rules.Absolute)),
		}
		if err := insert(ctx, tx, "session", &row); err != nil {
			return err
		}
		must, err := s.mustChange(ctx, p)
		if err != nil {
			return err
		}
		out = Opened{Token: token, CSRF: csrf, Actor: actor, MustChange: must, CertNo: p.CertNo, Method: method, ExpiresAt: row.ExpiresAt}
		if err := audit.Record(With(ctx, actor), tx, audit.Entry{Act: "session.open", Object: "account", ObjectID: p.ID, RegionCode: actor.RegionCode,
			Summary: actor.Name + " 登录（" + MethodName(method) + "）"}); err != nil {
			return err
		}
		return events.Publish(ctx, tx, TopicOpened, SessionOpened{PersonID: p.ID, IP: row.IP, Method: method})
	})
	if err != nil {
		return Opened{}, fmt.Errorf("log in: %w", err)
	}
	return out, nil
}

func clip(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

func tokenHash(token string) string {
	h := sm3.Sum([]byte(token))
	return hex.EncodeToString(h[:])
}

// Current is the session behind a request.
type Current struct {
	Actor      Actor
	CSRF       string
	CertNo     string
	MustChange bool
	// SessionID names the session, Method is how it was opened.
	SessionID, Method string
	ExpiresAt         clock.Stamp
}

// Resume finds the session of a token; ok is false when there is none, it has
// run out, or the account is not active any more.
func (s *Service) Resume(ctx context.Context, token string) (c Current, ok bool, err error) {
	return s.resume(ctx, token, true)
}

// Alive tells whether a session still holds, without counting as use of it:
// an open page alone must not keep anybody signed in.
func (s *Service) Alive(ctx context.Context, token string) (bool, error) {
	_, ok, err := s.resume(ctx, token, false)
	return ok, err
}

func (s *Service) resume(ctx context.Context, token string, use bool) (c Current, ok bool, err error) {
	if token == "" || len(token) > 128 {
		return Current{}, false, nil
	}
	hash := tokenHash(token)
	row, err := sessionByHash(ctx, s.db.Read(), hash)
	if db.NoRows(err) {
		return Current{}, false, nil
	}
	if err != nil {
		return Current{}, false, fmt.Errorf("read session: %w", err)
	}
	now := s.db.Now()
	if row.ExpiresAt <= clock.At(now) || row.SeenAt.Time().Add(s.policy().Idle).Before(now) {
		return Current{}, false, nil
	}
	p, err := personByID(ctx, s.db.Read(), row.PersonID)
	if err != nil {
		return Current{}, false, fmt.Errorf("read session's person: %w", err)
	}
	if p.State != "active" {
		return Current{}, false, nil
	}
	a, err := s.actorOf(ctx, s.db.Read(), p, now)
	if err != nil {
		return Current{}, false, err
	}
	if use && now.Sub(row.SeenAt.Time()) > time.Minute {
		if err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return touchSession(ctx, tx, hash) }); err != nil {
			s.o.Log.Warn("session not touched", "err", err)
		}
	}
	must, err := s.mustChange(ctx, p)
	if err != nil {
		return Current{}, false, err
	}
	return Current{Actor: a, CSRF: row.CSRF, CertNo: p.CertNo, MustChange: must, SessionID: row.ID, Method: row.Method, ExpiresAt: row.ExpiresAt}, true, nil
}

// SameCSRF compares the token of a write with the session's.
func (c Current) SameCSRF(token string) bool {
	return subtle.ConstantTimeCompare([]byte(c.CSRF), []byte(token)) == 1
}

// Logout ends the session of a token.
func (s *Service) Logout(ctx context.Context, token string) error {
	who, err := From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := dropSession(ctx, tx, tokenHash(token)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "session.close", Object: "account", ObjectID: who.ID, RegionCode: who.RegionCode, Summary: who.Name + " 退出"})
	})
}

// ChangePassword sets a new password of the actor and ends all their
// sessions: the person logs in again with the new one.
func (s *Service) ChangePassword(ctx context.Context, old, fresh string) error {
	who, err := From(ctx)
	if err != nil {
		return err
	}
	if err := s.CheckPassword("new", who.Account, fresh); err != nil {
		return err
	}
	if !s.byName.allow("password:"+who.ID, s.policy().PerAccount, s.db.Now()) {
		return errs.New(errs.TooMany, "操作过于频繁，请一分钟后再试")
	}
	p, err := personByID(ctx, s.db.Read(), who.ID)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	ok, err := s.hash.Matches(ctx, p.PasswordHash, old)
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	if !ok {
		return errs.Invalidf("old", "原密码不正确")
	}
	if old == fresh {
		return errs.Invalidf("new", "新密码不能与原密码相同")
	}
	if s.hooks.MayUse != nil {
		if err := s.hooks.MayUse(ctx, p.ID, fresh, s.hash.Matches); err != nil {
			return err
		}
	}
	return s.setPassword(ctx, p.ID, fresh, false, "account.password", who.Name+" 修改了密码")
}

// setPassword stores a password and ends the person's sessions.
func (s *Service) setPassword(ctx context.Context, id, password string, mustChange bool, act, summary string) error {
	h, err := s.hash.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		p, err := personByID(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		p.PasswordHash, p.MustChange = h, 0
		if mustChange {
			p.MustChange = 1
		}
		if ok, err := savePerson(ctx, tx, &p); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("账号刚被别人修改过，请刷新后重试")
			}
			return err
		}
		if s.hooks.Stored != nil {
			if err := s.hooks.Stored(ctx, tx, id, h); err != nil {
				return err
			}
		}
		if err := dropSessions(ctx, tx, id); err != nil {
			return err
		}
		if err := clearFailure(ctx, tx, p.Account); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Kicked(id) })
		return audit.Record(ctx, tx, audit.Entry{Act: act, Object: "account", ObjectID: id, Summary: summary})
	})
}
