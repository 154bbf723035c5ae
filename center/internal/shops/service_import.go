package shops

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// ImportTitles are the columns of an imported list in order; the first five
// and the coordinates are needed.
func ImportTitles() []string {
	return []string{"商铺名称", "地址", "街镇区划代码", "经度", "纬度", "登记店招", "业态", "联系电话"}
}

// RowError is what is wrong with a row; Column is one of ImportTitles.
type RowError struct {
	Row     int
	Column  string
	Message string
}

var importFields = map[string]string{
	"name": "商铺名称", "address": "地址", "regionCode": "街镇区划代码", "lng": "经度", "lat": "纬度", "signName": "登记店招", "business": "业态", "contact": "联系电话",
}

func inputOf(row []string) (Input, *RowError) {
	in := Input{Name: row[0], Address: row[1], RegionCode: row[2], SignName: row[5], Business: row[6], Contact: row[7]}
	var err error
	if in.Lng, err = strconv.ParseFloat(row[3], 64); err != nil {
		return in, &RowError{Column: "经度", Message: "经度应是数字，例如 121.473"}
	}
	if in.Lat, err = strconv.ParseFloat(row[4], 64); err != nil {
		return in, &RowError{Column: "纬度", Message: "纬度应是数字，例如 31.230"}
	}
	return in, nil
}

// CheckImport looks at rows of ImportTitles and tells what is wrong with
// them: what a person could not enter by hand, what is there already, and
// what stands twice in the list. The first row is 2, below the heading.
func (s *Service) CheckImport(ctx context.Context, rows [][]string) ([]RowError, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return nil, err
	}
	there, err := keys(ctx, s.db.Read(), who)
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
				out = append(out, RowError{n, importFields[f.Name], f.Message})
			}
			continue
		}
		key := in.RegionCode + "\x00" + in.Name + "\x00" + in.Address
		switch {
		case !who.Scope.Covers(in.RegionCode):
			out = append(out, RowError{n, "街镇区划代码", fmt.Sprintf("%s不在您的数据范围内", s.regions.Name(in.RegionCode))})
		case there[key]:
			out = append(out, RowError{n, "商铺名称", "这家商铺已在档案中"})
		case seen[key] > 0:
			out = append(out, RowError{n, "商铺名称", fmt.Sprintf("与第 %d 行重复", seen[key])})
		}
		seen[key] = n
	}
	return out, nil
}

// LoadImport adds checked rows in the transaction.
func (s *Service) LoadImport(ctx context.Context, tx db.Tx, rows [][]string) error {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return err
	}
	list := make([]Shop, 0, len(rows))
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
		next := s.merge(Shop{}, in)
		next.ID, next.Rev = s.newID(), 1
		list = append(list, next)
	}
	if err := insertAll(ctx, tx, list); err != nil {
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
