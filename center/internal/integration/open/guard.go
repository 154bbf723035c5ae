package open

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Incoming is a signed request as it came.
type Incoming struct {
	Method, Path, Query, IP string
	App, Time, Nonce, Sign  string
	Body                    []byte
	// Kind is the kind of interface that is called.
	Kind string
}

// Refusal is why a request was not let in.
type Refusal struct {
	Code    sign.Code
	Status  int
	Message string
}

// Error implements error.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Message }

func refuse(code sign.Code, status int, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Status: status, Message: fmt.Sprintf(format, args...)}
}

// Admit checks a request in the order in which a stranger learns least: the
// signature first, then what the client may do. A request that is refused
// uses up neither its nonce nor any quota. The client is given with the
// refusal when it is known, for the log.
func (s *Service) Admit(ctx context.Context, in Incoming) (joined, error) {
	h, ok := sign.Parse(in.App, in.Time, in.Nonce, in.Sign)
	if !ok {
		return joined{}, refuse(sign.Invalid, http.StatusUnauthorized, "签名头不完整或格式不对，需要 %s、%s、%s、%s", sign.HeaderApp, sign.HeaderTime, sign.HeaderNonce, sign.HeaderSign)
	}
	c, ok, err := byAppKey(ctx, s.db.Read(), h.App)
	if err != nil {
		return c, err
	}
	if !ok {
		return c, refuse(sign.Invalid, http.StatusUnauthorized, "签名不正确")
	}
	now := s.db.Now()
	if !h.Fresh(now) {
		return c, refuse(sign.Expired, http.StatusUnauthorized, "请求时间与中心相差超过 %d 分钟，中心时间 %s", int(sign.Window/time.Minute), clock.At(now))
	}
	key, err := s.fits(ctx, c, h, in, now)
	if err != nil {
		return c, err
	}
	if err := s.may(ctx, c, in, now); err != nil {
		return c, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		fresh, err := spendNonce(ctx, tx, c.ID, h.Nonce)
		if err != nil {
			return err
		}
		if !fresh {
			return refuse(sign.Replayed, http.StatusConflict, "随机串 %s 已经用过，每个请求要用新的", h.Nonce)
		}
		calls, burst, err := count(ctx, tx, c.ID)
		switch {
		case err != nil:
			return err
		case calls > c.QuotaDay:
			return refuse(sign.OverQuota, http.StatusTooManyRequests, "今日 %d 次的配额已用完，明日零点恢复", c.QuotaDay)
		case burst > c.RateSecond:
			return refuse(sign.RateLimited, http.StatusTooManyRequests, "每秒最多 %d 次，请稍后再试", c.RateSecond)
		}
		return touch(ctx, tx, c.ID, key)
	})
	return c, err
}

// fits checks the signature against the keys that are valid now.
func (s *Service) fits(ctx context.Context, c joined, h sign.Header, in Incoming, now time.Time) (string, error) {
	keys, err := keysOf(ctx, s.db.Read(), c.ID)
	if err != nil {
		return "", err
	}
	text := sign.Text(in.Method, in.Path, in.Query, h.Millis, h.Nonce, in.Body)
	for _, k := range keys {
		if k.EndsAt != nil && *k.EndsAt <= clock.At(now) {
			continue
		}
		secret, err := s.o.Keys.Open(keyPurpose, k.Sealed, keyAAD(k.ID))
		if err != nil {
			s.o.Log.Error("a client's key does not open", "client", c.ID, "key", k.ID, "err", err)
			continue
		}
		if h.Fits(secret, text) {
			return k.ID, nil
		}
	}
	return "", refuse(sign.Invalid, http.StatusUnauthorized, "签名不正确")
}

// may checks what the client was granted.
func (s *Service) may(ctx context.Context, c joined, in Incoming, now time.Time) error {
	at := clock.At(now)
	switch {
	case c.State != Active:
		return refuse(sign.Revoked, http.StatusForbidden, "接口已吊销")
	case c.FromAt > at || c.ToAt <= at:
		return refuse(sign.Revoked, http.StatusForbidden, "不在有效期内")
	}
	off, err := s.o.Codes.IsOff(ctx, c.AppCode)
	if err != nil {
		return err
	}
	switch {
	case off:
		return refuse(sign.Revoked, http.StatusForbidden, "应用已停用")
	case !ipAllowed(split(c.IPs), in.IP):
		return refuse(sign.IPDenied, http.StatusForbidden, "来源地址 %s 不在白名单", in.IP)
	case in.Kind != KindSelf && !strings.Contains(","+c.Kinds+",", ","+in.Kind+","):
		return refuse(sign.NotGranted, http.StatusForbidden, "没有申请%s", KindName(in.Kind))
	}
	return nil
}

// actor is the client as the use cases behind the interfaces see it: it may
// only read, and only where its data scope is.
func actor(c joined) access.Actor {
	return access.Actor{
		ID: c.ID, Name: "应用 " + c.AppName, Perms: map[string]bool{access.AlertView: true, access.OrderView: true},
		Scope: access.Scope{Prefixes: split(c.Prefixes)}, Method: "interface",
	}
}

// Prune forgets what no later request can need; a job calls it.
func (s *Service) Prune(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		return prune(ctx, tx, clock.At(now.Add(-3*sign.Window)), clock.At(now.Add(-24*time.Hour)))
	})
}
