package access

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// SessionPerson is the signed-in person.
type SessionPerson struct {
	ID          string   `json:"id"`
	Account     string   `json:"account"`
	Name        string   `json:"name"`
	CertNo      string   `json:"certNo,omitempty"`
	OrgID       string   `json:"orgId"`
	OrgName     string   `json:"orgName"`
	OrgLevel    string   `json:"orgLevel"`
	RegionCode  string   `json:"regionCode"`
	Roles       []Named  `json:"roles"`
	Permissions []string `json:"permissions"`
	Scope       []string `json:"scope"`
}

// Session is what a page needs to know about who is signed in.
type Session struct {
	Person             SessionPerson `json:"person"`
	CSRF               string        `json:"csrf"`
	ServerTime         clock.Stamp   `json:"serverTime"`
	MustChangePassword bool          `json:"mustChangePassword"`
	// Method is how the person signed in.
	Method string `json:"method,omitempty"`
	// IdleSeconds is how long the session lasts without use, and ExpiresAt
	// when it ends in any case; a page warns before.
	IdleSeconds int          `json:"idleSeconds,omitempty"`
	ExpiresAt   *clock.Stamp `json:"expiresAt,omitempty"`
	// Next says that the password was right and what is still needed; the
	// rest is empty then and nobody is signed in yet.
	Next *NextStep `json:"next,omitempty"`
}

// SessionView is what a page needs to know about a fresh session.
func (s *Service) SessionView(o Opened) Session {
	if o.Actor.ID == "" {
		return Session{Person: SessionPerson{Roles: []Named{}, Permissions: []string{}, Scope: []string{}}, ServerTime: clock.At(s.db.Now()), Next: o.Next}
	}
	v := sessionOf(o.Actor, o.CertNo, o.CSRF, o.MustChange, clock.At(s.db.Now()))
	v.Method, v.IdleSeconds, v.ExpiresAt = o.Method, int(s.policy().Idle.Seconds()), clock.Ptr(o.ExpiresAt.Time())
	return v
}

func sessionOf(a Actor, certNo, csrf string, must bool, now clock.Stamp) Session {
	p := SessionPerson{
		ID: a.ID, Account: a.Account, Name: a.Name, CertNo: certNo, OrgID: a.OrgID, OrgName: a.OrgName, OrgLevel: a.OrgLevel,
		RegionCode: a.RegionCode, Roles: []Named{}, Permissions: []string{}, Scope: a.Reach().Prefixes,
	}
	for _, h := range a.held {
		if n := (Named{Code: h.Role, Name: h.RoleName}); !slices.Contains(p.Roles, n) {
			p.Roles = append(p.Roles, n)
		}
	}
	for _, perm := range Permissions() {
		if a.Perms[perm.Code] {
			p.Permissions = append(p.Permissions, perm.Code)
		}
	}
	return Session{Person: p, CSRF: csrf, ServerTime: now, MustChangePassword: must}
}

type currentKey struct{}

// Identify is httpx.Options.Identify: it asks the other ways in (tokens,
// signed interfaces), else resumes the session of the cookie, checks the CSRF
// token of writes, and holds a person with a first or expired password to
// changing it.
func (s *Service) Identify(ctx context.Context, r httpx.Request) (context.Context, error) {
	for _, other := range s.chain {
		if c, handled, err := other(ctx, r); handled || err != nil {
			return c, err
		}
	}
	// What a page asks by itself while nobody is there is not use.
	background := r.Header != nil && r.Method == http.MethodGet && r.Header("X-Background") != ""
	c, ok, err := s.resume(ctx, r.Cookie, !background)
	if err != nil || !ok {
		return ctx, err
	}
	login := r.Method == http.MethodPost && (r.Path == "/api/session" || strings.HasPrefix(r.Path, "/api/signin/open/"))
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !read && !login && !c.SameCSRF(r.CSRF) {
		return ctx, errs.Forbidden("页面已过期，请刷新后重试")
	}
	if c.MustChange && r.Path != "/api/session" && r.Path != "/api/session/password" {
		return ctx, errs.Forbidden("密码是初始密码或已到期，请先修改密码")
	}
	return context.WithValue(With(ctx, c.Actor), currentKey{}, c), nil
}

// Authorize is httpx.Options.Authorize.
func Authorize(ctx context.Context, perm string) error {
	a, err := From(ctx)
	if err != nil || perm == httpx.SignedIn {
		return err
	}
	return a.Need(perm)
}

func cookie(value string, maxAge int, secure bool) http.Cookie {
	return http.Cookie{Name: httpx.CookieName, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
}

// Cookie carries an opened session.
func (s *Service) Cookie(o Opened, secure bool) http.Cookie {
	return cookie(o.Token, int(s.policy().Absolute.Seconds()), secure)
}

type cookieOut[T any] struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      T
}

type loginIn struct {
	Old   string `cookie:"jx_session"`
	Agent string `header:"User-Agent"`
	Body  struct {
		Account  string `json:"account" minLength:"1" maxLength:"64"`
		Password string `json:"password" minLength:"1" maxLength:"256"`
	}
}

func (s *Service) registerSession(api huma.API, secure bool) {
	httpx.Register(api, httpx.Public, huma.Operation{OperationID: "open-session", Method: http.MethodPost, Path: "/api/session", Summary: "Log in", Tags: []string{"session"}, Errors: []int{401, 422, 429}},
		func(ctx context.Context, in *loginIn) (*cookieOut[Session], error) {
			o, err := s.Login(ctx, Credentials{Account: in.Body.Account, Password: in.Body.Password, Agent: in.Agent, OldToken: in.Old})
			if err != nil {
				return nil, err
			}
			if o.Next != nil {
				return &cookieOut[Session]{Body: s.SessionView(o)}, nil
			}
			return &cookieOut[Session]{[]http.Cookie{s.Cookie(o, secure)}, s.SessionView(o)}, nil
		})
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "get-session", Method: http.MethodGet, Path: "/api/session", Summary: "Who is signed in", Tags: []string{"session"}},
		func(ctx context.Context, _ *struct{}) (*httpx.Body[Session], error) {
			c, ok := ctx.Value(currentKey{}).(Current)
			if !ok {
				return nil, errs.New(errs.Unauthenticated, "请先登录")
			}
			return &httpx.Body[Session]{Body: s.SessionView(Opened{Actor: c.Actor, CSRF: c.CSRF, MustChange: c.MustChange, CertNo: c.CertNo, Method: c.Method, ExpiresAt: c.ExpiresAt})}, nil
		})
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "close-session", Method: http.MethodDelete, Path: "/api/session", Summary: "Log out", Tags: []string{"session"}, DefaultStatus: 204},
		func(ctx context.Context, in *struct {
			Token string `cookie:"jx_session"`
		},
		) (*struct {
			SetCookie http.Cookie `header:"Set-Cookie"`
		}, error) {
			if err := s.Logout(ctx, in.Token); err != nil {
				return nil, err
			}
			return &struct {
				SetCookie http.Cookie `header:"Set-Cookie"`
			}{cookie("", -1, secure)}, nil
		})
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "change-password", Method: http.MethodPost, Path: "/api/session/password", Summary: "Change one's own password; all sessions end", Tags: []string{"session"}, DefaultStatus: 204},
		func(ctx context.Context, in *struct {
			Body struct {
				Old string `json:"old" minLength:"1" maxLength:"256"`
				New string `json:"new" minLength:"1" maxLength:"256"`
			}
		},
		) (*emptyOut, error) {
			return nil, s.ChangePassword(ctx, in.Body.Old, in.Body.New)
		})
}
