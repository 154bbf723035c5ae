// Package staff brings people and organisations in from a personnel system:
// read page by page from where the last run ended, compared with what the
// last run applied, and applied only where it is clear. What is not clear is
// a conflict that a person decides with both sides before the eyes.
package staff

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// StaffTheirs is a person or an organisation as the outside system tells it.
type StaffTheirs struct {
	Kind string `json:"kind"` // person or org
	ID   string `json:"id"`
	// Version grows with each change of the record; a smaller one is late.
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Account string `json:"account,omitempty"`
	CertNo  string `json:"certNo,omitempty"`
	// OrgID is the outside id of the person's organisation, ParentID that of
	// the organisation above.
	OrgID      string `json:"orgId,omitempty"`
	ParentID   string `json:"parentId,omitempty"`
	RegionCode string `json:"regionCode,omitempty"`
	OrgKind    string `json:"orgKind,omitempty"`
	// Code is a code by which an organisation is found here, its id.
	Code   string `json:"code,omitempty"`
	Active bool   `json:"active"`
}

// fault says what is wrong with a record, "" when nothing is.
func (t StaffTheirs) fault() string {
	switch {
	case t.ID == "" || len(t.ID) > 64:
		return "编号为空或过长"
	case t.Version <= 0:
		return "没有版本号"
	case t.Kind != "person" && t.Kind != "org":
		return "种类不是人员或机构"
	case t.Active && (strings.TrimSpace(t.Name) == "" || utf8.RuneCountInString(t.Name) > 40):
		return "姓名或名称为空或过长"
	case t.Active && t.Kind == "person" && (len(t.Account) < 3 || len(t.Account) > 32 || strings.ContainsAny(t.Account, " \t\n/")):
		return "账号应为 3 到 32 个字符，不含空格"
	case t.Active && t.Kind == "person" && t.OrgID == "":
		return "没有所属机构"
	}
	return ""
}

// StaffOurs is a person of the center.
type StaffOurs struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Name    string `json:"name"`
	CertNo  string `json:"certNo,omitempty"`
	OrgID   string `json:"orgId"`
	OrgName string `json:"orgName,omitempty"`
	Active  bool   `json:"active"`
}

// People is the organisation tree as the synchronisation needs it. The
// context of a run names the job.
type People interface {
	Find(ctx context.Context, id string) (StaffOurs, bool, error)
	ByAccount(ctx context.Context, account string) (StaffOurs, bool, error)
	ByCert(ctx context.Context, certNo string) (StaffOurs, bool, error)
	OrgExists(ctx context.Context, id string) (name string, ok bool, err error)
	Create(ctx context.Context, p StaffOurs) (id string, err error)
	Rename(ctx context.Context, id, name string) error
	Move(ctx context.Context, id, orgID, reason string) error
	SetActive(ctx context.Context, id string, active bool, reason string) error
	// Persons counts the active people of the center.
	Persons(ctx context.Context) (int, error)
}

// StaffSource is one personnel system.
type StaffSource struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	URL          string       `json:"url"`
	HasToken     bool         `json:"hasToken"`
	PageSize     int          `json:"pageSize"`
	LimitPercent int          `json:"limitPercent"`
	EveryMinutes int          `json:"everyMinutes"`
	Enabled      bool         `json:"enabled"`
	Previewed    bool         `json:"previewed"`
	Cursor       string       `json:"cursor"`
	NextAt       *clock.Stamp `json:"nextAt,omitempty"`
	Open         int64        `json:"openConflicts"`
	Last         *StaffRun    `json:"last,omitempty"`
	Rev          int64        `json:"rev"`
}

// StaffSourceWrite is what a person writes about a source.
type StaffSourceWrite struct {
	Name string `json:"name" maxLength:"200"`
	URL  string `json:"url" maxLength:"500"`
	// Token is sent as Bearer; empty keeps the stored one.
	Token        string `json:"token,omitempty" maxLength:"500"`
	PageSize     int    `json:"pageSize"`
	LimitPercent int    `json:"limitPercent"`
	EveryMinutes int    `json:"everyMinutes"`
	Enabled      bool   `json:"enabled"`
	Rev          int64  `json:"rev,omitempty"`
}

func (in *StaffSourceWrite) check() error {
	var f errs.Fields
	in.Name, in.URL = strings.TrimSpace(in.Name), strings.TrimSpace(in.URL)
	f.Check(in.Name != "" && utf8.RuneCountInString(in.Name) <= 40, "name", "名称应为 1 到 40 个字")
	u, err := url.Parse(in.URL)
	f.Check(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil, "url", "地址应为 https://主机/路径 的样式，不含账号")
	f.Check(in.PageSize >= 1 && in.PageSize <= 1000, "pageSize", "每页应为 1 到 1000 条")
	f.Check(in.LimitPercent >= 0 && in.LimitPercent <= 100, "limitPercent", "停用上限应为 0 到 100")
	f.Check(in.EveryMinutes == 0 || in.EveryMinutes >= 5 && in.EveryMinutes <= 10080, "everyMinutes", "间隔应为 5 分钟到 7 天，0 为只手动")
	return f.Err()
}

// StaffAct is what a run does, or in a preview would do, with one record.
type StaffAct struct {
	Act    string `json:"act"` // add, rename, move, disable, enable, conflict, failed
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

// StaffRun is one run.
type StaffRun struct {
	ID        string       `json:"id"`
	SourceID  string       `json:"sourceId"`
	Preview   bool         `json:"preview"`
	State     string       `json:"state" enum:"running,done,failed,refused"`
	Seen      int          `json:"seen"`
	Added     int          `json:"added"`
	Changed   int          `json:"changed"`
	Moved     int          `json:"moved"`
	Disabled  int          `json:"disabled"`
	Same      int          `json:"same"`
	Conflicts int          `json:"conflicts"`
	Failed    int          `json:"failed"`
	Note      string       `json:"note,omitempty"`
	Detail    []StaffAct   `json:"detail"`
	ByName    string       `json:"byName"`
	StartedAt clock.Stamp  `json:"startedAt"`
	EndedAt   *clock.Stamp `json:"endedAt,omitempty"`
}

// StaffConflict is a record that a person has to decide about.
type StaffConflict struct {
	ID        string       `json:"id"`
	SourceID  string       `json:"sourceId"`
	Kind      string       `json:"kind" enum:"account,cert,org,local"`
	KindName  string       `json:"kindName"`
	Theirs    StaffTheirs  `json:"theirs"`
	Ours      *StaffOurs   `json:"ours,omitempty"`
	State     string       `json:"state" enum:"open,decided"`
	Decision  string       `json:"decision,omitempty"`
	Reason    string       `json:"reason,omitempty"`
	ByName    string       `json:"byName,omitempty"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	DecidedAt *clock.Stamp `json:"decidedAt,omitempty"`
}

// kindName says what the conflict is about.
func kindName(k string) string {
	switch k {
	case "account":
		return "账号已被别人使用"
	case "cert":
		return "执法证号已在别人名下"
	case "org":
		return "所属机构在本系统没有对应"
	case "local":
		return "本系统改过这个人"
	}
	return k
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "{}" // texts and numbers: cannot fail
	}
	return string(b)
}
