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
	"strings"
	"sync"
	"time"
)

// crowd are the people; all of them share the session of one account, since
// what is measured is the centers and not the log-in.
type crowd struct {
	o       options
	centers *pair
	cookie  string
	csrf    string

	mu     sync.Mutex
	stored map[string]bool // names of acknowledged writes
	open   map[string]bool // names of writes whose answer was lost
	t      totals
}

type totals struct {
	answers, stored, unknown, cut, wrong, server, stray int
	notes                                               []string
}

const password = "Jiexun@2026"

func newCrowd(ctx context.Context, o options, p *pair) (*crowd, error) {
	c := &crowd{o: o, centers: p, stored: map[string]bool{}, open: map[string]bool{}}
	b, err := json.Marshal(map[string]string{"account": "paidan", "password": password})
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.c[0].base+"/api/session", bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	defer func() { _ = r.Body.Close() }()
	var s struct {
		CSRF string `json:"csrf"`
	}
	if r.StatusCode != http.StatusOK {
		t, _ := io.ReadAll(io.LimitReader(r.Body, 500))
		return nil, fmt.Errorf("log in: %d %s", r.StatusCode, t)
	}
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil || len(r.Cookies()) == 0 {
		return nil, errors.Join(errors.New("log in: no session came back"), err)
	}
	c.cookie, c.csrf = r.Cookies()[0].Name+"="+r.Cookies()[0].Value, s.CSRF
	return c, nil
}

var reads = []string{"/api/session", "/api/shops?size=20", "/api/orders?tab=all&size=20", "/api/alerts?tab=all&size=20", "/api/cameras?size=20", "/api/todos?size=20"}

// work reads and writes until ctx ends. A person stays with a center until it
// fails and then goes to the other one, as a browser behind a balancer does.
func (c *crowd) work(ctx context.Context, i int) {
	at := i % 2
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	for n := 0; ctx.Err() == nil; n++ {
		var ok bool
		if n%4 == 0 {
			ok = c.write(ctx, client, at, fmt.Sprintf("演练 %d-%d", i, n))
		} else {
			ok, _ = c.do(ctx, client, at, http.MethodGet, reads[rand.IntN(len(reads))], nil)
		}
		if !ok {
			at = 1 - at
		}
		select {
		case <-ctx.Done():
		case <-time.After(c.o.Think/2 + time.Duration(rand.Int64N(int64(c.o.Think)+1))):
		}
	}
}

func (c *crowd) write(ctx context.Context, client *http.Client, at int, name string) bool {
	b, err := json.Marshal(map[string]any{"name": name, "address": "中山东一路 1 号", "regionCode": "310101013", "lng": 121.4866, "lat": 31.2339})
	if err != nil {
		return false
	}
	ok, code := c.do(ctx, client, at, http.MethodPost, "/api/shops", b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok && code/100 == 2 {
		c.stored[name] = true
	} else if !ok {
		c.open[name] = true
	}
	return ok
}

// do sends one request; ok is false when no answer came.
func (c *crowd) do(ctx context.Context, client *http.Client, at int, method, path string, body []byte) (ok bool, code int) {
	from := time.Now()
	center := c.centers.c[at]
	// The end of the load does not cut a request off: it would look like a
	// fault of the center.
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), method, center.base+path, bytes.NewReader(body))
	if err != nil {
		return false, 0
	}
	req.Header.Set("Cookie", c.cookie)
	req.Header.Set("X-CSRF-Token", c.csrf)
	req.Header.Set("Content-Type", "application/json")
	r, err := client.Do(req)
	var text []byte
	if err == nil {
		text, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		if center.excused(from, time.Now()) {
			c.t.cut++
		} else {
			c.t.stray++
			c.note("%s %s at the center that lived: %v", method, path, err)
		}
		return false, 0
	}
	c.t.answers++
	if r.StatusCode >= 500 {
		c.t.server++
		c.note("%s %s: %d %.200s", method, path, r.StatusCode, text)
	} else if r.StatusCode >= 400 && r.StatusCode != http.StatusNotFound {
		c.note("%s %s: %d %.200s", method, path, r.StatusCode, text)
	}
	return true, r.StatusCode
}

func (c *crowd) note(format string, a ...any) {
	if len(c.t.notes) < 12 {
		c.t.notes = append(c.t.notes, fmt.Sprintf(format, a...))
	}
}

// check looks into the database for every write.
func (c *crowd) check(ctx context.Context, url string) (err error) {
	d, err := sql.Open("pgx", url)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	rows, err := d.QueryContext(ctx, `SELECT name, count(*) FROM shop_items WHERE name LIKE '演练 %' GROUP BY name`)
	if err != nil {
		return fmt.Errorf("read the writes back: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			return fmt.Errorf("read the writes back: %w", err)
		}
		found[name] = n
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the writes back: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.stored {
		if found[name] != 1 {
			c.t.wrong++
			c.note("%s was acknowledged and is there %d times", name, found[name])
		}
	}
	for name, n := range found {
		if n > 1 || !c.stored[name] && !c.open[name] {
			c.t.wrong++
			c.note("%s is there %d times", name, n)
		}
	}
	return nil
}

func (c *crowd) tally() totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t.stored, c.t.unknown = len(c.stored), len(c.open)
	for i, s := range c.t.notes {
		c.t.notes[i] = strings.ReplaceAll(s, "\n", " ")
	}
	return c.t
}
