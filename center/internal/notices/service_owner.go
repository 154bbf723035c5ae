package notices

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/todo"
)

// Numbers of the public door.
const (
	sessionLen = 30 * time.Minute
	mostMisses = 5 // wrong tails in a row
	lockedFor  = 15 * time.Minute
	perIP      = 30 // tries in ten minutes
	writesIP   = 60 // uploads and answers in ten minutes
)

func tooMany() error { return errs.New(errs.TooMany, "尝试次数太多，请 15 分钟后再试") }

// Opened is what a shop gets that has shown who it is.
type Opened struct {
	Session string
	Until   clock.Stamp
}

// OpenPage lets a shop in: the link of a message or the check code, and the
// last four of the registered number, of the credit code, or the digits on
// the paper. Whatever does not fit gives the same answer.
func (s *Service) OpenPage(ctx context.Context, token, code, typed string) (Opened, error) {
	now := s.db.Now()
	if !s.doors.allow(caller.From(ctx).IP, perIP, now) {
		return Opened{}, tooMany()
	}
	code = ParseCode(code)
	if token != "" {
		subject, ok := s.unseal(forLink, token, now)
		if !ok {
			return Opened{}, errs.Forbidden("链接已过期或不完整，请用查询码打开")
		}
		code = subject
	}
	if code == "" {
		return Opened{}, noMatch()
	}
	var out Opened
	var refused error
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		out, refused = Opened{}, nil
		n, ok, err := lock(ctx, tx, "n.code = ?", code)
		if err != nil {
			return err
		}
		if !ok {
			refused = noMatch()
			return nil
		}
		at := clock.At(tx.Now())
		if n.lockedAt != nil && *n.lockedAt > at {
			refused = tooMany()
			return nil
		}
		if !s.opens(n, typed) {
			n.misses++
			refused = noMatch()
			if n.misses >= mostMisses {
				n.misses, n.lockedAt = 0, clock.Ptr(tx.Now().Add(lockedFor))
			}
			return setDoor(ctx, tx, n)
		}
		if n.misses > 0 || n.lockedAt != nil {
			n.misses, n.lockedAt = 0, nil
			if err := setDoor(ctx, tx, n); err != nil {
				return err
			}
		}
		until := tx.Now().Add(sessionLen)
		out = Opened{Session: s.seal(forSession, n.ID, until), Until: clock.At(until)}
		_, err = s.arrived(caller.With(ctx, caller.Caller{ID: theShop.id, Name: theShop.name, IP: caller.From(ctx).IP}), tx, n, Read, "办理页面", at)
		return err
	})
	return out, errors.Join(err, refused)
}

// ofSession gives the notice that a session opens.
func (s *Service) ofSession(ctx context.Context, session string) (Notice, error) {
	id, ok := s.unseal(forSession, session, s.db.Now())
	if !ok {
		return Notice{}, errs.New(errs.Unauthenticated, "页面打开太久了，请重新输入后四位")
	}
	n, ok, err := byID(ctx, s.db.Read(), id)
	if err == nil && !ok {
		err = errs.NotFound("通知")
	}
	return n, err
}

// OwnerView is a notice as its shop sees it.
type OwnerView struct {
	Notice  Notice
	Rule    Rule
	Steps   []Step
	Answers []Answer
	Now     time.Time
	// May tells which answers are possible, and why the others are not.
	Correct, Object error
}

// OwnerSees gives the notice of a session.
func (s *Service) OwnerSees(ctx context.Context, session string) (OwnerView, error) {
	n, err := s.ofSession(ctx, session)
	if err != nil {
		return OwnerView{}, err
	}
	v := OwnerView{Notice: n, Now: s.db.Now(), Steps: []Step{}}
	if v.Rule, err = ruleByID(ctx, s.db.Read(), n.RuleID); err != nil {
		return v, err
	}
	steps, err := stepsOf(ctx, s.db.Read(), n.ID)
	if err != nil {
		return v, err
	}
	for _, x := range steps {
		if x.shown {
			v.Steps = append(v.Steps, x)
		}
	}
	v.Answers, err = answersOf(ctx, s.db.Read(), n.ID)
	v.Correct, v.Object = OwnerGuard(n, Corrected, v.Rule, v.Now), OwnerGuard(n, Objection, v.Rule, v.Now)
	return v, err
}

// OwnerPicture opens a picture of the session's notice, and no other.
func (s *Service) OwnerPicture(ctx context.Context, session, sm3 string) (io.ReadSeekCloser, blob.Ref, error) {
	n, err := s.ofSession(ctx, session)
	if err != nil {
		return nil, blob.Ref{}, err
	}
	ok, err := hasPhoto(ctx, s.db.Read(), n.ID, sm3)
	if err == nil && !ok {
		err = errs.NotFound("图片")
	}
	if err != nil {
		return nil, blob.Ref{}, err
	}
	return s.files.Open(ctx, sm3)
}

// OwnerUpload keeps a photo of the shop for its answer.
func (s *Service) OwnerUpload(ctx context.Context, session string, data []byte) (blob.Ref, error) {
	n, err := s.ofSession(ctx, session)
	if err != nil {
		return blob.Ref{}, err
	}
	if !s.writes.allow(caller.From(ctx).IP, writesIP, s.db.Now()) {
		return blob.Ref{}, tooMany()
	}
	r, err := ruleByID(ctx, s.db.Read(), n.RuleID)
	if err != nil {
		return blob.Ref{}, err
	}
	if err := OwnerGuard(n, Corrected, r, s.db.Now()); err != nil {
		return blob.Ref{}, err
	}
	mt, err := blob.CheckPicture(data)
	if err != nil {
		return blob.Ref{}, err
	}
	have, err := photosOf(ctx, s.db.Read(), n.ID, "owner")
	if err != nil {
		return blob.Ref{}, err
	}
	if int64(len(have)) >= r.PhotoLimit*4 {
		return blob.Ref{}, errs.Conflict("这份通知上传的照片太多了，请联系承办人")
	}
	ref, err := s.files.PutBytes(ctx, data, mt)
	if err != nil {
		return ref, err
	}
	return ref, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return addPhotos(ctx, tx, n.ID, "owner", []string{ref.SM3}) })
}

// AnswerInput is what a shop says.
type AnswerInput struct {
	Kind   string   `json:"kind" enum:"corrected,objection"`
	Text   string   `json:"text" maxLength:"2000"`
	Photos []string `json:"photos" maxItems:"20"`
	Key    string   `json:"key" minLength:"8" maxLength:"60" doc:"The same key again changes nothing"`
}

func (in *AnswerInput) check(r Rule, n Notice) error {
	var f errs.Fields
	in.Text = strings.TrimSpace(in.Text)
	f.Check(in.Kind == Corrected || in.Kind == Objection, "kind", "请选择已改正或有异议")
	f.Check(int64(len(in.Photos)) <= r.PhotoLimit, "photos", "照片最多 %d 张", r.PhotoLimit)
	f.Check(in.Kind != Corrected || n.Kind != Rectify || len(in.Photos) > 0, "photos", "请至少上传一张改正后的照片")
	f.Check(in.Kind != Objection || utf8.RuneCountInString(in.Text) >= 5, "text", "请写明情况，至少 5 个字")
	f.Check(utf8.RuneCountInString(in.Text) <= 500, "text", "说明不能超过 500 个字")
	return f.Err()
}

// OwnerAnswer takes what a shop says: a correction goes to the officer, an
// objection to the district.
func (s *Service) OwnerAnswer(ctx context.Context, session string, in AnswerInput) error {
	seen, err := s.ofSession(ctx, session)
	if err != nil {
		return err
	}
	if !s.writes.allow(caller.From(ctx).IP, writesIP, s.db.Now()) {
		return tooMany()
	}
	ctx = caller.With(ctx, caller.Caller{ID: theShop.id, Name: theShop.name, IP: caller.From(ctx).IP})
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n, ok, err := lock(ctx, tx, "n.id = ?", seen.ID)
		if err != nil || !ok {
			return err
		}
		if again, err := answered(ctx, tx, n.ID, in.Key); err != nil || again {
			return err
		}
		r, err := ruleByID(ctx, tx, n.RuleID)
		if err != nil {
			return err
		}
		if err := OwnerGuard(n, in.Kind, r, tx.Now()); err != nil {
			return err
		}
		if err := in.check(r, n); err != nil {
			return err
		}
		for i, p := range in.Photos {
			if ok, err := hasPhoto(ctx, tx, n.ID, p); err != nil || !ok {
				return errors.Join(err, errs.Invalidf(fmt.Sprintf("photos[%d]", i), "第 %d 张照片还没有上传，请重新选择", i+1))
			}
		}
		return s.take(ctx, tx, n, r, in)
	})
}

// take stores an answer and says for whom it waits.
func (s *Service) take(ctx context.Context, tx db.Tx, n Notice, r Rule, in AnswerInput) error {
	before, now := n, clock.At(tx.Now())
	late := n.DueAt != nil && !n.Paused && *n.DueAt < now
	n.State, n.AnswerKind, n.AnsweredAt = Answered, in.Kind, &now
	err := addAnswer(ctx, tx, answerRow{ID: ids.New(), NoticeID: n.ID, Kind: in.Kind, Text: in.Text, Photos: text(in.Photos), Late: flag(late), State: "pending", MadeAt: now, IdemKey: in.Key})
	if err != nil {
		return err
	}
	said := "商铺反馈已改正"
	if in.Kind == Objection {
		said = "商铺提出异议"
	}
	if late {
		said += "（逾期）"
	}
	if in.Kind == Corrected {
		err = s.takeCorrection(ctx, tx, &n, said)
	} else {
		err = s.takeObjection(ctx, tx, &n, r, in.Text)
	}
	if err != nil {
		return err
	}
	if in.Text != "" {
		said += "：" + in.Text
	}
	_, err = s.save(ctx, tx, theShop, before, n, change{act: "answer", text: said, photos: in.Photos, shown: true, audit: "商铺对告知 " + n.No + " 作出反馈"})
	return err
}

func (s *Service) takeCorrection(ctx context.Context, tx db.Tx, n *Notice, said string) error {
	err := errors.Join(
		s.clocks.Stop(ctx, tx, "notice", n.ID, clockName, "已反馈"),
		s.timers.Cancel(ctx, tx, TimerKind, n.ID),
		s.todos.Put(ctx, tx, s.item(*n, "confirm", "确认改正", said)),
	)
	if err != nil || s.rechecks == nil || n.OrderID == "" || n.CameraID == "" {
		return err
	}
	if err := s.rechecks.AskRecheck(ctx, tx, Recheck{CameraID: n.CameraID, ZoneID: n.ZoneID, OrderID: n.OrderID, NotBefore: tx.Now()}); err != nil {
		return fmt.Errorf("ask the camera to look again: %w", err)
	}
	n.Recheck, n.RecheckAt = RecheckAsked, nil
	return nil
}

func (s *Service) takeObjection(ctx context.Context, tx db.Tx, n *Notice, r Rule, said string) error {
	if r.ObjectionPauses {
		c, err := s.clock(ctx, tx, *n)
		if err != nil {
			return err
		}
		if _, err := s.clocks.Pause(ctx, tx, c.ID, "异议处理", "商铺提出异议"); err != nil {
			return fmt.Errorf("let the deadline stand: %w", err)
		}
		n.Paused = true
	}
	org, err := s.people.DistrictOf(ctx, n.RegionCode)
	if err != nil {
		return fmt.Errorf("find the district: %w", err)
	}
	it := s.item(*n, "objection", "处理异议", said)
	it.Assignee, it.Group = "", &todo.Group{Role: "district_dispatcher", OrgID: org.ID}
	return s.todos.Put(ctx, tx, it)
}

// Checked is what anybody may learn of a notice: that it is real.
type Checked struct {
	Found             bool
	Organ, Kind, Shop string
	MadeAt            *clock.Stamp
	Valid             bool
	Text              string
}

// Check tells whether a check code is of a notice: for whoever holds a paper
// or a message and doubts it.
func (s *Service) Check(ctx context.Context, code string) (Checked, error) {
	if !s.doors.allow(caller.From(ctx).IP, perIP, s.db.Now()) {
		return Checked{}, tooMany()
	}
	none := Checked{Text: "没有查到这个查询码。请核对后再试；如仍查不到，请不要相信，并向 12345 核实。"}
	code = ParseCode(code)
	if code == "" {
		return none, nil
	}
	n, ok, err := byCode(ctx, s.db.Read(), code)
	if err != nil || !ok {
		return none, err
	}
	out := Checked{Found: true, Organ: n.Organ, Kind: KindName(n.Kind), Shop: maskName(n.ShopName), MadeAt: &n.CreatedAt, Valid: n.State != Withdrawn, Text: "这份文书真实有效。"}
	if !out.Valid {
		out.Text = "这份文书真实，已经撤回，不需要办理。"
		if n.ReplacedBy != "" {
			out.Text = "这份文书已由新的一份代替，请以新的为准。"
		}
	}
	return out, nil
}

// maskName leaves the first character of a name and its length.
func maskName(s string) string {
	r := []rune(s)
	if len(r) < 2 {
		return strings.Repeat("*", len(r))
	}
	return string(r[0]) + strings.Repeat("*", len(r)-2) + string(r[len(r)-1])
}

// refusal is the sentence of a guard, "" when it lets through.
func refusal(err error) string {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}
