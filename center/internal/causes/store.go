package causes

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type itemRow struct {
	bun.BaseModel `bun:"table:cause_items,alias:c"`

	ID              string `bun:",pk"`
	Code            string
	Version         int
	Name            string
	Domain          string
	Kinds           string
	Trades          string
	Tags            string
	ExternalCode    string
	Penalty         string
	FineMin         int64
	FineMax         int64
	Precondition    string
	Remedy          string
	EffectiveFromAt clock.Stamp
	EffectiveToAt   *clock.Stamp
	Source          string
	Verified        int
	Note            string
	MadeBy          string
	MadeName        string
	MadeAt          clock.Stamp
	Reason          string
	Search          string
}

type articleRow struct {
	bun.BaseModel `bun:"table:cause_articles,alias:a"`

	CauseID  string `bun:",pk"`
	Seq      int    `bun:",pk"`
	Role     string
	Law      string
	Article  string
	Text     string
	Digest   int
	Source   string
	Verified int
}

func (r *itemRow) cause() Cause {
	return Cause{
		ID: r.ID, Code: r.Code, Version: r.Version, Name: r.Name, Domain: r.Domain, Kinds: outList(r.Kinds), Trades: outList(r.Trades), Tags: outList(r.Tags),
		ExternalCode: r.ExternalCode, Penalty: r.Penalty, FineMin: r.FineMin, FineMax: r.FineMax, Precondition: r.Precondition, Remedy: r.Remedy,
		From: r.EffectiveFromAt, To: r.EffectiveToAt, Source: r.Source, Verified: r.Verified == 1, Note: r.Note, MadeName: r.MadeName, MadeAt: r.MadeAt,
		Reason: r.Reason, Articles: []Article{},
	}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// insert stores a version with its articles.
func insert(ctx context.Context, tx db.Tx, c Cause, by string) error {
	words := []string{c.Code, c.Name, c.Domain, c.ExternalCode, c.Penalty, c.Remedy}
	arts := make([]articleRow, len(c.Articles))
	for i, a := range c.Articles {
		arts[i] = articleRow{CauseID: c.ID, Seq: i + 1, Role: a.Role, Law: a.Law, Article: a.Article, Text: a.Text, Digest: flag(a.Digest), Source: a.Source, Verified: flag(a.Verified)}
		words = append(words, a.Cite(), a.Text)
	}
	r := itemRow{
		ID: c.ID, Code: c.Code, Version: c.Version, Name: c.Name, Domain: c.Domain, Kinds: inList(c.Kinds), Trades: inList(c.Trades), Tags: inList(c.Tags),
		ExternalCode: c.ExternalCode, Penalty: c.Penalty, FineMin: c.FineMin, FineMax: c.FineMax, Precondition: c.Precondition, Remedy: c.Remedy,
		EffectiveFromAt: c.From, EffectiveToAt: c.To, Source: c.Source, Verified: flag(c.Verified), Note: c.Note, MadeBy: by, MadeName: c.MadeName,
		MadeAt: c.MadeAt, Reason: c.Reason, Search: strings.ToLower(strings.Join(words, "\n")),
	}
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("insert cause %s: %w", c.Code, err)
	}
	if len(arts) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&arts).Exec(ctx); err != nil {
		return fmt.Errorf("insert articles of cause %s: %w", c.Code, err)
	}
	return nil
}

// endVersion ends a version where the next one begins, unless it ended before.
func endVersion(ctx context.Context, tx db.Tx, id string, at clock.Stamp) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("effective_to_at = ?", at).
		Where("id = ? AND (effective_to_at IS NULL OR effective_to_at > ?)", id, at).Exec(ctx)
	if err != nil {
		return fmt.Errorf("end a version of a cause: %w", err)
	}
	return nil
}

func withArticles(ctx context.Context, idb bun.IDB, rows []itemRow) ([]Cause, error) {
	out := make([]Cause, len(rows))
	at := map[string]int{}
	list := make([]string, len(rows))
	for i := range rows {
		out[i], list[i] = rows[i].cause(), rows[i].ID
		at[rows[i].ID] = i
	}
	if len(rows) == 0 {
		return out, nil
	}
	var arts []articleRow
	if err := idb.NewSelect().Model(&arts).Where("a.cause_id IN (?)", bun.List(list)).Order("a.cause_id", "a.seq").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read articles: %w", err)
	}
	for _, a := range arts {
		c := &out[at[a.CauseID]]
		c.Articles = append(c.Articles, Article{a.Role, a.Law, a.Article, a.Text, a.Digest == 1, a.Source, a.Verified == 1})
	}
	return out, nil
}

// at finds the version of a code that held at a moment.
func at(ctx context.Context, idb bun.IDB, code string, when clock.Stamp) (Cause, bool, error) {
	rows := []itemRow{}
	err := idb.NewSelect().Model(&rows).Where("c.code = ? AND c.effective_from_at <= ? AND (c.effective_to_at IS NULL OR c.effective_to_at > ?)", code, when, when).
		Order("c.effective_from_at DESC").Limit(1).Scan(ctx)
	if err != nil {
		return Cause{}, false, fmt.Errorf("read cause: %w", err)
	}
	list, err := withArticles(ctx, idb, rows)
	if err != nil || len(list) == 0 {
		return Cause{}, false, err
	}
	return list[0], true, nil
}

// Filter narrows the library; a zero field does not.
type Filter struct {
	Domain, Kind, Trade, Tag string
	// Verified is "yes", "no" or empty.
	Verified string
	Q        string
}

func inForce(ctx context.Context, idb bun.IDB, when clock.Stamp, f Filter) ([]Cause, error) {
	rows := []itemRow{}
	q := idb.NewSelect().Model(&rows).Where("c.effective_from_at <= ? AND (c.effective_to_at IS NULL OR c.effective_to_at > ?)", when, when).Order("c.code")
	if f.Domain != "" {
		q = q.Where("c.domain = ?", f.Domain)
	}
	for col, v := range map[string]string{"c.kinds": f.Kind, "c.tags": f.Tag} {
		if v != "" {
			q = q.Where("? LIKE ? ESCAPE '!'", bun.Safe(col), db.Contains(","+v+","))
		}
	}
	if f.Trade != "" {
		q = q.Where("(c.trades = '' OR c.trades LIKE ? ESCAPE '!')", db.Contains(","+f.Trade+","))
	}
	if f.Verified != "" {
		q = q.Where("c.verified = ?", flag(f.Verified == "yes"))
	}
	for _, w := range strings.Fields(strings.ToLower(f.Q)) {
		q = q.Where("c.search LIKE ? ESCAPE '!'", db.Contains(w))
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read causes: %w", err)
	}
	return withArticles(ctx, idb, rows)
}

func versions(ctx context.Context, idb bun.IDB, code string) ([]Cause, error) {
	rows := []itemRow{}
	if err := idb.NewSelect().Model(&rows).Where("c.code = ?", code).Order("c.version DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read versions of cause: %w", err)
	}
	return withArticles(ctx, idb, rows)
}

// known lists the codes that have a version.
func known(ctx context.Context, tx db.Tx) (map[string]bool, error) {
	var codes []string
	if err := tx.NewSelect().Model((*itemRow)(nil)).Column("c.code").Group("c.code").Scan(ctx, &codes); err != nil {
		return nil, fmt.Errorf("read codes of causes: %w", err)
	}
	out := map[string]bool{}
	for _, c := range codes {
		out[c] = true
	}
	return out, nil
}
