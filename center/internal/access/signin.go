package access

import (
	"context"
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// The ways in.
const (
	MethodPassword = "password"
	MethodTOTP     = "totp"
	MethodSM2      = "sm2"
	MethodSSO      = "sso"
	MethodOIDC     = "oidc"
	MethodToken    = "token"
)

// MethodName says in Chinese how somebody signed in.
func MethodName(method string) string {
	switch method {
	case MethodPassword:
		return "密码"
	case MethodTOTP:
		return "密码和动态口令"
	case MethodSM2:
		return "SM2 数字证书"
	case MethodSSO:
		return "单点登录"
	case MethodOIDC:
		return "统一身份认证"
	case MethodToken:
		return "接口令牌"
	}
	return method
}

// Outbox topics.
const (
	TopicFailed = "session.failed"
	TopicOpened = "session.opened"
)

// SessionFailed is the payload of TopicFailed.
type SessionFailed struct {
	Account  string `json:"account"`
	PersonID string `json:"personId,omitempty"`
	IP       string `json:"ip"`
	Count    int    `json:"count"`
	Locked   bool   `json:"locked"`
}

// SessionOpened is the payload of TopicOpened.
type SessionOpened struct {
	PersonID string `json:"personId"`
	IP       string `json:"ip"`
	Method   string `json:"method"`
}

// SignInRules are the numbers of signing in that hold now.
type SignInRules struct {
	MinLength, MinClasses int
	// MaxFailures in a row lock an account for LockFor.
	MaxFailures int
	LockFor     time.Duration
	// Idle and Absolute end a session: without use, and at all.
	Idle, Absolute time.Duration
	// PerIP and PerAccount bound attempts in a minute.
	PerIP, PerAccount int
}

// NextStep is what a person still has to do after the password was right.
type NextStep struct {
	// Kind is "totp" (enter a code) or "enrol" (set up the app first).
	Kind string `json:"kind" enum:"totp,enrol"`
	// Ticket stands for the password that was right; it is used once.
	Ticket    string      `json:"ticket"`
	ExpiresAt clock.Stamp `json:"expiresAt"`
}

// SignIn is what the further ways of signing in add to the plain log-in; each
// may be nil.
type SignIn struct {
	// Rules gives the rules that hold now.
	Rules func() SignInRules
	// Admit bounds attempts over all centers.
	Admit func(ctx context.Context, ip, account string) error
	// Next says what is needed after a right password; nil for nothing.
	Next func(ctx context.Context, personID string) (*NextStep, error)
	// MayUse refuses a new password that was used before.
	MayUse func(ctx context.Context, personID, password string, matches func(ctx context.Context, hash, password string) (bool, error)) error
	// Stored is told of a new password's hash, in its transaction.
	Stored func(ctx context.Context, tx db.Tx, personID, hash string) error
	// Expired tells whether a person's password is too old.
	Expired func(ctx context.Context, personID string, createdAt clock.Stamp) (bool, error)
	// Single tells whether people with these roles have one session only.
	Single func(roles []string) bool
}

// UseSignIn adds the further ways of signing in; call it before requests come.
func (s *Service) UseSignIn(h SignIn) { s.hooks = h }

// Identifier knows who is behind a request by other means than the cookie: a
// token or a signature. handled false lets the next one look.
type Identifier func(ctx context.Context, r httpx.Request) (c context.Context, handled bool, err error)

// Also adds a way to know who is behind a request; call it before requests
// come.
func (s *Service) Also(f Identifier) { s.chain = append(s.chain, f) }

func (s *Service) policy() SignInRules {
	if s.hooks.Rules != nil {
		return s.hooks.Rules()
	}
	return SignInRules{
		MinLength: defaultMinLength, MinClasses: defaultMinClasses, MaxFailures: s.o.MaxFailures, LockFor: s.o.LockFor,
		Idle: s.o.Idle, Absolute: s.o.Absolute, PerIP: s.o.PerIP, PerAccount: s.o.PerAccount,
	}
}

func tooOften() error { return errs.New(errs.TooMany, "登录过于频繁，请一分钟后再试") }

func (s *Service) mustChange(ctx context.Context, p personRow) (bool, error) {
	if p.MustChange == 1 || s.hooks.Expired == nil {
		return p.MustChange == 1, nil
	}
	old, err := s.hooks.Expired(ctx, p.ID, p.CreatedAt)
	if err != nil {
		return false, fmt.Errorf("read password age: %w", err)
	}
	return old, nil
}

// OpenFor opens a session of an active person after another way of signing in
// has succeeded. oldToken is the cookie of before; that session ends. A
// locked account stays locked.
func (s *Service) OpenFor(ctx context.Context, personID, method, agent, oldToken string) (Opened, error) {
	p, err := personByID(ctx, s.db.Read(), personID)
	if db.NoRows(err) || err == nil && p.State != "active" {
		return Opened{}, errs.New(errs.Unauthenticated, "账号不存在或已停用")
	}
	if err != nil {
		return Opened{}, fmt.Errorf("log in: %w", err)
	}
	if err := s.Locked(ctx, p.Account); err != nil {
		return Opened{}, err
	}
	return s.open(ctx, p, Credentials{Agent: agent, OldToken: oldToken}, method)
}

// Locked refuses an account that is locked now.
func (s *Service) Locked(ctx context.Context, account string) error {
	f, err := failureOf(ctx, s.db.Read(), account)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	if now := s.db.Now(); f.LockedUntil != nil && *f.LockedUntil > clock.At(now) {
		return s.lockedError(f.LockedUntil.Time(), now)
	}
	return nil
}

// Failed counts a failed sign-in of a known person by another way and gives
// the answer to it, as for a wrong password.
func (s *Service) Failed(ctx context.Context, personID string) error {
	p, err := personByID(ctx, s.db.Read(), personID)
	if err != nil {
		return fmt.Errorf("note failed log-in: %w", err)
	}
	return s.failed(ctx, p.Account, p.ID)
}

// Verify checks an account and its password like Login but opens nothing; it
// gives the person. Wrong ones count.
func (s *Service) Verify(ctx context.Context, account, password string) (string, error) {
	if err := s.Locked(ctx, account); err != nil {
		return "", err
	}
	if !s.byName.allow(account, s.policy().PerAccount, s.db.Now()) {
		return "", tooOften()
	}
	p, err := personByAccount(ctx, s.db.Read(), account)
	if err != nil && !db.NoRows(err) {
		return "", fmt.Errorf("verify password: %w", err)
	}
	known, hash := err == nil && p.State == "active", s.noMatch
	if known {
		hash = p.PasswordHash
	}
	ok, err := s.hash.Matches(ctx, hash, password)
	if err != nil {
		return "", fmt.Errorf("verify password: %w", err)
	}
	if !ok || !known {
		return "", s.failed(ctx, account, p.ID)
	}
	return p.ID, nil
}

// PersonByAccount finds an active person's id by the exact account.
func (s *Service) PersonByAccount(ctx context.Context, account string) (id string, ok bool, err error) {
	p, err := personByAccount(ctx, s.db.Read(), account)
	if db.NoRows(err) || err == nil && p.State != "active" {
		return "", false, nil
	}
	return p.ID, err == nil, err
}

// CurrentSession is the session behind a request; ok is false for tokens,
// signed interfaces and jobs.
func CurrentSession(ctx context.Context) (Current, bool) {
	c, ok := ctx.Value(currentKey{}).(Current)
	return c, ok
}

// OwnRoles lists the roles that a person has now.
func (s *Service) OwnRoles(ctx context.Context, personID string) ([]string, error) {
	m, err := s.rolesOfAll(ctx, s.db.Read(), []string{personID}, clock.At(s.db.Now()))
	if err != nil {
		return nil, err
	}
	return slices.Clone(m[personID]), nil
}

// First adds an Identifier that is asked before all others; call it before
// requests come.
func (s *Service) First(f Identifier) { s.chain = append([]Identifier{f}, s.chain...) }
