package causes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// TopicChanged is published when a version is made.
const TopicChanged = "cause.changed"

// Changed is the payload of cause.changed.
type Changed struct {
	Code    string `json:"code"`
	Version int    `json:"version"`
}

// Options are what the service needs. Wake may be nil.
type Options struct {
	DB   *db.DB
	Wake func()
}

// Service keeps the library. It is safe for concurrent use.
type Service struct {
	db   *db.DB
	wake func()
}

// New makes the service and puts the first library in place where a code has
// no version yet.
func New(ctx context.Context, o Options) (*Service, error) {
	if o.Wake == nil {
		o.Wake = func() {}
	}
	s := &Service{db: o.DB, wake: o.Wake}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return seed(ctx, tx) })
	if err != nil {
		return nil, fmt.Errorf("seed the cause library: %w", err)
	}
	return s, nil
}

// At gives the version of a cause that held at a moment.
func (s *Service) At(ctx context.Context, code string, when time.Time) (Cause, error) {
	c, ok, err := at(ctx, s.db.Read(), code, clock.At(when))
	if err == nil && !ok {
		err = errs.NotFound("案由 " + code)
	}
	return c, err
}

// ForKind gives the causes that an event kind points at, as they held at a
// moment.
func (s *Service) ForKind(ctx context.Context, kind string, when time.Time) ([]Cause, error) {
	return inForce(ctx, s.db.Read(), clock.At(when), Filter{Kind: kind})
}

// InForce gives the causes that held at a moment, for choosing.
func (s *Service) InForce(ctx context.Context, when time.Time) ([]Cause, error) {
	return inForce(ctx, s.db.Read(), clock.At(when), Filter{})
}

// List gives one page of the causes as they hold now, or did or will at
// another moment.
func (s *Service) List(ctx context.Context, f Filter, when *clock.Stamp, p httpx.Paging) (httpx.List[Cause], error) {
	if _, err := access.Need(ctx, access.CauseView); err != nil {
		return httpx.List[Cause]{}, err
	}
	now := s.db.Now()
	at := clock.At(now)
	if when != nil {
		at = *when
	}
	f.Q = strings.TrimSpace(p.Q)
	items, err := inForce(ctx, s.db.Read(), at, f)
	if err != nil {
		return httpx.List[Cause]{}, err
	}
	if err := order(items, p.Sort); err != nil {
		return httpx.List[Cause]{}, err
	}
	total := int64(len(items))
	from := min(p.Offset(), total)
	return httpx.NewList(items[from:min(from+p.Limit(), total)], total, p, now), nil
}

// order sorts in the program: a library has hundreds of causes.
func order(items []Cause, by string) error {
	name, down := strings.CutPrefix(by, "-")
	var cmp func(a, b Cause) int
	switch name {
	case "", "code":
		cmp = func(a, b Cause) int { return strings.Compare(a.Code, b.Code) }
	case "name":
		cmp = func(a, b Cause) int { return strings.Compare(a.Name, b.Name) }
	case "effectiveFrom":
		cmp = func(a, b Cause) int { return int(min(1, max(-1, int64(a.From-b.From)))) }
	case "fineMax":
		cmp = func(a, b Cause) int { return int(min(1, max(-1, a.FineMax-b.FineMax))) }
	default:
		return errs.Invalidf("sort", "不能按 %s 排序", name)
	}
	slices.SortStableFunc(items, func(a, b Cause) int {
		if down {
			return cmp(b, a)
		}
		return cmp(a, b)
	})
	return nil
}

// Versions gives every version of a cause, the newest first.
func (s *Service) Versions(ctx context.Context, code string) ([]Cause, error) {
	if _, err := access.Need(ctx, access.CauseView); err != nil {
		return nil, err
	}
	list, err := versions(ctx, s.db.Read(), code)
	if err == nil && len(list) == 0 {
		err = errs.NotFound("案由")
	}
	return list, err
}

// Publish makes a new version. It begins on its day; the one that held until
// then ends there. A version that begins earlier than the newest one is
// refused, so that the days of the versions never overlap.
func (s *Service) Publish(ctx context.Context, in Input) (Cause, error) {
	who, err := access.Need(ctx, access.CauseEdit)
	if err != nil {
		return Cause{}, err
	}
	if err := in.check(); err != nil {
		return Cause{}, err
	}
	var out Cause
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		list, err := versions(ctx, tx, in.Code)
		if err != nil {
			return err
		}
		var before any
		next := Cause{
			ID: ids.New(), Code: in.Code, Version: 1, Name: in.Name, Domain: in.Domain, Kinds: in.Kinds, Trades: in.Trades, Tags: in.Tags,
			ExternalCode: in.ExternalCode, Penalty: in.Penalty, FineMin: in.FineMin, FineMax: in.FineMax, Precondition: in.Precondition, Remedy: in.Remedy,
			From: in.From, To: in.To, Source: in.Source, Verified: in.Verified, Note: in.Note, MadeName: who.Name, MadeAt: clock.At(tx.Now()), Reason: in.Reason, Articles: in.Articles,
		}
		switch {
		case len(list) == 0 && in.Base != 0:
			return errs.NotFound("案由")
		case len(list) > 0 && in.Base == 0:
			return errs.Invalidf("code", "案由 %s 已有，为“%s”，请在其上修订", in.Code, list[0].Name)
		case len(list) > 0:
			last := list[0]
			if last.Version != in.Base {
				return errs.Conflict(fmt.Sprintf("%s 已发布第 %d 版，请刷新后再修订", last.MadeName, last.Version))
			}
			if in.From <= last.From {
				return errs.Invalidf("effectiveFrom", "施行日期应晚于上一版的 %s", day(last.From))
			}
			before, next.Version = last, last.Version+1
			if err := endVersion(ctx, tx, last.ID, in.From); err != nil {
				return err
			}
		}
		if err := insert(ctx, tx, next, who.ID); err != nil {
			return err
		}
		err = audit.Record(ctx, tx, audit.Entry{
			Act: "cause.publish", Object: "cause", ObjectID: next.Code, Summary: fmt.Sprintf("发布案由 %s %s 第 %d 版，%s 起施行", next.Code, next.Name, next.Version, day(next.From)),
			Before: before, After: next, Reason: in.Reason,
		})
		if err != nil {
			return err
		}
		out = next
		tx.AfterCommit(s.wake)
		return events.Publish(ctx, tx, TopicChanged, Changed{Code: next.Code, Version: next.Version})
	})
	if db.Duplicate(err) {
		err = errs.Conflict("刚有人发布了新版，请刷新后再修订")
	}
	return out, err
}

func day(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format(time.DateOnly) }
