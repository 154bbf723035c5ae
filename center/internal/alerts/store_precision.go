package alerts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// tally counts a decision in the precision of its month, or takes it back.
func tally(ctx context.Context, tx db.Tx, before, after Alert) error {
	was, is := before.Outcome(), after.Outcome()
	if was == is {
		return nil
	}
	var right, wrong int64
	for _, x := range []struct {
		o Outcome
		d int64
	}{{was, -1}, {is, 1}} {
		switch x.o {
		case OutcomeRight:
			right += x.d
		case OutcomeWrong:
			wrong += x.d
		}
	}
	ym, bucket := clock.YMD(after.ReceivedAt.Time())/100, bucketOf(after.Score)
	_, err := tx.NewRaw(`INSERT INTO alert_precision (ym, region_code, seen_kind, bucket, right_n, wrong_n) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (ym, seen_kind, region_code, bucket) DO UPDATE SET right_n = alert_precision.right_n + EXCLUDED.right_n, wrong_n = alert_precision.wrong_n + EXCLUDED.wrong_n`,
		ym, after.RegionCode, after.SeenKind, bucket, right, wrong).Exec(ctx)
	if err != nil {
		return fmt.Errorf("count the decision: %w", err)
	}
	_, err = tx.NewRaw(`INSERT INTO alert_precision_cameras (ym, camera_id, seen_kind, bucket, region_code, camera_name, right_n, wrong_n) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (camera_id, ym, seen_kind, bucket) DO UPDATE SET right_n = alert_precision_cameras.right_n + EXCLUDED.right_n, wrong_n = alert_precision_cameras.wrong_n + EXCLUDED.wrong_n`,
		ym, after.CameraID, after.SeenKind, bucket, after.RegionCode, after.CameraName, right, wrong).Exec(ctx)
	if err != nil {
		return fmt.Errorf("count the decision of the camera: %w", err)
	}
	return nil
}

// PrecisionFilter narrows the statistics; months are inclusive, as 202611.
type PrecisionFilter struct {
	From, To int
	Kind     string
	Region   string
	Camera   string
}

// check refuses months that are none.
func (f PrecisionFilter) check() error {
	for _, m := range []int{f.From, f.To} {
		if m < 202001 || m > 210012 || m%100 < 1 || m%100 > 12 {
			return errs.Invalidf("from", "月份应写成 202611 这样的六位数字")
		}
	}
	if f.From > f.To || f.To/100*12+f.To%100-f.From/100*12-f.From%100 >= 36 {
		return errs.Invalidf("to", "月份范围应先早后晚，不超过 36 个月")
	}
	return nil
}

// Precision is how often a kind's recognitions in a bucket of scores were
// right.
type Precision struct {
	Kind   string `bun:"seen_kind" json:"kind"`
	Bucket int    `json:"bucket" doc:"Score in twentieths, 0 to 19"`
	Right  int64  `bun:"right_n" json:"right"`
	Wrong  int64  `bun:"wrong_n" json:"wrong"`
}

func precision(ctx context.Context, idb bun.IDB, who access.Actor, f PrecisionFilter) ([]Precision, error) {
	out := []Precision{}
	table := "alert_precision AS p"
	if f.Camera != "" {
		table = "alert_precision_cameras AS p"
	}
	q := f.apply(idb.NewSelect().TableExpr(table), who).ColumnExpr("p.seen_kind, p.bucket, SUM(p.right_n) AS right_n, SUM(p.wrong_n) AS wrong_n").
		Group("p.seen_kind", "p.bucket").Having("SUM(p.right_n) + SUM(p.wrong_n) > 0").Order("p.seen_kind", "p.bucket")
	if err := q.Scan(ctx, &out); err != nil {
		return nil, fmt.Errorf("read precision: %w", err)
	}
	return out, nil
}

func (f PrecisionFilter) apply(q *bun.SelectQuery, who access.Actor) *bun.SelectQuery {
	q = who.Scope.Filter(q, "p.region_code").Where("p.ym >= ? AND p.ym <= ?", f.From, f.To)
	if f.Kind != "" {
		q = q.Where("p.seen_kind = ?", f.Kind)
	}
	if f.Region != "" {
		q = access.Scope{Prefixes: []string{f.Region}}.Filter(q, "p.region_code")
	}
	if f.Camera != "" {
		q = q.Where("p.camera_id = ?", f.Camera)
	}
	return q
}

// CameraPrecision is how often a camera's recognitions of a kind were right.
type CameraPrecision struct {
	CameraID   string `json:"cameraId"`
	CameraName string `json:"cameraName"`
	Kind       string `bun:"seen_kind" json:"kind"`
	Right      int64  `bun:"right_n" json:"right"`
	Wrong      int64  `bun:"wrong_n" json:"wrong"`
}

// worst lists the cameras that were wrong most often.
func worst(ctx context.Context, idb bun.IDB, who access.Actor, f PrecisionFilter) ([]CameraPrecision, error) {
	out := []CameraPrecision{}
	inner := f.apply(idb.NewSelect().TableExpr("alert_precision_cameras AS p"), who).
		ColumnExpr("p.camera_id, p.seen_kind, SUM(p.right_n) AS right_n, SUM(p.wrong_n) AS wrong_n").
		Group("p.camera_id", "p.seen_kind").Having("SUM(p.wrong_n) > 0").OrderExpr("SUM(p.wrong_n) DESC, p.camera_id, p.seen_kind").Limit(50)
	err := idb.NewSelect().TableExpr("(?) AS x", inner).ColumnExpr("x.*").
		ColumnExpr("(SELECT MAX(c.camera_name) FROM alert_precision_cameras AS c WHERE c.camera_id = x.camera_id) AS camera_name").
		OrderExpr("x.wrong_n DESC, x.camera_id, x.seen_kind").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("list the cameras by precision: %w", err)
	}
	return out, nil
}
