package signin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// tokenPrefix marks our tokens, so that a leaked one is found by a scanner.
const tokenPrefix = "jx_"

// Token is an API token as people see it; its text is shown once.
type Token struct {
	ID   string `json:"id"`
	Kind string `json:"kind" enum:"personal,service"`
	Name string `json:"name"`
	// OwnerID is the person with whose permissions it works.
	OwnerID   string       `json:"ownerId"`
	OwnerName string       `json:"ownerName"`
	Hint      string       `json:"hint" doc:"The first characters of the text"`
	Perms     []string     `json:"perms"`
	Prefixes  []string     `json:"prefixes"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	ExpiresAt clock.Stamp  `json:"expiresAt"`
	LastAt    *clock.Stamp `json:"lastAt,omitempty"`
	LastIP    string       `json:"lastIp"`
	RevokedAt *clock.Stamp `json:"revokedAt,omitempty"`
	Reason    string       `json:"reason"`
}

// NewToken is what makes one.
type NewToken struct {
	Name string
	// OwnerID is empty for one's own; another person's makes it a service
	// token, for which token.manage is needed.
	OwnerID  string
	Perms    []string
	Prefixes []string
	Days     int
}

// CreateToken makes a token and gives its text, which is stored nowhere.
func (s *Service) CreateToken(ctx context.Context, n NewToken) (Token, string, error) {
	who, err := access.From(ctx)
	if err != nil {
		return Token{}, "", err
	}
	if _, ok := access.CurrentSession(ctx); !ok {
		return Token{}, "", errs.Forbidden("令牌不能用来建立令牌，请登录后操作")
	}
	kind, owner := "personal", who
	if n.OwnerID != "" && n.OwnerID != who.ID {
		if _, err := access.Need(ctx, access.TokenManage); err != nil {
			return Token{}, "", err
		}
		kind = "service"
		if owner, err = s.acc.ActorOf(ctx, n.OwnerID); err != nil {
			return Token{}, "", err
		}
	}
	if err := s.checkToken(n, owner); err != nil {
		return Token{}, "", err
	}
	text := tokenPrefix + secretText(32)
	row := tokenRow{
		ID: ids.New(), Kind: kind, Name: clip(strings.TrimSpace(n.Name), 60), PersonID: owner.ID, Digest: digest(text), Hint: text[:7],
		Perms: strings.Join(slices.Compact(slices.Sorted(slices.Values(n.Perms))), ","), Prefixes: strings.Join(n.Prefixes, ","), CreatedBy: who.ID,
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row.CreatedAt, row.ExpiresAt = clock.At(tx.Now()), clock.At(tx.Now().AddDate(0, 0, n.Days))
		if err := insert(ctx, tx, "token", &row); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "token.create", Object: "token", ObjectID: row.ID, Summary: "建立接口令牌 " + row.Name,
			After: map[string]any{"owner": owner.Account, "perms": n.Perms, "prefixes": n.Prefixes, "days": n.Days}})
	})
	t := row.view()
	t.OwnerName = owner.Name
	return t, text, err
}

func (s *Service) checkToken(n NewToken, owner access.Actor) error {
	var f errs.Fields
	most := s.current().TokenDays
	f.Check(strings.TrimSpace(n.Name) != "", "name", "请填写用途")
	f.Check(n.Days >= 1 && n.Days <= most, "days", "有效期应为 1 到 %d 天", most)
	f.Check(len(n.Perms) > 0, "perms", "请选择权限")
	for _, p := range n.Perms {
		f.Check(owner.Has(p), "perms", "%s 没有权限 %s，令牌不能超出本人", owner.Name, p)
		for _, x := range n.Prefixes {
			f.Check(!owner.Has(p) || owner.ScopeFor(p).Covers(x), "prefixes", "区域 %s 超出 %s 的权限 %s 的数据范围", x, owner.Name, p)
		}
	}
	for _, x := range n.Prefixes {
		f.Check(x != "" && len(x) <= 12 && strings.Trim(x, "0123456789") == "", "prefixes", "区域应为区划代码")
	}
	return f.Err()
}

func split(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}

func (r tokenRow) view() Token {
	return Token{
		ID: r.ID, Kind: r.Kind, Name: r.Name, OwnerID: r.PersonID, Hint: r.Hint, Perms: split(r.Perms), Prefixes: split(r.Prefixes),
		CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, LastAt: r.LastAt, LastIP: r.LastIP, RevokedAt: r.RevokedAt, Reason: r.Reason,
	}
}

// Tokens lists the actor's own tokens, or with all every token in scope.
func (s *Service) Tokens(ctx context.Context, all bool) ([]Token, error) {
	who, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	owner := who.ID
	if all {
		if _, err := access.Need(ctx, access.TokenManage); err != nil {
			return nil, err
		}
		owner = ""
	}
	rows, err := tokens(ctx, s.db.Read(), owner)
	if err != nil {
		return nil, err
	}
	out := make([]Token, 0, len(rows))
	for _, r := range rows {
		if all && r.PersonID != who.ID && s.ownsTokensOf(ctx, r.PersonID) != nil {
			continue
		}
		t := r.view()
		p, err := s.acc.Person(ctx, r.PersonID)
		if err != nil {
			return nil, err
		}
		t.OwnerName = p.Name
		out = append(out, t)
	}
	return out, nil
}

func (s *Service) ownsTokensOf(ctx context.Context, personID string) error {
	who, err := access.Need(ctx, access.TokenManage)
	if err != nil {
		return err
	}
	p, err := s.acc.Person(ctx, personID)
	if err != nil {
		return err
	}
	o, err := s.acc.Org(ctx, p.OrgID)
	if err != nil {
		return err
	}
	if !who.Scope.Covers(o.RegionCode) {
		return errs.NotFound("令牌")
	}
	return nil
}

// RevokeToken ends a token at once.
func (s *Service) RevokeToken(ctx context.Context, id, reason string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	row, err := tokenByID(ctx, s.db.Read(), id)
	if err != nil {
		return notFound(err, "令牌")
	}
	if row.PersonID != who.ID {
		if err := s.ownsTokensOf(ctx, row.PersonID); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := revokeToken(ctx, tx, id, clip(reason, 200)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "token.revoke", Object: "token", ObjectID: id, Summary: "吊销接口令牌 " + row.Name, Reason: reason})
	})
}

// bearer reads our token out of an Authorization header; ok is false for
// anything else.
func bearer(header string) (token string, ok bool) {
	scheme, rest, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || !strings.HasPrefix(rest, tokenPrefix) {
		return "", false
	}
	if len(rest) < 20 || len(rest) > maxSecrets || strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return "", false
	}
	return rest, true
}

// identify is the way in of tokens: no cookie, so no CSRF token.
func (s *Service) identify(ctx context.Context, r httpx.Request) (context.Context, bool, error) {
	if r.Header == nil {
		return ctx, false, nil
	}
	h := r.Header("Authorization")
	if !strings.HasPrefix(strings.ToLower(h), "bearer "+tokenPrefix) {
		return ctx, false, nil
	}
	text, ok := bearer(h)
	if !ok {
		return ctx, true, errs.New(errs.Unauthenticated, "令牌的格式不对")
	}
	row, err := tokenByDigest(ctx, s.db.Read(), digest(text))
	if db.NoRows(err) {
		return ctx, true, errs.New(errs.Unauthenticated, "令牌不存在")
	}
	if err != nil {
		return ctx, true, fmt.Errorf("read token: %w", err)
	}
	now := s.db.Now()
	if row.RevokedAt != nil || row.ExpiresAt <= clock.At(now) {
		return ctx, true, errs.New(errs.Unauthenticated, "令牌已吊销或已到期")
	}
	owner, err := s.acc.ActorOf(ctx, row.PersonID)
	if err != nil {
		return ctx, true, errs.Wrap(errs.Unauthenticated, "令牌所属的人员已停用", err)
	}
	if row.LastAt == nil || now.Sub(row.LastAt.Time()) > time.Minute || row.LastIP != r.IP {
		if err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return touchToken(ctx, tx, row.ID, r.IP) }); err != nil {
			s.o.Log.Warn("token not touched", "err", err)
		}
	}
	prefixes := split(row.Prefixes)
	if len(prefixes) == 0 {
		prefixes = nil
	}
	return access.With(ctx, owner.Restrict(split(row.Perms), prefixes)), true, nil
}

// Introspect tells an outside system what a token may do, without counting
// as use of it. ok is false when it does not hold.
func (s *Service) Introspect(ctx context.Context, text string) (personID string, perms, prefixes []string, expiresAt clock.Stamp, ok bool, err error) {
	text, form := bearer("Bearer " + text)
	if !form {
		return "", nil, nil, 0, false, nil
	}
	row, err := tokenByDigest(ctx, s.db.Read(), digest(text))
	if db.NoRows(err) {
		return "", nil, nil, 0, false, nil
	}
	if err != nil {
		return "", nil, nil, 0, false, fmt.Errorf("read token: %w", err)
	}
	if row.RevokedAt != nil || row.ExpiresAt <= clock.At(s.db.Now()) {
		return "", nil, nil, 0, false, nil
	}
	owner, err := s.acc.ActorOf(ctx, row.PersonID)
	if errs.Is(err, errs.NotFoundCode) || errs.Is(err, errs.Unauthenticated) {
		return "", nil, nil, 0, false, nil
	}
	if err != nil {
		return "", nil, nil, 0, false, err
	}
	for _, p := range split(row.Perms) { // what the owner still holds
		if owner.Has(p) {
			perms = append(perms, p)
		}
	}
	return row.PersonID, perms, split(row.Prefixes), row.ExpiresAt, true, nil
}
