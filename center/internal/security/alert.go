package security

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// States of an alert.
const (
	StateOpen     = "open"
	StateAssigned = "assigned"
	StateClosed   = "closed"
)

// Alert is something suspicious that a person has to look at.
type Alert struct {
	ID           string       `json:"id"`
	Rule         string       `json:"rule"`
	RuleTitle    string       `json:"ruleTitle"`
	RuleVersion  int          `json:"ruleVersion"`
	Severity     string       `json:"severity" enum:"low,medium,high,critical"`
	Title        string       `json:"title"`
	PersonID     string       `json:"personId"`
	IP           string       `json:"ip"`
	RegionCode   string       `json:"regionCode"`
	State        string       `json:"state" enum:"open,assigned,closed"`
	Hits         int          `json:"hits"`
	FirstAt      clock.Stamp  `json:"firstAt"`
	LastAt       clock.Stamp  `json:"lastAt"`
	AssigneeID   string       `json:"assigneeId"`
	AssigneeName string       `json:"assigneeName"`
	Outcome      string       `json:"outcome"`
	Reason       string       `json:"reason"`
	ClosedAt     *clock.Stamp `json:"closedAt,omitempty"`
	Rev          int          `json:"rev"`
}

// Evidence is one hit behind an alert.
type Evidence struct {
	At   clock.Stamp `json:"at"`
	What string      `json:"what"`
	Link string      `json:"link"`
}

// AlertAct is one thing that was done about an alert.
type AlertAct struct {
	Act    string      `json:"act"`
	ByName string      `json:"byName"`
	Note   string      `json:"note"`
	At     clock.Stamp `json:"at"`
}

// AlertDetail is an alert with what is behind it.
type AlertDetail struct {
	Alert
	Evidence []Evidence `json:"evidence"`
	Acts     []AlertAct `json:"acts"`
}

func (a alertRow) view(titles map[string]string) Alert {
	return Alert{
		ID: a.ID, Rule: a.Rule, RuleTitle: titles[a.Rule], RuleVersion: a.RuleVersion, Severity: a.Severity, Title: a.Title, PersonID: a.PersonID, IP: a.IP,
		RegionCode: a.RegionCode, State: a.State, Hits: a.Hits, FirstAt: a.FirstAt, LastAt: a.LastAt, AssigneeID: a.AssigneeID, AssigneeName: a.AssigneeName,
		Outcome: a.Outcome, Reason: a.Reason, ClosedAt: a.ClosedAt, Rev: a.Rev,
	}
}

func (s *Service) titles(ctx context.Context) (map[string]string, error) {
	rows, err := rules(ctx, s.db.Read(), "")
	m := map[string]string{}
	for _, r := range rows {
		m[r.Code] = r.Title
	}
	return m, err
}

// AlertFilter narrows the list of alerts; the dashboard counts by the same.
type AlertFilter struct {
	State, Severity, Rule, Q string
	From, To                 *clock.Stamp
	Order                    string
	Limit, Offset            int64
}

// Alerts lists alerts in the actor's scope.
func (s *Service) Alerts(ctx context.Context, f AlertFilter) ([]Alert, int64, error) {
	who, err := access.Need(ctx, access.SecurityView)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := listAlerts(ctx, s.db.Read(), who.Scope, f)
	if err != nil {
		return nil, 0, err
	}
	t, err := s.titles(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Alert, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.view(t))
	}
	return out, n, nil
}

// Alert gives one alert with evidence and what was done.
func (s *Service) Alert(ctx context.Context, id string) (AlertDetail, error) {
	who, err := access.Need(ctx, access.SecurityView)
	if err != nil {
		return AlertDetail{}, err
	}
	a, err := s.load(ctx, s.db.Read(), who, id)
	if err != nil {
		return AlertDetail{}, err
	}
	t, err := s.titles(ctx)
	if err != nil {
		return AlertDetail{}, err
	}
	d := AlertDetail{Alert: a.view(t), Evidence: []Evidence{}, Acts: []AlertAct{}}
	hits, err := hitsOf(ctx, s.db.Read(), id)
	if err != nil {
		return d, err
	}
	for _, h := range hits {
		d.Evidence = append(d.Evidence, Evidence{h.At, h.What, h.Link})
	}
	acts, err := actsOf(ctx, s.db.Read(), id)
	for _, x := range acts {
		d.Acts = append(d.Acts, AlertAct{x.Act, x.ByName, x.Note, x.At})
	}
	return d, err
}

func (s *Service) load(ctx context.Context, q reader, who access.Actor, id string) (alertRow, error) {
	a, err := alertByID(ctx, q, id)
	if db.NoRows(err) || err == nil && !who.Scope.Covers(a.RegionCode) {
		return alertRow{}, errs.NotFound("安全预警")
	}
	if err != nil {
		return alertRow{}, fmt.Errorf("read alert: %w", err)
	}
	return a, nil
}

// Act is what is done about an alert.
type Act struct {
	// Kind is assign, note, lock, kick, block or close.
	Kind string
	// Note says why; closing needs it.
	Note string
	// Assignee is the person for assign.
	Assignee string
	// Minutes is how long lock and block hold.
	Minutes int
	// Outcome of closing: handled or false (a false alarm).
	Outcome string
	Rev     int
}

// Do does something about an alert. Measures (lock, kick, block) take effect
// at once and are noted on the alert.
func (s *Service) Do(ctx context.Context, id string, act Act) error {
	who, err := access.Need(ctx, access.SecurityHandle)
	if err != nil {
		return err
	}
	a, err := s.load(ctx, s.db.Read(), who, id)
	if err != nil {
		return err
	}
	if a.State == StateClosed {
		return errs.Conflict("预警已关闭")
	}
	if a.Rev != act.Rev {
		return errs.Conflict("预警刚被别人处理过，请刷新后重试")
	}
	note, err := s.measure(ctx, a, act)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		before := a.State
		switch act.Kind {
		case "assign":
			p, err := s.o.Access.ActorOf(ctx, act.Assignee)
			if err != nil || !p.Has(access.SecurityHandle) {
				return errs.Invalidf("assignee", "请选择能处置安全预警的人员")
			}
			a.State, a.AssigneeID, a.AssigneeName, note = StateAssigned, p.ID, p.Name, "指派给 "+p.Name+noteOf(act.Note)
		case "close":
			if len([]rune(act.Note)) < 2 {
				return errs.Invalidf("note", "请写明关闭原因")
			}
			if act.Outcome != "handled" && act.Outcome != "false" {
				return errs.Invalidf("outcome", "请选择已处置或误报")
			}
			a.State, a.Outcome, a.Reason, a.ClosedAt, note = StateClosed, act.Outcome, clip(act.Note, 500), clock.Ptr(tx.Now()), act.Note
			if s.o.Todos != nil {
				if err := s.o.Todos.Close(ctx, tx, "security", a.ID, "", who.ID, map[string]string{"handled": "已处置", "false": "误报"}[act.Outcome]); err != nil {
					return fmt.Errorf("close to-do of the alert: %w", err)
				}
			}
		}
		if ok, err := saveAlert(ctx, tx, &a); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("预警刚被别人处理过，请刷新后重试")
			}
			return err
		}
		row := actRow{ID: ids.New(), AlertID: a.ID, Act: act.Kind, ByID: who.ID, ByName: who.Name, Note: clip(note, 500), At: clock.At(tx.Now())}
		if err := insert(ctx, tx, "act", &row); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "security." + act.Kind, Object: "securityAlert", ObjectID: a.ID, RegionCode: a.RegionCode,
			Summary: a.Title + "：" + note, Before: map[string]string{"state": before}, After: map[string]string{"state": a.State}, Reason: act.Note})
	})
}

func noteOf(s string) string {
	if s == "" {
		return ""
	}
	return "：" + s
}

// measure does what takes effect outside the alert.
func (s *Service) measure(ctx context.Context, a alertRow, act Act) (string, error) {
	long := time.Duration(max(act.Minutes, 1)) * time.Minute
	switch act.Kind {
	case "assign", "close":
		return act.Note, nil
	case "note":
		if act.Note == "" {
			return "", errs.Invalidf("note", "请填写说明")
		}
		return act.Note, nil
	case "lock":
		if a.PersonID == "" {
			return "", errs.Conflict("这条预警没有对应的账号")
		}
		return fmt.Sprintf("锁定账号 %d 分钟%s", act.Minutes, noteOf(act.Note)), s.o.Access.LockFor(ctx, a.PersonID, long, act.Note)
	case "kick":
		if a.PersonID == "" {
			return "", errs.Conflict("这条预警没有对应的账号")
		}
		n, err := s.o.Access.EndSessions(ctx, a.PersonID, act.Note)
		return fmt.Sprintf("结束 %d 个登录会话%s", n, noteOf(act.Note)), err
	case "block":
		if a.IP == "" {
			return "", errs.Conflict("这条预警没有来源地址")
		}
		return fmt.Sprintf("封禁地址 %s %d 分钟%s", a.IP, act.Minutes, noteOf(act.Note)), s.Block(ctx, a.IP, a.ID, act.Note, long)
	}
	return "", errs.Invalidf("act", "不支持的操作 %s", act.Kind)
}

// Blocked is an address from which nothing is answered for a time.
type Blocked struct {
	IP        string      `json:"ip"`
	Reason    string      `json:"reason"`
	AlertID   string      `json:"alertId"`
	ByName    string      `json:"byName"`
	CreatedAt clock.Stamp `json:"createdAt"`
	UntilAt   clock.Stamp `json:"untilAt"`
}

// Block refuses an address for a time.
func (s *Service) Block(ctx context.Context, ip, alertID, reason string, long time.Duration) error {
	who, err := access.Need(ctx, access.SecurityHandle)
	if err != nil {
		return err
	}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return errs.Invalidf("ip", "应为一个 IP 地址")
	}
	if addr.IsLoopback() {
		return errs.Invalidf("ip", "不能封禁本机地址，否则反向代理后的所有人都无法使用")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row := blockRow{IP: addr.String(), Reason: clip(reason, 300), AlertID: alertID, ByName: who.Name, CreatedAt: clock.At(tx.Now()), UntilAt: clock.At(tx.Now().Add(long))}
		if err := putBlock(ctx, tx, &row); err != nil {
			return err
		}
		tx.AfterCommit(s.forgetBlocks)
		return audit.Record(ctx, tx, audit.Entry{Act: "security.block", Object: "address", ObjectID: row.IP, Summary: "封禁地址 " + row.IP, After: row.UntilAt, Reason: reason})
	})
}

// Unblock lets an address in again.
func (s *Service) Unblock(ctx context.Context, ip, reason string) error {
	if _, err := access.Need(ctx, access.SecurityHandle); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := dropBlock(ctx, tx, ip); err != nil {
			return err
		}
		tx.AfterCommit(s.forgetBlocks)
		return audit.Record(ctx, tx, audit.Entry{Act: "security.unblock", Object: "address", ObjectID: clip(ip, 60), Summary: "解除封禁 " + clip(ip, 60), Reason: reason})
	})
}

// Blocks lists the addresses that are refused now.
func (s *Service) Blocks(ctx context.Context) ([]Blocked, error) {
	if _, err := access.Need(ctx, access.SecurityView); err != nil {
		return nil, err
	}
	rows, err := blocks(ctx, s.db.Read(), clock.At(s.db.Now()))
	out := make([]Blocked, 0, len(rows))
	for _, b := range rows {
		out = append(out, Blocked{b.IP, b.Reason, b.AlertID, b.ByName, b.CreatedAt, b.UntilAt})
	}
	return out, err
}

// blockAge is how long another center may still answer a blocked address.
const blockAge = 3 * time.Second

func (s *Service) forgetBlocks() {
	s.mu.Lock()
	s.readAt = time.Time{}
	s.mu.Unlock()
}

// Refuse answers requests of blocked addresses; it goes before every other
// way to know who asks (access.Service.First).
func (s *Service) Refuse(ctx context.Context, r httpx.Request) (context.Context, bool, error) {
	until, ok := s.blockedUntil(ctx, r.IP)
	if !ok {
		return ctx, false, nil
	}
	return ctx, true, errs.Forbidden("您的地址已被暂停访问，至 " + until.Time().In(clock.Shanghai()).Format("01-02 15:04") + "，请联系安全管理员")
}

func (s *Service) blockedUntil(ctx context.Context, ip string) (clock.Stamp, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.db.Now()
	if s.readAt.IsZero() || now.Sub(s.readAt) >= blockAge || now.Before(s.readAt) {
		if rows, err := blocks(ctx, s.db.Read(), clock.At(now)); err != nil {
			s.o.Log.Error("blocked addresses are not readable", "err", err)
		} else {
			s.blocks = make(map[string]clock.Stamp, len(rows))
			for _, b := range rows {
				s.blocks[b.IP] = b.UntilAt
			}
		}
		s.readAt = now
	}
	u, ok := s.blocks[ip]
	return u, ok && u > clock.At(now)
}
