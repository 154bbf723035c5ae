package access

import "slices"

// Permission codes.
const (
	AlertView     = "alert.view"
	AlertDecide   = "alert.decide"
	OrderView     = "order.view"
	OrderDispatch = "order.dispatch"
	OrderAssign   = "order.assign"
	OrderHandle   = "order.handle"
	OrderReview   = "order.review"
	CameraView    = "camera.view"
	CameraEdit    = "camera.edit"
	CameraZone    = "camera.zone"
	LiveView      = "live.view"
	ShopView      = "shop.view"
	ShopEdit      = "shop.edit"
	BoxView       = "box.view"
	BoxEdit       = "box.edit"
	AuditView     = "audit.view"
	AccountManage = "account.manage"
	RoleView      = "role.view"
	MapView       = "map.view"
)

// Permission names a code for people.
type Permission struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// Permissions lists every permission in the order of the matrix.
func Permissions() []Permission {
	return []Permission{
		{AlertView, "查看预警"}, {AlertDecide, "研判预警"},
		{OrderView, "查看工单"}, {OrderDispatch, "派发工单"}, {OrderAssign, "分派工单"}, {OrderHandle, "处置工单"}, {OrderReview, "复核工单"},
		{CameraView, "查看点位"}, {CameraEdit, "维护点位"}, {CameraZone, "绘制电子围栏"}, {LiveView, "查看实时视频"},
		{ShopView, "查看商铺"}, {ShopEdit, "维护商铺"}, {BoxView, "查看边缘盒"}, {BoxEdit, "维护边缘盒"},
		{MapView, "查看一张图"}, {RoleView, "查看角色权限"}, {AccountManage, "管理账号"}, {AuditView, "查看审计"},
	}
}

// Role is a set of permissions.
type Role struct {
	Code        string   `json:"code"`
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
}

// Roles lists every role. The three administrators (system, security, audit)
// share no permission with which one could do another's work.
func Roles() []Role {
	return []Role{
		{"bureau_operator", "市局研判员", []string{AlertView, AlertDecide, OrderView, CameraView, LiveView, ShopView, BoxView, MapView}},
		{"district_dispatcher", "区局派单员", []string{AlertView, AlertDecide, OrderView, OrderDispatch, OrderAssign, OrderReview, CameraView, LiveView, ShopView, ShopEdit, BoxView, MapView}},
		{"squad_leader", "中队长", []string{AlertView, OrderView, OrderAssign, OrderReview, CameraView, LiveView, ShopView, MapView}},
		{"officer", "队员", []string{OrderView, OrderHandle, CameraView, ShopView, MapView}},
		{"legal_reviewer", "法制审核员", []string{AlertView, OrderView, CameraView, ShopView, MapView}},
		{"it", "区局运维", []string{CameraView, CameraEdit, CameraZone, LiveView, ShopView, ShopEdit, BoxView, BoxEdit, MapView}},
		{"sys_admin", "系统管理员", []string{RoleView, BoxView}},
		{"sec_admin", "安全管理员", []string{AccountManage}},
		{"audit_admin", "审计管理员", []string{AuditView}},
	}
}

// RoleByCode finds a role.
func RoleByCode(code string) (Role, bool) {
	list := Roles()
	i := slices.IndexFunc(list, func(r Role) bool { return r.Code == code })
	if i < 0 {
		return Role{}, false
	}
	return list[i], true
}

// permsOf joins the permissions of roles; an unknown role gives nothing.
func permsOf(roles []string) map[string]bool {
	m := map[string]bool{}
	for _, c := range roles {
		if r, ok := RoleByCode(c); ok {
			for _, p := range r.Permissions {
				m[p] = true
			}
		}
	}
	return m
}
