package shops

import (
	"context"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/sheet"
)

// FilterOf reads the query parameters of the list of shops.
func FilterOf(q map[string]string) Filter {
	return Filter{Region: region.Prefix(q["region"]), Camera: q["camera"], Q: strings.TrimSpace(q["q"]), Business: q["business"], State: q["state"], Road: q["road"], Smart: q["smart"], Pledge: q["pledge"], Bin: q["bin"] == "true"}
}

// Columns are the headings of an export of shops.
func Columns() []sheet.Column {
	return []sheet.Column{{Title: "编号", Width: 22}, {Title: "商铺名称", Width: 24}, {Title: "登记店招", Width: 24}, {Title: "别名与曾用名", Width: 30}, {Title: "地址", Width: 30}, {Title: "街镇", Width: 14}, {Title: "路段", Width: 12}, {Title: "门牌", Width: 8},
		{Title: "业态", Width: 12}, {Title: "经营者", Width: 12}, {Title: "信用代码", Width: 22}, {Title: "联系电话", Width: 16}, {Title: "告知承诺", Width: 12}, {Title: "智能监管", Width: 10}, {Title: "状态", Width: 8}, {Title: "经度", Width: 12}, {Title: "纬度", Width: 12}}
}

// Count is the number of shops of a filter.
func (s *Service) Count(ctx context.Context, f Filter) (int64, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return 0, err
	}
	return s.countAll(ctx, who, f)
}

// Each gives the rows of an export of shops; numbers are masked.
func (s *Service) Each(ctx context.Context, f Filter, emit func(...any) error) error {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return err
	}
	return s.each(ctx, who, f, func(x Shop) error {
		m := flat(&x)
		return emit(x.No, x.Name, x.SignName, m["aliases"], x.Address, x.StreetName, x.Road, x.HouseNo, x.Business, MaskName(x.Operator), MaskCode(x.CreditCode), x.ContactMask,
			m["pledgeYmd"], m["smart"], stateName(x.State), x.Lng, x.Lat)
	})
}

// SightFilterOf reads the query parameters of the survey ledger.
func SightFilterOf(q map[string]string) (SightFilter, error) {
	f := SightFilter{Region: region.Prefix(q["region"]), Task: q["task"], Camera: q["camera"], Shop: q["shop"], Road: q["road"], Verdict: q["verdict"], State: q["state"], Q: strings.TrimSpace(q["q"]), Unclaimed: q["unclaimed"] == "true"}
	for name, at := range map[string]*clock.Stamp{"from": &f.From, "to": &f.To} {
		if q[name] == "" {
			continue
		}
		if err := at.UnmarshalText([]byte(q[name])); err != nil {
			return f, errs.Invalidf(name, "时间应像 2026-11-24T08:00:00+08:00")
		}
	}
	return f, nil
}

// SightColumns are the headings of an export of the survey ledger.
func SightColumns() []sheet.Column {
	return []sheet.Column{{Title: "时间", Width: 19}, {Title: "路段", Width: 14}, {Title: "门牌", Width: 8}, {Title: "识别文字", Width: 26}, {Title: "商铺", Width: 26}, {Title: "业态", Width: 12}, {Title: "结论", Width: 10}, {Title: "状态", Width: 10},
		{Title: "名称相似度", Width: 10}, {Title: "距离（米）", Width: 10}, {Title: "置信度", Width: 10}, {Title: "次数", Width: 6}, {Title: "地址", Width: 30}, {Title: "确认人", Width: 12}, {Title: "店招图", Width: 40}, {Title: "全景图", Width: 40}, {Title: "任务", Width: 28}}
}

// CountSightings is the number of sightings of a filter.
func (s *Service) CountSightings(ctx context.Context, f SightFilter) (int64, error) {
	counts, err := s.SightingCounts(ctx, f)
	n := int64(0)
	for _, c := range counts {
		n += c
	}
	return n, err
}

// EachSighting gives the rows of an export of the survey ledger, with links
// to the pictures.
func (s *Service) EachSighting(ctx context.Context, f SightFilter, emit func(...any) error) error {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return err
	}
	link := func(sm3 string) string {
		if sm3 == "" {
			return ""
		}
		return "/api/blobs/" + sm3
	}
	return eachSighting(ctx, s.db.Read(), who, f, func(r sightingRow) error {
		return emit(r.At.Time().In(clock.Shanghai()).Format(time.DateTime), r.Road, r.HouseNo, r.Text, r.ShopName, r.Business, verdictWord(r.Verdict), stateWord(r.State),
			r.Similarity, r.DistanceM, r.Confidence, r.Looks, r.Address, r.DecidedBy, link(r.Crop), link(r.Frame), r.TaskID)
	})
}
