package orders

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Rules lists every version of the order rules. Whoever sees an order sees
// with it the version that it started with.
func (s *Service) Rules(ctx context.Context) ([]HandlingRule, error) {
	if _, err := access.Need(ctx, access.OrderRule); err != nil {
		return nil, err
	}
	return listRules(ctx, s.db.Read())
}

// Publish puts a new version of a kind's rule in force. Orders that exist
// keep theirs.
func (s *Service) Publish(ctx context.Context, in HandlingRuleInput) (HandlingRule, error) {
	who, err := access.Need(ctx, access.OrderRule)
	if err != nil {
		return HandlingRule{}, err
	}
	if err := in.check(clock.At(s.db.Now())); err != nil {
		return HandlingRule{}, err
	}
	var out HandlingRule
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		n, err := lastVersion(ctx, tx, in.Kind)
		if err != nil {
			return err
		}
		from := clock.At(tx.Now())
		if in.EffectiveFrom != nil {
			from = *in.EffectiveFrom
		}
		out = HandlingRule{
			ID: s.newID(), Kind: in.Kind, Name: in.Name, Version: n + 1, MergeHours: in.MergeHours, WarnDistanceM: in.WarnDistanceM,
			UrgeMinutes: in.UrgeMinutes, EffectiveFrom: from, Source: in.Source, Verified: in.Verified, MadeBy: who.Name, MadeAt: clock.At(tx.Now()),
		}
		if err := addRule(ctx, tx, out); err != nil {
			if db.Duplicate(err) {
				return errs.Conflict("有人刚发布了这类工单的新规则，请刷新后再试")
			}
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "order.rule.publish", Object: "orderRule", ObjectID: out.ID,
			Summary: fmt.Sprintf("发布工单规则“%s”第 %d 版", out.Name, out.Version), After: out, Reason: in.Source,
		})
	})
	return out, err
}

// Areas lists the areas that squads are responsible for.
func (s *Service) Areas(ctx context.Context) ([]SquadArea, error) {
	if _, err := access.Need(ctx, access.OrderRule); err != nil {
		return nil, err
	}
	list, err := listAreas(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for i, a := range list {
		if _, known := names[a.SquadOrgID]; !known {
			org, _, err := s.people.Org(ctx, a.SquadOrgID)
			if err != nil {
				return nil, fmt.Errorf("look up squad: %w", err)
			}
			names[a.SquadOrgID] = org.Name
		}
		list[i].SquadName = names[a.SquadOrgID]
	}
	return list, nil
}

// ImportAreas takes areas from a GeoJSON file: they come in place of those
// that the same squads had.
func (s *Service) ImportAreas(ctx context.Context, data []byte) ([]SquadArea, error) {
	who, err := access.Need(ctx, access.OrderRule)
	if err != nil {
		return nil, err
	}
	shapes, err := ParseAreas(data)
	if err != nil {
		return nil, err
	}
	list := make([]SquadArea, 0, len(shapes))
	for i, x := range shapes {
		org, ok, err := s.squadNamed(ctx, x)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errs.Invalidf(fmt.Sprintf("features[%d].properties", i), "第 %d 个区域没有对应的中队，请写明 squadOrgId 或 9 位街镇代码 region", i+1)
		}
		name := strings.TrimSpace(x.name)
		if name == "" {
			name = org.Name
		}
		if r := []rune(name); len(r) > 60 {
			name = string(r[:60])
		}
		list = append(list, SquadArea{ID: s.newID(), SquadOrgID: org.ID, SquadName: org.Name, Name: name, Ring: x.ring, MadeAt: clock.At(s.db.Now())})
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := replaceAreas(ctx, tx, list, who.Name); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "order.area.import", Object: "orderArea", Summary: fmt.Sprintf("导入中队责任区 %d 个", len(list)),
		})
	})
	return list, err
}

func (s *Service) squadNamed(ctx context.Context, x shape) (Org, bool, error) {
	if x.squad != "" {
		org, ok, err := s.people.Org(ctx, x.squad)
		return org, ok && org.Kind == "squad", err
	}
	if len(x.region) != 9 {
		return Org{}, false, nil
	}
	return s.people.SquadOf(ctx, x.region)
}

// DropArea takes one area out.
func (s *Service) DropArea(ctx context.Context, id string) error {
	if _, err := access.Need(ctx, access.OrderRule); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		a, ok, err := dropArea(ctx, tx, id)
		if err != nil {
			return err
		}
		if !ok {
			return errs.NotFound("责任区")
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "order.area.drop", Object: "orderArea", ObjectID: id, Summary: "删除中队责任区“" + a.Name + "”"})
	})
}

// SavedFilter is a filter of the list that a person keeps.
type SavedFilter struct {
	ID    string            `json:"id"`
	Name  string            `json:"name" maxLength:"40"`
	Query map[string]string `json:"query"`
}

// maxSaved bounds a person's filters.
const maxSaved = 30

// SavedFilters lists the actor's own filters.
func (s *Service) SavedFilters(ctx context.Context) ([]SavedFilter, error) {
	who, err := access.Need(ctx, access.OrderView)
	if err != nil {
		return nil, err
	}
	return savedOf(ctx, s.db.Read(), who.ID)
}

// SaveFilter keeps a filter under a name; an older one of the name is
// replaced.
func (s *Service) SaveFilter(ctx context.Context, x SavedFilter) ([]SavedFilter, error) {
	who, err := access.Need(ctx, access.OrderView)
	if err != nil {
		return nil, err
	}
	var f errs.Fields
	x.Name = strings.TrimSpace(x.Name)
	f.Check(x.Name != "" && len([]rune(x.Name)) <= 20, "name", "名称应为 1 到 20 个字")
	f.Check(len(x.Query) > 0, "query", "没有设置任何筛选条件")
	if err := f.Err(); err != nil {
		return nil, err
	}
	if _, err := FilterOf(x.Query); err != nil {
		return nil, err
	}
	var out []SavedFilter
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		list, err := savedOf(ctx, tx, who.ID)
		if err != nil {
			return err
		}
		if len(list) >= maxSaved && !slices.ContainsFunc(list, func(y SavedFilter) bool { return y.Name == x.Name }) {
			return errs.Conflict(fmt.Sprintf("最多存 %d 个筛选，请先删掉不用的", maxSaved))
		}
		x.ID = s.newID()
		if err := putSaved(ctx, tx, who.ID, x); err != nil {
			return err
		}
		out, err = savedOf(ctx, tx, who.ID)
		return err
	})
	return out, err
}

// DropFilter forgets one of the actor's filters.
func (s *Service) DropFilter(ctx context.Context, id string) error {
	who, err := access.Need(ctx, access.OrderView)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return dropSaved(ctx, tx, who.ID, id) })
}
