package onemap

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

type profileRow struct {
	bun.BaseModel `bun:"table:map_profiles,alias:p"`

	ID       string `bun:",pk"`
	Code     string
	Version  int
	Name     string
	Params   string
	Controls string
	Fit      string
	Source   string
	Verified int
	Reason   string
	MadeBy   string
	MadeName string
	MadeAt   clock.Stamp
}

// Profile is one version of a profile of Shanghai 2000.
type Profile struct {
	ID       string          `json:"id"`
	Version  int             `json:"version"`
	Params   coord.Profile   `json:"params"`
	Controls []coord.Control `json:"controls"`
	Fit      *coord.Fit      `json:"fit" doc:"How well the control points fit; null without"`
	Reason   string          `json:"reason"`
	MadeName string          `json:"madeName"`
	MadeAt   clock.Stamp     `json:"madeAt"`
	Default  bool            `json:"default"`
	Versions int             `json:"versions"`
}

func (r profileRow) profile() (Profile, error) {
	p := Profile{ID: r.ID, Version: r.Version, Controls: []coord.Control{}, Reason: r.Reason, MadeName: r.MadeName, MadeAt: r.MadeAt}
	if err := json.Unmarshal([]byte(r.Params), &p.Params); err != nil {
		return p, fmt.Errorf("read profile %s: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte(r.Controls), &p.Controls); err != nil {
		return p, fmt.Errorf("read the control points of %s: %w", r.ID, err)
	}
	if r.Fit != "" {
		p.Fit = &coord.Fit{}
		if err := json.Unmarshal([]byte(r.Fit), p.Fit); err != nil {
			return p, fmt.Errorf("read the fit of %s: %w", r.ID, err)
		}
	}
	return p, nil
}

func rowOfProfile(p Profile, by, name string, at clock.Stamp) (profileRow, error) {
	params, err := json.Marshal(p.Params)
	if err != nil {
		return profileRow{}, fmt.Errorf("write profile: %w", err)
	}
	if p.Controls == nil {
		p.Controls = []coord.Control{}
	}
	controls, err := json.Marshal(p.Controls)
	if err != nil {
		return profileRow{}, fmt.Errorf("write control points: %w", err)
	}
	r := profileRow{
		ID: ids.New(), Code: p.Params.Code, Version: p.Version, Name: p.Params.Name, Params: string(params), Controls: string(controls),
		Source: p.Params.Source, Reason: p.Reason, MadeBy: by, MadeName: name, MadeAt: at,
	}
	if p.Params.Verified {
		r.Verified = 1
	}
	if p.Fit != nil {
		b, err := json.Marshal(p.Fit)
		if err != nil {
			return r, fmt.Errorf("write fit: %w", err)
		}
		r.Fit = string(b)
	}
	return r, nil
}

// profiles reads every version, newest first.
func profiles(ctx context.Context, idb bun.IDB) ([]profileRow, error) {
	out := []profileRow{}
	if err := idb.NewSelect().Model(&out).OrderExpr("p.code, p.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read profiles: %w", err)
	}
	return out, nil
}

func insertProfile(ctx context.Context, tx db.Tx, r profileRow) error {
	_, err := tx.NewInsert().Model(&r).Exec(ctx)
	if db.Duplicate(err) {
		return errs.Conflict("这个参数档刚被别人改过，请刷新后再改")
	}
	if err != nil {
		return fmt.Errorf("save profile %s: %w", r.Code, err)
	}
	return nil
}

// seedProfiles brings in the public profiles that are not there.
func seedProfiles(ctx context.Context, tx db.Tx) error {
	for _, p := range coord.Builtin() {
		r, err := rowOfProfile(Profile{Version: 1, Params: p, Reason: "随系统提供的公开参数"}, "system", "系统", clock.At(tx.Now()))
		if err != nil {
			return err
		}
		if _, err := tx.NewInsert().Model(&r).On("CONFLICT (code, version) DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("bring in profile %s: %w", p.Code, err)
		}
	}
	_, err := tx.NewInsert().Model(&settingRow{Code: defaultProfile, Value: "A", Rev: 1}).On("CONFLICT (code) DO NOTHING").Exec(ctx)
	if err != nil {
		return fmt.Errorf("bring in the default profile: %w", err)
	}
	return nil
}

const defaultProfile = "profile"

type settingRow struct {
	bun.BaseModel `bun:"table:map_settings,alias:s"`

	Code  string `bun:",pk"`
	Value string
	Rev   int64
}

func setting(ctx context.Context, idb bun.IDB, code string) (string, error) {
	var r settingRow
	err := idb.NewSelect().Model(&r).Where("s.code = ?", code).Scan(ctx)
	if db.NoRows(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read setting %s: %w", code, err)
	}
	return r.Value, nil
}

func setSetting(ctx context.Context, tx db.Tx, code, value string) error {
	r := settingRow{Code: code, Value: value, Rev: 1}
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (code) DO UPDATE").Set("value = EXCLUDED.value").Set("rev = s.rev + 1").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save setting %s: %w", code, err)
	}
	return nil
}

type providerRow struct {
	bun.BaseModel `bun:"table:map_providers,alias:v"`

	Code      string `bun:",pk"`
	Name      string
	Address   string
	Secret    string
	Mode      string
	Seq       int
	TimeoutMS int `bun:"timeout_ms"`
	QuotaDay  int
	UpdatedAt clock.Stamp
	UpdatedBy string
	Rev       int64
}

// seedProviders brings in the services outside, switched off.
func seedProviders(ctx context.Context, tx db.Tx) error {
	list := []providerRow{
		{Code: "customer", Name: "市“一张图”服务", Seq: 1},
		{Code: "tianditu", Name: "天地图", Address: "https://api.tianditu.gov.cn", Seq: 2},
		{Code: "amap", Name: "高德地图", Address: "https://restapi.amap.com", Seq: 3},
		{Code: "baidu", Name: "百度地图", Address: "https://api.map.baidu.com", Seq: 4},
		{Code: "wmts", Name: "底图（WMTS）", Seq: 5},
	}
	for _, r := range list {
		r.Mode, r.TimeoutMS, r.UpdatedAt, r.UpdatedBy, r.Rev = "off", 2000, clock.At(tx.Now()), "系统", 1
		if _, err := tx.NewInsert().Model(&r).On("CONFLICT (code) DO NOTHING").Exec(ctx); err != nil {
			return fmt.Errorf("bring in service %s: %w", r.Code, err)
		}
	}
	return nil
}

func providers(ctx context.Context, idb bun.IDB) ([]providerRow, error) {
	out := []providerRow{}
	if err := idb.NewSelect().Model(&out).OrderExpr("v.seq, v.code").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	return out, nil
}

func saveProvider(ctx context.Context, tx db.Tx, r providerRow) error {
	rev := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(&r).WherePK().Where("rev = ?", rev).Exec(ctx)
	if err != nil {
		return fmt.Errorf("save service %s: %w", r.Code, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errs.Conflict("这项服务刚被别人改过，请刷新后再改")
	}
	return nil
}

// spend counts a call of today and gives how many there were.
func spend(ctx context.Context, idb bun.IDB, code string, ymd int, failed bool) (int64, error) {
	calls, bad := 1, 0
	if failed {
		calls, bad = 0, 1
	}
	var n int64
	err := idb.NewRaw(`INSERT INTO map_provider_days (code, ymd, calls, failed) VALUES (?, ?, ?, ?)
		ON CONFLICT (code, ymd) DO UPDATE SET calls = map_provider_days.calls + EXCLUDED.calls, failed = map_provider_days.failed + EXCLUDED.failed RETURNING calls`,
		code, ymd, calls, bad).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("count a call of %s: %w", code, err)
	}
	return n, nil
}

type dayCount struct {
	Code          string
	Calls, Failed int64
}

func spentToday(ctx context.Context, idb bun.IDB, ymd int) (map[string]dayCount, error) {
	rows := []dayCount{}
	if err := idb.NewSelect().Table("map_provider_days").Column("code", "calls", "failed").Where("ymd = ?", ymd).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read the calls of today: %w", err)
	}
	out := map[string]dayCount{}
	for _, r := range rows {
		out[r.Code] = r
	}
	return out, nil
}

type cacheRow struct {
	bun.BaseModel `bun:"table:map_cache,alias:k"`

	Digest string `bun:",pk"`
	Code   string
	Body   string
	MadeAt clock.Stamp
}

func cached(ctx context.Context, idb bun.IDB, digest string, since clock.Stamp) (string, bool, error) {
	var r cacheRow
	err := idb.NewSelect().Model(&r).Where("k.digest = ? AND k.made_at >= ?", digest, since).Scan(ctx)
	if db.NoRows(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read a kept answer: %w", err)
	}
	return r.Body, true, nil
}

func keepAnswer(ctx context.Context, tx db.Tx, digest, code, body string) error {
	r := cacheRow{Digest: digest, Code: code, Body: body, MadeAt: clock.At(tx.Now())}
	if _, err := tx.NewInsert().Model(&r).On("CONFLICT (digest) DO UPDATE").Set("code = EXCLUDED.code, body = EXCLUDED.body, made_at = EXCLUDED.made_at").Exec(ctx); err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

func dropAnswers(ctx context.Context, tx db.Tx, before clock.Stamp, code string) error {
	q := tx.NewDelete().Table("map_cache").Where("made_at < ?", before)
	if code != "" {
		q = q.Where("code = ?", code)
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("drop kept answers: %w", err)
	}
	return nil
}
