// Package notify sends notices of to-dos: in the console, by SMS, into the
// government cloud's push and to-do list, by mail and webhook. What is to be
// sent is a row, written in the transaction that took the change; sending it
// is a second step that can fail, wait and be repeated without loss, under
// the row's id as the idempotency key. notify.go has the pure rules,
// service*.go the use cases, gateway*.go the adapters, store*.go the SQL.
package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Channels.
const (
	InApp   = "inapp"
	SMS     = "sms"
	SSB     = "ssb" // 随申办政务云
	Mail    = "mail"
	Webhook = "webhook"
	// Owner is the side of 随申办 that shops and citizens use.
	Owner = "ssbc"
)

// ChannelCodes lists the channels in the order of screens.
func ChannelCodes() []string { return append(personChannels(), Owner) }

// personChannels are those by which people of the organisation are told.
func personChannels() []string { return []string{InApp, SMS, SSB, Mail, Webhook} }

// ChannelName is the word for a channel.
func ChannelName(code string) string {
	switch code {
	case InApp:
		return "站内消息"
	case SMS:
		return "短信"
	case SSB:
		return "随申办政务云"
	case Mail:
		return "邮件"
	case Webhook:
		return "Webhook"
	case Owner:
		return "随申办市民端"
	}
	return code
}

// States of a send.
const (
	Queued    = "queued"
	Sending   = "sending"
	Sent      = "sent"
	Delivered = "delivered"
	Read      = "read"
	Failed    = "failed"
	Expired   = "expired"
	Withdrawn = "cancelled"
	Skipped   = "skipped"
)

// StateName is the word for a state.
func StateName(state string) string {
	switch state {
	case Queued:
		return "待发送"
	case Sending:
		return "发送中"
	case Sent:
		return "已发出"
	case Delivered:
		return "已送达"
	case Read:
		return "已读"
	case Failed:
		return "失败"
	case Expired:
		return "过期未发"
	case Withdrawn:
		return "已撤销"
	case Skipped:
		return "未发送"
	}
	return state
}

// Operations of a send: a notice, or an entry of the other system's list.
const (
	opPush   = "push"
	opCreate = "create"
	opDone   = "done"
	opCancel = "cancel"
)

// Audiences of a rule.
const (
	ToAssignee = "assignee"
	ToGroup    = "group"
	ToStarter  = "starter"
	ToCC       = "cc"
	ToLeader   = "leader" // those who answer for the assignee's work
)

// Quiet are hours of the day in which nothing is sent that can wait: minutes
// from midnight in Shanghai. From may be later than To: over midnight. Equal
// means none.
type Quiet struct{ From, To int }

// End gives the end of the quiet hours that hold t, and t itself when they do
// not.
func (q Quiet) End(t time.Time) time.Time {
	if q.From == q.To {
		return t
	}
	day := clock.DayStart(t)
	m := int(t.Sub(day) / time.Minute)
	at := func(days, minutes int) time.Time {
		return day.Add(time.Duration(days)*24*time.Hour + time.Duration(minutes)*time.Minute)
	}
	switch {
	case q.From < q.To && m >= q.From && m < q.To:
		return at(0, q.To)
	case q.From > q.To && m >= q.From:
		return at(1, q.To)
	case q.From > q.To && m < q.To:
		return at(0, q.To)
	}
	return t
}

// Vars lists the variables of templates with what they stand for.
func Vars() [][2]string {
	return [][2]string{
		{"姓名", "收件人姓名"}, {"类型", "待办类型"}, {"标题", "待办标题"}, {"摘要", "待办摘要"}, {"环节", "当前环节"},
		{"期限", "到期时间"}, {"剩余", "剩余或超期时长"}, {"变化", "新待办、临期、逾期等"}, {"链接", "一次性免登录链接"},
	}
}

// linkVar is replaced when a notice is sent: a link works once and is never
// kept in the log.
const linkVar = "{{链接}}"

// Render fills a template. What is between {{ and }} names a variable; the
// link stays as it is.
func Render(text string, vars map[string]string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "{{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			b.WriteString("{{" + rest)
			return b.String()
		}
		if v, known := vars[strings.TrimSpace(name)]; known {
			b.WriteString(v)
		} else {
			b.WriteString("{{" + name + "}}")
		}
		text = after
	}
}

// Unknown lists what a template asks for and nobody gives.
func Unknown(text string) []string {
	out := []string{}
	for {
		_, rest, ok := strings.Cut(text, "{{")
		if !ok {
			return out
		}
		name, after, ok := strings.Cut(rest, "}}")
		if !ok {
			return append(out, rest)
		}
		known := slices.ContainsFunc(Vars(), func(v [2]string) bool { return v[0] == strings.TrimSpace(name) })
		if !known {
			out = append(out, name)
		}
		text = after
	}
}

// checkTemplate refuses a template that cannot be sent.
func checkTemplate(f *errs.Fields, channel, title, body string) {
	f.Check(strings.TrimSpace(body) != "", "body", "请填写模板正文")
	f.Check(channel == SMS || strings.TrimSpace(title) != "", "title", "请填写标题")
	limit := 1000
	if channel == SMS {
		limit = 200
	}
	f.Check(len([]rune(body)) <= limit, "body", "%s正文不能超过 %d 个字", ChannelName(channel), limit)
	f.Check(len([]rune(title)) <= 60, "title", "标题不能超过 60 个字")
	for _, u := range append(Unknown(title), Unknown(body)...) {
		f.Add("body", "没有变量 {{%s}}，可用的有：%s", u, varNames())
	}
}

func varNames() string {
	out := []string{}
	for _, v := range Vars() {
		out = append(out, v[0])
	}
	return strings.Join(out, "、")
}

// MaskAddress hides the middle of a phone number or a mail address.
func MaskAddress(a string) string {
	if a == "" {
		return ""
	}
	if name, host, ok := strings.Cut(a, "@"); ok {
		r := []rune(name)
		return string(r[:min(2, len(r))]) + "***@" + host
	}
	if len(a) < 7 {
		return strings.Repeat("*", len(a))
	}
	return a[:3] + strings.Repeat("*", len(a)-7) + a[len(a)-4:]
}

// span says a length of time as people do.
func span(seconds int64) string {
	if seconds < 0 {
		seconds = -seconds
	}
	m := seconds / 60
	switch {
	case m < 60:
		return fmt.Sprintf("%d 分", max(m, 1))
	case m < 24*60:
		return fmt.Sprintf("%d 时 %d 分", m/60, m%60)
	case m < 48*60:
		return fmt.Sprintf("%d 天 %d 时", m/1440, m%1440/60)
	}
	return fmt.Sprintf("%d 天", m/1440)
}

// changeName is the word for a change of a to-do.
func changeName(change string) string {
	switch change {
	case "created":
		return "新待办"
	case "near":
		return "即将到期"
	case "overdue":
		return "已超期"
	case "closed":
		return "已办结"
	case "claimed":
		return "已被认领"
	case "reassigned":
		return "转到您名下"
	case "due":
		return "期限调整"
	case "cancelled":
		return "已撤销"
	case "test":
		return "试发"
	}
	return change
}

// list splits a column of codes.
func list(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}
