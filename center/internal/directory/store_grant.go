package directory

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type grantRow struct {
	bun.BaseModel `bun:"table:dir_grants,alias:g"`

	ID           string `bun:",pk"`
	SubjectKind  string
	SubjectID    string
	SubjectName  string
	Prefixes     string
	Tags         string
	Acts         string
	PassOn       bool
	FromAt       clock.Stamp
	ToAt         clock.Stamp
	Reason       string
	ParentID     string
	RegionCode   string
	GrantedBy    string
	GrantedName  string
	CreatedAt    clock.Stamp
	RevokedAt    *clock.Stamp
	RevokedBy    string
	RevokeReason string
	MAC          string `bun:"mac"`
}

func words(s string) []string {
	if s == "" {
		return []string{}
	}
	return strings.Split(s, ",")
}

func (r *grantRow) grant() WatchGrant {
	return WatchGrant{
		ID: r.ID, SubjectKind: r.SubjectKind, SubjectID: r.SubjectID, SubjectName: r.SubjectName, Prefixes: words(r.Prefixes), Tags: words(r.Tags), Acts: words(r.Acts),
		PassOn: r.PassOn, From: r.FromAt, To: r.ToAt, Reason: r.Reason, ParentID: r.ParentID, GrantedBy: r.GrantedBy, GrantedName: r.GrantedName, CreatedAt: r.CreatedAt,
		RevokedAt: r.RevokedAt, RevokeReason: r.RevokeReason,
	}
}

func insertGrant(ctx context.Context, tx db.Tx, g WatchGrant, mac string) error {
	r := grantRow{
		ID: g.ID, SubjectKind: g.SubjectKind, SubjectID: g.SubjectID, SubjectName: g.SubjectName, Prefixes: strings.Join(g.Prefixes, ","), Tags: strings.Join(g.Tags, ","),
		Acts: strings.Join(g.Acts, ","), PassOn: g.PassOn, FromAt: g.From, ToAt: g.To, Reason: g.Reason, ParentID: g.ParentID, RegionCode: g.Prefixes[0],
		GrantedBy: g.GrantedBy, GrantedName: g.GrantedName, CreatedAt: g.CreatedAt, MAC: mac,
	}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("save a grant: %w", err)
	}
	return nil
}

// grantsOf loads what holds now for any of some subjects.
func grantsOf(ctx context.Context, idb bun.IDB, subjects []string, now clock.Stamp) ([]grantRow, error) {
	rows := []grantRow{}
	err := idb.NewSelect().Model(&rows).Where("g.subject_id IN (?) AND g.to_at > ? AND g.from_at <= ? AND g.revoked_at IS NULL", bun.List(subjects), now, now).Limit(500).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load grants: %w", err)
	}
	return rows, nil
}

func grantByID(ctx context.Context, tx db.Tx, id string) (grantRow, error) {
	var r grantRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("g.id = ?", id)).Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("视频授权")
	}
	if err != nil {
		return r, fmt.Errorf("load grant %s: %w", id, err)
	}
	return r, nil
}

func grantsBelow(ctx context.Context, tx db.Tx, id string) ([]WatchGrant, error) {
	rows := []grantRow{}
	if err := tx.NewSelect().Model(&rows).Where("g.parent_id = ? AND g.revoked_at IS NULL", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load what was passed on from grant %s: %w", id, err)
	}
	out := make([]WatchGrant, len(rows))
	for i := range rows {
		out[i] = rows[i].grant()
	}
	return out, nil
}

func revokeGrant(ctx context.Context, tx db.Tx, id string, now clock.Stamp, by, reason, mac string) error {
	_, err := tx.NewUpdate().Model((*grantRow)(nil)).Set("revoked_at = ?", now).Set("revoked_by = ?", by).Set("revoke_reason = ?", reason).Set("mac = ?", mac).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("revoke grant %s: %w", id, err)
	}
	return nil
}

// listGrants lists what the actor gave or has, and those of the regions where
// they may hand out.
func listGrants(ctx context.Context, idb bun.IDB, who access.Actor, state string, now clock.Stamp, p httpx.Paging) ([]grantRow, int64, error) {
	rows := []grantRow{}
	subjects := append([]string{"-", who.ID, who.OrgID}, who.Roles...)
	q := idb.NewSelect().Model(&rows).WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("g.granted_by = ?", who.ID).WhereOr("g.subject_id IN (?)", bun.List(subjects))
		for _, prefix := range who.ScopeFor(access.CameraGrant).Prefixes {
			q = q.WhereOr("g.region_code LIKE ?", prefix+"%")
		}
		return q
	})
	switch state {
	case "active":
		q = q.Where("g.revoked_at IS NULL AND g.to_at > ? AND g.from_at <= ?", now, now)
	case "ended":
		q = q.Where("g.revoked_at IS NULL AND g.to_at <= ?", now)
	case "revoked":
		q = q.Where("g.revoked_at IS NOT NULL")
	}
	if p.Q != "" {
		q = q.Where("g.subject_name LIKE ? ESCAPE '!'", db.Contains(p.Q))
	}
	n, err := q.OrderExpr("g.created_at DESC, g.id DESC").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list grants: %w", err)
	}
	return rows, int64(n), nil
}
