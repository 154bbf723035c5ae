// Package open is the interfaces that outside systems call: who may use which
// of them is applied for and approved, every request is signed, counted and
// logged, and a revocation holds from the next request on.
package open

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// The kinds of interfaces.
const (
	KindUser      = "user"
	KindIdentity  = "identity"
	KindAuthorize = "authorisation"
	KindBusiness  = "business"
	KindTodo      = "todo"
	KindApp       = "application"
	KindLog       = "log"
	// KindSelf is the application process itself; every client has it.
	KindSelf = "self"
)

// KindInfo names a kind for people.
type KindInfo struct {
	Code string `json:"code"`
	Name string `json:"name"`
	Text string `json:"text"`
}

// Kinds lists what can be applied for.
func Kinds() []KindInfo {
	return []KindInfo{
		{KindUser, "用户接口", "按更新时间增量读取人员和机构"},
		{KindIdentity, "身份接口", "核验一次性票据、查询令牌"},
		{KindAuthorize, "授权接口", "查询某人是否有某项权限、在哪个范围"},
		{KindBusiness, "业务接口", "读取数据范围内的预警和工单"},
		{KindTodo, "待办接口", "推送、办结、撤回待办"},
		{KindApp, "应用接口", "读取已登记的应用和功能"},
		{KindLog, "日志接口", "读取本应用的调用日志和审计记录"},
	}
}

// KindName is the word for a kind.
func KindName(code string) string {
	for _, k := range Kinds() {
		if k.Code == code {
			return k.Name
		}
	}
	if code == KindSelf {
		return "接口申请"
	}
	return code
}

// States of a client.
const (
	Pending  = "pending"  // waits for approval
	Approved = "approved" // approved, the key was not taken yet
	Active   = "active"   // in use
	Rejected = "rejected"
	Revoked  = "revoked"
)

// InterfaceClient is one application for interfaces, and what became of it.
type InterfaceClient struct {
	ID          string         `json:"id"`
	AppID       string         `json:"appId"`
	AppName     string         `json:"appName"`
	AppKey      string         `json:"appKey,omitempty" doc:"Goes into X-Jx-App"`
	Purpose     string         `json:"purpose"`
	Kinds       []string       `json:"kinds"`
	QuotaDay    int64          `json:"quotaDay"`
	RateSecond  int            `json:"rateSecond"`
	IPs         []string       `json:"ips"`
	Prefixes    []string       `json:"prefixes"`
	FromAt      clock.Stamp    `json:"fromAt"`
	ToAt        clock.Stamp    `json:"toAt"`
	State       string         `json:"state" enum:"pending,approved,active,rejected,revoked"`
	Expired     bool           `json:"expired"`
	Note        string         `json:"note,omitempty"`
	AppliedBy   string         `json:"appliedBy"`
	AppliedName string         `json:"appliedName"`
	AppliedAt   clock.Stamp    `json:"appliedAt"`
	DecidedName string         `json:"decidedName,omitempty"`
	DecidedAt   *clock.Stamp   `json:"decidedAt,omitempty"`
	LastCallAt  *clock.Stamp   `json:"lastCallAt,omitempty"`
	CallsToday  int64          `json:"callsToday"`
	Keys        []InterfaceKey `json:"keys"`
	Rev         int64          `json:"rev"`
}

// InterfaceKey is a key without the key.
type InterfaceKey struct {
	ID        string       `json:"id"`
	Hint      string       `json:"hint" doc:"Last four characters"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	EndsAt    *clock.Stamp `json:"endsAt,omitempty"`
	UsedAt    *clock.Stamp `json:"usedAt,omitempty"`
}

// InterfaceForm is what is applied for.
type InterfaceForm struct {
	AppID      string      `json:"appId" maxLength:"40"`
	Purpose    string      `json:"purpose" maxLength:"1000"`
	Kinds      []string    `json:"kinds" maxItems:"10"`
	QuotaDay   int64       `json:"quotaDay"`
	RateSecond int         `json:"rateSecond"`
	IPs        []string    `json:"ips" maxItems:"50"`
	Prefixes   []string    `json:"prefixes" maxItems:"50"`
	FromAt     clock.Stamp `json:"fromAt"`
	ToAt       clock.Stamp `json:"toAt"`
}

// limits of an application.
const (
	maxQuota = 10_000_000
	maxRate  = 200
	maxValid = 3 * 366 * 24 * time.Hour
)

func (a *InterfaceForm) check(now time.Time) error {
	var f errs.Fields
	a.Purpose = strings.TrimSpace(a.Purpose)
	f.Check(a.AppID != "", "appId", "请选择要接入的应用")
	n := utf8.RuneCountInString(a.Purpose)
	f.Check(n >= 5 && n <= 300, "purpose", "用途应为 5 到 300 个字，说明谁用、做什么")
	f.Check(len(a.Kinds) > 0, "kinds", "请至少选择一类接口")
	for _, k := range a.Kinds {
		f.Check(slices.ContainsFunc(Kinds(), func(i KindInfo) bool { return i.Code == k }), "kinds", "没有接口类别 %.40s", k)
	}
	f.Check(a.QuotaDay >= 1 && a.QuotaDay <= maxQuota, "quotaDay", "每日配额应为 1 到 %d 次", maxQuota)
	f.Check(a.RateSecond >= 1 && a.RateSecond <= maxRate, "rateSecond", "每秒上限应为 1 到 %d 次", maxRate)
	f.Check(len(a.IPs) > 0, "ips", "请至少填写一个允许的来源地址")
	for i, ip := range a.IPs {
		a.IPs[i] = strings.TrimSpace(ip)
		_, ok := parseNet(a.IPs[i])
		f.Check(ok, "ips", "来源地址 %.60s 应为 10.1.2.3 或 10.1.2.0/24 的样式", a.IPs[i])
	}
	f.Check(len(a.Prefixes) > 0, "prefixes", "请选择数据范围")
	for _, p := range a.Prefixes {
		f.Check(p != "" && len(p) <= 12 && strings.Trim(p, "0123456789") == "", "prefixes", "数据范围应为区划代码前缀，收到 %.20s", p)
	}
	f.Check(a.ToAt > a.FromAt && a.ToAt.Time().After(now), "toAt", "有效期的结束应晚于开始和现在")
	f.Check(a.ToAt.Time().Sub(a.FromAt.Time()) <= maxValid, "toAt", "有效期不能超过 3 年，到期前可重新申请")
	slices.Sort(a.Kinds)
	a.Kinds = slices.Compact(a.Kinds)
	return f.Err()
}

// parseNet reads an address or a network.
func parseNet(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// ipAllowed tells whether an address is on the list.
func ipAllowed(list []string, ip string) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.Unmap()
	for _, s := range list {
		if p, ok := parseNet(s); ok && p.Contains(a) {
			return true
		}
	}
	return false
}

func num(n int) string { return strconv.Itoa(n) }
