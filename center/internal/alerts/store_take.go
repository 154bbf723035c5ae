package alerts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// known loads the alerts that a box's events already have, and holds their
// rows so that a decision in another transaction waits.
func known(ctx context.Context, tx db.Tx, edge string, events []string) (map[string]Alert, error) {
	rows := []itemRow{}
	q := tx.NewSelect().Model(&rows).Where("a.edge_id = ? AND a.event_id IN (?)", edge, bun.List(events))
	if err := db.ForUpdate(tx, q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("look up known events: %w", err)
	}
	out := make(map[string]Alert, len(rows))
	for i := range rows {
		out[rows[i].EventID] = rows[i].alert()
	}
	return out, nil
}

// reserve takes n numbers of the day and gives the first.
func reserve(ctx context.Context, tx db.Tx, ymd, n int) (int64, error) {
	var last int64
	err := tx.NewRaw("INSERT INTO alert_numbers (ymd, last) VALUES (?, ?) ON CONFLICT (ymd) DO UPDATE SET last = alert_numbers.last + excluded.last RETURNING last", ymd, n).Scan(ctx, &last)
	if err != nil {
		return 0, fmt.Errorf("take alert numbers: %w", err)
	}
	return last - int64(n) + 1, nil
}

// insertAll stores new alerts with their events and the list of pictures.
func insertAll(ctx context.Context, tx db.Tx, list []*taken) error {
	items, bodies, blobs := []itemRow{}, []eventRow{}, []blobRow{}
	alerts := []Alert{}
	for _, t := range list {
		items = append(items, rowOf(t.alert))
		alerts = append(alerts, t.alert)
		body, err := t.body()
		if err != nil {
			return err
		}
		bodies = append(bodies, eventRow{AlertID: t.alert.ID, Rev: t.event.Rev, Body: body})
		blobs = append(blobs, blobsOf(t.alert.ID, t.event)...)
	}
	if len(items) == 0 {
		return nil
	}
	if err := addTexts(ctx, tx, alerts...); err != nil {
		return err
	}
	if err := db.InsertAll(ctx, tx, items, ""); err != nil {
		return fmt.Errorf("store alerts: %w", err)
	}
	if err := db.InsertAll(ctx, tx, bodies, ""); err != nil {
		return fmt.Errorf("store events: %w", err)
	}
	return addBlobs(ctx, tx, blobs)
}

func addBlobs(ctx context.Context, tx db.Tx, blobs []blobRow) error {
	if len(blobs) == 0 {
		return nil
	}
	if err := db.InsertAll(ctx, tx, blobs, "ON CONFLICT DO NOTHING"); err != nil {
		return fmt.Errorf("store the list of pictures: %w", err)
	}
	return nil
}

func blobsOf(alert string, e edgev1.Event) []blobRow {
	out := []blobRow{}
	seen := map[string]bool{}
	for _, x := range e.Evidence {
		if !seen[x.SM3] {
			seen[x.SM3] = true
			out = append(out, blobRow{AlertID: alert, SM3: x.SM3, Role: x.Role})
		}
	}
	return out
}

// refresh stores what a further message of the box changes.
func refresh(ctx context.Context, tx db.Tx, t *taken) error {
	r := rowOf(t.alert)
	_, err := tx.NewUpdate().Model(&r).
		Column("edge_id", "event_id", "event_rev", "phase", "state", "score", "ended_at", "thumb", "text", "sign_text", "finding", "registered", "seen_count", "group_key", "rev").
		Where("a.id = ?", t.alert.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("refresh alert %s: %w", t.alert.No, err)
	}
	if !t.newBody {
		return nil
	}
	body, err := t.body()
	if err != nil {
		return err
	}
	_, err = tx.NewUpdate().Model(&eventRow{AlertID: t.alert.ID, Rev: t.event.Rev, Body: body}).WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("store event %s: %w", t.event.ID, err)
	}
	return addBlobs(ctx, tx, blobsOf(t.alert.ID, t.event))
}

type sampleRow struct {
	bun.BaseModel `bun:"table:alert_samples,alias:s"`

	ID          string `bun:",pk"`
	AlertID     string
	CameraID    string
	RegionCode  string
	SeenKind    string
	Label       string
	Reason      string
	Note        string
	SM3         string `bun:"sm3"`
	Box         string
	MadeBy      string
	MadeAt      clock.Stamp
	MadeYMD     int `bun:"made_ymd"`
	WithdrawnAt *clock.Stamp
}

func addSample(ctx context.Context, tx db.Tx, s sampleRow) error {
	if _, err := tx.NewInsert().Model(&s).Exec(ctx); err != nil {
		return fmt.Errorf("store sample: %w", err)
	}
	return nil
}

// withdrawSamples takes back the samples of a decision that is undone.
func withdrawSamples(ctx context.Context, tx db.Tx, alert string, since clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*sampleRow)(nil)).Set("withdrawn_at = ?", clock.At(tx.Now())).
		Where("alert_id = ? AND made_at >= ? AND withdrawn_at IS NULL", alert, since).Exec(ctx)
	if err != nil {
		return fmt.Errorf("withdraw samples: %w", err)
	}
	return nil
}
