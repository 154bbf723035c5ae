package shops

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// ImportTitles are the columns of an imported list in order; the first five
// are needed.
func ImportTitles() []string {
	return []string{"商铺名称", "地址", "街镇区划代码", "经度", "纬度", "登记店招", "业态", "联系电话", "别名", "经营者", "信用代码", "承诺书签署日"}
}

// RowError is what is wrong with a row; Column is one of ImportTitles.
type RowError struct {
	Row     int
	Column  string
	Message string
}

// importField gives the column of a field.
func importField(field string) string {
	for k, v := range map[string]string{
		"name": "商铺名称", "address": "地址", "regionCode": "街镇区划代码", "lng": "经度", "lat": "纬度", "signName": "登记店招", "business": "业态", "contact": "联系电话",
		"aliases": "别名", "operator": "经营者", "creditCode": "信用代码", "pledgeYmd": "承诺书签署日",
	} {
		if k == field {
			return v
		}
	}
	return field
}

func inputOf(row []string) (Input, *RowError) {
	for len(row) < len(ImportTitles()) {
		row = append(row, "")
	}
	in := Input{Name: row[0], Address: row[1], RegionCode: row[2], SignName: row[5], Business: row[6], Contact: row[7], Operator: row[9], CreditCode: row[10], Source: FromFile}
	var err error
	if in.Lng, err = strconv.ParseFloat(row[3], 64); err != nil {
		return in, &RowError{Column: "经度", Message: "经度应是数字，例如 121.473"}
	}
	if in.Lat, err = strconv.ParseFloat(row[4], 64); err != nil {
		return in, &RowError{Column: "纬度", Message: "纬度应是数字，例如 31.230"}
	}
	in.Aliases = strings.FieldsFunc(row[8], func(r rune) bool { return strings.ContainsRune("、,，;；", r) })
	if day := strings.NewReplacer("-", "", "/", "").Replace(row[11]); day != "" {
		if in.PledgeYMD, err = strconv.ParseInt(day, 10, 64); err != nil {
			return in, &RowError{Column: "承诺书签署日", Message: "日期应像 2026-01-31"}
		}
	}
	if strings.Contains(in.Contact, "*") {
		return in, &RowError{Column: "联系电话", Message: "请填完整的联系电话，不能有星号"}
	}
	return in, nil
}

// CheckImport looks at rows of ImportTitles and tells what is wrong with
// them: what a person could not enter by hand, what is there already (by
// name and address, by credit code at the same address, by a like name within
// a few metres), and what stands twice in the list. The first row is 2, below
// the heading. Nothing is changed.
func (s *Service) CheckImport(ctx context.Context, rows [][]string) ([]RowError, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return nil, err
	}
	there, err := s.registered(ctx, who)
	if err != nil {
		return nil, err
	}
	out := []RowError{}
	seen := map[string]int{}
	for i, row := range rows {
		n := i + 2
		in, bad := inputOf(row)
		if bad != nil {
			bad.Row = n
			out = append(out, *bad)
			continue
		}
		if err := in.check(s.regions.Street); err != nil {
			var e *errs.Error
			if !errors.As(err, &e) {
				return nil, err
			}
			for _, f := range e.Fields {
				out = append(out, RowError{n, importField(f.Name), f.Message})
			}
			continue
		}
		key := in.RegionCode + "\x00" + in.Name + "\x00" + in.Address
		dup, known := there.like(s, in)
		switch {
		case !who.Scope.Covers(in.RegionCode):
			out = append(out, RowError{n, "街镇区划代码", fmt.Sprintf("%s不在您的数据范围内", s.regions.Name(in.RegionCode))})
		case known:
			out = append(out, RowError{n, "商铺名称", "这家商铺已在档案中：" + dup.Name + "（" + dup.No + " " + dup.Address + "）"})
		case seen[key] > 0:
			out = append(out, RowError{n, "商铺名称", fmt.Sprintf("与第 %d 行重复", seen[key])})
		}
		seen[key] = n
	}
	return out, nil
}

// registry is what an import is compared with.
type registry struct {
	byKey, byCredit map[string]Shop
	byCell          map[[2]int][]Shop
}

// sameM is how near two shops of like names are taken for one.
const sameM = 12

func cell(lng, lat float64) [2]int { return [2]int{int(lng * 5000), int(lat * 5000)} }

func (s *Service) registered(ctx context.Context, who access.Actor) (*registry, error) {
	r := &registry{byKey: map[string]Shop{}, byCredit: map[string]Shop{}, byCell: map[[2]int][]Shop{}}
	err := s.each(ctx, who, Filter{}, func(x Shop) error {
		x = Shop{ID: x.ID, No: x.No, Name: x.Name, SignName: x.SignName, Aliases: x.Aliases, Address: x.Address, RegionCode: x.RegionCode, CreditCode: x.CreditCode, Lng: x.Lng, Lat: x.Lat}
		r.byKey[x.RegionCode+"\x00"+x.Name+"\x00"+x.Address] = x
		if x.CreditCode != "" {
			r.byCredit[x.CreditCode+"\x00"+x.Address] = x
		}
		k := cell(x.Lng, x.Lat)
		r.byCell[k] = append(r.byCell[k], x)
		return nil
	})
	return r, err
}

// like finds the registered shop that an input is.
func (r *registry) like(s *Service, in Input) (Shop, bool) {
	if x, ok := r.byKey[in.RegionCode+"\x00"+in.Name+"\x00"+in.Address]; ok {
		return x, true
	}
	if in.CreditCode != "" {
		if x, ok := r.byCredit[in.CreditCode+"\x00"+in.Address]; ok {
			return x, true
		}
	}
	c := cell(in.Lng, in.Lat)
	for dx := -1; dx <= 1; dx++ {
		for dy := -1; dy <= 1; dy++ {
			for _, x := range r.byCell[[2]int{c[0] + dx, c[1] + dy}] {
				if metres(in.Lng, in.Lat, x.Lng, x.Lat) <= sameM && s.matcher.Similarity([]string{in.Name, in.SignName}, x.Names()).Score >= 0.95 {
					return x, true
				}
			}
		}
	}
	return Shop{}, false
}

// LoadImport adds checked rows in the transaction, all or none.
func (s *Service) LoadImport(ctx context.Context, tx db.Tx, rows [][]string) error {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return err
	}
	list := make([]Shop, 0, len(rows))
	perRegion := map[string]int{}
	for i, row := range rows {
		in, bad := inputOf(row)
		if bad != nil {
			return errs.Invalidf("rows", "第 %d 行：%s", i+2, bad.Message)
		}
		if err := in.check(s.regions.Street); err != nil {
			return err
		}
		if !who.Scope.Covers(in.RegionCode) {
			return errs.Invalidf("regionCode", "%s不在您的数据范围内", s.regions.Name(in.RegionCode))
		}
		next := s.merge(Shop{}, in, tx)
		next.ID, next.Rev, next.StreetName = s.newID(), 1, s.regions.Street(in.RegionCode)
		d := doorOf(next.Address)
		next.Road, next.HouseNo, next.Side = d.road, d.no, d.side
		if next, err = s.seal(next); err != nil {
			return err
		}
		perRegion[next.RegionCode]++
		list = append(list, next)
	}
	first := map[string]int64{}
	for region, n := range perRegion {
		if first[region], err = numbers(ctx, tx, region, n); err != nil {
			return err
		}
	}
	shopRows, kept, keys := make([]shopRow, len(list)), make([]versionRow, len(list)), make(map[string][]int64, len(list))
	for i := range list {
		x := &list[i]
		x.No = shopNo(x.RegionCode, first[x.RegionCode])
		first[x.RegionCode]++
		shopRows[i], keys[x.ID] = *rowOf(*x, s.searchText(*x)), s.searchKeys(*x)
		if kept[i], err = s.version(tx, change{act: "shop.import"}, *x, caller.From(ctx)); err != nil {
			return err
		}
	}
	if err := insertAll(ctx, tx, shopRows); err != nil {
		return err
	}
	if err := errors.Join(keepVersions(ctx, tx, kept), setGrams(ctx, tx, keys)); err != nil {
		return err
	}
	for _, x := range list {
		if err := events.Publish(ctx, tx, TopicChanged, Changed{ID: x.ID, RegionCode: x.RegionCode}); err != nil {
			return err
		}
	}
	tx.AfterCommit(s.wake)
	return audit.Record(ctx, tx, audit.Entry{Act: "shop.import", Object: "shop", RegionCode: who.RegionCode, Summary: fmt.Sprintf("导入商铺 %d 家", len(list)), After: map[string]int{"count": len(list)}})
}
