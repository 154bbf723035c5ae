package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// fresh is how long a process trusts what it read about switched-off
// functions: another process's change is in force after this time.
const fresh = time.Second

// gate is what is switched off.
type gate struct {
	perms map[string]bool // functions of the center, by permission code
	ops   map[string]bool // operation ids
	menus map[string]bool
	codes map[string]bool
}

// FunctionsOff is what a page needs to know about switched-off functions.
type FunctionsOff struct {
	// Permissions are the permission codes whose function is off, Menus the
	// menu entries, Codes the codes of applications and functions.
	Permissions []string `json:"permissions"`
	Menus       []string `json:"menus"`
	Codes       []string `json:"codes"`
}

// forget makes the next request read again what is switched off.
func (s *Service) forget() {
	s.mu.Lock()
	s.read = time.Time{}
	s.mu.Unlock()
}

func (s *Service) current(ctx context.Context) (gate, error) {
	now := s.db.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := now.Sub(s.read); !s.read.IsZero() && d >= 0 && d < fresh {
		return s.gate, nil
	}
	rows, err := off(ctx, s.db.Read())
	if err != nil {
		return gate{}, err
	}
	apps := []string{}
	for _, r := range rows {
		if r.Kind == string(App) {
			apps = append(apps, r.ID)
		}
	}
	more, err := functionsOf(ctx, s.db.Read(), apps)
	if err != nil {
		return gate{}, err
	}
	g := gate{perms: map[string]bool{}, ops: map[string]bool{}, menus: map[string]bool{}, codes: map[string]bool{}}
	for _, r := range append(rows, more...) {
		if r.State != Active && r.Internal == 0 {
			continue // never was on
		}
		g.codes[r.Code] = true
		if r.Menu != "" {
			g.menus[r.Menu] = true
		}
		own := r.Internal == 1 && !strings.HasPrefix(r.Code, openPrefix)
		if r.Kind == string(Function) && own && !guarded(r.Code) {
			g.perms[r.Code] = true
		}
		for _, op := range fromJSON[string](r.Operations) {
			if !own {
				g.ops[op] = true
			}
		}
	}
	s.gate, s.read = g, now
	return g, nil
}

// Gate refuses the operations of functions that are switched off: it is
// httpx.Options.Gate.
func (s *Service) Gate(ctx context.Context, c httpx.Called) error {
	g, err := s.current(ctx)
	if err != nil {
		return fmt.Errorf("read switched-off functions: %w", err)
	}
	if g.perms[c.Perm] || g.ops[c.ID] {
		return errs.Forbidden("功能已停用")
	}
	return nil
}

// IsOff tells whether an application or function is switched off.
func (s *Service) IsOff(ctx context.Context, code string) (bool, error) {
	g, err := s.current(ctx)
	return g.codes[code], err
}

// SwitchedOff lists what is off, for the menu of any signed-in person.
func (s *Service) SwitchedOff(ctx context.Context) (FunctionsOff, error) {
	if _, err := access.From(ctx); err != nil {
		return FunctionsOff{}, err
	}
	g, err := s.current(ctx)
	if err != nil {
		return FunctionsOff{}, err
	}
	return FunctionsOff{Permissions: keys(g.perms), Menus: keys(g.menus), Codes: keys(g.codes)}, nil
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Own is one operation of the center. Interface is the kind of an open
// interface, which is a function of its own instead of a permission.
type Own struct{ ID, Perm, Interface string }

// openPrefix begins the codes of functions that are open interfaces.
const openPrefix = "open."

// appName is the application that a permission of the center belongs to.
func appName(prefix string) (code, name string) {
	switch prefix {
	case "alert":
		return "supervision.alert", "预警研判"
	case "order":
		return "supervision.order", "非现工单"
	case "shop":
		return "supervision.shop", "商铺档案"
	case "camera", "live", "map", "box":
		return "video.platform", "视频与地图"
	case "workflow", "form", "deadline", "calendar":
		return "platform.workflow", "流程表单与期限"
	case "notify":
		return "platform.notify", "消息通知"
	case "app", "permission", "interface", "sync", "datasource":
		return "system.integration", "接入管理"
	case "open":
		return "open.platform", "开放接口"
	case "job", "export", "import", "usage":
		return "platform.run", "任务与运行分析"
	case "security", "crypto", "audit":
		return "security.center", "安全与审计"
	}
	return "system.access", "机构人员与权限"
}

// Seed registers what the center itself offers: an application for each part
// and a function for each permission and each kind of open interface
// (kinds names them), with its operations. What people changed stays.
func (s *Service) Seed(ctx context.Context, ops []Own, kinds map[string]string) error {
	byPerm := map[string][]string{}
	for _, o := range ops {
		if o.Interface != "" {
			byPerm[openPrefix+o.Interface] = append(byPerm[openPrefix+o.Interface], o.ID)
		} else if o.Perm != httpx.Public && o.Perm != httpx.SignedIn && o.Perm != "" {
			byPerm[o.Perm] = append(byPerm[o.Perm], o.ID)
		}
	}
	title := map[string]string{}
	for _, p := range access.Permissions() {
		title[p.Code] = p.Name
	}
	for k, name := range kinds {
		title[openPrefix+k] = name
	}
	perms := make([]string, 0, len(byPerm))
	for p := range byPerm {
		perms = append(perms, p)
	}
	slices.Sort(perms)
	have := map[string]string{} // function code to its operations
	rows, err := all(ctx, s.db.Read(), Function)
	if err != nil {
		return err
	}
	for _, r := range rows {
		have[r.Code] = r.Operations
	}
	changed := false
	for _, p := range perms {
		slices.Sort(byPerm[p])
		changed = changed || have[p] != toJSON(byPerm[p])
	}
	if !changed {
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for _, p := range perms {
			prefix, _, _ := strings.Cut(p, ".")
			code, name := appName(prefix)
			app, err := s.ensure(ctx, tx, App, "", code, name, "[]")
			if err != nil {
				return err
			}
			name = title[p]
			if name == "" {
				name = p
			}
			if _, err := s.ensure(ctx, tx, Function, app, p, name, toJSON(byPerm[p])); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) ensure(ctx context.Context, tx db.Tx, kind Kind, app, code, name, ops string) (string, error) {
	r, ok, err := byCode(ctx, tx, kind, code)
	if err != nil {
		return "", err
	}
	now := clock.At(tx.Now())
	if !ok {
		r = entryRow{ID: ids.New(), Kind: string(kind), AppID: app, Code: code, Name: name, Internal: 1, Version: "1", Operations: ops, Rules: "[]",
			State: Active, Enabled: 1, AppliedName: "系统", AppliedAt: now, UpdatedAt: now, Rev: 1}
		return r.ID, insert(ctx, tx, &r)
	}
	if r.Internal == 1 && r.Operations != ops {
		r.Operations = ops
		return r.ID, update(ctx, tx, &r)
	}
	return r.ID, nil
}
