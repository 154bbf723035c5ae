package security

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Severities of rules and alerts.
const (
	Low      = "low"
	Medium   = "medium"
	High     = "high"
	Critical = "critical"
)

// Codes of rules. What each reads is code; when it speaks is configuration.
const (
	RuleLogin     = "login.failed"
	RuleOffHours  = "login.offhours"
	RuleReveal    = "reveal.many"
	RuleExport    = "export.many"
	RulePrivilege = "privilege.changed"
	RuleDenied    = "access.denied"
	RuleInterface = "interface.abuse"
	RuleBox       = "box.duplicate"
	RuleAudit     = "audit.broken"
	RuleIntegrity = "integrity.failed"
)

// Params are the numbers of a rule.
type Params struct {
	// Threshold is how many times within WindowMinutes make an alert.
	Threshold     int `json:"threshold" minimum:"1" maximum:"100000"`
	WindowMinutes int `json:"windowMinutes" minimum:"1" maximum:"10080"`
	// FromHour and ToHour bound working hours of Shanghai for the rule of
	// signing in off hours.
	FromHour int `json:"fromHour,omitempty" minimum:"0" maximum:"23"`
	ToHour   int `json:"toHour,omitempty" minimum:"0" maximum:"24"`
	// Roles narrow the rule of privileges.
	Roles []string `json:"roles,omitempty" maxItems:"50"`
}

// Rule is one version of a rule.
type Rule struct {
	Code     string      `json:"code"`
	Version  int         `json:"version"`
	Title    string      `json:"title"`
	About    string      `json:"about" doc:"What it reads"`
	Params   Params      `json:"params"`
	Severity string      `json:"severity" enum:"low,medium,high,critical"`
	On       bool        `json:"on"`
	Source   string      `json:"source"`
	Verified bool        `json:"verified"`
	Reason   string      `json:"reason"`
	ByName   string      `json:"byName"`
	At       clock.Stamp `json:"at"`
}

// defaults are the rules of a new installation. The numbers are the
// project's own until somebody confirms them.
func defaults() []Rule {
	const source = "GB/T 22239-2019 第二级 安全审计（具体数值由项目确定，待核）"
	r := func(code, title, about, severity string, p Params) Rule {
		return Rule{Code: code, Title: title, About: about, Severity: severity, Params: p, On: true, Source: source, Reason: "初始", ByName: "系统"}
	}
	return []Rule{
		r(RuleLogin, "连续登录失败", "登录失败事件，按账号计数", High, Params{Threshold: 5, WindowMinutes: 15}),
		r(RuleOffHours, "非工作时间登录", "登录成功事件，按人员计数；上海时间在起止小时以外", Low, Params{Threshold: 1, WindowMinutes: 60, FromHour: 6, ToHour: 23}),
		r(RuleReveal, "频繁查看敏感信息", "查看完整证件号、电话的事件，按人员计数", High, Params{Threshold: 20, WindowMinutes: 60}),
		r(RuleExport, "频繁导出数据", "导出类接口的调用，按人员计数", Medium, Params{Threshold: 10, WindowMinutes: 60}),
		r(RulePrivilege, "高权限授权变更", "授权变更事件，限所列角色", Medium, Params{Threshold: 1, WindowMinutes: 60, Roles: []string{"sys_admin", "sec_admin", "audit_admin"}}),
		r(RuleDenied, "频繁越权访问", "被拒绝（403）的调用，按人员计数", Medium, Params{Threshold: 30, WindowMinutes: 10}),
		r(RuleInterface, "接口异常调用", "开放接口和令牌被拒绝（401、403、429）的调用，按来源地址计数", High, Params{Threshold: 50, WindowMinutes: 10}),
		r(RuleBox, "边缘盒证书被第二台机器使用", "边缘盒登记状态", High, Params{Threshold: 1, WindowMinutes: 60}),
		r(RuleAudit, "审计链不完整", "审计链校验事件", Critical, Params{Threshold: 1, WindowMinutes: 1440}),
		r(RuleIntegrity, "数据或程序完整性校验失败", "密文、签名、权限行、程序文件的校验失败事件", Critical, Params{Threshold: 1, WindowMinutes: 1440}),
	}
}

func about(code string) string {
	list := defaults()
	if i := slices.IndexFunc(list, func(r Rule) bool { return r.Code == code }); i >= 0 {
		return list[i].About
	}
	return ""
}

func (r ruleRow) view() (Rule, error) {
	v := Rule{Code: r.Code, Version: r.Version, Title: r.Title, About: about(r.Code), Severity: r.Severity, On: r.State == "on", Source: r.Source, Verified: r.Verified == 1, Reason: r.Reason, ByName: r.ByName, At: r.CreatedAt}
	if err := json.Unmarshal([]byte(r.Params), &v.Params); err != nil {
		return v, fmt.Errorf("read rule %s: %w", r.Code, err)
	}
	return v, nil
}

func rowOf(v Rule, now clock.Stamp) (ruleRow, error) {
	b, err := json.Marshal(v.Params)
	if err != nil {
		return ruleRow{}, fmt.Errorf("save rule %s: %w", v.Code, err)
	}
	row := ruleRow{Code: v.Code, Version: v.Version, Title: v.Title, Params: string(b), Severity: v.Severity, State: "off", Source: v.Source, Reason: v.Reason, ByName: v.ByName, CreatedAt: now}
	if v.On {
		row.State = "on"
	}
	if v.Verified {
		row.Verified = 1
	}
	return row, nil
}

func (s *Service) seedRules(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, r := range defaults() {
			r.Version = 1
			row, err := rowOf(r, clock.At(tx.Now()))
			if err != nil {
				return err
			}
			if err := addRuleOnce(ctx, tx, &row); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rules lists the rules that hold; with history every version of one.
func (s *Service) Rules(ctx context.Context, code string) ([]Rule, error) {
	if _, err := access.Need(ctx, access.SecurityView); err != nil {
		return nil, err
	}
	rows, err := rules(ctx, s.db.Read(), code)
	if err != nil {
		return nil, err
	}
	out := make([]Rule, 0, len(rows))
	for _, r := range rows {
		v, err := r.view()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// SaveRule makes a new version of a rule; v.Version is the one that the
// editor saw.
func (s *Service) SaveRule(ctx context.Context, v Rule) (Rule, error) {
	who, err := access.Need(ctx, access.SecurityRule)
	if err != nil {
		return v, err
	}
	var f errs.Fields
	f.Check(v.Params.Threshold >= 1, "params.threshold", "次数至少为 1")
	f.Check(v.Params.WindowMinutes >= 1 && v.Params.WindowMinutes <= 10080, "params.windowMinutes", "时间窗应为 1 到 10080 分钟")
	f.Check(slices.Contains([]string{Low, Medium, High, Critical}, v.Severity), "severity", "请选择级别")
	f.Check(v.Source != "", "source", "请写明依据")
	f.Check(len([]rune(v.Reason)) >= 2, "reason", "请写明修改原因")
	f.Check(v.Code != RuleOffHours || v.Params.FromHour < v.Params.ToHour, "params.toHour", "结束小时应晚于开始小时")
	if err := f.Err(); err != nil {
		return v, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := ruleNow(ctx, tx, v.Code)
		if db.NoRows(err) {
			return errs.NotFound("安全规则")
		}
		if err != nil {
			return fmt.Errorf("read rule: %w", err)
		}
		if old.Version != v.Version {
			return errs.Conflict("规则刚被别人修改过，请刷新后重试")
		}
		before, err := old.view()
		if err != nil {
			return err
		}
		v.Version, v.Title, v.ByName = old.Version+1, old.Title, who.Name
		row, err := rowOf(v, clock.At(tx.Now()))
		if err != nil {
			return err
		}
		if err := insert(ctx, tx, "rule", &row); err != nil {
			return err
		}
		if v, err = row.view(); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "security.rule", Object: "securityRule", ObjectID: v.Code, Summary: fmt.Sprintf("安全规则 %s 改为第 %d 版", v.Title, v.Version), Before: before, After: v, Reason: v.Reason})
	})
	return v, err
}
