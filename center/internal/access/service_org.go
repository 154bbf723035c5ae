package access

import (
	"context"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Org is an organisation.
type Org struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Kind       string `json:"kind" enum:"bureau,district,squad,unit"`
	RegionCode string `json:"regionCode"`
	ParentID   string `json:"parentId"`
	// ScopeCode is the named scope of a unit that works across districts.
	ScopeCode string `json:"scopeCode,omitempty"`
	State     string `json:"state" enum:"active,disabled"`
	// MergedInto is where an organisation went.
	MergedInto string `json:"mergedInto,omitempty"`
	Rev        int    `json:"rev"`
}

func (o orgRow) org() Org {
	return Org{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID, ScopeCode: o.ScopeCode, State: o.State, MergedInto: o.MergedInto, Rev: o.Rev}
}

// SeedOrgs adds the organisations that are absent.
func (s *Service) SeedOrgs(ctx context.Context, list []Org) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows := make([]orgRow, 0, len(list))
		for _, o := range list {
			r := orgRow{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID, ScopeCode: o.ScopeCode, State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1}
			r.MAC = s.mac(r.parts())
			rows = append(rows, r)
		}
		n, err := upsertOrgs(ctx, tx, rows)
		if err != nil || n == 0 {
			return err
		}
		return bumpVersion(ctx, tx)
	})
}
