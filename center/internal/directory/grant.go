package directory

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// What a person may do with a camera's picture.
const (
	ActLive     = "live"
	ActPlayback = "playback"
	ActPTZ      = "ptz"
	ActSnapshot = "snapshot"
	ActDownload = "download"
)

// Acts lists the acts in the order of the pages.
func Acts() []string { return []string{ActLive, ActPlayback, ActPTZ, ActSnapshot, ActDownload} }

// ActName is the word for people.
func ActName(act string) string {
	return map[string]string{ActLive: "看实时", ActPlayback: "看回放", ActPTZ: "云台控制", ActSnapshot: "抓图", ActDownload: "下载录像"}[act]
}

func actPerm(act string) string {
	return map[string]string{
		ActLive: access.LiveView, ActPlayback: access.LivePlayback, ActPTZ: access.LivePTZ, ActSnapshot: access.LiveSnapshot, ActDownload: access.LiveDownload,
	}[act]
}

// WatchGrant lets somebody do some acts with the cameras of some regions and
// types for some time, beside what their roles allow.
type WatchGrant struct {
	ID           string       `json:"id"`
	SubjectKind  string       `json:"subjectKind" enum:"person,org,role"`
	SubjectID    string       `json:"subjectId"`
	SubjectName  string       `json:"subjectName"`
	Prefixes     []string     `json:"prefixes"`
	Tags         []string     `json:"tags" doc:"Types; empty is all"`
	Acts         []string     `json:"acts"`
	PassOn       bool         `json:"passOn" doc:"The holder may pass on within it"`
	From         clock.Stamp  `json:"from"`
	To           clock.Stamp  `json:"to"`
	Reason       string       `json:"reason"`
	ParentID     string       `json:"parentId,omitempty" doc:"The grant that it was passed on from"`
	GrantedBy    string       `json:"grantedBy"`
	GrantedName  string       `json:"grantedName"`
	CreatedAt    clock.Stamp  `json:"createdAt"`
	RevokedAt    *clock.Stamp `json:"revokedAt,omitempty"`
	RevokeReason string       `json:"revokeReason,omitempty"`
	State        string       `json:"state" enum:"active,future,ended,revoked"`
}

func (g WatchGrant) state(now clock.Stamp) string {
	switch {
	case g.RevokedAt != nil:
		return "revoked"
	case g.From > now:
		return "future"
	case g.To <= now:
		return "ended"
	}
	return "active"
}

// parts are everything that the code of a grant stands for.
func (g WatchGrant) parts() []string {
	revoked := ""
	if g.RevokedAt != nil {
		revoked = strconv.FormatInt(int64(*g.RevokedAt), 10)
	}
	return []string{
		"dir_grants", g.ID, g.SubjectKind, g.SubjectID, strings.Join(g.Prefixes, ","), strings.Join(g.Tags, ","), strings.Join(g.Acts, ","), strconv.FormatBool(g.PassOn),
		strconv.FormatInt(int64(g.From), 10), strconv.FormatInt(int64(g.To), 10), g.ParentID, g.GrantedBy, revoked,
	}
}

// allows tells whether the grant opens an act on a camera at a moment.
func (g WatchGrant) allows(c Camera, act string, now clock.Stamp) bool {
	return g.state(now) == "active" && slices.Contains(g.Acts, act) && access.Scope{Prefixes: g.Prefixes}.Covers(c.RegionCode) &&
		(len(g.Tags) == 0 || slices.ContainsFunc(c.Tags, func(t string) bool { return slices.Contains(g.Tags, t) }))
}

// mayPass tells whether the holder of g may pass on in: never more than g.
func (g WatchGrant) mayPass(in WatchGrant, now clock.Stamp) bool {
	if !g.PassOn || g.state(now) != "active" || in.To > g.To || len(g.Tags) > 0 && len(in.Tags) == 0 {
		return false
	}
	for _, a := range in.Acts {
		if !slices.Contains(g.Acts, a) {
			return false
		}
	}
	for _, t := range in.Tags {
		if len(g.Tags) > 0 && !slices.Contains(g.Tags, t) {
			return false
		}
	}
	return access.Scope{Prefixes: in.Prefixes}.Within(access.Scope{Prefixes: g.Prefixes})
}

// holds tells whether a person's roles give a permission on all of a scope
// until a moment.
func holds(who access.Actor, perm string, scope access.Scope, until clock.Stamp) bool {
	list := who.Grants()
	if len(list) == 0 { // a job or a test acts with what it brings
		return scope.Within(who.ScopeFor(perm))
	}
	for _, p := range scope.Prefixes {
		if !slices.ContainsFunc(list, func(h access.Held) bool {
			return h.Via == "" && h.Perms[perm] && (h.Until == nil || *h.Until >= until) && h.Scope.Covers(p)
		}) {
			return false
		}
	}
	return true
}

// maxGrantDays bounds how long a grant lasts.
const maxGrantDays = 366

// GrantInput asks for a grant.
type GrantInput struct {
	SubjectKind string       `json:"subjectKind" enum:"person,org,role"`
	SubjectID   string       `json:"subjectId" minLength:"1" maxLength:"40"`
	SubjectName string       `json:"subjectName" maxLength:"160"`
	Prefixes    []string     `json:"prefixes" maxItems:"50"`
	Tags        []string     `json:"tags,omitempty" maxItems:"20"`
	Acts        []string     `json:"acts" maxItems:"5"`
	PassOn      bool         `json:"passOn,omitempty"`
	From        *clock.Stamp `json:"from,omitempty"`
	To          clock.Stamp  `json:"to"`
	Reason      string       `json:"reason" maxLength:"800"`
}

func (in GrantInput) grant(now clock.Stamp, known func(region string) bool) (WatchGrant, error) {
	g := WatchGrant{
		SubjectKind: in.SubjectKind, SubjectID: in.SubjectID, SubjectName: strings.TrimSpace(in.SubjectName), Prefixes: slices.Compact(slices.Sorted(slices.Values(in.Prefixes))),
		Tags: slices.Compact(slices.Sorted(slices.Values(in.Tags))), Acts: slices.Compact(slices.Sorted(slices.Values(in.Acts))), PassOn: in.PassOn,
		From: now, To: in.To, Reason: strings.TrimSpace(in.Reason),
	}
	if in.From != nil {
		g.From = max(*in.From, now)
	}
	var f errs.Fields
	f.Check(slices.Contains([]string{"person", "org", "role"}, g.SubjectKind), "subjectKind", "授权对象应为人员、机构或角色")
	f.Check(len(g.Prefixes) > 0, "prefixes", "请选择区划范围")
	for _, p := range g.Prefixes {
		f.Check(p == "31" || known(p), "prefixes", "没有区划 %s", p)
	}
	f.Check(len(g.Acts) > 0, "acts", "请选择允许的操作")
	for _, a := range g.Acts {
		f.Check(ActName(a) != "", "acts", "没有操作 %s", a)
	}
	for _, t := range g.Tags {
		f.Check(t != "" && !strings.Contains(t, ","), "tags", "类型“%s”不能用于授权", t)
	}
	f.Check(g.To > g.From, "to", "结束时间应晚于开始时间和现在")
	f.Check(g.To-g.From <= maxGrantDays*86_400_000, "to", "授权最长 %d 天", maxGrantDays)
	n := utf8.RuneCountInString(g.Reason)
	f.Check(n >= 2 && n <= 200, "reason", "请写明授权原因，2 到 200 字")
	return g, f.Err()
}
