package stream

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Bridge carries messages between centers that share a PostgreSQL database,
// by its NOTIFY: an event is taken by one of them, but the browsers that want
// to know are spread over all. A message that is lost on the way (the
// database restarts) costs freshness only, since pages read things themselves
// and a browser that connects again reads everything anew.
type Bridge struct {
	hub     *Hub
	db      *sql.DB
	log     *slog.Logger
	self    string
	channel string
	out     chan wire
	done    chan struct{}
}

// wire is one message between centers.
type wire struct {
	Event      string          `json:"e,omitempty"`
	RegionCode string          `json:"r,omitempty"`
	Perm       string          `json:"p,omitempty"`
	Holders    []string        `json:"h,omitempty"`
	Data       json.RawMessage `json:"d,omitempty"`
	// Kick ends the connections of an actor.
	Kick string `json:"k,omitempty"`
}

type parcel struct {
	From string `json:"from"`
	List []wire `json:"list"`
}

// PostgreSQL refuses payloads of 8000 bytes and more.
const parcelMost = 7600

// NewBridge joins the hub to the hubs of other centers; nil on SQLite, which
// has one center only. Run does the work.
func NewBridge(ctx context.Context, hub *Hub, d *db.DB, log *slog.Logger) (*Bridge, error) {
	if !d.Postgres() {
		return nil, nil
	}
	b := &Bridge{hub: hub, db: d.SQL(), log: log, self: ids.New(), out: make(chan wire, 1024), done: make(chan struct{})}
	// Centers in different schemas of one database have nothing to do with
	// each other.
	if err := b.db.QueryRowContext(ctx, `SELECT 'jx_stream_' || current_schema()`).Scan(&b.channel); err != nil {
		return nil, fmt.Errorf("join the other centers: %w", err)
	}
	hub.mu.Lock()
	hub.relay = b.give
	hub.mu.Unlock()
	return b, nil
}

// give never waits: it is called while the hub is locked.
func (b *Bridge) give(w wire) {
	select {
	case b.out <- w:
	default:
		b.log.Warn("a notice to the other centers was dropped: too many wait")
	}
}

// Run listens and sends until ctx ends; it connects again by itself. A nil
// bridge returns at once.
func (b *Bridge) Run(ctx context.Context) {
	if b == nil {
		return
	}
	go func() {
		defer close(b.done)
		b.send(ctx)
	}()
	for ctx.Err() == nil {
		err := b.listen(ctx)
		if ctx.Err() != nil {
			break
		}
		b.log.Warn("notices of the other centers do not come; trying again", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	<-b.done
}

func (b *Bridge) listen(ctx context.Context) (err error) {
	c, err := b.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() {
		if e := c.Close(); e != nil && !errors.Is(e, sql.ErrConnDone) {
			err = errors.Join(err, e)
		}
	}()
	return c.Raw(func(driver any) error {
		pg := driver.(*stdlib.Conn).Conn()
		// The connection is not given back to the pool: it listens.
		defer func() { _ = pg.Close(context.WithoutCancel(ctx)) }()
		if _, err := pg.Exec(ctx, `LISTEN "`+b.channel+`"`); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		for {
			n, err := pg.WaitForNotification(ctx)
			if err != nil {
				return fmt.Errorf("wait for notices: %w", err)
			}
			b.take(n.Payload)
		}
	})
}

func (b *Bridge) take(payload string) {
	var p parcel
	if err := json.Unmarshal([]byte(payload), &p); err != nil {
		b.log.Warn("a notice of another center is not readable", "err", err)
		return
	}
	if p.From == b.self {
		return
	}
	for _, w := range p.List {
		if w.Kick != "" {
			b.hub.kick(w.Kick)
			continue
		}
		b.hub.deliver(Message{Event: w.Event, RegionCode: w.RegionCode, Perm: w.Perm, Holders: w.Holders, Data: w.Data})
	}
}

// send packs what waits into as few notices as fit.
func (b *Bridge) send(ctx context.Context) {
	for {
		var first wire
		select {
		case <-ctx.Done():
			return
		case first = <-b.out:
		}
		list, size := []wire{first}, first.size()
		var next *wire
	fill:
		for size < parcelMost {
			select {
			case w := <-b.out:
				if size += w.size(); size > parcelMost {
					next = &w
					break fill
				}
				list = append(list, w)
			default:
				break fill
			}
		}
		b.notify(ctx, list)
		if next != nil {
			b.notify(ctx, []wire{*next})
		}
	}
}

func (w wire) size() int {
	n := len(w.Data) + len(w.Event) + len(w.RegionCode) + len(w.Perm) + len(w.Kick) + 60
	for _, h := range w.Holders {
		n += len(h) + 3
	}
	return n
}

func (b *Bridge) notify(ctx context.Context, list []wire) {
	p, err := json.Marshal(parcel{From: b.self, List: list})
	if err == nil && len(p) >= 8000 {
		err = fmt.Errorf("%d bytes are too many", len(p))
	}
	if err == nil {
		_, err = b.db.ExecContext(ctx, `SELECT pg_notify($1, $2)`, b.channel, string(p))
	}
	if err != nil && ctx.Err() == nil {
		b.log.Warn("a notice did not reach the other centers", "event", list[0].Event, "err", err)
	}
}
