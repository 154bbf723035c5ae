package access

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xuri/excelize/v2"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
)

// MaxImport bounds one import of persons.
const MaxImport = 5000

// importHeads are the headings of an import, in the order of the template.
func importHeads() []string {
	return []string{"账号", "姓名", "机构代码", "岗位", "执法证号", "证件有效期起", "证件有效期止", "手机号", "身份证号"}
}

// ImportRow is one row of an import sheet, its cells trimmed.
type ImportRow struct {
	// Line is the row's number in the sheet.
	Line  int
	Cells map[string]string
}

// ParsePersons reads the first sheet of an xlsx file. The headings may come
// in any order; unknown ones are refused.
func ParsePersons(data []byte) ([]ImportRow, error) {
	f, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: 64 << 20, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, errs.Invalidf("file", "不是可以读取的 xlsx 文件")
	}
	defer func() { _ = f.Close() }()
	sheets := f.GetSheetList()
	if len(sheets) == 0 {
		return nil, errs.Invalidf("file", "文件中没有工作表")
	}
	rows, err := f.Rows(sheets[0])
	if err != nil {
		return nil, errs.Invalidf("file", "工作表无法读取")
	}
	defer func() { _ = rows.Close() }()
	out, heads := []ImportRow{}, []string(nil)
	for line := 1; rows.Next(); line++ {
		cells, err := rows.Columns()
		if err != nil {
			return nil, errs.Invalidf("file", "第 %d 行无法读取", line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return c != "" }) {
			continue
		}
		if heads == nil {
			if heads, err = headsOf(cells); err != nil {
				return nil, err
			}
			continue
		}
		if len(out) == MaxImport {
			return nil, errs.Invalidf("file", "一次最多导入 %d 人", MaxImport)
		}
		r := ImportRow{Line: line, Cells: map[string]string{}}
		for i, c := range cells {
			if i < len(heads) {
				r.Cells[heads[i]] = c
			}
		}
		out = append(out, r)
	}
	if heads == nil || len(out) == 0 {
		return nil, errs.Invalidf("file", "文件中没有人员")
	}
	return out, nil
}

func headsOf(cells []string) ([]string, error) {
	for _, c := range cells {
		if c != "" && !slices.Contains(importHeads(), c) {
			return nil, errs.Invalidf("file", "不认识的列“%.20s”，应为：%s", c, strings.Join(importHeads(), "、"))
		}
	}
	for _, need := range importHeads()[:3] {
		if !slices.Contains(cells, need) {
			return nil, errs.Invalidf("file", "缺少列“%s”", need)
		}
	}
	return cells, nil
}

// ImportFault is what is wrong with one row.
type ImportFault struct {
	Line    int    `json:"line"`
	Account string `json:"account"`
	Column  string `json:"column"`
	Message string `json:"message"`
}

// Imported is the result of an import or its dry run. With faults nothing
// was loaded.
type Imported struct {
	Rows    int           `json:"rows"`
	Added   int           `json:"added"`
	Updated int           `json:"updated"`
	Same    int           `json:"same"`
	Faults  []ImportFault `json:"faults"`
	Loaded  bool          `json:"loaded"`
}

// ImportPersons checks an xlsx file and, when dry is false and no row is bad,
// loads all of it in one transaction. Loading it again changes nothing.
func (s *Service) ImportPersons(ctx context.Context, data []byte, dry bool) (Imported, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return Imported{}, err
	}
	if err := who.Need(ImportData); err != nil {
		return Imported{}, err
	}
	rows, err := ParsePersons(data)
	if err != nil {
		return Imported{}, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return Imported{}, err
	}
	out := Imported{}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		out = Imported{Rows: len(rows), Faults: []ImportFault{}}
		seen := map[string]int{}
		for _, r := range rows {
			if err := s.importRow(ctx, tx, b, who, r, seen, &out); err != nil {
				return err
			}
		}
		if dry || len(out.Faults) > 0 {
			return errDry
		}
		out.Loaded = true
		return audit.Record(ctx, tx, audit.Entry{Act: "person.import", Object: "person", RegionCode: who.RegionCode,
			Summary: fmt.Sprintf("导入人员 %d 行：新增 %d，修改 %d", out.Rows, out.Added, out.Updated)})
	})
	if err != nil && err != errDry { //nolint:errorlint // our own value, never wrapped
		return Imported{}, err
	}
	return out, nil
}

// errDry rolls a dry run back.
var errDry = fmt.Errorf("dry run")

func (s *Service) importRow(ctx context.Context, tx db.Tx, b *rolebook, who Actor, r ImportRow, seen map[string]int, out *Imported) error {
	fault := func(column, msg string) {
		out.Faults = append(out.Faults, ImportFault{Line: r.Line, Account: r.Cells["账号"], Column: column, Message: msg})
	}
	account := r.Cells["账号"]
	if first, twice := seen[account]; twice {
		fault("账号", fmt.Sprintf("与第 %d 行重复", first))
		return nil
	}
	seen[account] = r.Line
	in := MemberInput{Account: account, Name: r.Cells["姓名"], OrgID: b.orgByCode(r.Cells["机构代码"]), Posts: r.Cells["岗位"], CertNo: r.Cells["执法证号"]}
	for _, d := range []struct {
		column string
		to     *int
	}{{"证件有效期起", &in.CertFrom}, {"证件有效期止", &in.CertTo}} {
		v, ok := parseYMD(r.Cells[d.column])
		if !ok {
			fault(d.column, "日期应为 2026-01-01 或 20260101 样式")
			return nil
		}
		*d.to = v
	}
	if v := r.Cells["手机号"]; v != "" {
		in.Phone = &v
	}
	if v := r.Cells["身份证号"]; v != "" {
		in.IDNo = &v
	}
	err := in.validate(b, who.Scope)
	if err == nil {
		err = s.importOne(ctx, tx, b, in, out)
	}
	if errs.Is(err, errs.Invalid) || errs.Is(err, errs.ConflictCode) {
		column, msg := faultOf(err)
		fault(column, msg)
		return nil
	}
	return err
}

func faultOf(err error) (column, msg string) {
	e, ok := err.(*errs.Error) //nolint:errorlint // validate gives it bare
	if !ok {
		return "", err.Error()
	}
	if len(e.Fields) == 0 {
		return "", e.Message
	}
	names := map[string]string{"account": "账号", "name": "姓名", "orgId": "机构代码", "posts": "岗位", "certNo": "执法证号", "certFrom": "证件有效期起", "certTo": "证件有效期止", "phone": "手机号", "idNo": "身份证号"}
	return names[e.Fields[0].Name], e.Fields[0].Message
}

func (s *Service) importOne(ctx context.Context, tx db.Tx, b *rolebook, in MemberInput, out *Imported) error {
	p, err := personByAccount(ctx, tx, in.Account)
	if db.NoRows(err) {
		out.Added++
		_, err = s.addMember(ctx, tx, b, in)
		return err
	}
	if err != nil {
		return fmt.Errorf("look up account: %w", err)
	}
	switch {
	case p.State == StateLeft:
		return errs.Invalidf("account", "账号 %s 属于已离职人员", in.Account)
	case p.OrgID != in.OrgID:
		return errs.Invalidf("orgId", "该人员在“%s”，请用调动办理", b.orgs[p.OrgID].Name)
	}
	before := memberFacts(p)
	phone, idNo := s.phone(p), s.idNo(p)
	next := p
	if err := s.fill(&next, in); err != nil {
		return err
	}
	if fmt.Sprint(memberFacts(next)) == fmt.Sprint(before) && (in.Phone == nil || *in.Phone == phone) && (in.IDNo == nil || *in.IDNo == idNo) {
		out.Same++
		return nil
	}
	if err := s.unique(ctx, tx, next); err != nil {
		return err
	}
	out.Updated++
	if _, err := savePerson(ctx, tx, &next); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Act: "person.update", Object: "person", ObjectID: p.ID, RegionCode: b.orgs[p.OrgID].RegionCode,
		Summary: "导入修改人员 " + next.Name + "（" + next.Account + "）", Before: before, After: memberFacts(next)})
}

// orgByCode finds a working organisation by its code, for imports.
func (b *rolebook) orgByCode(code string) string {
	best := ""
	for _, o := range b.orgs {
		if o.RegionCode == code && o.State == StateActive && (best == "" || o.ID < best) {
			best = o.ID
		}
	}
	return best
}

func parseYMD(text string) (int, bool) {
	if text == "" {
		return 0, true
	}
	t := strings.NewReplacer("-", "", "/", "", ".", "").Replace(text)
	v, err := strconv.Atoi(t)
	return v, err == nil && len(t) == 8 && validYMD(v)
}

// ExportMembers writes the people of a filter as xlsx; the numbers stay
// masked.
func (s *Service) ExportMembers(ctx context.Context, f PersonFilter) ([]byte, error) {
	f.Limit, f.Offset = sheet.MaxRows+1, 0
	list, n, err := s.Members(ctx, f)
	if err != nil {
		return nil, err
	}
	if n > sheet.MaxRows {
		return nil, errs.Invalidf("filter", "共 %d 人，超过导出上限，请缩小范围", n)
	}
	w, err := sheet.New("人员", []sheet.Column{{Title: "账号", Width: 16}, {Title: "姓名", Width: 12}, {Title: "机构", Width: 24}, {Title: "岗位", Width: 16}, {Title: "角色", Width: 30}, {Title: "执法证号", Width: 18}, {Title: "证件有效期止", Width: 14}, {Title: "手机号", Width: 14}, {Title: "身份证号", Width: 20}, {Title: "状态", Width: 8}})
	if err != nil {
		return nil, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	label := map[string]string{StateActive: "在岗", StateDisabled: "停用", StateLeft: "离职"}
	for _, m := range list {
		roles := []string{}
		for _, r := range m.Roles {
			roles = append(roles, b.name(r))
		}
		to := ""
		if m.CertTo > 0 {
			to = strconv.Itoa(m.CertTo)
		}
		if err := w.Add(m.Account, m.Name, m.OrgName, m.Posts, strings.Join(roles, "、"), m.CertNo, to, m.Phone, m.IDNo, label[m.State]); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx, w, "person.export", fmt.Sprintf("导出人员 %d 人", len(list)))
}

// finish ends a sheet and records the export.
func (s *Service) finish(ctx context.Context, w *sheet.Writer, act, text string) ([]byte, error) {
	who, err := From(ctx)
	if err != nil {
		return nil, err
	}
	if err := w.Add("导出人：" + who.Name + "，" + s.db.Now().In(clock.Shanghai()).Format("2006-01-02 15:04:05")); err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	if _, err := w.WriteTo(&buf); err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{Act: act, Object: "export", RegionCode: who.RegionCode, Summary: text})
	})
	return buf.Bytes(), err
}

// ExportRoles writes the matrix of roles and permissions as xlsx.
func (s *Service) ExportRoles(ctx context.Context) ([]byte, error) {
	if _, err := Need(ctx, RoleView); err != nil {
		return nil, err
	}
	roles, err := s.AllRoles(ctx)
	if err != nil {
		return nil, err
	}
	cols := []sheet.Column{{Title: "权限代码", Width: 20}, {Title: "权限", Width: 18}}
	for _, r := range roles {
		cols = append(cols, sheet.Column{Title: r.Name, Width: 12})
	}
	w, err := sheet.New("角色权限", cols)
	if err != nil {
		return nil, err
	}
	for _, p := range Permissions() {
		row := []any{p.Code, p.Name}
		for _, r := range roles {
			mark := ""
			if r.State == StateActive && slices.Contains(r.Permissions, p.Code) {
				mark = "√"
			}
			row = append(row, mark)
		}
		if err := w.Add(row...); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx, w, "role.export", "导出角色权限矩阵")
}

// ExportMatrix writes the matrix of persons and permissions as xlsx: each
// cell says where the permission holds.
func (s *Service) ExportMatrix(ctx context.Context, f PersonFilter) ([]byte, error) {
	f.Limit, f.Offset = sheet.MaxRows+1, 0
	list, n, err := s.PersonMatrix(ctx, f)
	if err != nil {
		return nil, err
	}
	if n > sheet.MaxRows {
		return nil, errs.Invalidf("filter", "共 %d 人，超过导出上限，请缩小范围", n)
	}
	cols := []sheet.Column{{Title: "账号", Width: 16}, {Title: "姓名", Width: 12}, {Title: "机构", Width: 24}, {Title: "角色", Width: 24}}
	for _, p := range Permissions() {
		cols = append(cols, sheet.Column{Title: p.Name + " " + p.Code, Width: 12})
	}
	w, err := sheet.New("人员权限", cols)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		row := []any{m.Account, m.Name, m.OrgName, strings.Join(m.Roles, "、")}
		for _, p := range Permissions() {
			row = append(row, strings.Join(m.Where[p.Code], ","))
		}
		if err := w.Add(row...); err != nil {
			return nil, err
		}
	}
	return s.finish(ctx, w, "matrix.export", fmt.Sprintf("导出人员权限矩阵 %d 人", len(list)))
}
