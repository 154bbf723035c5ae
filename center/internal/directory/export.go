package directory

import (
	"strings"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/sheet"
)

// Columns are those of an exported list.
func Columns() []sheet.Column {
	return []sheet.Column{
		{Title: "编号", Width: 16}, {Title: "国标编码", Width: 22}, {Title: "名称", Width: 24}, {Title: "地址", Width: 28}, {Title: "道路", Width: 14},
		{Title: "街镇区划代码", Width: 14}, {Title: "区", Width: 10}, {Title: "街镇", Width: 14}, {Title: "经度", Width: 12}, {Title: "纬度", Width: 12},
		{Title: "上海2000 东", Width: 14}, {Title: "上海2000 北", Width: 14}, {Title: "边缘盒", Width: 16}, {Title: "所属平台", Width: 16}, {Title: "状态", Width: 10},
		{Title: "状态起", Width: 19}, {Title: "画面", Width: 10}, {Title: "类型", Width: 20}, {Title: "证据资格", Width: 10}, {Title: "理由", Width: 50},
	}
}

// exported is a row of Columns.
func exported(x Listed, boxes map[string]string, now time.Time) []any {
	c := x.Camera
	use, reason := c.Legal.At(now)
	word := map[string]string{UseEvidence: "可作证据", UseClue: "仅作线索"}[use]
	since := ""
	if x.Health.Since != 0 {
		since = x.Health.Since.Time().In(clock.Shanghai()).Format(time.DateTime)
	}
	return []any{
		c.Code, c.GBCode, c.Name, c.Address, c.Road, c.RegionCode, c.RegionName, c.StreetName, c.Lng, c.Lat, c.East, c.North, boxes[c.BoxID], c.OwnerPlatform,
		StateLabel(x.Health.State), since, DiagnosisLabel(x.Health.Diagnosis), strings.Join(c.Tags, "、"), word, reason,
	}
}
