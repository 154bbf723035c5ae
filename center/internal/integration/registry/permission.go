package registry

import (
	"context"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/region"
)

// Answer says whether a person holds a registered permission code, and where.
type Answer struct {
	Allowed  bool     `json:"allowed"`
	Reason   string   `json:"reason"`
	Prefixes []string `json:"prefixes"`
}

// Holds tells whether a person has a registered permission code for a region;
// an empty region asks for anywhere. Only an approved row counts whose code
// still fits: a row that was changed beside the center gives nothing, and the
// security analysis is told.
func (s *Service) Holds(ctx context.Context, who access.Actor, code, regionCode string) (Answer, error) {
	no := func(why string) Answer { return Answer{Reason: why, Prefixes: []string{}} }
	r, ok, err := byCode(ctx, s.db.Read(), Permission, code)
	if err != nil || !ok {
		return no("权限码没有登记"), err
	}
	if !s.keys.CheckMAC(macPurpose, r.Mac, r.parts()...) {
		return no("权限行的签名不符，已停止使用"), s.tampered(ctx, r)
	}
	if r.State != Active || r.Enabled != 1 {
		return no("权限码没有批准或已停用"), nil
	}
	app, err := get(ctx, s.db.Read(), r.AppID)
	if err != nil {
		return no("所属应用不存在"), nil //nolint:nilerr // an absent application gives nobody anything
	}
	if app.State != Active || app.Enabled != 1 {
		return no("所属应用已停用"), nil
	}
	prefixes := []string{}
	for _, rule := range fromJSON[RegistrationRule](r.Rules) {
		if rule.Role != "" && !slices.Contains(who.Roles, rule.Role) || rule.OrgLevel != "" && rule.OrgLevel != who.OrgLevel {
			continue
		}
		switch rule.Scope {
		case "city":
			prefixes = append(prefixes, "31")
		case "grant":
			prefixes = append(prefixes, grantScope(who, rule.Role)...)
		default:
			prefixes = append(prefixes, region.Prefix(who.RegionCode))
		}
	}
	slices.Sort(prefixes)
	prefixes = slices.Compact(prefixes)
	switch {
	case len(prefixes) == 0:
		return no("没有一条规则与此人相符"), nil
	case regionCode != "" && !(access.Scope{Prefixes: prefixes}).Covers(regionCode):
		return Answer{Reason: "有此权限，但不在这个区域", Prefixes: prefixes}, nil
	}
	return Answer{Allowed: true, Reason: "规则相符", Prefixes: prefixes}, nil
}

// grantScope is where a role was granted to the person.
func grantScope(who access.Actor, role string) []string {
	out := []string{}
	for _, h := range who.Grants() {
		if role == "" || h.Role == role {
			out = append(out, h.Scope.Prefixes...)
		}
	}
	return out
}

// tampered tells of a row that does not fit its code, once for each state of
// the row.
func (s *Service) tampered(ctx context.Context, r entryRow) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return events.Publish(ctx, tx, access.TopicTampered, access.Tampered{Table: "integration_entries", ID: r.ID, What: "权限码 " + r.Code + " 的行被绕过系统修改"})
	})
}
