package orders

import (
	"context"
	"slices"

	"jiexun/center/internal/platform/errs"
)

// FilterOf reads the list's query parameters, for work that runs later.
func FilterOf(q map[string]string) (Filter, error) {
	p := FilterParams{
		Tab: q["tab"], State: q["state"], Kind: q["kind"], Region: q["region"], Squad: q["squad"], Officer: q["officer"],
		Camera: q["camera"], Shop: q["shop"], Due: q["due"], From: q["from"], To: q["to"],
		Result: q["result"], Phase: q["phase"], Urged: q["urged"] == "true",
	}
	if !slices.Contains([]string{"", "mine", "todo", "all", "closed"}, p.Tab) || !slices.Contains([]string{"", "overdue", "near", "ok"}, p.Due) ||
		!slices.Contains([]string{"", "open", "done"}, p.Phase) || p.State != "" && !State(p.State).Valid() || p.Result != "" && !Result(p.Result).Valid() {
		return Filter{}, errs.Invalidf("filter", "筛选条件不对")
	}
	f, err := p.filter()
	f.Q = q["q"]
	return f, err
}

// Count gives the number of the orders that List would give.
func (s *Service) Count(ctx context.Context, f Filter) (int64, error) {
	who, err := s.viewer(ctx)
	if err != nil {
		return 0, err
	}
	return countOf(ctx, s.db.Read(), who, f, s.db.Now())
}
