package orders

import (
	"strings"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// HandlingRule is one version of the numbers for orders of a kind that no clock
// knows. It is a row that staff edit; an order keeps the version it started
// with. How long an order may take is a deadline rule.
type HandlingRule struct {
	ID      string `json:"id"`
	Kind    string `json:"kind" doc:"An event kind, or * for all that have none of their own"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	// MergeHours is how long an open order of the same shop and kind takes
	// in further alerts; 0 never does.
	MergeHours int64 `json:"mergeHours"`
	// WarnDistanceM is the distance between officer and camera above which
	// an arrival needs a reason.
	WarnDistanceM float64 `json:"warnDistanceM"`
	// UrgeMinutes have to pass before an order is urged again.
	UrgeMinutes   int64        `json:"urgeMinutes"`
	EffectiveFrom clock.Stamp  `json:"effectiveFrom"`
	EffectiveTo   *clock.Stamp `json:"effectiveTo,omitempty"`
	Source        string       `json:"source"`
	Verified      bool         `json:"verified"`
	MadeBy        string       `json:"madeBy"`
	MadeAt        clock.Stamp  `json:"madeAt"`
}

// HandlingRuleInput is what staff write of a new version.
type HandlingRuleInput struct {
	Kind          string  `json:"kind" enum:"*,stacking,frontage,sign"`
	Name          string  `json:"name" maxLength:"40"`
	MergeHours    int64   `json:"mergeHours"`
	WarnDistanceM float64 `json:"warnDistanceM"`
	UrgeMinutes   int64   `json:"urgeMinutes"`
	// EffectiveFrom is at once when absent.
	EffectiveFrom *clock.Stamp `json:"effectiveFrom,omitempty"`
	Source        string       `json:"source" maxLength:"200"`
	Verified      bool         `json:"verified"`
}

func (in *HandlingRuleInput) check(now clock.Stamp) error {
	var f errs.Fields
	in.Name, in.Source = strings.TrimSpace(in.Name), strings.TrimSpace(in.Source)
	f.Check(in.Kind == "*" || validKind(in.Kind), "kind", "类型应为占道堆物、跨门经营、店招变更或全部")
	f.Check(in.Name != "", "name", "请填写规则名称")
	f.Check(in.MergeHours >= 0 && in.MergeHours <= 720, "mergeHours", "合并时间应在 0 到 720 小时之间，0 为不合并")
	f.Check(in.WarnDistanceM >= 20 && in.WarnDistanceM <= 5000, "warnDistanceM", "到场核对距离应在 20 到 5000 米之间")
	f.Check(in.UrgeMinutes >= 1 && in.UrgeMinutes <= 1440, "urgeMinutes", "催办间隔应在 1 到 1440 分钟之间")
	f.Check(in.Source != "", "source", "请写明依据；没有公开依据的写明待谁确认")
	f.Check(in.EffectiveFrom == nil || *in.EffectiveFrom >= now, "effectiveFrom", "生效时间不能早于现在")
	return f.Err()
}

func validKind(k string) bool { return k == "stacking" || k == "frontage" || k == "sign" }
