package access

import (
	"context"
	"fmt"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Contact is how notices reach a person. Phone is unmasked: it is for the
// sending of notices alone and never leaves through an interface.
type Contact struct {
	ID, Name, Account, Phone, OrgID string
	Active                          bool
}

// ContactOf finds how to reach a person.
func (s *Service) ContactOf(ctx context.Context, id string) (Contact, error) {
	p, err := personByID(ctx, s.db.Read(), id)
	if db.NoRows(err) {
		return Contact{}, errs.NotFound("人员")
	}
	if err != nil {
		return Contact{}, fmt.Errorf("read contact: %w", err)
	}
	return Contact{ID: p.ID, Name: p.Name, Account: p.Account, Phone: s.phone(p), OrgID: p.OrgID, Active: p.State == StateActive}, nil
}
