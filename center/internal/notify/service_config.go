package notify

import (
	"context"
	"errors"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/todo"
)

const secretPurpose = "channel.secret"

func secretPlace(code string) string { return "notify_channels.secret:" + code }

func changed() error { return errs.Conflict("刚被他人修改，请刷新后再操作") }

// Channels lists the channels; secrets never leave.
func (s *Service) Channels(ctx context.Context) ([]channelRow, error) {
	if _, err := access.Need(ctx, access.NotifyManage); err != nil {
		return nil, err
	}
	m, err := channels(ctx, s.db.Read())
	out := []channelRow{}
	for _, code := range ChannelCodes() {
		if c, ok := m[code]; ok {
			out = append(out, c)
		}
	}
	return out, err
}

// SaveChannel changes a channel. An empty secret keeps the one that is there.
func (s *Service) SaveChannel(ctx context.Context, in channelRow) error {
	if _, err := access.Need(ctx, access.NotifyManage); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		c, err := lockChannel(ctx, tx, in.Code)
		if err != nil {
			return err
		}
		before := c
		if c.Rev != in.Rev {
			return changed()
		}
		if in.Secret != "" {
			if c.Secret, err = s.secrets.Seal(secretPurpose, in.Secret, secretPlace(c.Code)); err != nil {
				return err
			}
		}
		c.Mode, c.Address, c.AppID, c.Sender = in.Mode, in.Address, in.AppID, in.Sender
		c.PerHour, c.QuietFrom, c.QuietTo, c.Tries, c.RetryMinutes, c.ExpireHours = in.PerHour, in.QuietFrom, in.QuietTo, in.Tries, in.RetryMinutes, in.ExpireHours
		c.Fails, c.OpenUntilAt, c.Rev = 0, 0, c.Rev+1
		if ok, err := save(ctx, tx, "channel", &c, in.Rev); err != nil || !ok {
			return errors.Join(err, ifNot(ok))
		}
		tx.AfterCommit(func() { s.wake(c.Code) })
		return audit.Record(ctx, tx, audit.Entry{
			Act: "notify.channel", Object: "channel", ObjectID: c.Code, Summary: "修改通道 " + ChannelName(c.Code),
			Before: traceChannel(before), After: traceChannel(c),
		})
	})
}

func ifNot(ok bool) error {
	if ok {
		return nil
	}
	return changed()
}

func traceChannel(c channelRow) map[string]any {
	return map[string]any{"mode": c.Mode, "address": c.Address, "appId": c.AppID, "perHour": c.PerHour, "quietFrom": c.QuietFrom, "quietTo": c.QuietTo, "tries": c.Tries}
}

func (c channelRow) check() error {
	var f errs.Fields
	f.Check(slices.Contains(ChannelCodes(), c.Code), "code", "没有通道 %s", c.Code)
	f.Check(slices.Contains([]string{"off", "fake", "real"}, c.Mode), "mode", "状态应为 未接通、模拟或真实")
	f.Check(c.PerHour >= 0 && c.PerHour <= 1000, "perHour", "每人每小时条数应在 0 到 1000 之间，0 为不限")
	checkQuiet(&f, c.QuietFrom, c.QuietTo)
	f.Check(c.Tries >= 1 && c.Tries <= 10, "tries", "重试次数应在 1 到 10 之间")
	f.Check(c.RetryMinutes >= 1 && c.RetryMinutes <= 120, "retryMinutes", "重试间隔应在 1 到 120 分钟之间")
	f.Check(c.ExpireHours >= 1 && c.ExpireHours <= 168, "expireHours", "有效期应在 1 到 168 小时之间")
	if c.Mode == "off" || c.Code == InApp {
		return f.Err()
	}
	if c.Code == Mail {
		f.Check(strings.Count(c.Address, ":") >= 1, "address", "邮件服务器应写作 主机:端口")
		_, err := mail.ParseAddress(c.Sender)
		f.Check(err == nil, "sender", "发件人应为邮件地址")
		return f.Err()
	}
	u, err := url.Parse(c.Address)
	f.Check(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "address", "网关地址应以 http:// 或 https:// 开头")
	f.Check(c.Code == Webhook || c.AppID != "", "appId", "请填写应用标识")
	f.Check(c.Code != SMS || c.Sender != "", "sender", "请填写短信签名")
	return f.Err()
}

func checkQuiet(f *errs.Fields, from, to int) {
	f.Check(from >= 0 && from < 24*60 && to >= 0 && to < 24*60, "quietFrom", "免打扰时段应在 00:00 到 23:59 之间")
}

// Test sends a notice to the actor by a channel, past rules and preferences.
func (s *Service) Test(ctx context.Context, code string) (string, error) {
	who, err := access.Need(ctx, access.NotifyManage)
	if err != nil {
		return "", err
	}
	id := ids.New()
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		ch, err := lockChannel(ctx, tx, code)
		if db.NoRows(err) {
			return errs.NotFound("通道")
		}
		if err != nil {
			return err
		}
		if !ch.on() {
			return errs.Conflict(ChannelName(code) + "未接通，请先填写网关并选择模拟或真实")
		}
		c, ok, err := s.people.Contact(ctx, who.ID)
		if err != nil {
			return err
		}
		p, err := s.prefsOf(ctx, tx, who.ID)
		if err != nil {
			return err
		}
		to := addressOf(code, c, p, ch.Address)
		if !ok || to == "" {
			return errs.Conflict("您没有登记" + addressName(code) + "，不能试发")
		}
		m := &sendRow{
			ID: id, RuleName: "试发", Channel: code, Op: opPush, Person: who.ID, PersonName: who.Name, Address: shownAddress(code, c, p, ch.Address), Change: "test",
			Title: "通道试发", Body: "这是一条试发消息，收到说明" + ChannelName(code) + "可用。", Urgent: 1, State: Queued,
			NextAt: clock.At(tx.Now()), CreatedAt: clock.At(tx.Now()), DedupeKey: "test|" + id,
		}
		return s.enter(ctx, tx, m, ch, p)
	})
	return id, err
}

// Templates lists templates, the newest version first.
func (s *Service) Templates(ctx context.Context) ([]templateRow, error) {
	who, err := access.From(ctx)
	if err != nil {
		return nil, err
	}
	if !who.Has(access.NotifyManage) && !who.Has(access.NotifyApprove) {
		return nil, who.Need(access.NotifyManage)
	}
	return all[templateRow](ctx, s.db.Read(), "templates", "t.code, t.channel, t.version DESC", "")
}

// TemplateInput is a text to be approved.
type TemplateInput struct{ Code, Channel, Name, Title, Body string }

// WriteTemplate makes a new version that waits for the approval of another
// person; the version in force stays until then.
func (s *Service) WriteTemplate(ctx context.Context, in TemplateInput) (templateRow, error) {
	var t templateRow
	who, err := access.Need(ctx, access.NotifyManage)
	if err != nil {
		return t, err
	}
	var f errs.Fields
	in.Code, in.Name = strings.TrimSpace(in.Code), strings.TrimSpace(in.Name)
	f.Check(in.Code != "" && len(in.Code) <= 40 && strings.Trim(in.Code, "abcdefghijklmnopqrstuvwxyz0123456789._-") == "", "code", "模板编码应为 1 到 40 个小写字母、数字、点或横线")
	f.Check(in.Name != "" && len([]rune(in.Name)) <= 30, "name", "模板名称应为 1 到 30 个字")
	f.Check(slices.Contains(personChannels(), in.Channel), "channel", "请选择通道")
	checkTemplate(&f, in.Channel, in.Title, in.Body)
	if err := f.Err(); err != nil {
		return t, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n, err := lastVersion(ctx, tx, in.Code, in.Channel)
		if err != nil {
			return err
		}
		t = templateRow{
			ID: ids.New(), Code: in.Code, Channel: in.Channel, Version: n + 1, Name: in.Name, Title: in.Title, Body: in.Body, State: "pending",
			WrittenBy: who.ID, WrittenName: who.Name, WrittenAt: clock.At(tx.Now()), Rev: 1,
		}
		fresh, err := add(ctx, tx, "template", t)
		if err != nil || fresh == 0 {
			return errors.Join(err, ifNot(fresh == 1))
		}
		if err := s.askApproval(ctx, tx, t, who); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "notify.template.write", Object: "template", ObjectID: t.ID, Summary: "提交消息模板 " + t.Name, After: traceTemplate(t)})
	})
	return t, err
}

func (s *Service) askApproval(ctx context.Context, tx db.Tx, t templateRow, who access.Actor) error {
	g, err := s.people.Managers(ctx)
	if err != nil {
		return err
	}
	g.Role = "sec_admin"
	return s.todo.Put(ctx, tx, todo.Item{
		Source: "template", SourceID: t.ID, Key: "approve", Kind: "approval", Title: "审批消息模板：" + t.Name + "（" + ChannelName(t.Channel) + "）",
		Summary: t.Body, Path: "/notify/templates?id=" + t.ID, Group: &g, Starter: who.ID, Step: 2, Steps: 2, StepName: "审批",
	})
}

func traceTemplate(t templateRow) map[string]any {
	return map[string]any{"code": t.Code, "channel": t.Channel, "version": t.Version, "title": t.Title, "body": t.Body, "state": t.State}
}

// DecideTemplate approves or rejects a version; nobody decides about their
// own.
func (s *Service) DecideTemplate(ctx context.Context, id string, approve bool, note string, rev int64) (templateRow, error) {
	var out templateRow
	who, err := access.Need(ctx, access.NotifyApprove)
	if err != nil {
		return out, err
	}
	if note = strings.TrimSpace(note); !approve && note == "" {
		return out, errs.Invalidf("note", "驳回时请写明原因")
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		t, err := one[templateRow](ctx, tx, "template", "t.id = ?", id)
		if err != nil {
			return err
		}
		switch {
		case t == nil:
			return errs.NotFound("模板")
		case t.Rev != rev:
			return changed()
		case t.State != "pending":
			return errs.Conflict("这个版本不在待审批状态")
		case t.WrittenBy == who.ID:
			return errs.Forbidden("不能审批自己提交的模板")
		}
		before := *t
		t.State, t.DecidedBy, t.DecidedName, t.Note, t.Rev = "rejected", who.ID, who.Name, note, t.Rev+1
		t.DecidedAt = clock.Ptr(tx.Now())
		outcome := "驳回"
		if approve {
			t.State, outcome = "approved", "通过"
			if err := retire(ctx, tx, *t); err != nil {
				return err
			}
		}
		if ok, err := save(ctx, tx, "template", t, rev); err != nil || !ok {
			return errors.Join(err, ifNot(ok))
		}
		if err := s.todo.Close(ctx, tx, "template", t.ID, "approve", who.ID, outcome); err != nil {
			return err
		}
		out = *t
		return audit.Record(ctx, tx, audit.Entry{Act: "notify.template.decide", Object: "template", ObjectID: t.ID, Summary: outcome + "消息模板 " + t.Name, Before: traceTemplate(before), After: traceTemplate(*t), Reason: note})
	})
	return out, err
}

// Preview fills a text with an example.
func (s *Service) Preview(ctx context.Context, channel, title, body string) (string, string, error) {
	who, err := access.From(ctx)
	if err != nil {
		return "", "", err
	}
	if !who.Has(access.NotifyManage) && !who.Has(access.NotifyApprove) {
		return "", "", who.Need(access.NotifyManage)
	}
	var f errs.Fields
	checkTemplate(&f, channel, title, body)
	if err := f.Err(); err != nil {
		return "", "", err
	}
	due := clock.At(s.now()) + 2*3600_000
	vars := varsOf(todo.View{State: todo.Open, Item: todo.Item{Kind: "order", Title: "顺达五金 占道堆物 — 现场处置", Summary: "GD20261124-0287 外滩街道", StepName: "现场处置", DueAt: &due}},
		Contact{Name: who.Name}, "created", s.now())
	vars["链接"] = "https://…/m/t/一次性链接"
	return Render(title, vars), Render(body, vars), nil
}

// Rules lists what is sent when, and to whom.
func (s *Service) Rules(ctx context.Context) ([]ruleRow, error) {
	if _, err := access.Need(ctx, access.NotifyManage); err != nil {
		return nil, err
	}
	return all[ruleRow](ctx, s.db.Read(), "rules", "r.id", "")
}

// SaveRule stores a rule, a new one when its id is empty.
func (s *Service) SaveRule(ctx context.Context, in ruleRow) (ruleRow, error) {
	if _, err := access.Need(ctx, access.NotifyManage); err != nil {
		return in, err
	}
	if err := in.check(); err != nil {
		return in, err
	}
	return in, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, ch := range list(in.Channels) {
			t, err := approved(ctx, tx, in.Template, ch)
			if err != nil {
				return err
			}
			if t == nil {
				return errs.Invalidf("template", "模板 %s 没有审批通过的%s版本", in.Template, ChannelName(ch))
			}
		}
		var before any
		if in.ID == "" {
			in.ID, in.Rev = ids.New(), 1
			if _, err := add(ctx, tx, "rule", in); err != nil {
				return err
			}
		} else {
			old, err := one[ruleRow](ctx, tx, "rule", "r.id = ?", in.ID)
			if err != nil {
				return err
			}
			if old == nil {
				return errs.NotFound("规则")
			}
			before = *old
			rev := in.Rev
			in.Rev++
			if ok, err := save(ctx, tx, "rule", &in, rev); err != nil || !ok {
				return errors.Join(err, ifNot(ok))
			}
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "notify.rule", Object: "rule", ObjectID: in.ID, Summary: "保存发送规则 " + in.Name, Before: before, After: in})
	})
}

func (r ruleRow) check() error {
	var f errs.Fields
	f.Check(strings.TrimSpace(r.Name) != "" && len([]rune(r.Name)) <= 30, "name", "规则名称应为 1 到 30 个字")
	f.Check(changeName(r.Change) != r.Change && r.Change != "test", "change", "请选择触发的变化")
	f.Check(r.Audience != "" && !slices.ContainsFunc(list(r.Audience), func(a string) bool {
		return !slices.Contains([]string{ToAssignee, ToGroup, ToStarter, ToCC, ToLeader}, a)
	}), "audience", "请选择收件人：办理人、候选组、发起人、抄送人或上级")
	f.Check(r.Channels != "" && !slices.ContainsFunc(list(r.Channels), func(c string) bool { return !slices.Contains(personChannels(), c) }), "channels", "请至少选择一个通道")
	f.Check(r.Template != "", "template", "请选择模板")
	f.Check(r.MinPriority >= 0 && r.MinPriority <= 2, "minPriority", "优先级应为 0 到 2")
	f.Check(r.DedupeMinutes >= 0 && r.DedupeMinutes <= 1440, "dedupeMinutes", "去重时间应在 0 到 1440 分钟之间")
	return f.Err()
}

// DropRule deletes a rule.
func (s *Service) DropRule(ctx context.Context, id string) error {
	if _, err := access.Need(ctx, access.NotifyManage); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		ok, err := dropRule(ctx, tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return errs.NotFound("规则")
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "notify.rule.drop", Object: "rule", ObjectID: id, Summary: "删除发送规则"})
	})
}

// Prefs gives the actor's own preferences.
func (s *Service) Prefs(ctx context.Context) (prefRow, error) {
	who, err := access.From(ctx)
	if err != nil {
		return prefRow{}, err
	}
	p, err := one[prefRow](ctx, s.db.Read(), "preferences", "person = ?", who.ID)
	if err != nil || p == nil {
		return prefRow{Person: who.ID, QuietFrom: -1, QuietTo: -1}, err
	}
	return *p, nil
}

// SavePrefs stores the actor's own preferences.
func (s *Service) SavePrefs(ctx context.Context, in prefRow) error {
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	var f errs.Fields
	if in.QuietFrom >= 0 {
		checkQuiet(&f, in.QuietFrom, in.QuietTo)
	}
	for _, c := range list(in.Off) {
		f.Check(slices.Contains(personChannels(), c) && c != InApp, "off", "站内消息不能关闭，其余通道可以")
	}
	if in.Mail != "" {
		_, err := mail.ParseAddress(in.Mail)
		f.Check(err == nil && len(in.Mail) <= 120, "mail", "邮件地址应为 name@example.cn 的样式")
	}
	if err := f.Err(); err != nil {
		return err
	}
	in.Person, in.Rev = who.ID, 1
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return putPref(ctx, tx, &in) })
}
