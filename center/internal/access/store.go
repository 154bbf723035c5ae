package access

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

type personRow struct {
	bun.BaseModel `bun:"table:access_persons,alias:p"`

	ID           string `bun:",pk"`
	Account      string
	Name         string
	CertNo       string
	Phone        string
	OrgID        string
	PasswordHash string
	MustChange   int
	State        string
	CreatedAt    clock.Stamp
	UpdatedAt    clock.Stamp
	Rev          int
	// Phone and IDNo are sealed; the blind columns serve equality search.
	PhoneBlind string
	IDNo       string `bun:"id_no"`
	IDBlind    string `bun:"id_blind"`
	Posts      string
	CertFrom   int // ymd, 0 for none
	CertTo     int
	LeftAt     *clock.Stamp
}

type orgRow struct {
	bun.BaseModel `bun:"table:access_orgs,alias:g"`

	ID         string `bun:",pk"`
	Name       string
	Kind       string
	RegionCode string
	ParentID   string
	ScopeCode  string
	State      string
	MergedInto string
	UpdatedAt  clock.Stamp
	Rev        int
	MAC        string `bun:"mac"`
}

type grantRow struct {
	bun.BaseModel `bun:"table:access_grants,alias:t"`

	ID           string `bun:",pk"`
	PersonID     string
	Role         string
	Kind         string
	Prefixes     string // joined by commas
	OrgID        string
	ScopeCode    string
	FromAt       clock.Stamp
	ToAt         *clock.Stamp
	Reason       string
	GrantedBy    string
	RevokedAt    *clock.Stamp
	RevokedBy    string
	RevokeReason string
	CreatedAt    clock.Stamp
	MAC          string `bun:"mac"`
}

type sessionRow struct {
	bun.BaseModel `bun:"table:access_sessions,alias:s"`

	TokenHash string `bun:",pk"`
	ID        string
	Method    string
	PersonID  string
	CSRF      string `bun:"csrf"`
	IP        string `bun:"ip"`
	Agent     string
	CreatedAt clock.Stamp
	SeenAt    clock.Stamp
	ExpiresAt clock.Stamp
}

type failureRow struct {
	bun.BaseModel `bun:"table:access_failures,alias:f"`

	Account     string `bun:",pk"`
	Count       int
	LastAt      clock.Stamp
	LockedUntil *clock.Stamp `bun:"locked_until_at"`
}

func personByAccount(ctx context.Context, q bun.IDB, account string) (personRow, error) {
	var p personRow
	err := q.NewSelect().Model(&p).Where("p.account = ?", account).Scan(ctx)
	return p, err
}

func personByID(ctx context.Context, q bun.IDB, id string) (personRow, error) {
	var p personRow
	err := q.NewSelect().Model(&p).Where("p.id = ?", id).Scan(ctx)
	return p, err
}

func orgByID(ctx context.Context, q bun.IDB, id string) (orgRow, error) {
	var o orgRow
	err := q.NewSelect().Model(&o).Where("g.id = ?", id).Scan(ctx)
	return o, err
}

// holdsNow is the condition that a grant holds at a moment (twice).
const holdsNow = "t.revoked_at IS NULL AND t.from_at <= ? AND (t.to_at IS NULL OR t.to_at > ?)"

// grantsOf reads the grants of a person that hold at a moment.
func grantsOf(ctx context.Context, q bun.IDB, person string, now clock.Stamp) ([]grantRow, error) {
	var list []grantRow
	err := q.NewSelect().Model(&list).Where("t.person_id = ?", person).Where(holdsNow, now, now).Order("t.id").Scan(ctx)
	return list, err
}

func (g grantRow) prefixes() []string {
	if g.Prefixes == "" {
		return nil
	}
	return strings.Split(g.Prefixes, ",")
}

func insert(ctx context.Context, tx db.Tx, what string, model any) error {
	if _, err := tx.NewInsert().Model(model).Exec(ctx); err != nil {
		return fmt.Errorf("insert %s: %w", what, err)
	}
	return nil
}

func savePerson(ctx context.Context, tx db.Tx, p *personRow) (bool, error) {
	old := p.Rev
	p.Rev++
	p.UpdatedAt = clock.At(tx.Now())
	res, err := tx.NewUpdate().Model(p).WherePK().Where("p.rev = ?", old).Exec(ctx)
	if err != nil {
		return false, fmt.Errorf("save person: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

func dropSessions(ctx context.Context, tx db.Tx, person string) error {
	if _, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("person_id = ?", person).Exec(ctx); err != nil {
		return fmt.Errorf("drop sessions: %w", err)
	}
	return nil
}

func dropSession(ctx context.Context, tx db.Tx, hash string) error {
	if _, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("token_hash = ?", hash).Exec(ctx); err != nil {
		return fmt.Errorf("drop session: %w", err)
	}
	return nil
}

func sessionByHash(ctx context.Context, q bun.IDB, hash string) (sessionRow, error) {
	var s sessionRow
	err := q.NewSelect().Model(&s).Where("s.token_hash = ?", hash).Scan(ctx)
	return s, err
}

func touchSession(ctx context.Context, tx db.Tx, hash string) error {
	_, err := tx.NewUpdate().Model((*sessionRow)(nil)).Set("seen_at = ?", clock.At(tx.Now())).Where("token_hash = ?", hash).Exec(ctx)
	return err
}

func failureOf(ctx context.Context, q bun.IDB, account string) (failureRow, error) {
	f := failureRow{Account: account}
	err := q.NewSelect().Model(&f).Where("f.account = ?", account).Scan(ctx)
	if db.NoRows(err) {
		return failureRow{Account: account}, nil
	}
	return f, err
}

func saveFailure(ctx context.Context, tx db.Tx, f *failureRow) error {
	_, err := tx.NewInsert().Model(f).On("CONFLICT (account) DO UPDATE").
		Set("count = EXCLUDED.count").Set("last_at = EXCLUDED.last_at").Set("locked_until_at = EXCLUDED.locked_until_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note failed log-in: %w", err)
	}
	return nil
}

func clearFailure(ctx context.Context, tx db.Tx, account string) error {
	if _, err := tx.NewDelete().Model((*failureRow)(nil)).Where("account = ?", account).Exec(ctx); err != nil {
		return fmt.Errorf("clear failed log-ins: %w", err)
	}
	return nil
}

func purge(ctx context.Context, tx db.Tx, idle, failures clock.Stamp) error {
	if _, err := tx.NewDelete().Model((*sessionRow)(nil)).Where("expires_at < ? OR seen_at < ?", clock.At(tx.Now()), idle).Exec(ctx); err != nil {
		return fmt.Errorf("purge sessions: %w", err)
	}
	if _, err := tx.NewDelete().Model((*failureRow)(nil)).Where("last_at < ?", failures).Exec(ctx); err != nil {
		return fmt.Errorf("purge failed log-ins: %w", err)
	}
	return nil
}

// joined is a person with the organisation and, in lists, the lock.
type joined struct {
	personRow `bun:",extend"`

	OrgName     string       `bun:"org_name,scanonly"`
	OrgKind     string       `bun:"org_kind,scanonly"`
	OrgRegion   string       `bun:"org_region,scanonly"`
	LockedUntil *clock.Stamp `bun:"locked_until_at,scanonly"`
	Failures    int          `bun:"failures,scanonly"`
}

type personFilter struct {
	orgs             []string
	role, q, state   string
	phones, idNos    []string // blind
	certFrom, certTo int      // ymd
	order            string
	scope            Scope
	locked           bool
	now              clock.Stamp
}

func listPersons(ctx context.Context, q bun.IDB, f personFilter, limit, offset int64) ([]joined, int64, error) {
	rows := []joined{}
	if f.order == "" {
		f.order = "g.region_code, p.account"
	}
	s := q.NewSelect().Model(&rows).ColumnExpr("p.*").
		ColumnExpr("g.name AS org_name, g.kind AS org_kind, g.region_code AS org_region").
		ColumnExpr("f.locked_until_at AS locked_until_at, COALESCE(f.count, 0) AS failures").
		Join("JOIN access_orgs AS g ON g.id = p.org_id").
		Join("LEFT JOIN access_failures AS f ON f.account = p.account").
		OrderExpr(f.order).OrderExpr("p.id").Limit(limit).Offset(offset)
	n, err := f.apply(s).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list persons: %w", err)
	}
	return rows, int64(n), nil
}

func (f personFilter) apply(s *bun.SelectQuery) *bun.SelectQuery {
	s = f.scope.Filter(s, "g.region_code")
	if len(f.orgs) > 0 {
		s = s.Where("p.org_id IN (?)", bun.List(f.orgs))
	}
	if f.state != "" {
		s = s.Where("p.state = ?", f.state)
	} else {
		s = s.Where("p.state <> 'left'")
	}
	if f.role != "" {
		s = s.Where("EXISTS (SELECT 1 FROM access_grants t WHERE t.person_id = p.id AND t.role = ? AND "+holdsNow+")", f.role, f.now, f.now)
	}
	if f.q != "" {
		s = s.WhereGroup(" AND ", func(s *bun.SelectQuery) *bun.SelectQuery {
			s = s.Where("p.name LIKE ? ESCAPE '!' OR p.account LIKE ? ESCAPE '!' OR p.posts LIKE ? ESCAPE '!' OR p.cert_no = ?", db.Contains(f.q), db.Contains(f.q), db.Contains(f.q), f.q)
			if len(f.phones) > 0 {
				s = s.WhereOr("p.phone_blind IN (?) OR p.id_blind IN (?)", bun.List(f.phones), bun.List(f.idNos))
			}
			return s
		})
	}
	if f.certTo > 0 {
		s = s.Where("p.cert_to >= ? AND p.cert_to <= ?", f.certFrom, f.certTo)
	}
	if f.locked {
		s = s.Where("f.locked_until_at > ?", f.now)
	}
	return s
}

// grantsOfAll reads the grants of persons that hold at a moment.
func grantsOfAll(ctx context.Context, q bun.IDB, persons []string, now clock.Stamp) ([]grantRow, error) {
	var list []grantRow
	if len(persons) == 0 {
		return list, nil
	}
	err := q.NewSelect().Model(&list).Where("t.person_id IN (?)", bun.List(persons)).Where(holdsNow, now, now).Order("t.id").Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return list, nil
}

func listOrgs(ctx context.Context, q bun.IDB) ([]orgRow, error) {
	var rows []orgRow
	if err := q.NewSelect().Model(&rows).Order("g.region_code", "g.kind", "g.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return rows, nil
}

func upsertOrgs(ctx context.Context, tx db.Tx, rows []orgRow) (int64, error) {
	res, err := tx.NewInsert().Model(&rows).On("CONFLICT (id) DO NOTHING").Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("seed organisations: %w", err)
	}
	return res.RowsAffected()
}

func saveOrg(ctx context.Context, tx db.Tx, o *orgRow) error {
	if _, err := tx.NewUpdate().Model(o).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save organisation: %w", err)
	}
	return nil
}

func squadOf(ctx context.Context, q bun.IDB, region string) (orgRow, error) {
	var o orgRow
	err := q.NewSelect().Model(&o).Where("g.kind = 'squad' AND g.state = 'active' AND g.region_code = ?", region).Order("g.id").Limit(1).Scan(ctx)
	return o, err
}

func districtOf(ctx context.Context, q bun.IDB, region string) (orgRow, error) {
	var o orgRow
	err := q.NewSelect().Model(&o).Where("g.kind = 'district' AND g.state = 'active' AND g.region_code = ?", region).Order("g.id").Limit(1).Scan(ctx)
	return o, err
}

func saveGrant(ctx context.Context, tx db.Tx, g *grantRow) error {
	if _, err := tx.NewUpdate().Model(g).WherePK().Exec(ctx); err != nil {
		return fmt.Errorf("save grant: %w", err)
	}
	return nil
}

func allGrants(ctx context.Context, q reader) ([]grantRow, error) {
	var rows []grantRow
	if err := q.NewSelect().Model(&rows).Order("t.id").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read grants: %w", err)
	}
	return rows, nil
}

// lockVersion makes other centers wait until the transaction ends.
func lockVersion(ctx context.Context, tx db.Tx) error {
	if _, err := tx.NewUpdate().TableExpr("access_versions").Set("version = version").Where("name = 'roles'").Exec(ctx); err != nil {
		return fmt.Errorf("lock roles: %w", err)
	}
	return nil
}
