package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

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
	// Active is false for a disabled account and for those who left.
	Active bool `json:"active"`

	perms  map[string]bool
	groups []Group
}

// Holds tells whether the person is active and has a role with the permission.
func (p Person) Holds(perm string) bool { return p.Active && p.perms[perm] }

// person makes the view of a row, with the permissions of the roles.
func (s *Service) person(j joined, b *rolebook, roles []string) Person {
	if roles == nil {
		roles = []string{}
	}
	return Person{
		ID: j.ID, Name: j.Name, Account: j.Account, CertNo: j.CertNo, OrgID: j.OrgID, OrgName: j.OrgName, Roles: roles,
		Phone: MaskPhone(s.phone(j.personRow)), Active: j.State == StateActive, perms: b.perms(roles),
	}
}

// MaskPhone hides the middle of a telephone number.
func MaskPhone(p string) string {
	if len(p) < 7 {
		return strings.Repeat("*", len(p))
	}
	return p[:3] + strings.Repeat("*", len(p)-7) + p[len(p)-4:]
}

// MaskIDNo hides all of an identity number but its ends.
func MaskIDNo(n string) string {
	if len(n) < 8 {
		return strings.Repeat("*", len(n))
	}
	return n[:3] + strings.Repeat("*", len(n)-5) + n[len(n)-2:]
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
	b, err := s.book(ctx, q)
	if err != nil {
		return Person{}, err
	}
	o, err := orgByID(ctx, q, p.OrgID)
	if err != nil {
		return Person{}, fmt.Errorf("read person's organisation: %w", err)
	}
	roles, err := s.rolesOfAll(ctx, q, []string{id}, clock.At(s.db.Now()))
	if err != nil {
		return Person{}, err
	}
	return s.person(joined{personRow: p, OrgName: o.Name}, b, roles[id]), nil
}

// PersonFilter narrows a list of persons.
type PersonFilter struct {
	OrgID, Role, Q string
	// Below takes the organisations under OrgID too.
	Below bool
	// State is active, disabled or left; empty for all but those who left.
	State string
	// Expiring keeps those whose enforcement certificate ends within days.
	Expiring int
	// Locked keeps only accounts that are locked now.
	Locked        bool
	Order         string
	Limit, Offset int64
}

// Persons lists the people of the organisations where the actor has anything
// to do: names, and masked telephone numbers.
func (s *Service) Persons(ctx context.Context, f PersonFilter) ([]Person, int64, error) {
	who, err := From(ctx)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := s.persons(ctx, who.Reach(), f)
	if err != nil {
		return nil, 0, err
	}
	roles, err := s.rolesOf(ctx, rows)
	if err != nil {
		return nil, 0, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, 0, err
	}
	out := make([]Person, 0, len(rows))
	for _, r := range rows {
		out = append(out, s.person(r, b, roles[r.ID]))
	}
	return out, n, nil
}

func (s *Service) persons(ctx context.Context, scope Scope, f PersonFilter) ([]joined, int64, error) {
	now := s.db.Now()
	pf := personFilter{
		role: f.Role, q: strings.TrimSpace(f.Q), scope: scope, locked: f.Locked, now: clock.At(now), state: f.State, order: f.Order,
	}
	if f.Expiring > 0 {
		pf.certFrom, pf.certTo = 1, clock.YMD(now.AddDate(0, 0, f.Expiring))
	}
	if len(pf.q) >= 7 { // a whole telephone or identity number
		pf.phones, pf.idNos = s.o.Keys.Blinds(purposePhone, pf.q), s.o.Keys.Blinds(purposeIDNo, strings.ToUpper(pf.q))
	}
	if f.OrgID != "" {
		pf.orgs = []string{f.OrgID}
		if f.Below {
			b, err := s.book(ctx, s.db.Read())
			if err != nil {
				return nil, 0, err
			}
			pf.orgs = b.below(f.OrgID)
		}
	}
	return listPersons(ctx, s.db.Read(), pf, max(f.Limit, 1), f.Offset)
}

// below lists an organisation and all under it.
func (b *rolebook) below(id string) []string {
	out := []string{id}
	for i := 0; i < len(out); i++ {
		for _, o := range b.orgs {
			if o.ParentID == out[i] && !slices.Contains(out, o.ID) {
				out = append(out, o.ID)
			}
		}
	}
	return out
}

func (s *Service) rolesOf(ctx context.Context, rows []joined) (map[string][]string, error) {
	list := make([]string, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.ID)
	}
	return s.rolesOfAll(ctx, s.db.Read(), list, clock.At(s.db.Now()))
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

func checkAccount(f *errs.Fields, account, name string) {
	f.Check(len(account) >= 3 && len(account) <= 32 && !strings.ContainsAny(account, " \t\n/"), "account", "账号应为 3 到 32 个字符，不含空格")
	f.Check(strings.TrimSpace(name) != "" && len([]rune(name)) <= 40, "name", "请填写姓名，最多 40 字")
}

func checkPrefixes(f *errs.Fields, list []string) {
	for _, p := range list {
		f.Check(p != "" && strings.Trim(p, "0123456789") == "" && len(p) <= 12, "prefixes", "数据范围应为区划代码前缀，现在是 %q", p)
	}
}

func (n *NewPerson) validate(b *rolebook) error {
	var f errs.Fields
	checkAccount(&f, n.Account, n.Name)
	for _, r := range n.Roles {
		_, ok := b.live(r)
		f.Check(ok, "roles", "没有角色 %s", r)
	}
	checkPrefixes(&f, n.Prefixes)
	if c := b.conflict(b.perms(n.Roles)); c != "" {
		f.Add("roles", "%s", c)
	}
	if err := CheckPassword("password", n.Account, n.Password); err != nil {
		f.Add("password", "%s", err.(*errs.Error).Message) //nolint:errorlint // CheckPassword returns it bare
	}
	return f.Err()
}

// EnsurePerson makes the account when it is absent and gives its id. An
// existing account keeps its password; its roles and scope are set anew.
func (s *Service) EnsurePerson(ctx context.Context, n NewPerson) (string, error) {
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return "", err
	}
	if err := n.validate(b); err != nil {
		return "", fmt.Errorf("account %s: %w", n.Account, err)
	}
	h := ""
	_, err = personByAccount(ctx, s.db.Read(), n.Account)
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
			p = personRow{ID: ids.New(), Account: n.Account, Name: n.Name, CertNo: n.CertNo, OrgID: org.ID, PasswordHash: h, State: StateActive, CreatedAt: now, UpdatedAt: now, Rev: 1}
			if n.MustChange {
				p.MustChange = 1
			}
			if err := s.sealPhone(&p, n.Phone); err != nil {
				return err
			}
			if err := insert(ctx, tx, "person", &p); err != nil {
				return err
			}
		case err != nil:
			return fmt.Errorf("read account: %w", err)
		}
		id = p.ID
		if err := s.setGrants(ctx, tx, p.ID, n.Roles, n.Prefixes, org); err != nil {
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

// setGrants makes the grants of the installation itself: those that are
// there stay, others are revoked, missing ones added.
func (s *Service) setGrants(ctx context.Context, tx db.Tx, person string, roles, prefixes []string, org orgRow) error {
	now := clock.At(tx.Now())
	have, err := grantsOf(ctx, tx, person, now)
	if err != nil {
		return fmt.Errorf("read grants: %w", err)
	}
	want := map[string]grantRow{}
	for _, r := range roles {
		g := grantRow{PersonID: person, Role: r, Kind: KindOrg, OrgID: org.ID, FromAt: now, CreatedAt: now, GrantedBy: "system", Reason: "安装时设定"}
		if len(prefixes) > 0 {
			g.Kind, g.OrgID, g.Prefixes = KindRegion, "", strings.Join(normal(prefixes), ",")
		}
		want[r] = g
	}
	for i := range have {
		g := &have[i]
		if w, ok := want[g.Role]; ok && g.Kind == w.Kind && g.OrgID == w.OrgID && g.Prefixes == w.Prefixes && g.ToAt == nil &&
			s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+person+"）") {
			delete(want, g.Role)
			continue
		}
		if err := s.revoke(ctx, tx, g, "system", "安装时重设"); err != nil {
			return err
		}
	}
	for _, r := range slices.Compact(slices.Sorted(slices.Values(roles))) {
		if g, ok := want[r]; ok {
			g.ID = ids.New()
			g.MAC = s.mac(g.parts())
			if err := insert(ctx, tx, "grant", &g); err != nil {
				return err
			}
		}
	}
	return nil
}

// revoke ends a grant and signs it anew.
func (s *Service) revoke(ctx context.Context, tx db.Tx, g *grantRow, by, reason string) error {
	g.RevokedAt, g.RevokedBy, g.RevokeReason = clock.Ptr(tx.Now()), by, reason
	g.MAC = s.mac(g.parts())
	return saveGrant(ctx, tx, g)
}

// phone opens a person's telephone number; one that cannot be opened shows
// as empty and is logged.
func (s *Service) phone(p personRow) string {
	return s.opened(purposePhone, p.Phone, "access_persons.phone:"+p.ID)
}

func (s *Service) idNo(p personRow) string {
	return s.opened(purposeIDNo, p.IDNo, "access_persons.id_no:"+p.ID)
}

func (s *Service) opened(purpose, text, aad string) string {
	if text == "" {
		return ""
	}
	plain, err := s.o.Keys.OpenOrPlain(purpose, text, aad)
	if err != nil {
		s.o.Log.Error("sealed field cannot be opened", "field", aad, "err", err)
		return ""
	}
	return plain
}

func (s *Service) sealPhone(p *personRow, phone string) error {
	sealed, err := s.o.Keys.Seal(purposePhone, phone, "access_persons.phone:"+p.ID)
	if err != nil {
		return fmt.Errorf("seal telephone number: %w", err)
	}
	p.Phone, p.PhoneBlind = sealed, ""
	if phone != "" {
		p.PhoneBlind = s.o.Keys.Blind(purposePhone, phone)
	}
	return nil
}

func (s *Service) sealIDNo(p *personRow, idNo string) error {
	idNo = strings.ToUpper(idNo)
	sealed, err := s.o.Keys.Seal(purposeIDNo, idNo, "access_persons.id_no:"+p.ID)
	if err != nil {
		return fmt.Errorf("seal identity number: %w", err)
	}
	p.IDNo, p.IDBlind = sealed, ""
	if idNo != "" {
		p.IDBlind = s.o.Keys.Blind(purposeIDNo, idNo)
	}
	return nil
}
