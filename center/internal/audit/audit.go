// Package audit keeps the record of who did what to which thing, as a chain
// of HMAC-SM3 codes in which a changed, moved or missing record shows. Records
// of before there were keys are chained by plain SM3 digests; the first coded
// one binds them.
package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Entry is one act. Actor, IP and request id come from the context.
type Entry struct {
	// Act is a dotted code such as "order.accept".
	Act string
	// Object is the kind of thing, for example "order".
	Object     string
	ObjectID   string
	RegionCode string
	// Summary is a Chinese sentence for people.
	Summary string
	// Before and After become JSON; leave secrets out of them.
	Before, After any
	Reason        string
}

// genesis is the previous digest of the first record.
var genesis = strings.Repeat("0", 64)

// Record appends an entry in the transaction of the act. Call it after the
// act's own rows are written: on PostgreSQL it holds the head of the chain
// until the transaction ends.
func Record(ctx context.Context, tx db.Tx, e Entry) error {
	before, err := text(e.Before)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Act, err)
	}
	after, err := text(e.After)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Act, err)
	}
	who := caller.From(ctx)
	seq, prev, err := lockHead(ctx, tx)
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Act, err)
	}
	r := row{
		Seq: seq + 1, ID: ids.New(), At: clock.At(tx.Now()), ActorID: who.ID, ActorName: who.Name, OrgID: who.OrgID,
		Act: e.Act, Object: e.Object, ObjectID: e.ObjectID, RegionCode: e.RegionCode, Summary: e.Summary,
		IP: who.IP, RequestID: who.RequestID, Before: before, After: after, Reason: e.Reason, Prev: prev,
	}
	seal(tx.Attached(codesKey{}), &r)
	if err := appendRow(ctx, tx, &r); err != nil {
		return fmt.Errorf("record %s: %w", e.Act, err)
	}
	return nil
}

func text(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

type codesKey struct{}

// purpose names the audit chain's key.
const purpose = "audit"

// Algorithms of a record's digest.
const (
	algSM3  = "sm3"
	algHMAC = "hmac-sm3"
)

// Use makes the records of a database coded ones from now on.
func Use(d *db.DB, c *crypto.Keys) { d.Attach(codesKey{}, c) }

func codes(v any) *crypto.Keys {
	c, _ := v.(*crypto.Keys)
	return c
}

// seal gives a record its digest: a code when there are keys.
func seal(v any, r *row) {
	if c := codes(v); c != nil {
		r.Alg = algHMAC
		r.Digest = c.MAC(purpose, r.parts()...)
		return
	}
	r.Alg = algSM3
	r.Digest = r.digest()
}

// parts are all stored fields with the digest of the record before.
func (r *row) parts() []string {
	return []string{
		r.Prev, fmt.Sprint(r.Seq), r.ID, fmt.Sprint(int64(r.At)), r.ActorID, r.ActorName, r.OrgID, r.Act, r.Object,
		r.ObjectID, r.RegionCode, r.Summary, r.IP, r.RequestID, r.Before, r.After, r.Reason,
	}
}

// digest chains the record to the one before: every stored field takes part,
// each with its length, so that no two records give the same bytes.
func (r *row) digest() string {
	h := sm3.New()
	for _, s := range r.parts() {
		_, _ = fmt.Fprintf(h, "%d:%s", len(s), s) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// RecordAlone appends an entry in a transaction of its own: for reads, which
// have none.
func RecordAlone(ctx context.Context, d *db.DB, e Entry) error {
	return d.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return Record(ctx, tx, e) })
}

// Item is a record as people see it. Before and After are JSON texts.
type Item struct {
	ID        string      `json:"id"`
	Seq       int64       `json:"seq"`
	At        clock.Stamp `json:"at"`
	ActorID   string      `json:"actorId"`
	ActorName string      `json:"actorName"`
	Act       string      `json:"act"`
	Object    string      `json:"object"`
	ObjectID  string      `json:"objectId"`
	// RegionCode is empty for what concerns the whole city.
	RegionCode string `json:"regionCode"`
	Summary    string `json:"summary"`
	IP         string `json:"ip"`
	RequestID  string `json:"requestId"`
	Before     string `json:"before"`
	After      string `json:"after"`
	Reason     string `json:"reason"`
}

// List reads one page of records, newest first. Who may read them is the
// caller's decision.
func List(ctx context.Context, d *db.DB, f Filter, limit, offset int64) ([]Item, int64, error) {
	rows, n, err := list(ctx, d, f, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	return items(rows), n, nil
}

func items(rows []row) []Item {
	out := make([]Item, 0, len(rows))
	for _, r := range rows {
		out = append(out, Item{
			ID: r.ID, Seq: r.Seq, At: r.At, ActorID: r.ActorID, ActorName: r.ActorName, Act: r.Act, Object: r.Object, ObjectID: r.ObjectID,
			RegionCode: r.RegionCode, Summary: r.Summary, IP: r.IP, RequestID: r.RequestID, Before: r.Before, After: r.After, Reason: r.Reason,
		})
	}
	return out
}

// timelineMax bounds the timeline of one thing.
const timelineMax = 500

// Timeline gives what happened to one thing, oldest first; of a very long
// story the latest part. Who may see the thing is the caller's decision.
func Timeline(ctx context.Context, d *db.DB, object, id string) ([]Item, error) {
	rows, err := timeline(ctx, d, object, id, timelineMax)
	if err != nil {
		return nil, err
	}
	return items(rows), nil
}

// Each gives every record of a filter, newest first, up to max of them, in
// pages: for exports.
func Each(ctx context.Context, d *db.DB, f Filter, max int, do func(Item) error) (int, error) {
	n := 0
	err := pages(ctx, d, f, func(r *row) error {
		if n == max {
			return errEnough
		}
		n++
		return do(items([]row{*r})[0])
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return n, err
}

var errEnough = errors.New("enough records")
