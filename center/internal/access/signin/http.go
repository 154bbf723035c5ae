package signin

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

type empty struct{}

type reasonBody struct {
	Reason string `json:"reason" maxLength:"200"`
}

// ByID names one thing in the path; huma reads only exported parts.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

func op(id, method, path, summary string) huma.Operation {
	o := huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"signin"}}
	return o
}

// none makes an operation answer 204.
func none(o huma.Operation) huma.Operation {
	o.DefaultStatus = http.StatusNoContent
	return o
}

// Register adds the routes. Secure marks cookies for HTTPS only.
func (s *Service) Register(api huma.API, secure bool) {
	s.registerOpen(api, secure)
	s.registerOIDC(api, secure)
	s.registerSelf(api)
	s.registerSessions(api)
	s.registerPolicy(api)
	s.registerTrust(api)
	s.registerTokens(api)
}

// Mine is what a person sees of their own ways of signing in.
type Mine struct {
	Sessions     []access.OpenSession `json:"sessions"`
	TOTP         bool                 `json:"totp"`
	TOTPRequired bool                 `json:"totpRequired"`
	RecoveryLeft int                  `json:"recoveryLeft"`
	Certs        []BoundCert          `json:"certs"`
	Links        []Link               `json:"links"`
	Tokens       []Token              `json:"tokens"`
	TokenDays    int                  `json:"tokenDays"`
}

type codes struct {
	Codes []string `json:"codes"`
}

func (s *Service) registerSelf(api huma.API) {
	httpx.Register(api, httpx.SignedIn, op("get-own-signin", http.MethodGet, "/api/signin/me", "One's own sessions, factors and tokens"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[Mine], error) { return httpx.Out(s.Mine(ctx)) })
	httpx.Register(api, httpx.SignedIn, op("start-own-totp", http.MethodPost, "/api/signin/me/totp", "Begin to set up one-time codes"),
		func(ctx context.Context, in *struct {
			Body struct {
				Password string `json:"password" minLength:"1" maxLength:"256"`
			}
		},
		) (*httpx.Body[Enrolment], error) {
			return httpx.Out(s.StartOwnTOTP(ctx, in.Body.Password))
		})
	httpx.Register(api, httpx.SignedIn, op("confirm-own-totp", http.MethodPost, "/api/signin/me/totp/confirm", "Make one-time codes hold; gives the recovery codes once"),
		func(ctx context.Context, in *struct {
			Body struct {
				Code string `json:"code" minLength:"6" maxLength:"10"`
			}
		},
		) (*httpx.Body[codes], error) {
			list, err := s.ConfirmOwnTOTP(ctx, in.Body.Code)
			return httpx.Out(codes{list}, err)
		})
	httpx.Register(api, httpx.SignedIn, none(op("drop-own-totp", http.MethodPost, "/api/signin/me/totp/drop", "End one's one-time codes")),
		func(ctx context.Context, in *struct {
			Body struct {
				Password string `json:"password" minLength:"1" maxLength:"256"`
			}
		},
		) (*empty, error) {
			return nil, s.DropOwnTOTP(ctx, in.Body.Password)
		})
	httpx.Register(api, httpx.SignedIn, none(op("drop-own-link", http.MethodDelete, "/api/signin/me/links/{id}", "Unbind an outside identity")),
		func(ctx context.Context, in *ByID) (*empty, error) { return nil, s.Unlink(ctx, in.ID) })
}

func (s *Service) registerSessions(api huma.API) {
	type listIn struct {
		httpx.Paging
		Method string `query:"method" maxLength:"20"`
		Person string `query:"person" maxLength:"64"`
	}
	httpx.Register(api, access.SessionManage, op("list-sessions", http.MethodGet, "/api/signin/sessions", "Open sessions in one's scope"),
		func(ctx context.Context, in *listIn) (*httpx.Body[httpx.List[access.OpenSession]], error) {
			order, err := in.Order(map[string]string{"seenAt": "s.seen_at", "since": "s.created_at", "account": "p.account", "ip": "s.ip"}, "s.seen_at DESC")
			if err != nil {
				return nil, err
			}
			list, n, err := s.acc.Sessions(ctx, access.SessionFilter{PersonID: in.Person, Method: in.Method, Q: in.Q, Order: order, Limit: in.Limit(), Offset: in.Offset()})
			return httpx.Out(httpx.NewList(list, n, in.Paging, s.db.Now()), err)
		})
	httpx.Register(api, httpx.SignedIn, none(op("end-session", http.MethodPost, "/api/signin/sessions/{id}/end", "End one session: one's own, or with session.manage somebody's in scope")),
		func(ctx context.Context, in *struct {
			ByID
			Body reasonBody
		},
		) (*empty, error) {
			return nil, s.acc.EndSession(ctx, in.ID, in.Body.Reason)
		})
	type ended struct {
		Ended int `json:"ended"`
	}
	httpx.Register(api, httpx.SignedIn, op("end-sessions", http.MethodPost, "/api/signin/persons/{id}/end", "End all sessions of a person but the one that asks"),
		func(ctx context.Context, in *struct {
			ByID
			Body reasonBody
		},
		) (*httpx.Body[ended], error) {
			n, err := s.acc.EndSessions(ctx, in.ID, in.Body.Reason)
			return httpx.Out(ended{n}, err)
		})
	httpx.Register(api, access.AccountManage, none(op("reset-totp", http.MethodPost, "/api/signin/persons/{id}/totp/reset", "End a person's one-time codes")),
		func(ctx context.Context, in *struct {
			ByID
			Body reasonBody
		},
		) (*empty, error) {
			return nil, s.ResetTOTP(ctx, in.ID, in.Body.Reason)
		})
}

func (s *Service) registerPolicy(api huma.API) {
	httpx.Register(api, access.SecurityView, op("list-signin-policies", http.MethodGet, "/api/signin/policies", "Versions of the policy, the one that holds first"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]PolicyVersion], error) {
			return httpx.Out(s.Policies(ctx))
		})
	httpx.Register(api, access.SecurityRule, op("save-signin-policy", http.MethodPost, "/api/signin/policies", "Make a new version of the policy"),
		func(ctx context.Context, in *struct {
			Body struct {
				Base     int    `json:"base"`
				Policy   Policy `json:"policy"`
				Source   string `json:"source" maxLength:"300"`
				Verified bool   `json:"verified"`
				Reason   string `json:"reason" minLength:"2" maxLength:"200"`
			}
		},
		) (*httpx.Body[PolicyVersion], error) {
			return httpx.Out(s.SavePolicy(ctx, in.Body.Base, PolicyVersion{Policy: in.Body.Policy, Source: in.Body.Source, Verified: in.Body.Verified, Reason: in.Body.Reason}))
		})
	httpx.Register(api, access.SecurityView, op("list-signin-providers", http.MethodGet, "/api/signin/providers", "Outside systems that one may sign in with"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Provider], error) {
			return httpx.Out(s.Providers(ctx))
		})
	httpx.Register(api, access.SecurityRule, op("save-signin-provider", http.MethodPost, "/api/signin/providers", "Add or change an outside system"),
		func(ctx context.Context, in *struct {
			Body struct {
				ID   string `json:"id,omitempty" maxLength:"64"`
				Kind string `json:"kind" enum:"oidc,ssb"`
				Name string `json:"name" minLength:"1" maxLength:"60"`
				ProviderConfig
				Secret string `json:"secret,omitempty" maxLength:"500"`
				State  string `json:"state" enum:"active,off"`
				Rev    int    `json:"rev,omitempty"`
			}
		},
		) (*httpx.Body[Provider], error) {
			b := in.Body
			return httpx.Out(s.SaveProvider(ctx, Provider{ID: b.ID, Kind: b.Kind, Name: b.Name, ProviderConfig: b.ProviderConfig, State: b.State, Rev: b.Rev}, b.Secret))
		})
}

func (s *Service) registerTrust(api huma.API) {
	httpx.Register(api, access.SecurityView, op("list-anchors", http.MethodGet, "/api/signin/anchors", "Certificate authorities that are trusted"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Anchor], error) {
			return httpx.Out(s.Anchors(ctx))
		})
	httpx.Register(api, access.SecurityRule, op("add-anchor", http.MethodPost, "/api/signin/anchors", "Trust a certificate authority"),
		func(ctx context.Context, in *struct {
			Body struct {
				Name        string `json:"name" maxLength:"80"`
				Certificate string `json:"certificate" maxLength:"16384"`
			}
		},
		) (*httpx.Body[Anchor], error) {
			return httpx.Out(s.AddAnchor(ctx, in.Body.Name, in.Body.Certificate))
		})
	httpx.Register(api, access.SecurityRule, none(op("set-anchor", http.MethodPost, "/api/signin/anchors/{id}/state", "Switch a certificate authority on or off")),
		func(ctx context.Context, in *struct {
			ByID
			Body struct {
				State  string `json:"state" enum:"active,off"`
				Reason string `json:"reason" minLength:"2" maxLength:"200"`
				Rev    int    `json:"rev"`
			}
		},
		) (*empty, error) {
			return nil, s.SetAnchor(ctx, in.ID, in.Body.State, in.Body.Reason, in.Body.Rev)
		})
	httpx.Register(api, access.SecurityRule, none(op("put-crl", http.MethodPut, "/api/signin/anchors/{id}/crl", "Take an authority's revocation list")),
		func(ctx context.Context, in *struct {
			ByID
			Body struct {
				CRL string `json:"crl" maxLength:"4194304"`
			}
		},
		) (*empty, error) {
			return nil, s.PutCRL(ctx, in.ID, in.Body.CRL)
		})
	httpx.Register(api, access.AccountManage, op("list-certs", http.MethodGet, "/api/signin/certs", "Certificates that stand for people"),
		func(ctx context.Context, in *struct {
			Person string `query:"person" maxLength:"64"`
		},
		) (*httpx.Body[[]BoundCert], error) {
			return httpx.Out(s.Certs(ctx, in.Person))
		})
	type boundCertID struct {
		ID string `json:"id"`
	}
	httpx.Register(api, access.AccountManage, op("bind-cert", http.MethodPost, "/api/signin/persons/{id}/certs", "Let a certificate stand for a person"),
		func(ctx context.Context, in *struct {
			ByID
			Body struct {
				Certificate string `json:"certificate" maxLength:"16384"`
			}
		},
		) (*httpx.Body[boundCertID], error) {
			id, err := s.BindCert(ctx, in.ID, in.Body.Certificate)
			return httpx.Out(boundCertID{id}, err)
		})
	httpx.Register(api, access.AccountManage, none(op("unbind-cert", http.MethodPost, "/api/signin/certs/{id}/end", "End a certificate's binding")),
		func(ctx context.Context, in *struct {
			ByID
			Body reasonBody
		},
		) (*empty, error) {
			return nil, s.UnbindCert(ctx, in.ID, in.Body.Reason)
		})
}

func (s *Service) registerTokens(api huma.API) {
	type freshToken struct {
		Token Token `json:"token"`
		// Text is shown this once.
		Text string `json:"text"`
	}
	httpx.Register(api, access.TokenManage, op("list-tokens", http.MethodGet, "/api/signin/tokens", "API tokens of people in one's scope"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Token], error) {
			return httpx.Out(s.Tokens(ctx, true))
		})
	httpx.Register(api, httpx.SignedIn, op("create-token", http.MethodPost, "/api/signin/tokens", "Make an API token: one's own, or with token.manage a service token"),
		func(ctx context.Context, in *struct {
			Body struct {
				Name     string   `json:"name" minLength:"1" maxLength:"60"`
				OwnerID  string   `json:"ownerId,omitempty" maxLength:"64"`
				Perms    []string `json:"perms" minItems:"1" maxItems:"100"`
				Prefixes []string `json:"prefixes,omitempty" maxItems:"50"`
				Days     int      `json:"days" minimum:"1" maximum:"730"`
			}
		},
		) (*httpx.Body[freshToken], error) {
			b := in.Body
			t, text, err := s.CreateToken(ctx, NewToken{Name: b.Name, OwnerID: b.OwnerID, Perms: b.Perms, Prefixes: b.Prefixes, Days: b.Days})
			return httpx.Out(freshToken{t, text}, err)
		})
	httpx.Register(api, httpx.SignedIn, none(op("revoke-token", http.MethodPost, "/api/signin/tokens/{id}/revoke", "End an API token at once")),
		func(ctx context.Context, in *struct {
			ByID
			Body reasonBody
		},
		) (*empty, error) {
			return nil, s.RevokeToken(ctx, in.ID, in.Body.Reason)
		})
}
