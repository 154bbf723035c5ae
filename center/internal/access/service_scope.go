package access

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// NamedScope is a part of the city that follows no single district.
type NamedScope struct {
	Code     string   `json:"code"`
	Name     string   `json:"name"`
	Prefixes []string `json:"prefixes"`
	Note     string   `json:"note"`
	State    string   `json:"state" enum:"active,disabled"`
	Rev      int      `json:"rev"`
}

// SeedScopes adds the named scopes that are absent.
func (s *Service) SeedScopes(ctx context.Context, list []NamedScope) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows := make([]scopeRow, 0, len(list))
		for _, x := range list {
			r := scopeRow{Code: x.Code, Name: x.Name, Prefixes: strings.Join(normal(x.Prefixes), ","), Note: x.Note, State: StateActive, UpdatedAt: clock.At(tx.Now()), Rev: 1}
			r.MAC = s.mac(r.parts())
			rows = append(rows, r)
		}
		n, err := upsertScopes(ctx, tx, rows)
		if err != nil || n == 0 {
			return err
		}
		return bumpVersion(ctx, tx)
	})
}

// NamedScopes lists the named scopes.
func (s *Service) NamedScopes(ctx context.Context) ([]NamedScope, error) {
	rows, err := readScopes(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]NamedScope, 0, len(rows))
	for _, r := range rows {
		x := NamedScope{Code: r.Code, Name: r.Name, Prefixes: split(r.Prefixes), Note: r.Note, State: r.State, Rev: r.Rev}
		if !s.genuine("access_scopes", r.Code, r.MAC, r.parts(), "数据范围“"+r.Name+"”") {
			x.State = "tampered"
		}
		out = append(out, x)
	}
	return out, nil
}

// SaveScope makes a named scope (Rev 0) or changes one: every grant and unit
// that uses it follows at the next request.
func (s *Service) SaveScope(ctx context.Context, x NamedScope, reason string) error {
	who, err := Need(ctx, RoleManage)
	if err != nil {
		return err
	}
	var f errs.Fields
	f.Check(regexp.MustCompile(`^[a-z][a-z0-9_]{1,39}$`).MatchString(x.Code), "code", "代码应为小写字母开头的字母、数字或下划线")
	n := len([]rune(strings.TrimSpace(x.Name)))
	f.Check(n >= 2 && n <= 20, "name", "名称应为 2 到 20 个字")
	f.Check(len(x.Prefixes) > 0 && len(x.Prefixes) <= 100, "prefixes", "请选择 1 到 100 个区划")
	checkPrefixes(&f, x.Prefixes)
	f.Check(Scope{Prefixes: x.Prefixes}.Within(who.Scope), "prefixes", "超出您的范围")
	if x.State == "" {
		x.State = StateActive
	}
	f.Check(x.State == StateActive || x.State == StateDisabled, "state", "状态应为 active 或 disabled")
	if err := f.Err(); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := readScopes(ctx, tx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(rows, func(r scopeRow) bool { return r.Code == x.Code })
		var before any
		switch {
		case i < 0 && x.Rev != 0:
			return errs.NotFound("数据范围")
		case i >= 0 && x.Rev == 0:
			return errs.Invalidf("code", "代码 %s 已被使用", x.Code)
		case i >= 0 && rows[i].Rev != x.Rev:
			return errs.Conflict("数据范围刚被别人修改过，请刷新后重试")
		case i >= 0:
			before = rows[i]
		}
		r := scopeRow{Code: x.Code, Name: strings.TrimSpace(x.Name), Prefixes: strings.Join(normal(x.Prefixes), ","), Note: x.Note, State: x.State, UpdatedAt: clock.At(tx.Now()), Rev: x.Rev + 1}
		r.MAC = s.mac(r.parts())
		if err := putScope(ctx, tx, &r); err != nil {
			return err
		}
		if err := bumpVersion(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "scope.save", Object: "scope", ObjectID: x.Code, Summary: "保存数据范围“" + r.Name + "”", Before: before, After: r, Reason: reason})
	})
}
