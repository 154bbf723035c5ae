package app

import (
	"context"
	"time"

	"jiexun/center/internal/access/signin"
	"jiexun/center/internal/platform/crypto"
)

// signinParts are the ways of signing in beside the plain password.
type signinParts struct {
	signin *signin.Service
}

func (a *App) wireSignin(ctx context.Context) error {
	s, err := signin.New(ctx, signin.Options{DB: a.db, Access: a.access, Keys: a.keys, Log: a.log, PublicURL: a.o.PublicURL, Insecure: !a.o.Secure})
	if err != nil {
		return err
	}
	a.signin = s
	a.keys.Guard(crypto.Column{Purpose: "totp", Table: "access_signin_totp", ID: "person_id", Column: "secret"})
	a.keys.Guard(crypto.Column{Purpose: "signin.provider", Table: "access_signin_providers", ID: "id", Column: "secret"})
	a.jobs.Every("signin.purge", "清理登录验证", 10*time.Minute, s.Purge)
	return nil
}

// Signin gives the ways of signing in, for commands and tests.
func (a *App) Signin() *signin.Service { return a.signin }

func (a *App) routeSignin() { a.signin.Register(a.api, a.o.Secure) }
