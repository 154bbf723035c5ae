package notices

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Vars lists the variables of templates with what they stand for.
func Vars() [][2]string {
	return [][2]string{
		{"机关", "制发机关"}, {"商铺", "商铺名称"}, {"地址", "商铺地址"}, {"业态", "商铺业态"}, {"时间", "发现时间"}, {"点位", "发现的点位"}, {"行为", "案由名称"},
		{"事实", "发现的情况"}, {"要求", "改正要求"}, {"期限", "改正期限"}, {"违反条款", "违反的条款和条文"}, {"法律后果", "处罚依据和罚则"}, {"近况", "近 90 日告知情况"},
		{"自查清单", "逐条自查内容"}, {"查询码", "查询码"}, {"编号", "告知编号"}, {"承办人", "承办人或中队"}, {"电话", "咨询电话"}, {"异议期限", "提出异议的期限"}, {"日期", "制发日期"}, {"链接", "办理链接，只用于消息"},
	}
}

const linkVar = "{{链接}}"

// unknown lists what a text asks for and nobody gives.
func unknown(text string) []string {
	out := []string{}
	for {
		_, rest, ok := strings.Cut(text, "{{")
		if !ok {
			return out
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return append(out, "")
		}
		if !slices.ContainsFunc(Vars(), func(v [2]string) bool { return v[0] == strings.TrimSpace(name) }) {
			out = append(out, name)
		}
		text = after
	}
}

// Template is one version of a text.
type Template struct {
	ID          string       `json:"id"`
	Code        string       `json:"code"`
	Version     int          `json:"version"`
	Name        string       `json:"name"`
	Kind        string       `json:"kind" enum:"rectify,compliance"`
	EventKind   string       `json:"eventKind"`
	Title       string       `json:"title"`
	Body        string       `json:"body"`
	Message     string       `json:"message"`
	Checklist   string       `json:"checklist"`
	State       string       `json:"state" enum:"pending,approved,rejected,retired"`
	WrittenBy   string       `json:"writtenBy"`
	WrittenName string       `json:"writtenName"`
	WrittenAt   clock.Stamp  `json:"writtenAt" format:"date-time"`
	DecidedName string       `json:"decidedName,omitempty"`
	DecidedAt   *clock.Stamp `json:"decidedAt,omitempty" format:"date-time"`
	Note        string       `json:"note,omitempty"`
	Rev         int64        `json:"rev"`
}

// TemplateInput is a text to be approved.
type TemplateInput struct {
	Code      string `json:"code" maxLength:"40"`
	Name      string `json:"name" maxLength:"80"`
	Kind      string `json:"kind" enum:"rectify,compliance"`
	EventKind string `json:"eventKind,omitempty" enum:",stacking,frontage,sign"`
	Title     string `json:"title" maxLength:"200"`
	Body      string `json:"body" maxLength:"8000"`
	Message   string `json:"message" maxLength:"600"`
	Checklist string `json:"checklist" maxLength:"2000"`
}

func (in *TemplateInput) check() error {
	var f errs.Fields
	for _, s := range []*string{&in.Code, &in.Name, &in.Title, &in.Body, &in.Message, &in.Checklist} {
		*s = strings.TrimSpace(*s)
	}
	f.Check(in.Code != "" && len(in.Code) <= 40 && strings.Trim(in.Code, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "", "code", "模板编码应为 1 到 40 个小写字母、数字、点或横线")
	f.Check(in.Name != "" && utf8.RuneCountInString(in.Name) <= 30, "name", "模板名称应为 1 到 30 个字")
	f.Check(in.Kind == Rectify || in.Kind == Compliance, "kind", "请选择责令整改通知或合规告知书")
	f.Check(slices.Contains([]string{"", "stacking", "frontage", "sign"}, in.EventKind), "eventKind", "没有这个识别类型")
	f.Check(in.Title != "" && utf8.RuneCountInString(in.Title) <= 60, "title", "文书标题应为 1 到 60 个字")
	f.Check(in.Body != "" && utf8.RuneCountInString(in.Body) <= 3000, "body", "文书正文应为 1 到 3000 个字")
	f.Check(in.Message != "" && utf8.RuneCountInString(in.Message) <= 200, "message", "消息应为 1 到 200 个字")
	f.Check(strings.Contains(in.Message, linkVar), "message", "消息里应有 {{链接}}，商铺由此打开办理页")
	f.Check(!strings.Contains(in.Body+in.Title, linkVar), "body", "文书里不能有 {{链接}}，链接不进文书")
	f.Check(strings.Contains(in.Body, "{{违反条款}}"), "body", "正文里应有 {{违反条款}}，条文取自案由库")
	f.Check(strings.Contains(in.Body, "{{查询码}}"), "body", "正文里应有 {{查询码}}")
	f.Check(utf8.RuneCountInString(in.Checklist) <= 800, "checklist", "自查清单不能超过 800 个字")
	for name, text := range map[string]string{"title": in.Title, "body": in.Body, "message": in.Message, "checklist": in.Checklist} {
		for _, u := range unknown(text) {
			f.Add(name, "没有变量 {{%s}}", u)
		}
	}
	return f.Err()
}

// plainFacts says in plain words what was seen: nothing that a person has not
// confirmed, nothing of models and scores.
func plainFacts(kind string, f Facts) string {
	long := ""
	if f.SeenAt != nil && f.Until != nil {
		if m := int64((*f.Until - *f.SeenAt) / 60_000); m >= 1 {
			long = "，超过 " + spanOf(m) + "没有移走"
		}
	}
	switch kind {
	case "stacking":
		return "门口人行道上放有物品" + long + "。"
	case "frontage":
		return "门外摆放了物品，超出了门窗和外墙" + long + "。"
	case "sign":
		return "店招与登记的不一致，请核对是否已经备案。"
	}
	return "经核对，可能存在需要您留意的情形。"
}

func spanOf(minutes int64) string {
	switch {
	case minutes < 60:
		return fmt.Sprintf("%d 分钟", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("%d 小时", minutes/60)
	}
	return fmt.Sprintf("%d 天", minutes/1440)
}

// longTime is how a document writes a moment.
func longTime(s clock.Stamp) string {
	return s.Time().In(clock.Shanghai()).Format("2006 年 1 月 2 日 15:04")
}

func longDay(t time.Time) string { return t.In(clock.Shanghai()).Format("2006 年 1 月 2 日") }

// articlesText writes the articles of a role word for word, one a line; a
// gist is called one.
func articlesText(list []Cause, role string) string {
	lines := []string{}
	for _, c := range list {
		for _, a := range c.Articles {
			if a.Role != role {
				continue
			}
			gist := ""
			if a.Digest {
				gist = "（要旨）"
			}
			if line := a.Cite() + gist + "：" + a.Text; !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// fill renders a text of a template; what it leaves is the link.
func fill(text string, vars map[string]string) string { return notify.Render(text, vars) }

// varsOf gives what the variables of a notice stand for.
func varsOf(n Notice, r Rule, business, lately string, now time.Time) map[string]string {
	names, remedies := []string{}, []string{}
	for _, c := range n.Causes {
		names = append(names, c.Name)
		if c.Remedy != "" && !slices.Contains(remedies, c.Remedy) {
			remedies = append(remedies, c.Remedy)
		}
	}
	seen, place, due, who := "近期", "", "", n.OfficerName
	if n.SeenAt != nil {
		seen = longTime(*n.SeenAt)
	}
	if n.CameraName != "" {
		place = n.CameraName
	}
	if n.DueAt != nil {
		due = longTime(*n.DueAt)
	}
	if who == "" {
		who = n.SquadName
	}
	if who == "" {
		who = n.Organ
	}
	demand := n.Demand
	if demand == "" {
		demand = strings.Join(remedies, "；")
	}
	phone := r.Contact
	if phone == "" {
		phone = "12345"
	}
	return map[string]string{
		"机关": n.Organ, "商铺": n.ShopName, "地址": n.Address, "业态": business, "时间": seen, "点位": place, "行为": strings.Join(names, "、"),
		"事实": strings.TrimSuffix(n.Facts, "。"), "要求": strings.TrimSuffix(demand, "。"), "期限": due, "违反条款": articlesText(n.Causes, "violates"), "法律后果": articlesText(n.Causes, "penalty"),
		"近况": lately, "自查清单": n.Checklist, "查询码": ShownCode(n.Code), "编号": n.No, "承办人": who, "电话": phone,
		"异议期限": longTime(clock.At(n.ObjectUntil(r))), "日期": longDay(now),
	}
}
