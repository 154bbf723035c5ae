package access

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// Keys is the cryptography that access uses: codes over the rows that say who
// may do what, and sealed personal data.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	OpenOrPlain(purpose, text, aad string) (string, error)
	Blind(purpose, plain string) string
	Blinds(purpose, plain string) []string
	MAC(purpose string, parts ...string) string
	CheckMAC(purpose, mac string, parts ...string) bool
}

// The purposes of the keys.
const (
	purposeGrant = "grant"
	purposePhone = "person.phone"
	purposeIDNo  = "person.idno"
)

// TopicTampered tells of a row about permissions that was changed beside the
// center. Payload: Tampered.
const TopicTampered = "access.tampered"

// Tampered names a row whose code does not fit.
type Tampered struct {
	Table string `json:"table"`
	ID    string `json:"id"`
	What  string `json:"what"`
}

func stamp(s *clock.Stamp) string {
	if s == nil {
		return ""
	}
	return num(int64(*s))
}

func num(n int64) string { return strconv.FormatInt(n, 10) }

// parts are everything that the code of a row stands for; the table comes
// first, so that a code never fits a row of another one.
func (g *grantRow) parts() []string {
	return []string{
		"access_grants", g.ID, g.PersonID, g.Role, g.Kind, g.Prefixes, g.OrgID, g.ScopeCode, num(int64(g.FromAt)), stamp(g.ToAt),
		g.Reason, g.GrantedBy, stamp(g.RevokedAt), g.RevokedBy, g.RevokeReason, num(int64(g.CreatedAt)),
	}
}

func (r *roleRow) parts(perms, pass []string) []string {
	return []string{"access_roles", r.Code, r.Name, r.State, num(int64(r.Builtin)), strings.Join(slices.Sorted(slices.Values(perms)), ","), strings.Join(slices.Sorted(slices.Values(pass)), ",")}
}

func (r *scopeRow) parts() []string {
	return []string{"access_scopes", r.Code, r.Prefixes, r.State}
}

func (r *exclusionRow) parts() []string {
	return []string{"access_exclusions", r.ID, r.PermsA, r.PermsB, r.State}
}

func (o *orgRow) parts() []string {
	return []string{"access_orgs", o.ID, o.Kind, o.RegionCode, o.ParentID, o.ScopeCode, o.State, o.MergedInto}
}

func (r *substituteRow) parts() []string {
	return []string{
		"access_substitutes", r.ID, r.AbsentID, r.SubstituteID, r.Perms, num(int64(r.FromAt)), num(int64(r.ToAt)), r.State,
		stamp(r.AbsentAgreedAt), stamp(r.SubstituteAgreedAt), stamp(r.EndedAt),
	}
}

func (s *Service) mac(parts []string) string { return s.o.Keys.MAC(purposeGrant, parts...) }

// genuine checks a row's code and notes a row that fails.
func (s *Service) genuine(table, id, mac string, parts []string, what string) bool {
	if mac != "" && s.o.Keys.CheckMAC(purposeGrant, mac, parts...) {
		return true
	}
	s.faults.add(Tampered{Table: table, ID: id, What: what})
	return false
}

// raise turns the rows found bad into one notice each. Inside a transaction
// it leaves them to the next request or job.
func (s *Service) raise(ctx context.Context) {
	list := s.faults.take()
	if len(list) == 0 {
		return
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, f := range list {
			fresh, err := noteFault(ctx, tx, f)
			if err != nil {
				return err
			}
			if !fresh {
				continue
			}
			s.o.Log.Error("a row about permissions was changed beside the center", "table", f.Table, "id", f.ID)
			if err := events.Publish(ctx, tx, TopicTampered, f); err != nil {
				return err
			}
			if err := audit.Record(ctx, tx, audit.Entry{Act: "access.tampered", Object: f.Table, ObjectID: f.ID, Summary: "校验不符，已停止生效：" + f.What}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.faults.back(list)
		s.o.Log.Warn("bad rows about permissions not yet told", "err", err)
	}
}

// VerifyRows checks every row about permissions: bad ones are told, and one that
// is good again may be told anew. A job calls it.
func (s *Service) VerifyRows(ctx context.Context) error {
	s.faults.forget()
	q := s.db.Read()
	known, err := readFaults(ctx, q)
	if err != nil {
		return err
	}
	b, err := s.readBook(ctx, q, 0)
	if err != nil {
		return err
	}
	grants, err := allGrants(ctx, q)
	if err != nil {
		return err
	}
	for i := range grants {
		g := &grants[i]
		s.genuine("access_grants", g.ID, g.MAC, g.parts(), "授权（人员 "+g.PersonID+"，角色 "+b.name(g.Role)+"）")
	}
	subs, err := allSubstitutes(ctx, q)
	if err != nil {
		return err
	}
	for i := range subs {
		u := &subs[i]
		s.genuine("access_substitutes", u.ID, u.MAC, u.parts(), "代理记录")
	}
	s.raise(ctx)
	return s.clear(ctx, known)
}

// clear forgets the faults that were known before and are no more.
func (s *Service) clear(ctx context.Context, known []faultRow) error {
	bad := s.faults.now()
	gone := slices.DeleteFunc(known, func(f faultRow) bool { return bad[f.Tbl+"/"+f.RowID] })
	if len(gone) == 0 {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, f := range gone {
			if err := dropFault(ctx, tx, f.Tbl, f.RowID); err != nil {
				return err
			}
		}
		return nil
	})
}
