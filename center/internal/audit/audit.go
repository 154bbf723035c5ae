// Package audit keeps the record of who did what to which thing, as a chain
// of SM3 digests in which a changed or missing record shows.
package audit

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
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
	r.Digest = r.digest()
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

// digest chains the record to the one before: every stored field takes part,
// each with its length, so that no two records give the same bytes.
func (r *row) digest() string {
	h := sm3.New()
	for _, s := range []string{
		r.Prev, fmt.Sprint(r.Seq), r.ID, fmt.Sprint(int64(r.At)), r.ActorID, r.ActorName, r.OrgID, r.Act, r.Object,
		r.ObjectID, r.RegionCode, r.Summary, r.IP, r.RequestID, r.Before, r.After, r.Reason,
	} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(s), s) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Fault is the first place where the chain does not hold.
type Fault struct {
	Seq     int64
	Message string
}

// Verify walks the whole chain and tells how many records it holds and the
// first fault, nil when there is none.
func Verify(ctx context.Context, d *db.DB) (int64, *Fault, error) {
	var fault *Fault
	var n int64
	prev := genesis
	err := walk(ctx, d, func(r *row) bool {
		switch {
		case r.Seq != n+1:
			fault = &Fault{n + 1, fmt.Sprintf("缺少第 %d 条审计记录（下一条是第 %d 条）", n+1, r.Seq)}
		case r.Prev != prev:
			fault = &Fault{r.Seq, fmt.Sprintf("第 %d 条审计记录与前一条不相连", r.Seq)}
		case r.digest() != r.Digest:
			fault = &Fault{r.Seq, fmt.Sprintf("第 %d 条审计记录的内容被改动过", r.Seq)}
		}
		prev = r.Digest
		n++
		return fault == nil
	})
	if err != nil || fault != nil {
		return n, fault, err
	}
	seq, digest, err := head(ctx, d)
	if err == nil && (seq != n || digest != prev) {
		fault = &Fault{n + 1, fmt.Sprintf("链尾记着 %d 条，实际只有 %d 条：末尾的记录被删除过", seq, n)}
	}
	return n, fault, err
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
	Summary   string      `json:"summary"`
	IP        string      `json:"ip"`
	RequestID string      `json:"requestId"`
	Before    string      `json:"before"`
	After     string      `json:"after"`
	Reason    string      `json:"reason"`
}

// List reads one page of records, newest first. Who may read them is the
// caller's decision.
func List(ctx context.Context, d *db.DB, f Filter, limit, offset int64) ([]Item, int64, error) {
	rows, n, err := list(ctx, d, f, limit, offset)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Item, 0, len(rows))
	for _, r := range rows {
		out = append(out, Item{
			ID: r.ID, Seq: r.Seq, At: r.At, ActorID: r.ActorID, ActorName: r.ActorName, Act: r.Act, Object: r.Object, ObjectID: r.ObjectID,
			Summary: r.Summary, IP: r.IP, RequestID: r.RequestID, Before: r.Before, After: r.After, Reason: r.Reason,
		})
	}
	return out, n, nil
}
