package alerts

import (
	"context"
	"fmt"

	"jiexun/center/internal/platform/db"
)

// EvidenceOf is what a confirmed alert rests on, for those who sign it.
type EvidenceOf struct {
	No, RegionCode         string
	DecidedBy, DecidedName string
	// Pictures are the SM3 digests of its files.
	Pictures []string
}

// Evidence reads an alert's evidence for consumers of its events, which act
// for no person. It gives false when there is no such alert.
func (s *Service) Evidence(ctx context.Context, tx db.Tx, id string) (EvidenceOf, bool, error) {
	var r itemRow
	err := tx.NewSelect().Model(&r).Where("a.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return EvidenceOf{}, false, nil
	}
	if err != nil {
		return EvidenceOf{}, false, fmt.Errorf("load alert: %w", err)
	}
	p, err := picturesOf(ctx, tx, id)
	return EvidenceOf{r.No, r.RegionCode, r.DecidedBy, r.DecidedName, p}, true, err
}
