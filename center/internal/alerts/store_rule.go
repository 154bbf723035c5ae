package alerts

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

type ruleRow struct {
	bun.BaseModel `bun:"table:alert_rules,alias:r"`

	ID              string `bun:",pk"`
	Kind            string
	CameraID        string
	CameraName      string
	RegionCode      string
	Version         int
	AutoScore       float64
	MergeMinutes    int
	NearestM        float64 `bun:"nearest_m"`
	EffectiveFromAt clock.Stamp
	EffectiveToAt   *clock.Stamp
	Reason          string
	MadeBy          string
	MadeName        string
	MadeAt          clock.Stamp
}

func (r ruleRow) rule() Rule {
	return Rule{
		ID: r.ID, Kind: r.Kind, CameraID: r.CameraID, CameraName: r.CameraName, RegionCode: r.RegionCode, Version: r.Version,
		AutoScore: r.AutoScore, MergeMinutes: r.MergeMinutes, NearestM: r.NearestM, FromAt: r.EffectiveFromAt, ToAt: r.EffectiveToAt,
		Reason: r.Reason, MadeBy: r.MadeBy, MadeName: r.MadeName, MadeAt: r.MadeAt,
	}
}

// rulesFor loads the rules in force for cameras.
func rulesFor(ctx context.Context, idb bun.IDB, cameras []string, at clock.Stamp) (Rules, error) {
	list := slices.Compact(slices.Sorted(slices.Values(append([]string{""}, cameras...))))
	rows := []ruleRow{}
	err := idb.NewSelect().Model(&rows).Where("r.camera_id IN (?)", bun.List(list)).
		Where("r.effective_from_at <= ? AND (r.effective_to_at IS NULL OR r.effective_to_at > ?)", at, at).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("load alert rules: %w", err)
	}
	return rulesOf(rows), nil
}

func rulesOf(rows []ruleRow) Rules {
	out := make(Rules, len(rows))
	for i, r := range rows {
		out[i] = r.rule()
	}
	return out
}

// rulesSeen lists every version that the actor may see: those for every
// camera, and those for cameras of the scope.
func rulesSeen(ctx context.Context, idb bun.IDB, who access.Actor, kind, camera string) (Rules, error) {
	rows := []ruleRow{}
	q := idb.NewSelect().Model(&rows).WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("r.camera_id = ''")
		for _, p := range who.Scope.Prefixes {
			q = q.WhereOr("r.region_code LIKE ? ESCAPE '!'", db.Starts(p))
		}
		return q
	})
	if kind != "" {
		q = q.Where("r.kind = ?", kind)
	}
	if camera != "" {
		q = q.Where("r.camera_id IN ('', ?)", camera)
	}
	if err := q.Order("r.camera_id", "r.kind", "r.version DESC").Limit(1000).Scan(ctx); err != nil {
		return nil, fmt.Errorf("list alert rules: %w", err)
	}
	return rulesOf(rows), nil
}

// ruleByID loads one version, for the page of a record.
func ruleByID(ctx context.Context, idb bun.IDB, id string) (*Rule, error) {
	if id == "" {
		return nil, nil
	}
	var r ruleRow
	err := idb.NewSelect().Model(&r).Where("r.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load alert rule: %w", err)
	}
	x := r.rule()
	return &x, nil
}

// lastVersion gives the newest version of a kind and camera.
func lastVersion(ctx context.Context, tx db.Tx, kind, camera string) (*Rule, error) {
	var r ruleRow
	err := tx.NewSelect().Model(&r).Where("r.kind = ? AND r.camera_id = ?", kind, camera).Order("r.version DESC").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load alert rule: %w", err)
	}
	x := r.rule()
	return &x, nil
}

// addRule stores a version and ends the one before it where it begins.
func addRule(ctx context.Context, tx db.Tx, r Rule) error {
	if err := endRules(ctx, tx, r.Kind, r.CameraID, r.FromAt); err != nil {
		return err
	}
	row := ruleRow{
		ID: r.ID, Kind: r.Kind, CameraID: r.CameraID, CameraName: r.CameraName, RegionCode: r.RegionCode, Version: r.Version,
		AutoScore: r.AutoScore, MergeMinutes: r.MergeMinutes, NearestM: r.NearestM, EffectiveFromAt: r.FromAt, EffectiveToAt: r.ToAt,
		Reason: r.Reason, MadeBy: r.MadeBy, MadeName: r.MadeName, MadeAt: r.MadeAt,
	}
	_, err := tx.NewInsert().Model(&row).Exec(ctx)
	if db.Duplicate(err) {
		return errs.Conflict("这条规则刚被别人改过，请刷新后再操作")
	}
	if err != nil {
		return fmt.Errorf("store alert rule: %w", err)
	}
	return nil
}

// endRules ends the versions that would count after a moment.
func endRules(ctx context.Context, tx db.Tx, kind, camera string, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*ruleRow)(nil)).Set("effective_to_at = CASE WHEN effective_from_at > ? THEN effective_from_at ELSE ? END", at, at).
		Where("kind = ? AND camera_id = ? AND (effective_to_at IS NULL OR effective_to_at > ?)", kind, camera, at).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end alert rule: %w", err)
	}
	return nil
}

type latestRow struct {
	bun.BaseModel `bun:"table:alert_latest,alias:l"`

	SpotKey string `bun:",pk"`
	AlertID string
}

// latestOf loads, by kind and spot, the records that a recognition may join,
// and holds their rows.
func latestOf(ctx context.Context, tx db.Tx, keys []string) (map[string]Alert, error) {
	out := map[string]Alert{}
	if len(keys) == 0 {
		return out, nil
	}
	links := []latestRow{}
	if err := tx.NewSelect().Model(&links).Where("l.spot_key IN (?)", bun.List(keys)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("look up the records of spots: %w", err)
	}
	if len(links) == 0 {
		return out, nil
	}
	ids := make([]string, len(links))
	for i, l := range links {
		ids[i] = l.AlertID
	}
	rows := []itemRow{}
	q := tx.NewSelect().Model(&rows).Where("a.id IN (?)", bun.List(ids)).Order("a.id")
	if err := db.ForUpdate(tx, q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("load the records of spots: %w", err)
	}
	byID := map[string]Alert{}
	for i := range rows {
		byID[rows[i].ID] = rows[i].alert()
	}
	for _, l := range links {
		if a, ok := byID[l.AlertID]; ok {
			out[l.SpotKey] = a
		}
	}
	return out, nil
}

func setLatest(ctx context.Context, tx db.Tx, rows []latestRow) error {
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b latestRow) int { return strings.Compare(a.SpotKey, b.SpotKey) })
	_, err := tx.NewInsert().Model(&rows).On("CONFLICT (spot_key) DO UPDATE").Set("alert_id = EXCLUDED.alert_id").Exec(ctx)
	if err != nil {
		return fmt.Errorf("store the records of spots: %w", err)
	}
	return nil
}

type joinRow struct {
	bun.BaseModel `bun:"table:alert_joins,alias:j"`

	EdgeID  string `bun:",pk"`
	EventID string `bun:",pk"`
	AlertID string
	MadeAt  clock.Stamp
}

// joinedEvents tells which events went into the record of another one.
func joinedEvents(ctx context.Context, tx db.Tx, edge string, events []string) (map[string]bool, error) {
	ids := []string{}
	err := tx.NewSelect().Model((*joinRow)(nil)).Column("j.event_id").Where("j.edge_id = ? AND j.event_id IN (?)", edge, bun.List(events)).Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("look up joined events: %w", err)
	}
	out := map[string]bool{}
	for _, id := range ids {
		out[id] = true
	}
	return out, nil
}

func addJoins(ctx context.Context, tx db.Tx, rows []joinRow) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i].MadeAt = clock.At(tx.Now())
	}
	if _, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx); err != nil {
		return fmt.Errorf("store joined events: %w", err)
	}
	return nil
}

// joinedTo lists the events that went into a record.
func joinedTo(ctx context.Context, idb bun.IDB, alert string) ([]string, error) {
	out := []string{}
	err := idb.NewSelect().Model((*joinRow)(nil)).Column("j.event_id").Where("j.alert_id = ?", alert).Order("j.event_id").Limit(500).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("list joined events: %w", err)
	}
	return out, nil
}
