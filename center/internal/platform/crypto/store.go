package crypto

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// States of a key: the active one writes, a retired one reads.
const (
	stateActive  = "active"
	stateRetired = "retired"
)

type keyRow struct {
	bun.BaseModel `bun:"table:crypto_keys,alias:k"`

	ID         string `bun:",pk"`
	Purpose    string
	Kind       Kind
	Version    int64
	State      string
	Master     string
	Wrapped    string
	CheckValue string
	Cert       string // PEM, of signing keys
	CreatedAt  clock.Stamp
	RetiredAt  *clock.Stamp
}

// aad binds the wrapped key to its row.
func (r *keyRow) aad() string { return fmt.Sprintf("crypto_keys|%s|%s|%d", r.ID, r.Purpose, r.Version) }

func readKeys(ctx context.Context, d *db.DB) ([]keyRow, error) {
	rows := []keyRow{}
	if err := d.Read().NewSelect().Model(&rows).Order("k.purpose", "k.kind", "k.version").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return rows, nil
}

func insertKeys(ctx context.Context, tx db.Tx, rows []keyRow) error {
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return nil
}

// retire makes all active keys of a slot readers only.
func retire(ctx context.Context, tx db.Tx, s slot) error {
	_, err := tx.NewUpdate().Model((*keyRow)(nil)).Set("state = ?", stateRetired).Set("retired_at = ?", clock.At(tx.Now())).
		Where("kind = ? AND purpose = ? AND state = ?", s.kind, s.purpose, stateActive).Exec(ctx)
	if err != nil {
		return fmt.Errorf("retire key: %w", err)
	}
	return nil
}

// lastVersion locks the versions of a slot and gives the last.
func lastVersion(ctx context.Context, tx db.Tx, s slot) (int64, error) {
	var r keyRow
	q := tx.NewSelect().Model(&r).Where("k.kind = ? AND k.purpose = ?", s.kind, s.purpose).Order("k.version DESC").Limit(1)
	if err := db.ForUpdate(tx, q).Scan(ctx); err != nil {
		return 0, fmt.Errorf("read version of key: %w", err)
	}
	return r.Version, nil
}

// replaceKeys writes keys; those that are there under the same id are
// wrapped anew.
func replaceKeys(ctx context.Context, tx db.Tx, rows []keyRow) error {
	for i := range rows {
		r := &rows[i]
		res, err := tx.NewUpdate().Model(r).Column("wrapped", "master").Where("id = ? AND kind = ? AND purpose = ? AND version = ?", r.ID, r.Kind, r.Purpose, r.Version).Exec(ctx)
		if err != nil {
			return fmt.Errorf("write key %s: %w", r.ID, err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return fmt.Errorf("write key %s: %w", r.ID, err)
		}
		if n == 0 {
			if err := insertKeys(ctx, tx, rows[i:i+1]); err != nil {
				return err
			}
		}
	}
	return nil
}
