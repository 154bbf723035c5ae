package signin

import (
	"context"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Link is an outside identity that is bound to an account.
type Link struct {
	ProviderID   string      `json:"providerId"`
	ProviderName string      `json:"providerName"`
	Since        clock.Stamp `json:"since"`
}

// Mine gathers the actor's own sessions, factors and tokens.
func (s *Service) Mine(ctx context.Context) (Mine, error) {
	who, err := access.From(ctx)
	if err != nil {
		return Mine{}, err
	}
	m := Mine{TokenDays: s.current().TokenDays, TOTPRequired: s.current().forRoles(s.current().TOTPRoles, who.Roles), Links: []Link{}}
	row, err := totpOf(ctx, s.db.Read(), who.ID)
	if err != nil && !db.NoRows(err) {
		return m, err
	}
	m.TOTP = err == nil && row.ConfirmedAt != nil
	if m.RecoveryLeft, err = recoveryLeft(ctx, s.db.Read(), who.ID); err != nil {
		return m, err
	}
	if m.Sessions, err = s.acc.OwnSessions(ctx); err != nil {
		return m, err
	}
	if m.Certs, err = s.Certs(ctx, who.ID); err != nil {
		return m, err
	}
	if m.Tokens, err = s.Tokens(ctx, false); err != nil {
		return m, err
	}
	links, err := linksOf(ctx, s.db.Read(), who.ID)
	if err != nil {
		return m, err
	}
	for _, l := range links {
		p, err := providerByID(ctx, s.db.Read(), l.ProviderID)
		if err != nil {
			return m, err
		}
		m.Links = append(m.Links, Link{ProviderID: l.ProviderID, ProviderName: p.Name, Since: l.CreatedAt})
	}
	return m, nil
}

// Unlink ends the binding of the actor's account to a provider's identity.
func (s *Service) Unlink(ctx context.Context, provider string) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := dropLinks(ctx, tx, provider, who.ID); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.unlink", Object: "account", ObjectID: who.ID, Summary: "解除外部身份", Before: map[string]string{"provider": provider}})
	})
}
