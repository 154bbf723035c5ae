package access

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
)

// StateLeft is a person who has left; the name stays in what was done.
const StateLeft = "left"

// Member is a person as the administrator of organisations sees them. The
// numbers are masked; Reveal opens them.
type Member struct {
	Person
	State    string `json:"state" enum:"active,disabled,left"`
	IDNo     string `json:"idNo"`
	Posts    string `json:"posts"`
	CertFrom int    `json:"certFrom"`
	CertTo   int    `json:"certTo"`
	// CertState is none, valid, expiring (90 days) or expired.
	CertState string       `json:"certState" enum:"none,valid,expiring,expired"`
	LeftAt    *clock.Stamp `json:"leftAt,omitempty"`
	Rev       int          `json:"rev"`
}

func (s *Service) member(j joined, b *rolebook, roles []string) Member {
	m := Member{
		Person: s.person(j, b, roles), State: j.State, IDNo: MaskIDNo(s.idNo(j.personRow)), Posts: j.Posts, CertFrom: j.CertFrom, CertTo: j.CertTo,
		CertState: "none", LeftAt: j.LeftAt, Rev: j.Rev,
	}
	now := s.db.Now()
	switch {
	case j.CertNo == "" || j.CertTo == 0:
		if j.CertNo != "" {
			m.CertState = "valid"
		}
	case j.CertTo < clock.YMD(now):
		m.CertState = "expired"
	case j.CertTo <= clock.YMD(now.AddDate(0, 0, 90)):
		m.CertState = "expiring"
	default:
		m.CertState = "valid"
	}
	return m
}

// Members lists people for the administrator of organisations.
func (s *Service) Members(ctx context.Context, f PersonFilter) ([]Member, int64, error) {
	who, err := Need(ctx, OrgManage)
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
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, 0, err
	}
	out := make([]Member, 0, len(rows))
	for _, r := range rows {
		out = append(out, s.member(r, b, roles[r.ID]))
	}
	return out, n, nil
}

// MemberInput makes or changes a person. Phone and IDNo nil keep what is
// stored.
type MemberInput struct {
	Account, Name, OrgID string
	Phone, IDNo          *string
	CertNo, Posts        string
	CertFrom, CertTo     int
	Rev                  int
}

func (in *MemberInput) validate(b *rolebook, scope Scope) error {
	var f errs.Fields
	in.Account, in.Name = strings.TrimSpace(in.Account), strings.TrimSpace(in.Name)
	checkAccount(&f, in.Account, in.Name)
	o, ok := b.orgs[in.OrgID]
	f.Check(ok && o.State == StateActive && scope.Covers(o.RegionCode), "orgId", "没有这个机构，或不在您的管理范围内")
	if in.Phone != nil {
		*in.Phone = strings.TrimSpace(*in.Phone)
		f.Check(*in.Phone == "" || len(*in.Phone) >= 7 && len(*in.Phone) <= 20 && strings.Trim(*in.Phone, "0123456789-+ ") == "", "phone", "电话应为 7 到 20 位数字")
	}
	if in.IDNo != nil {
		*in.IDNo = strings.ToUpper(strings.TrimSpace(*in.IDNo))
		f.Check(*in.IDNo == "" || ValidIDNo(*in.IDNo), "idNo", "身份证号应为 18 位且校验码正确")
	}
	f.Check(len([]rune(in.CertNo)) <= 40, "certNo", "执法证号最多 40 字")
	f.Check(len([]rune(in.Posts)) <= 100, "posts", "岗位最多 100 字")
	f.Check(validYMD(in.CertFrom), "certFrom", "日期应为 20260101 样式")
	f.Check(validYMD(in.CertTo), "certTo", "日期应为 20260101 样式")
	f.Check(in.CertTo == 0 || in.CertFrom <= in.CertTo, "certTo", "有效期止应不早于有效期起")
	return f.Err()
}

func validYMD(v int) bool {
	if v == 0 {
		return true
	}
	y, m, d := v/10000, v/100%100, v%100
	return y >= 1950 && y <= 2200 && m >= 1 && m <= 12 && d >= 1 && d <= 31
}

// ValidIDNo checks a resident identity number by GB 11643: 17 digits and the
// check character.
func ValidIDNo(n string) bool {
	if len(n) != 18 || strings.Trim(n[:17], "0123456789") != "" {
		return false
	}
	sum := 0
	for i := range 17 {
		w := 1 << (17 - i) % 11
		sum += int(n[i]-'0') * w
	}
	return n[17] == "10X98765432"[sum%11]
}

func (s *Service) fill(p *personRow, in MemberInput) error {
	p.Name, p.CertNo, p.Posts, p.CertFrom, p.CertTo = in.Name, in.CertNo, in.Posts, in.CertFrom, in.CertTo
	if in.Phone != nil {
		if err := s.sealPhone(p, *in.Phone); err != nil {
			return err
		}
	}
	if in.IDNo != nil {
		return s.sealIDNo(p, *in.IDNo)
	}
	return nil
}

// CreateMember makes a person without a password: the security administrator
// gives the first one.
func (s *Service) CreateMember(ctx context.Context, in MemberInput) (Member, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return Member{}, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return Member{}, err
	}
	if err := in.validate(b, who.Scope); err != nil {
		return Member{}, err
	}
	id := ""
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		id, err = s.addMember(ctx, tx, b, in)
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return s.Member(ctx, id)
}

func (s *Service) addMember(ctx context.Context, tx db.Tx, b *rolebook, in MemberInput) (string, error) {
	if _, err := personByAccount(ctx, tx, in.Account); err == nil {
		return "", errs.Invalidf("account", "账号 %s 已存在", in.Account)
	} else if !db.NoRows(err) {
		return "", fmt.Errorf("look up account: %w", err)
	}
	now := clock.At(tx.Now())
	// noMatch is the hash of a text that nobody knows.
	p := personRow{ID: ids.New(), Account: in.Account, OrgID: in.OrgID, PasswordHash: s.noMatch, MustChange: 1, State: StateActive, CreatedAt: now, UpdatedAt: now, Rev: 1}
	if err := s.fill(&p, in); err != nil {
		return "", err
	}
	if err := s.unique(ctx, tx, p); err != nil {
		return "", err
	}
	if err := insert(ctx, tx, "person", &p); err != nil {
		return "", err
	}
	return p.ID, audit.Record(ctx, tx, audit.Entry{Act: "person.create", Object: "person", ObjectID: p.ID, RegionCode: b.orgs[p.OrgID].RegionCode,
		Summary: "新增人员 " + p.Name + "（" + p.Account + "）", After: memberFacts(p)})
}

// unique refuses an identity or certificate number that another person has.
func (s *Service) unique(ctx context.Context, q reader, p personRow) error {
	if p.IDBlind == "" && p.CertNo == "" {
		return nil
	}
	blinds := []string{}
	if p.IDBlind != "" {
		blinds = s.o.Keys.Blinds(purposeIDNo, s.idNo(p))
	}
	other, err := sameNumbers(ctx, q, p.ID, blinds, p.CertNo)
	if err != nil {
		return err
	}
	if other.ID == "" {
		return nil
	}
	if other.CertNo == p.CertNo && p.CertNo != "" {
		return errs.Invalidf("certNo", "执法证号已属于 %s（%s）", other.Name, other.Account)
	}
	return errs.Invalidf("idNo", "身份证号已属于 %s（%s）", other.Name, other.Account)
}

func memberFacts(p personRow) map[string]any {
	return map[string]any{"account": p.Account, "name": p.Name, "orgId": p.OrgID, "certNo": p.CertNo, "certFrom": p.CertFrom, "certTo": p.CertTo, "posts": p.Posts}
}

// Member gives one person to the administrator of organisations.
func (s *Service) Member(ctx context.Context, id string) (Member, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return Member{}, err
	}
	p, err := s.inScope(ctx, who, id)
	if err != nil {
		return Member{}, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return Member{}, err
	}
	roles, err := s.rolesOfAll(ctx, s.db.Read(), []string{id}, clock.At(s.db.Now()))
	if err != nil {
		return Member{}, err
	}
	return s.member(joined{personRow: p, OrgName: b.orgs[p.OrgID].Name}, b, roles[id]), nil
}

// inScope is account with the word for a person.
func (s *Service) inScope(ctx context.Context, who Actor, id string) (personRow, error) {
	p, err := s.account(ctx, who, id)
	if errs.Is(err, errs.NotFoundCode) {
		return p, errs.NotFound("人员")
	}
	return p, err
}

// UpdateMember changes a person's own data; the organisation changes by
// Transfer.
func (s *Service) UpdateMember(ctx context.Context, id string, in MemberInput) (Member, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return Member{}, err
	}
	p, err := s.inScope(ctx, who, id)
	if err != nil {
		return Member{}, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return Member{}, err
	}
	in.OrgID, in.Account = p.OrgID, p.Account
	if err := in.validate(b, who.Scope); err != nil {
		return Member{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		p, err := personByID(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("read person: %w", err)
		}
		if p.Rev != in.Rev {
			return errs.Conflict("人员刚被别人修改过，请刷新后重试")
		}
		before := memberFacts(p)
		if err := s.fill(&p, in); err != nil {
			return err
		}
		if err := s.unique(ctx, tx, p); err != nil {
			return err
		}
		if ok, err := savePerson(ctx, tx, &p); err != nil || !ok {
			if err == nil {
				err = errs.Conflict("人员刚被别人修改过，请刷新后重试")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "person.update", Object: "person", ObjectID: id, RegionCode: b.orgs[p.OrgID].RegionCode,
			Summary: "修改人员 " + p.Name + "（" + p.Account + "）", Before: before, After: memberFacts(p)})
	})
	if err != nil {
		return Member{}, err
	}
	return s.Member(ctx, id)
}

// TopicRevealed tells that somebody read a masked number. Payload: Revealed.
const TopicRevealed = "access.revealed"

// Revealed is the payload of TopicRevealed.
type Revealed struct {
	PersonID string   `json:"personId"`
	By       string   `json:"by"`
	Fields   []string `json:"fields"`
	Reason   string   `json:"reason"`
}

// Secrets are a person's numbers in full.
type Secrets struct {
	Phone string `json:"phone"`
	IDNo  string `json:"idNo"`
}

// Reveal gives a person's numbers in full; who read them, and why, is
// recorded first.
func (s *Service) Reveal(ctx context.Context, id, reason string) (Secrets, error) {
	who, err := Need(ctx, PersonReveal)
	if err != nil {
		return Secrets{}, err
	}
	if len([]rune(strings.TrimSpace(reason))) < 2 {
		return Secrets{}, errs.Invalidf("reason", "请写明查看原因，会记入审计")
	}
	p, err := s.inScope(ctx, who, id)
	if err != nil {
		return Secrets{}, err
	}
	out := Secrets{Phone: s.phone(p), IDNo: s.idNo(p)}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		o, err := orgByID(ctx, tx, p.OrgID)
		if err != nil {
			return fmt.Errorf("read organisation: %w", err)
		}
		if err := audit.Record(ctx, tx, audit.Entry{Act: "person.reveal", Object: "person", ObjectID: id, RegionCode: o.RegionCode,
			Summary: "查看 " + p.Name + " 的电话与证件号", Reason: reason}); err != nil {
			return err
		}
		return events.Publish(ctx, tx, TopicRevealed, Revealed{PersonID: id, By: who.ID, Fields: []string{"phone", "idNo"}, Reason: reason})
	})
	if err != nil {
		return Secrets{}, err
	}
	return out, nil
}
