package events

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type outboxRow struct {
	bun.BaseModel `bun:"table:event_outbox,alias:o"`

	ID        string `bun:",pk"`
	Topic     string
	Payload   string
	CreatedAt clock.Stamp
	Attempts  int
	NextAt    clock.Stamp
	LastError string
	Dead      int
}

type takenRow struct {
	bun.BaseModel `bun:"table:event_taken,alias:t"`

	EventID  string `bun:",pk"`
	Consumer string `bun:",pk"`
}

// due reads events whose time has come, oldest first, and holds them.
func due(ctx context.Context, tx db.Tx, n int) ([]outboxRow, error) {
	var rows []outboxRow
	q := tx.NewSelect().Model(&rows).
		Where("o.dead = 0 AND o.next_at <= ?", clock.At(tx.Now())).
		Order("o.next_at", "o.id").Limit(int64(n))
	if err := db.SkipLocked(tx, q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read due events: %w", err)
	}
	return rows, nil
}

// take notes that a consumer handles the event; false when it did already.
func take(ctx context.Context, tx db.Tx, event, consumer string) (bool, error) {
	res, err := tx.NewInsert().Model(&takenRow{EventID: event, Consumer: consumer}).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("note event: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func finish(ctx context.Context, tx db.Tx, list []string) error {
	if len(list) == 0 {
		return nil
	}
	if _, err := tx.NewDelete().Model((*takenRow)(nil)).Where("event_id IN (?)", bun.List(list)).Exec(ctx); err != nil {
		return fmt.Errorf("finish events: %w", err)
	}
	if _, err := tx.NewDelete().Model((*outboxRow)(nil)).Where("id IN (?)", bun.List(list)).Exec(ctx); err != nil {
		return fmt.Errorf("finish events: %w", err)
	}
	return nil
}

func postpone(ctx context.Context, tx db.Tx, r outboxRow) error {
	_, err := tx.NewUpdate().Model(&r).Column("attempts", "next_at", "last_error", "dead").WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("postpone event: %w", err)
	}
	return nil
}
