package orders

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Roles of an order's pictures.
const (
	photoAlert   = "alert"
	photoAfter   = "after"
	photoRecheck = "recheck"
	// photoOriginal is the untouched file behind a watermarked copy.
	photoOriginal = "original"
)

type photoRow struct {
	bun.BaseModel `bun:"table:order_photos,alias:p"`

	OrderID   string `bun:",pk"`
	SM3       string `bun:"sm3,pk"`
	Role      string `bun:",pk"`
	Original  string
	TakenAt   *clock.Stamp
	Lng, Lat  *float64
	AccuracyM *float64 `bun:"accuracy_m"`
	ExifAt    *clock.Stamp
	ExifLng   *float64
	ExifLat   *float64
	Device    string
}

// pictures makes rows of pictures about which nothing else is known.
func pictures(role string, sm3s []string) []photoRow {
	rows := make([]photoRow, 0, len(sm3s))
	for _, s := range sm3s {
		rows = append(rows, photoRow{SM3: s, Role: role})
	}
	return rows
}

// addPhotos stores pictures of an order, and the originals behind them, so
// that whoever sees the order may see both.
func addPhotos(ctx context.Context, tx db.Tx, order string, list []photoRow) error {
	rows := make([]photoRow, 0, 2*len(list))
	for _, r := range list {
		r.OrderID = order
		rows = append(rows, r)
		if r.Original != "" && r.Original != r.SM3 {
			rows = append(rows, photoRow{OrderID: order, SM3: r.Original, Role: photoOriginal})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("add pictures to order: %w", err)
	}
	return nil
}

// photosOf gives the pictures of one result in the order in which they were
// handed in.
func photosOf(ctx context.Context, idb bun.IDB, o Order, sm3s []string) ([]SitePhoto, error) {
	out := []SitePhoto{}
	if len(sm3s) == 0 {
		return out, nil
	}
	rows := []photoRow{}
	err := idb.NewSelect().Model(&rows).Where("p.order_id = ? AND p.role = ? AND p.sm3 IN (?)", o.ID, photoAfter, bun.List(sm3s)).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read pictures of order: %w", err)
	}
	by := map[string]*photoRow{}
	for i := range rows {
		by[rows[i].SM3] = &rows[i]
	}
	for _, s := range sm3s {
		if r := by[s]; r != nil {
			out = append(out, photoOf(*r, o))
		}
	}
	return out, nil
}

// picturesOf gives the digests of an order's pictures of a role.
func picturesOf(ctx context.Context, idb bun.IDB, order, role string) ([]string, error) {
	out := []string{}
	err := idb.NewSelect().Model((*photoRow)(nil)).Column("p.sm3").Where("p.order_id = ? AND p.role = ?", order, role).Order("p.sm3").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("list pictures of order: %w", err)
	}
	return out, nil
}

// seesBlob tells whether the picture belongs to an order that the actor sees.
func seesBlob(ctx context.Context, idb bun.IDB, who viewer, sm3 string) (bool, error) {
	q := idb.NewSelect().Model((*itemRow)(nil)).Join("JOIN order_photos AS p ON p.order_id = o.id").Where("p.sm3 = ?", sm3)
	ok, err := visible(q, who).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the picture's orders: %w", err)
	}
	return ok, nil
}

type proposalRow struct {
	bun.BaseModel `bun:"table:order_proposals,alias:p"`

	ID          string `bun:",pk"`
	OrderID     string
	Source      string
	SourceID    string
	Clean       int
	FoundAt     clock.Stamp
	Text        string
	Pictures    string // JSON
	State       string
	DecidedID   string
	DecidedName string
	DecidedAt   *clock.Stamp
}

func (r *proposalRow) proposal() OrderProposal {
	p := OrderProposal{
		ID: r.ID, Source: r.Source, Clean: r.Clean == 1, FoundAt: r.FoundAt, Text: r.Text, Pictures: []string{}, State: r.State,
		DecidedName: r.DecidedName, DecidedAt: r.DecidedAt,
	}
	// The column is written by this package only; an unreadable one shows no
	// picture rather than hiding the proposal.
	if json.Unmarshal([]byte(r.Pictures), &p.Pictures) != nil {
		p.Pictures = []string{}
	}
	return p
}

// addProposal stores what was found out; false when it is there already.
func addProposal(ctx context.Context, tx db.Tx, order, sourceID string, p OrderProposal) (bool, error) {
	b, err := json.Marshal(append([]string{}, p.Pictures...))
	if err != nil {
		return false, fmt.Errorf("add proposal: %w", err)
	}
	r := proposalRow{ID: p.ID, OrderID: order, Source: p.Source, SourceID: sourceID, FoundAt: p.FoundAt, Text: p.Text, Pictures: string(b), State: p.State}
	if p.Clean {
		r.Clean = 1
	}
	res, err := tx.NewInsert().Model(&r).On("CONFLICT (source, source_id) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("add proposal: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// proposalsOf lists what was found out about an order, newest first.
func proposalsOf(ctx context.Context, idb bun.IDB, order string) ([]OrderProposal, error) {
	rows := []proposalRow{}
	if err := idb.NewSelect().Model(&rows).Where("p.order_id = ?", order).Order("p.found_at DESC", "p.id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read proposals of order: %w", err)
	}
	out := make([]OrderProposal, len(rows))
	for i := range rows {
		out[i] = rows[i].proposal()
	}
	return out, nil
}

// pick says which of an order's open proposals are meant.
type pick struct {
	where string
	id    string
}

func every() pick           { return pick{"id <> ?", ""} }
func only(id string) pick   { return pick{"id = ?", id} }
func others(id string) pick { return pick{"id <> ?", id} }

// endProposals takes open proposals of an order off.
func endProposals(ctx context.Context, tx db.Tx, order string, which pick, state string, who viewer) error {
	_, err := tx.NewUpdate().Model((*proposalRow)(nil)).Set("state = ?", state).Set("decided_id = ?", who.ID).Set("decided_name = ?", who.Name).
		Set("decided_at = ?", clock.At(tx.Now())).Where("order_id = ? AND state = ?", order, proposalOpen).Where(which.where, which.id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end proposals of order: %w", err)
	}
	return nil
}
