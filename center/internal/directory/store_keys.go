package directory

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/textkey"
)

type keyRow struct {
	bun.BaseModel `bun:"table:dir_keys,alias:k"`

	Key      int64  `bun:",pk"`
	CameraID string `bun:",pk"`
}

type keyedRow struct {
	bun.BaseModel `bun:"table:dir_keyed,alias:m"`

	CameraID string `bun:",pk"`
	MadeOf   string
}

func keyedText(c Camera) string { return c.Name + "\n" + c.Address }

func keysOf(text string) []int64 { return textkey.Keys(text) }

// searchText is what free text looks through.
func searchText(c Camera) string {
	return textkey.Text([]string{c.Name, c.Address}, c.Code, c.GBCode, c.RegionName, c.StreetName)
}

// saveKeys brings the keys of cameras in line with their names.
func saveKeys(ctx context.Context, tx db.Tx, cams []Camera) error {
	ids := make([]string, len(cams))
	for i, c := range cams {
		ids[i] = c.ID
	}
	old := []keyedRow{}
	if len(ids) == 0 {
		return nil
	}
	if err := tx.NewSelect().Model(&old).Where("m.camera_id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return fmt.Errorf("read what keys were made of: %w", err)
	}
	was := map[string]string{}
	for _, r := range old {
		was[r.CameraID] = r.MadeOf
	}
	add, made := []keyRow{}, []keyedRow{}
	for _, c := range cams {
		text := keyedText(c)
		before, there := was[c.ID]
		if there && before == text {
			continue
		}
		have := keysOf(before)
		next := keysOf(text)
		gone := slices.DeleteFunc(slices.Clone(have), func(k int64) bool { return slices.Contains(next, k) })
		if len(gone) > 0 {
			if _, err := tx.NewDelete().Model((*keyRow)(nil)).Where("camera_id = ? AND key IN (?)", c.ID, bun.List(gone)).Exec(ctx); err != nil {
				return fmt.Errorf("drop keys of camera %s: %w", c.ID, err)
			}
		}
		for _, k := range next {
			if !slices.Contains(have, k) {
				add = append(add, keyRow{Key: k, CameraID: c.ID})
			}
		}
		made = append(made, keyedRow{CameraID: c.ID, MadeOf: text})
	}
	if err := db.InsertAll(ctx, tx, add, "ON CONFLICT DO NOTHING"); err != nil {
		return fmt.Errorf("save keys of cameras: %w", err)
	}
	if err := db.InsertAll(ctx, tx, made, "ON CONFLICT (camera_id) DO UPDATE SET made_of = EXCLUDED.made_of"); err != nil {
		return fmt.Errorf("save what keys were made of: %w", err)
	}
	return nil
}

// unkeyed loads cameras whose keys were never made.
func unkeyed(ctx context.Context, tx db.Tx, most int64) ([]Camera, error) {
	rows := []cameraRow{}
	err := tx.NewSelect().Model(&rows).Where("NOT EXISTS (SELECT 1 FROM dir_keyed AS m WHERE m.camera_id = c.id)").OrderExpr("c.id").Limit(most).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for cameras without keys: %w", err)
	}
	out := make([]Camera, len(rows))
	for i := range rows {
		out[i] = rows[i].camera()
	}
	return out, nil
}

// setDerived stores what is computed from a camera's own fields, without an
// edit.
func setDerived(ctx context.Context, tx db.Tx, c Camera) error {
	_, err := tx.NewUpdate().Model((*cameraRow)(nil)).Set("search = ?", c.search).Set("road = ?", c.Road).Set("sh_e = ?", c.East).Set("sh_n = ?", c.North).
		Where("id = ?", c.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("complete camera %s: %w", c.ID, err)
	}
	return nil
}
