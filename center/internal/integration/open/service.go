package open

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// ViewPerm opens the lists.
const ViewPerm = access.InterfaceView

const keyPurpose = "app.key"

// Options are what the service needs; Tokens and Todos may be nil.
type Options struct {
	DB       *db.DB
	Log      *slog.Logger
	Keys     Keys
	People   People
	Codes    Codes
	Business Business
	Todos    Todos
	Tokens   Tokens
	Wake     func()
}

// Service has the use cases of the open interfaces. It is safe for
// concurrent use.
type Service struct {
	o  Options
	db *db.DB

	mu    sync.Mutex
	calls []callRow
	lost  int64
	kick  chan struct{}
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// New makes the service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Service{o: o, db: o.DB, kick: make(chan struct{}, 1)}
}

func (s *Service) client(r joined, now time.Time, today map[string]int64, keys []keyRow) InterfaceClient {
	c := InterfaceClient{
		ID: r.ID, AppID: r.AppID, AppName: r.AppName, AppKey: r.AppKey, Purpose: r.Purpose, Kinds: split(r.Kinds), QuotaDay: r.QuotaDay,
		RateSecond: r.RateSecond, IPs: split(r.IPs), Prefixes: split(r.Prefixes), FromAt: r.FromAt, ToAt: r.ToAt, State: r.State,
		Expired: r.ToAt <= clock.At(now), Note: r.Note, AppliedBy: r.AppliedBy, AppliedName: r.AppliedName, AppliedAt: r.AppliedAt,
		DecidedName: r.DecidedName, DecidedAt: r.DecidedAt, LastCallAt: r.LastCallAt, CallsToday: today[r.ID], Keys: []InterfaceKey{}, Rev: r.Rev,
	}
	for _, k := range keys {
		if k.EndsAt == nil || *k.EndsAt > clock.At(now) {
			c.Keys = append(c.Keys, InterfaceKey{ID: k.ID, Hint: k.Hint, CreatedAt: k.CreatedAt, EndsAt: k.EndsAt, UsedAt: k.UsedAt})
		}
	}
	return c
}

// List gives one page of clients.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[InterfaceClient], error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return httpx.List[InterfaceClient]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	rows, n, err := list(ctx, s.db.Read(), f, p)
	if err != nil {
		return httpx.List[InterfaceClient]{}, err
	}
	now := s.db.Now()
	today, err := meters(ctx, s.db.Read(), clock.YMD(now))
	if err != nil {
		return httpx.List[InterfaceClient]{}, err
	}
	out := make([]InterfaceClient, len(rows))
	for i, r := range rows {
		out[i] = s.client(r, now, today, nil)
	}
	return httpx.NewList(out, n, p, now), nil
}

// Get gives one client with its keys' facts.
func (s *Service) Get(ctx context.Context, id string) (InterfaceClient, error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return InterfaceClient{}, err
	}
	return s.view(ctx, id)
}

func (s *Service) view(ctx context.Context, id string) (InterfaceClient, error) {
	r, err := get(ctx, s.db.Read(), id)
	if err != nil {
		return InterfaceClient{}, err
	}
	keys, err := keysOf(ctx, s.db.Read(), id)
	if err != nil {
		return InterfaceClient{}, err
	}
	now := s.db.Now()
	today, err := meters(ctx, s.db.Read(), clock.YMD(now))
	if err != nil {
		return InterfaceClient{}, err
	}
	return s.client(r, now, today, keys), nil
}

// Changes is the change log of a client.
func (s *Service) Changes(ctx context.Context, id string) ([]trail.LoggedChange, error) {
	if _, err := access.Need(ctx, ViewPerm); err != nil {
		return nil, err
	}
	if _, err := get(ctx, s.db.Read(), id); err != nil {
		return nil, err
	}
	return trail.Of(ctx, s.db, "integration.client", id)
}

func facts(r clientRow) map[string]any {
	return map[string]any{
		"state": r.State, "kinds": r.Kinds, "quotaDay": r.QuotaDay, "rateSecond": r.RateSecond, "ips": r.IPs, "prefixes": r.Prefixes,
		"fromAt": r.FromAt, "toAt": r.ToAt, "appKey": r.AppKey,
	}
}

func note(ctx context.Context, tx db.Tx, act, summary, reason string, before, after *clientRow) error {
	e := audit.Entry{Act: "interface." + act, Object: "integration.client", ObjectID: after.ID, Summary: summary, Reason: reason, After: facts(*after)}
	if before != nil {
		e.Before = facts(*before)
	}
	return trail.Record(ctx, tx, e)
}

// Apply asks for interfaces for an approved outside application.
func (s *Service) Apply(ctx context.Context, in InterfaceForm) (InterfaceClient, error) {
	who, err := access.Need(ctx, access.InterfaceApply)
	if err != nil {
		return InterfaceClient{}, err
	}
	if err := in.check(s.db.Now()); err != nil {
		return InterfaceClient{}, err
	}
	id := ids.New()
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		name, state, internal, err := appState(ctx, tx, in.AppID)
		if err != nil {
			return err
		}
		if internal || state != "active" {
			return errs.Invalidf("appId", "应用“%s”不是已批准的外部应用，请先登记并批准", name)
		}
		now := clock.At(tx.Now())
		r := clientRow{
			ID: id, AppID: in.AppID, Purpose: in.Purpose, Kinds: strings.Join(in.Kinds, ","), QuotaDay: in.QuotaDay, RateSecond: in.RateSecond,
			IPs: strings.Join(in.IPs, ","), Prefixes: strings.Join(in.Prefixes, ","), FromAt: in.FromAt, ToAt: in.ToAt, State: Pending,
			AppliedBy: who.ID, AppliedName: who.Name, AppliedAt: now, UpdatedAt: now, Rev: 1,
		}
		if err := insertClient(ctx, tx, &r); err != nil {
			return err
		}
		if err := note(ctx, tx, "apply", "为应用“"+name+"”申请接口", in.Purpose, nil, &r); err != nil {
			return err
		}
		return trail.Tell(ctx, tx, trail.TopicRegistered, trail.Registered{ID: id, Kind: trail.KindInterface, Name: name, PersonID: who.ID, By: who.ID}, s.o.Wake)
	})
	if err != nil {
		return InterfaceClient{}, err
	}
	return s.view(ctx, id)
}

// Decide approves or rejects an application; the applicant cannot.
func (s *Service) Decide(ctx context.Context, id string, approve bool, reason string, rev int64) (InterfaceClient, error) {
	who, err := access.Need(ctx, access.InterfaceApprove)
	if err != nil {
		return InterfaceClient{}, err
	}
	reason = strings.TrimSpace(reason)
	if !approve && reason == "" {
		return InterfaceClient{}, errs.Invalidf("reason", "请写明不同意的原因")
	}
	err = s.change(ctx, id, rev, func(tx db.Tx, r *joined) (act, summary, why string, err error) {
		switch {
		case r.State != Pending:
			return "", "", "", errs.Conflict("这份申请已经有了结果，请刷新后查看")
		case r.AppliedBy == who.ID:
			return "", "", "", errs.Conflict("申请人不能审批自己的申请，请由另一位审批")
		}
		r.DecidedBy, r.DecidedName, r.DecidedAt, r.Note = who.ID, who.Name, clock.Ptr(tx.Now()), reason
		if !approve {
			r.State = Rejected
			return "decide", "不同意“" + r.AppName + "”的接口申请", reason, nil
		}
		r.State, r.AppKey = Approved, "jx"+randomHex(8)
		return "decide", "同意“" + r.AppName + "”的接口申请", reason, nil
	})
	if err != nil {
		return InterfaceClient{}, err
	}
	return s.viewOwn(ctx, id)
}

// viewOwn is view for those who have just acted.
func (s *Service) viewOwn(ctx context.Context, id string) (InterfaceClient, error) {
	return s.view(ctx, id)
}

// change loads a client, lets f change it, and saves it with its note.
func (s *Service) change(ctx context.Context, id string, rev int64, f func(tx db.Tx, r *joined) (act, summary, reason string, err error)) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := get(ctx, tx, id)
		if err != nil {
			return err
		}
		if rev != 0 && r.Rev != rev {
			return errs.Conflict("这份申请刚被别人处理过，请刷新后重试")
		}
		old := r.clientRow
		act, summary, reason, err := f(tx, &r)
		if err != nil {
			return err
		}
		if err := updateClient(ctx, tx, &r.clientRow); err != nil {
			return err
		}
		if err := note(ctx, tx, act, summary, reason, &old, &r.clientRow); err != nil || old.State != Pending || r.State != Approved {
			return err
		}
		return trail.Tell(ctx, tx, trail.TopicApproved, trail.Registered{ID: id, Kind: trail.KindInterface, Name: r.AppName, PersonID: r.AppliedBy, By: r.DecidedBy}, s.o.Wake)
	})
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return hex.EncodeToString(b)
}

func newKey() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// IssuedKey is a fresh key; it is shown once and stored sealed only.
type IssuedKey struct {
	AppKey string `json:"appKey" doc:"Goes into X-Jx-App"`
	Secret string `json:"secret" doc:"The key of the signature, shown this once"`
	// OldEndsAt is until when the key before is valid too.
	OldEndsAt *clock.Stamp `json:"oldEndsAt,omitempty"`
}

func keyAAD(id string) string { return "integration_keys.sealed:" + id }

// TakeKey issues the first key of an approved client.
func (s *Service) TakeKey(ctx context.Context, id string) (IssuedKey, error) {
	if _, err := access.Need(ctx, access.InterfaceApply); err != nil {
		return IssuedKey{}, err
	}
	var out IssuedKey
	err := s.change(ctx, id, 0, func(tx db.Tx, r *joined) (act, summary, why string, err error) {
		if r.State != Approved {
			return "", "", "", errs.Conflict("密钥只能在批准后领取一次；已领取的请用“更换密钥”")
		}
		r.State = Active
		out, err = s.issue(ctx, tx, r.clientRow, 0)
		return "key", "领取“" + r.AppName + "”的接口密钥", "", err
	})
	return out, err
}

// maxOverlap bounds how long an old key stays valid beside the new one.
const maxOverlap = 7 * 24 * time.Hour

// Rotate issues another key; the one before is valid for the overlap too.
func (s *Service) Rotate(ctx context.Context, id string, overlap time.Duration) (IssuedKey, error) {
	if _, err := access.Need(ctx, access.InterfaceApply); err != nil {
		return IssuedKey{}, err
	}
	return s.rotate(ctx, id, overlap)
}

func (s *Service) rotate(ctx context.Context, id string, overlap time.Duration) (IssuedKey, error) {
	if overlap < 0 || overlap > maxOverlap {
		return IssuedKey{}, errs.Invalidf("overlapHours", "新旧密钥并用的时间应为 0 到 168 小时")
	}
	var out IssuedKey
	err := s.change(ctx, id, 0, func(tx db.Tx, r *joined) (act, summary, why string, err error) {
		if r.State != Active {
			return "", "", "", errs.Conflict("只有使用中的接口可以更换密钥")
		}
		out, err = s.issue(ctx, tx, r.clientRow, overlap)
		return "rotate", "更换“" + r.AppName + "”的接口密钥", "", err
	})
	return out, err
}

func (s *Service) issue(ctx context.Context, tx db.Tx, r clientRow, overlap time.Duration) (IssuedKey, error) {
	until := clock.At(tx.Now().Add(overlap))
	have, err := keysOf(ctx, tx, r.ID)
	if err != nil {
		return IssuedKey{}, err
	}
	if err := endKeys(ctx, tx, r.ID, until); err != nil {
		return IssuedKey{}, err
	}
	k := keyRow{ID: ids.New(), ClientID: r.ID, CreatedAt: clock.At(tx.Now())}
	secret := newKey()
	k.Hint = secret[len(secret)-4:]
	if k.Sealed, err = s.o.Keys.Seal(keyPurpose, secret, keyAAD(k.ID)); err != nil {
		return IssuedKey{}, fmt.Errorf("seal key: %w", err)
	}
	out := IssuedKey{AppKey: r.AppKey, Secret: secret}
	if len(have) > 0 && overlap > 0 {
		out.OldEndsAt = &until
	}
	return out, insertKey(ctx, tx, &k)
}

// Revoke ends a client: from the next request on, on every center.
func (s *Service) Revoke(ctx context.Context, id, reason, perm string) (InterfaceClient, error) {
	if _, err := access.Need(ctx, perm); err != nil {
		return InterfaceClient{}, err
	}
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return InterfaceClient{}, errs.Invalidf("reason", "请写明吊销的原因")
	}
	err := s.change(ctx, id, 0, func(_ db.Tx, r *joined) (act, summary, why string, err error) {
		if r.State == Revoked || r.State == Rejected {
			return "", "", "", errs.Conflict("这份申请已经不在使用")
		}
		r.State, r.Note = Revoked, reason
		return "revoke", "吊销“" + r.AppName + "”的接口", reason, nil
	})
	if err != nil {
		return InterfaceClient{}, err
	}
	return s.view(ctx, id)
}
