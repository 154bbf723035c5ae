package live

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type watchRow struct {
	bun.BaseModel `bun:"table:live_watches,alias:w"`

	ID         string       `bun:",pk" json:"id"`
	PersonID   string       `json:"personId"`
	PersonName string       `json:"personName"`
	Account    string       `json:"account"`
	OrgID      string       `json:"orgId"`
	OrgName    string       `json:"orgName"`
	CameraID   string       `json:"cameraId"`
	CameraName string       `json:"cameraName"`
	RegionCode string       `json:"regionCode"`
	Kind       string       `json:"kind"`
	StartedAt  clock.Stamp  `json:"startedAt"`
	SeenAt     clock.Stamp  `json:"-"`
	EndedAt    *clock.Stamp `json:"endedAt,omitempty"`
	Seconds    int          `json:"seconds"`
	YMD        int          `bun:"ymd" json:"-"`
	FilmFrom   *clock.Stamp `json:"filmFrom,omitempty"`
	FilmUntil  *clock.Stamp `json:"filmUntil,omitempty"`
	Note       string       `json:"note,omitempty"`
}

func watchOf(x *session) watchRow {
	at := clock.At(x.started)
	return watchRow{
		ID: x.id, PersonID: x.actor.ID, PersonName: x.actor.Name, Account: x.actor.Account, OrgID: x.actor.OrgID, OrgName: x.actor.OrgName,
		CameraID: x.camera.ID, CameraName: x.camera.Name, RegionCode: x.camera.RegionCode, Kind: x.kind,
		StartedAt: at, SeenAt: at, YMD: clock.YMD(x.started),
	}
}

func saveWatch(ctx context.Context, tx db.Tx, w watchRow) error {
	if _, err := tx.NewInsert().Model(&w).Exec(ctx); err != nil {
		return fmt.Errorf("note who watches: %w", err)
	}
	return nil
}

// seeWatch notes a sign of life.
func seeWatch(ctx context.Context, tx db.Tx, id string, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*watchRow)(nil)).Set("seen_at = ?, seconds = (? - started_at) / 1000", at, at).
		Where("id = ? AND ended_at IS NULL", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note who still watches: %w", err)
	}
	return nil
}

func endWatch(ctx context.Context, tx db.Tx, id string, at clock.Stamp, seconds int, note string) error {
	_, err := tx.NewUpdate().Model((*watchRow)(nil)).Set("seen_at = ?, ended_at = ?, seconds = ?, note = ?", at, at, seconds, note).
		Where("id = ? AND ended_at IS NULL", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note who stopped watching: %w", err)
	}
	return nil
}

// filmWatch widens what was shown of a recording.
func filmWatch(ctx context.Context, tx db.Tx, id string, from, until clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*watchRow)(nil)).
		Set("film_from = CASE WHEN film_from IS NULL OR film_from > ? THEN ? ELSE film_from END", from, from).
		Set("film_until = CASE WHEN film_until IS NULL OR film_until < ? THEN ? ELSE film_until END", until, until).
		Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note what was watched: %w", err)
	}
	return nil
}

// endLost ends the watches that a center left open which is no more.
func endLost(ctx context.Context, tx db.Tx, before clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*watchRow)(nil)).Set("ended_at = seen_at, note = '中断'").
		Where("ended_at IS NULL AND seen_at < ?", before).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end lost watches: %w", err)
	}
	return nil
}

// WatchFilter narrows the list of who watched what.
type WatchFilter struct {
	Person, Camera, Kind, Region string
	From, To                     *clock.Stamp
	Open                         bool
}

func (f WatchFilter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q, "w.region_code")
	for col, v := range map[string]string{"w.person_id": f.Person, "w.camera_id": f.Camera, "w.kind": f.Kind} {
		if v != "" {
			q = q.Where(col+" = ?", v)
		}
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "w.region_code")
	}
	if f.From != nil {
		q = q.Where("w.started_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("w.started_at < ?", *f.To)
	}
	if f.Open {
		q = q.Where("w.ended_at IS NULL")
	}
	return q
}

// mostCounted bounds a count, so that it stays fast.
const mostCounted = 10_000

func watches(ctx context.Context, idb bun.IDB, who access.Actor, f WatchFilter, p httpx.Paging) ([]watchRow, int64, error) {
	order, err := p.Order(map[string]string{"startedAt": "w.started_at", "seconds": "w.seconds"}, "w.started_at DESC")
	if err != nil {
		return nil, 0, err
	}
	inner := f.apply(idb.NewSelect().Model((*watchRow)(nil)).Column("w.id"), who).Limit(mostCounted)
	total, err := idb.NewSelect().TableExpr("(?) AS t", inner).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count watches: %w", err)
	}
	rows := []watchRow{}
	err = f.apply(idb.NewSelect().Model(&rows), who).OrderExpr("?, w.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list watches: %w", err)
	}
	return rows, int64(total), nil
}

type wallRow struct {
	bun.BaseModel `bun:"table:live_walls,alias:l"`

	ID        string `bun:",pk"`
	OwnerID   string
	OwnerName string
	OrgID     string
	Shared    int
	Kind      string
	Name      string
	Layout    int
	Cameras   string
	IntervalS int `bun:"interval_s"`
	UpdatedAt clock.Stamp
	Rev       int64
}

func (r wallRow) wall(who access.Actor) Wall {
	w := Wall{
		ID: r.ID, Kind: r.Kind, Name: r.Name, Layout: r.Layout, IntervalS: r.IntervalS, Shared: r.Shared == 1, Mine: r.OwnerID == who.ID,
		OwnerName: r.OwnerName, UpdatedAt: r.UpdatedAt, Rev: r.Rev, Cameras: []string{},
	}
	if json.Unmarshal([]byte(r.Cameras), &w.Cameras) != nil {
		w.Cameras = []string{}
	}
	return w
}

func walls(ctx context.Context, idb bun.IDB, who access.Actor) ([]wallRow, error) {
	rows := []wallRow{}
	err := idb.NewSelect().Model(&rows).Where("l.owner_id = ? OR (l.org_id = ? AND l.shared = 1)", who.ID, who.OrgID).
		OrderExpr("l.kind DESC, l.name, l.id").Limit(500).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list layouts: %w", err)
	}
	return rows, nil
}

func wallsOf(ctx context.Context, tx db.Tx, owner string) (int, error) {
	n, err := tx.NewSelect().Model((*wallRow)(nil)).Where("l.owner_id = ?", owner).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count layouts: %w", err)
	}
	return int(n), nil
}

// saveWall inserts, or replaces the row of the owner with the revision.
func saveWall(ctx context.Context, tx db.Tx, r wallRow, old int64) error {
	if old == 0 {
		_, err := tx.NewInsert().Model(&r).Exec(ctx)
		return wallFault(err)
	}
	res, err := tx.NewUpdate().Model(&r).ExcludeColumn("id", "owner_id", "owner_name", "org_id").
		Where("id = ? AND owner_id = ? AND rev = ?", r.ID, r.OwnerID, old).Exec(ctx)
	if err != nil {
		return wallFault(err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("布局已被修改或删除，请刷新后再保存")
	}
	return nil
}

func wallFault(err error) error {
	if err == nil {
		return nil
	}
	if db.Duplicate(err) {
		return errs.Invalidf("name", "已有同名的布局，请换个名称")
	}
	return fmt.Errorf("save layout: %w", err)
}

func dropWall(ctx context.Context, tx db.Tx, id, owner string) error {
	res, err := tx.NewDelete().Model((*wallRow)(nil)).Where("id = ? AND owner_id = ?", id, owner).Exec(ctx)
	if err != nil {
		return fmt.Errorf("delete layout: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.NotFound("布局")
	}
	return nil
}

type cutRow struct {
	bun.BaseModel `bun:"table:live_cuts,alias:c"`

	ID         string `bun:",pk"`
	SM3        string `bun:"sm3"`
	CameraID   string
	RegionCode string
	FromAt     clock.Stamp
	UntilAt    clock.Stamp
	Size       int64
	Width      int
	Height     int
	Codec      string
	FPS        float64 `bun:"fps"`
	UsedAt     clock.Stamp
}

func cutByID(ctx context.Context, idb bun.IDB, id string) (cutRow, bool, error) {
	return oneCut(ctx, idb, "c.id = ?", id)
}

func cutBySM3(ctx context.Context, idb bun.IDB, sm3 string) (cutRow, bool, error) {
	return oneCut(ctx, idb, "c.sm3 = ?", sm3)
}

func oneCut(ctx context.Context, idb bun.IDB, where, arg string) (cutRow, bool, error) {
	var r cutRow
	err := idb.NewSelect().Model(&r).Where(where, arg).Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("load cut: %w", err)
	}
	return r, true, nil
}

func saveCut(ctx context.Context, tx db.Tx, r cutRow) error {
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (id) DO UPDATE").
		Set("sm3 = EXCLUDED.sm3, from_at = EXCLUDED.from_at, until_at = EXCLUDED.until_at, size = EXCLUDED.size, used_at = EXCLUDED.used_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note cut: %w", err)
	}
	return nil
}

func oldCuts(ctx context.Context, idb bun.IDB, before clock.Stamp) ([]cutRow, error) {
	rows := []cutRow{}
	if err := idb.NewSelect().Model(&rows).Where("c.used_at < ?", before).Order("c.used_at").Limit(500).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list old cuts: %w", err)
	}
	return rows, nil
}

func dropCut(ctx context.Context, tx db.Tx, id string) error {
	if _, err := tx.NewDelete().Model((*cutRow)(nil)).Where("id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("forget cut: %w", err)
	}
	return nil
}

// OutcomeMark is a recognition on a camera's day.
type OutcomeMark struct {
	ID      string       `json:"id"`
	No      string       `json:"no"`
	Kind    string       `json:"kind"`
	State   string       `json:"state"`
	Since   clock.Stamp  `bun:"since_at" json:"since"`
	EndedAt *clock.Stamp `json:"endedAt,omitempty"`
}

func marksOf(ctx context.Context, idb bun.IDB, who access.Actor, camera string, from, to clock.Stamp) ([]OutcomeMark, error) {
	out := []OutcomeMark{}
	q := idb.NewSelect().TableExpr("v_alert_outcomes AS a").ColumnExpr("a.id, a.no, a.kind, a.state, a.since_at, a.ended_at").
		Where("a.camera_id = ? AND a.received_at >= ? AND a.received_at < ?", camera, from, to).OrderExpr("a.received_at").Limit(500)
	if err := who.Scope.Filter(q, "a.region_code").Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("list recognitions of the day: %w", err)
	}
	return out, nil
}
