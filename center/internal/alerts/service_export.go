package alerts

import (
	"context"
	"slices"
	"strconv"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
)

// FilterOf reads the list's query parameters, for work that runs later.
func FilterOf(q map[string]string) (Filter, error) {
	p := FilterParams{
		Tab: q["tab"], State: q["state"], Kind: q["kind"], Region: q["region"], Camera: q["camera"], Shop: q["shop"], Evidence: q["evidence"],
		From: q["from"], To: q["to"], Group: q["group"], Finding: q["finding"], Bind: q["bind"], SeenKind: q["seenKind"], Outcome: q["outcome"],
	}
	tabs := []string{"", string(TabPending), string(TabLater), string(TabMine), string(TabAll), string(TabResults)}
	if !slices.Contains(tabs, p.Tab) || !slices.Contains([]string{"", "right", "wrong"}, p.Outcome) || !slices.Contains([]string{"", "evidence", "clue"}, p.Evidence) {
		return Filter{}, errs.Invalidf("filter", "筛选条件不对")
	}
	for name, to := range map[string]*float64{"minScore": &p.MinScore, "maxScore": &p.MaxScore} {
		if q[name] == "" {
			continue
		}
		v, err := strconv.ParseFloat(q[name], 64)
		if err != nil || !(v >= 0 && v <= 1.01) {
			return Filter{}, errs.Invalidf(name, "置信度应在 0 到 1 之间")
		}
		*to = v
	}
	for name, to := range map[string]*int{"monthFrom": &p.MonthFrom, "monthTo": &p.MonthTo} {
		if q[name] == "" {
			continue
		}
		v, err := strconv.Atoi(q[name])
		if err != nil || v < 0 || v > 999912 {
			return Filter{}, errs.Invalidf(name, "月份应写成 202611 这样的六位数字")
		}
		*to = v
	}
	f, err := p.filter()
	f.Q = q["q"]
	return f, err
}

// Count gives how many alerts List would give in all.
func (s *Service) Count(ctx context.Context, f Filter) (int64, error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return 0, err
	}
	return countAll(ctx, s.db.Read(), who, f)
}

// Columns are those of an exported list.
func Columns() []sheet.Column {
	return []sheet.Column{
		{Title: "预警号", Width: 20}, {Title: "类型", Width: 10}, {Title: "状态", Width: 10}, {Title: "点位", Width: 20}, {Title: "地址", Width: 26},
		{Title: "街镇", Width: 12}, {Title: "围栏", Width: 16}, {Title: "商铺", Width: 20}, {Title: "绑定依据", Width: 20}, {Title: "置信度", Width: 8},
		{Title: "识别次数", Width: 8}, {Title: "首次出现", Width: 19}, {Title: "收到", Width: 19}, {Title: "结束", Width: 19}, {Title: "证据资格", Width: 10},
		{Title: "研判人", Width: 12}, {Title: "研判时间", Width: 19}, {Title: "工单号", Width: 18}, {Title: "店招变更", Width: 10}, {Title: "事实", Width: 60},
	}
}

// Each gives the rows of an exported list, newest first, without holding them:
// the alerts are those that List would give.
func (s *Service) Each(ctx context.Context, f Filter, emit func(values ...any) error) error {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return err
	}
	return each(ctx, s.db.Read(), who, f, func(a Alert) error {
		use := "仅作线索"
		if a.EvidenceUse == "evidence" {
			use = "可作证据"
		}
		return emit(a.No, KindLabel(a.Kind), a.State.Label(), a.CameraName, a.Address, a.StreetName, a.ZoneName, shopOrNone(a.ShopName), a.BindReason, a.Score,
			a.SeenCount, sheetTime(&a.SinceAt), sheetTime(&a.ReceivedAt), sheetTime(a.EndedAt), use, a.DecidedName, sheetTime(a.DecidedAt), a.OrderNo,
			FindingLabel(a.Finding), a.Text)
	})
}
