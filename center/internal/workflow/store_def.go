package workflow

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type draftRow struct {
	bun.BaseModel `bun:"table:workflow_drafts,alias:d"`

	Kind        string `bun:",pk"`
	DefKey      string `bun:",pk"`
	Name        string
	Category    string
	Body        string
	Options     string
	UpdatedBy   string
	UpdatedName string
	UpdatedAt   clock.Stamp
	Rev         int64
}

type versionRow struct {
	bun.BaseModel `bun:"table:workflow_versions,alias:v"`

	ID            string `bun:",pk"`
	Kind          string
	DefKey        string
	Version       int
	Name          string
	Category      string
	Body          string
	Options       string
	Derived       string
	Startable     int
	Note          string
	Digest        string
	PublishedBy   string
	PublishedName string
	PublishedAt   clock.Stamp
}

func (r *versionRow) version() Version {
	return Version{
		ID: r.ID, Kind: r.Kind, Key: r.DefKey, Version: r.Version, Name: r.Name, Category: r.Category, Body: r.Body, Options: r.Options,
		Derived: r.Derived, Startable: r.Startable == 1, Note: r.Note, Digest: r.Digest, PublishedBy: r.PublishedBy, PublishedName: r.PublishedName, PublishedAt: r.PublishedAt,
	}
}

func draftOf(ctx context.Context, q bun.IDB, kind, key string) (*draftRow, error) {
	var r draftRow
	err := q.NewSelect().Model(&r).Where("d.kind = ?", kind).Where("d.def_key = ?", key).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read draft %s: %w", key, err)
	}
	return &r, nil
}

func listDrafts(ctx context.Context, q bun.IDB, kind string) ([]draftRow, error) {
	var rows []draftRow
	if err := q.NewSelect().Model(&rows).Where("d.kind = ?", kind).Order("d.category", "d.name").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read drafts: %w", err)
	}
	return rows, nil
}

// saveDraft writes a draft under its revision; false when it changed.
func saveDraft(ctx context.Context, tx db.Tx, r *draftRow) (bool, error) {
	if r.Rev == 0 {
		r.Rev = 1
		res, err := tx.NewInsert().Model(r).On("CONFLICT DO NOTHING").Exec(ctx)
		if err != nil {
			return false, fmt.Errorf("store draft: %w", err)
		}
		n, err := res.RowsAffected()
		return n == 1, err
	}
	old := r.Rev
	r.Rev++
	res, err := tx.NewUpdate().Model(r).WherePK().Where("rev = ?", old).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("store draft: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func insertVersion(ctx context.Context, tx db.Tx, r *versionRow) error {
	if _, err := tx.NewInsert().Model(r).Exec(ctx); err != nil {
		return fmt.Errorf("store version: %w", err)
	}
	return nil
}

// versionOf gives a version, the newest when n is 0, nil when there is none.
func versionOf(ctx context.Context, q bun.IDB, kind, key string, n int) (*versionRow, error) {
	var r versionRow
	s := q.NewSelect().Model(&r).Where("v.kind = ?", kind).Where("v.def_key = ?", key)
	if n > 0 {
		s = s.Where("v.version = ?", n)
	}
	err := s.Order("v.version DESC").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read version of %s: %w", key, err)
	}
	return &r, nil
}

func versionByID(ctx context.Context, q bun.IDB, id string) (*versionRow, error) {
	var r versionRow
	err := q.NewSelect().Model(&r).Where("v.id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read version %s: %w", id, err)
	}
	return &r, nil
}

func listVersions(ctx context.Context, q bun.IDB, kind, key string) ([]versionRow, error) {
	var rows []versionRow
	s := q.NewSelect().Model(&rows).ExcludeColumn("body", "options", "derived").Where("v.kind = ?", kind)
	if key != "" {
		s = s.Where("v.def_key = ?", key)
	}
	if err := s.Order("v.def_key", "v.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read versions: %w", err)
	}
	return rows, nil
}

type saveRow struct {
	bun.BaseModel `bun:"table:workflow_saves,alias:s"`

	PersonID string `bun:",pk"`
	Target   string `bun:",pk"`
	Vals     string
	Device   string
	SavedAt  clock.Stamp
	Rev      int64
}

func saveOf(ctx context.Context, q bun.IDB, person, target string) (*saveRow, error) {
	var r saveRow
	err := q.NewSelect().Model(&r).Where("s.person_id = ?", person).Where("s.target = ?", target).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read saved values: %w", err)
	}
	return &r, nil
}

func putSave(ctx context.Context, tx db.Tx, r *saveRow) error {
	_, err := tx.NewInsert().Model(r).On("CONFLICT (person_id, target) DO UPDATE").
		Set("vals = EXCLUDED.vals").Set("device = EXCLUDED.device").Set("saved_at = EXCLUDED.saved_at").Set("rev = EXCLUDED.rev").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save values: %w", err)
	}
	return nil
}

func dropSave(ctx context.Context, tx db.Tx, person, target string) error {
	s := tx.NewDelete().Table("workflow_saves").Where("target = ?", target)
	if person != "" {
		s = s.Where("person_id = ?", person)
	}
	if _, err := s.Exec(ctx); err != nil {
		return fmt.Errorf("drop saved values: %w", err)
	}
	return nil
}
