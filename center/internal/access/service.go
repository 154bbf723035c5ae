package access

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

// Options configure the service; the zero value of each has a default.
type Options struct {
	Hash HashParams
	// Idle and Absolute end a session: without use, and at all.
	Idle, Absolute time.Duration
	// MaxFailures locks an account for LockFor.
	MaxFailures int
	LockFor     time.Duration
	// PerIP and PerAccount bound log-in attempts in a minute.
	PerIP, PerAccount int
	// Kicked is told whose sessions were ended.
	Kicked func(personID string)
	Log    *slog.Logger
}

// Service is the use cases of access.
type Service struct {
	db      *db.DB
	o       Options
	hash    *hasher
	byIP    *limiter
	byName  *limiter
	noMatch string // a hash that is compared when the account is unknown
	hooks   SignIn
	chain   []Identifier
}

// New makes the service.
func New(d *db.DB, o Options) (*Service, error) {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	defInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Idle, 2*time.Hour)
	def(&o.Absolute, 12*time.Hour)
	def(&o.LockFor, 15*time.Minute)
	defInt(&o.MaxFailures, 5)
	defInt(&o.PerIP, 60)
	defInt(&o.PerAccount, 10)
	if o.Hash == (HashParams{}) {
		o.Hash = DefaultHash()
	}
	if o.Kicked == nil {
		o.Kicked = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	s := &Service{db: d, o: o, hash: newHasher(o.Hash), byIP: newLimiter(time.Minute), byName: newLimiter(time.Minute)}
	h, err := s.hash.Hash(context.Background(), randomText(16))
	if err != nil {
		return nil, fmt.Errorf("start access: %w", err)
	}
	s.noMatch = h
	return s, nil
}

// Org is an organisation.
type Org struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Kind       string `json:"kind" enum:"bureau,district,squad,unit"`
	RegionCode string `json:"regionCode"`
	ParentID   string `json:"parentId"`
}

func (o orgRow) org() Org {
	return Org{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID}
}

// Person is a person as others see them.
type Person struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Account string   `json:"account"`
	CertNo  string   `json:"certNo"`
	OrgID   string   `json:"orgId"`
	OrgName string   `json:"orgName"`
	Roles   []string `json:"roles"`
	// Phone is masked.
	Phone string `json:"phone"`
	// Active is false for a disabled account.
	Active bool `json:"active"`
}

// Holds tells whether the person is active and has a role with the permission.
func (p Person) Holds(perm string) bool { return p.Active && permsOf(p.Roles)[perm] }

func (j joined) person(roles []string) Person {
	if roles == nil {
		roles = []string{}
	}
	return Person{ID: j.ID, Name: j.Name, Account: j.Account, CertNo: j.CertNo, OrgID: j.OrgID, OrgName: j.OrgName, Roles: roles, Phone: MaskPhone(j.Phone), Active: j.State == "active"}
}

// MaskPhone hides the middle of a telephone number.
func MaskPhone(p string) string {
	if len(p) < 7 {
		return strings.Repeat("*", len(p))
	}
	return p[:3] + strings.Repeat("*", len(p)-7) + p[len(p)-4:]
}

// Person finds a person by id, whatever the scope: for names in timelines.
func (s *Service) Person(ctx context.Context, id string) (Person, error) {
	q := s.db.Read()
	p, err := personByID(ctx, q, id)
	if db.NoRows(err) {
		return Person{}, errs.NotFound("人员")
	}
	if err != nil {
		return Person{}, fmt.Errorf("read person: %w", err)
	}
	o, err := orgByID(ctx, q, p.OrgID)
	if err != nil {
		return Person{}, fmt.Errorf("read person's organisation: %w", err)
	}
	roles, err := rolesOfAll(ctx, q, []string{id}, clock.At(s.db.Now()))
	if err != nil {
		return Person{}, err
	}
	return joined{personRow: p, OrgName: o.Name}.person(roles[id]), nil
}

// Org finds an organisation by id.
func (s *Service) Org(ctx context.Context, id string) (Org, error) {
	o, err := orgByID(ctx, s.db.Read(), id)
	if db.NoRows(err) {
		return Org{}, errs.NotFound("机构")
	}
	if err != nil {
		return Org{}, fmt.Errorf("read organisation: %w", err)
	}
	return o.org(), nil
}

// Orgs lists every organisation; they are no secret.
func (s *Service) Orgs(ctx context.Context) ([]Org, error) {
	rows, err := listOrgs(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]Org, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.org())
	}
	return out, nil
}

// SquadOf suggests who works in a region: the squad of the street, else the
// district's bureau.
func (s *Service) SquadOf(ctx context.Context, regionCode string) (Org, error) {
	if len(regionCode) >= 9 {
		o, err := squadOf(ctx, s.db.Read(), regionCode[:9])
		if err == nil {
			return o.org(), nil
		}
		if !db.NoRows(err) {
			return Org{}, fmt.Errorf("find squad: %w", err)
		}
	}
	if len(regionCode) >= 6 {
		o, err := districtOf(ctx, s.db.Read(), regionCode[:6])
		if err == nil {
			return o.org(), nil
		}
		if !db.NoRows(err) {
			return Org{}, fmt.Errorf("find district bureau: %w", err)
		}
	}
	return Org{}, errs.NotFound("对应的中队")
}

// DistrictOf finds the bureau of the district that a region lies in.
func (s *Service) DistrictOf(ctx context.Context, regionCode string) (Org, error) {
	if len(regionCode) < 6 {
		return Org{}, errs.NotFound("区局")
	}
	o, err := districtOf(ctx, s.db.Read(), regionCode[:6])
	if db.NoRows(err) {
		return Org{}, errs.NotFound("区局")
	}
	if err != nil {
		return Org{}, fmt.Errorf("find district bureau: %w", err)
	}
	return o.org(), nil
}

// PersonFilter narrows a list of persons.
type PersonFilter struct {
	OrgID, Role, Q string
	// Locked keeps only accounts that are locked now.
	Locked        bool
	Limit, Offset int64
}

// Persons lists the people of the organisations in the actor's scope.
func (s *Service) Persons(ctx context.Context, f PersonFilter) ([]Person, int64, error) {
	who, err := From(ctx)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := s.persons(ctx, who.Scope, f)
	if err != nil {
		return nil, 0, err
	}
	roles, err := s.rolesOf(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Person, 0, len(rows))
	for _, r := range rows {
		out = append(out, r.person(roles[r.ID]))
	}
	return out, n, nil
}

func (s *Service) persons(ctx context.Context, scope Scope, f PersonFilter) ([]joined, int64, error) {
	return listPersons(ctx, s.db.Read(), personFilter{org: f.OrgID, role: f.Role, q: strings.TrimSpace(f.Q), scope: scope, locked: f.Locked, now: clock.At(s.db.Now())},
		max(f.Limit, 1), f.Offset)
}

func (s *Service) rolesOf(ctx context.Context, rows []joined) (map[string][]string, error) {
	list := make([]string, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.ID)
	}
	return rolesOfAll(ctx, s.db.Read(), list, clock.At(s.db.Now()))
}

// NewPerson is what makes an account.
type NewPerson struct {
	Account, Name, CertNo, Phone string
	OrgID                        string
	Password                     string
	// MustChange makes the person choose another password at first.
	MustChange bool
	Roles      []string
	// Prefixes is the data scope of the roles; empty means the region of
	// the organisation.
	Prefixes []string
}

func (n *NewPerson) validate() error {
	var f errs.Fields
	f.Check(len(n.Account) >= 3 && len(n.Account) <= 32 && !strings.ContainsAny(n.Account, " \t\n/"), "account", "账号应为 3 到 32 个字符，不含空格")
	f.Check(n.Name != "", "name", "请填写姓名")
	for _, r := range n.Roles {
		_, ok := RoleByCode(r)
		f.Check(ok, "roles", "没有角色 %s", r)
	}
	for _, p := range n.Prefixes {
		f.Check(p != "" && strings.Trim(p, "0123456789") == "" && len(p) <= 12, "prefixes", "数据范围应为区划代码前缀，现在是 %q", p)
	}
	if err := CheckPassword("password", n.Account, n.Password); err != nil {
		f.Add("password", "%s", err.(*errs.Error).Message) //nolint:errorlint // CheckPassword returns it bare
	}
	return f.Err()
}

// EnsurePerson makes the account when it is absent and gives its id. An
// existing account keeps its password; its roles and scope are set anew.
func (s *Service) EnsurePerson(ctx context.Context, n NewPerson) (string, error) {
	if err := n.validate(); err != nil {
		return "", fmt.Errorf("account %s: %w", n.Account, err)
	}
	h := ""
	_, err := personByAccount(ctx, s.db.Read(), n.Account)
	if db.NoRows(err) {
		h, err = s.hash.Hash(ctx, n.Password)
	}
	if err != nil {
		return "", fmt.Errorf("account %s: %w", n.Account, err)
	}
	id := ""
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		org, err := orgByID(ctx, tx, n.OrgID)
		if db.NoRows(err) {
			return errs.Invalidf("orgId", "没有机构 %s", n.OrgID)
		}
		if err != nil {
			return fmt.Errorf("read organisation: %w", err)
		}
		p, err := personByAccount(ctx, tx, n.Account)
		now := clock.At(tx.Now())
		fresh := db.NoRows(err)
		switch {
		case fresh:
			p = personRow{ID: ids.New(), Account: n.Account, Name: n.Name, CertNo: n.CertNo, Phone: n.Phone, OrgID: org.ID, PasswordHash: h, State: "active", CreatedAt: now, UpdatedAt: now, Rev: 1}
			if n.MustChange {
				p.MustChange = 1
			}
			if err := insert(ctx, tx, "person", &p); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("read account: %w", err)
		}
		id = p.ID
		if err := s.grant(ctx, tx, p.ID, n.Roles, n.Prefixes, org); err != nil {
			return err
		}
		if !fresh {
			return nil
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "account.create", Object: "account", ObjectID: p.ID, RegionCode: org.RegionCode,
			Summary: "建立账号 " + p.Account, After: map[string]any{"account": p.Account, "orgId": p.OrgID, "roles": n.Roles}})
	})
	return id, err
}

func (s *Service) grant(ctx context.Context, tx db.Tx, person string, roles, prefixes []string, org orgRow) error {
	if len(prefixes) == 0 {
		prefixes = []string{prefixOf(org.RegionCode)}
	}
	now := clock.At(tx.Now())
	rows := []grantRow{}
	for _, r := range slices.Compact(slices.Sorted(slices.Values(roles))) {
		rows = append(rows, grantRow{ID: ids.New(), PersonID: person, Role: r, Prefixes: strings.Join(normal(prefixes), ","), FromAt: now, CreatedAt: now})
	}
	return replaceGrants(ctx, tx, person, rows)
}

// SeedOrgs adds the organisations that are absent.
func (s *Service) SeedOrgs(ctx context.Context, list []Org) error {
	rows := make([]orgRow, 0, len(list))
	for _, o := range list {
		rows = append(rows, orgRow{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID})
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return upsertOrgs(ctx, tx, rows) })
}

// Purge forgets sessions and failures that hold no more; a job calls it.
func (s *Service) Purge(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		return purge(ctx, tx, clock.At(now.Add(-s.policy().Idle)), clock.At(now.Add(-24*time.Hour)))
	})
}
