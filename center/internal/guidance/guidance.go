// Package guidance tells shops what the law, the rules and the standards ask
// of them, by trade and cause, with cases. A version is written by one person
// and reviewed by another in a process; the public reads what is in force,
// says whether it helped, and is counted.
package guidance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// Kinds of guidance.
func kinds() []string { return []string{"law", "rule", "standard", "case"} }

// Guide is one version of an item.
type Guide struct {
	ID          string       `json:"id"`
	ItemID      string       `json:"itemId"`
	Version     int          `json:"version"`
	Kind        string       `json:"kind" enum:"law,rule,standard,case"`
	Title       string       `json:"title"`
	Summary     string       `json:"summary"`
	Body        string       `json:"body"`
	Trades      []string     `json:"trades"`
	Causes      []string     `json:"causes"`
	Source      string       `json:"source"`
	State       string       `json:"state" enum:"reviewing,published,rejected,retired"`
	From        clock.Stamp  `json:"effectiveFrom" format:"date-time"`
	To          *clock.Stamp `json:"effectiveTo,omitempty" format:"date-time"`
	WrittenName string       `json:"writtenName,omitempty"`
	WrittenAt   clock.Stamp  `json:"writtenAt" format:"date-time"`
	Note        string       `json:"note,omitempty"`
	Reads       int64        `json:"reads"`
	Useful      int64        `json:"useful"`
	Useless     int64        `json:"useless"`
	writtenBy   string
}

// Input is a version to be reviewed.
type Input struct {
	ItemID  string       `json:"itemId,omitempty" maxLength:"40" doc:"Empty for a new item"`
	Kind    string       `json:"kind" enum:"law,rule,standard,case"`
	Title   string       `json:"title" maxLength:"200"`
	Summary string       `json:"summary" maxLength:"800"`
	Body    string       `json:"body" maxLength:"40000"`
	Trades  []string     `json:"trades" maxItems:"20"`
	Causes  []string     `json:"causes" maxItems:"20"`
	Source  string       `json:"source" maxLength:"400"`
	From    clock.Stamp  `json:"effectiveFrom" format:"date-time"`
	To      *clock.Stamp `json:"effectiveTo,omitempty" format:"date-time"`
}

func (in *Input) check() error {
	var f errs.Fields
	text := func(name string, s *string, most int, what string) {
		*s = strings.TrimSpace(*s)
		f.Check(*s != "" && utf8.RuneCountInString(*s) <= most, name, "%s应为 1 到 %d 个字", what, most)
	}
	text("title", &in.Title, 60, "标题")
	text("summary", &in.Summary, 200, "摘要")
	text("body", &in.Body, 10_000, "正文")
	text("source", &in.Source, 100, "来源")
	f.Check(slices.Contains(kinds(), in.Kind), "kind", "请选择法律法规、监管要求、行业标准或案例")
	f.Check(in.From > 0, "effectiveFrom", "请选择生效日期")
	f.Check(in.To == nil || *in.To > in.From, "effectiveTo", "失效日期应晚于生效日期")
	for _, l := range append(slices.Clone(in.Trades), in.Causes...) {
		f.Check(l != "" && utf8.RuneCountInString(l) <= 20 && !strings.Contains(l, ","), "trades", "业态和案由编码应为 1 到 20 个字，不含逗号")
	}
	return f.Err()
}

// Review runs the review of a version.
type Review interface {
	Start(ctx context.Context, tx db.Tx, versionID, title, starter string) error
}

// Keys makes digests of readers.
type Keys interface {
	Blind(purpose, plain string) string
}

// Options are what the service needs. Wake may be nil.
type Options struct {
	DB     *db.DB
	Keys   Keys
	Review Review
	Wake   func()
}

// Service keeps the guidance. It is safe for concurrent use.
type Service struct {
	db     *db.DB
	keys   Keys
	review Review
	wake   func()
	mu     sync.Mutex
	votes  map[string][]time.Time
}

// New makes the service and puts the first guidance in place.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	s := &Service{db: o.DB, keys: o.Keys, review: o.Review, wake: o.Wake, votes: map[string][]time.Time{}}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return seed(ctx, tx) })
	if err != nil {
		return nil, fmt.Errorf("seed guidance: %w", err)
	}
	return s, nil
}

// Write makes a new version that waits for its review; the version in force
// stays until then.
func (s *Service) Write(ctx context.Context, in Input) (Guide, error) {
	who, err := access.Need(ctx, access.GuideEdit)
	if err != nil {
		return Guide{}, err
	}
	if err := in.check(); err != nil {
		return Guide{}, err
	}
	var g Guide
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		g = Guide{
			ID: ids.New(), ItemID: in.ItemID, Version: 1, Kind: in.Kind, Title: in.Title, Summary: in.Summary, Body: in.Body, Trades: in.Trades, Causes: in.Causes,
			Source: in.Source, State: "reviewing", From: in.From, To: in.To, WrittenName: who.Name, WrittenAt: clock.At(tx.Now()), writtenBy: who.ID,
		}
		if g.ItemID == "" {
			g.ItemID = g.ID
		} else {
			list, err := versions(ctx, tx, g.ItemID)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				return errs.NotFound("指引")
			}
			if list[0].State == "reviewing" {
				return errs.Conflict("上一版还在审核，请等审核后再修订")
			}
			g.Version = list[0].Version + 1
		}
		if err := insert(ctx, tx, g); err != nil {
			return err
		}
		if err := s.review.Start(ctx, tx, g.ID, g.Title, who.ID); err != nil {
			return fmt.Errorf("start the review: %w", err)
		}
		tx.AfterCommit(s.wake)
		return audit.Record(ctx, tx, audit.Entry{Act: "guide.write", Object: "guide", ObjectID: g.ID, Summary: fmt.Sprintf("提交合规指引 %s 第 %d 版", g.Title, g.Version), After: g})
	})
	return g, err
}

// Reviewed takes the end of a review. Nobody publishes their own words.
func (s *Service) Reviewed(ctx context.Context, tx db.Tx, id string, pass bool, by, note string) error {
	g, ok, err := load(ctx, tx, id)
	if err != nil || !ok || g.State != "reviewing" {
		return err
	}
	state := "rejected"
	if pass {
		if by == g.writtenBy {
			return errs.Forbidden("不能审核自己编写的指引，请由另一位审核员办理")
		}
		state = "published"
		if err := retire(ctx, tx, g); err != nil {
			return err
		}
	}
	if err := decide(ctx, tx, g.ID, state, by, note); err != nil {
		return err
	}
	after := g
	after.State = state
	return audit.Record(ctx, tx, audit.Entry{Act: "guide.review", Object: "guide", ObjectID: g.ID, Summary: fmt.Sprintf("合规指引 %s 第 %d 版%s", g.Title, g.Version, map[bool]string{true: "发布", false: "未通过审核"}[pass]), Before: g, After: after, Reason: note})
}

// List gives one page of the newest versions, for those who write them.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Guide], error) {
	if _, err := access.Need(ctx, access.GuideEdit); err != nil {
		return httpx.List[Guide]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	items, total, err := list(ctx, s.db.Read(), f, p)
	if err != nil {
		return httpx.List[Guide]{}, err
	}
	return httpx.NewList(items, total, p, s.db.Now()), nil
}

// Versions gives every version of an item, the newest first.
func (s *Service) Versions(ctx context.Context, item string) ([]Guide, error) {
	if _, err := access.Need(ctx, access.GuideEdit); err != nil {
		return nil, err
	}
	out, err := versions(ctx, s.db.Read(), item)
	if err == nil && len(out) == 0 {
		err = errs.NotFound("指引")
	}
	return out, err
}

// Reads gives the days on which an item was read: the sum is its figure.
func (s *Service) Reads(ctx context.Context, item string) ([]Day, error) {
	if _, err := access.Need(ctx, access.GuideEdit); err != nil {
		return nil, err
	}
	return days(ctx, s.db.Read(), item)
}

// Public gives one page of what is in force, for everybody.
func (s *Service) Public(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Guide], error) {
	now := s.db.Now()
	at := clock.At(now)
	f.Q, f.At, f.State = strings.TrimSpace(p.Q), &at, "published"
	items, total, err := list(ctx, s.db.Read(), f, p)
	for i := range items {
		items[i].Body, items[i].WrittenName, items[i].Note = "", "", ""
	}
	if err != nil {
		return httpx.List[Guide]{}, err
	}
	return httpx.NewList(items, total, p, now), nil
}

// Open gives one item to a reader and counts it, once a day for each reader.
func (s *Service) Open(ctx context.Context, item, reader string) (Guide, error) {
	g, ok, err := inForce(ctx, s.db.Read(), item, clock.At(s.db.Now()))
	if err == nil && !ok {
		err = errs.NotFound("指引")
	}
	if err != nil {
		return Guide{}, err
	}
	g.WrittenName, g.Note = "", ""
	if !s.allow(caller.From(ctx).IP, 300) {
		return g, nil // it is read, and counted no more
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return addRead(ctx, tx, item, s.reader(ctx, reader)) })
	return g, err
}

// Vote notes whether an item helped; a reader has one vote and may change it.
func (s *Service) Vote(ctx context.Context, item, reader string, useful bool) error {
	if !s.allow("v"+caller.From(ctx).IP, 60) {
		return errs.New(errs.TooMany, "操作太频繁，请稍后再试")
	}
	_, ok, err := inForce(ctx, s.db.Read(), item, clock.At(s.db.Now()))
	if err != nil || !ok {
		return errors.Join(err, errs.NotFound("指引"))
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return putVote(ctx, tx, item, s.reader(ctx, reader), useful)
	})
}

// reader is a digest: neither addresses nor names of browsers are kept.
func (s *Service) reader(ctx context.Context, id string) string {
	if len(id) < 16 {
		id = "ip|" + caller.From(ctx).IP
	}
	return s.keys.Blind("guide.reader", "r|"+id)
}

// allow bounds what one address may do in ten minutes.
func (s *Service) allow(key string, limit int) bool {
	const window = 10 * time.Minute
	now := s.db.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.votes) > 10_000 {
		clear(s.votes)
	}
	h := s.votes[key]
	for len(h) > 0 && now.Sub(h[0]) > window {
		h = h[1:]
	}
	if len(h) >= limit {
		s.votes[key] = h
		return false
	}
	s.votes[key] = append(h, now)
	return true
}
