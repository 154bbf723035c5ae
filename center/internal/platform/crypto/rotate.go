package crypto

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/db"
)

// rewrapBatch is how many rows one transaction encrypts again.
const rewrapBatch = 200

// Hook is a place where sealed texts lie, given by its owner, so that they can
// be counted and encrypted again under the active key.
type Hook struct {
	Purpose string
	// Place is "table.column".
	Place string
	// Pending counts the rows that the active key has not made.
	Pending func(ctx context.Context, r bun.IDB, activePrefix string) (int64, error)
	// Batch encrypts up to limit of them again and tells how many rows it
	// changed, and the last id it saw; it begins after that of the call
	// before. No rows seen gives an empty id.
	Batch func(ctx context.Context, tx db.Tx, k *Keys, activePrefix, after string, limit int) (changed int, last string, err error)
}

// Column is a column with sealed texts, and the column with their blind
// index if there is one. ID is the column, or an SQL expression, that gives a
// row's id as text.
type Column struct {
	Purpose, Table, ID, Column, Blind string
}

// Hook makes the hook of a column. A text that lies there unsealed is sealed,
// so that the same run encrypts what was stored before.
func (c Column) Hook() Hook {
	where := "? <> '' AND ? NOT LIKE ? ESCAPE '!'"
	return Hook{
		Purpose: c.Purpose, Place: c.Table + "." + c.Column,
		Pending: func(ctx context.Context, r bun.IDB, prefix string) (int64, error) {
			n, err := r.NewSelect().TableExpr("?", bun.Ident(c.Table)).Where(where, bun.Ident(c.Column), bun.Ident(c.Column), db.Starts(prefix)).Count(ctx)
			return int64(n), err
		},
		Batch: func(ctx context.Context, tx db.Tx, k *Keys, prefix, after string, limit int) (int, string, error) {
			var rows []struct{ ID, Text string }
			err := db.ForUpdate(tx, tx.NewSelect().TableExpr("?", bun.Ident(c.Table)).ColumnExpr("? AS id, ? AS text", bun.Safe(c.ID), bun.Ident(c.Column)).
				Where(where, bun.Ident(c.Column), bun.Ident(c.Column), db.Starts(prefix)).Where("? > ?", bun.Safe(c.ID), after).
				OrderExpr("?", bun.Safe(c.ID)).Limit(int64(limit))).Scan(ctx, &rows)
			if err != nil {
				return 0, "", err
			}
			changed, last := 0, ""
			for _, r := range rows {
				last = r.ID
				ok, err := c.again(ctx, tx, k, r.ID, r.Text)
				if err != nil {
					return changed, last, err
				}
				if ok {
					changed++
				}
			}
			return changed, last, nil
		},
	}
}

// again seals one row anew. A row that does not open is left as it is, and
// was told to the observer of tampering.
func (c Column) again(ctx context.Context, tx db.Tx, k *Keys, id, text string) (bool, error) {
	aad := c.Table + "." + c.Column + ":" + id
	plain, err := k.OpenOrPlain(c.Purpose, text, aad)
	if errors.Is(err, ErrTampered) || errors.Is(err, ErrUnknownKey) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	sealed, err := k.Seal(c.Purpose, plain, aad)
	if err != nil {
		return false, err
	}
	q := tx.NewUpdate().TableExpr("?", bun.Ident(c.Table)).Set("? = ?", bun.Ident(c.Column), sealed).
		Where("? = ? AND ? = ?", bun.Safe(c.ID), id, bun.Ident(c.Column), text)
	if c.Blind != "" {
		q = q.Set("? = ?", bun.Ident(c.Blind), k.Blind(c.Purpose, plain))
	}
	if _, err := q.Exec(ctx); err != nil {
		return false, err
	}
	return true, nil
}

// Guard registers places with sealed texts, at wiring.
func (k *Keys) Guard(cols ...Column) {
	for _, c := range cols {
		k.GuardHook(c.Hook())
	}
}

// GuardHook registers a place that is more than a column.
func (k *Keys) GuardHook(h Hook) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.hook = append(k.hook, h)
}

func (k *Keys) hooks() []Hook {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return append([]Hook{}, k.hook...)
}

// Rotate makes a new key for a purpose. From now on it writes; the old one
// reads until Rewrap has encrypted everything again. Other centers follow
// within a minute.
func (k *Keys) Rotate(ctx context.Context, kind Kind, purpose string) (KeyInfo, error) {
	s := slot{kind, purpose}
	if k.own[s] != purpose {
		return KeyInfo{}, fmt.Errorf("rotate: no key of kind %s for purpose %q: %w", kind, purpose, ErrUnknownKey)
	}
	var r keyRow
	err := k.d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		v, err := k.rotateTx(ctx, tx, s)
		r = v
		return err
	})
	if err != nil {
		return KeyInfo{}, err
	}
	return info(r), k.Refresh(ctx)
}

func (k *Keys) rotateTx(ctx context.Context, tx db.Tx, s slot) (keyRow, error) {
	last, err := lastVersion(ctx, tx, s)
	if err != nil {
		return keyRow{}, err
	}
	r, err := k.make(s.kind, s.purpose, last+1)
	if err != nil {
		return r, err
	}
	if err := retire(ctx, tx, s); err != nil {
		return r, err
	}
	return r, insertKeys(ctx, tx, []keyRow{r})
}

// Progress tells how far a run is; done counts rows of all places.
type Progress func(place string, done, total int64)

// Rewrapped is the outcome of a run.
type Rewrapped struct {
	Done int64 `json:"done"`
	// Left are rows that could not be encrypted again: they do not open.
	Left int64 `json:"left"`
}

// Rewrap encrypts all registered places (of one purpose, or all with "")
// again that the active keys have not made. It works in small transactions
// beside running work. It may be stopped at any moment: what is done stays
// done, and the next run goes on with the rest.
func (k *Keys) Rewrap(ctx context.Context, purpose string, p Progress) (Rewrapped, error) {
	return k.RewrapAll(ctx, purpose, false, p)
}

// RewrapAll is Rewrap, or with all one pass over every row: a new blind key
// needs that, because the blind index does not tell its key.
func (k *Keys) RewrapAll(ctx context.Context, purpose string, all bool, p Progress) (Rewrapped, error) {
	var out Rewrapped
	for _, h := range k.hooks() {
		if purpose != "" && h.Purpose != purpose {
			continue
		}
		if err := k.rewrapPlace(ctx, h, all, p, &out); err != nil {
			return out, fmt.Errorf("encrypt %s again: %w", h.Place, err)
		}
	}
	return out, nil
}

func (k *Keys) rewrapPlace(ctx context.Context, h Hook, all bool, p Progress, out *Rewrapped) error {
	active, err := k.activePrefix(h.Purpose)
	if err != nil {
		return err
	}
	prefix := active
	if all {
		prefix = noPrefix
	}
	total, err := h.Pending(ctx, k.d.Read(), prefix)
	if err != nil {
		return err
	}
	done, after := int64(0), ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		changed, last := 0, ""
		err := k.d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			n, l, err := h.Batch(ctx, tx, k, prefix, after, rewrapBatch)
			changed, last = n, l
			return err
		})
		if err != nil {
			return err
		}
		done += int64(changed)
		out.Done += int64(changed)
		if p != nil {
			p(h.Place, done, max(total, done))
		}
		if last == "" {
			break
		}
		after = last
	}
	left, err := h.Pending(ctx, k.d.Read(), active)
	out.Left += left
	return err
}

// noPrefix begins no sealed text, so that every row is one to encrypt again.
const noPrefix = "\x01"

// Pending counts what the active keys have not made, by place.
func (k *Keys) Pending(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for _, h := range k.hooks() {
		prefix, err := k.activePrefix(h.Purpose)
		if err != nil {
			return nil, err
		}
		if out[h.Place], err = h.Pending(ctx, k.d.Read(), prefix); err != nil {
			return nil, fmt.Errorf("count rows of %s: %w", h.Place, err)
		}
	}
	return out, nil
}

func (k *Keys) activePrefix(purpose string) (string, error) {
	x, err := k.forUse(KindSeal, purpose)
	if err != nil {
		return "", err
	}
	return sealPrefix + x.ID + ":", nil
}
