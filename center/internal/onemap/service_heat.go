package onemap

import (
	"context"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

const (
	// heatKept is how many days back the heat reaches.
	heatKept = 400
	// heatAtOnce bounds the days of one run, so that a first run of a large
	// city takes several.
	heatAtOnce = 40
	// heatSpan bounds the days of one question.
	heatSpan = 92
)

// CountHeat counts today and yesterday again, and older days that were never
// counted.
func (s *Service) CountHeat(ctx context.Context) error {
	now := s.db.Now()
	since := clock.YMD(now.AddDate(0, 0, -heatKept))
	made, err := heatMade(ctx, s.db.Read(), since)
	if err != nil {
		return err
	}
	done := 0
	for back := range heatKept {
		ymd := clock.YMD(now.AddDate(0, 0, -back))
		if back > 1 && slices.Contains(made, ymd) {
			continue
		}
		if done++; done > heatAtOnce {
			return nil
		}
		rows, err := countHeat(ctx, s.db.Read(), ymd)
		if err != nil {
			return err
		}
		if err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return saveHeat(ctx, tx, ymd, rows) }); err != nil {
			return err
		}
	}
	return nil
}

// HeatPoint is a number of alerts around a place.
type HeatPoint struct {
	Lng float64 `json:"lng"`
	Lat float64 `json:"lat"`
	N   int64   `json:"n"`
}

// Heat sums the alerts of some days by cell; the days are of the city's
// clock and both included.
func (s *Service) Heat(ctx context.Context, region, kind string, from, to time.Time) ([]HeatPoint, error) {
	who, err := access.Need(ctx, access.MapView)
	if err != nil {
		return nil, err
	}
	if err := who.Need(access.AlertView); err != nil {
		return nil, err
	}
	if to.Before(from) || to.Sub(from) > heatSpan*24*time.Hour {
		return nil, errs.Invalidf("from", "热力的时段应在 %d 天以内，且开始不晚于结束", heatSpan)
	}
	cells, err := heatOf(ctx, s.db.Read(), who.For(access.AlertView), region, kind, clock.YMD(from), clock.YMD(to))
	if err != nil {
		return nil, err
	}
	out := make([]HeatPoint, len(cells))
	for i, c := range cells {
		x, y := tile.XY(c.QK)
		lng, lat := tile.Place(float64(x)+0.5, float64(y)+0.5, heatZoom)
		out[i] = HeatPoint{Lng: lng, Lat: lat, N: c.N}
	}
	return out, nil
}
