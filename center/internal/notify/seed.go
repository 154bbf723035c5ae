package notify

import (
	"context"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// seed puts what is missing in place: the channels, all but the console's
// switched off, first templates and rules. What is there stays.
func (s *Service) seed(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows := []channelRow{}
		for _, code := range ChannelCodes() {
			c := channelRow{Code: code, Mode: "off", PerHour: 20, QuietFrom: 22 * 60, QuietTo: 7 * 60, Tries: 3, RetryMinutes: 5, ExpireHours: 24, Rev: 1}
			if code == InApp {
				c.Mode, c.PerHour, c.QuietFrom, c.QuietTo = "real", 0, 0, 0
			}
			if code == Webhook {
				c.PerHour, c.QuietFrom, c.QuietTo = 0, 0, 0
			}
			if code == SMS {
				c.Sender = "城管执法"
			}
			rows = append(rows, c)
		}
		if _, err := add(ctx, tx, "channels", rows...); err != nil {
			return err
		}
		if _, err := add(ctx, tx, "templates", seedTemplates(clock.At(tx.Now()))...); err != nil {
			return err
		}
		n, err := all[ruleRow](ctx, tx, "rules", "r.id", "")
		if err != nil || len(n) > 0 {
			return err
		}
		_, err = add(ctx, tx, "rules", seedRules()...)
		return err
	})
}

func seedTemplates(now clock.Stamp) []templateRow {
	out := []templateRow{}
	for _, t := range []struct{ code, name, title, body, sms string }{
		{"todo.created", "新待办", "新待办：{{标题}}", "{{姓名}}，您有一条新的{{类型}}待办：{{标题}}。{{摘要}}。期限 {{期限}}（{{剩余}}）。", "您有新的{{类型}}待办：{{标题}}，期限 {{期限}}。{{链接}}"},
		{"todo.near", "即将到期", "即将到期：{{标题}}", "{{姓名}}，待办“{{标题}}”{{剩余}}，请在 {{期限}} 前办理。{{摘要}}。", "待办“{{标题}}”{{剩余}}，请在 {{期限}} 前办理。{{链接}}"},
		{"todo.overdue", "已超期", "已超期：{{标题}}", "{{姓名}}，待办“{{标题}}”已{{剩余}}，原定 {{期限}} 前办理。{{摘要}}。", "待办“{{标题}}”已{{剩余}}，请立即办理。{{链接}}"},
		{"todo.closed", "已办结", "已办结：{{标题}}", "{{姓名}}，您发起的“{{标题}}”已办结。{{摘要}}。", "您发起的“{{标题}}”已办结。"},
	} {
		for _, ch := range personChannels() {
			r := templateRow{
				ID: "seed-" + t.code + "-" + ch, Code: t.code, Channel: ch, Version: 1, Name: t.name, Title: t.title, Body: t.body, State: "approved",
				WrittenBy: "system", WrittenName: "系统内置", WrittenAt: now, DecidedBy: "system", DecidedName: "系统内置", DecidedAt: &now, Rev: 1,
			}
			switch ch {
			case SMS:
				r.Title, r.Body = "", t.sms
			case Mail:
				r.Body += "\n{{链接}}"
			}
			out = append(out, r)
		}
	}
	return out
}

func seedRules() []ruleRow {
	return []ruleRow{
		{ID: "seed-created", Name: "新待办提醒", Change: "created", Audience: "assignee,group", Channels: "inapp,ssb,webhook", Template: "todo.created", DedupeMinutes: 10, Enabled: 1, Rev: 1},
		{ID: "seed-reassigned", Name: "转办提醒", Change: "reassigned", Audience: "assignee,group", Channels: "inapp,ssb,webhook", Template: "todo.created", DedupeMinutes: 10, Enabled: 1, Rev: 1},
		{ID: "seed-sms", Name: "新待办短信", Change: "created", Audience: "assignee", Channels: "sms", Template: "todo.created", DedupeMinutes: 10, Enabled: 1, Rev: 1},
		{ID: "seed-near", Name: "临期提醒", Change: "near", Audience: "assignee,group", Channels: "inapp,sms,ssb,mail", Template: "todo.near", DedupeMinutes: 60, Enabled: 1, Rev: 1},
		{ID: "seed-overdue", Name: "超期提醒", Change: "overdue", Audience: "assignee,group,starter,leader", Channels: "inapp,sms,ssb,mail", Template: "todo.overdue", DedupeMinutes: 60, Enabled: 1, Rev: 1},
		{ID: "seed-urgent", Name: "紧急待办", Change: "created", MinPriority: 2, Audience: "assignee,group", Channels: "sms", Template: "todo.created", Urgent: 1, DedupeMinutes: 10, Enabled: 1, Rev: 1},
		{ID: "seed-closed", Name: "办结告知发起人", Change: "closed", Audience: "starter", Channels: "inapp", Template: "todo.closed", DedupeMinutes: 10, Enabled: 1, Rev: 1},
	}
}
