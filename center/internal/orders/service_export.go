package orders

import (
	"context"
	"io"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
)

// Export writes the filtered list as one xlsx at once: the rows are those of
// Each. Longer lists go through an export job.
func (s *Service) Export(ctx context.Context, f Filter, out io.Writer) error {
	n, err := s.Count(ctx, f)
	if err != nil {
		return err
	}
	if n > sheet.MaxRows {
		return errs.New(errs.TooLarge, "共 %d 条，超过一次导出 %d 条的上限，请加筛选条件或用后台导出", n, sheet.MaxRows)
	}
	w, err := sheet.New("工单", Columns())
	if err != nil {
		return err
	}
	if err := s.Each(ctx, f, w.Add); err != nil {
		return err
	}
	_, err = w.WriteTo(out)
	return err
}

// Columns are those of an exported list.
func Columns() []sheet.Column {
	return []sheet.Column{
		{Title: "工单号", Width: 18}, {Title: "类型", Width: 10}, {Title: "状态", Width: 8}, {Title: "商铺", Width: 20}, {Title: "地址", Width: 26},
		{Title: "街镇", Width: 12}, {Title: "点位", Width: 20}, {Title: "中队", Width: 16}, {Title: "队员", Width: 10}, {Title: "生成时间", Width: 19},
		{Title: "限时", Width: 19}, {Title: "时限状态", Width: 10}, {Title: "处置结果", Width: 10}, {Title: "反馈时间", Width: 19}, {Title: "办结时间", Width: 19},
		{Title: "证据资格", Width: 10}, {Title: "预警数", Width: 8}, {Title: "催办次数", Width: 8},
	}
}

// Each gives the rows of an exported list, newest first, without holding
// them: the orders are those that List would give.
func (s *Service) Each(ctx context.Context, f Filter, emit func(values ...any) error) error {
	who, err := s.viewer(ctx)
	if err != nil {
		return err
	}
	now := s.db.Now()
	return each(ctx, s.db.Read(), who, f, now, func(o Order) error {
		st, _ := o.Due(now)
		return emit(o.No, kindLabel(o.Kind), o.State.Label(), o.ShopName, o.Address, o.StreetName, o.CameraName, o.SquadName, o.OfficerName,
			sheetTime(o.CreatedAt), sheetTime(o.DueAt), dueLabel(st), o.Result.Label(), maybeTime(o.HandledAt), maybeTime(o.ClosedAt), useLabel(o.EvidenceUse), o.AlertCount, o.Urged)
	})
}

func sheetTime(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format(time.DateTime) }

func maybeTime(s *clock.Stamp) string {
	if s == nil {
		return ""
	}
	return sheetTime(*s)
}

func kindLabel(k string) string {
	switch k {
	case "stacking":
		return "占道堆物"
	case "frontage":
		return "跨门经营"
	case "sign":
		return "店招变更"
	case "picture":
		return "画面异常"
	}
	return k
}

func dueLabel(s DueState) string {
	switch s {
	case Over:
		return "超期"
	case Near:
		return "临期"
	case Done:
		return "已处置"
	}
	return "正常"
}

func useLabel(u string) string {
	if u == "evidence" {
		return "可作证据"
	}
	return "仅作线索"
}
