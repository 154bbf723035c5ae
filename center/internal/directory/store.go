package directory

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type cameraRow struct {
	bun.BaseModel `bun:"table:dir_cameras,alias:c"`

	ID               string `bun:",pk"`
	Code             string
	Name             string
	Address          string
	RegionCode       string
	RegionName       string
	StreetName       string
	Lng, Lat         float64
	BoxID            string
	URL              string `bun:"url"`
	SubURL           string `bun:"sub_url"`
	Username         string
	Password         string
	Transport        string
	IntervalMS       int64 `bun:"interval_ms"`
	SquadOrgID       string
	ReferenceSM3     string `bun:"reference_sm3"`
	LegalStatus      string
	LegalPublishedAt *clock.Stamp
	LegalValidToAt   *clock.Stamp
	LegalNote        string
	GBCode           string `bun:"gb_code"`
	Road             string
	OwnerPlatform    string
	CoordFrom        string
	ShE              float64 `bun:"sh_e"`
	ShN              float64 `bun:"sh_n"`

	LegalReviewedAt     *clock.Stamp
	TechnicalReviewedAt *clock.Stamp
	VerifiedToAt        *clock.Stamp
	SignOnSite          bool
	PublishedWhere      string
	LegalUse            string
	LegalReason         string
	LegalNextAt         *clock.Stamp
	RecordHours         int64
	RecordQuotaMB       int64 `bun:"record_quota_mb"`

	SnapshotSM3    string `bun:"snapshot_sm3"`
	SnapshotWidth  int
	SnapshotHeight int
	SnapshotAt     *clock.Stamp
	Search         string
	CreatedAt      clock.Stamp
	UpdatedAt      clock.Stamp
	DeletedAt      *clock.Stamp
	ZonesRev       int64
	Rev            int64
}

func (r *cameraRow) camera() Camera {
	return Camera{
		ID: r.ID, Code: r.Code, Name: r.Name, Address: r.Address, RegionCode: r.RegionCode, RegionName: r.RegionName,
		StreetName: r.StreetName, Lng: r.Lng, Lat: r.Lat, BoxID: r.BoxID, URL: r.URL, SubURL: r.SubURL, Username: r.Username,
		Password: r.Password, Transport: r.Transport, IntervalMS: r.IntervalMS, SquadOrgID: r.SquadOrgID, ReferenceSM3: r.ReferenceSM3,
		Tags: []string{}, Legal: Legal{
			Status: r.LegalStatus, ReviewedAt: r.LegalReviewedAt, TechnicalAt: r.TechnicalReviewedAt, VerifiedTo: r.VerifiedToAt, SignOnSite: r.SignOnSite,
			PublishedAt: r.LegalPublishedAt, PublishedWhere: r.PublishedWhere, ValidTo: r.LegalValidToAt, Note: r.LegalNote,
		},
		GBCode: r.GBCode, Road: r.Road, East: r.ShE, North: r.ShN, CoordFrom: coord.System(r.CoordFrom), OwnerPlatform: r.OwnerPlatform,
		RecordHours: r.RecordHours, RecordQuotaMB: r.RecordQuotaMB, search: r.Search,
		Snapshot:  Snapshot{r.SnapshotSM3, r.SnapshotWidth, r.SnapshotHeight, r.SnapshotAt},
		DeletedAt: r.DeletedAt, ZonesRev: r.ZonesRev, Rev: r.Rev,
	}
}

func rowOf(c Camera) *cameraRow {
	return &cameraRow{
		ID: c.ID, Code: c.Code, Name: c.Name, Address: c.Address, RegionCode: c.RegionCode, RegionName: c.RegionName,
		StreetName: c.StreetName, Lng: c.Lng, Lat: c.Lat, BoxID: c.BoxID, URL: c.URL, SubURL: c.SubURL, Username: c.Username,
		Password: c.Password, Transport: c.Transport, IntervalMS: c.IntervalMS, SquadOrgID: c.SquadOrgID, ReferenceSM3: c.ReferenceSM3,
		LegalStatus: c.Legal.Status, LegalPublishedAt: c.Legal.PublishedAt, LegalValidToAt: c.Legal.ValidTo, LegalNote: c.Legal.Note,
		LegalReviewedAt: c.Legal.ReviewedAt, TechnicalReviewedAt: c.Legal.TechnicalAt, VerifiedToAt: c.Legal.VerifiedTo, SignOnSite: c.Legal.SignOnSite,
		PublishedWhere: c.Legal.PublishedWhere, GBCode: c.GBCode, Road: c.Road, OwnerPlatform: c.OwnerPlatform, CoordFrom: string(c.CoordFrom), ShE: c.East, ShN: c.North,
		RecordHours: c.RecordHours, RecordQuotaMB: c.RecordQuotaMB,
		SnapshotSM3: c.Snapshot.SM3, SnapshotWidth: c.Snapshot.Width, SnapshotHeight: c.Snapshot.Height, SnapshotAt: c.Snapshot.At,
		Search: c.search, DeletedAt: c.DeletedAt, ZonesRev: c.ZonesRev, Rev: c.Rev,
	}
}

type tagRow struct {
	bun.BaseModel `bun:"table:dir_tags,alias:t"`

	CameraID string `bun:",pk"`
	Tag      string `bun:",pk"`
}

// get loads one camera of the scope; deleted ones only when asked for.
func get(ctx context.Context, idb bun.IDB, who access.Actor, id string, deleted bool) (Camera, error) {
	var r cameraRow
	q := idb.NewSelect().Model(&r).Where("c.id = ?", id)
	if !deleted {
		q = q.Where("c.deleted_at IS NULL")
	}
	err := who.Scope.Filter(q, "c.region_code").Scan(ctx)
	if db.NoRows(err) {
		return Camera{}, errs.NotFound("点位")
	}
	if err != nil {
		return Camera{}, fmt.Errorf("load camera %s: %w", id, err)
	}
	c := r.camera()
	list := []*Camera{&c}
	return c, fillTags(ctx, idb, list)
}

// fillTags adds the tags of cameras.
func fillTags(ctx context.Context, idb bun.IDB, list []*Camera) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]string, len(list))
	byID := map[string]*Camera{}
	for i, c := range list {
		ids[i] = c.ID
		byID[c.ID] = c
	}
	rows := []tagRow{}
	if err := idb.NewSelect().Model(&rows).Where("t.camera_id IN (?)", bun.List(ids)).Order("t.tag").Scan(ctx); err != nil {
		return fmt.Errorf("load tags: %w", err)
	}
	for _, r := range rows {
		c := byID[r.CameraID]
		c.Tags = append(c.Tags, r.Tag)
	}
	return nil
}

func saveTags(ctx context.Context, tx db.Tx, id string, tags []string) error {
	if _, err := tx.NewDelete().Model((*tagRow)(nil)).Where("camera_id = ?", id).Exec(ctx); err != nil {
		return fmt.Errorf("save tags: %w", err)
	}
	rows := []tagRow{}
	for _, t := range tags {
		rows = append(rows, tagRow{CameraID: id, Tag: t})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("save tags: %w", err)
	}
	return nil
}

// codeTaken is the conflict of two cameras with one code.
func codeTaken(err error, c Camera) error {
	switch {
	case db.Duplicate(err) && strings.Contains(err.Error(), "gb"):
		return errs.Invalidf("gbCode", "国标编码 %s 已被另一个点位使用", c.GBCode)
	case db.Duplicate(err):
		return errs.Invalidf("code", "点位编号 %s 已被另一个点位使用", c.Code)
	}
	return fmt.Errorf("save camera %s: %w", c.Code, err)
}

// judged fills what the legal facts say at a moment.
func (r *cameraRow) judged(l Legal, now clock.Stamp) {
	r.LegalUse, r.LegalReason = l.At(now.Time())
	r.LegalNextAt = l.next(now)
}

func insertCamera(ctx context.Context, tx db.Tx, c Camera) error {
	r, now := rowOf(c), clock.At(tx.Now())
	r.CreatedAt, r.UpdatedAt = now, now
	r.judged(c.Legal, now)
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return codeTaken(err, c)
	}
	h := &stateRow{CameraID: c.ID, State: Unknown, SinceAt: now}
	if _, err := tx.NewInsert().Model(h).Exec(ctx); err != nil {
		return fmt.Errorf("save the state of camera %s: %w", c.Code, err)
	}
	return saveTags(ctx, tx, c.ID, c.Tags)
}

func updateCamera(ctx context.Context, tx db.Tx, c Camera) (Camera, error) {
	r := rowOf(c)
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	r.judged(c.Legal, r.UpdatedAt)
	res, err := tx.NewUpdate().Model(r).
		ExcludeColumn("created_at", "zones_rev", "snapshot_sm3", "snapshot_width", "snapshot_height", "snapshot_at").
		Where("c.id = ? AND c.rev = ?", c.ID, c.Rev).Exec(ctx)
	if err != nil {
		return c, codeTaken(err, c)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return c, fmt.Errorf("save camera %s: %w", c.Code, err)
	}
	if n == 0 {
		return c, errs.Conflict("点位“" + c.Name + "”已被他人修改，请刷新后再改")
	}
	c.Rev++
	return c, saveTags(ctx, tx, c.ID, c.Tags)
}

// setSnapshot notes the latest picture; it is no edit and changes no rev.
func setSnapshot(ctx context.Context, tx db.Tx, id string, s Snapshot) error {
	_, err := tx.NewUpdate().Model((*cameraRow)(nil)).Set("snapshot_sm3 = ?", s.SM3).Set("snapshot_width = ?", s.Width).
		Set("snapshot_height = ?", s.Height).Set("snapshot_at = ?", s.At).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note snapshot: %w", err)
	}
	return nil
}

// camerasByID loads cameras whoever asks, deleted ones too.
func camerasByID(ctx context.Context, idb bun.IDB, ids []string) ([]Camera, error) {
	rows := []cameraRow{}
	if len(ids) == 0 {
		return nil, nil
	}
	if err := idb.NewSelect().Model(&rows).Where("c.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load cameras: %w", err)
	}
	out := make([]Camera, len(rows))
	for i := range rows {
		out[i] = rows[i].camera()
	}
	return out, nil
}

// camerasOfBox loads the cameras of a box in the order of their codes.
func camerasOfBox(ctx context.Context, idb bun.IDB, box string) ([]Camera, error) {
	rows := []cameraRow{}
	if err := idb.NewSelect().Model(&rows).Where("c.box_id = ? AND c.deleted_at IS NULL", box).Order("c.code").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load the cameras of box %s: %w", box, err)
	}
	out := make([]Camera, len(rows))
	for i := range rows {
		out[i] = rows[i].camera()
	}
	return out, nil
}

// seesBlob tells whether the picture is a snapshot or a reference of a camera
// in the scope, or a sign picture of one of its zones.
func seesBlob(ctx context.Context, idb bun.IDB, who access.Actor, sm3 string) (bool, error) {
	q := idb.NewSelect().Model((*cameraRow)(nil)).
		Where("(c.snapshot_sm3 = ? OR c.reference_sm3 = ? OR EXISTS (SELECT 1 FROM dir_zones z WHERE z.camera_id = c.id AND z.sign_reference_sm3 = ?))", sm3, sm3, sm3)
	ok, err := who.Scope.Filter(q, "c.region_code").Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the picture's cameras: %w", err)
	}
	return ok, nil
}
