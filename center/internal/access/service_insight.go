package access

import (
	"context"
	"slices"
	"strings"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Sample is how many rows a person sees by one permission.
type Sample struct {
	Perm  string `json:"perm"`
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// UseSamples sets who counts what an actor sees; call it before requests
// come.
func (s *Service) UseSamples(f func(ctx context.Context, a Actor) ([]Sample, error)) { s.samples = f }

// Because is one grant that gives a permission.
type Because struct {
	GrantID   string       `json:"grantId"`
	Role      string       `json:"role"`
	RoleName  string       `json:"roleName"`
	ScopeName string       `json:"scopeName"`
	Prefixes  []string     `json:"prefixes"`
	Own       bool         `json:"own"`
	From      clock.Stamp  `json:"from"`
	To        *clock.Stamp `json:"to,omitempty"`
	GrantedBy string       `json:"grantedBy"`
	// Via names the absent person whose substitute gets it.
	Via string `json:"via,omitempty"`
}

// Holding is one permission of a person and why they have it.
type Holding struct {
	Perm string `json:"perm"`
	Name string `json:"name"`
	// Prefixes is where it holds, all grants together.
	Prefixes []string  `json:"prefixes"`
	Where    string    `json:"where"`
	Because  []Because `json:"because"`
	// Pass tells that the person may hand it on; Use that they have it.
	Use  bool `json:"use"`
	Pass bool `json:"pass"`
}

// Insight is what a person may do and see, and why.
type Insight struct {
	Person   Person    `json:"person"`
	Holdings []Holding `json:"holdings"`
	Samples  []Sample  `json:"samples"`
	// Grants are all of the person's grants that have not ended, those that
	// give nothing too.
	Grants []Grant `json:"grants"`
}

// Explain tells what a person may do and see, and by which grants.
func (s *Service) Explain(ctx context.Context, id string) (Insight, error) {
	who, err := Need(ctx, RoleView)
	if err != nil {
		return Insight{}, err
	}
	if _, err := s.inScope(ctx, who, id); err != nil {
		return Insight{}, err
	}
	p, err := s.Person(ctx, id)
	if err != nil {
		return Insight{}, err
	}
	out := Insight{Person: p, Holdings: []Holding{}, Samples: []Sample{}, Grants: []Grant{}}
	if out.Grants, _, err = s.grants(ctx, SystemScope(), GrantFilter{PersonID: id, Limit: 200, Order: "t.from_at"}); err != nil {
		return Insight{}, err
	}
	a, err := s.ActorOf(ctx, id)
	if errs.Is(err, errs.NotFoundCode) {
		return out, nil // disabled or left: nothing holds
	}
	if err != nil {
		return Insight{}, err
	}
	if out.Holdings, err = s.holdings(ctx, a, out.Grants); err != nil {
		return Insight{}, err
	}
	if s.samples != nil {
		if out.Samples, err = s.samples(ctx, a); err != nil {
			return Insight{}, err
		}
	}
	return out, nil
}

func (s *Service) holdings(ctx context.Context, a Actor, grants []Grant) ([]Holding, error) {
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	names, err := namesOf(ctx, s.db.Read(), a.ActsFor)
	if err != nil {
		return nil, err
	}
	list := []Holding{}
	for _, p := range Permissions() {
		h := Holding{Perm: p.Code, Name: p.Name, Because: []Because{}, Prefixes: []string{}}
		for _, x := range a.held {
			if !x.Perms[p.Code] && !x.Pass[p.Code] && !x.Pass[AnyPermission] {
				continue
			}
			h.Pass = h.Pass || x.Pass[p.Code] || x.Pass[AnyPermission]
			if !x.Perms[p.Code] {
				continue
			}
			h.Use = true
			w := Because{GrantID: x.GrantID, Role: x.Role, RoleName: x.RoleName, Prefixes: x.Scope.Prefixes, Own: len(x.Scope.Own) > 0, To: x.Until, Via: names[x.Via]}
			if w.Prefixes == nil {
				w.Prefixes = []string{}
			}
			w.ScopeName = strings.Join(b.regionNames(w.Prefixes), "、")
			if i := slices.IndexFunc(grants, func(g Grant) bool { return g.ID == x.GrantID }); i >= 0 {
				w.From, w.GrantedBy, w.ScopeName = grants[i].From, grants[i].GrantedBy, grants[i].ScopeName
			}
			h.Because = append(h.Because, w)
		}
		if h.Use {
			sc := a.ScopeFor(p.Code)
			h.Prefixes = sc.Prefixes
			h.Where = strings.Join(b.regionNames(sc.Prefixes), "、")
			if len(sc.Own) > 0 {
				h.Where = strings.Trim(h.Where+"、本人", "、")
			}
		}
		if h.Use || h.Pass {
			list = append(list, h)
		}
	}
	return list, nil
}

// MatrixRow is a person in the matrix of persons and permissions.
type MatrixRow struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Account string   `json:"account"`
	OrgName string   `json:"orgName"`
	Roles   []string `json:"roles"`
	// Where gives, for each permission that the person has, the prefixes.
	Where map[string][]string `json:"where"`
}

// PersonMatrix lists what each person of the actor's scope may do, and where.
func (s *Service) PersonMatrix(ctx context.Context, f PersonFilter) ([]MatrixRow, int64, error) {
	who, err := Need(ctx, RoleView)
	if err != nil {
		return nil, 0, err
	}
	rows, n, err := s.persons(ctx, who.Scope, f)
	if err != nil {
		return nil, 0, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, 0, err
	}
	now := s.db.Now()
	out := make([]MatrixRow, 0, len(rows))
	for _, r := range rows {
		x := MatrixRow{ID: r.ID, Name: r.Name, Account: r.Account, OrgName: r.OrgName, Roles: []string{}, Where: map[string][]string{}}
		if r.State == StateActive {
			a, err := s.actorOf(ctx, s.db.Read(), r.personRow, now)
			if err != nil {
				return nil, 0, err
			}
			for _, c := range a.Roles {
				x.Roles = append(x.Roles, b.name(c))
			}
			for p := range a.Perms {
				sc := a.ScopeFor(p)
				x.Where[p] = slices.Clone(sc.Prefixes)
				if len(sc.Own) > 0 {
					x.Where[p] = append(x.Where[p], "own")
				}
			}
		}
		out = append(out, x)
	}
	return out, n, nil
}

// Fault is a row about permissions that was changed beside the center.
type Fault struct {
	Table  string      `json:"table"`
	RowID  string      `json:"rowId"`
	What   string      `json:"what"`
	SeenAt clock.Stamp `json:"seenAt"`
}

// Faults lists the bad rows that are known, newest first.
func (s *Service) Faults(ctx context.Context) ([]Fault, error) {
	if _, err := Need(ctx, RoleView); err != nil {
		return nil, err
	}
	rows, err := readFaults(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]Fault, 0, len(rows))
	for _, r := range rows {
		if r.Tbl == "access_grants" {
			r.What = s.grantWords(ctx, r)
		}
		out = append(out, Fault{Table: r.Tbl, RowID: r.RowID, What: r.What, SeenAt: r.SeenAt})
	}
	return out, nil
}

// grantWords names the person of a bad grant, as the row says now.
func (s *Service) grantWords(ctx context.Context, r faultRow) string {
	g, err := grantByID(ctx, s.db.Read(), r.RowID)
	if err != nil {
		return r.What
	}
	names, err := namesOf(ctx, s.db.Read(), []string{g.PersonID})
	if err != nil || names[g.PersonID] == "" {
		return r.What
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return r.What
	}
	return "授权：" + names[g.PersonID] + "，" + b.name(g.Role)
}
