// Package demo loads the demonstration district: accounts of every role, one
// box, cameras that show composed scenes, zones and shops. It is never loaded
// in production. Loading it again changes nothing that people have changed.
package demo

import (
	"context"
	"fmt"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/patrol"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/shops"
	"jiexun/center/seed/base"
)

// Password is the password of all demonstration accounts.
const Password = "Jiexun@2026"

// BoxName is the demonstration box.
const BoxName = "黄浦一号盒"

// Deps are the services that the seed speaks to: it goes in through the same
// use cases as people.
type Deps struct {
	Access    *access.Service
	Fleet     *fleet.Service
	Directory *directory.Service
	Shops     *shops.Service
	Patrol    *patrol.Service
	Clock     clock.Clock
}

// Options say where the simulated street is.
type Options struct {
	// RTSP is the address of the simulated cameras, rtsp://host:port; the
	// streams are SCENE/main and SCENE/sub.
	RTSP string
	// Scenes is the folder with one folder per scene and its truth.json.
	Scenes string
	// Camera is a further real camera, rtsp://…; empty for none.
	Camera string
}

// Account is one demonstration account.
type Account struct {
	Account, Name, Role, RoleName, Region string
}

// Accounts lists the accounts, one per role.
func Accounts() []Account {
	return []Account{
		{"caozuo", "演示研判员", "bureau_operator", "市局研判员", "310000"},
		{"paidan", "演示派单员", "district_dispatcher", "区局派单员", "310101"},
		{"zhongdui", "演示中队长", "squad_leader", "中队长", "310101013"},
		{"duiyuan", "演示队员", "officer", "队员", "310101013"},
		{"fazhi", "演示法制审核员", "legal_reviewer", "法制审核员", "310101"},
		{"yunwei", "演示运维员", "it", "区局运维", "310101"},
		{"xitong", "演示系统管理员", "sys_admin", "系统管理员", "310000"},
		{"anquan", "演示安全管理员", "sec_admin", "安全管理员", "310000"},
		{"shenji", "演示审计管理员", "audit_admin", "审计管理员", "310000"},
	}
}

// Result tells what is there now.
type Result struct {
	BoxID    string
	Cameras  []string
	Shops    int
	Accounts []Account
	// Notes are things that the reader should know.
	Notes []string
}

// String is what the command prints.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "box %s %s\n", r.BoxID, BoxName)
	for _, c := range r.Cameras {
		fmt.Fprintf(&b, "camera %s\n", c)
	}
	fmt.Fprintf(&b, "shops %d\n", r.Shops)
	for _, a := range r.Accounts {
		fmt.Fprintf(&b, "account %-9s %s (%s)\n", a.Account, Password, a.RoleName)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	return b.String()
}

// seeder is one run.
type seeder struct {
	Deps
	o   Options
	out Result
}

// Load makes what is missing and gives what is there.
func Load(ctx context.Context, d Deps, o Options) (Result, error) {
	o.RTSP = strings.TrimSuffix(o.RTSP, "/")
	s := &seeder{Deps: d, o: o, out: Result{Accounts: Accounts(), Cameras: []string{}}}
	for _, a := range s.out.Accounts {
		_, err := d.Access.EnsurePerson(ctx, access.NewPerson{
			Account: a.Account, Name: a.Name, OrgID: base.OrgID(a.Region), Password: Password, Roles: []string{a.Role},
			CertNo: "演示-" + a.Account,
		})
		if err != nil {
			return s.out, fmt.Errorf("seed demo account: %w", err)
		}
	}
	box, err := d.Fleet.EnsureBox(ctx, BoxName, "310101")
	if err != nil {
		return s.out, fmt.Errorf("seed demo box: %w", err)
	}
	s.out.BoxID = box
	// The seed acts as a maintainer of the whole city.
	ctx = access.With(ctx, access.Actor{
		ID: "seed", Name: "演示数据", Scope: access.Scope{Prefixes: []string{"31"}},
		Perms: map[string]bool{
			access.CameraView: true, access.CameraEdit: true, access.CameraZone: true, access.ShopView: true, access.ShopEdit: true,
		},
	})
	for i, p := range points() {
		if err := s.point(ctx, i, p); err != nil {
			return s.out, fmt.Errorf("seed demo camera %s: %w", p.code, err)
		}
	}
	if err := s.along(ctx); err != nil {
		return s.out, fmt.Errorf("seed demo shops: %w", err)
	}
	if o.Camera != "" {
		if err := s.extra(ctx); err != nil {
			return s.out, fmt.Errorf("seed the camera given: %w", err)
		}
	}
	if err := s.patrols(ctx); err != nil {
		return s.out, fmt.Errorf("seed demo plans: %w", err)
	}
	res, err := d.Shops.List(ctx, shops.Filter{}, httpx.Paging{Page: 1, Size: 1})
	s.out.Shops = int(res.Total)
	return s.out, err
}
