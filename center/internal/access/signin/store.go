package signin

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

type policyRow struct {
	bun.BaseModel `bun:"table:access_signin_policies,alias:p"`

	Version   int `bun:",pk"`
	Body      string
	Source    string
	Verified  int
	Reason    string
	ByID      string `bun:"by_id"`
	ByName    string
	CreatedAt clock.Stamp
}

type passwordRow struct {
	bun.BaseModel `bun:"table:access_signin_passwords,alias:w"`

	ID        string `bun:",pk"`
	PersonID  string
	Hash      string
	CreatedAt clock.Stamp
}

type totpRow struct {
	bun.BaseModel `bun:"table:access_signin_totp,alias:t"`

	PersonID    string `bun:",pk"`
	Secret      string
	ConfirmedAt *clock.Stamp
	LastStep    int64
	CreatedAt   clock.Stamp
}

type recoveryRow struct {
	bun.BaseModel `bun:"table:access_signin_recovery,alias:r"`

	Digest   string `bun:",pk"`
	PersonID string
	UsedAt   *clock.Stamp
}

type challengeRow struct {
	bun.BaseModel `bun:"table:access_signin_challenges,alias:c"`

	Digest    string `bun:",pk"`
	Kind      string
	PersonID  string
	Data      string
	Tries     int
	CreatedAt clock.Stamp
	ExpiresAt clock.Stamp
	UsedAt    *clock.Stamp
}

type rateRow struct {
	bun.BaseModel `bun:"table:access_signin_rates,alias:k"`

	ID       string `bun:",pk"`
	WindowAt clock.Stamp
	Hits     int
}

type reader = bun.IDB

func insert(ctx context.Context, tx db.Tx, what string, model any) error {
	if _, err := tx.NewInsert().Model(model).Exec(ctx); err != nil {
		return fmt.Errorf("insert %s: %w", what, err)
	}
	return nil
}

// insertOnce writes the first policy; of two centers that start together one
// does.
func insertOnce(ctx context.Context, tx db.Tx, row *policyRow) error {
	if _, err := tx.NewInsert().Model(row).On("CONFLICT (version) DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("insert policy: %w", err)
	}
	return nil
}

// changed runs an update and tells whether exactly one row was changed.
func changed(ctx context.Context, what string, q *bun.UpdateQuery) (bool, error) {
	res, err := q.Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("%s: %w", what, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func policies(ctx context.Context, q reader, limit int64) ([]policyRow, error) {
	var rows []policyRow
	if err := q.NewSelect().Model(&rows).Order("p.version DESC").Limit(limit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read policies: %w", err)
	}
	return rows, nil
}

func passwords(ctx context.Context, q reader, person string, limit int64) ([]passwordRow, error) {
	var rows []passwordRow
	if err := q.NewSelect().Model(&rows).Where("w.person_id = ?", person).Order("w.id DESC").Limit(limit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read earlier passwords: %w", err)
	}
	return rows, nil
}

func addPassword(ctx context.Context, tx db.Tx, person, hash string, keep int64) error {
	row := passwordRow{ID: ids.New(), PersonID: person, Hash: hash, CreatedAt: clock.At(tx.Now())}
	if err := insert(ctx, tx, "password", &row); err != nil {
		return err
	}
	rows, err := passwords(ctx, tx, person, keep+1)
	if err != nil || int64(len(rows)) <= keep {
		return err
	}
	if _, err := tx.NewDelete().Model((*passwordRow)(nil)).Where("person_id = ? AND id <= ?", person, rows[keep].ID).Exec(ctx); err != nil {
		return fmt.Errorf("forget old passwords: %w", err)
	}
	return nil
}

func totpOf(ctx context.Context, q reader, person string) (totpRow, error) {
	var r totpRow
	err := q.NewSelect().Model(&r).Where("t.person_id = ?", person).Scan(ctx)
	return r, err
}

func saveTOTP(ctx context.Context, tx db.Tx, r *totpRow) error {
	_, err := tx.NewInsert().Model(r).On("CONFLICT (person_id) DO UPDATE").Set("secret = EXCLUDED.secret").
		Set("confirmed_at = EXCLUDED.confirmed_at").Set("last_step = EXCLUDED.last_step").Set("created_at = EXCLUDED.created_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save second factor: %w", err)
	}
	return nil
}

func deleteTOTP(ctx context.Context, tx db.Tx, person string) error {
	if _, err := tx.NewDelete().Model((*totpRow)(nil)).Where("person_id = ?", person).Exec(ctx); err != nil {
		return fmt.Errorf("drop second factor: %w", err)
	}
	return replaceRecovery(ctx, tx, person, nil)
}

// advanceStep notes that the code of a step was used; false when it, or a
// later one, was used before.
func advanceStep(ctx context.Context, tx db.Tx, person string, step int64) (bool, error) {
	return changed(ctx, "note one-time code", tx.NewUpdate().Model((*totpRow)(nil)).Set("last_step = ?", step).
		Where("person_id = ? AND last_step < ?", person, step))
}

func replaceRecovery(ctx context.Context, tx db.Tx, person string, codes []string) error {
	if _, err := tx.NewDelete().Model((*recoveryRow)(nil)).Where("person_id = ?", person).Exec(ctx); err != nil {
		return fmt.Errorf("replace recovery codes: %w", err)
	}
	if len(codes) == 0 {
		return nil
	}
	rows := make([]recoveryRow, 0, len(codes))
	for _, c := range codes {
		rows = append(rows, recoveryRow{Digest: digest(person + ":" + plainCode(c)), PersonID: person})
	}
	return insert(ctx, tx, "recovery codes", &rows)
}

func useRecovery(ctx context.Context, tx db.Tx, person, dig string) (bool, error) {
	return changed(ctx, "use recovery code", tx.NewUpdate().Model((*recoveryRow)(nil)).Set("used_at = ?", clock.At(tx.Now())).
		Where("person_id = ? AND digest = ? AND used_at IS NULL", person, dig))
}

func recoveryLeft(ctx context.Context, q reader, person string) (int, error) {
	n, err := q.NewSelect().Model((*recoveryRow)(nil)).Where("r.person_id = ? AND r.used_at IS NULL", person).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count recovery codes: %w", err)
	}
	return int(n), nil
}

func challenge(ctx context.Context, q reader, dig string) (challengeRow, error) {
	var c challengeRow
	err := q.NewSelect().Model(&c).Where("c.digest = ?", dig).Scan(ctx)
	return c, err
}

func useChallenge(ctx context.Context, tx db.Tx, dig string) (bool, error) {
	now := clock.At(tx.Now())
	return changed(ctx, "use challenge", tx.NewUpdate().Model((*challengeRow)(nil)).Set("used_at = ?", now).
		Where("digest = ? AND used_at IS NULL AND expires_at > ?", dig, now))
}

func countTry(ctx context.Context, tx db.Tx, dig string) error {
	_, err := changed(ctx, "count try", tx.NewUpdate().Model((*challengeRow)(nil)).Set("tries = tries + 1").Where("digest = ?", dig))
	return err
}

// hit counts one use of a key in its minute and gives the count so far.
func hit(ctx context.Context, tx db.Tx, key string, window clock.Stamp) (int, error) {
	row := rateRow{ID: key, WindowAt: window, Hits: 1}
	var n int
	err := tx.NewInsert().Model(&row).On("CONFLICT (id) DO UPDATE").
		Set("hits = CASE WHEN k.window_at = EXCLUDED.window_at THEN k.hits + 1 ELSE 1 END").
		Set("window_at = EXCLUDED.window_at").Returning("hits").Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("count attempts: %w", err)
	}
	return n, nil
}

func purge(ctx context.Context, tx db.Tx, now time.Time) error {
	day := clock.At(now.Add(-24 * time.Hour))
	for _, q := range []*bun.DeleteQuery{
		tx.NewDelete().Model((*challengeRow)(nil)).Where("expires_at < ?", day),
		tx.NewDelete().Model((*rateRow)(nil)).Where("window_at < ?", day),
		tx.NewDelete().Model((*tokenRow)(nil)).Where("expires_at < ?", clock.At(now.AddDate(-1, 0, 0))),
	} {
		if _, err := q.Exec(ctx); err != nil {
			return fmt.Errorf("forget old sign-ins: %w", err)
		}
	}
	return nil
}
