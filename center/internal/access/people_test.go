package access_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/testkit"
)

func scalar(t *testing.T, d *db.DB, q string) string {
	t.Helper()
	var v string
	if err := d.SQL().QueryRow(q).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// idNo makes a resident identity number with its check character.
func idNo(n int) string {
	head := fmt.Sprintf("31010119900101%03d", n)
	for _, c := range "0123456789X" {
		if access.ValidIDNo(head + string(c)) {
			return head + string(c)
		}
	}
	return head
}

func workbook(t testing.TB, rows [][]any) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, r := range rows {
		if err := f.SetSheetRow("Sheet1", fmt.Sprint("A", i+1), &r); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if _, err := f.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Numbers lie sealed, are masked in lists, found by their whole, and read in
// full only with a reason that is recorded.
func TestNumbersOfPeople(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d, nil)
		sys := person(t, s, "xitong", "org-310000", "sys_admin")
		sec := person(t, s, "anquan", "org-310000", "sec_admin")
		phone, no := "13912345678", idNo(1)
		m, err := s.CreateMember(as(t, s, sys), access.MemberInput{Account: "zhangsan", Name: "演示张三", OrgID: "org-310101013", Phone: &phone, IDNo: &no, CertNo: "沪-001", CertTo: 20261201})
		if err != nil {
			t.Fatal(err)
		}
		if m.Phone != "139****5678" || strings.Contains(m.IDNo, no[3:16]) || m.CertState != "expiring" {
			t.Errorf("shown as %q %q, certificate %s", m.Phone, m.IDNo, m.CertState)
		}
		raw := scalar(t, d, "SELECT phone || id_no || phone_blind || id_blind FROM access_persons WHERE id = '"+m.ID+"'")
		if strings.Contains(raw, phone) || strings.Contains(raw, no) || !strings.Contains(raw, "sm4:") {
			t.Errorf("stored as %s", raw)
		}
		for _, q := range []string{phone, no, strings.ToLower(no), "沪-001", "张三"} {
			if list, n, err := s.Members(as(t, s, sys), access.PersonFilter{Q: q, Limit: 10}); err != nil || n != 1 || list[0].ID != m.ID {
				t.Errorf("search for %q: %d, %v", q, n, err)
			}
		}
		if _, n, _ := s.Members(as(t, s, sys), access.PersonFilter{Expiring: 30, Limit: 10}); n != 1 {
			t.Errorf("%d certificates end soon, want 1", n)
		}
		if _, err := s.CreateMember(as(t, s, sys), access.MemberInput{Account: "lisi", Name: "演示李四", OrgID: "org-310104", IDNo: &no}); !errs.Is(err, errs.Invalid) || !strings.Contains(fmt.Sprint(err), "zhangsan") {
			t.Errorf("the same identity number twice: %v", err)
		}
		if _, err := s.Reveal(as(t, s, sys), m.ID, "核对身份"); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("revealed to one without the right: %v", err)
		}
		if _, err := s.Reveal(as(t, s, sec), m.ID, " "); !errs.Is(err, errs.Invalid) {
			t.Errorf("revealed without a reason: %v", err)
		}
		got, err := s.Reveal(as(t, s, sec), m.ID, "核对身份")
		if err != nil || got.Phone != phone || got.IDNo != no {
			t.Errorf("revealed %+v, %v", got, err)
		}
		if n := events(t, d, access.TopicRevealed); n != 1 {
			t.Errorf("%d events, want 1", n)
		}
		if n := scalar(t, d, "SELECT COUNT(*) FROM audit_records WHERE act = 'person.reveal' AND object_id = '"+m.ID+"'"); n != "1" {
			t.Errorf("%s audit records, want 1", n)
		}
		// A blob moved to another row does not open.
		exec(t, d, "UPDATE access_persons SET phone = (SELECT phone FROM access_persons WHERE id = '"+m.ID+"') WHERE id = '"+sys+"'")
		if p, err := s.Person(t.Context(), sys); err != nil || p.Phone != "" {
			t.Errorf("another row's number opens as %q, %v", p.Phone, err)
		}
	})
}

// An import of 200 rows with 37 bad ones names each and loads none; put right
// it loads all, and again changes nothing.
func TestImportOfPeople(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d, nil)
		sys := as(t, s, person(t, s, "xitong", "org-310000", "sys_admin"))
		head := []any{"账号", "姓名", "机构代码", "岗位", "手机号", "身份证号", "证件有效期止"}
		rows, bad := [][]any{head}, [][]any{head}
		for i := range 200 {
			r := []any{fmt.Sprintf("user%03d", i), fmt.Sprintf("演示人%d", i), "310101013", "巡查", fmt.Sprintf("138%08d", i), idNo(i), "2027-06-30"}
			rows = append(rows, r)
			if i < 37 {
				r = append([]any{}, r...)
				switch i % 5 {
				case 0:
					r[2] = "999999"
				case 1:
					r[5] = "310101199001010009"
				case 2:
					r[6] = "明年"
				case 3:
					r[0] = "x"
				case 4:
					r[4] = "abc12345"
				}
			}
			bad = append(bad, r)
		}
		x, err := s.ImportPersons(sys, workbook(t, bad), false)
		lines := map[int]bool{}
		for _, f := range x.Faults {
			lines[f.Line] = true
			if f.Column == "" || f.Message == "" {
				t.Errorf("fault says nothing: %+v", f)
			}
		}
		if err != nil || x.Loaded || len(lines) != 37 || !lines[2] || lines[39] {
			t.Fatalf("bad rows: %v, loaded %v, %d lines", err, x.Loaded, len(lines))
		}
		if n := scalar(t, d, "SELECT COUNT(*) FROM access_persons"); n != "1" {
			t.Fatalf("%s persons after a refused import", n)
		}
		good := workbook(t, rows)
		if x, err = s.ImportPersons(sys, good, true); err != nil || x.Loaded || x.Added != 200 || len(x.Faults) != 0 {
			t.Fatalf("dry run: %+v, %v", x, err)
		}
		if n := scalar(t, d, "SELECT COUNT(*) FROM access_persons"); n != "1" {
			t.Fatalf("%s persons after a dry run", n)
		}
		if x, err = s.ImportPersons(sys, good, false); err != nil || !x.Loaded || x.Added != 200 {
			t.Fatalf("load: %+v, %v", x, err)
		}
		if x, err = s.ImportPersons(sys, good, false); err != nil || x.Added != 0 || x.Updated != 0 || x.Same != 200 {
			t.Fatalf("again: %+v, %v", x, err)
		}
		if b, err := s.ExportMembers(sys, access.PersonFilter{}); err != nil || !bytes.HasPrefix(b, []byte("PK")) {
			t.Errorf("export: %v", err)
		}
	})
}

// Leaving ends everything at once; a transfer ends the grants; names stay.
func TestLeavingAndTransfer(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		kicked := map[string]bool{}
		s := service(t, d, func(id string) { kicked[id] = true })
		sysID := person(t, s, "xitong", "org-310000", "sys_admin")
		sys := as(t, s, sysID)
		gone := person(t, s, "liren", "org-310101013", "officer")
		heir := person(t, s, "jieban", "org-310101013", "officer")
		m, err := s.Member(sys, gone)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Leave(sys, access.MoveInput{PersonID: gone, HandTo: gone, Reason: "离职", Rev: m.Rev}); !errs.Is(err, errs.Invalid) {
			t.Errorf("hands over to themself: %v", err)
		}
		if err := s.Leave(sys, access.MoveInput{PersonID: gone, HandTo: heir, Reason: "离职", Rev: m.Rev}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.ActorOf(t.Context(), gone); !errs.Is(err, errs.NotFoundCode) || !kicked[gone] {
			t.Errorf("after leaving: %v, kicked %v", err, kicked[gone])
		}
		if p, err := s.Person(t.Context(), gone); err != nil || p.Name != "演示liren" || p.Active {
			t.Errorf("the name is gone: %+v, %v", p, err)
		}
		if body := scalar(t, d, "SELECT payload FROM event_outbox WHERE topic = '"+access.TopicLeft+"'"); !strings.Contains(body, heir) || !strings.Contains(body, gone) {
			t.Errorf("event %s", body)
		}
		m, _ = s.Member(sys, heir)
		if err := s.Transfer(sys, access.MoveInput{PersonID: heir, ToOrg: "org-310104", Reason: "轮岗", Rev: m.Rev}); err != nil {
			t.Fatal(err)
		}
		a, err := s.ActorOf(t.Context(), heir)
		if err != nil || a.OrgID != "org-310104" || len(a.Perms) != 0 {
			t.Errorf("after the transfer: %+v, %v", a, err)
		}
		if list, err := s.Moves(sys, heir); err != nil || len(list) != 1 || list[0].ToOrg != "徐汇区局" {
			t.Errorf("history %+v, %v", list, err)
		}
		m, _ = s.Member(sys, sysID)
		if err := s.Leave(sys, access.MoveInput{PersonID: sysID, Reason: "离职", Rev: m.Rev}); !errs.Is(err, errs.ForbiddenCode) {
			t.Errorf("one's own leaving: %v", err)
		}
	})
}

// An organisation is renamed, merged and remembered; what was granted by
// organisation follows.
func TestOrganisations(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, _ *clock.Fake) {
		s := service(t, d, nil)
		sys := as(t, s, person(t, s, "xitong", "org-310000", "sys_admin"))
		if err := s.SeedScopes(t.Context(), []access.NamedScope{{Code: "airport", Name: "机场区域", Prefixes: []string{"310105010", "310115139"}}}); err != nil {
			t.Fatal(err)
		}
		unit, err := s.CreateOrg(sys, access.OrgInput{Name: "机场支队", Kind: "unit", RegionCode: "310000Z02", ParentID: "org-310000", ScopeCode: "airport"})
		if err != nil {
			t.Fatal(err)
		}
		id := person(t, s, "jichang", unit.ID, "officer")
		a, err := s.ActorOf(t.Context(), id)
		if err != nil || !a.Allows(access.OrderHandle, "310115139") || a.Allows(access.OrderHandle, "310115") || a.Allows(access.OrderHandle, "310101013") {
			t.Errorf("a unit across districts: %v, %v", a.ScopeFor(access.OrderHandle), err)
		}
		second, err := s.CreateOrg(sys, access.OrgInput{Name: "外滩二中队", Kind: "squad", RegionCode: "310101013", ParentID: "org-310101"})
		if err != nil {
			t.Fatal(err)
		}
		in := person(t, s, "erdui", second.ID, "officer")
		if err := s.ChangeOrg(sys, access.OrgChange{ID: second.ID, Act: "disable", Reason: "撤并", Rev: 1}); !errs.Is(err, errs.ConflictCode) {
			t.Errorf("disabled with people: %v", err)
		}
		if err := s.ChangeOrg(sys, access.OrgChange{ID: second.ID, Act: "rename", Name: "外滩机动中队", Reason: "更名", Rev: 1}); err != nil {
			t.Fatal(err)
		}
		if err := s.ChangeOrg(sys, access.OrgChange{ID: second.ID, Act: "merge", Into: "org-310101013", Reason: "撤并", Rev: 2}); err != nil {
			t.Fatal(err)
		}
		if a, err = s.ActorOf(t.Context(), in); err != nil || a.OrgID != "org-310101013" || !a.Allows(access.OrderHandle, "310101013") {
			t.Errorf("after the merger: %+v, %v", a.OrgID, err)
		}
		if g, err := s.GroupsOf(t.Context(), in); err != nil || len(g) != 1 || g[0].OrgID != "org-310101013" {
			t.Errorf("groups after the merger: %v, %v", g, err)
		}
		h, err := s.OrgHistory(sys, second.ID)
		if err != nil || len(h) != 3 || !strings.Contains(h[0].Note, "并入") || !strings.Contains(h[1].Note, "外滩二中队 更名为 外滩机动中队") {
			t.Errorf("history %+v, %v", h, err)
		}
		if err := s.ChangeOrg(sys, access.OrgChange{ID: "org-310101", Act: "move", ParentID: "org-310101013", Reason: "循环", Rev: 1}); !errs.Is(err, errs.Invalid) {
			t.Errorf("moved below itself: %v", err)
		}
	})
}

// A substitute acts once both agree, in the time agreed, and never hands out
// permissions.
func TestSubstitutes(t *testing.T) {
	testkit.EachDB(t, func(t *testing.T, d *db.DB, c *clock.Fake) {
		s := service(t, d, nil)
		lead := person(t, s, "zhongdui", "org-310101013", "squad_leader")
		other := person(t, s, "qita", "org-310104", "officer")
		sec := person(t, s, "anquan", "org-310000", "sec_admin")
		day := 24 * time.Hour
		in := access.AbsenceInput{SubstituteID: other, From: clock.At(c.Now()), To: clock.At(c.Now().Add(3 * day)), Reason: "休假"}
		x, err := s.Absent(as(t, s, lead), in)
		if err != nil {
			t.Fatal(err)
		}
		holds := func() bool {
			a, err := s.ActorOf(t.Context(), other)
			if err != nil {
				t.Fatal(err)
			}
			return a.Allows(access.OrderAssign, "310101013")
		}
		if holds() {
			t.Error("a substitute acts before they agreed")
		}
		if err := s.Answer(as(t, s, sec), x.ID, true, "", x.Rev); !errs.Is(err, errs.NotFoundCode) {
			t.Errorf("a third person agrees: %v", err)
		}
		if err := s.Answer(as(t, s, other), x.ID, true, "", x.Rev); err != nil {
			t.Fatal(err)
		}
		a, _ := s.ActorOf(t.Context(), other)
		if !holds() || len(a.ActsFor) != 1 || a.Allows(access.OrderHandle, "310101013") {
			t.Errorf("the substitute holds %v for %v", a.ScopeFor(access.OrderAssign), a.ActsFor)
		}
		if p, ok, err := s.SubstituteOf(t.Context(), lead, c.Now()); err != nil || !ok || p.ID != other {
			t.Errorf("substitute of: %v %v %v", p.ID, ok, err)
		}
		if _, err := s.Absent(as(t, s, lead), in); !errs.Is(err, errs.Invalid) {
			t.Errorf("twice at the same time: %v", err)
		}
		exec(t, d, "UPDATE access_substitutes SET to_at = to_at + 999999999999")
		if holds() {
			t.Error("a changed row still works")
		}
		exec(t, d, "UPDATE access_substitutes SET to_at = to_at - 999999999999")
		c.Advance(4 * day)
		if holds() {
			t.Error("a substitute acts after the end")
		}
		// An officer who stands in for the security administrator would mix
		// nothing; the right to grant is not lent.
		y, err := s.Absent(as(t, s, sec), access.AbsenceInput{SubstituteID: other, From: clock.At(c.Now()), To: clock.At(c.Now().Add(day)), Reason: "出差"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Answer(as(t, s, other), y.ID, true, "", y.Rev); err != nil {
			t.Fatal(err)
		}
		if a, _ := s.ActorOf(t.Context(), other); a.Has(access.GrantManage) || !a.Has(access.SecurityView) {
			t.Errorf("lent %v", a.Perms)
		}
	})
}

func FuzzParsePersons(f *testing.F) {
	f.Add(workbook(f, [][]any{{"账号", "姓名", "机构代码"}, {"a", "b", "310101"}}))
	f.Add(workbook(f, [][]any{{"姓名"}}))
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := access.ParsePersons(b)
		if err != nil && !errs.Is(err, errs.Invalid) {
			t.Fatalf("an unreadable file is no one's fault but the sender's: %v", err)
		}
		if err == nil && (len(rows) == 0 || len(rows) > access.MaxImport) {
			t.Fatalf("%d rows", len(rows))
		}
	})
}
