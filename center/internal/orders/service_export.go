package orders

import (
	"context"
	"io"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

// Export writes the filtered list as xlsx: the rows are those that List
// counts.
func (s *Service) Export(ctx context.Context, f Filter, p httpx.Paging, out io.Writer) error {
	p.Page, p.Size = 1, 200
	first, err := s.List(ctx, f, p)
	if err != nil {
		return err
	}
	if first.Total > sheet.MaxRows {
		return errs.New(errs.TooLarge, "共 %d 条，超过一次导出 %d 条的上限，请加筛选条件", first.Total, sheet.MaxRows)
	}
	w, err := sheet.New("工单", []sheet.Column{
		{Title: "工单号", Width: 18}, {Title: "类型", Width: 10}, {Title: "状态", Width: 8}, {Title: "商铺", Width: 20}, {Title: "地址", Width: 26},
		{Title: "街镇", Width: 12}, {Title: "点位", Width: 20}, {Title: "中队", Width: 16}, {Title: "队员", Width: 10}, {Title: "生成时间", Width: 19},
		{Title: "限时", Width: 19}, {Title: "时限状态", Width: 10}, {Title: "处置结果", Width: 10}, {Title: "证据资格", Width: 10}, {Title: "预警数", Width: 8},
	})
	if err != nil {
		return err
	}
	for res := first; ; {
		for _, o := range res.Items {
			st, _ := o.Due(res.AsOf.Time())
			err := w.Add(o.No, kindLabel(o.Kind), o.State.Label(), o.ShopName, o.Address, o.StreetName, o.CameraName, o.SquadName, o.OfficerName,
				sheetTime(o.CreatedAt), sheetTime(o.DueAt), dueLabel(st), o.Result.Label(), useLabel(o.EvidenceUse), o.AlertCount)
			if err != nil {
				return err
			}
		}
		if int64(p.Page)*int64(p.Size) >= first.Total {
			break
		}
		p.Page++
		if res, err = s.List(ctx, f, p); err != nil {
			return err
		}
	}
	_, err = w.WriteTo(out)
	return err
}

func sheetTime(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format(time.DateTime) }

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
