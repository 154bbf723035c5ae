package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// times collects how long answers took.
type times struct {
	mu   sync.Mutex
	list []time.Duration
}

func (t *times) add(d time.Duration) {
	t.mu.Lock()
	t.list = append(t.list, d)
	t.mu.Unlock()
}

func (t *times) at(share float64) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.list) == 0 {
		return 0
	}
	slices.Sort(t.list)
	return t.list[min(int(share*float64(len(t.list))), len(t.list)-1)]
}

func (t *times) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.list)
}

// measurement is one measurement.
type measurement struct {
	o                    options
	c                    *center
	page, counts         times
	barePage, bareCounts times
	login                times
	mu                   sync.Mutex
	statuses             map[int]int
	client               *http.Client
	cookies, csrf        []string
}

func measure(ctx context.Context, o options, c *center, out io.Writer) (err error) {
	r := &measurement{o: o, c: c, statuses: map[int]int{}, cookies: make([]string, o.Users), csrf: make([]string, o.Users),
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConns: o.Users, MaxIdleConnsPerHost: o.Users}}}
	began := time.Now()
	if err := r.signIn(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d users signed in after %s, p95 of a sign-in %s\n", o.Users, time.Since(began).Round(time.Second), r.login.at(.95).Round(time.Millisecond))
	d, err := o.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	people, err := texts(ctx, d, "SELECT id FROM access_persons WHERE account LIKE 'load%' ORDER BY account")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.For)
	defer cancel()
	var wg sync.WaitGroup
	for i := range o.Users {
		wg.Go(func() { r.user(ctx, i) })
	}
	bare := make(chan error, 1)
	go func() { bare <- r.bare(ctx, d, people) }()
	wg.Wait()
	if err := <-bare; err != nil {
		return fmt.Errorf("bare SQL: %w", err)
	}
	return r.report(out)
}

// signIn signs every user in, a few at a time.
func (r *measurement) signIn(ctx context.Context) error {
	slots := make(chan struct{}, 4)
	errs := make(chan error, r.o.Users)
	var wg sync.WaitGroup
	for i := range r.o.Users {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs <- r.signInOne(ctx, i)
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *measurement) signInOne(ctx context.Context, i int) error {
	body, err := json.Marshal(map[string]string{"account": account(i), "password": password})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.c.base+"/api/session", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", i/250, i%250))
	start := time.Now()
	res, err := r.client.Do(req)
	if err != nil {
		return err
	}
	r.login.add(time.Since(start))
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var s struct {
		CSRF string `json:"csrf"`
	}
	if err := json.Unmarshal(text, &s); err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("sign in as %s: %d %.200s", account(i), res.StatusCode, text)
	}
	for _, c := range res.Cookies() {
		r.cookies[i] = c.Name + "=" + c.Value
	}
	r.csrf[i] = s.CSRF
	return nil
}

// user looks at the page and the counts, and thinks.
func (r *measurement) user(ctx context.Context, i int) {
	rnd := rand.New(rand.NewPCG(uint64(i), 7)) //nolint:gosec // not a secret
	pause := func(d time.Duration) bool {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return false
		case <-t.C:
			return true
		}
	}
	if !pause(time.Duration(rnd.Int64N(int64(r.o.Think) + 1))) {
		return
	}
	for {
		tab := []string{"todo", "todo", "todo", "group", "started", "cc", "done"}[rnd.IntN(7)]
		r.get(ctx, i, "/api/todos?size=20&tab="+tab, &r.page)
		r.get(ctx, i, "/api/todos/counts?tab=todo", &r.counts)
		if !pause(r.o.Think*3/4 + time.Duration(rnd.Int64N(int64(r.o.Think)/2+1))) {
			return
		}
	}
}

func (r *measurement) get(ctx context.Context, i int, path string, into *times) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.c.base+path, nil)
	if err != nil {
		return
	}
	req.Header.Set("Cookie", r.cookies[i])
	start := time.Now()
	res, err := r.client.Do(req)
	code := 0
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		err = errors.Join(err, res.Body.Close())
		code = res.StatusCode
	}
	if ctx.Err() != nil {
		return // the end of the measurement cut it off
	}
	if err != nil {
		code = 0
	}
	into.add(time.Since(start))
	r.mu.Lock()
	r.statuses[code]++
	r.mu.Unlock()
}

// bare times the SQL of a page and of counts without the center around it.
func (r *measurement) bare(ctx context.Context, d *sql.DB, people []string) error {
	b := r.o.bind
	count := "SELECT COUNT(*) FROM todo_people WHERE holder = " + b(1) + " AND is_open = 1 AND tab = 'todo'"
	page := "SELECT i.* FROM todo_items AS i JOIN (SELECT item_id, sort_at FROM todo_people WHERE holder = " + b(1) +
		" AND is_open = 1 AND tab = 'todo' ORDER BY sort_at, item_id LIMIT 20) AS p ON p.item_id = i.id ORDER BY p.sort_at, p.item_id"
	counts := "SELECT tab, COUNT(*), SUM(CASE WHEN sort_at <= " + b(1) + " THEN 1 ELSE 0 END) FROM todo_people WHERE holder = " + b(2) + " AND is_open = 1 GROUP BY tab"
	rnd := rand.New(rand.NewPCG(3, 3)) //nolint:gosec // not a secret
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		who := people[rnd.IntN(len(people))]
		start := time.Now()
		if err := drain(ctx, d, count, who); err != nil {
			return err
		}
		if err := drain(ctx, d, page, who); err != nil {
			return err
		}
		r.barePage.add(time.Since(start))
		start = time.Now()
		if err := drain(ctx, d, counts, start.UnixMilli(), who); err != nil {
			return err
		}
		r.bareCounts.add(time.Since(start))
	}
}

func drain(ctx context.Context, d *sql.DB, q string, args ...any) error {
	rows, err := d.QueryContext(ctx, q, args...)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer func() { _ = rows.Close() }()
	cols, err := rows.Columns()
	if err != nil {
		return err
	}
	cells := make([]any, len(cols))
	for i := range cells {
		cells[i] = new(any)
	}
	for rows.Next() {
		if err := rows.Scan(cells...); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return rows.Err()
}

// Limits of the product.
const (
	pageLimit   = 100 * time.Millisecond
	countsLimit = 30 * time.Millisecond
)

func (r *measurement) report(out io.Writer) error {
	db := "SQLite"
	if r.o.DB != "" {
		db = "PostgreSQL"
	}
	fmt.Fprintf(out, "%s: %d to-dos, %d people, %d users, %s think time, %s\n", db, r.o.Items, r.o.People, r.o.Users, r.o.Think, r.o.For)
	line := func(what string, t, bare *times, limit time.Duration) bool {
		p := t.at(.95)
		fmt.Fprintf(out, "%-7s n=%d p50=%s p95=%s p99=%s (limit of p95 %s); bare SQL n=%d p50=%s p95=%s, ratio of p95 %.1f\n", what, t.count(), ms(t.at(.5)), ms(p), ms(t.at(.99)), limit,
			bare.count(), ms(bare.at(.5)), ms(bare.at(.95)), float64(p)/float64(max(bare.at(.95), 1)))
		return t.count() > 0 && p < limit
	}
	ok := line("page", &r.page, &r.barePage, pageLimit)
	ok = line("counts", &r.counts, &r.bareCounts, countsLimit) && ok
	fmt.Fprintf(out, "answers by status: %v\n", r.statuses)
	for code := range r.statuses {
		ok = ok && code == http.StatusOK
	}
	if !ok {
		return errors.New("a limit was passed, or an answer was no success")
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond)) }
