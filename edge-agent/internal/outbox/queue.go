package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"jiexun/api/edgev1"
)

// Pending returns waiting messages with a number above after, oldest first,
// at most limit of them and at most maxBytes of JSON (but always one).
func (b *Box) Pending(ctx context.Context, after int64, limit, maxBytes int) ([]edgev1.Envelope, error) {
	rows, err := b.db.QueryContext(ctx, `SELECT body FROM msg WHERE rejected=0 AND seq>? ORDER BY seq LIMIT ?`, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read outbox: %w", err)
	}
	defer rows.Close()
	var out []edgev1.Envelope
	size := 0
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("read outbox: %w", err)
		}
		if size += len(body); size > maxBytes && len(out) > 0 {
			break
		}
		var e edgev1.Envelope
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("decode outbox row: %w", err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// Ack removes what the center has committed and sets aside what it will never
// take. An answer for another epoch is ignored: it is about another file.
func (b *Box) Ack(ctx context.Context, a edgev1.Ack) error {
	if a.Epoch != b.epoch {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin ack: %w", err)
	}
	defer tx.Rollback()
	for _, r := range a.Accepted {
		if _, err := tx.ExecContext(ctx, `DELETE FROM msg WHERE seq BETWEEN ? AND ?`, r.From, r.To); err != nil {
			return fmt.Errorf("remove acknowledged messages: %w", err)
		}
	}
	for _, r := range a.Rejected {
		if _, err := tx.ExecContext(ctx, `UPDATE msg SET rejected=1, field=?, reason=? WHERE seq=?`, r.Field, r.Message, r.Seq); err != nil {
			return fmt.Errorf("set rejected message aside: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit ack: %w", err)
	}
	return nil
}

// Stats reads the queue's size and age.
func (b *Box) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	var oldest sql.NullInt64
	err := b.db.QueryRowContext(ctx, `SELECT
		(SELECT COUNT(*) FROM msg WHERE rejected=0), (SELECT COUNT(*) FROM msg WHERE rejected=1),
		(SELECT made_at FROM msg WHERE rejected=0 ORDER BY seq LIMIT 1)`).Scan(&s.Depth, &s.Rejected, &oldest)
	if err != nil {
		return s, fmt.Errorf("count outbox: %w", err)
	}
	if oldest.Valid {
		s.OldestAt = time.UnixMilli(oldest.Int64)
	}
	b.mu.Lock()
	s.LastSeq, s.Dropped = b.lastSeq, b.dropped
	b.mu.Unlock()
	return s, nil
}

// Rejected is a message that the center refused for good.
type Rejected struct {
	Envelope edgev1.Envelope
	Field    string
	Reason   string
}

// RejectedList returns the newest refused messages for the local page.
func (b *Box) RejectedList(ctx context.Context, limit int) ([]Rejected, error) {
	rows, err := b.db.QueryContext(ctx, `SELECT body, field, reason FROM msg WHERE rejected=1 ORDER BY seq DESC LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("read rejected messages: %w", err)
	}
	defer rows.Close()
	var out []Rejected
	for rows.Next() {
		var body []byte
		var r Rejected
		if err := rows.Scan(&body, &r.Field, &r.Reason); err != nil {
			return nil, fmt.Errorf("read rejected messages: %w", err)
		}
		if err := json.Unmarshal(body, &r.Envelope); err != nil {
			return nil, fmt.Errorf("decode rejected message: %w", err)
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// State reads a stored state; absent is nil without an error.
func (b *Box) State(ctx context.Context, key string) ([]byte, error) {
	var v []byte
	err := b.db.QueryRowContext(ctx, `SELECT value FROM state WHERE key=?`, key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read state %s: %w", key, err)
	}
	return v, nil
}
