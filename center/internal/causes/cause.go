// Package causes is the cause library: the causes of action with the articles
// that are violated and that punish, in versions with the days on which they
// hold. Notices, guidance and cases take their law from here and nowhere
// else. cause.go has the types and rules, seed.go the first library.
package causes

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Roles of an article.
const (
	Violates = "violates" // 违反条款
	Penalty  = "penalty"  // 处罚依据
)

// Article is a provision that a cause rests on.
type Article struct {
	Role    string `json:"role" enum:"violates,penalty"`
	Law     string `json:"law"`
	Article string `json:"article"`
	Text    string `json:"text"`
	// Digest says that Text is the gist and not the words of the law.
	Digest   bool   `json:"digest"`
	Source   string `json:"source"`
	Verified bool   `json:"verified"`
}

// Cite is how a document names the article.
func (a Article) Cite() string { return "《" + a.Law + "》" + a.Article }

// Cause is one version of a cause of action.
type Cause struct {
	ID           string       `json:"id"`
	Code         string       `json:"code"`
	Version      int          `json:"version"`
	Name         string       `json:"name"`
	Domain       string       `json:"domain"`
	Kinds        []string     `json:"kinds"`
	Trades       []string     `json:"trades"`
	Tags         []string     `json:"tags"`
	ExternalCode string       `json:"externalCode"`
	Penalty      string       `json:"penalty"`
	FineMin      int64        `json:"fineMin" doc:"Yuan"`
	FineMax      int64        `json:"fineMax" doc:"Yuan"`
	Precondition string       `json:"precondition"`
	Remedy       string       `json:"remedy"`
	From         clock.Stamp  `json:"effectiveFrom" format:"date-time"`
	To           *clock.Stamp `json:"effectiveTo,omitempty" format:"date-time"`
	Source       string       `json:"source"`
	Verified     bool         `json:"verified"`
	Note         string       `json:"note"`
	MadeName     string       `json:"madeName"`
	MadeAt       clock.Stamp  `json:"madeAt" format:"date-time"`
	Reason       string       `json:"reason"`
	Articles     []Article    `json:"articles"`
}

// Holds tells whether the version is in force at a moment.
func (c Cause) Holds(at clock.Stamp) bool { return c.From <= at && (c.To == nil || *c.To > at) }

// Of gives the articles of a role.
func (c Cause) Of(role string) []Article {
	out := []Article{}
	for _, a := range c.Articles {
		if a.Role == role {
			out = append(out, a)
		}
	}
	return out
}

// Input is a new version that a person writes.
type Input struct {
	Code         string       `json:"code" maxLength:"20"`
	Name         string       `json:"name" maxLength:"120"`
	Domain       string       `json:"domain" maxLength:"40"`
	Kinds        []string     `json:"kinds" maxItems:"4"`
	Trades       []string     `json:"trades" maxItems:"20"`
	Tags         []string     `json:"tags" maxItems:"10"`
	ExternalCode string       `json:"externalCode" maxLength:"40"`
	Penalty      string       `json:"penalty" maxLength:"1000"`
	FineMin      int64        `json:"fineMin" minimum:"0"`
	FineMax      int64        `json:"fineMax" minimum:"0"`
	Precondition string       `json:"precondition" maxLength:"400"`
	Remedy       string       `json:"remedy" maxLength:"400"`
	From         clock.Stamp  `json:"effectiveFrom" format:"date-time"`
	To           *clock.Stamp `json:"effectiveTo,omitempty" format:"date-time"`
	Source       string       `json:"source" maxLength:"400"`
	Verified     bool         `json:"verified"`
	Note         string       `json:"note" maxLength:"600"`
	Articles     []Article    `json:"articles" maxItems:"12"`
	Reason       string       `json:"reason" maxLength:"400" doc:"Why this version is made"`
	Base         int          `json:"base" doc:"The version that it follows, 0 for a new cause"`
}

var codeForm = regexp.MustCompile(`^[0-9]{2}-[0-9]{4}$`)

// Kinds of events that a cause may be pointed at by.
func kinds() []string { return []string{"stacking", "frontage", "sign"} }

// Tags are the lists that a cause may stand in.
func Tags() [][2]string {
	return [][2]string{{"offsite", "非现清单"}, {"muck", "渣土类"}, {"exempt", "免罚清单"}, {"lessen", "减轻清单"}, {"discretion", "裁量基准"}}
}

func (in *Input) check() error {
	var f errs.Fields
	text := func(name string, s *string, most int, needed bool, what string) {
		*s = strings.TrimSpace(*s)
		f.Check(!needed || *s != "", name, "请填写%s", what)
		f.Check(utf8.RuneCountInString(*s) <= most, name, "%s不能超过 %d 个字", what, most)
	}
	text("code", &in.Code, 20, true, "案由编码")
	f.Check(codeForm.MatchString(in.Code), "code", "案由编码应为 2 位领域、横线、4 位序号，例如 01-0003")
	text("name", &in.Name, 60, true, "案由名称")
	text("domain", &in.Domain, 20, true, "领域")
	text("penalty", &in.Penalty, 500, true, "罚则要旨")
	text("precondition", &in.Precondition, 200, false, "前置条件")
	text("remedy", &in.Remedy, 200, false, "改正要求")
	text("source", &in.Source, 200, true, "规则来源")
	text("note", &in.Note, 300, false, "备注")
	text("externalCode", &in.ExternalCode, 40, false, "市级事项编码")
	text("reason", &in.Reason, 200, true, "修订理由")
	f.Check(in.FineMin >= 0 && in.FineMax >= in.FineMin && in.FineMax <= 100_000_000, "fineMax", "罚款上限不能小于下限")
	f.Check(in.From > 0, "effectiveFrom", "请选择施行日期")
	f.Check(in.To == nil || *in.To > in.From, "effectiveTo", "失效日期应晚于施行日期")
	for _, k := range in.Kinds {
		f.Check(slices.Contains(kinds(), k), "kinds", "没有识别类型 %s", k)
	}
	for _, t := range in.Tags {
		f.Check(slices.ContainsFunc(Tags(), func(x [2]string) bool { return x[0] == t }), "tags", "没有标签 %s", t)
	}
	for _, t := range in.Trades {
		f.Check(t != "" && !strings.Contains(t, ",") && utf8.RuneCountInString(t) <= 20, "trades", "业态应为 1 到 20 个字，不含逗号")
	}
	in.checkArticles(&f)
	return f.Err()
}

func (in *Input) checkArticles(f *errs.Fields) {
	has := map[string]bool{}
	for i := range in.Articles {
		a := &in.Articles[i]
		at := func(name string) string { return "articles[" + string(rune('0'+i%10)) + "]." + name }
		a.Law, a.Article, a.Text, a.Source = strings.Trim(strings.TrimSpace(a.Law), "《》"), strings.TrimSpace(a.Article), strings.TrimSpace(a.Text), strings.TrimSpace(a.Source)
		f.Check(a.Role == Violates || a.Role == Penalty, at("role"), "条款应为违反条款或处罚依据")
		f.Check(a.Law != "" && utf8.RuneCountInString(a.Law) <= 60, at("law"), "请填写法律法规名称，不超过 60 个字")
		f.Check(a.Article != "" && utf8.RuneCountInString(a.Article) <= 40, at("article"), "请填写条款号，例如 第二十五条第三款")
		f.Check(a.Text != "" && utf8.RuneCountInString(a.Text) <= 1000, at("text"), "请填写条文，不超过 1000 个字")
		f.Check(a.Source != "" && utf8.RuneCountInString(a.Source) <= 200, at("source"), "请填写条文来源")
		has[a.Role] = true
	}
	f.Check(has[Violates], "articles", "请至少填写一条违反条款")
	f.Check(has[Penalty], "articles", "请至少填写一条处罚依据")
	f.Check(!in.Verified || !slices.ContainsFunc(in.Articles, func(a Article) bool { return !a.Verified }), "verified", "还有条款没有核实，不能把案由标为已核实")
}

// inList is how a list of words stands in one column, so that each can be
// looked for.
func inList(l []string) string {
	if len(l) == 0 {
		return ""
	}
	return "," + strings.Join(l, ",") + ","
}

func outList(s string) []string {
	s = strings.Trim(s, ",")
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}
