package patrol

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type spotRow struct {
	bun.BaseModel `bun:"table:patrol_spots,alias:s"`

	TaskID      string `bun:",pk"`
	CameraID    string `bun:",pk"`
	ZoneID      string `bun:",pk"`
	CameraName  string
	ZoneName    string
	Address     string
	RegionCode  string
	ShopID      string
	ShopName    string
	BoxID       string
	Lng, Lat    float64
	State       SpotState
	SeenLooks   int
	UnseenLooks int
	Reason      string
	Detail      string
	Signs       int
	Opens       int
	Text        string
	Crop        string
	Frame       string
	LookedAt    *clock.Stamp
	ByID        string
	ByName      string
	Note        string
	Pictures    string
	DoneAt      *clock.Stamp
}

func (r *spotRow) spot() Spot {
	return Spot{
		TaskID: r.TaskID, CameraID: r.CameraID, CameraName: r.CameraName, ZoneID: r.ZoneID, ZoneName: r.ZoneName, Address: r.Address, RegionCode: r.RegionCode,
		ShopID: r.ShopID, ShopName: r.ShopName, BoxID: r.BoxID, Lng: r.Lng, Lat: r.Lat, State: r.State, SeenLooks: r.SeenLooks, UnseenLooks: r.UnseenLooks,
		Reason: r.Reason, Detail: r.Detail, Signs: r.Signs, Opens: r.Opens, Text: r.Text, Crop: r.Crop, Frame: r.Frame, LookedAt: r.LookedAt,
		ByID: r.ByID, ByName: r.ByName, Note: r.Note, Pictures: split(r.Pictures), DoneAt: r.DoneAt,
	}
}

func rowOfSpot(s Spot) spotRow {
	return spotRow{
		TaskID: s.TaskID, CameraID: s.CameraID, CameraName: s.CameraName, ZoneID: s.ZoneID, ZoneName: s.ZoneName, Address: s.Address, RegionCode: s.RegionCode,
		ShopID: s.ShopID, ShopName: s.ShopName, BoxID: s.BoxID, Lng: s.Lng, Lat: s.Lat, State: s.State, SeenLooks: s.SeenLooks, UnseenLooks: s.UnseenLooks,
		Reason: s.Reason, Detail: s.Detail, Signs: s.Signs, Opens: s.Opens, Text: s.Text, Crop: s.Crop, Frame: s.Frame, LookedAt: s.LookedAt,
		ByID: s.ByID, ByName: s.ByName, Note: s.Note, Pictures: strings.Join(s.Pictures, ","), DoneAt: s.DoneAt,
	}
}

func insertSpots(ctx context.Context, tx db.Tx, list []Spot) error {
	rows := make([]spotRow, len(list))
	for i, s := range list {
		rows[i] = rowOfSpot(s)
	}
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("store the places of a task: %w", err)
	}
	return nil
}

func spotsOfRows(rows []spotRow) []Spot {
	out := make([]Spot, len(rows))
	for i := range rows {
		out[i] = rows[i].spot()
	}
	return out
}

// spotsOfTask reads the places of a task before given cameras, or all.
func spotsOfTask(ctx context.Context, idb reader, task string, cameras []string) ([]Spot, error) {
	rows := []spotRow{}
	q := idb.NewSelect().Model(&rows).Where("s.task_id = ?", task)
	if cameras != nil {
		q = q.Where("s.camera_id IN (?)", bun.List(cameras))
	}
	if err := q.OrderExpr("s.camera_id, s.zone_id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the places of task %s: %w", task, err)
	}
	return spotsOfRows(rows), nil
}

func spotOf(ctx context.Context, idb reader, task, camera, zone string) (Spot, error) {
	var r spotRow
	err := idb.NewSelect().Model(&r).Where("s.task_id = ? AND s.camera_id = ? AND s.zone_id = ?", task, camera, zone).Scan(ctx)
	if db.NoRows(err) {
		return Spot{}, errs.NotFound("查看位置")
	}
	if err != nil {
		return Spot{}, fmt.Errorf("load a place of task %s: %w", task, err)
	}
	return r.spot(), nil
}

// saveSpots writes what is new of places of tasks that are locked.
func saveSpots(ctx context.Context, tx db.Tx, list []Spot) error {
	rows := make([]spotRow, len(list))
	for i, s := range list {
		rows[i] = rowOfSpot(s)
	}
	err := db.InsertAll(ctx, tx, rows, ` ON CONFLICT (task_id, camera_id, zone_id) DO UPDATE SET state = excluded.state, seen_looks = excluded.seen_looks,
 unseen_looks = excluded.unseen_looks, reason = excluded.reason, detail = excluded.detail, signs = excluded.signs, opens = excluded.opens, text = excluded.text,
 crop = excluded.crop, frame = excluded.frame, looked_at = excluded.looked_at, by_id = excluded.by_id, by_name = excluded.by_name, note = excluded.note,
 pictures = excluded.pictures, done_at = excluded.done_at`)
	if err != nil {
		return fmt.Errorf("save the places of tasks: %w", err)
	}
	return nil
}

// endSpots settles the places that nothing was told about: of boxes that
// never got the task, and of all others.
func endSpots(ctx context.Context, tx db.Tx, task string) error {
	for _, x := range []struct {
		reason string
		where  string
		args   []any
	}{
		{ReasonNoBox, "box_id = ''", nil},
		{ReasonRefused, "box_id IN (SELECT l.box_id FROM patrol_legs AS l WHERE l.task_id = ? AND l.state = ?)", []any{task, LegRefused}},
		{ReasonBoxOffline, "box_id IN (SELECT l.box_id FROM patrol_legs AS l WHERE l.task_id = ? AND l.state IN (?, ?))", []any{task, LegWaiting, LegMissed}},
		{"missed", "1 = 1", nil},
	} {
		_, err := tx.NewUpdate().Model((*spotRow)(nil)).Set("state = ?", SpotUnseen).Set("reason = CASE WHEN reason = '' THEN ? ELSE reason END", x.reason).
			Where("task_id = ? AND state = ?", task, SpotWaiting).Where(x.where, x.args...).Exec(ctx)
		if err != nil {
			return fmt.Errorf("settle the places of task %s: %w", task, err)
		}
	}
	return nil
}

// countSpots counts the places of a task into it, and tells whether every
// look was told of.
func countSpots(ctx context.Context, idb reader, t *Task) (told bool, err error) {
	rows := []struct {
		State SpotState
		N     int
		Signs int
		Opens int
		Looks int
	}{}
	err = idb.NewSelect().TableExpr("patrol_spots AS s").
		ColumnExpr("s.state AS state, COUNT(*) AS n, SUM(s.signs) AS signs, SUM(s.opens) AS opens, SUM(s.seen_looks + s.unseen_looks) AS looks").
		Where("s.task_id = ?", t.ID).GroupExpr("s.state").Scan(ctx, &rows)
	if err != nil {
		return false, fmt.Errorf("count the places of task %s: %w", t.ID, err)
	}
	looks := 0
	t.Spots, t.Seen, t.Manual, t.Waived, t.Unseen, t.Signs, t.Opens = 0, 0, 0, 0, 0, 0, 0
	for _, r := range rows {
		t.Spots += r.N
		t.Signs += r.Signs
		t.Opens += r.Opens
		looks += r.Looks
		switch r.State {
		case SpotSeen:
			t.Seen = r.N
		case SpotManual:
			t.Manual = r.N
		case SpotWaived:
			t.Waived = r.N
		case SpotUnseen:
			t.Unseen = r.N
		case SpotWaiting:
		}
	}
	return looks >= t.Spots*t.Looks, nil
}

type observationRow struct {
	bun.BaseModel `bun:"table:patrol_observations,alias:o"`

	ID         string `bun:",pk"`
	TaskID     string
	CameraID   string
	ZoneID     string
	Look       int
	Kind       string
	At         clock.Stamp
	Ymd        int
	RegionCode string
	ShopID     string
	Lng, Lat   float64
	Verdict    string
	Text       string
	Confidence float64
	GlyphPx    int
	Box        string
	Sign       string
	Opens      int
	Events     string
	Reason     string
	Detail     string
	Crop       string
	Frame      string
	Source     string
	ByHand     int
}

func insertObservations(ctx context.Context, tx db.Tx, rows []observationRow) error {
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("store observations: %w", err)
	}
	return nil
}

// knownObservations tells which ids are stored already.
func knownObservations(ctx context.Context, tx db.Tx, ids []string) (map[string]bool, error) {
	rows := []string{}
	err := tx.NewSelect().Model((*observationRow)(nil)).Column("o.id").Where("o.id IN (?)", bun.List(ids)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("look for known observations: %w", err)
	}
	out := map[string]bool{}
	for _, id := range rows {
		out[id] = true
	}
	return out, nil
}

type coverRow struct {
	bun.BaseModel `bun:"table:patrol_cover,alias:c"`

	CameraID   string `bun:",pk"`
	ZoneID     string `bun:",pk"`
	Kind       Kind   `bun:",pk"`
	CameraName string
	ZoneName   string
	Address    string
	RegionCode string
	ShopID     string
	ShopName   string
	SeenAt     clock.Stamp
	AskedAt    clock.Stamp
	UnseenAt   clock.Stamp
	Reason     string
	Detail     string
	TaskID     string
}

// cover notes when places were asked about, seen, or not seen and why.
func cover(ctx context.Context, tx db.Tx, rows []coverRow) error {
	err := db.InsertAll(ctx, tx, rows, ` ON CONFLICT (camera_id, zone_id, kind) DO UPDATE SET camera_name = excluded.camera_name, zone_name = excluded.zone_name,
 address = excluded.address, region_code = excluded.region_code, shop_id = excluded.shop_id, shop_name = excluded.shop_name,
 seen_at = CASE WHEN excluded.seen_at > patrol_cover.seen_at THEN excluded.seen_at ELSE patrol_cover.seen_at END,
 asked_at = CASE WHEN excluded.asked_at > patrol_cover.asked_at THEN excluded.asked_at ELSE patrol_cover.asked_at END,
 reason = CASE WHEN excluded.unseen_at >= patrol_cover.unseen_at AND excluded.unseen_at > 0 THEN excluded.reason ELSE patrol_cover.reason END,
 detail = CASE WHEN excluded.unseen_at >= patrol_cover.unseen_at AND excluded.unseen_at > 0 THEN excluded.detail ELSE patrol_cover.detail END,
 unseen_at = CASE WHEN excluded.unseen_at > patrol_cover.unseen_at THEN excluded.unseen_at ELSE patrol_cover.unseen_at END,
 task_id = excluded.task_id`)
	if err != nil {
		return fmt.Errorf("note what was seen: %w", err)
	}
	return nil
}

func coverOf(t Task, s Spot) coverRow {
	return coverRow{
		CameraID: s.CameraID, ZoneID: s.ZoneID, Kind: t.Kind, CameraName: s.CameraName, ZoneName: s.ZoneName, Address: s.Address, RegionCode: s.RegionCode,
		ShopID: s.ShopID, ShopName: s.ShopName, AskedAt: t.FromAt, TaskID: t.ID,
	}
}

// coverTask notes the end of a task for the places that it did not see.
func coverTask(ctx context.Context, tx db.Tx, t Task) error {
	_, err := tx.NewRaw(`UPDATE patrol_cover SET unseen_at = ?, task_id = ?,
 reason = (SELECT s.reason FROM patrol_spots AS s WHERE s.task_id = ? AND s.camera_id = patrol_cover.camera_id AND s.zone_id = patrol_cover.zone_id),
 detail = (SELECT s.detail FROM patrol_spots AS s WHERE s.task_id = ? AND s.camera_id = patrol_cover.camera_id AND s.zone_id = patrol_cover.zone_id)
 WHERE kind = ? AND unseen_at < ? AND EXISTS (SELECT 1 FROM patrol_spots AS s WHERE s.task_id = ? AND s.state = ? AND s.camera_id = patrol_cover.camera_id AND s.zone_id = patrol_cover.zone_id)
 AND camera_id IN (SELECT s.camera_id FROM patrol_spots AS s WHERE s.task_id = ? AND s.state = ?)`,
		t.UntilAt, t.ID, t.ID, t.ID, t.Kind, t.UntilAt, t.ID, SpotUnseen, t.ID, SpotUnseen).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note what task %s did not see: %w", t.ID, err)
	}
	return nil
}
