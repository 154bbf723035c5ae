package notices

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/grams"
)

type itemRow struct {
	bun.BaseModel `bun:"table:notice_items,alias:n"`

	ID          string `bun:",pk"`
	No          string
	Code        string
	Kind        string
	EventKind   string
	State       State
	OrderID     string
	OrderNo     string
	AlertID     string
	ShopID      string
	ShopName    string
	Address     string
	RegionCode  string
	StreetName  string
	Lng         float64
	Lat         float64
	CameraID    string
	CameraName  string
	ZoneID      string
	Organ       string
	SquadOrgID  string
	SquadName   string
	OfficerID   string
	OfficerName string
	EvidenceUse string
	Device      string
	Title       string
	Body        string
	Message     string
	Facts       string
	Demand      string
	Checklist   string
	Causes      string
	SeenAt      *clock.Stamp
	Picture     string
	Clip        string
	Box         string
	TemplateID  string
	RuleID      string
	DueAt       *clock.Stamp
	Paused      int
	Way         string
	AnswerKind  string
	Recheck     string
	RecheckAt   *clock.Stamp
	SentAt      *clock.Stamp
	DeliveredAt *clock.Stamp
	ReadAt      *clock.Stamp
	AnsweredAt  *clock.Stamp
	DecidedAt   *clock.Stamp
	EndedAt     *clock.Stamp
	EndReason   string
	ReplacesID  string
	ReplacedBy  string
	LiveKey     *string
	Tails       string
	Paper       string
	Misses      int
	LockedAt    *clock.Stamp
	IssuedBy    string
	IssuedName  string
	CreatedAt   clock.Stamp
	CreatedYmd  int
	Rev         int64
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// text is JSON of something that always can be written as such.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// read fills v from a column; a column that was damaged gives the zero value
// and the error says which.
func read(what, s string, v any) error {
	if s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), v); err != nil {
		return fmt.Errorf("read %s: %w", what, err)
	}
	return nil
}

func (r *itemRow) notice() (Notice, error) {
	n := Notice{
		ID: r.ID, No: r.No, Code: r.Code, Kind: r.Kind, EventKind: r.EventKind, State: r.State, OrderID: r.OrderID, OrderNo: r.OrderNo, AlertID: r.AlertID,
		ShopID: r.ShopID, ShopName: r.ShopName, Address: r.Address, RegionCode: r.RegionCode, StreetName: r.StreetName, Lng: r.Lng, Lat: r.Lat,
		CameraID: r.CameraID, CameraName: r.CameraName, ZoneID: r.ZoneID, Organ: r.Organ, SquadOrgID: r.SquadOrgID, SquadName: r.SquadName,
		OfficerID: r.OfficerID, OfficerName: r.OfficerName, EvidenceUse: r.EvidenceUse, Device: r.Device, Title: r.Title, Body: r.Body, Message: r.Message,
		Facts: r.Facts, Demand: r.Demand, Checklist: r.Checklist, SeenAt: r.SeenAt, Picture: r.Picture, Clip: r.Clip, TemplateID: r.TemplateID, RuleID: r.RuleID,
		DueAt: r.DueAt, Paused: r.Paused == 1, Way: r.Way, AnswerKind: r.AnswerKind, Recheck: r.Recheck, RecheckAt: r.RecheckAt, SentAt: r.SentAt,
		DeliveredAt: r.DeliveredAt, ReadAt: r.ReadAt, AnsweredAt: r.AnsweredAt, DecidedAt: r.DecidedAt, EndedAt: r.EndedAt, EndReason: r.EndReason,
		ReplacesID: r.ReplacesID, ReplacedBy: r.ReplacedBy, IssuedBy: r.IssuedBy, IssuedName: r.IssuedName, CreatedAt: r.CreatedAt, Rev: r.Rev,
		live: r.LiveKey != nil, paper: r.Paper, misses: r.Misses, lockedAt: r.LockedAt, Causes: []Cause{},
	}
	if err := read("causes of notice "+r.No, r.Causes, &n.Causes); err != nil {
		return n, err
	}
	if r.Box != "" {
		n.Box = new(Box)
		if err := read("box of notice "+r.No, r.Box, n.Box); err != nil {
			return n, err
		}
	}
	return n, read("tails of notice "+r.No, r.Tails, &n.tails)
}

func rowOf(n Notice) *itemRow {
	r := &itemRow{
		ID: n.ID, No: n.No, Code: n.Code, Kind: n.Kind, EventKind: n.EventKind, State: n.State, OrderID: n.OrderID, OrderNo: n.OrderNo, AlertID: n.AlertID,
		ShopID: n.ShopID, ShopName: n.ShopName, Address: n.Address, RegionCode: n.RegionCode, StreetName: n.StreetName, Lng: n.Lng, Lat: n.Lat,
		CameraID: n.CameraID, CameraName: n.CameraName, ZoneID: n.ZoneID, Organ: n.Organ, SquadOrgID: n.SquadOrgID, SquadName: n.SquadName,
		OfficerID: n.OfficerID, OfficerName: n.OfficerName, EvidenceUse: n.EvidenceUse, Device: n.Device, Title: n.Title, Body: n.Body, Message: n.Message,
		Facts: n.Facts, Demand: n.Demand, Checklist: n.Checklist, Causes: text(n.Causes), SeenAt: n.SeenAt, Picture: n.Picture, Clip: n.Clip,
		TemplateID: n.TemplateID, RuleID: n.RuleID, DueAt: n.DueAt, Paused: flag(n.Paused), Way: n.Way, AnswerKind: n.AnswerKind, Recheck: n.Recheck,
		RecheckAt: n.RecheckAt, SentAt: n.SentAt, DeliveredAt: n.DeliveredAt, ReadAt: n.ReadAt, AnsweredAt: n.AnsweredAt, DecidedAt: n.DecidedAt,
		EndedAt: n.EndedAt, EndReason: n.EndReason, ReplacesID: n.ReplacesID, ReplacedBy: n.ReplacedBy, Tails: text(n.tails), Paper: n.paper, Misses: n.misses,
		LockedAt: n.lockedAt, IssuedBy: n.IssuedBy, IssuedName: n.IssuedName, CreatedAt: n.CreatedAt, CreatedYmd: clock.YMD(n.CreatedAt.Time()), Rev: n.Rev,
	}
	if n.Box != nil {
		r.Box = text(n.Box)
	}
	if n.live {
		key := liveKey(n)
		r.LiveKey = &key
	}
	return r
}

// liveKey is what only one notice at a time has: an order, else an alert, has
// one of each kind.
func liveKey(n Notice) string {
	switch {
	case n.OrderID != "":
		return "order|" + n.OrderID + "|" + n.Kind
	case n.AlertID != "":
		return "alert|" + n.AlertID + "|" + n.Kind
	}
	return "shop|" + n.ID + "|" + n.Kind
}

// nextNo takes the next number of the day. A number is never used again.
func nextNo(ctx context.Context, tx db.Tx) (string, error) {
	ymd := clock.YMD(tx.Now())
	var n int64
	err := tx.NewRaw("INSERT INTO notice_numbers (ymd, last) VALUES (?, 1) ON CONFLICT (ymd) DO UPDATE SET last = notice_numbers.last + 1 RETURNING last", ymd).Scan(ctx, &n)
	if err != nil {
		return "", fmt.Errorf("take a notice number: %w", err)
	}
	return fmt.Sprintf("GZ%d-%04d", ymd, n), nil
}

func one(ctx context.Context, q *bun.SelectQuery, r *itemRow) (Notice, bool, error) {
	err := q.Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return Notice{}, false, nil
	}
	if err != nil {
		return Notice{}, false, fmt.Errorf("load notice: %w", err)
	}
	n, err := r.notice()
	return n, true, err
}

// get loads a notice through the actor's scope.
func get(ctx context.Context, idb bun.IDB, who access.Actor, id string) (Notice, error) {
	var r itemRow
	n, ok, err := one(ctx, who.Scope.Filter(idb.NewSelect().Model(&r).Where("n.id = ?", id), "n.region_code"), &r)
	if err == nil && !ok {
		err = errs.NotFound("告知")
	}
	return n, err
}

// lock loads a notice whoever asks, and holds it.
func lock(ctx context.Context, tx db.Tx, where string, args ...any) (Notice, bool, error) {
	var r itemRow
	return one(ctx, db.ForUpdate(tx, tx.NewSelect().Model(&r).Where(where, args...)), &r)
}

// byCode loads a notice by its check code.
func byCode(ctx context.Context, idb bun.IDB, code string) (Notice, bool, error) {
	var r itemRow
	return one(ctx, idb.NewSelect().Model(&r).Where("n.code = ?", code), &r)
}

// byID loads a notice whoever asks: the public page has shown that it may.
func byID(ctx context.Context, idb bun.IDB, id string) (Notice, bool, error) {
	var r itemRow
	return one(ctx, idb.NewSelect().Model(&r).Where("n.id = ?", id), &r)
}

// ofOrder gives the notices of an order, the newest first.
func ofOrder(ctx context.Context, idb bun.IDB, order string) ([]Notice, error) {
	rows := []itemRow{}
	if err := idb.NewSelect().Model(&rows).Where("n.order_id = ? AND n.order_id <> ''", order).Order("n.created_at DESC").Limit(20).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read notices of order: %w", err)
	}
	return notices(rows)
}

func notices(rows []itemRow) ([]Notice, error) {
	out := make([]Notice, len(rows))
	for i := range rows {
		n, err := rows[i].notice()
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// insert stores a new notice, its picture, and the words that its shop is
// found by.
func insert(ctx context.Context, tx db.Tx, n Notice) error {
	if _, err := tx.NewInsert().Model(rowOf(n)).Exec(ctx); err != nil {
		return fmt.Errorf("insert notice: %w", err)
	}
	for _, p := range []string{n.Picture, n.Clip} {
		if p != "" {
			if err := addPhotos(ctx, tx, n.ID, "seen", []string{p}); err != nil {
				return err
			}
		}
	}
	if n.ShopID == "" {
		return nil
	}
	rows := []gramRow{}
	for _, g := range grams.Of(n.ShopName, n.Address) {
		rows = append(rows, gramRow{Gram: g, ShopID: n.ShopID})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("insert words of shop: %w", err)
	}
	return nil
}

type gramRow struct {
	bun.BaseModel `bun:"table:notice_grams,alias:g"`

	Gram   string `bun:",pk"`
	ShopID string `bun:",pk"`
}

// update stores a notice under its version.
func update(ctx context.Context, tx db.Tx, n Notice) (Notice, error) {
	old := n.Rev
	n.Rev++
	res, err := tx.NewUpdate().Model(rowOf(n)).WherePK().Where("rev = ?", old).Exec(ctx)
	if err != nil {
		return n, fmt.Errorf("save notice %s: %w", n.No, err)
	}
	if k, err := res.RowsAffected(); err != nil || k != 1 {
		if err != nil {
			return n, err
		}
		return n, errs.Conflict(fmt.Sprintf("告知 %s 刚被他人处理，请刷新后再操作", n.No))
	}
	return n, nil
}

// setDoor stores how often somebody failed to open a notice; it is no change
// of the notice.
func setDoor(ctx context.Context, tx db.Tx, n Notice) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("misses = ?", n.misses).Set("locked_at = ?", n.lockedAt).Where("id = ?", n.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note a try at notice %s: %w", n.No, err)
	}
	return nil
}

type photoRow struct {
	bun.BaseModel `bun:"table:notice_photos,alias:p"`

	NoticeID string `bun:",pk"`
	SM3      string `bun:"sm3,pk"`
	Role     string `bun:",pk"`
	AddedAt  clock.Stamp
}

func addPhotos(ctx context.Context, tx db.Tx, notice, role string, list []string) error {
	rows := make([]photoRow, len(list))
	for i, p := range list {
		rows[i] = photoRow{NoticeID: notice, SM3: p, Role: role, AddedAt: clock.At(tx.Now())}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("insert photos of notice: %w", err)
	}
	return nil
}

// photosOf gives the pictures of a notice by role.
func photosOf(ctx context.Context, idb bun.IDB, notice, role string) ([]string, error) {
	out := []string{}
	err := idb.NewSelect().Model((*photoRow)(nil)).Column("p.sm3").Where("p.notice_id = ? AND p.role = ?", notice, role).Order("p.added_at", "p.sm3").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("read photos of notice: %w", err)
	}
	return out, nil
}

func hasPhoto(ctx context.Context, idb bun.IDB, notice, sm3 string) (bool, error) {
	ok, err := idb.NewSelect().Model((*photoRow)(nil)).Where("p.notice_id = ? AND p.sm3 = ?", notice, sm3).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for photo: %w", err)
	}
	return ok, nil
}

func seesBlob(ctx context.Context, idb bun.IDB, who access.Actor, sm3 string) (bool, error) {
	q := idb.NewSelect().Model((*photoRow)(nil)).Join("JOIN notice_items AS n ON n.id = p.notice_id").Where("p.sm3 = ?", sm3)
	ok, err := who.Scope.Filter(q, "n.region_code").Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for a notice with the picture: %w", err)
	}
	return ok, nil
}
