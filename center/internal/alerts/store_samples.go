package alerts

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/access"
)

// SampleCount is how many wrong recognitions of a kind a camera gave.
type SampleCount struct {
	CameraID   string `bun:"camera_id" json:"cameraId"`
	CameraName string `json:"cameraName"`
	Kind       string `json:"kind"`
	// False is what was nothing, Corrected what was something else.
	False     int64 `bun:"false_n" json:"false"`
	Corrected int64 `bun:"corrected_n" json:"corrected"`
}

func sampleCounts(ctx context.Context, idb bun.IDB, who access.Actor, camera, kind string) ([]SampleCount, error) {
	out := []SampleCount{}
	q := idb.NewSelect().Model((*sampleRow)(nil)).ColumnExpr("s.camera_id, MAX(a.camera_name) AS camera_name, s.seen_kind AS kind").
		ColumnExpr("SUM(CASE WHEN s.label = 'none' THEN 1 ELSE 0 END) AS false_n, SUM(CASE WHEN s.label = 'none' THEN 0 ELSE 1 END) AS corrected_n").
		Join("JOIN alert_items AS a ON a.id = s.alert_id").Where("s.withdrawn_at IS NULL")
	if camera != "" {
		q = q.Where("s.camera_id = ?", camera)
	}
	if kind != "" {
		q = q.Where("s.seen_kind = ?", kind)
	}
	err := who.Scope.Filter(q, "s.region_code").GroupExpr("s.camera_id, s.seen_kind").OrderExpr("COUNT(*) DESC, s.camera_id, s.seen_kind").Limit(500).Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("count samples: %w", err)
	}
	return out, nil
}
