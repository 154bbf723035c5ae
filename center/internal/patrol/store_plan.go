package patrol

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

type reader = bun.IDB

type planRow struct {
	bun.BaseModel `bun:"table:patrol_plans,alias:p"`

	ID         string `bun:",pk"`
	Name       string
	Kind       Kind
	State      PlanState
	RegionCode string
	OrgMode    OrgMode
	OrgID      string
	OrgName    string
	Body       string
	Version    int
	Seed       string
	Search     string
	FromYMD    int `bun:"from_ymd"`
	ToYMD      int `bun:"to_ymd"`
	Cameras    int
	MadeToAt   clock.Stamp
	NextAt     *clock.Stamp
	CreatedBy  string
	CreatedAt  clock.Stamp
	UpdatedBy  string
	UpdatedAt  clock.Stamp
	Rev        int64
}

func (r *planRow) plan() (Plan, error) {
	p := Plan{
		ID: r.ID, State: r.State, RegionCode: r.RegionCode, OrgName: r.OrgName, Version: r.Version, Cameras: r.Cameras, NextAt: r.NextAt,
		MadeToAt: r.MadeToAt, CreatedBy: r.CreatedBy, CreatedAt: r.CreatedAt, UpdatedBy: r.UpdatedBy, UpdatedAt: r.UpdatedAt, Rev: r.Rev, seed: r.Seed,
	}
	if err := json.Unmarshal([]byte(r.Body), &p.Content); err != nil {
		return p, fmt.Errorf("read plan %s: %w", r.ID, err)
	}
	return p, nil
}

func rowOfPlan(p Plan) (*planRow, error) {
	body, err := json.Marshal(p.Content)
	if err != nil {
		return nil, fmt.Errorf("write plan %s: %w", p.ID, err)
	}
	c := p.Content
	return &planRow{
		ID: p.ID, Name: c.Name, Kind: c.Kind, State: p.State, RegionCode: p.RegionCode, OrgMode: c.OrgMode, OrgID: c.OrgID, OrgName: p.OrgName,
		Body: string(body), Version: p.Version, Seed: p.seed, Search: strings.ToLower(c.Name + " " + p.OrgName + " " + strings.Join(c.Scope.Roads, " ")),
		FromYMD: dayInt(c.From), ToYMD: dayInt(c.To), Cameras: p.Cameras, MadeToAt: p.MadeToAt, NextAt: p.NextAt,
		CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, UpdatedBy: p.UpdatedBy, UpdatedAt: p.UpdatedAt, Rev: p.Rev,
	}, nil
}

// seesPlans narrows a query to the plans that the actor may see: those of the
// scope and those that are the work of the actor's own unit.
func seesPlans(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	if who.Scope.All {
		return q
	}
	return q.WhereGroup(" AND ", func(q *bun.SelectQuery) *bun.SelectQuery {
		q = who.Scope.Filter(q, "p.region_code")
		if who.OrgID != "" {
			q = q.WhereOr("p.org_id = ?", who.OrgID)
		}
		return q
	})
}

func getPlan(ctx context.Context, idb reader, who access.Actor, id string) (Plan, error) {
	var r planRow
	err := seesPlans(idb.NewSelect().Model(&r).Where("p.id = ?", id), who).Scan(ctx)
	if db.NoRows(err) {
		return Plan{}, errs.NotFound("计划")
	}
	if err != nil {
		return Plan{}, fmt.Errorf("load plan %s: %w", id, err)
	}
	return r.plan()
}

// lockPlan loads a plan and holds it until the transaction ends.
func lockPlan(ctx context.Context, tx db.Tx, id string) (Plan, bool, error) {
	var r planRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("p.id = ?", id)).Scan(ctx)
	if db.NoRows(err) {
		return Plan{}, false, nil
	}
	if err != nil {
		return Plan{}, false, fmt.Errorf("lock plan %s: %w", id, err)
	}
	p, err := r.plan()
	return p, err == nil, err
}

func insertPlan(ctx context.Context, tx db.Tx, p Plan) error {
	r, err := rowOfPlan(p)
	if err != nil {
		return err
	}
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("store plan: %w", err)
	}
	return nil
}

// updatePlan writes a plan over the revision that was read; false when
// somebody else was faster.
func updatePlan(ctx context.Context, tx db.Tx, p Plan) (bool, error) {
	r, err := rowOfPlan(p)
	if err != nil {
		return false, err
	}
	old := r.Rev
	r.Rev++
	res, err := tx.NewUpdate().Model(r).WherePK().Where("rev = ?", old).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("save plan %s: %w", p.ID, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// notePlan writes what the machinery knows of a plan; it is no change that
// people could collide with.
func notePlan(ctx context.Context, tx db.Tx, p Plan) error {
	_, err := tx.NewUpdate().Model((*planRow)(nil)).Set("made_to_at = ?", p.MadeToAt).Set("next_at = ?", p.NextAt).Set("cameras = ?", p.Cameras).
		Set("state = ?", p.State).Where("id = ?", p.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the runs of plan %s: %w", p.ID, err)
	}
	return nil
}

type versionRow struct {
	bun.BaseModel `bun:"table:patrol_versions,alias:v"`

	PlanID  string `bun:",pk"`
	Version int    `bun:",pk"`
	Name    string
	Body    string
	Reason  string
	MadeBy  string
	MadeAt  clock.Stamp
}

// Version is one version of a plan.
type Version struct {
	Version int
	Content Content
	Reason  string
	MadeBy  string
	MadeAt  clock.Stamp
}

func insertVersion(ctx context.Context, tx db.Tx, p Plan, reason string) error {
	body, err := json.Marshal(p.Content)
	if err != nil {
		return fmt.Errorf("write plan version: %w", err)
	}
	r := versionRow{PlanID: p.ID, Version: p.Version, Name: p.Content.Name, Body: string(body), Reason: reason, MadeBy: p.UpdatedBy, MadeAt: p.UpdatedAt}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("store plan version: %w", err)
	}
	return nil
}

func versionsOf(ctx context.Context, idb reader, plan string) ([]Version, error) {
	rows := []versionRow{}
	if err := idb.NewSelect().Model(&rows).Where("v.plan_id = ?", plan).Order("v.version DESC").Limit(200).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read plan versions: %w", err)
	}
	out := make([]Version, len(rows))
	for i, r := range rows {
		out[i] = Version{Version: r.Version, Reason: r.Reason, MadeBy: r.MadeBy, MadeAt: r.MadeAt}
		if err := json.Unmarshal([]byte(r.Body), &out[i].Content); err != nil {
			return nil, fmt.Errorf("read version %d of plan %s: %w", r.Version, plan, err)
		}
	}
	return out, nil
}

// PlanFilter narrows the list of plans.
type PlanFilter struct {
	Kind   Kind
	States []PlanState
	Org    string
	Region string // a prefix of region codes
	Q      string
}

func (f PlanFilter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = seesPlans(q, who)
	if f.Kind != "" {
		q = q.Where("p.kind = ?", f.Kind)
	}
	if len(f.States) > 0 {
		q = q.Where("p.state IN (?)", bun.List(f.States))
	}
	if f.Org != "" {
		q = q.Where("p.org_id = ?", f.Org)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "p.region_code")
	}
	if f.Q != "" {
		q = q.Where("p.search LIKE ? ESCAPE '!'", db.Contains(strings.ToLower(f.Q)))
	}
	return q
}

func listPlans(ctx context.Context, idb reader, who access.Actor, f PlanFilter, p httpx.Paging) ([]Plan, int64, error) {
	order, err := p.Order(map[string]string{"name": "p.name", "nextAt": "p.next_at", "org": "p.org_name", "updatedAt": "p.updated_at", "cameras": "p.cameras"},
		"CASE WHEN p.next_at IS NULL THEN 1 ELSE 0 END, p.next_at, p.updated_at DESC")
	if err != nil {
		return nil, 0, err
	}
	total, err := f.apply(idb.NewSelect().Model((*planRow)(nil)), who).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count plans: %w", err)
	}
	rows := []planRow{}
	err = f.apply(idb.NewSelect().Model(&rows), who).OrderExpr("?, p.id", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list plans: %w", err)
	}
	out, err := plansOf(rows)
	return out, total, err
}

func plansOf(rows []planRow) ([]Plan, error) {
	out := make([]Plan, len(rows))
	for i := range rows {
		p, err := rows[i].plan()
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// visiblePlans reads the plans in force that the actor may see, for the
// calendar; the nearest first.
func visiblePlans(ctx context.Context, idb reader, who access.Actor, limit int64) ([]Plan, error) {
	rows := []planRow{}
	err := seesPlans(idb.NewSelect().Model(&rows).Where("p.state = ?", Enabled), who).OrderExpr("p.next_at, p.id").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list plans in force: %w", err)
	}
	return plansOf(rows)
}

// enabledPlans reads plans in force a part at a time, by id.
func enabledPlans(ctx context.Context, idb reader, after string, limit int64) ([]Plan, error) {
	rows := []planRow{}
	err := idb.NewSelect().Model(&rows).Where("p.state = ? AND p.id > ?", Enabled, after).Order("p.id").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("list enabled plans: %w", err)
	}
	return plansOf(rows)
}

func plansByID(ctx context.Context, idb reader, ids []string) ([]Plan, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows := []planRow{}
	if err := idb.NewSelect().Model(&rows).Where("p.id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read plans: %w", err)
	}
	return plansOf(rows)
}

func countPlans(ctx context.Context, idb reader, who access.Actor) (map[PlanState]int64, error) {
	rows := []struct {
		State PlanState
		N     int64
	}{}
	err := seesPlans(idb.NewSelect().TableExpr("patrol_plans AS p"), who).ColumnExpr("p.state AS state, COUNT(*) AS n").GroupExpr("p.state").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("count plans: %w", err)
	}
	out := map[PlanState]int64{}
	for _, r := range rows {
		out[r.State] = r.N
	}
	return out, nil
}

type planCameraRow struct {
	bun.BaseModel `bun:"table:patrol_plan_cameras,alias:c"`

	PlanID   string `bun:",pk"`
	CameraID string `bun:",pk"`
	BoxID    string
}

// setPlanCameras notes which cameras a plan has, in place of what it had.
func setPlanCameras(ctx context.Context, tx db.Tx, plan string, spots []Spot) (int, error) {
	if _, err := tx.NewDelete().Model((*planCameraRow)(nil)).Where("plan_id = ?", plan).Exec(ctx); err != nil {
		return 0, fmt.Errorf("note the cameras of plan %s: %w", plan, err)
	}
	seen := map[string]bool{}
	rows := []planCameraRow{}
	for _, s := range spots {
		if !seen[s.CameraID] {
			seen[s.CameraID] = true
			rows = append(rows, planCameraRow{PlanID: plan, CameraID: s.CameraID, BoxID: s.BoxID})
		}
	}
	if err := db.InsertAll(ctx, tx, rows, ""); err != nil {
		return 0, fmt.Errorf("note the cameras of plan %s: %w", plan, err)
	}
	return len(rows), nil
}

// shared counts the cameras that plans have in common with a list.
func sharedCameras(ctx context.Context, idb reader, except string, cameras []string) (map[string]int, error) {
	out := map[string]int{}
	for i := 0; i < len(cameras); i += 500 {
		rows := []struct {
			PlanID string
			N      int
		}{}
		err := idb.NewSelect().TableExpr("patrol_plan_cameras AS c").ColumnExpr("c.plan_id AS plan_id, COUNT(*) AS n").
			Where("c.camera_id IN (?) AND c.plan_id <> ?", bun.List(cameras[i:min(i+500, len(cameras))]), except).GroupExpr("c.plan_id").Scan(ctx, &rows)
		if err != nil {
			return nil, fmt.Errorf("find plans with the same cameras: %w", err)
		}
		for _, r := range rows {
			out[r.PlanID] += r.N
		}
	}
	return out, nil
}

// camerasOnBoxes counts the cameras that other plans have on boxes.
func camerasOnBoxes(ctx context.Context, idb reader, except string, boxes []string) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	if len(boxes) == 0 {
		return out, nil
	}
	rows := []struct {
		PlanID, BoxID string
		N             int
	}{}
	err := idb.NewSelect().TableExpr("patrol_plan_cameras AS c").ColumnExpr("c.plan_id AS plan_id, c.box_id AS box_id, COUNT(*) AS n").
		Where("c.box_id IN (?) AND c.plan_id <> ?", bun.List(boxes), except).GroupExpr("c.plan_id, c.box_id").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("find plans on the same boxes: %w", err)
	}
	for _, r := range rows {
		if out[r.PlanID] == nil {
			out[r.PlanID] = map[string]int{}
		}
		out[r.PlanID][r.BoxID] = r.N
	}
	return out, nil
}
