package access

import (
	"context"
	"strings"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// NamedScope is a part of the city that follows no single district.
type NamedScope struct {
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Prefixes []string `json:"prefixes"`
	Note     string   `json:"note"`
	State    string   `json:"state" enum:"active,disabled"`
	Rev      int      `json:"rev"`
}

// SeedScopes adds the named scopes that are absent.
func (s *Service) SeedScopes(ctx context.Context, list []NamedScope) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows := make([]scopeRow, 0, len(list))
		for _, x := range list {
			r := scopeRow{Code: x.Code, Name: x.Name, Prefixes: strings.Join(normal(x.Prefixes), ","), Note: x.Note, State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1}
			r.MAC = s.mac(r.parts())
			rows = append(rows, r)
		}
		n, err := upsertScopes(ctx, tx, rows)
		if err != nil || n == 0 {
			return err
		}
		return bumpVersion(ctx, tx)
	})
}
