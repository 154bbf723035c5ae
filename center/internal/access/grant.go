package access

import (
	"slices"
	"strings"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// TopicGrant tells that a grant was made or revoked. Payload: GrantChanged.
const TopicGrant = "access.grant.changed"

// GrantChanged is the payload of TopicGrant.
type GrantChanged struct {
	GrantID  string `json:"grantId"`
	PersonID string `json:"personId"`
	Role     string `json:"role"`
	Act      string `json:"act"` // granted or revoked
	By       string `json:"by"`
}

// GrantInput is a role for a person, where and how long.
type GrantInput struct {
	PersonID, Role string
	// Kind is region (Prefixes), org (OrgID, "" is the person's), named
	// (ScopeCode) or own.
	Kind             string
	Prefixes         []string
	OrgID, ScopeCode string
	// From 0 is now; To nil has no end.
	From   clock.Stamp
	To     *clock.Stamp
	Reason string
}

func (in *GrantInput) validate(b *rolebook, now clock.Stamp) error {
	var f errs.Fields
	if _, ok := b.live(in.Role); !ok {
		f.Add("role", "没有角色 %s，或已停用", in.Role)
	}
	switch in.Kind {
	case KindRegion:
		f.Check(len(in.Prefixes) > 0, "prefixes", "请选择区划范围")
		f.Check(len(in.Prefixes) <= 50, "prefixes", "一次最多 50 个区划")
		checkPrefixes(&f, in.Prefixes)
		in.OrgID, in.ScopeCode = "", ""
	case KindOrg:
		if o, ok := b.orgs[in.OrgID]; in.OrgID != "" && (!ok || o.State != StateActive) {
			f.Add("orgId", "没有这个机构，或已停用")
		}
		in.Prefixes, in.ScopeCode = nil, ""
	case KindNamed:
		f.Check(!b.namedScope(in.ScopeCode).Empty(), "scopeCode", "没有这个数据范围，或已停用")
		in.Prefixes, in.OrgID = nil, ""
	case KindOwn:
		in.Prefixes, in.OrgID, in.ScopeCode = nil, "", ""
	default:
		f.Add("kind", "范围类型应为 region、org、named 或 own")
	}
	if in.From == 0 {
		in.From = now
	}
	f.Check(in.To == nil || *in.To > in.From && *in.To > now, "to", "结束时间应晚于开始时间和现在")
	in.Reason = strings.TrimSpace(in.Reason)
	n := len([]rune(in.Reason))
	f.Check(n >= 2 && n <= 200, "reason", "请写明授权原因，2 到 200 字")
	return f.Err()
}

// lasts tells whether a grant that ends at h is there as long as one that
// ends at want.
func lasts(h, want *clock.Stamp) bool {
	return h == nil || want != nil && *h >= *want
}

// mayHand decides whether somebody who holds these grants may hand on a role
// for a scope until a time: every permission of the role must be theirs (to
// use or to pass on) on all of the scope and for all of the time, and so must
// be the right to hand out (need).
func mayHand(holds []Held, need string, perms, pass []string, scope Scope, until *clock.Stamp) error {
	if scope.Empty() {
		return errs.Invalidf("prefixes", "这个范围不包含任何区划")
	}
	reach := func(ok func(Held) bool) Scope {
		list := []Scope{}
		for _, h := range holds {
			if h.Via == "" && lasts(h.Until, until) && ok(h) {
				list = append(list, h.Scope)
			}
		}
		return union(list)
	}
	if !scope.Within(reach(func(h Held) bool { return h.Perms[need] })) {
		return errs.Forbidden("超出您的“" + permName(need) + "”权限的范围或有效期")
	}
	for _, p := range perms {
		if !scope.Within(reach(func(h Held) bool { return h.Perms[p] || h.Pass[p] || h.Pass[AnyPermission] })) {
			return errs.Forbidden("您自己没有“" + permName(p) + "”权限，或其范围、有效期不足，不能授予他人")
		}
	}
	for _, p := range pass {
		if !scope.Within(reach(func(h Held) bool { return h.Pass[p] || h.Pass[AnyPermission] })) {
			return errs.Forbidden("您不能转授“" + permName(p) + "”权限")
		}
	}
	return nil
}

// Grant is a grant as people see it.
type Grant struct {
	ID         string       `json:"id"`
	PersonID   string       `json:"personId"`
	PersonName string       `json:"personName"`
	Account    string       `json:"account"`
	PersonOrg  string       `json:"personOrg"`
	Role       string       `json:"role"`
	RoleName   string       `json:"roleName"`
	Kind       string       `json:"kind" enum:"region,org,named,own"`
	Prefixes   []string     `json:"prefixes"`
	OrgID      string       `json:"orgId,omitempty"`
	ScopeCode  string       `json:"scopeCode,omitempty"`
	ScopeName  string       `json:"scopeName"`
	From       clock.Stamp  `json:"from"`
	To         *clock.Stamp `json:"to,omitempty"`
	Reason     string       `json:"reason"`
	// GrantedBy is empty for what the installation itself set.
	GrantedBy    string       `json:"grantedBy"`
	CreatedAt    clock.Stamp  `json:"createdAt"`
	RevokedAt    *clock.Stamp `json:"revokedAt,omitempty"`
	RevokedBy    string       `json:"revokedBy,omitempty"`
	RevokeReason string       `json:"revokeReason,omitempty"`
	State        string       `json:"state" enum:"active,future,ended,revoked,tampered"`
}

func (g *grantRow) state(now clock.Stamp) string {
	switch {
	case g.RevokedAt != nil:
		return "revoked"
	case g.FromAt > now:
		return "future"
	case g.ToAt != nil && *g.ToAt <= now:
		return "ended"
	}
	return StateActive
}

// scopeName says in Chinese where a grant holds.
func (b *rolebook) scopeName(kind, org, named string, prefixes []string) string {
	switch kind {
	case KindOwn:
		return "仅本人"
	case KindOrg:
		return "机构：" + b.orgs[org].Name
	case KindNamed:
		if r, ok := b.scopes[named]; ok {
			return "范围：" + r.Name
		}
		return "范围：" + named
	}
	return "区划：" + strings.Join(b.regionNames(prefixes), "、")
}

// regionNames names prefixes by the organisations of the regions.
func (b *rolebook) regionNames(prefixes []string) []string {
	out := []string{}
	for _, p := range prefixes {
		name := p
		for _, o := range b.orgs {
			if o.Kind != "unit" && (o.RegionCode == p || p == "31" && o.Kind == "bureau") {
				name = strings.TrimSuffix(strings.TrimSuffix(o.Name, "城管执法局"), "中队")
				if p == "31" {
					name = "全市"
				}
				break
			}
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
