package notices

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/deadline"
	"jiexun/center/internal/notify"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// open loads a notice for an act of a person: in scope, at the version that
// they saw, and the act allowed.
func (s *Service) open(ctx context.Context, tx db.Tx, who access.Actor, id string, rev int64, a Act) (Notice, error) {
	n, err := get(ctx, tx, who.For(access.NoticeView), id)
	if err != nil {
		return n, err
	}
	if n.Rev != rev {
		return n, errs.Conflict(fmt.Sprintf("告知 %s 有了变化，现为“%s”，请刷新后再操作", n.No, n.State.Label()))
	}
	return n, Guard(n, a, personOf(who, n))
}

// closeWork ends all that waits because of a notice.
func (s *Service) closeWork(ctx context.Context, tx db.Tx, n Notice, outcome string) error {
	return errors.Join(
		s.timers.Cancel(ctx, tx, TimerKind, n.ID),
		s.sender.WithdrawOutside(ctx, tx, n.ID, outcome),
		s.todos.Close(ctx, tx, "notice", n.ID, "", caller.From(ctx).ID, outcome),
		s.clocks.Stop(ctx, tx, "notice", n.ID, clockName, outcome),
	)
}

// tell sends the shop a short word about its notice by the way that works.
func (s *Service) tell(ctx context.Context, tx db.Tx, n Notice, what, body string) error {
	if n.SentAt == nil || n.Way == WayVisit {
		return nil
	}
	r, err := ruleByID(ctx, tx, n.RuleID)
	if err != nil {
		return err
	}
	channel := notify.Owner
	if n.Way == WaySMS {
		channel = notify.SMS
	}
	_, err = s.message(ctx, tx, n, r, channel, what, body, fmt.Sprint(n.Rev))
	return err
}

// act runs one act of a person.
func (s *Service) act(ctx context.Context, id string, rev int64, a Act, do func(ctx context.Context, tx db.Tx, who access.Actor, n Notice) (Notice, error)) (Notice, error) {
	perm := access.NoticeIssue
	switch a {
	case Serve, Decide:
		perm = access.NoticeConfirm
	case Judge:
		perm = access.NoticeObjection
	}
	who, err := access.Need(ctx, perm)
	if err != nil {
		return Notice{}, err
	}
	var out Notice
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n, err := s.open(ctx, tx, who, id, rev, a)
		if err != nil {
			return err
		}
		out, err = do(ctx, tx, who, n)
		return err
	})
	return out, err
}

// Withdraw takes a notice back. Who has it already is told.
func (s *Service) Withdraw(ctx context.Context, id string, rev int64, reason string) (Notice, error) {
	reason, err := need(reason, "reason", "撤回的理由")
	if err != nil {
		return Notice{}, err
	}
	return s.act(ctx, id, rev, Withdraw, func(ctx context.Context, tx db.Tx, who access.Actor, n Notice) (Notice, error) {
		return s.withdrawIn(ctx, tx, personDoer(who), n, reason)
	})
}

func (s *Service) withdrawIn(ctx context.Context, tx db.Tx, who doer, n Notice, reason string) (Notice, error) {
	next, err := s.save(ctx, tx, who, n, ended(n, Withdrawn, reason, tx.Now()), change{act: "withdraw", text: "撤回：" + reason, shown: true, reason: reason})
	if err != nil {
		return next, err
	}
	if err := settleAnswers(ctx, tx, n.ID, "accepted", who.id, who.name, reason); err != nil {
		return next, err
	}
	if err := s.closeWork(ctx, tx, next, "已撤回"); err != nil {
		return next, err
	}
	return next, s.tell(ctx, tx, next, "withdrawal", fmt.Sprintf("%s：编号 %s 的%s已撤回，不需要再办理。", n.ShopName, n.No, KindName(n.Kind)))
}

// ServeInput is how a notice was brought.
type ServeInput struct {
	Receiver string   `json:"receiver" maxLength:"80"`
	Note     string   `json:"note,omitempty" maxLength:"400"`
	Photos   []string `json:"photos" maxItems:"6"`
	Rev      int64    `json:"rev"`
}

// Serve notes that somebody brought the notice.
func (s *Service) Serve(ctx context.Context, id string, in ServeInput) (Notice, error) {
	receiver, err := need(in.Receiver, "receiver", "签收人")
	if err != nil {
		return Notice{}, err
	}
	for i, p := range in.Photos {
		if !s.files.Has(ctx, p) {
			return Notice{}, errs.Invalidf(fmt.Sprintf("photos[%d]", i), "第 %d 张照片还没有上传", i+1)
		}
	}
	return s.act(ctx, id, in.Rev, Serve, func(ctx context.Context, tx db.Tx, who access.Actor, n Notice) (Notice, error) {
		before := n
		n.Way = WayVisit
		n.Advance(Delivered, clock.At(tx.Now()))
		if err := addPhotos(ctx, tx, n.ID, "visit", in.Photos); err != nil {
			return n, err
		}
		text := "上门送达，签收人 " + receiver
		if in.Note != "" {
			text += "。" + in.Note
		}
		next, err := s.save(ctx, tx, personDoer(who), before, n, change{act: "serve", text: text, photos: in.Photos, shown: true})
		if err != nil {
			return next, err
		}
		return next, errors.Join(
			s.timers.Cancel(ctx, tx, TimerKind, n.ID), s.sender.WithdrawOutside(ctx, tx, n.ID, "已上门送达"),
			s.todos.Close(ctx, tx, "notice", n.ID, "visit", who.ID, "已上门送达"),
		)
	})
}

// Again sends a notice once more, by the first way.
func (s *Service) Again(ctx context.Context, id string, rev int64) (Notice, error) {
	return s.act(ctx, id, rev, Resend, func(ctx context.Context, tx db.Tx, _ access.Actor, n Notice) (Notice, error) {
		r, err := ruleByID(ctx, tx, n.RuleID)
		if err != nil {
			return n, err
		}
		if err := s.todos.Close(ctx, tx, "notice", n.ID, "visit", caller.From(ctx).ID, "再次发送"); err != nil {
			return n, err
		}
		return s.goOut(ctx, tx, n, r, WayPush, "再次发送")
	})
}

// Decide confirms a correction, or sends it back with what is missing.
func (s *Service) Decide(ctx context.Context, id string, rev int64, pass bool, reason string) (Notice, error) {
	var err error
	if !pass {
		if reason, err = need(reason, "reason", "还需要改正什么"); err != nil {
			return Notice{}, err
		}
	}
	return s.act(ctx, id, rev, Decide, func(ctx context.Context, tx db.Tx, who access.Actor, n Notice) (Notice, error) {
		if pass {
			return s.confirm(ctx, tx, personDoer(who), n, "确认已改正", reason)
		}
		return s.refuse(ctx, tx, who, n, "需继续整改："+reason, reason)
	})
}

func (s *Service) confirm(ctx context.Context, tx db.Tx, who doer, n Notice, text, reason string) (Notice, error) {
	next := ended(n, Confirmed, text, tx.Now())
	next.DecidedAt = clock.Ptr(tx.Now())
	next, err := s.save(ctx, tx, who, n, next, change{act: "confirm", text: text, shown: true, reason: reason})
	if err != nil {
		return next, err
	}
	if err := settleAnswers(ctx, tx, n.ID, "accepted", who.id, who.name, reason); err != nil {
		return next, err
	}
	if err := s.closeWork(ctx, tx, next, text); err != nil {
		return next, err
	}
	return next, s.tell(ctx, tx, next, "reply", fmt.Sprintf("%s：编号 %s 的整改已由执法人员确认。", n.ShopName, n.No))
}

// refuse leaves the notice open: the deadline goes on as if nothing had been
// handed in.
func (s *Service) refuse(ctx context.Context, tx db.Tx, who access.Actor, n Notice, text, reason string) (Notice, error) {
	before := n
	n.State, n.DecidedAt = Rejected, clock.Ptr(tx.Now())
	kind := n.AnswerKind
	if kind == Objection && n.Paused {
		if err := s.resume(ctx, tx, &n, reason); err != nil {
			return n, err
		}
	} else if err := s.startClock(ctx, tx, &n, 0); err != nil {
		return n, err
	}
	next, err := s.save(ctx, tx, personDoer(who), before, n, change{act: "refuse", text: text, shown: true, reason: reason})
	if err != nil {
		return next, err
	}
	if err := settleAnswers(ctx, tx, n.ID, "refused", who.ID, who.Name, reason); err != nil {
		return next, err
	}
	key := map[string]string{Corrected: "confirm", Objection: "objection"}[kind]
	if err := s.todos.Close(ctx, tx, "notice", n.ID, key, who.ID, text); err != nil {
		return next, err
	}
	return next, s.tell(ctx, tx, next, "reply", fmt.Sprintf("%s：编号 %s %s。请查看：%s", n.ShopName, n.No, text, linkVar))
}

func (s *Service) resume(ctx context.Context, tx db.Tx, n *Notice, note string) error {
	c, err := s.clock(ctx, tx, *n)
	if err != nil {
		return err
	}
	if c, err = s.clocks.Resume(ctx, tx, c.ID, note); err != nil {
		return fmt.Errorf("let the deadline go on: %w", err)
	}
	n.Paused = false
	if c.DueAt != nil {
		n.DueAt = c.DueAt
	}
	return nil
}

// clock gives the running clock of a notice: starting it again changes
// nothing.
func (s *Service) clock(ctx context.Context, tx db.Tx, n Notice) (deadline.Clock, error) {
	rule := "notice.correct"
	if n.Kind == Compliance {
		rule = "notice.comply"
	}
	return s.clocks.Start(ctx, tx, deadline.StartClock{
		Record: "notice", RecordID: n.ID, Name: clockName, Title: KindName(n.Kind) + " " + n.No, Path: "/notices/" + n.ID, Rule: rule, RegionCode: n.RegionCode, At: n.CreatedAt.Time(),
	})
}

// Judge decides about an objection: upheld withdraws the notice, dismissed
// lets it go on.
func (s *Service) Judge(ctx context.Context, id string, rev int64, uphold bool, reason string) (Notice, error) {
	reason, err := need(reason, "reason", "对异议的答复")
	if err != nil {
		return Notice{}, err
	}
	return s.act(ctx, id, rev, Judge, func(ctx context.Context, tx db.Tx, who access.Actor, n Notice) (Notice, error) {
		if uphold {
			return s.withdrawIn(ctx, tx, personDoer(who), n, "异议成立："+reason)
		}
		return s.refuse(ctx, tx, who, n, "异议不成立："+reason, reason)
	})
}

// TakeOrder handles order.changed and order.closed: a new order may make its
// notice by itself, one that is closed or void ends its notices.
func (s *Service) TakeOrder(ctx context.Context, tx db.Tx, e events.Event) error {
	var o OrderMoved
	if err := e.Decode(&o); err != nil {
		return err
	}
	ctx = access.With(caller.System(ctx, "告知"), s.system(ctx))
	f, err := s.sources.Order(ctx, o.ID)
	gone := errs.Is(err, errs.NotFoundCode)
	if err != nil && !gone {
		return err
	}
	list, err := ofOrder(ctx, tx, o.ID)
	if err != nil {
		return err
	}
	if gone || o.Result != "" && e.Topic == "order.closed" {
		return s.endWithOrder(ctx, tx, list, o, gone)
	}
	r, err := ruleNow(ctx, tx, clock.At(tx.Now()))
	if err != nil || !r.AutoIssue || len(list) > 0 || f.Closed || f.ShopID == "" || o.State != "dispatched" {
		return err
	}
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	in := IssueInput{Kind: Rectify, OrderID: o.ID}
	d, err := s.draft(ctx, who, in, tx.Now())
	if errs.CodeOf(err) == errs.ConflictCode || errs.CodeOf(err) == errs.Invalid {
		return nil // nothing that a notice could say; a person may write one
	}
	if err != nil {
		return err
	}
	_, _, err = s.issueIn(ctx, tx, theSystem, in, d)
	return err
}

// system acts for the center itself.
func (s *Service) system(context.Context) access.Actor {
	return access.Actor{ID: "system", Name: "系统", Scope: access.SystemScope(), Perms: map[string]bool{
		access.NoticeIssue: true, access.NoticeView: true, access.OrderView: true, access.AlertView: true, access.ShopView: true,
	}}
}

func (s *Service) endWithOrder(ctx context.Context, tx db.Tx, list []Notice, o OrderMoved, gone bool) error {
	for _, n := range list {
		if n.EndedAt != nil {
			continue
		}
		var err error
		switch {
		case gone:
			_, err = s.withdrawIn(ctx, tx, theSystem, n, "工单已撤销")
		case o.Result == "falseAlarm" || o.Result == "notFound":
			_, err = s.withdrawIn(ctx, tx, theSystem, n, "现场核查未发现该情况")
		case o.Result == "filed":
			next := ended(n, Rejected, "转立案处理", tx.Now())
			if next, err = s.save(ctx, tx, theSystem, n, next, change{act: "filed", text: "转立案处理"}); err == nil {
				err = s.closeWork(ctx, tx, next, "转立案处理")
			}
		default:
			_, err = s.confirm(ctx, tx, theSystem, n, "现场处置后确认已改正", "")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// TakeRechecked handles patrol.rechecked: what the camera saw later.
func (s *Service) TakeRechecked(ctx context.Context, tx db.Tx, e events.Event) error {
	var r Rechecked
	if err := e.Decode(&r); err != nil {
		return err
	}
	ctx = caller.System(ctx, "视频复查")
	list, err := ofOrder(ctx, tx, r.OrderID)
	if err != nil {
		return err
	}
	for _, n := range list {
		if n.EndedAt != nil || n.RecheckAt != nil && *n.RecheckAt >= r.At {
			continue
		}
		before, text := n, "点位复查：仍有物品"
		n.Recheck, n.RecheckAt = RecheckDirty, &r.At
		if r.Clean {
			n.Recheck, text = RecheckClean, "点位复查：已清理，建议确认改正"
		}
		if n, err = s.save(ctx, tx, theSystem, before, n, change{act: "recheck", text: text}); err != nil {
			return err
		}
		if r.Clean {
			if err := s.todos.Put(ctx, tx, s.item(n, "confirm", "确认改正", text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// MoveDue takes a deadline that somebody changed.
func (s *Service) MoveDue(ctx context.Context, tx db.Tx, id string, due *clock.Stamp) error {
	n, ok, err := lock(ctx, tx, "n.id = ?", id)
	if err != nil || !ok || due == nil || n.DueAt != nil && *n.DueAt == *due {
		return err
	}
	before := n
	n.DueAt = due
	_, err = s.save(ctx, tx, doer{caller.From(ctx).ID, caller.From(ctx).Name}, before, n, change{act: "due", text: "期限改为 " + due.Time().In(clock.Shanghai()).Format(time.DateTime), shown: true})
	return err
}
