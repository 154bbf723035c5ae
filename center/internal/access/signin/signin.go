// Package signin holds the ways of signing in beside the plain password: the
// policy of passwords and sessions, one-time codes, SM2 certificates on USB
// keys, one-time links, the government cloud's single sign-on, OpenID Connect
// and API tokens. It hangs itself into package access by its hooks; access
// alone opens sessions.
package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Keys seals secrets at rest; platform/crypto has it.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	Open(purpose, sealed, aad string) (string, error)
}

// Options are what the service needs.
type Options struct {
	DB     *db.DB
	Access *access.Service
	Keys   Keys
	Log    *slog.Logger
	// PublicURL is where people reach the center, without a slash at the
	// end; links in messages begin with it. Empty gives links without host.
	PublicURL string
	// HTTP calls providers; nil takes a client with time limits.
	HTTP *http.Client
	// Insecure takes providers without TLS, for a pilot on one machine.
	Insecure bool
}

// Service is the use cases.
type Service struct {
	o   Options
	db  *db.DB
	acc *access.Service

	mu     sync.Mutex
	policy Policy
	readAt time.Time
}

// New makes the service and hangs it into access.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 8 * time.Second}
	}
	s := &Service{o: o, db: o.DB, acc: o.Access}
	if err := s.seedPolicy(ctx); err != nil {
		return nil, err
	}
	o.Access.UseSignIn(access.SignIn{
		Rules: func() access.SignInRules { return s.current().rules() }, Admit: s.admit, Next: s.next, MayUse: s.mayUse,
		Stored: s.stored, Expired: s.expired, Single: func(roles []string) bool { return s.current().forRoles(s.current().SingleRoles, roles) },
	})
	o.Access.Also(s.identify)
	return s, nil
}

// Purge forgets challenges, counters and tokens that hold no more; a job
// calls it.
func (s *Service) Purge(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return purge(ctx, tx, tx.Now()) })
}

// admit bounds attempts from one address and for one account over all
// centers.
func (s *Service) admit(ctx context.Context, ip, account string) error {
	p := s.current()
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, k := range []struct {
			id  string
			max int
		}{{"ip:" + ip, p.PerIP}, {"account:" + clip(account, 64), p.PerAccount}} {
			n, err := hit(ctx, tx, k.id, clock.At(tx.Now().Truncate(time.Minute)))
			if err != nil {
				return err
			}
			if n > k.max {
				tx.AfterCommit(func() { s.o.Log.Warn("too many sign-ins", "key", k.id, "hits", n) })
				return errs.New(errs.TooMany, "登录过于频繁，请一分钟后再试")
			}
		}
		return nil
	})
}

// secretText makes n random bytes as text.
func secretText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// digest is how secrets that come back from outside are stored.
func digest(text string) string {
	h := sm3.Sum([]byte(text))
	return hex.EncodeToString(h[:])
}

func clip(s string, n int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Kinds of challenges.
const (
	kindTOTP   = "totp"
	kindEnrol  = "enrol"
	kindSM2    = "sm2"
	kindLink   = "link"
	kindOIDC   = "oidc"
	kindBind   = "bind"
	maxTries   = 5
	maxSecrets = 128 // bytes of a ticket that is worth looking up
)

// issue stores the digest of a fresh one-time secret and gives the secret.
func (s *Service) issue(ctx context.Context, tx db.Tx, kind, personID, data string, ttl time.Duration) (string, clock.Stamp, error) {
	secret := secretText(32)
	row := challengeRow{Digest: digest(secret), Kind: kind, PersonID: personID, Data: data, CreatedAt: clock.At(tx.Now()), ExpiresAt: clock.At(tx.Now().Add(ttl))}
	if err := insert(ctx, tx, "challenge", &row); err != nil {
		return "", 0, err
	}
	return secret, row.ExpiresAt, nil
}

// errSpent is the one answer to an unknown, tampered, used and run-out secret.
func errSpent() error {
	return errs.New(errs.Unauthenticated, "链接或验证已失效：只能使用一次，且有时间限制。请重新登录")
}

// peek reads a one-time secret that still holds, without using it.
func (s *Service) peek(ctx context.Context, kind, secret string) (challengeRow, error) {
	if secret == "" || len(secret) > maxSecrets {
		return challengeRow{}, errSpent()
	}
	c, err := challenge(ctx, s.db.Read(), digest(secret))
	if db.NoRows(err) {
		return challengeRow{}, errSpent()
	}
	if err != nil {
		return challengeRow{}, fmt.Errorf("read challenge: %w", err)
	}
	if c.Kind != kind || c.UsedAt != nil || c.ExpiresAt <= clock.At(s.db.Now()) || c.Tries >= maxTries {
		return challengeRow{}, errSpent()
	}
	return c, nil
}

// spend uses a one-time secret: of two at the same moment one wins.
func (s *Service) spend(ctx context.Context, kind, secret string) (challengeRow, error) {
	c, err := s.peek(ctx, kind, secret)
	if err != nil {
		return c, err
	}
	return c, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		ok, err := useChallenge(ctx, tx, c.Digest)
		if err == nil && !ok {
			err = errSpent()
		}
		return err
	})
}
