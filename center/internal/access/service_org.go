package access

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
)

// Org is an organisation.
type Org struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Kind       string `json:"kind" enum:"bureau,district,squad,unit"`
	RegionCode string `json:"regionCode"`
	ParentID   string `json:"parentId"`
	// ScopeCode is the named scope of a unit that works across districts.
	ScopeCode string `json:"scopeCode,omitempty"`
	State     string `json:"state" enum:"active,disabled"`
	// MergedInto is where an organisation went.
	MergedInto string `json:"mergedInto,omitempty"`
	Rev        int    `json:"rev"`
}

func (o orgRow) org() Org {
	return Org{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID, ScopeCode: o.ScopeCode, State: o.State, MergedInto: o.MergedInto, Rev: o.Rev}
}

// SeedOrgs adds the organisations that are absent.
func (s *Service) SeedOrgs(ctx context.Context, list []Org) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows := make([]orgRow, 0, len(list))
		for _, o := range list {
			r := orgRow{ID: o.ID, Name: o.Name, Kind: o.Kind, RegionCode: o.RegionCode, ParentID: o.ParentID, ScopeCode: o.ScopeCode, State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1}
			r.MAC = s.mac(r.parts())
			rows = append(rows, r)
		}
		n, err := upsertOrgs(ctx, tx, rows)
		if err != nil || n == 0 {
			return err
		}
		return bumpVersion(ctx, tx)
	})
}

// OrgNode is an organisation in the tree with what it holds.
type OrgNode struct {
	Org
	// People counts active persons of the organisation itself.
	People int64 `json:"people"`
	// Editable tells that the reader may change it.
	Editable bool `json:"editable"`
}

// OrgTree lists all organisations, disabled ones too, parents first.
func (s *Service) OrgTree(ctx context.Context) ([]OrgNode, error) {
	who, err := From(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := listOrgs(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	counts, err := peopleByOrg(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]OrgNode, 0, len(rows))
	for _, r := range rows {
		n := OrgNode{Org: r.org(), Editable: who.Allows(OrgManage, r.RegionCode)}
		if n.Editable || who.Allows(RoleView, r.RegionCode) {
			n.People = counts[r.ID]
		}
		out = append(out, n)
	}
	return out, nil
}

// OrgInput makes an organisation.
type OrgInput struct {
	Name, Kind, RegionCode, ParentID, ScopeCode, Reason string
}

func (in *OrgInput) validate(b *rolebook, scope Scope) error {
	var f errs.Fields
	in.Name = strings.TrimSpace(in.Name)
	n := len([]rune(in.Name))
	f.Check(n >= 2 && n <= 40, "name", "名称应为 2 到 40 个字")
	f.Check(slices.Contains([]string{"district", "squad", "unit"}, in.Kind), "kind", "类型应为 district、squad 或 unit")
	parent, ok := b.orgs[in.ParentID]
	f.Check(ok && parent.State == StateActive, "parentId", "没有这个上级机构，或已停用")
	form := regexp.MustCompile(`^(\d{6}|\d{9}|310000Z\d{2})$`)
	f.Check(form.MatchString(in.RegionCode), "regionCode", "代码应为 6 或 9 位区划代码，直属单位为 310000Z 加两位数字")
	f.Check(scope.Covers(in.RegionCode), "regionCode", "该代码不在您的管理范围内")
	f.Check((in.Kind == "unit") == strings.Contains(in.RegionCode, "Z"), "regionCode", "只有直属单位用 310000Z 开头的代码")
	if in.Kind == "squad" && ok {
		f.Check(strings.HasPrefix(in.RegionCode, region.Prefix(parent.RegionCode)), "parentId", "上级机构的区划应包含本机构")
	}
	if in.ScopeCode != "" {
		f.Check(!b.namedScope(in.ScopeCode).Empty(), "scopeCode", "没有这个数据范围")
		f.Check(in.Kind == "unit", "scopeCode", "只有直属单位可以有跨区域的数据范围")
		f.Check(b.namedScope(in.ScopeCode).Within(scope), "scopeCode", "该数据范围超出您的管理范围")
	}
	for _, o := range b.orgs {
		f.Check(o.State != StateActive || o.Name != in.Name || o.ParentID != in.ParentID, "name", "上级下已有同名机构")
	}
	return f.Err()
}

// CreateOrg adds an organisation.
func (s *Service) CreateOrg(ctx context.Context, in OrgInput) (Org, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return Org{}, err
	}
	b, err := s.book(ctx, s.db.Read())
	if err != nil {
		return Org{}, err
	}
	if err := in.validate(b, who.Scope); err != nil {
		return Org{}, err
	}
	var r orgRow
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r = orgRow{ID: ids.New(), Name: in.Name, Kind: in.Kind, RegionCode: in.RegionCode, ParentID: in.ParentID, ScopeCode: in.ScopeCode, State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1}
		r.MAC = s.mac(r.parts())
		if err := insert(ctx, tx, "organisation", &r); err != nil {
			return err
		}
		return s.orgChanged(ctx, tx, who, r, "create", "新增机构 "+r.Name, in.Reason, nil)
	})
	return r.org(), err
}

func (s *Service) orgChanged(ctx context.Context, tx db.Tx, who Actor, r orgRow, act, text, reason string, before any) error {
	h := orgHistoryRow{ID: ids.New(), OrgID: r.ID, Act: act, Name: r.Name, ParentID: r.ParentID, Note: text, ByID: who.ID, ByName: who.Name, At: clock.At(tx.Now())}
	if err := insert(ctx, tx, "history of organisation", &h); err != nil {
		return err
	}
	if err := bumpVersion(ctx, tx); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{Act: "org." + act, Object: "org", ObjectID: r.ID, RegionCode: r.RegionCode, Summary: text, Before: before, After: r.org(), Reason: reason})
}

// OrgChange changes one thing of an organisation.
type OrgChange struct {
	ID string
	// Act is rename (Name), move (ParentID), scope (ScopeCode), disable,
	// enable or merge (Into).
	Act, Name, ParentID, ScopeCode, Into, Reason string
	Rev                                          int
}

// ChangeOrg does one change. A merged organisation gives its people and
// sub-units to the other one; its name stays in history.
func (s *Service) ChangeOrg(ctx context.Context, in OrgChange) error {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return err
	}
	if len([]rune(strings.TrimSpace(in.Reason))) < 2 {
		return errs.Invalidf("reason", "请写明原因")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := lockVersion(ctx, tx); err != nil {
			return err
		}
		b, err := s.readBook(ctx, tx, 0)
		if err != nil {
			return err
		}
		o, ok := b.orgs[in.ID]
		if !ok || !who.Scope.Covers(o.RegionCode) {
			return errs.NotFound("机构")
		}
		switch {
		case o.Rev != in.Rev:
			return errs.Conflict("机构刚被别人修改过，请刷新后重试")
		case o.State == stateBad:
			return errs.Conflict("机构数据校验不符，请联系安全管理员")
		}
		before := o.org()
		text, err := s.applyOrg(ctx, tx, who, b, &o, in)
		if err != nil {
			return err
		}
		o.Rev++
		o.UpdatedAt = clock.At(tx.Now())
		o.MAC = s.mac(o.parts())
		if err := saveOrg(ctx, tx, &o); err != nil {
			return err
		}
		return s.orgChanged(ctx, tx, who, o, in.Act, text, in.Reason, before)
	})
}

func (s *Service) applyOrg(ctx context.Context, tx db.Tx, who Actor, b *rolebook, o *orgRow, in OrgChange) (string, error) {
	switch in.Act {
	case "rename":
		name := strings.TrimSpace(in.Name)
		if n := len([]rune(name)); n < 2 || n > 40 || name == o.Name {
			return "", errs.Invalidf("name", "请填写新名称，2 到 40 个字")
		}
		text := "机构 " + o.Name + " 更名为 " + name
		o.Name = name
		return text, nil
	case "move":
		p, ok := b.orgs[in.ParentID]
		if !ok || p.State != StateActive || slices.Contains(b.below(o.ID), in.ParentID) || !who.Scope.Covers(p.RegionCode) {
			return "", errs.Invalidf("parentId", "不能移到这个上级机构下")
		}
		if o.Kind == "squad" && !strings.HasPrefix(o.RegionCode, region.Prefix(p.RegionCode)) {
			return "", errs.Invalidf("parentId", "上级机构的区划应包含本机构")
		}
		o.ParentID = p.ID
		return "机构 " + o.Name + " 移到 " + p.Name + " 下", nil
	case "scope":
		if o.Kind != "unit" || in.ScopeCode != "" && (b.namedScope(in.ScopeCode).Empty() || !b.namedScope(in.ScopeCode).Within(who.Scope)) {
			return "", errs.Invalidf("scopeCode", "只有直属单位可以设定跨区域数据范围，且不能超出您的管理范围")
		}
		o.ScopeCode = in.ScopeCode
		return "机构 " + o.Name + " 的数据范围设为 " + b.scopeName(KindNamed, "", in.ScopeCode, nil), nil
	case "disable":
		return "停用机构 " + o.Name, s.disableOrg(ctx, tx, b, o)
	case "enable":
		if o.MergedInto != "" {
			return "", errs.Conflict("已合并的机构不能再启用")
		}
		o.State = StateActive
		return "启用机构 " + o.Name, nil
	case "merge":
		return s.mergeOrg(ctx, tx, who, b, o, in.Into)
	}
	return "", errs.Invalidf("act", "没有这个操作")
}

func (s *Service) disableOrg(ctx context.Context, q reader, b *rolebook, o *orgRow) error {
	counts, err := peopleByOrg(ctx, q)
	if err != nil {
		return err
	}
	if counts[o.ID] > 0 {
		return errs.Conflict(fmt.Sprintf("机构下还有 %d 名在岗人员，请先调动或合并", counts[o.ID]))
	}
	for _, c := range b.orgs {
		if c.ParentID == o.ID && c.State == StateActive {
			return errs.Conflict("机构下还有下级机构 " + c.Name)
		}
	}
	o.State = StateDisabled
	return nil
}

// TopicMerged tells that an organisation went into another. Payload: Merged.
const TopicMerged = "access.org.merged"

// Merged is the payload of TopicMerged.
type Merged struct {
	From string `json:"from"`
	Into string `json:"into"`
	By   string `json:"by"`
}

func (s *Service) mergeOrg(ctx context.Context, tx db.Tx, who Actor, b *rolebook, o *orgRow, into string) (string, error) {
	t, ok := b.orgs[into]
	if !ok || t.State != StateActive || into == o.ID || slices.Contains(b.below(o.ID), into) || !who.Scope.Covers(t.RegionCode) {
		return "", errs.Invalidf("into", "不能合并到这个机构")
	}
	if o.Kind != t.Kind {
		return "", errs.Invalidf("into", "只能合并到同类机构")
	}
	n, err := movePeople(ctx, tx, o.ID, into, clock.At(tx.Now()))
	if err != nil {
		return "", err
	}
	for _, c := range b.orgs {
		if c.ParentID == o.ID {
			c.ParentID, c.Rev = into, c.Rev+1
			c.MAC = s.mac(c.parts())
			if err := saveOrg(ctx, tx, &c); err != nil {
				return "", err
			}
		}
	}
	o.State, o.MergedInto = StateDisabled, into
	if err := events.Publish(ctx, tx, TopicMerged, Merged{From: o.ID, Into: into, By: who.ID}); err != nil {
		return "", err
	}
	return fmt.Sprintf("机构 %s 并入 %s，%d 名人员随转", o.Name, t.Name, n), nil
}

// OrgStep is one line of an organisation's history.
type OrgStep struct {
	Act    string      `json:"act"`
	Name   string      `json:"name"`
	Note   string      `json:"note"`
	ByName string      `json:"byName"`
	At     clock.Stamp `json:"at"`
}

// OrgHistory lists what happened to an organisation, newest first.
func (s *Service) OrgHistory(ctx context.Context, id string) ([]OrgStep, error) {
	who, err := Need(ctx, OrgManage)
	if err != nil {
		return nil, err
	}
	o, err := orgByID(ctx, s.db.Read(), id)
	if db.NoRows(err) || err == nil && !who.Scope.Covers(o.RegionCode) {
		return nil, errs.NotFound("机构")
	}
	if err != nil {
		return nil, fmt.Errorf("read organisation: %w", err)
	}
	rows, err := orgSteps(ctx, s.db.Read(), id)
	if err != nil {
		return nil, err
	}
	out := make([]OrgStep, 0, len(rows))
	for _, r := range rows {
		out = append(out, OrgStep{Act: r.Act, Name: r.Name, Note: r.Note, ByName: r.ByName, At: r.At})
	}
	return out, nil
}
