package onemap

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/sheet"
)

// AddressFacts says what the index holds.
type AddressFacts struct {
	Total   int64            `json:"total"`
	Sources map[string]int64 `json:"sources"`
	Roads   int              `json:"roads"`
}

// AddressFacts counts the index.
func (s *Service) AddressFacts(ctx context.Context) (AddressFacts, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return AddressFacts{}, err
	}
	by, err := countAddresses(ctx, s.db.Read())
	if err != nil {
		return AddressFacts{}, err
	}
	x, err := s.roadBook(ctx)
	if err != nil {
		return AddressFacts{}, err
	}
	out := AddressFacts{Sources: by, Roads: len(x.roads)}
	for _, n := range by {
		out.Total += n
	}
	return out, nil
}

// BatchMost is the number of rows of one sheet.
const BatchMost = 5000

// Batch reads a sheet whose heading has 地址 and writes it again with the
// standard address, the place, the score and the next candidate.
func (s *Service) Batch(ctx context.Context, in io.Reader, name string) ([]byte, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return nil, err
	}
	rows, err := sheet.Read(in, name)
	if err != nil {
		return nil, errs.Invalidf("file", "%s", err.Error())
	}
	col := -1
	if len(rows) > 0 {
		for i, h := range rows[0] {
			if strings.TrimSpace(h) == "地址" {
				col = i
			}
		}
	}
	switch {
	case col < 0:
		return nil, errs.Invalidf("file", "第一行要有“地址”这一列")
	case len(rows) < 2:
		return nil, errs.Invalidf("file", "表里没有地址")
	case len(rows)-1 > BatchMost:
		return nil, errs.Invalidf("file", "一次最多 %d 行，现在是 %d 行，请分几次", BatchMost, len(rows)-1)
	}
	w, err := sheet.New("匹配结果", []sheet.Column{
		{Title: "原地址", Width: 36}, {Title: "标准地址", Width: 44}, {Title: "匹配度", Width: 8}, {Title: "依据", Width: 36}, {Title: "上海2000 X", Width: 14}, {Title: "上海2000 Y", Width: 14},
		{Title: "经度(WGS84)", Width: 14}, {Title: "纬度(WGS84)", Width: 14}, {Title: "区", Width: 10}, {Title: "街镇", Width: 14}, {Title: "另一种可能", Width: 44}, {Title: "参数档", Width: 8},
	})
	if err != nil {
		return nil, fmt.Errorf("make the sheet: %w", err)
	}
	for _, r := range rows[1:] {
		text := ""
		if col < len(r) {
			text = strings.TrimSpace(r[col])
		}
		if err := s.batchRow(ctx, w, text); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write the sheet: %w", err)
	}
	return b.Bytes(), nil
}

func (s *Service) batchRow(ctx context.Context, w *sheet.Writer, text string) error {
	if n := len([]rune(text)); n < 2 || n > 120 {
		return w.Add(text, "", "", "地址要有 2 到 120 个字")
	}
	f, err := s.fuse(ctx, text, 1)
	if err != nil {
		return err
	}
	if f.Best == nil {
		return w.Add(text, "", 0, f.Note)
	}
	other := ""
	if len(f.Others) > 0 {
		other = fmt.Sprintf("%s（%d）", f.Others[0].Standard, f.Others[0].Score)
	}
	h := f.Best
	return w.Add(text, h.Standard, h.Score, h.Why, fixed(h.X, 3), fixed(h.Y, 3), fixed(h.Lng, 7), fixed(h.Lat, 7), h.District, h.Street, other, f.Profile)
}

func fixed(v float64, digits int) string { return strconv.FormatFloat(v, 'f', digits, 64) }

// ImportTitles are the columns of a file of addresses.
func ImportTitles() []string { return []string{"地址", "X", "Y", "坐标系", "街镇区划代码"} }

// AddressProblem is what is wrong with a row of a file of addresses.
type AddressProblem struct {
	Row             int
	Column, Message string
}

// CheckImport looks at a file of addresses and changes nothing.
func (s *Service) CheckImport(ctx context.Context, rows [][]string) ([]AddressProblem, error) {
	if _, err := access.Need(ctx, access.MapManage); err != nil {
		return nil, err
	}
	p, err := s.profileFor(ctx, "")
	if err != nil {
		return nil, err
	}
	out := []AddressProblem{}
	for i, r := range rows {
		if _, bad := s.importRow(p, r); bad != nil {
			bad.Row = i + 2
			out = append(out, *bad)
		}
	}
	return out, nil
}

// LoadImport adds the rows of a file; the same address again is moved.
func (s *Service) LoadImport(ctx context.Context, tx db.Tx, rows [][]string) error {
	if _, err := access.Need(ctx, access.MapManage); err != nil {
		return err
	}
	p, err := s.profileFor(ctx, "")
	if err != nil {
		return err
	}
	list := make([]addressRow, 0, len(rows))
	seen := map[string]bool{}
	for i, r := range rows {
		a, bad := s.importRow(p, r)
		if bad != nil {
			return errs.Invalidf("file", "第 %d 行%s：%s", i+2, bad.Column, bad.Message)
		}
		if !seen[a.ID] {
			seen[a.ID] = true
			list = append(list, a)
		}
	}
	if err := putAddresses(ctx, tx, list); err != nil {
		return err
	}
	tx.AfterCommit(s.forgetRoads)
	return audit.Record(ctx, tx, audit.Entry{Act: "map.addresses.import", Object: "map.addresses", Summary: fmt.Sprintf("导入地名地址 %d 条", len(list))})
}

func (s *Service) importRow(p Profile, r []string) (addressRow, *AddressProblem) {
	get := func(i int) string {
		if i < len(r) {
			return strings.TrimSpace(r[i])
		}
		return ""
	}
	bad := func(col, format string, args ...any) (addressRow, *AddressProblem) {
		return addressRow{}, &AddressProblem{Column: col, Message: fmt.Sprintf(format, args...)}
	}
	system := coord.System(strings.ToLower(get(3)))
	if system == "" {
		system = coord.SH2000
	}
	if !system.Known() {
		return bad("坐标系", "不认识 %q，可用 wgs84、cgcs2000、gcj02、bd09、sh2000", get(3))
	}
	x, err1 := strconv.ParseFloat(get(1), 64)
	y, err2 := strconv.ParseFloat(get(2), 64)
	if err1 != nil || err2 != nil {
		return bad("X", "坐标 %q、%q 不是数字", get(1), get(2))
	}
	lng, lat, err := coord.With(p.Params).ToWGS(system, x, y)
	if err != nil {
		return bad("X", "%s", err.Error())
	}
	region := get(4)
	if region == "" {
		region = s.districtAt(lng, lat)
	} else if _, ok := s.regions.Get(region); !ok {
		return bad("街镇区划代码", "没有区划 %q", region)
	}
	text := get(0)
	a, ok := addressOf(s.book(), "file", blob.Digest([]byte(text))[:24], text, region, lng, lat)
	if !ok {
		return bad("地址", "%q 里没有读到路名和门牌", text)
	}
	return a, nil
}
