package access

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// Named is a code with its Chinese name.
type Named struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

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
}

func sessionOf(a Actor, certNo, csrf string, must bool, now clock.Stamp) Session {
	p := SessionPerson{
		ID: a.ID, Account: a.Account, Name: a.Name, CertNo: certNo, OrgID: a.OrgID, OrgName: a.OrgName, OrgLevel: a.OrgLevel,
		RegionCode: a.RegionCode, Roles: []Named{}, Permissions: []string{}, Scope: a.Scope.Prefixes,
	}
	for _, c := range a.Roles {
		if r, ok := RoleByCode(c); ok {
			p.Roles = append(p.Roles, Named{Code: r.Code, Name: r.Name})
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

// Identify is httpx.Options.Identify: it resumes the session of the cookie,
// checks the CSRF token of writes, and holds a person with a first password
// to changing it.
func (s *Service) Identify(ctx context.Context, r httpx.Request) (context.Context, error) {
	c, ok, err := s.Resume(ctx, r.Cookie)
	if err != nil || !ok {
		return ctx, err
	}
	login := r.Path == "/api/session" && r.Method == http.MethodPost
	read := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !read && !login && !c.SameCSRF(r.CSRF) {
		return ctx, errs.Forbidden("页面已过期，请刷新后重试")
	}
	if c.MustChange && r.Path != "/api/session" && r.Path != "/api/session/password" {
		return ctx, errs.Forbidden("请先修改初始密码")
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

type cookieOut[T any] struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      T
}

type emptyOut struct{}

type loginIn struct {
	Old   string `cookie:"jx_session"`
	Agent string `header:"User-Agent"`
	Body  struct {
		Account  string `json:"account" minLength:"1" maxLength:"64"`
		Password string `json:"password" minLength:"1" maxLength:"256"`
	}
}

// Register adds the routes of access. Secure marks the cookie for HTTPS only.
func (s *Service) Register(api huma.API, secure bool) {
	s.registerSession(api, secure)
	s.registerLists(api)
	s.registerAccounts(api)
}

func (s *Service) registerSession(api huma.API, secure bool) {
	httpx.Register(api, httpx.Public, huma.Operation{OperationID: "open-session", Method: http.MethodPost, Path: "/api/session", Summary: "Log in", Tags: []string{"session"}, Errors: []int{401, 422, 429}},
		func(ctx context.Context, in *loginIn) (*cookieOut[Session], error) {
			o, err := s.Login(ctx, Credentials{Account: in.Body.Account, Password: in.Body.Password, Agent: in.Agent, OldToken: in.Old})
			if err != nil {
				return nil, err
			}
			return &cookieOut[Session]{cookie(o.Token, int(s.o.Absolute.Seconds()), secure), sessionOf(o.Actor, o.CertNo, o.CSRF, o.MustChange, clock.At(s.db.Now()))}, nil
		})
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "get-session", Method: http.MethodGet, Path: "/api/session", Summary: "Who is signed in", Tags: []string{"session"}},
		func(ctx context.Context, _ *struct{}) (*httpx.Body[Session], error) {
			c, ok := ctx.Value(currentKey{}).(Current)
			if !ok {
				return nil, errs.New(errs.Unauthenticated, "请先登录")
			}
			return &httpx.Body[Session]{Body: sessionOf(c.Actor, c.CertNo, c.CSRF, c.MustChange, clock.At(s.db.Now()))}, nil
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

type personsIn struct {
	httpx.Paging
	Org    string `query:"org" maxLength:"64"`
	Role   string `query:"role" maxLength:"40"`
	Locked bool   `query:"locked"`
}

func (in personsIn) filter() PersonFilter {
	return PersonFilter{OrgID: in.Org, Role: in.Role, Q: in.Q, Locked: in.Locked, Limit: in.Limit(), Offset: in.Offset()}
}

// RoleMatrix is the table of roles and permissions.
type RoleMatrix struct {
	Roles       []Role       `json:"roles"`
	Permissions []Permission `json:"permissions"`
}

func (s *Service) registerLists(api huma.API) {
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "list-orgs", Method: http.MethodGet, Path: "/api/orgs", Summary: "Organisations", Tags: []string{"access"}},
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Org], error) { return httpx.Out(s.Orgs(ctx)) })
	httpx.Register(api, httpx.SignedIn, huma.Operation{OperationID: "list-persons", Method: http.MethodGet, Path: "/api/persons", Summary: "People in one's scope", Tags: []string{"access"}},
		func(ctx context.Context, in *personsIn) (*httpx.Body[httpx.List[Person]], error) {
			list, n, err := s.Persons(ctx, in.filter())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, RoleView, huma.Operation{OperationID: "list-roles", Method: http.MethodGet, Path: "/api/roles", Summary: "Roles and their permissions", Tags: []string{"access"}},
		func(context.Context, *struct{}) (*httpx.Body[RoleMatrix], error) {
			return &httpx.Body[RoleMatrix]{Body: RoleMatrix{Roles: Roles(), Permissions: Permissions()}}, nil
		})
}

type accountIn struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"200"`
	}
}

// ResetAnswer shows the temporary password once.
type ResetAnswer struct {
	Password string `json:"password"`
}

func (s *Service) registerAccounts(api huma.API) {
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "list-accounts", Method: http.MethodGet, Path: "/api/accounts", Summary: "Accounts", Tags: []string{"access"}},
		func(ctx context.Context, in *personsIn) (*httpx.Body[httpx.List[Account]], error) {
			list, n, err := s.Accounts(ctx, in.filter())
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "unlock-account", Method: http.MethodPost, Path: "/api/accounts/{id}/unlock", Summary: "End a lock-out", Tags: []string{"access"}, DefaultStatus: 204},
		func(ctx context.Context, in *accountIn) (*emptyOut, error) {
			return nil, s.Unlock(ctx, in.ID, in.Body.Reason)
		})
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "reset-account", Method: http.MethodPost, Path: "/api/accounts/{id}/reset", Summary: "Give a temporary password", Tags: []string{"access"}},
		func(ctx context.Context, in *accountIn) (*httpx.Body[ResetAnswer], error) {
			pw, err := s.Reset(ctx, in.ID, in.Body.Reason)
			return httpx.Out(ResetAnswer{Password: pw}, err)
		})
	httpx.Register(api, AccountManage, huma.Operation{OperationID: "set-account-state", Method: http.MethodPost, Path: "/api/accounts/{id}/state", Summary: "Disable an account or make it active", Tags: []string{"access"}, DefaultStatus: 204},
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"64"`
			Body struct {
				State  string `json:"state" enum:"active,disabled"`
				Reason string `json:"reason,omitempty" maxLength:"200"`
				Rev    int    `json:"rev"`
			}
		},
		) (*emptyOut, error) {
			return nil, s.SetState(ctx, in.ID, in.Body.State, in.Body.Reason, in.Body.Rev)
		})
}
