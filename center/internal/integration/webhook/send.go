package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"jiexun/center/internal/integration/sign"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

const (
	batch       = 32
	workers     = 4
	sendLimit   = 10 * time.Second
	claimedFor  = time.Minute
	maxAnswer   = 4096
	maxErrBytes = 300
)

var errPrivate = errors.New("地址指向内部网络，未获配置允许")

// Client makes an HTTP client that never connects to the house's own network
// unless it is allowed: the address is checked after the name was resolved,
// at the moment of connecting, and for redirects too, which are not followed.
func Client(allow []string) (*http.Client, error) {
	nets := []netip.Prefix{}
	for _, a := range allow {
		a = strings.TrimSpace(a)
		if a == "" {
			continue
		}
		p, err := netip.ParsePrefix(a)
		if err != nil {
			return nil, fmt.Errorf("read allowed network %q: %w", a, err)
		}
		nets = append(nets, p.Masked())
	}
	d := &net.Dialer{Timeout: 5 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return err
		}
		if a, err := netip.ParseAddr(host); err != nil || !reachable(a, nets) {
			return errPrivate
		}
		return nil
	}}
	return &http.Client{
		Timeout:       sendLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: sendLimit},
	}, nil
}

// reachable tells whether an address may be called.
func reachable(a netip.Addr, allow []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range allow {
		if p.Contains(a) {
			return true
		}
	}
	for _, p := range []string{"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "64:ff9b::/96", "2002::/16"} {
		if netip.MustParsePrefix(p).Contains(a) {
			return false
		}
	}
	return a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

type result struct {
	status, ms int
	err        string
}

// Send delivers what is due; a job calls it. It gives how many it tried.
func (s *Service) Send(ctx context.Context) (int, error) {
	total := 0
	for range 20 {
		var rows []deliveryRow
		err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			var err error
			rows, err = claim(ctx, tx, batch, clock.At(tx.Now().Add(claimedFor)))
			return err
		})
		if err != nil || len(rows) == 0 {
			return total, err
		}
		total += len(rows)
		if err := s.sendAll(ctx, rows); err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *Service) sendAll(ctx context.Context, rows []deliveryRow) error {
	var wg sync.WaitGroup
	todo := make(chan deliveryRow)
	faults := make(chan error, len(rows))
	for range workers {
		wg.Go(func() {
			for d := range todo {
				res := s.send(ctx, d)
				if ctx.Err() != nil {
					return // it is claimed; the next run takes it up
				}
				if err := s.finish(ctx, d, res); err != nil {
					faults <- err
				}
			}
		})
	}
	for _, d := range rows {
		select {
		case todo <- d:
		case <-ctx.Done():
		}
	}
	close(todo)
	wg.Wait()
	close(faults)
	var all error
	for err := range faults {
		all = errors.Join(all, err)
	}
	return all
}

func (s *Service) send(ctx context.Context, d deliveryRow) result {
	h, err := get(ctx, s.db.Read(), d.HookID)
	if err != nil {
		return result{err: "订阅读不出来"}
	}
	secret, err := s.o.Keys.Open(keyPurpose, h.Sealed, aad(h.ID))
	if err != nil {
		s.o.Log.Error("a hook's secret does not open", "hook", h.ID, "err", err)
		return result{err: "签名密钥打不开"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader([]byte(d.Payload)))
	if err != nil {
		return result{err: "地址不正确"}
	}
	now := s.db.Now()
	millis := strconv.FormatInt(now.UnixMilli(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "jiexun-webhook/1")
	req.Header.Set("X-Jx-Event", d.Topic)
	req.Header.Set("X-Jx-Delivery", d.EventID)
	req.Header.Set(sign.HeaderTime, millis)
	req.Header.Set(sign.HeaderNonce, d.ID)
	req.Header.Set(sign.HeaderSign, sign.Hex(secret, sign.Text(http.MethodPost, req.URL.EscapedPath(), req.URL.RawQuery, millis, d.ID, []byte(d.Payload))))
	res, err := s.client.Do(req)
	out := result{ms: int(s.db.Now().Sub(now).Milliseconds())}
	if err != nil {
		out.err = short(err)
		return out
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, maxAnswer) // so that the connection is used again
	out.status = res.StatusCode
	if res.StatusCode < 200 || res.StatusCode > 299 {
		out.err = fmt.Sprintf("对方应答 %d", res.StatusCode)
	}
	return out
}

// short says why a delivery failed, without the address.
func short(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, errPrivate) {
		return errPrivate.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "对方 10 秒没有应答"
	}
	s := err.Error()
	if len(s) > maxErrBytes {
		s = strings.ToValidUTF8(s[:maxErrBytes], "")
	}
	return s
}
