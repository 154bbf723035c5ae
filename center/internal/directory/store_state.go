package directory

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type stateRow struct {
	bun.BaseModel `bun:"table:dir_states,alias:s"`

	CameraID  string `bun:",pk"`
	State     string
	SinceAt   clock.Stamp
	Diagnosis string
	Detail    string
	AsOfAt    *clock.Stamp
	Status    string
}

func (r *stateRow) health() Health {
	return Health{CameraID: r.CameraID, State: r.State, Since: r.SinceAt, Diagnosis: r.Diagnosis, Detail: r.Detail, AsOf: r.AsOfAt, Status: r.Status}
}

func stateOf(h Health) stateRow {
	return stateRow{CameraID: h.CameraID, State: h.State, SinceAt: h.Since, Diagnosis: h.Diagnosis, Detail: h.Detail, AsOfAt: h.AsOf, Status: h.Status}
}

type segmentRow struct {
	bun.BaseModel `bun:"table:dir_segments,alias:g"`

	ID        string `bun:",pk"`
	CameraID  string
	State     string
	Diagnosis string
	Detail    string
	FromAt    clock.Stamp
	ToAt      *clock.Stamp
}

// known is a camera with its state, for reports.
type known struct {
	ID         string
	Name       string
	RegionCode string
	Road       string
	Health     Health
}

// statesOf loads the cameras of a box with their states and holds the rows.
func statesOf(ctx context.Context, tx db.Tx, box string) ([]known, error) {
	return loadKnown(ctx, tx, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("c.box_id = ?", box) })
}

// staleStates loads the cameras that were not reported since a moment and
// still count as alive.
func staleStates(ctx context.Context, tx db.Tx, before clock.Stamp) ([]known, error) {
	return loadKnown(ctx, tx, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("s.as_of_at < ? AND s.state NOT IN (?)", before, bun.List([]string{"offline", "disabled", Unknown})).Limit(1000)
	})
}

func loadKnown(ctx context.Context, tx db.Tx, narrow func(*bun.SelectQuery) *bun.SelectQuery) ([]known, error) {
	var rows []struct {
		stateRow
		Name       string
		RegionCode string
		Road       string
	}
	q := tx.NewSelect().TableExpr("dir_states AS s").
		ColumnExpr("s.camera_id, s.state, s.since_at, s.diagnosis, s.detail, s.as_of_at, s.status, c.name, c.region_code, c.road").
		Join("JOIN dir_cameras AS c ON c.id = s.camera_id").Where("c.deleted_at IS NULL").OrderExpr("s.camera_id")
	if err := db.ForUpdate(tx, narrow(q)).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("load camera states: %w", err)
	}
	out := make([]known, len(rows))
	for i := range rows {
		out[i] = known{ID: rows[i].CameraID, Name: rows[i].Name, RegionCode: rows[i].RegionCode, Road: rows[i].Road, Health: rows[i].health()}
	}
	return out, nil
}

// tagsOfChanged loads the tags of the cameras that changed their state.
func tagsOfChanged(ctx context.Context, tx db.Tx, list []move) (map[string][]string, error) {
	cams := []Camera{}
	for _, m := range list {
		if m.next.State != m.camera.Health.State {
			cams = append(cams, Camera{ID: m.camera.ID})
		}
	}
	ptr := make([]*Camera, len(cams))
	for i := range cams {
		ptr[i] = &cams[i]
	}
	if err := fillTags(ctx, tx, ptr); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, c := range cams {
		out[c.ID] = c.Tags
	}
	return out, nil
}

// saveStates stores states in one statement.
func saveStates(ctx context.Context, tx db.Tx, list []Health) error {
	rows := make([]stateRow, len(list))
	for i, h := range list {
		rows[i] = stateOf(h)
	}
	if len(rows) == 0 {
		return nil
	}
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (camera_id) DO UPDATE").
		Set("state = EXCLUDED.state, since_at = EXCLUDED.since_at, diagnosis = EXCLUDED.diagnosis, detail = EXCLUDED.detail, as_of_at = EXCLUDED.as_of_at, status = EXCLUDED.status").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store camera states: %w", err)
	}
	return nil
}

// turn ends the running segment of a camera and begins the next.
func turn(ctx context.Context, tx db.Tx, id string, h Health) error {
	_, err := tx.NewUpdate().Model((*segmentRow)(nil)).Set("to_at = ?", h.Since).Where("camera_id = ? AND to_at IS NULL", h.CameraID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end a segment of camera %s: %w", h.CameraID, err)
	}
	g := segmentRow{ID: id, CameraID: h.CameraID, State: h.State, Diagnosis: h.Diagnosis, Detail: h.Detail, FromAt: h.Since}
	if _, err := tx.NewInsert().Model(&g).Exec(ctx); err != nil {
		return fmt.Errorf("begin a segment of camera %s: %w", h.CameraID, err)
	}
	return nil
}

// segments lists the segments that touch a stretch of time, oldest first.
func segments(ctx context.Context, idb bun.IDB, camera string, from, to clock.Stamp) ([]Segment, error) {
	rows := []segmentRow{}
	err := idb.NewSelect().Model(&rows).Where("g.camera_id = ? AND g.from_at < ? AND (g.to_at IS NULL OR g.to_at > ?)", camera, to, from).
		Order("g.from_at", "g.id").Limit(5000).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the day of camera %s: %w", camera, err)
	}
	out := make([]Segment, len(rows))
	for i, r := range rows {
		out[i] = Segment{r.State, r.Diagnosis, r.Detail, r.FromAt, r.ToAt}
	}
	return out, nil
}

// alertsOfDay counts the camera's alerts of a day by outcome.
func alertsOfDay(ctx context.Context, idb bun.IDB, camera string, ymd int) (all, confirmed, rejected int64, err error) {
	var rows []struct {
		State string
		N     int64
	}
	err = idb.NewSelect().TableExpr("v_alerts_day AS d").ColumnExpr("d.state, d.n").Where("d.camera_id = ? AND d.received_ymd = ?", camera, ymd).Scan(ctx, &rows)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("count the alerts of camera %s: %w", camera, err)
	}
	for _, r := range rows {
		all += r.N
		switch r.State {
		case "confirmed", "merged":
			confirmed += r.N
		case "rejected":
			rejected += r.N
		}
	}
	return all, confirmed, rejected, nil
}
