package todo

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type itemRow struct {
	bun.BaseModel `bun:"table:todo_items,alias:i"`

	ID           string `bun:",pk"`
	Source       string
	SourceID     string
	ItemKey      string
	Kind         string
	Title        string
	Summary      string
	Path         string
	PhonePath    string
	RegionCode   string
	Assignee     string
	AssigneeName string
	GroupRole    string
	GroupOrg     string
	GroupName    string
	Starter      string
	StarterName  string
	Priority     int
	DueAt        *clock.Stamp
	NearAt       *clock.Stamp
	DueNote      string
	Step         int
	Steps        int
	StepName     string
	State        string
	Outcome      string
	ClosedBy     string
	ClosedName   string
	CreatedAt    clock.Stamp
	UpdatedAt    clock.Stamp
	ClosedAt     *clock.Stamp
	FireAt       *clock.Stamp
	FireWhat     string
	Rev          int64
}

func (r *itemRow) group() *Group {
	if r.GroupRole == "" {
		return nil
	}
	return &Group{Role: r.GroupRole, OrgID: r.GroupOrg}
}

func (r *itemRow) view() View {
	return View{
		ID: r.ID,
		Item: Item{
			Source: r.Source, SourceID: r.SourceID, Key: r.ItemKey, Kind: r.Kind, Title: r.Title, Summary: r.Summary, Path: r.Path,
			PhonePath: r.PhonePath, RegionCode: r.RegionCode, Assignee: r.Assignee, Group: r.group(), Starter: r.Starter,
			Priority: r.Priority, DueAt: r.DueAt, NearAt: r.NearAt, DueNote: r.DueNote, Step: r.Step, Steps: r.Steps, StepName: r.StepName,
		},
		AssigneeName: r.AssigneeName, GroupName: r.GroupName, StarterName: r.StarterName, State: r.State, Outcome: r.Outcome,
		ClosedBy: r.ClosedBy, ClosedName: r.ClosedName, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, ClosedAt: r.ClosedAt, Rev: r.Rev,
	}
}

type personRow struct {
	bun.BaseModel `bun:"table:todo_people,alias:p"`

	ItemID     string `bun:",pk"`
	Holder     string `bun:",pk"`
	Tab        Tab    `bun:",pk"`
	IsOpen     int
	SortAt     clock.Stamp
	Kind       string
	Source     string
	RegionCode string
	Priority   int
	Late       int
	ReadAt     *clock.Stamp
}

// bySource reads the item of a source, locked until the transaction ends;
// nil when there is none.
func bySource(ctx context.Context, tx db.Tx, source, id, key string) (*itemRow, error) {
	var r itemRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("i.source = ? AND i.source_id = ? AND i.item_key = ?", source, id, key)).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read to-do of %s %s: %w", source, id, err)
	}
	return &r, nil
}

// openOf reads the open items of a source's record, locked.
func openOf(ctx context.Context, tx db.Tx, source, id, key string) ([]itemRow, error) {
	var rows []itemRow
	q := tx.NewSelect().Model(&rows).Where("i.source = ? AND i.source_id = ? AND i.state = ?", source, id, Open)
	if key != "" {
		q = q.Where("i.item_key = ?", key)
	}
	if err := db.ForUpdate(tx, q.Order("i.id")).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read to-dos of %s %s: %w", source, id, err)
	}
	return rows, nil
}

// openFor reads open items that a person has, locked.
func openFor(ctx context.Context, tx db.Tx, person string) ([]itemRow, error) {
	var rows []itemRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&rows).Where("i.assignee = ? AND i.state = ?", person, Open).Order("i.id")).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read to-dos of %s: %w", person, err)
	}
	return rows, nil
}

// openOfOrg reads the open items of an organisation's groups, locked.
func openOfOrg(ctx context.Context, tx db.Tx, org string) ([]itemRow, error) {
	var rows []itemRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&rows).Where("i.group_org = ? AND i.state = ?", org, Open).Order("i.id")).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read to-dos of organisation %s: %w", org, err)
	}
	return rows, nil
}

func byID(ctx context.Context, tx db.Tx, id string) (*itemRow, error) {
	var r itemRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&r).Where("i.id = ?", id)).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read to-do %s: %w", id, err)
	}
	return &r, nil
}

// insertItem stores a new item; false when another transaction stored the
// same identity meanwhile.
func insertItem(ctx context.Context, tx db.Tx, r *itemRow) (bool, error) {
	res, err := tx.NewInsert().Model(r).On("CONFLICT (source, source_id, item_key) DO NOTHING").Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("insert to-do: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// updateItem stores a row that was read with r.Rev; false when somebody was
// faster.
func updateItem(ctx context.Context, tx db.Tx, r *itemRow) (bool, error) {
	old := r.Rev
	r.Rev++
	r.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(r).WherePK().Where("i.rev = ?", old).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("update to-do %s: %w", r.ID, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func peopleOf(ctx context.Context, idb bun.IDB, item string) ([]personRow, error) {
	var rows []personRow
	if err := idb.NewSelect().Model(&rows).Where("p.item_id = ?", item).Order("p.holder", "p.tab").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read people of to-do %s: %w", item, err)
	}
	return rows, nil
}

// replacePeople writes the rows of an item anew; what somebody has read stays
// read.
func replacePeople(ctx context.Context, tx db.Tx, item string, old, rows []personRow) error {
	read := map[string]*clock.Stamp{}
	for _, o := range old {
		read[o.Holder+"\x00"+string(o.Tab)] = o.ReadAt
	}
	if len(old) > 0 {
		if _, err := tx.NewDelete().Model((*personRow)(nil)).Where("item_id = ?", item).Exec(ctx); err != nil {
			return fmt.Errorf("replace people of to-do %s: %w", item, err)
		}
	}
	for i := range rows {
		if at, ok := read[rows[i].Holder+"\x00"+string(rows[i].Tab)]; ok {
			rows[i].ReadAt = at
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := tx.NewInsert().Model(&rows).Exec(ctx); err != nil {
		return fmt.Errorf("write people of to-do %s: %w", item, err)
	}
	return nil
}

// anyDue tells whether an item waits to be told of.
func anyDue(ctx context.Context, idb bun.IDB, now clock.Stamp) (bool, error) {
	ok, err := idb.NewSelect().Model((*itemRow)(nil)).Where("i.fire_at IS NOT NULL AND i.fire_at <= ?", now).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for due to-dos: %w", err)
	}
	return ok, nil
}

// dueItems reads items to be told of and holds them.
func dueItems(ctx context.Context, tx db.Tx, n int64) ([]itemRow, error) {
	var rows []itemRow
	q := tx.NewSelect().Model(&rows).Where("i.fire_at IS NOT NULL AND i.fire_at <= ?", clock.At(tx.Now())).Order("i.fire_at", "i.id").Limit(n)
	if err := db.SkipLocked(tx, q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read due to-dos: %w", err)
	}
	return rows, nil
}

// setFire notes the next moment of an item without changing its version.
func setFire(ctx context.Context, tx db.Tx, id string, at *clock.Stamp, what string) error {
	_, err := tx.NewUpdate().Model((*itemRow)(nil)).Set("fire_at = ?", at).Set("fire_what = ?", what).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the next moment of to-do %s: %w", id, err)
	}
	return nil
}

// markRead notes that a holder looked at an item.
func markRead(ctx context.Context, tx db.Tx, item, holder string) (bool, error) {
	res, err := tx.NewUpdate().Model((*personRow)(nil)).Set("read_at = ?", clock.At(tx.Now())).
		Where("item_id = ? AND holder = ? AND read_at IS NULL", item, holder).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("mark to-do read: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
