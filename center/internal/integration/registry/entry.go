// Package registry keeps what is registered with the center: applications
// (模块), their functions (功能) and permission codes. What the center itself
// offers is registered by itself; what comes from outside is applied for and
// is in force only when another person has approved it. A function that is
// switched off disappears from the menu and its operations are refused.
package registry

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Kind of an entry.
type Kind string

// The kinds.
const (
	App        Kind = "app"
	Function   Kind = "function"
	Permission Kind = "permission"
)

func (k Kind) name() string {
	switch k {
	case App:
		return "应用"
	case Function:
		return "功能"
	}
	return "权限码"
}

// States of an entry.
const (
	Pending  = "pending"
	Active   = "active"
	Rejected = "rejected"
)

// RegistrationRule gives a permission to the people who match it: all parts must hold.
type RegistrationRule struct {
	// Role is a role code, empty for any.
	Role string `json:"role,omitempty" maxLength:"40"`
	// OrgLevel is bureau, district, squad or unit, empty for any.
	OrgLevel string `json:"orgLevel,omitempty" enum:",bureau,district,squad,unit"`
	// Scope is where it holds: own (the region of the person's
	// organisation), grant (where the role was granted) or city.
	Scope string `json:"scope" enum:"own,grant,city"`
}

// Registration is one registration.
type Registration struct {
	ID          string             `json:"id"`
	Kind        Kind               `json:"kind" enum:"app,function,permission"`
	AppID       string             `json:"appId,omitempty"`
	AppName     string             `json:"appName,omitempty"`
	Code        string             `json:"code"`
	Name        string             `json:"name"`
	Description string             `json:"description"`
	Internal    bool               `json:"internal"`
	OwnerOrgID  string             `json:"ownerOrgId"`
	OwnerName   string             `json:"ownerName"`
	Version     string             `json:"version"`
	Menu        string             `json:"menu"`
	Route       string             `json:"route"`
	Operations  []string           `json:"operations"`
	Rules       []RegistrationRule `json:"rules"`
	State       string             `json:"state" enum:"pending,active,rejected"`
	Enabled     bool               `json:"enabled"`
	Note        string             `json:"note,omitempty"`
	AppliedBy   string             `json:"appliedBy"`
	AppliedName string             `json:"appliedName"`
	AppliedAt   clock.Stamp        `json:"appliedAt"`
	DecidedName string             `json:"decidedName,omitempty"`
	DecidedAt   *clock.Stamp       `json:"decidedAt,omitempty"`
	// Intact is false when the row was changed beside the center; it is not
	// in force then.
	Intact bool  `json:"intact"`
	Rev    int64 `json:"rev"`
}

// RegistrationWrite is what a person writes about an entry.
type RegistrationWrite struct {
	Kind        Kind               `json:"kind" enum:"app,function,permission"`
	AppID       string             `json:"appId,omitempty" maxLength:"40"`
	Code        string             `json:"code" maxLength:"60"`
	Name        string             `json:"name" maxLength:"200"`
	Description string             `json:"description,omitempty" maxLength:"1000"`
	OwnerOrgID  string             `json:"ownerOrgId,omitempty" maxLength:"40"`
	Version     string             `json:"version,omitempty" maxLength:"40"`
	Menu        string             `json:"menu,omitempty" maxLength:"80"`
	Route       string             `json:"route,omitempty" maxLength:"300"`
	Operations  []string           `json:"operations,omitempty" maxItems:"200"`
	Rules       []RegistrationRule `json:"rules,omitempty" maxItems:"20"`
	Reason      string             `json:"reason,omitempty" maxLength:"400"`
	Rev         int64              `json:"rev,omitempty"`
}

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`)

func (in *RegistrationWrite) check() error {
	var f errs.Fields
	in.Code, in.Name = strings.TrimSpace(in.Code), strings.TrimSpace(in.Name)
	in.Route, in.Version = strings.TrimSpace(in.Route), strings.TrimSpace(in.Version)
	f.Check(slices.Contains([]Kind{App, Function, Permission}, in.Kind), "kind", "种类应为应用、功能或权限码")
	f.Check(len(in.Code) >= 3 && len(in.Code) <= 60 && codeForm.MatchString(in.Code), "code", "编码应为 3 到 60 个小写字母、数字，用点或短横分段，例如 parking.query")
	f.Check(in.Name != "" && utf8.RuneCountInString(in.Name) <= 40, "name", "名称应为 1 到 40 个字")
	f.Check(in.Kind == App || in.AppID != "", "appId", "请选择所属应用")
	f.Check(in.Route == "" || strings.HasPrefix(in.Route, "/") && !strings.HasPrefix(in.Route, "//") || strings.HasPrefix(in.Route, "https://") || strings.HasPrefix(in.Route, "http://"), "route", "地址应以 / 或 https:// 开头")
	f.Check(in.Kind != Permission || len(in.Rules) > 0, "rules", "请至少写一条规则：谁、哪一级机构、多大范围")
	for i, r := range in.Rules {
		f.Check(r.Role != "" || r.OrgLevel != "", "rules["+strconv.Itoa(i)+"].role", "第 %d 条规则至少要限定角色或机构级", i+1)
		f.Check(slices.Contains([]string{"own", "grant", "city"}, r.Scope), "rules["+strconv.Itoa(i)+"].scope", "第 %d 条规则的范围应为本机构、授权范围或全市", i+1)
	}
	return f.Err()
}

// parts are what the code of a permission row stands for.
func (r *entryRow) parts() []string {
	return []string{"integration_entries", r.ID, r.Kind, r.AppID, r.Code, r.Rules, r.State, strconv.Itoa(r.Enabled), r.AppliedBy, r.DecidedBy}
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "[]" // texts and small structs: cannot fail
	}
	return string(b)
}

func fromJSON[T any](s string) []T {
	out := []T{}
	if json.Unmarshal([]byte(s), &out) != nil || out == nil {
		return []T{}
	}
	return out
}

// Keys makes and checks the codes of permission rows.
type Keys interface {
	MAC(purpose string, parts ...string) string
	CheckMAC(purpose, mac string, parts ...string) bool
}

// Orgs names organisations.
type Orgs interface {
	OrgName(ctx context.Context, id string) (string, bool, error)
}
