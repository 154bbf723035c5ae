package orders

import (
	"context"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
)

// FilterOf reads the list's query parameters, for work that runs later.
func FilterOf(q map[string]string) (Filter, error) {
	p := FilterParams{
		Tab: q["tab"], State: q["state"], Kind: q["kind"], Region: q["region"], Squad: q["squad"], Officer: q["officer"],
		Camera: q["camera"], Shop: q["shop"], Due: q["due"], From: q["from"], To: q["to"],
	}
	if !slices.Contains([]string{"", "mine", "todo", "all", "closed"}, p.Tab) || !slices.Contains([]string{"", "overdue", "near", "ok"}, p.Due) {
		return Filter{}, errs.Invalidf("filter", "筛选条件不对")
	}
	f, err := p.filter()
	f.Q = q["q"]
	return f, err
}

// Count gives the number of the orders that List would give.
func (s *Service) Count(ctx context.Context, f Filter) (int64, error) {
	who, err := access.Need(ctx, access.OrderView)
	if err != nil {
		return 0, err
	}
	return countOf(ctx, s.db.Read(), who, f, s.db.Now())
}

// Columns are those of an exported list.
func Columns() []sheet.Column {
	return []sheet.Column{
		{Title: "工单号", Width: 18}, {Title: "类型", Width: 10}, {Title: "状态", Width: 8}, {Title: "商铺", Width: 20}, {Title: "地址", Width: 26},
		{Title: "街镇", Width: 12}, {Title: "点位", Width: 20}, {Title: "中队", Width: 16}, {Title: "队员", Width: 10}, {Title: "生成时间", Width: 19},
		{Title: "限时", Width: 19}, {Title: "时限状态", Width: 10}, {Title: "处置结果", Width: 10}, {Title: "证据资格", Width: 10}, {Title: "预警数", Width: 8},
	}
}

// Each gives the rows of an exported list, newest first, without holding
// them: the orders are those that List would give.
func (s *Service) Each(ctx context.Context, f Filter, emit func(values ...any) error) error {
	who, err := access.Need(ctx, access.OrderView)
	if err != nil {
		return err
	}
	now := s.db.Now()
	return each(ctx, s.db.Read(), who, f, now, func(o Order) error {
		st, _ := o.Due(now)
		return emit(o.No, kindLabel(o.Kind), o.State.Label(), o.ShopName, o.Address, o.StreetName, o.CameraName, o.SquadName, o.OfficerName,
			sheetTime(o.CreatedAt), sheetTime(o.DueAt), dueLabel(st), o.Result.Label(), useLabel(o.EvidenceUse), o.AlertCount)
	})
}
