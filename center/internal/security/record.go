package security

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// bounds are the upper ends of the histogram in milliseconds; what is slower
// goes into the last bucket.
func bounds() []int64 { return []int64{5, 10, 25, 50, 100, 250, 500, 1000, 2500} }

// cityCode stands for callers that belong to no part of the city.
const cityCode = "310000"

// lostCalls counts what did not fit into the queue.
type lostCalls = atomic.Int64

// call is one answered request as it is kept.
type call struct {
	at        time.Time
	op        string
	method    string
	path      string
	app       string
	person    string
	name      string
	org       string
	region    string
	ip        string
	requestID string
	status    int
	ms        int64
	bytes     int
}

// Take notes an answered request; it never blocks. It is httpx.Options.Answered.
func (s *Service) Take(a httpx.Answer) {
	if a.ID == "" || strings.HasPrefix(a.Path, "/api/stream") {
		return // no operation of ours answered, or it is a line that stays open
	}
	c := call{
		at: a.At, op: a.ID, method: a.Method, path: clip(a.Path, 200), app: "web", ip: a.Caller.IP, requestID: a.Caller.RequestID,
		person: a.Caller.ID, name: a.Caller.Name, org: a.Caller.OrgID, region: cityCode, status: a.Status, ms: a.Took.Milliseconds(), bytes: a.Bytes,
	}
	if who, err := access.From(a.Context); err == nil {
		if who.RegionCode != "" {
			c.region = who.RegionCode
		}
		if who.Method == access.MethodToken {
			c.app = "token"
		}
	}
	if strings.HasPrefix(a.Route, "/api/open/") {
		c.app = "open"
	}
	select {
	case s.calls <- c:
	default:
		if n := s.lost.Add(1); n == 1 || n%1000 == 0 {
			s.o.Log.Error("calls are not written fast enough", "lost", n)
		}
	}
}

// Start writes calls in batches until Close.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				s.flushAll(context.WithoutCancel(ctx))
				return
			case <-tick.C:
				s.flushAll(ctx)
			}
		}
	})
}

// Close writes what waits and stops.
func (s *Service) Close() {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
}

const batch = 512

func (s *Service) flushAll(ctx context.Context) {
	for {
		n, err := s.Flush(ctx)
		if err != nil {
			s.o.Log.Error("calls were not written", "calls", n, "err", err)
		}
		if err != nil || n < batch {
			return
		}
	}
}

// Flush writes at most one batch of calls and gives their number. Tests call
// it too.
func (s *Service) Flush(ctx context.Context) (int, error) {
	list := []call{}
	for len(list) < batch {
		select {
		case c := <-s.calls:
			list = append(list, c)
			continue
		default:
		}
		break
	}
	if len(list) == 0 {
		return 0, nil
	}
	return len(list), s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return s.write(ctx, tx, list) })
}

func (s *Service) write(ctx context.Context, tx db.Tx, list []call) error {
	rows := make([]callRow, 0, len(list))
	hours := map[hourKey]*hourRow{}
	people := map[personDay]*activeRow{}
	for _, c := range list {
		ymd := clock.YMD(c.at)
		rows = append(rows, callRow{
			ID: ids.New(), At: clock.At(c.at), YMD: ymd, Op: c.op, Method: c.method, Path: c.path, App: c.app, PersonID: c.person, PersonName: c.name,
			OrgID: c.org, RegionCode: c.region, IP: c.ip, Status: c.status, MS: c.ms, Bytes: c.bytes, RequestID: c.requestID,
		})
		k := hourKey{clock.At(c.at.Truncate(time.Hour)), c.region, c.org, c.op, c.app}
		h := hours[k]
		if h == nil {
			h = &hourRow{HourAt: k.at, RegionCode: k.region, OrgID: k.org, Op: k.op, App: k.app, YMD: ymd}
			hours[k] = h
		}
		h.add(c)
		if c.person == "" {
			continue
		}
		p := people[personDay{ymd, c.person}]
		if p == nil {
			p = &activeRow{YMD: ymd, PersonID: c.person, PersonName: c.name, OrgID: c.org, RegionCode: c.region, FirstAt: clock.At(c.at), LastAt: clock.At(c.at)}
			people[personDay{ymd, c.person}] = p
		}
		p.Calls++
		p.LastAt = max(p.LastAt, clock.At(c.at))
	}
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return err
	}
	if err := addHours(ctx, tx, hours); err != nil {
		return err
	}
	if err := addPeople(ctx, tx, people); err != nil {
		return err
	}
	return s.judgeCalls(ctx, tx, rows)
}

type hourKey struct {
	at                   clock.Stamp
	region, org, op, app string
}

type personDay struct {
	ymd    int
	person string
}

// add counts one call. Answers of 5xx failed; 4xx is the caller's.
func (h *hourRow) add(c call) {
	h.Calls++
	h.TotalMS += c.ms
	if c.status >= 500 {
		h.Failed++
	} else if c.status < 400 {
		h.OK++
	}
	b := h.buckets()
	for i, top := range bounds() {
		if c.ms <= top {
			*b[i]++
			return
		}
	}
	*b[9]++
}

func (h *hourRow) buckets() [10]*int64 {
	return [10]*int64{&h.B0, &h.B1, &h.B2, &h.B3, &h.B4, &h.B5, &h.B6, &h.B7, &h.B8, &h.B9}
}

// quantile reads a quantile out of a histogram: linear inside a bucket, and
// the last bound for what is beyond it.
func quantile(q float64, b [10]int64) int64 {
	var n int64
	for _, x := range b {
		n += x
	}
	if n == 0 {
		return 0
	}
	want, low := q*float64(n), int64(0)
	var before int64
	for i, top := range bounds() {
		if float64(before+b[i]) >= want && b[i] > 0 {
			return low + int64(float64(top-low)*(want-float64(before))/float64(b[i]))
		}
		before += b[i]
		low = top
	}
	return low
}
