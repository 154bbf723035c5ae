package signin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/emmansun/gmsm/sm3"
	"golang.org/x/oauth2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// Provider is a foreign system that knows who somebody is.
type Provider struct {
	ID string `json:"id"`
	// Kind is oidc, or ssb for the one-time ticket of the government cloud.
	Kind string `json:"kind" enum:"oidc,ssb"`
	Name string `json:"name"`
	ProviderConfig
	// HasSecret tells that one is stored; it is never given out.
	HasSecret bool   `json:"hasSecret"`
	State     string `json:"state" enum:"active,off"`
	Rev       int    `json:"rev"`
}

// ProviderConfig is how a provider is reached.
type ProviderConfig struct {
	// URL is the issuer, or the base address of the ticket service.
	URL string `json:"url" maxLength:"300"`
	// ClientID is the client's or application's id at the provider.
	ClientID string `json:"clientId" maxLength:"200"`
	// RedirectURL is registered at the provider and ends in
	// /api/signin/oidc/callback.
	RedirectURL string `json:"redirectUrl,omitempty" maxLength:"300"`
	Scopes      string `json:"scopes,omitempty" maxLength:"200"`
	// Claim names the account when AutoLink trusts the provider with it;
	// otherwise a person binds the account once by its password.
	Claim    string `json:"claim,omitempty" maxLength:"60"`
	AutoLink bool   `json:"autoLink,omitempty"`
}

func (r providerRow) view() (Provider, error) {
	p := Provider{ID: r.ID, Kind: r.Kind, Name: r.Name, HasSecret: r.Secret != "", State: r.State, Rev: r.Rev}
	if err := json.Unmarshal([]byte(r.Body), &p.ProviderConfig); err != nil {
		return p, fmt.Errorf("read provider %s: %w", r.ID, err)
	}
	return p, nil
}

func secretAAD(id string) string { return "access_signin_providers.secret:" + id }

func (s *Service) checkProvider(p Provider, secret string) error {
	var f errs.Fields
	web := func(name, v string) {
		u, err := url.Parse(v)
		f.Check(err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && (s.o.Insecure || localURL(u.Scheme+"://"+u.Host))), name, "应为 https 开头的完整地址")
	}
	f.Check(slices.Contains([]string{"oidc", "ssb"}, p.Kind), "kind", "应为 oidc 或 ssb")
	f.Check(strings.TrimSpace(p.Name) != "", "name", "请填写名称")
	f.Check(p.ClientID != "", "clientId", "请填写应用标识")
	web("url", p.URL)
	if p.Kind == "oidc" {
		web("redirectUrl", p.RedirectURL)
		f.Check(strings.HasSuffix(p.RedirectURL, "/api/signin/oidc/callback"), "redirectUrl", "应以 /api/signin/oidc/callback 结尾")
		f.Check(!p.AutoLink || p.Claim != "", "claim", "自动绑定需要写明哪个声明是账号")
	}
	f.Check(secret != "" || p.HasSecret || p.Kind == "oidc", "secret", "请填写密钥")
	return f.Err()
}

// Providers lists every provider for the security administrator.
func (s *Service) Providers(ctx context.Context) ([]Provider, error) {
	if _, err := access.Need(ctx, access.SecurityView); err != nil {
		return nil, err
	}
	rows, err := providers(ctx, s.db.Read(), false)
	if err != nil {
		return nil, err
	}
	out := make([]Provider, 0, len(rows))
	for _, r := range rows {
		p, err := r.view()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// SaveProvider adds a provider (ID "") or changes one; secret "" keeps the
// stored one.
func (s *Service) SaveProvider(ctx context.Context, p Provider, secret string) (Provider, error) {
	if _, err := access.Need(ctx, access.SecurityRule); err != nil {
		return p, err
	}
	fresh := p.ID == ""
	row := providerRow{ID: ids.New(), Rev: 1}
	if !fresh {
		var err error
		if row, err = providerByID(ctx, s.db.Read(), p.ID); err != nil {
			return p, notFound(err, "登录方式")
		}
		if row.Rev != p.Rev {
			return p, errs.Conflict("登录方式刚被别人修改过，请刷新后重试")
		}
		p.Kind = row.Kind
	}
	p.HasSecret = row.Secret != ""
	if err := s.checkProvider(p, secret); err != nil {
		return p, err
	}
	b, err := json.Marshal(p.ProviderConfig)
	if err != nil {
		return p, fmt.Errorf("save provider: %w", err)
	}
	row.Kind, row.Name, row.Body, row.State = p.Kind, clip(p.Name, 60), string(b), p.State
	if row.State != "active" {
		row.State = "off"
	}
	if secret != "" {
		if row.Secret, err = s.o.Keys.Seal("signin.provider", secret, secretAAD(row.ID)); err != nil {
			return p, fmt.Errorf("seal provider's secret: %w", err)
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row.UpdatedAt = clock.At(tx.Now())
		if ok, err := saveProvider(ctx, tx, &row, fresh); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("登录方式刚被别人修改过，请刷新后重试")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.provider", Object: "signinProvider", ObjectID: row.ID, Summary: "登录方式 " + row.Name + "：" + row.State, After: p.ProviderConfig})
	})
	if err != nil {
		return p, err
	}
	return row.view()
}

// Way is one way of signing in that the log-in page offers.
type Way struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"oidc,ssb"`
	Name string `json:"name"`
}

// Ways is what the log-in page needs before anybody is known.
type Ways struct {
	Providers []Way `json:"providers"`
	// USBKey is the address of the local key program; empty for none.
	USBKey    string `json:"usbKey"`
	MinLength int    `json:"minLength"`
}

// Ways says how one can sign in here.
func (s *Service) Ways(ctx context.Context) (Ways, error) {
	rows, err := providers(ctx, s.db.Read(), true)
	if err != nil {
		return Ways{}, err
	}
	w := Ways{Providers: []Way{}, MinLength: s.current().MinLength}
	for _, r := range rows {
		w.Providers = append(w.Providers, Way{ID: r.ID, Kind: r.Kind, Name: r.Name})
	}
	list, err := anchors(ctx, s.db.Read(), true)
	if len(list) > 0 {
		w.USBKey = s.current().USBKey
	}
	return w, err
}

// active reads a provider that may be used, and its secret.
func (s *Service) active(ctx context.Context, id, kind string) (Provider, string, error) {
	row, err := providerByID(ctx, s.db.Read(), id)
	if err != nil {
		return Provider{}, "", notFound(err, "登录方式")
	}
	if row.State != "active" || row.Kind != kind {
		return Provider{}, "", errs.NotFound("登录方式")
	}
	secret, err := s.o.Keys.Open("signin.provider", row.Secret, secretAAD(row.ID))
	if err != nil {
		return Provider{}, "", fmt.Errorf("open provider's secret: %w", err)
	}
	p, err := row.view()
	return p, secret, err
}

// oidcPending is what is kept while a person is at the provider.
type oidcPending struct {
	Provider string `json:"provider"`
	Verifier string `json:"verifier"`
	Nonce    string `json:"nonce"`
	To       string `json:"to"`
}

func (s *Service) oidcClient(ctx context.Context, p Provider, secret string) (context.Context, *oidc.Provider, oauth2.Config, error) {
	ctx = oidc.ClientContext(ctx, s.o.HTTP)
	op, err := oidc.NewProvider(ctx, p.URL)
	if err != nil {
		return ctx, nil, oauth2.Config{}, errs.Wrap(errs.Unavailable, "统一身份认证暂时连不上，请用密码登录", err)
	}
	scopes := []string{oidc.ScopeOpenID}
	for _, x := range strings.Fields(p.Scopes) {
		if x != oidc.ScopeOpenID {
			scopes = append(scopes, x)
		}
	}
	return ctx, op, oauth2.Config{ClientID: p.ClientID, ClientSecret: secret, Endpoint: op.Endpoint(), RedirectURL: p.RedirectURL, Scopes: scopes}, nil
}

// StartOIDC gives the address of the provider's page, and the state that the
// same browser must bring back.
func (s *Service) StartOIDC(ctx context.Context, id, to string) (address, state string, err error) {
	if err := s.admit(ctx, ipOf(ctx), "oidc:"+clip(id, 40)+":"+ipOf(ctx)); err != nil {
		return "", "", err
	}
	p, secret, err := s.active(ctx, id, "oidc")
	if err != nil {
		return "", "", err
	}
	ctx, _, conf, err := s.oidcClient(ctx, p, secret)
	if err != nil {
		return "", "", err
	}
	if !ownPath(to) {
		to = "/"
	}
	w := oidcPending{Provider: id, Verifier: oauth2.GenerateVerifier(), Nonce: secretText(16), To: to}
	b, err := json.Marshal(w)
	if err != nil {
		return "", "", fmt.Errorf("start sign-in: %w", err)
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		state, _, err = s.issue(ctx, tx, kindOIDC, "", string(b), bindTTL)
		return err
	})
	if err != nil {
		return "", "", err
	}
	return conf.AuthCodeURL(state, oidc.Nonce(w.Nonce), oauth2.S256ChallengeOption(w.Verifier)), state, nil
}

// Foreign is the outcome of a foreign sign-in: a session, a further step, or
// a ticket to bind an account first.
type Foreign struct {
	access.Opened
	Bind string
	To   string
}

// FinishOIDC takes the provider's answer. kept is the state in the browser's
// cookie.
func (s *Service) FinishOIDC(ctx context.Context, code, state, kept, agent, old string) (Foreign, error) {
	if state == "" || subtle.ConstantTimeCompare([]byte(state), []byte(kept)) != 1 {
		return Foreign{}, errSpent()
	}
	c, err := s.spend(ctx, kindOIDC, state)
	if err != nil {
		return Foreign{}, err
	}
	var w oidcPending
	if err := json.Unmarshal([]byte(c.Data), &w); err != nil {
		return Foreign{}, fmt.Errorf("finish sign-in: %w", err)
	}
	p, secret, err := s.active(ctx, w.Provider, "oidc")
	if err != nil {
		return Foreign{}, err
	}
	subject, account, err := s.claims(ctx, p, secret, code, w)
	if err != nil {
		return Foreign{}, err
	}
	f := Foreign{To: w.To}
	person, bind, err := s.foreign(ctx, p.ID, subject)
	if err != nil {
		return f, err
	}
	if person == "" && p.AutoLink && account != "" {
		id, ok, err := s.acc.PersonByAccount(ctx, account)
		if err != nil {
			return f, err
		}
		if ok {
			if err := s.link(ctx, p.ID, subject, id); err != nil {
				return f, err
			}
			person = id
		}
	}
	if person == "" {
		f.Bind = bind
		return f, nil
	}
	f.Opened, err = s.openForeign(ctx, p.Kind, person, agent, old)
	return f, err
}

// claims changes the code for an id token and checks it.
func (s *Service) claims(ctx context.Context, p Provider, secret, code string, w oidcPending) (subject, account string, err error) {
	ctx, op, conf, err := s.oidcClient(ctx, p, secret)
	if err != nil {
		return "", "", err
	}
	refused := func(err error) error {
		return errs.Wrap(errs.Unauthenticated, "统一身份认证没有通过，请重新登录", err)
	}
	tok, err := conf.Exchange(ctx, code, oauth2.VerifierOption(w.Verifier))
	if err != nil {
		return "", "", refused(err)
	}
	raw, _ := tok.Extra("id_token").(string)
	idt, err := op.Verifier(&oidc.Config{ClientID: p.ClientID, Now: s.db.Now}).Verify(ctx, raw)
	if err != nil {
		return "", "", refused(err)
	}
	if subtle.ConstantTimeCompare([]byte(idt.Nonce), []byte(w.Nonce)) != 1 {
		return "", "", refused(errors.New("nonce differs"))
	}
	if p.Claim != "" {
		m := map[string]any{}
		if err := idt.Claims(&m); err != nil {
			return "", "", refused(err)
		}
		account, _ = m[p.Claim].(string)
	}
	return idt.Subject, clip(account, 64), nil
}

// SSBSign is the signature of the ticket service: HMAC-SM3 over the four
// values, one on each line.
func SSBSign(key, appID, ticket, ts, nonce string) string {
	m := hmac.New(func() hash.Hash { return sm3.New() }, []byte(key))
	_, _ = io.WriteString(m, strings.Join([]string{appID, ticket, ts, nonce}, "\n")) // a hash never fails
	return hex.EncodeToString(m.Sum(nil))
}

// OpenBySSB asks the government cloud who holds a ticket. Tickets are single
// use there; a replayed one is refused there.
func (s *Service) OpenBySSB(ctx context.Context, provider, ticket, agent, old string) (Foreign, error) {
	if err := s.admit(ctx, ipOf(ctx), "ssb:"+ipOf(ctx)); err != nil {
		return Foreign{}, err
	}
	if ticket == "" || len(ticket) > 512 {
		return Foreign{}, errSpent()
	}
	p, key, err := s.active(ctx, provider, "ssb")
	if err != nil {
		return Foreign{}, err
	}
	subject, err := s.validateSSB(ctx, p, key, ticket)
	if err != nil {
		return Foreign{}, err
	}
	person, bind, err := s.foreign(ctx, p.ID, subject)
	if err != nil || person == "" {
		return Foreign{Bind: bind}, err
	}
	o, err := s.openForeign(ctx, p.Kind, person, agent, old)
	return Foreign{Opened: o}, err
}

func (s *Service) validateSSB(ctx context.Context, p Provider, key, ticket string) (string, error) {
	ts, nonce := strconv.FormatInt(s.db.Now().UnixMilli(), 10), secretText(12)
	body, err := json.Marshal(map[string]string{"appId": p.ClientID, "ticket": ticket, "ts": ts, "nonce": nonce, "sign": SSBSign(key, p.ClientID, ticket, ts, nonce)})
	if err != nil {
		return "", fmt.Errorf("validate ticket: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.URL, "/")+"/sso/validate", bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("validate ticket: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := s.o.HTTP.Do(req)
	if err != nil {
		return "", errs.Wrap(errs.Unavailable, "随申办暂时连不上，请用密码登录", err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", errs.Wrap(errs.Unavailable, "随申办暂时连不上，请用密码登录", err)
	}
	return ssbSubject(res.StatusCode, raw)
}

// ssbSubject reads the ticket service's answer.
func ssbSubject(status int, raw []byte) (string, error) {
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return "", errSpent()
	}
	var a struct {
		Code int    `json:"code"`
		Msg  string `json:"msg"`
		Data struct {
			UserID string `json:"userId"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &a); err != nil || status != http.StatusOK {
		return "", errs.Wrap(errs.Unavailable, "随申办应答异常，请用密码登录", fmt.Errorf("status %d: %w", status, err))
	}
	if a.Code != 0 || a.Data.UserID == "" {
		return "", errs.Wrap(errs.Unauthenticated, "随申办没有认可这次登录，请回到随申办重新进入", fmt.Errorf("code %d: %s", a.Code, clip(a.Msg, 200)))
	}
	return a.Data.UserID, nil
}

func notFound(err error, what string) error {
	if db.NoRows(err) {
		return errs.NotFound(what)
	}
	return fmt.Errorf("read %s: %w", what, err)
}

func asError(err error) (*errs.Error, bool) {
	var e *errs.Error
	ok := errors.As(err, &e)
	return e, ok
}
