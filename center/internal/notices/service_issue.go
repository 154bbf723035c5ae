package notices

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// IssueInput asks for a notice: about an order, an alert or a shop.
type IssueInput struct {
	Kind    string   `json:"kind" enum:"rectify,compliance"`
	OrderID string   `json:"orderId,omitempty" maxLength:"40"`
	AlertID string   `json:"alertId,omitempty" maxLength:"40"`
	ShopID  string   `json:"shopId,omitempty" maxLength:"40"`
	Causes  []string `json:"causes,omitempty" maxItems:"5" doc:"Codes; those of the event kind when empty"`
	// Facts and Demand replace the words that are made.
	Facts  string       `json:"facts,omitempty" maxLength:"600"`
	Demand string       `json:"demand,omitempty" maxLength:"400"`
	DueAt  *clock.Stamp `json:"dueAt,omitempty" format:"date-time"`
	// Way skips the ways before it: sms or visit.
	Way string `json:"way,omitempty" enum:",ssbc,sms,visit"`
}

func (in *IssueInput) check(now time.Time) error {
	var f errs.Fields
	in.Facts, in.Demand = strings.TrimSpace(in.Facts), strings.TrimSpace(in.Demand)
	f.Check(in.Kind == Rectify || in.Kind == Compliance, "kind", "请选择责令整改通知或合规告知书")
	n := 0
	for _, x := range []string{in.OrderID, in.AlertID, in.ShopID} {
		if x != "" {
			n++
		}
	}
	f.Check(n == 1, "orderId", "请给出工单、预警或商铺中的一个")
	f.Check(in.Kind != Rectify || in.OrderID != "", "orderId", "责令整改通知应由工单制发")
	f.Check(utf8.RuneCountInString(in.Facts) <= 200, "facts", "发现的情况不能超过 200 个字")
	f.Check(utf8.RuneCountInString(in.Demand) <= 120, "demand", "改正要求不能超过 120 个字")
	f.Check(!strings.Contains(in.Facts+in.Demand, "{{"), "facts", "发现的情况和改正要求里不能有 {{")
	f.Check(in.DueAt == nil || in.DueAt.Time().After(now.Add(29*time.Minute)), "dueAt", "期限应至少在 30 分钟以后")
	f.Check(in.DueAt == nil || in.DueAt.Time().Before(now.AddDate(0, 0, 91)), "dueAt", "期限应在 90 天以内")
	f.Check(slices.Contains([]string{"", WayPush, WaySMS, WayVisit}, in.Way), "way", "送达方式应为随申办、短信或上门")
	return f.Err()
}

// facts reads what the notice is about, in the actor's scope.
func (s *Service) factsOf(ctx context.Context, in IssueInput) (Facts, error) {
	switch {
	case in.OrderID != "":
		return s.sources.Order(ctx, in.OrderID)
	case in.AlertID != "":
		return s.sources.Alert(ctx, in.AlertID)
	}
	return s.sources.Shop(ctx, in.ShopID)
}

// draft is a notice that is not stored, with what its words came from.
type draft struct {
	notice Notice
	rule   Rule
	limit  time.Duration
}

// Preview makes the notice as it would be, without making it.
func (s *Service) Preview(ctx context.Context, in IssueInput) (Notice, error) {
	who, err := access.Need(ctx, access.NoticeIssue)
	if err != nil {
		return Notice{}, err
	}
	if err := in.check(s.db.Now()); err != nil {
		return Notice{}, err
	}
	d, err := s.draft(ctx, who, in, s.db.Now())
	if err != nil {
		return Notice{}, err
	}
	n := d.notice
	due := clock.At(s.db.Now().Add(d.limit))
	if n.DueAt == nil {
		n.DueAt = &due
	}
	n.No, n.Code = "（制发时编号）", strings.Repeat("X", codeLen)
	n.CreatedAt = clock.At(s.db.Now())
	return n, s.write(ctx, &n, d.rule, s.db.Now())
}

// draft gathers what a notice says, all but its number, its deadline and its
// words.
func (s *Service) draft(ctx context.Context, who access.Actor, in IssueInput, now time.Time) (draft, error) {
	var d draft
	f, err := s.factsOf(ctx, in)
	if err != nil {
		return d, err
	}
	switch {
	case !who.Allows(access.NoticeIssue, f.RegionCode):
		return d, errs.NotFound("工单或商铺")
	case f.Closed:
		return d, errs.Conflict("工单 " + f.OrderNo + " 已办结，不再制发告知")
	case f.ShopID == "":
		return d, errs.Conflict("还没有认定是哪家商铺，不能制发告知")
	}
	if d.rule, err = ruleNow(ctx, s.db.Read(), clock.At(now)); err != nil {
		return d, err
	}
	t, err := templateFor(ctx, s.db.Read(), in.Kind, f.Kind)
	if err != nil {
		return d, err
	}
	n := Notice{
		Kind: in.Kind, EventKind: f.Kind, State: Made, OrderID: f.OrderID, OrderNo: f.OrderNo, AlertID: f.AlertID, ShopID: f.ShopID, ShopName: f.ShopName,
		Address: f.Address, RegionCode: f.RegionCode, StreetName: f.StreetName, Lng: f.Lng, Lat: f.Lat, CameraID: f.CameraID, CameraName: f.CameraName,
		ZoneID: f.ZoneID, SquadOrgID: f.SquadOrgID, SquadName: f.SquadName, OfficerID: f.OfficerID, OfficerName: f.OfficerName, EvidenceUse: f.EvidenceUse,
		SeenAt: f.SeenAt, Picture: f.Picture, Clip: f.Clip, Box: f.Box, TemplateID: t.ID, RuleID: d.rule.ID, Way: WayPush, IssuedBy: who.ID, IssuedName: who.Name,
		Facts: in.Facts, Demand: in.Demand, DueAt: in.DueAt, Title: t.Title, Body: t.Body, Message: t.Message, Checklist: t.Checklist, live: true,
	}
	if n.Causes, err = s.causesOf(ctx, in, f, now); err != nil {
		return d, err
	}
	if n.Facts == "" {
		n.Facts = plainFacts(f.Kind, f)
	}
	if n.Demand == "" {
		for _, c := range n.Causes {
			if c.Remedy != "" {
				n.Demand = c.Remedy
				break
			}
		}
	}
	if err := s.responsible(ctx, &n, now); err != nil {
		return d, err
	}
	d.notice, d.limit = n, limitOf(in, f, now)
	return d, nil
}

// responsible fills in who answers for the notice, and what may be said of
// the camera.
func (s *Service) responsible(ctx context.Context, n *Notice, now time.Time) error {
	org, err := s.people.DistrictOf(ctx, n.RegionCode)
	if err != nil {
		return fmt.Errorf("find the district of %s: %w", n.RegionCode, err)
	}
	n.Organ = org.Name
	if n.SquadOrgID == "" {
		squad, err := s.people.SquadOf(ctx, n.RegionCode)
		if err != nil {
			return fmt.Errorf("find the squad of %s: %w", n.RegionCode, err)
		}
		n.SquadOrgID, n.SquadName = squad.ID, squad.Name
	}
	if n.CameraID == "" {
		return nil
	}
	at := now
	if n.SeenAt != nil {
		at = n.SeenAt.Time()
	}
	n.Device, err = s.cameras.Device(ctx, n.CameraID, at)
	return err
}

// causesOf takes the causes as they held when it was seen: the law of that
// day applies.
func (s *Service) causesOf(ctx context.Context, in IssueInput, f Facts, now time.Time) ([]Cause, error) {
	at := now
	if f.SeenAt != nil {
		at = f.SeenAt.Time()
	}
	if len(in.Causes) == 0 {
		list, err := s.law.ForKind(ctx, f.Kind, at)
		if err == nil && len(list) == 0 {
			err = errs.Invalidf("causes", "请选择案由")
		}
		return list, err
	}
	out := []Cause{}
	for _, code := range in.Causes {
		c, err := s.law.At(ctx, code, at)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// limitOf gives how long the shop has: to the deadline that was asked for, or
// to the order's as long as that is at least half an hour away; 0 leaves it to
// the rule.
func limitOf(in IssueInput, f Facts, now time.Time) time.Duration {
	switch {
	case in.DueAt != nil:
		return in.DueAt.Time().Sub(now)
	case in.Kind == Rectify && f.DueAt != nil && f.DueAt.Time().Sub(now) >= 30*time.Minute:
		return f.DueAt.Time().Sub(now).Truncate(time.Minute)
	case in.Kind == Rectify:
		return 4 * time.Hour
	}
	return 0
}

// write fills the words of a notice whose facts are complete.
func (s *Service) write(ctx context.Context, n *Notice, r Rule, now time.Time) error {
	business, err := s.shops.Business(ctx, n.ShopID)
	if err != nil {
		return fmt.Errorf("read trade of shop: %w", err)
	}
	all, done, err := lately(ctx, s.db.Read(), n.ShopID, clock.At(now.AddDate(0, 0, -90)))
	if err != nil {
		return err
	}
	past := "近 90 日没有收到告知"
	if all > 0 {
		past = fmt.Sprintf("近 90 日收到告知 %d 次，已改正 %d 次", all, done)
	}
	vars := varsOf(*n, r, business, past, now)
	n.Title, n.Body = fill(n.Title, vars), fill(n.Body, vars)
	n.Message = fill(n.Message, vars)
	return nil
}

// Issue makes a notice and sends it on its way. Again for the same order it
// gives the one that is there.
func (s *Service) Issue(ctx context.Context, in IssueInput) (n Notice, again bool, err error) {
	who, err := access.Need(ctx, access.NoticeIssue)
	if err != nil {
		return Notice{}, false, err
	}
	if err := in.check(s.db.Now()); err != nil {
		return Notice{}, false, err
	}
	d, err := s.draft(ctx, who, in, s.db.Now())
	if err != nil {
		return Notice{}, false, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n, again, err = s.issueIn(ctx, tx, personDoer(who), in, d)
		return err
	})
	if db.Duplicate(err) { // somebody else was faster
		if old, ok, e := s.liveOf(ctx, d.notice); e == nil && ok {
			return old, true, nil
		}
	}
	return n, again, err
}

func (s *Service) liveOf(ctx context.Context, n Notice) (old Notice, ok bool, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, ok, err = lock(ctx, tx, "n.live_key = ?", liveKey(n))
		return err
	})
	return old, ok, err
}

func (s *Service) issueIn(ctx context.Context, tx db.Tx, who doer, in IssueInput, d draft) (Notice, bool, error) {
	n := d.notice
	n.ID = s.newID()
	if n.OrderID != "" || n.AlertID != "" {
		old, ok, err := lock(ctx, tx, "n.live_key = ?", liveKey(n))
		if err != nil || ok {
			return old, ok, err
		}
	}
	c, _, err := s.shops.Contact(ctx, tx, n.ShopID)
	if err != nil {
		return n, false, fmt.Errorf("read contact of shop: %w", err)
	}
	if n.No, err = nextNo(ctx, tx); err != nil {
		return n, false, err
	}
	paper := newPaper()
	n.Code, n.CreatedAt, n.Rev, n.tails = newCode(), clock.At(tx.Now()), 1, s.tailsOf(n.ID, paper, c)
	if n.paper, err = s.keys.Seal(forPaper, paper, paperPlace(n.ID)); err != nil {
		return n, false, fmt.Errorf("seal the paper's digits: %w", err)
	}
	if err := s.startClock(ctx, tx, &n, d.limit); err != nil {
		return n, false, err
	}
	if err := s.write(ctx, &n, d.rule, tx.Now()); err != nil {
		return n, false, err
	}
	if err := insert(ctx, tx, n); err != nil {
		return n, false, err
	}
	made := fmt.Sprintf("制发%s %s", KindName(n.Kind), n.No)
	if err := addStep(ctx, tx, stepRow{NoticeID: n.ID, Act: "issue", ActorID: who.id, ActorName: who.name, Text: made, Shown: 1}, nil); err != nil {
		return n, false, err
	}
	err = audit.Record(ctx, tx, audit.Entry{Act: "notice.issue", Object: "notice", ObjectID: n.ID, RegionCode: n.RegionCode, Summary: made + "，" + n.ShopName, After: trace(n)})
	if err != nil {
		return n, false, err
	}
	way := in.Way
	if way == "" {
		way = WayPush
	}
	n, err = s.goOut(ctx, tx, n, d.rule, way, "")
	if err != nil {
		return n, false, err
	}
	return n, false, s.publish(ctx, tx, n)
}

// clockName is the one clock of a notice.
const clockName = "改正期限"

// startClock begins the deadline, or lets it go on.
func (s *Service) startClock(ctx context.Context, tx db.Tx, n *Notice, limit time.Duration) error {
	in := deadline.StartClock{
		Record: "notice", RecordID: n.ID, Name: clockName, Title: KindName(n.Kind) + " " + n.No + " " + n.ShopName, Path: "/notices/" + n.ID,
		Rule: "notice.correct", RegionCode: n.RegionCode, At: tx.Now(), Limit: limit, Vars: map[string]any{"kind": n.EventKind, "squad": n.SquadOrgID},
	}
	if n.Kind == Compliance {
		in.Rule, in.Limit = "notice.comply", 0
	}
	c, err := s.clocks.Start(ctx, tx, in)
	if err != nil {
		return fmt.Errorf("start the deadline: %w", err)
	}
	if c.DueAt != nil && (n.Kind == Rectify || n.DueAt == nil) {
		n.DueAt = c.DueAt
	}
	return nil
}

// Replace withdraws a notice and makes another one in its place, in one step.
func (s *Service) Replace(ctx context.Context, id string, rev int64, reason string, in IssueInput) (Notice, error) {
	who, err := access.Need(ctx, access.NoticeIssue)
	if err != nil {
		return Notice{}, err
	}
	if err := in.check(s.db.Now()); err != nil {
		return Notice{}, err
	}
	if reason, err = need(reason, "reason", "重新制发的理由"); err != nil {
		return Notice{}, err
	}
	d, err := s.draft(ctx, who, in, s.db.Now())
	if err != nil {
		return Notice{}, err
	}
	var out Notice
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := s.open(ctx, tx, who, id, rev, Replace)
		if err != nil {
			return err
		}
		if old.OrderID != d.notice.OrderID || old.AlertID != d.notice.AlertID || old.ShopID != d.notice.ShopID || old.Kind != in.Kind {
			return errs.Invalidf("orderId", "重新制发的告知应与原来的是同一件事")
		}
		before := old
		d.notice.ReplacesID = old.ID
		next := ended(old, Withdrawn, "已重新制发："+reason, tx.Now())
		if next, err = s.save(ctx, tx, personDoer(who), before, next, change{act: "withdraw", text: "撤回，重新制发：" + reason, shown: true, reason: reason}); err != nil {
			return err
		}
		if err := s.closeWork(ctx, tx, next, "已重新制发"); err != nil {
			return err
		}
		if out, _, err = s.issueIn(ctx, tx, personDoer(who), in, d); err != nil {
			return err
		}
		next.ReplacedBy = out.ID
		_, err = update(ctx, tx, next)
		return err
	})
	return out, err
}

// need checks a text that a person has to write.
func need(s, field, what string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n < 2 || n > 200 {
		return s, errs.Invalidf(field, "请填写%s，2 到 200 个字", what)
	}
	return s, nil
}

// ended ends a notice: nobody can do anything more to it.
func ended(n Notice, state State, reason string, now time.Time) Notice {
	n.State, n.EndReason, n.EndedAt, n.Paused, n.live = state, reason, clock.Ptr(now), false, false
	return n
}
