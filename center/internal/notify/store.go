package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

type channelRow struct {
	bun.BaseModel `bun:"table:notify_channels,alias:c"`

	Code         string `bun:",pk"`
	Mode         string
	Address      string
	AppID        string `bun:"app_id"`
	Secret       string
	Sender       string
	PerHour      int
	QuietFrom    int
	QuietTo      int
	Tries        int
	RetryMinutes int
	ExpireHours  int
	Fails        int
	OpenUntilAt  clock.Stamp
	LastOkAt     *clock.Stamp
	LastError    string
	LastErrorAt  *clock.Stamp
	Rev          int64
}

func (c channelRow) on() bool           { return c.Mode != "off" }
func (c channelRow) quiet() Quiet       { return Quiet{c.QuietFrom, c.QuietTo} }
func (c channelRow) retry() clock.Stamp { return clock.Stamp(c.RetryMinutes) * 60_000 }

type templateRow struct {
	bun.BaseModel `bun:"table:notify_templates,alias:t"`

	ID          string `bun:",pk"`
	Code        string
	Channel     string
	Version     int
	Name        string
	Title       string
	Body        string
	State       string
	WrittenBy   string
	WrittenName string
	WrittenAt   clock.Stamp
	DecidedBy   string
	DecidedName string
	DecidedAt   *clock.Stamp
	Note        string
	Rev         int64
}

type ruleRow struct {
	bun.BaseModel `bun:"table:notify_rules,alias:r"`

	ID            string `bun:",pk"`
	Name          string
	Change        string
	Kind          string
	MinPriority   int
	Audience      string
	Channels      string
	Template      string
	Urgent        int
	DedupeMinutes int
	Enabled       int
	Rev           int64
}

type prefRow struct {
	bun.BaseModel `bun:"table:notify_prefs,alias:p"`

	Person    string `bun:",pk"`
	Off       string
	QuietFrom int
	QuietTo   int
	Mail      string
	Rev       int64
}

type sendRow struct {
	bun.BaseModel `bun:"table:notify_sends,alias:s"`

	ID         string `bun:",pk"`
	RuleID     string
	RuleName   string
	TemplateID string
	Channel    string
	Op         string
	Person     string
	PersonName string
	Address    string
	ItemID     string
	Kind       string
	Change     string
	Title      string
	Body       string
	Path       string
	PhonePath  string
	Urgent     int
	State      string
	Reason     string
	Attempts   int
	Refusals   int
	NextAt     clock.Stamp
	MsgID      string
	DedupeKey  string
	CreatedAt  clock.Stamp
	SentAt     *clock.Stamp
	ReceiptAt  *clock.Stamp
	ReadAt     *clock.Stamp
	Outside    int
}

type mirrorRow struct {
	bun.BaseModel `bun:"table:notify_mirrors,alias:m"`

	ItemID string `bun:",pk"`
	Person string `bun:",pk"`
	MadeAt clock.Stamp
	Round  int64
}

func channels(ctx context.Context, idb bun.IDB) (map[string]channelRow, error) {
	var rows []channelRow
	if err := idb.NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read channels: %w", err)
	}
	out := map[string]channelRow{}
	for _, r := range rows {
		out[r.Code] = r
	}
	return out, nil
}

// all reads every row of a model that fits a condition.
func all[T any](ctx context.Context, idb bun.IDB, what, order, where string, args ...any) ([]T, error) {
	rows := []T{}
	q := idb.NewSelect().Model(&rows).OrderExpr(order)
	if where != "" {
		q = q.Where(where, args...)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return rows, nil
}

// one reads one row, nil when there is none.
func one[T any](ctx context.Context, idb bun.IDB, what, where string, args ...any) (*T, error) {
	var r T
	err := idb.NewSelect().Model(&r).Where(where, args...).Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	return &r, nil
}

// add inserts rows; those whose key is there stay as they are.
func add[T any](ctx context.Context, tx db.Tx, what string, rows ...T) (int64, error) {
	if len(rows) == 0 {
		return 0, nil
	}
	res, err := tx.NewInsert().Model(&rows).On("CONFLICT DO NOTHING").Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("insert %s: %w", what, err)
	}
	return res.RowsAffected()
}

// save stores a row that was read with rev; false when somebody was faster.
func save[T any](ctx context.Context, tx db.Tx, what string, row *T, rev int64) (bool, error) {
	res, err := tx.NewUpdate().Model(row).WherePK().Where("rev = ?", rev).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("save %s: %w", what, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// putPref stores preferences whatever was there.
func putPref(ctx context.Context, tx db.Tx, p *prefRow) error {
	_, err := tx.NewInsert().Model(p).On("CONFLICT (person) DO UPDATE").Set("off = EXCLUDED.off").Set("quiet_from = EXCLUDED.quiet_from").
		Set("quiet_to = EXCLUDED.quiet_to").Set("mail = EXCLUDED.mail").Set("rev = p.rev + 1").Exec(ctx)
	if err != nil {
		return fmt.Errorf("save preferences: %w", err)
	}
	return nil
}

// approved finds the template in force of a code for a channel.
func approved(ctx context.Context, idb bun.IDB, code, channel string) (*templateRow, error) {
	var t templateRow
	err := idb.NewSelect().Model(&t).Where("t.code = ? AND t.channel = ? AND t.state = 'approved'", code, channel).Order("t.version DESC").Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	return &t, nil
}

// retire ends the versions that another one replaces.
func retire(ctx context.Context, tx db.Tx, t templateRow) error {
	_, err := tx.NewUpdate().Model((*templateRow)(nil)).Set("state = 'retired'").Set("rev = rev + 1").
		Where("code = ? AND channel = ? AND state = 'approved' AND id <> ?", t.Code, t.Channel, t.ID).Exec(ctx)
	if err != nil {
		return fmt.Errorf("retire templates: %w", err)
	}
	return nil
}

func lastVersion(ctx context.Context, tx db.Tx, code, channel string) (int, error) {
	var n int
	err := tx.NewSelect().Model((*templateRow)(nil)).ColumnExpr("COALESCE(MAX(t.version), 0)").Where("t.code = ? AND t.channel = ?", code, channel).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("read last version: %w", err)
	}
	return n, nil
}

// recent tells whether a person got the same by a channel since a moment.
func recent(ctx context.Context, tx db.Tx, s *sendRow, since clock.Stamp) (bool, error) {
	ok, err := tx.NewSelect().Model((*sendRow)(nil)).
		Where("s.item_id = ? AND s.channel = ? AND s.person = ? AND s.change = ? AND s.op = ? AND s.created_at > ? AND s.state NOT IN ('skipped', 'cancelled')",
			s.ItemID, s.Channel, s.Person, s.Change, s.Op, since).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the same notice: %w", err)
	}
	return ok, nil
}

// withdraw takes back what waits to be sent of an item.
func withdraw(ctx context.Context, tx db.Tx, item, reason string) error {
	_, err := tx.NewUpdate().Model((*sendRow)(nil)).Set("state = ?", Withdrawn).Set("reason = ?", reason).
		Where("item_id = ? AND op = ? AND state = ? AND attempts = 0 AND change <> 'closed'", item, opPush, Queued).Exec(ctx)
	if err != nil {
		return fmt.Errorf("withdraw notices: %w", err)
	}
	return nil
}

// dueSends reads what a channel has to send now and holds it; what was being
// sent when a center stopped is among it. An entry of the other system's list
// waits for those before it.
func dueSends(ctx context.Context, tx db.Tx, channel string, n int64) ([]sendRow, error) {
	var rows []sendRow
	q := tx.NewSelect().Model(&rows).Where("s.channel = ? AND s.state IN (?) AND s.next_at <= ?", channel, bun.List([]string{Queued, Sending}), clock.At(tx.Now())).
		Where("(s.op = ? OR NOT EXISTS (SELECT 1 FROM notify_sends AS e WHERE e.item_id = s.item_id AND e.channel = s.channel AND e.person = s.person AND e.op <> ? AND e.id < s.id AND e.state IN (?)))",
			opPush, opPush, bun.List([]string{Queued, Sending})).
		Order("s.next_at", "s.id").Limit(n)
	if err := db.SkipLocked(tx, q).Scan(ctx); err != nil {
		return nil, fmt.Errorf("read due notices: %w", err)
	}
	return rows, nil
}

func anySend(ctx context.Context, idb bun.IDB, channel string, now clock.Stamp) (bool, error) {
	ok, err := idb.NewSelect().Model((*sendRow)(nil)).Where("s.channel = ? AND s.state IN (?) AND s.next_at <= ?", channel, bun.List([]string{Queued, Sending}), now).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for due notices: %w", err)
	}
	return ok, nil
}

// sentSince gives when a person's notices of a channel went out since a
// moment, oldest first; those on their way count as sent now.
func sentSince(ctx context.Context, tx db.Tx, person, channel string, since clock.Stamp) ([]clock.Stamp, error) {
	out := []clock.Stamp{}
	err := tx.NewSelect().Model((*sendRow)(nil)).ColumnExpr("COALESCE(s.sent_at, ?) AS at", clock.At(tx.Now())).
		Where("s.person = ? AND s.channel = ? AND s.op = ? AND s.created_at > ? AND (s.sent_at > ? OR s.state = ?)", person, channel, opPush, since-30*24*3600*1000, since, Sending).OrderExpr("at").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("count notices: %w", err)
	}
	return out, nil
}

// setSend stores the progress of a send.
func setSend(ctx context.Context, tx db.Tx, s *sendRow) error {
	_, err := tx.NewUpdate().Model(s).Column("state", "reason", "attempts", "refusals", "next_at", "msg_id", "sent_at", "receipt_at", "address").WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the sending of %s: %w", s.ID, err)
	}
	return nil
}

// noteGateway stores how a channel's gateway does.
func noteGateway(ctx context.Context, tx db.Tx, c *channelRow) error {
	_, err := tx.NewUpdate().Model(c).Column("fails", "open_until_at", "last_ok_at", "last_error", "last_error_at").WherePK().Exec(ctx)
	if err != nil {
		return fmt.Errorf("note the state of channel %s: %w", c.Code, err)
	}
	return nil
}

// forUpdate reads a send and holds it.
func forUpdate(ctx context.Context, tx db.Tx, where string, args ...any) (*sendRow, error) {
	var s sendRow
	err := db.ForUpdate(tx, tx.NewSelect().Model(&s).Where(where, args...)).Limit(1).Scan(ctx)
	if db.NoRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read notice: %w", err)
	}
	return &s, nil
}

func lockChannel(ctx context.Context, tx db.Tx, code string) (channelRow, error) {
	var c channelRow
	if err := db.ForUpdate(tx, tx.NewSelect().Model(&c).Where("c.code = ?", code)).Scan(ctx); err != nil {
		return c, fmt.Errorf("read channel %s: %w", code, err)
	}
	return c, nil
}

func addReceipt(ctx context.Context, tx db.Tx, channel, msgID, status string) (bool, error) {
	res, err := tx.NewRaw("INSERT INTO notify_receipts (channel, msg_id, status, received_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
		channel, msgID, status, clock.At(tx.Now())).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("note receipt: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func dropMirror(ctx context.Context, tx db.Tx, item, person string) error {
	if _, err := tx.NewDelete().Model((*mirrorRow)(nil)).Where("item_id = ? AND person = ?", item, person).Exec(ctx); err != nil {
		return fmt.Errorf("drop mirror: %w", err)
	}
	return nil
}

func dropRule(ctx context.Context, tx db.Tx, id string) (bool, error) {
	res, err := tx.NewDelete().Model((*ruleRow)(nil)).Where("id = ?", id).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("drop rule: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// LogFilter narrows the send log; a zero field does not.
type LogFilter struct {
	Channel, State, Person, Change, ItemID string
	From, To                               *clock.Stamp
	Q                                      string
}

func (f LogFilter) apply(q *bun.SelectQuery) *bun.SelectQuery {
	for column, v := range map[string]string{"s.channel": f.Channel, "s.state": f.State, "s.person": f.Person, "s.change": f.Change, "s.item_id": f.ItemID} {
		if v != "" {
			q = q.Where("? = ?", bun.Safe(column), v)
		}
	}
	if f.From != nil {
		q = q.Where("s.created_at >= ?", *f.From)
	}
	if f.To != nil {
		q = q.Where("s.created_at < ?", *f.To)
	}
	if f.Q != "" {
		p := db.Contains(f.Q)
		q = q.Where("(s.person_name LIKE ? ESCAPE '!' OR s.title LIKE ? ESCAPE '!' OR s.body LIKE ? ESCAPE '!' OR s.msg_id = ? OR s.id = ?)", p, p, p, f.Q, f.Q)
	}
	return q
}

func listSends(ctx context.Context, idb bun.IDB, f LogFilter, p httpx.Paging) ([]sendRow, int64, error) {
	order, err := p.Order(map[string]string{"createdAt": "s.created_at", "sentAt": "s.sent_at", "state": "s.state"}, "s.created_at DESC")
	if err != nil {
		return nil, 0, err
	}
	rows := []sendRow{}
	n, err := f.apply(idb.NewSelect().Model(&rows)).OrderExpr("?, s.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list notices: %w", err)
	}
	return rows, n, nil
}

// StateCount counts the sends of a channel in a state.
type StateCount struct {
	Channel string `json:"channel"`
	State   string `json:"state"`
	N       int64  `json:"n"`
}

func countSends(ctx context.Context, idb bun.IDB, since clock.Stamp) ([]StateCount, error) {
	out := []StateCount{}
	err := idb.NewSelect().Model((*sendRow)(nil)).Column("s.channel", "s.state").ColumnExpr("COUNT(*) AS n").
		Where("s.created_at >= ?", since).Group("s.channel", "s.state").Order("s.channel", "s.state").Scan(ctx, &out)
	if err != nil {
		return nil, fmt.Errorf("count notices: %w", err)
	}
	return out, nil
}

// waiting counts what a channel has still to send.
func waiting(ctx context.Context, tx db.Tx, channel string) (int64, error) {
	n, err := tx.NewSelect().Model((*sendRow)(nil)).Where("s.channel = ? AND s.state IN (?)", channel, bun.List([]string{Queued, Sending})).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count waiting notices: %w", err)
	}
	return n, nil
}

func messages(ctx context.Context, idb bun.IDB, person string, unread bool, p httpx.Paging) ([]sendRow, int64, error) {
	rows := []sendRow{}
	q := idb.NewSelect().Model(&rows).Where("s.person = ? AND s.channel = ? AND s.state IN (?)", person, InApp, bun.List([]string{Sent, Read}))
	if unread {
		q = q.Where("s.read_at IS NULL")
	}
	n, err := q.Order("s.created_at DESC", "s.id DESC").Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list messages: %w", err)
	}
	return rows, n, nil
}

func unreadMessages(ctx context.Context, idb bun.IDB, person string) (int64, error) {
	n, err := idb.NewSelect().Model((*sendRow)(nil)).Where("s.person = ? AND s.channel = ? AND s.state = ? AND s.read_at IS NULL", person, InApp, Sent).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count messages: %w", err)
	}
	return n, nil
}

// readMessages marks messages of a person as read, all when ids is empty.
func readMessages(ctx context.Context, tx db.Tx, person string, ids []string) error {
	q := tx.NewUpdate().Model((*sendRow)(nil)).Set("read_at = ?", clock.At(tx.Now())).Set("state = ?", Read).
		Where("person = ? AND channel = ? AND state = ?", person, InApp, Sent)
	if len(ids) > 0 {
		q = q.Where("id IN (?)", bun.List(ids))
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("mark messages read: %w", err)
	}
	return nil
}

// prune forgets receipts older than a moment; sends are the record and stay.
func prune(ctx context.Context, tx db.Tx, before time.Time) error {
	if _, err := tx.NewRaw("DELETE FROM notify_receipts WHERE received_at < ?", clock.At(before)).Exec(ctx); err != nil {
		return fmt.Errorf("prune receipts: %w", err)
	}
	return nil
}
