package security

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/stream"
	"jiexun/center/internal/todo"

	"jiexun/center/internal/platform/ids"
)

// Hit is one thing that counts towards a rule.
type Hit struct {
	Rule string
	// SourceID makes it count once: the id of the event or of the call.
	SourceID string
	// Subject is whom it is counted for: an account, a person, an address.
	Subject string
	// Weight is how many it counts for; 0 means one.
	Weight int
	At     clock.Stamp
	// What is a Chinese sentence, Link opens what it came from.
	What, Link string
	// Title names the alert when it becomes one.
	Title, PersonID, IP, RegionCode string
	// Now makes an alert whatever the count.
	Now bool
}

// TopicAlert is the outbox topic of a new alert. Payload: AlertRaised.
const TopicAlert = "security.alert"

// AlertRaised is the payload of TopicAlert.
type AlertRaised struct {
	ID       string `json:"id"`
	Rule     string `json:"rule"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
}

// Count notes a hit and raises an alert, or adds to the open one, when the
// rule speaks. A hit that was noted before does nothing.
func (s *Service) Count(ctx context.Context, tx db.Tx, h Hit) error {
	row, err := ruleNow(ctx, tx, h.Rule)
	if err != nil {
		return fmt.Errorf("read rule %s: %w", h.Rule, err)
	}
	r, err := row.view()
	if err != nil || !r.On {
		return err
	}
	hit := hitRow{Rule: h.Rule, SourceID: h.SourceID, Subject: clip(h.Subject, 120), At: h.At, Weight: max(h.Weight, 1), What: clip(h.What, 300), Link: clip(h.Link, 300)}
	fresh, err := addHit(ctx, tx, &hit)
	if err != nil || !fresh {
		return err
	}
	open, err := openAlert(ctx, tx, h.Rule, hit.Subject)
	if err == nil {
		return s.more(ctx, tx, open, hit)
	}
	if !db.NoRows(err) {
		return fmt.Errorf("find open alert: %w", err)
	}
	since := clock.At(h.At.Time().Add(-time.Duration(r.Params.WindowMinutes) * time.Minute))
	n, err := countHits(ctx, tx, h.Rule, hit.Subject, since)
	if err != nil || n < r.Params.Threshold && !h.Now {
		return err
	}
	return s.raise(ctx, tx, r, h, hit, n, since)
}

// more adds a hit to the open alert.
func (s *Service) more(ctx context.Context, tx db.Tx, a alertRow, h hitRow) error {
	return growAlert(ctx, tx, a.ID, h)
}

func (s *Service) raise(ctx context.Context, tx db.Tx, r Rule, h Hit, hit hitRow, n int, since clock.Stamp) error {
	if h.RegionCode == "" {
		h.RegionCode = cityCode
	}
	a := alertRow{
		ID: ids.New(), Rule: r.Code, RuleVersion: r.Version, Severity: r.Severity, Title: clip(h.Title, 200), Subject: hit.Subject, PersonID: h.PersonID, IP: h.IP,
		RegionCode: h.RegionCode, State: StateOpen, Hits: n, YMD: clock.YMD(h.At.Time()), FirstAt: h.At, LastAt: h.At, Rev: 1,
	}
	if err := insert(ctx, tx, "alert", &a); err != nil {
		return err
	}
	if err := claimHits(ctx, tx, r.Code, hit.Subject, since, a.ID); err != nil {
		return err
	}
	first, err := firstHit(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	if err := setFirst(ctx, tx, a.ID, first); err != nil {
		return err
	}
	priority := map[string]int{Low: 0, Medium: 0, High: 1, Critical: 2}[r.Severity]
	if s.o.Todos != nil {
		err := s.o.Todos.Put(ctx, tx, todo.Item{
			Source: "security", SourceID: a.ID, Key: "handle", Kind: "security", Title: a.Title, Summary: r.Title + "：" + hit.What, Path: "/security/alerts/" + a.ID,
			RegionCode: a.RegionCode, Group: &todo.Group{Role: "sec_admin", OrgID: s.o.Handlers}, Priority: priority, Step: 1, Steps: 2, StepName: "处置",
			DueNote: "尽快处置",
		})
		if err != nil {
			return fmt.Errorf("publish to-do of the alert: %w", err)
		}
	}
	tx.AfterCommit(func() {
		s.o.Wake()
		if s.o.Stream != nil {
			s.o.Stream.Send(stream.Message{Event: "security", RegionCode: a.RegionCode, Perm: access.SecurityView, Data: AlertRaised{a.ID, r.Code, r.Severity, a.Title}})
		}
	})
	return events.Publish(ctx, tx, TopicAlert, AlertRaised{a.ID, r.Code, r.Severity, a.Title})
}

// TakeFailed counts a failed sign-in.
func (s *Service) TakeFailed(ctx context.Context, tx db.Tx, e events.Event) error {
	var f access.SessionFailed
	if err := e.Decode(&f); err != nil {
		return err
	}
	what := fmt.Sprintf("账号 %s 登录失败，来自 %s，连续第 %d 次", clip(f.Account, 64), f.IP, f.Count)
	if f.Locked {
		what += "，账号已锁定"
	}
	return s.Count(ctx, tx, Hit{Rule: RuleLogin, SourceID: e.ID, Subject: f.Account, At: e.At, What: what, Link: "/audit?q=" + url.QueryEscape(clip(f.Account, 64)),
		Title: "账号 " + clip(f.Account, 64) + " 连续登录失败", PersonID: f.PersonID, IP: f.IP, RegionCode: s.regionOf(ctx, f.PersonID), Now: f.Locked})
}

// TakeOpened makes the person active and counts a sign-in off hours.
func (s *Service) TakeOpened(ctx context.Context, tx db.Tx, e events.Event) error {
	var o access.SessionOpened
	if err := e.Decode(&o); err != nil {
		return err
	}
	if err := s.noteOpened(ctx, tx, o, e.At); err != nil {
		return err
	}
	row, err := ruleNow(ctx, tx, RuleOffHours)
	if err != nil {
		return fmt.Errorf("read rule: %w", err)
	}
	r, err := row.view()
	if err != nil {
		return err
	}
	at := e.At.Time().In(clock.Shanghai())
	if h := at.Hour(); h >= r.Params.FromHour && h < r.Params.ToHour {
		return nil
	}
	name := s.nameOf(ctx, o.PersonID)
	return s.Count(ctx, tx, Hit{Rule: RuleOffHours, SourceID: e.ID, Subject: o.PersonID, At: e.At, What: fmt.Sprintf("%s 于 %s 登录，来自 %s（%s）", name, at.Format("01-02 15:04"), o.IP, access.MethodName(o.Method)),
		Link: "/audit?actor=" + url.QueryEscape(name) + "&act=session.open", Title: name + " 在非工作时间登录", PersonID: o.PersonID, IP: o.IP, RegionCode: s.regionOf(ctx, o.PersonID)})
}

// TakeRevealed counts a look at somebody's full numbers.
func (s *Service) TakeRevealed(ctx context.Context, tx db.Tx, e events.Event) error {
	var v access.Revealed
	if err := e.Decode(&v); err != nil {
		return err
	}
	name := s.nameOf(ctx, v.By)
	return s.Count(ctx, tx, Hit{Rule: RuleReveal, SourceID: e.ID, Subject: v.By, At: e.At, What: name + " 查看了 " + s.nameOf(ctx, v.PersonID) + " 的敏感信息，事由：" + v.Reason,
		Link: "/audit?actor=" + url.QueryEscape(name) + "&act=person.reveal", Title: name + " 频繁查看敏感信息", PersonID: v.By, RegionCode: s.regionOf(ctx, v.By)})
}

// TakeGrant counts a change of who has a powerful role.
func (s *Service) TakeGrant(ctx context.Context, tx db.Tx, e events.Event) error {
	var g access.GrantChanged
	if err := e.Decode(&g); err != nil {
		return err
	}
	row, err := ruleNow(ctx, tx, RulePrivilege)
	if err != nil {
		return fmt.Errorf("read rule: %w", err)
	}
	r, err := row.view()
	if err != nil {
		return err
	}
	if len(r.Params.Roles) > 0 && !slices.Contains(r.Params.Roles, g.Role) {
		return nil
	}
	name, by := s.nameOf(ctx, g.PersonID), s.nameOf(ctx, g.By)
	return s.Count(ctx, tx, Hit{Rule: RulePrivilege, SourceID: e.ID, Subject: g.PersonID, At: e.At, What: fmt.Sprintf("%s 的角色 %s 有授权变更（%s），由 %s 操作", name, g.Role, g.Act, by),
		Link: "/audit?act=grant&q=" + url.QueryEscape(g.GrantID), Title: name + " 的高权限授权有变更", PersonID: g.PersonID, RegionCode: s.regionOf(ctx, g.PersonID)})
}

// Fault is the payload of crypto.integrity, access.tampered and audit.broken,
// as far as it is read here.
type Fault struct {
	Purpose string `json:"purpose"`
	Where   string `json:"where"`
	What    string `json:"what"`
	Table   string `json:"table"`
	ID      string `json:"id"`
	Seq     int64  `json:"seq"`
	Fault   string `json:"fault"`
	Message string `json:"message"`
}

// TakeFault counts something that does not hold: a row, a file, the chain.
func (s *Service) TakeFault(rule string) events.Handler {
	return func(ctx context.Context, tx db.Tx, e events.Event) error {
		var f Fault
		if err := e.Decode(&f); err != nil {
			return err
		}
		place := strings.Trim(strings.Join([]string{f.Where, f.Table, f.ID}, " "), " ")
		title, link := "完整性校验失败："+place, "/crypto"
		if rule == RuleAudit {
			place, title, link = "审计链", "审计链不完整", "/audit"
		}
		if e.Topic == access.TopicTampered {
			link = "/roles"
		}
		what := strings.TrimSpace(strings.Join([]string{place, f.What, f.Fault, f.Message}, " "))
		return s.Count(ctx, tx, Hit{Rule: rule, SourceID: e.ID, Subject: place, At: e.At, What: what, Link: link, Title: title})
	}
}

// judgeCalls counts what the calls themselves show.
func (s *Service) judgeCalls(ctx context.Context, tx db.Tx, rows []callRow) error {
	for _, c := range rows {
		var h Hit
		switch {
		case c.PersonID != "" && c.Status == 403:
			h = Hit{Rule: RuleDenied, Subject: c.PersonID, Title: c.PersonName + " 频繁越权访问"}
		case (c.App == "open" || c.App == "token") && (c.Status == 401 || c.Status == 403 || c.Status == 429):
			h = Hit{Rule: RuleInterface, Subject: c.IP, Title: c.IP + " 异常调用接口"}
		case c.PersonID != "" && c.Status == 200 && strings.Contains(c.Op, "export"):
			h = Hit{Rule: RuleExport, Subject: c.PersonID, Title: c.PersonName + " 频繁导出数据"}
		default:
			continue
		}
		h.SourceID, h.At, h.PersonID, h.IP, h.RegionCode = c.ID, c.At, c.PersonID, c.IP, c.RegionCode
		h.What = fmt.Sprintf("%s %s 应答 %d，来自 %s", c.Method, c.Path, c.Status, c.IP)
		h.Link = "/usage/calls?q=" + url.QueryEscape(c.RequestID)
		if err := s.Count(ctx, tx, h); err != nil {
			return err
		}
	}
	return nil
}

// Misuse is a box whose certificate a second machine uses.
type Misuse struct {
	BoxID, Name, RegionCode string
	At                      clock.Stamp
}

// CountMisuse counts boxes whose certificates are used twice; a job calls it.
func (s *Service) CountMisuse(ctx context.Context, list []Misuse) error {
	if len(list) == 0 {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, m := range list {
			err := s.Count(ctx, tx, Hit{Rule: RuleBox, SourceID: m.BoxID + "@" + m.At.String(), Subject: m.BoxID, At: m.At, What: "边缘盒 " + m.Name + " 的证书被第二台机器使用",
				Link: "/boxes/" + m.BoxID, Title: "边缘盒 " + m.Name + " 的证书被第二台机器使用", RegionCode: m.RegionCode})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) nameOf(ctx context.Context, id string) string {
	if p, err := s.o.Access.Person(ctx, id); err == nil {
		return p.Name
	}
	return id
}

func (s *Service) regionOf(ctx context.Context, personID string) string {
	if personID == "" {
		return cityCode
	}
	p, err := s.o.Access.Person(ctx, personID)
	if err != nil {
		return cityCode
	}
	o, err := s.o.Access.Org(ctx, p.OrgID)
	if err != nil {
		return cityCode
	}
	return o.RegionCode
}
