package signin

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// Browser is what every way in reads of the request.
type Browser struct {
	Old   string `cookie:"jx_session"`
	Agent string `header:"User-Agent"`
}

type opened[T any] struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      T
}

// OpenAnswer is a session, a further step, or a ticket to bind an account.
type OpenAnswer struct {
	access.Session
	// Path is where a link leads.
	Path string `json:"path,omitempty"`
	// Bind asks for the account and its password, once.
	Bind string `json:"bind,omitempty"`
	// RecoveryCodes are shown once, after one-time codes were set up.
	RecoveryCodes []string `json:"recoveryCodes,omitempty"`
}

// answer puts an opened session into cookie and body.
func (s *Service) answer(o access.Opened, secure bool, more OpenAnswer) *opened[OpenAnswer] {
	out := &opened[OpenAnswer]{Body: more}
	if o.Token != "" {
		out.SetCookie = []http.Cookie{s.acc.Cookie(o, secure)}
	}
	out.Body.Session = s.acc.SessionView(o)
	return out
}

func (s *Service) registerOpen(api huma.API, secure bool) {
	httpx.Register(api, httpx.Public, op("signin-ways", http.MethodGet, "/api/signin/ways", "How one can sign in here"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[Ways], error) { return httpx.Out(s.Ways(ctx)) })
	httpx.Register(api, httpx.Public, op("signin-totp", http.MethodPost, "/api/signin/open/totp", "Second step: the one-time code"),
		func(ctx context.Context, in *struct {
			Browser
			Body struct {
				Ticket string `json:"ticket" minLength:"1" maxLength:"128"`
				Code   string `json:"code" minLength:"6" maxLength:"24"`
			}
		},
		) (*opened[OpenAnswer], error) {
			o, err := s.FinishTOTP(ctx, in.Body.Ticket, in.Body.Code, in.Agent, in.Old)
			if err != nil {
				return nil, err
			}
			return s.answer(o, secure, OpenAnswer{}), nil
		})
	httpx.Register(api, httpx.Public, op("signin-enrol-start", http.MethodPost, "/api/signin/open/enrol/start", "Set up one-time codes that the policy asks for"),
		func(ctx context.Context, in *struct {
			Body struct {
				Ticket string `json:"ticket" minLength:"1" maxLength:"128"`
			}
		},
		) (*httpx.Body[Enrolment], error) {
			return httpx.Out(s.EnrolStart(ctx, in.Body.Ticket))
		})
	httpx.Register(api, httpx.Public, op("signin-enrol", http.MethodPost, "/api/signin/open/enrol", "The first code; opens the session"),
		func(ctx context.Context, in *struct {
			Browser
			Body struct {
				Ticket string `json:"ticket" minLength:"1" maxLength:"128"`
				Code   string `json:"code" minLength:"6" maxLength:"10"`
			}
		},
		) (*opened[OpenAnswer], error) {
			o, list, err := s.EnrolFinish(ctx, in.Body.Ticket, in.Body.Code, in.Agent, in.Old)
			if err != nil {
				return nil, err
			}
			return s.answer(o, secure, OpenAnswer{RecoveryCodes: list}), nil
		})
	s.registerKeys(api, secure)
	s.registerLinks(api, secure)
}

func (s *Service) registerKeys(api huma.API, secure bool) {
	httpx.Register(api, httpx.Public, op("signin-challenge", http.MethodPost, "/api/signin/open/challenge", "A nonce for a USB key to sign"),
		func(ctx context.Context, in *struct {
			Origin string `header:"Origin"`
		},
		) (*httpx.Body[Challenge], error) {
			return httpx.Out(s.NewChallenge(ctx, in.Origin))
		})
	httpx.Register(api, httpx.Public, op("signin-sm2", http.MethodPost, "/api/signin/open/sm2", "The signed nonce and the certificate"),
		func(ctx context.Context, in *struct {
			Browser
			Body struct {
				Nonce       string `json:"nonce" minLength:"1" maxLength:"128"`
				Certificate string `json:"certificate" minLength:"1" maxLength:"16384"`
				Signature   string `json:"signature" minLength:"1" maxLength:"400"`
			}
		},
		) (*opened[OpenAnswer], error) {
			o, err := s.OpenBySM2(ctx, in.Body.Nonce, in.Body.Certificate, in.Body.Signature, in.Agent, in.Old)
			if err != nil {
				return nil, err
			}
			return s.answer(o, secure, OpenAnswer{}), nil
		})
}

func (s *Service) registerLinks(api huma.API, secure bool) {
	httpx.Register(api, httpx.Public, op("signin-link", http.MethodPost, "/api/signin/open/link", "Sign in by a one-time link"),
		func(ctx context.Context, in *struct {
			Browser
			Body struct {
				Ticket string `json:"ticket" minLength:"1" maxLength:"128"`
			}
		},
		) (*opened[OpenAnswer], error) {
			o, path, err := s.OpenByTicket(ctx, in.Body.Ticket, in.Agent, in.Old)
			if err != nil {
				return nil, err
			}
			return s.answer(o, secure, OpenAnswer{Path: path}), nil
		})
	httpx.Register(api, httpx.Public, op("signin-ssb", http.MethodPost, "/api/signin/open/ssb", "Sign in by a ticket of the government cloud"),
		func(ctx context.Context, in *struct {
			Browser
			Body struct {
				Provider string `json:"provider" minLength:"1" maxLength:"64"`
				Ticket   string `json:"ticket" minLength:"1" maxLength:"512"`
			}
		},
		) (*opened[OpenAnswer], error) {
			f, err := s.OpenBySSB(ctx, in.Body.Provider, in.Body.Ticket, in.Agent, in.Old)
			if err != nil {
				return nil, err
			}
			return s.answer(f.Opened, secure, OpenAnswer{Bind: f.Bind}), nil
		})
	httpx.Register(api, httpx.Public, op("signin-bind", http.MethodPost, "/api/signin/open/bind", "Bind an outside identity to an account, once"),
		func(ctx context.Context, in *struct {
			Browser
			Body struct {
				Ticket   string `json:"ticket" minLength:"1" maxLength:"128"`
				Account  string `json:"account" minLength:"1" maxLength:"64"`
				Password string `json:"password" minLength:"1" maxLength:"256"`
			}
		},
		) (*opened[OpenAnswer], error) {
			o, err := s.Bind(ctx, in.Body.Ticket, in.Body.Account, in.Body.Password, in.Agent, in.Old)
			if err != nil {
				return nil, err
			}
			return s.answer(o, secure, OpenAnswer{}), nil
		})
}

const stateCookie = "jx_oidc"

type redirect struct {
	Status    int
	Location  string        `header:"Location"`
	SetCookie []http.Cookie `header:"Set-Cookie"`
}

func (s *Service) registerOIDC(api huma.API, secure bool) {
	state := func(v string, age int) http.Cookie {
		return http.Cookie{Name: stateCookie, Value: v, Path: "/api/signin/oidc", MaxAge: age, HttpOnly: true, Secure: secure, SameSite: http.SameSiteLaxMode}
	}
	// A person stands before the browser here, so faults lead to a page.
	back := func(err error) *redirect {
		q := url.Values{"fault": {messageOf(err)}}
		if errs.CodeOf(err) == errs.Internal {
			q.Set("fault", "登录没有完成，请稍后再试")
		}
		return &redirect{Status: http.StatusFound, Location: "/login?" + q.Encode(), SetCookie: []http.Cookie{state("", -1)}}
	}
	httpx.Register(api, httpx.Public, op("signin-oidc-start", http.MethodGet, "/api/signin/oidc/{id}/start", "To the page of the identity provider"),
		func(ctx context.Context, in *struct {
			ByID
			To string `query:"to" maxLength:"300"`
		},
		) (*redirect, error) {
			address, st, err := s.StartOIDC(ctx, in.ID, in.To)
			if err != nil {
				s.o.Log.WarnContext(ctx, "sign-in by provider not begun", "err", err)
				return back(err), nil
			}
			return &redirect{Status: http.StatusFound, Location: address, SetCookie: []http.Cookie{state(st, int(bindTTL.Seconds()))}}, nil
		})
	httpx.Register(api, httpx.Public, op("signin-oidc-callback", http.MethodGet, "/api/signin/oidc/callback", "Back from the identity provider"),
		func(ctx context.Context, in *struct {
			Browser
			Kept  string `cookie:"jx_oidc"`
			Code  string `query:"code" maxLength:"2048"`
			State string `query:"state" maxLength:"128"`
		},
		) (*redirect, error) {
			f, err := s.FinishOIDC(ctx, in.Code, in.State, in.Kept, in.Agent, in.Old)
			if err != nil {
				s.o.Log.WarnContext(ctx, "sign-in by provider refused", "err", err)
				return back(err), nil
			}
			out := &redirect{Status: http.StatusFound, Location: f.To, SetCookie: []http.Cookie{state("", -1)}}
			switch {
			case f.Bind != "":
				// After a #: it reaches no log and no other host.
				out.Location = "/login#bind=" + url.QueryEscape(f.Bind) + "&to=" + url.QueryEscape(f.To)
			case f.Next != nil:
				out.Location = "/login#next=" + f.Next.Kind + "&ticket=" + url.QueryEscape(f.Next.Ticket) + "&to=" + url.QueryEscape(f.To)
			default:
				// One cookie: the HTTP floor would join two in one header.
				// The state is used up already and runs out by itself.
				out.SetCookie = []http.Cookie{s.acc.Cookie(f.Opened, secure)}
			}
			return out, nil
		})
}
