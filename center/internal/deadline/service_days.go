package deadline

import (
	"context"

	"jiexun/center/internal/platform/calendar"
)

// Calendar gives the working days as they are entered now, for domains that
// plan by them.
func (s *Service) Calendar(ctx context.Context) (calendar.Calendar, error) {
	return s.calendar(ctx, s.db.Read())
}
