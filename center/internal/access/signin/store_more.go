package signin

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type anchorRow struct {
	bun.BaseModel `bun:"table:access_signin_anchors,alias:a"`

	ID          string `bun:",pk"`
	Name        string
	Subject     string
	SKI         string `bun:"ski"`
	PEM         string `bun:"pem"`
	NotBeforeAt clock.Stamp
	NotAfterAt  clock.Stamp
	CRL         string       `bun:"crl"`
	CRLNumber   string       `bun:"crl_number"`
	CRLThisAt   *clock.Stamp `bun:"crl_this_at"`
	CRLNextAt   *clock.Stamp `bun:"crl_next_at"`
	State       string
	CreatedAt   clock.Stamp
	Rev         int
}

type certRow struct {
	bun.BaseModel `bun:"table:access_signin_certs,alias:c"`

	ID         string `bun:",pk"`
	PersonID   string
	Serial     string
	Subject    string
	Issuer     string
	SKI        string `bun:"ski"`
	Digest     string
	NotAfterAt clock.Stamp
	State      string
	CreatedAt  clock.Stamp
	LastAt     *clock.Stamp
}

type providerRow struct {
	bun.BaseModel `bun:"table:access_signin_providers,alias:v"`

	ID        string `bun:",pk"`
	Kind      string
	Name      string
	Body      string
	Secret    string
	State     string
	UpdatedAt clock.Stamp
	Rev       int
}

type linkRow struct {
	bun.BaseModel `bun:"table:access_signin_links,alias:l"`

	ProviderID string `bun:",pk"`
	Subject    string `bun:",pk"`
	PersonID   string
	CreatedAt  clock.Stamp
	LastAt     *clock.Stamp
}

type tokenRow struct {
	bun.BaseModel `bun:"table:access_signin_tokens,alias:k"`

	ID        string `bun:",pk"`
	Kind      string
	Name      string
	PersonID  string
	Digest    string
	Hint      string
	Perms     string
	Prefixes  string
	CreatedBy string
	CreatedAt clock.Stamp
	ExpiresAt clock.Stamp
	LastAt    *clock.Stamp
	LastIP    string `bun:"last_ip"`
	RevokedAt *clock.Stamp
	Reason    string
}

// plainCode takes the dashes out of a recovery code.
func plainCode(c string) string { return strings.ReplaceAll(c, "-", "") }

func anchors(ctx context.Context, q reader, active bool) ([]anchorRow, error) {
	rows := []anchorRow{}
	s := q.NewSelect().Model(&rows).Order("a.id")
	if active {
		s = s.Where("a.state = 'active'")
	}
	if err := s.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read trust anchors: %w", err)
	}
	return rows, nil
}

func anchorByID(ctx context.Context, q reader, id string) (anchorRow, error) {
	var a anchorRow
	err := q.NewSelect().Model(&a).Where("a.id = ?", id).Scan(ctx)
	return a, err
}

func setAnchor(ctx context.Context, tx db.Tx, id, state string, rev int) (bool, error) {
	return changed(ctx, "set trust anchor", tx.NewUpdate().Model((*anchorRow)(nil)).Set("state = ?", state).Set("rev = rev + 1").Where("id = ? AND rev = ?", id, rev))
}

func saveCRL(ctx context.Context, tx db.Tx, a *anchorRow) error {
	_, err := changed(ctx, "save revocation list", tx.NewUpdate().Model(a).Column("crl", "crl_number", "crl_this_at", "crl_next_at").Set("rev = rev + 1").WherePK())
	return err
}

func certs(ctx context.Context, q reader, person string) ([]certRow, error) {
	rows := []certRow{}
	s := q.NewSelect().Model(&rows).Order("c.id DESC").Limit(500)
	if person != "" {
		s = s.Where("c.person_id = ?", person)
	}
	if err := s.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	return rows, nil
}

func certByID(ctx context.Context, q reader, id string) (certRow, error) {
	var c certRow
	err := q.NewSelect().Model(&c).Where("c.id = ?", id).Scan(ctx)
	return c, err
}

func certByDigest(ctx context.Context, q reader, dig string) (certRow, error) {
	var c certRow
	err := q.NewSelect().Model(&c).Where("c.digest = ?", dig).Scan(ctx)
	return c, err
}

func touchCert(ctx context.Context, tx db.Tx, id string) error {
	_, err := changed(ctx, "touch certificate", tx.NewUpdate().Model((*certRow)(nil)).Set("last_at = ?", clock.At(tx.Now())).Where("id = ?", id))
	return err
}

func dropCert(ctx context.Context, tx db.Tx, id string) error {
	if _, err := tx.NewDelete().Model((*certRow)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("drop certificate: %w", err)
	}
	return nil
}

func providers(ctx context.Context, q reader, active bool) ([]providerRow, error) {
	rows := []providerRow{}
	s := q.NewSelect().Model(&rows).Order("v.id")
	if active {
		s = s.Where("v.state = 'active'")
	}
	if err := s.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read providers: %w", err)
	}
	return rows, nil
}

func providerByID(ctx context.Context, q reader, id string) (providerRow, error) {
	var v providerRow
	err := q.NewSelect().Model(&v).Where("v.id = ?", id).Scan(ctx)
	return v, err
}

func saveProvider(ctx context.Context, tx db.Tx, r *providerRow, fresh bool) (bool, error) {
	if fresh {
		return true, insert(ctx, tx, "provider", r)
	}
	old := r.Rev
	r.Rev++
	return changed(ctx, "save provider", tx.NewUpdate().Model(r).WherePK().Where("rev = ?", old))
}

func linkOf(ctx context.Context, q reader, provider, subject string) (linkRow, error) {
	var l linkRow
	err := q.NewSelect().Model(&l).Where("l.provider_id = ? AND l.subject = ?", provider, subject).Scan(ctx)
	return l, err
}

func putLink(ctx context.Context, tx db.Tx, provider, subject, person string) error {
	row := linkRow{ProviderID: provider, Subject: subject, PersonID: person, CreatedAt: clock.At(tx.Now())}
	_, err := tx.NewInsert().Model(&row).On("CONFLICT (provider_id, subject) DO UPDATE").Set("person_id = EXCLUDED.person_id").Set("created_at = EXCLUDED.created_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("bind identity: %w", err)
	}
	return nil
}

func linksOf(ctx context.Context, q reader, person string) ([]linkRow, error) {
	rows := []linkRow{}
	if err := q.NewSelect().Model(&rows).Where("l.person_id = ?", person).Order("l.created_at").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read bound identities: %w", err)
	}
	return rows, nil
}

func dropLinks(ctx context.Context, tx db.Tx, provider, person string) error {
	if _, err := tx.NewDelete().Model((*linkRow)(nil)).Where("provider_id = ? AND person_id = ?", provider, person).Exec(ctx); err != nil {
		return fmt.Errorf("unbind identity: %w", err)
	}
	return nil
}

func tokens(ctx context.Context, q reader, owner string) ([]tokenRow, error) {
	rows := []tokenRow{}
	s := q.NewSelect().Model(&rows).Order("k.id DESC").Limit(500)
	if owner != "" {
		s = s.Where("k.person_id = ?", owner)
	}
	if err := s.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read tokens: %w", err)
	}
	return rows, nil
}

func tokenByID(ctx context.Context, q reader, id string) (tokenRow, error) {
	var t tokenRow
	err := q.NewSelect().Model(&t).Where("k.id = ?", id).Scan(ctx)
	return t, err
}

func tokenByDigest(ctx context.Context, q reader, dig string) (tokenRow, error) {
	var t tokenRow
	err := q.NewSelect().Model(&t).Where("k.digest = ?", dig).Scan(ctx)
	return t, err
}

func touchToken(ctx context.Context, tx db.Tx, id, ip string) error {
	_, err := changed(ctx, "touch token", tx.NewUpdate().Model((*tokenRow)(nil)).Set("last_at = ?", clock.At(tx.Now())).Set("last_ip = ?", ip).Where("id = ?", id))
	return err
}

func revokeToken(ctx context.Context, tx db.Tx, id, reason string) error {
	_, err := changed(ctx, "revoke token", tx.NewUpdate().Model((*tokenRow)(nil)).Set("revoked_at = ?", clock.At(tx.Now())).Set("reason = ?", reason).Where("id = ? AND revoked_at IS NULL", id))
	return err
}
