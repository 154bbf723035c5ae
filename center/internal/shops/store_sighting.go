package shops

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/shops/match"
)

type sightingRow struct {
	bun.BaseModel `bun:"table:shop_sightings,alias:s"`

	ID            string `bun:",pk"`
	ObservationID string
	Spot          string
	TaskID        string
	CameraID      string
	ZoneID        string
	RegionCode    string
	Road          string
	HouseNo       int64
	Address       string
	Lng, Lat      float64
	At            clock.Stamp
	YMD           int64 `bun:"ymd"`
	Looks         int64
	Text          string
	TextLines     string
	Confidence    float64
	GlyphPx       float64
	BoxVerdict    string
	Box           string
	Crop          string
	Frame         string
	Verdict       string
	ShopID        string
	ShopName      string
	Business      string
	Similarity    float64
	DistanceM     float64 `bun:"distance_m"`
	Result        string
	Rules         int64
	State         string
	Claimed       bool
	DecidedAt     *clock.Stamp
	DecidedBy     string
	OpID          string
	Rev           int64
}

// SightFilter narrows the ledger; a zero field does not.
type SightFilter struct {
	Region, Task, Camera, Shop, Road string
	Verdict, State, Q                string
	// Unclaimed lists what belongs to no shop yet.
	Unclaimed bool
	From, To  clock.Stamp
}

func (f SightFilter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q, "s.region_code")
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "s.region_code")
	}
	for _, x := range []struct{ column, value string }{
		{"task_id", f.Task}, {"camera_id", f.Camera}, {"shop_id", f.Shop}, {"road", f.Road}, {"verdict", f.Verdict}, {"state", f.State},
	} {
		if x.value != "" {
			q = q.Where("s.? = ?", bun.Ident(x.column), x.value)
		}
	}
	if f.Unclaimed {
		q = q.Where("s.claimed = FALSE")
	}
	if f.From != 0 {
		q = q.Where("s.at >= ?", f.From)
	}
	if f.To != 0 {
		q = q.Where("s.at < ?", f.To)
	}
	if f.Q != "" {
		q = q.Where("(s.text LIKE ? ESCAPE '!' OR s.shop_name LIKE ? ESCAPE '!' OR s.address LIKE ? ESCAPE '!')", db.Contains(f.Q), db.Contains(f.Q), db.Contains(f.Q))
	}
	return q
}

func listSightings(ctx context.Context, idb bun.IDB, who access.Actor, f SightFilter, p httpx.Paging) ([]sightingRow, int64, error) {
	order, err := p.Order(map[string]string{"at": "s.at", "road": "s.road", "similarity": "s.similarity", "confidence": "s.confidence"}, "s.at DESC")
	if err != nil {
		return nil, 0, err
	}
	if p.Offset()+p.Limit() > deepest {
		return nil, 0, errs.Invalidf("page", "只能翻到第 %d 条，请用筛选缩小范围", deepest)
	}
	rows, dir := []sightingRow{}, " ASC"
	if strings.HasSuffix(order, " DESC") {
		dir = " DESC"
	}
	if err := f.apply(idb.NewSelect().Model(&rows), who).OrderExpr("?, s.id"+dir, bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).Scan(ctx); err != nil {
		return nil, 0, fmt.Errorf("list sightings: %w", err)
	}
	if n := int64(len(rows)); n > 0 && n < p.Limit() {
		return rows, p.Offset() + n, nil
	}
	n, err := idb.NewSelect().TableExpr("(?) AS x", f.apply(idb.NewSelect().Model((*sightingRow)(nil)).ColumnExpr("1"), who).Limit(deepest+1)).Count(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("count sightings: %w", err)
	}
	return rows, int64(n), nil
}

// sightCounts counts the waiting ones by verdict.
func sightCounts(ctx context.Context, idb bun.IDB, who access.Actor, f SightFilter) (map[string]int64, error) {
	var rows []struct {
		Verdict string
		N       int64
	}
	if err := f.apply(idb.NewSelect().Model((*sightingRow)(nil)).ColumnExpr("s.verdict, COUNT(*) AS n"), who).GroupExpr("s.verdict").Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("count sightings: %w", err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		out[r.Verdict] = r.N
	}
	return out, nil
}

func eachSighting(ctx context.Context, idb bun.IDB, who access.Actor, f SightFilter, fn func(sightingRow) error) error {
	for after := ""; ; {
		rows := []sightingRow{}
		if err := f.apply(idb.NewSelect().Model(&rows), who).Where("s.id > ?", after).OrderExpr("s.id").Limit(1000).Scan(ctx); err != nil {
			return fmt.Errorf("read sightings: %w", err)
		}
		for _, r := range rows {
			if err := fn(r); err != nil {
				return err
			}
			after = r.ID
		}
		if len(rows) < 1000 {
			return nil
		}
	}
}

func sightingByID(ctx context.Context, idb bun.IDB, who access.Actor, id string) (sightingRow, error) {
	var r sightingRow
	err := who.Scope.Filter(idb.NewSelect().Model(&r).Where("s.id = ?", id), "s.region_code").Scan(ctx)
	if db.NoRows(err) {
		return r, errs.NotFound("排摸结果")
	}
	if err != nil {
		return r, fmt.Errorf("load sighting %s: %w", id, err)
	}
	return r, nil
}

func sightingAt(ctx context.Context, tx db.Tx, spot string) (sightingRow, bool, error) {
	var r sightingRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r)).Where("s.spot = ?", spot).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("look for the sighting: %w", err)
	}
	return r, true, nil
}

func insertSighting(ctx context.Context, tx db.Tx, r sightingRow) error {
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("keep sighting: %w", err)
	}
	return nil
}

// updateSighting writes a row when nobody else did since.
func updateSighting(ctx context.Context, tx db.Tx, r sightingRow) error {
	r.Rev++
	res, err := tx.NewUpdate().Model(&r).Where("s.id = ? AND s.rev = ?", r.ID, r.Rev-1).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save sighting %s: %w", r.ID, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return fmt.Errorf("save sighting %s: %w", r.ID, err)
	}
	if n == 0 {
		return errs.Conflict("这条排摸结果已被他人处理，请刷新")
	}
	return nil
}

type findingRow struct {
	bun.BaseModel `bun:"table:shop_findings,alias:f"`

	ID         string `bun:",pk"`
	Kind       string
	Point      string
	YMD        int64 `bun:"ymd"`
	SightingID string
	ShopID     string
	CameraID   string
	ZoneID     string
	RegionCode string
	Text       string
	Registered string
	At         clock.Stamp
	State      string
	AlertID    string
	OpID       string
}

// insertFinding tells whether it is the first of its day.
func insertFinding(ctx context.Context, tx db.Tx, r findingRow) (bool, error) {
	res, err := tx.NewInsert().Model(&r).On("CONFLICT (point, kind, ymd) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("keep finding: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

func findingsByID(ctx context.Context, tx db.Tx, ids []string) ([]findingRow, error) {
	rows := []findingRow{}
	if len(ids) == 0 {
		return rows, nil
	}
	if err := tx.NewSelect().Model(&rows).Where("f.id IN (?)", bun.List(ids)).OrderExpr("f.at DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("load findings: %w", err)
	}
	return rows, nil
}

func setFinding(ctx context.Context, tx db.Tx, id, state, alert string) error {
	_, err := tx.NewUpdate().Model((*findingRow)(nil)).Set("state = ?, alert_id = ?", state, alert).Where("f.id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save finding %s: %w", id, err)
	}
	return nil
}

type rulesRow struct {
	bun.BaseModel `bun:"table:shop_rules,alias:r"`

	Version int64 `bun:",pk"`
	Body    string
	Note    string
	At      clock.Stamp
	ByID    string
	ByName  string
}

func rulesRows(ctx context.Context, idb bun.IDB, limit int64) ([]rulesRow, error) {
	rows := []rulesRow{}
	if err := idb.NewSelect().Model(&rows).OrderExpr("r.version DESC").Limit(limit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read the rules of matching: %w", err)
	}
	return rows, nil
}

func insertRules(ctx context.Context, tx db.Tx, r rulesRow) error {
	_, err := tx.NewInsert().Model(&r).Exec(ctx)
	if db.Duplicate(err) {
		return errs.Conflict("规则刚被他人修改，请刷新后再改")
	}
	if err != nil {
		return fmt.Errorf("save the rules of matching: %w", err)
	}
	return nil
}

// recentSightings are the newest ones, for trying rules on.
func recentSightings(ctx context.Context, idb bun.IDB, who access.Actor, limit int64) ([]sightingRow, error) {
	rows := []sightingRow{}
	if err := (SightFilter{}).apply(idb.NewSelect().Model(&rows), who).OrderExpr("s.at DESC, s.id DESC").Limit(limit).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read sightings: %w", err)
	}
	return rows, nil
}

// placeOf is the name and address of a camera, for the ledger.
func placeOf(ctx context.Context, idb bun.IDB, camera string) (address string, err error) {
	var rows []struct{ Address string }
	if err := idb.NewSelect().TableExpr("v_directory_cameras AS c").ColumnExpr("c.address").Where("c.id = ?", camera).Scan(ctx, &rows); err != nil {
		return "", fmt.Errorf("look up camera %s: %w", camera, err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return rows[0].Address, nil
}

// reader is the database or a transaction.
type reader = bun.IDB

// Sighting is one line of the survey ledger.
type Sighting struct {
	ID         string         `json:"id"`
	TaskID     string         `json:"taskId"`
	CameraID   string         `json:"cameraId"`
	ZoneID     string         `json:"zoneId"`
	RegionCode string         `json:"regionCode"`
	Road       string         `json:"road"`
	HouseNo    int64          `json:"houseNo"`
	Address    string         `json:"address"`
	Lng        float64        `json:"lng"`
	Lat        float64        `json:"lat"`
	At         clock.Stamp    `json:"at"`
	Looks      int64          `json:"looks"`
	Text       string         `json:"text"`
	Lines      []string       `json:"lines"`
	Confidence float64        `json:"confidence"`
	GlyphPx    float64        `json:"glyphPx"`
	Box        edgev1.Box     `json:"box"`
	Crop       string         `json:"crop"`
	Frame      string         `json:"frame"`
	Verdict    string         `json:"verdict"`
	ShopID     string         `json:"shopId"`
	ShopName   string         `json:"shopName"`
	Business   string         `json:"business"`
	Similarity float64        `json:"similarity"`
	DistanceM  float64        `json:"distanceM"`
	Why        string         `json:"why"`
	Candidates []match.Scored `json:"candidates"`
	Rules      int64          `json:"rules"`
	State      string         `json:"state"`
	Claimed    bool           `json:"claimed"`
	DecidedAt  *clock.Stamp   `json:"decidedAt,omitempty"`
	DecidedBy  string         `json:"decidedBy"`
	OpID       string         `json:"opId"`
	Rev        int64          `json:"rev"`
}

func (r sightingRow) sighting() Sighting {
	res := fromJSON[match.Result](r.Result)
	out := Sighting{
		ID: r.ID, TaskID: r.TaskID, CameraID: r.CameraID, ZoneID: r.ZoneID, RegionCode: r.RegionCode, Road: r.Road, HouseNo: r.HouseNo, Address: r.Address, Lng: r.Lng, Lat: r.Lat,
		At: r.At, Looks: r.Looks, Text: r.Text, Lines: fromJSON[[]string](r.TextLines), Confidence: r.Confidence, GlyphPx: r.GlyphPx, Box: fromJSON[edgev1.Box](r.Box), Crop: r.Crop, Frame: r.Frame,
		Verdict: r.Verdict, ShopID: r.ShopID, ShopName: r.ShopName, Business: r.Business, Similarity: r.Similarity, DistanceM: r.DistanceM, Why: res.Why, Candidates: res.Candidates,
		Rules: r.Rules, State: r.State, Claimed: r.Claimed, DecidedAt: r.DecidedAt, DecidedBy: r.DecidedBy, OpID: r.OpID, Rev: r.Rev,
	}
	if out.Lines == nil {
		out.Lines = []string{}
	}
	if out.Candidates == nil {
		out.Candidates = []match.Scored{}
	}
	return out
}
