package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type leaseRow struct {
	bun.BaseModel `bun:"table:job_lease,alias:l"`

	Name      string `bun:",pk"`
	Owner     string
	UntilAt   clock.Stamp
	LastRunAt clock.Stamp
	LastError string
}

// lease takes or renews the lease of a job; false when another center has it.
func lease(ctx context.Context, d *db.DB, name, owner string, length time.Duration) (bool, error) {
	taken := false
	err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		l := leaseRow{Name: name, Owner: owner, UntilAt: clock.At(now.Add(length)), LastRunAt: clock.At(now)}
		res, err := tx.NewInsert().Model(&l).
			On("CONFLICT (name) DO UPDATE").
			Set("owner = EXCLUDED.owner").Set("until_at = EXCLUDED.until_at").Set("last_run_at = EXCLUDED.last_run_at").
			Where("l.owner = EXCLUDED.owner OR l.until_at < ?", clock.At(now)).Exec(ctx)
		if err != nil {
			return fmt.Errorf("lease job %s: %w", name, err)
		}
		n, err := res.RowsAffected()
		taken = n == 1
		return err
	})
	return taken, err
}
