package orders

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type ruleRow struct {
	bun.BaseModel `bun:"table:order_rules,alias:r"`

	ID              string `bun:",pk"`
	Kind            string
	Name            string
	Version         int
	MergeHours      int64
	WarnDistanceM   float64 `bun:"warn_distance_m"`
	UrgeMinutes     int64
	EffectiveFromAt clock.Stamp
	EffectiveToAt   *clock.Stamp
	Source          string
	Verified        int
	MadeBy          string
	MadeAt          clock.Stamp
}

func (r *ruleRow) rule() HandlingRule {
	return HandlingRule{
		ID: r.ID, Kind: r.Kind, Name: r.Name, Version: r.Version, MergeHours: r.MergeHours, WarnDistanceM: r.WarnDistanceM,
		UrgeMinutes: r.UrgeMinutes, EffectiveFrom: r.EffectiveFromAt, EffectiveTo: r.EffectiveToAt, Source: r.Source,
		Verified: r.Verified == 1, MadeBy: r.MadeBy, MadeAt: r.MadeAt,
	}
}

// ruleFor gives the newest rule in force for a kind; one of its own goes
// before the common one.
func ruleFor(ctx context.Context, idb bun.IDB, kind string, now time.Time) (HandlingRule, error) {
	var r ruleRow
	at := clock.At(now)
	err := idb.NewSelect().Model(&r).Where("r.kind IN (?)", bun.List([]string{kind, "*"})).
		Where("r.effective_from_at <= ? AND (r.effective_to_at IS NULL OR r.effective_to_at > ?)", at, at).
		OrderExpr("CASE WHEN r.kind = '*' THEN 1 ELSE 0 END, r.version DESC").Limit(1).Scan(ctx)
	if err != nil {
		return HandlingRule{}, fmt.Errorf("find the rule for %s orders: %w", kind, err)
	}
	return r.rule(), nil
}

// ruleByID gives the version that an order started with.
func ruleByID(ctx context.Context, idb bun.IDB, id string) (HandlingRule, error) {
	var r ruleRow
	if err := idb.NewSelect().Model(&r).Where("r.id = ?", id).Scan(ctx); err != nil {
		return HandlingRule{}, fmt.Errorf("load rule %s: %w", id, err)
	}
	return r.rule(), nil
}

func listRules(ctx context.Context, idb bun.IDB) ([]HandlingRule, error) {
	rows := []ruleRow{}
	if err := idb.NewSelect().Model(&rows).Order("r.kind", "r.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list order rules: %w", err)
	}
	out := make([]HandlingRule, len(rows))
	for i := range rows {
		out[i] = rows[i].rule()
	}
	return out, nil
}

// addRule stores a new version and ends the one before it.
func addRule(ctx context.Context, tx db.Tx, r HandlingRule) error {
	row := ruleRow{
		ID: r.ID, Kind: r.Kind, Name: r.Name, Version: r.Version, MergeHours: r.MergeHours, WarnDistanceM: r.WarnDistanceM,
		UrgeMinutes: r.UrgeMinutes, EffectiveFromAt: r.EffectiveFrom, Source: r.Source, MadeBy: r.MadeBy, MadeAt: r.MadeAt,
	}
	if r.Verified {
		row.Verified = 1
	}
	_, err := tx.NewUpdate().Model((*ruleRow)(nil)).Set("effective_to_at = ?", r.EffectiveFrom).
		Where("kind = ? AND (effective_to_at IS NULL OR effective_to_at > ?)", r.Kind, r.EffectiveFrom).Exec(ctx)
	if err == nil {
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
	}
	if err != nil {
		return fmt.Errorf("add order rule: %w", err)
	}
	return nil
}

// lastVersion gives the number of a kind's newest rule, 0 without one.
func lastVersion(ctx context.Context, tx db.Tx, kind string) (int, error) {
	n := 0
	err := tx.NewSelect().Model((*ruleRow)(nil)).ColumnExpr("COALESCE(MAX(r.version), 0)").Where("r.kind = ?", kind).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("number order rule: %w", err)
	}
	return n, nil
}

type areaRow struct {
	bun.BaseModel `bun:"table:order_areas,alias:a"`

	ID                       string `bun:",pk"`
	SquadOrgID               string
	Name                     string
	Ring                     string // JSON
	West, South, East, North float64
	MadeBy                   string
	MadeAt                   clock.Stamp
}

func (r *areaRow) area() (SquadArea, error) {
	a := SquadArea{ID: r.ID, SquadOrgID: r.SquadOrgID, Name: r.Name, MadeAt: r.MadeAt}
	if err := json.Unmarshal([]byte(r.Ring), &a.Ring); err != nil {
		return a, fmt.Errorf("read area %s: %w", r.Name, err)
	}
	return a, nil
}

// areasAround reads the areas whose box, widened by some degrees, holds a
// place.
func areasAround(ctx context.Context, idb bun.IDB, lng, lat, wide float64) ([]SquadArea, error) {
	rows := []areaRow{}
	err := idb.NewSelect().Model(&rows).Where("a.west <= ? AND a.east >= ? AND a.south <= ? AND a.north >= ?", lng+wide, lng-wide, lat+wide, lat-wide).
		Order("a.id").Limit(200).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("find areas: %w", err)
	}
	return areas(rows)
}

func listAreas(ctx context.Context, idb bun.IDB) ([]SquadArea, error) {
	rows := []areaRow{}
	if err := idb.NewSelect().Model(&rows).Order("a.name", "a.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list areas: %w", err)
	}
	return areas(rows)
}

func areas(rows []areaRow) ([]SquadArea, error) {
	out := make([]SquadArea, 0, len(rows))
	for i := range rows {
		a, err := rows[i].area()
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// replaceAreas puts areas in place of those of the same squads.
func replaceAreas(ctx context.Context, tx db.Tx, list []SquadArea, by string) error {
	squads := []string{}
	rows := make([]areaRow, 0, len(list))
	for _, a := range list {
		b, err := json.Marshal(a.Ring)
		if err != nil {
			return fmt.Errorf("store area %s: %w", a.Name, err)
		}
		w, s, e, n := a.Ring.box()
		rows = append(rows, areaRow{ID: a.ID, SquadOrgID: a.SquadOrgID, Name: a.Name, Ring: string(b), West: w, South: s, East: e, North: n, MadeBy: by, MadeAt: a.MadeAt})
		squads = append(squads, a.SquadOrgID)
	}
	if _, err := tx.NewDelete().Model((*areaRow)(nil)).Where("squad_org_id IN (?)", bun.List(squads)).Exec(ctx); err != nil {
		return fmt.Errorf("replace areas: %w", err)
	}
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return fmt.Errorf("store areas: %w", err)
	}
	return nil
}

// dropArea takes one area out; false when it is not there.
func dropArea(ctx context.Context, tx db.Tx, id string) (SquadArea, bool, error) {
	var r areaRow
	err := tx.NewSelect().Model(&r).Where("a.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return SquadArea{}, false, nil
	}
	if err == nil {
		_, err = tx.NewDelete().Model((*areaRow)(nil)).Where("id = ?", id).Exec(ctx)
	}
	if err != nil {
		return SquadArea{}, false, fmt.Errorf("drop area: %w", err)
	}
	a, err := r.area()
	return a, true, err
}

type filterRow struct {
	bun.BaseModel `bun:"table:order_filters,alias:f"`

	ID       string `bun:",pk"`
	PersonID string
	Name     string
	Query    string // JSON
	MadeAt   clock.Stamp
}

func savedOf(ctx context.Context, idb bun.IDB, person string) ([]SavedFilter, error) {
	rows := []filterRow{}
	if err := idb.NewSelect().Model(&rows).Where("f.person_id = ?", person).Order("f.made_at", "f.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list saved filters: %w", err)
	}
	out := make([]SavedFilter, 0, len(rows))
	for i := range rows {
		x := SavedFilter{ID: rows[i].ID, Name: rows[i].Name}
		if err := json.Unmarshal([]byte(rows[i].Query), &x.Query); err != nil {
			return nil, fmt.Errorf("read saved filter %s: %w", x.Name, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// putSaved stores a filter; one of the same name is replaced.
func putSaved(ctx context.Context, tx db.Tx, person string, x SavedFilter) error {
	b, err := json.Marshal(x.Query)
	if err != nil {
		return fmt.Errorf("save filter: %w", err)
	}
	r := filterRow{ID: x.ID, PersonID: person, Name: x.Name, Query: string(b), MadeAt: clock.At(tx.Now())}
	if _, err := tx.NewInsert().Model(&r).On("CONFLICT (person_id, name) DO UPDATE").Set("query = EXCLUDED.query").Exec(ctx); err != nil {
		return fmt.Errorf("save filter: %w", err)
	}
	return nil
}

func dropSaved(ctx context.Context, tx db.Tx, person, id string) error {
	if _, err := tx.NewDelete().Model((*filterRow)(nil)).Where("person_id = ? AND id = ?", person, id).Exec(ctx); err != nil {
		return fmt.Errorf("drop saved filter: %w", err)
	}
	return nil
}
