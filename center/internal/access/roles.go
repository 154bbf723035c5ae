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

	OrgManage         = "org.manage"
	GrantManage       = "grant.manage"
	RoleManage        = "role.manage"
	PersonReveal      = "person.reveal"
	SessionManage     = "session.manage"
	TokenManage       = "token.manage"
	CalendarManage    = "calendar.manage"
	DeadlineManage    = "deadline.manage"
	WorkflowDesign    = "workflow.design"
	WorkflowMonitor   = "workflow.monitor"
	FormDesign        = "form.design"
	NotifyManage      = "notify.manage"
	NotifyApprove     = "notify.approve"
	NotifyLog         = "notify.log"
	AppManage         = "app.manage"
	AppApprove        = "app.approve"
	PermissionApprove = "permission.approve"
	InterfaceApply    = "interface.apply"
	InterfaceApprove  = "interface.approve"
	InterfaceLog      = "interface.log"
	SyncManage        = "sync.manage"
	DataSourceManage  = "datasource.manage"
	UsageView         = "usage.view"
	SecurityView      = "security.view"
	SecurityHandle    = "security.handle"
	SecurityRule      = "security.rule"
	CryptoView        = "crypto.view"
	CryptoManage      = "crypto.manage"
	JobView           = "job.view"
	JobManage         = "job.manage"
	ExportData        = "export.data"
	ImportData        = "import.data"
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
		{OrgManage, "维护机构人员"}, {RoleManage, "维护角色"}, {GrantManage, "授予权限"}, {PersonReveal, "查看敏感信息"}, {SessionManage, "管理登录会话"}, {TokenManage, "管理接口令牌"},
		{CalendarManage, "维护工作日历"}, {DeadlineManage, "维护期限规则"}, {WorkflowDesign, "设计流程"}, {WorkflowMonitor, "监控流程"}, {FormDesign, "设计表单"},
		{NotifyManage, "维护消息模板"}, {NotifyApprove, "审批消息模板"}, {NotifyLog, "查看发送台账"},
		{AppManage, "维护应用与功能"}, {AppApprove, "审批应用接入"}, {PermissionApprove, "审批功能权限"},
		{InterfaceApply, "申请接口"}, {InterfaceApprove, "审批接口"}, {InterfaceLog, "查看接口日志"}, {SyncManage, "维护人员同步"}, {DataSourceManage, "维护数据源"},
		{UsageView, "查看运行分析"}, {SecurityView, "查看安全预警"}, {SecurityHandle, "处置安全预警"}, {SecurityRule, "维护安全规则"},
		{CryptoView, "查看密码应用"}, {CryptoManage, "管理密钥"}, {JobView, "查看后台任务"}, {JobManage, "管理后台任务"},
		{ExportData, "导出数据"}, {ImportData, "导入数据"},
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
		{"bureau_operator", "市局研判员", []string{AlertView, AlertDecide, OrderView, CameraView, LiveView, ShopView, BoxView, MapView, UsageView, ExportData}},
		{"district_dispatcher", "区局派单员", []string{AlertView, AlertDecide, OrderView, OrderDispatch, OrderAssign, OrderReview, CameraView, LiveView, ShopView, ShopEdit, BoxView, MapView, ExportData, ImportData}},
		{"squad_leader", "中队长", []string{AlertView, OrderView, OrderAssign, OrderReview, CameraView, LiveView, ShopView, MapView}},
		{"officer", "队员", []string{OrderView, OrderHandle, CameraView, ShopView, MapView}},
		{"legal_reviewer", "法制审核员", []string{AlertView, OrderView, CameraView, ShopView, MapView}},
		{"it", "区局运维", []string{CameraView, CameraEdit, CameraZone, LiveView, ShopView, ShopEdit, BoxView, BoxEdit, MapView, ExportData, ImportData}},
		{"sys_admin", "系统管理员", []string{RoleView, BoxView, OrgManage, CalendarManage, DeadlineManage, WorkflowDesign, WorkflowMonitor, FormDesign, NotifyManage, NotifyLog, AppManage, InterfaceApply, SyncManage, DataSourceManage, UsageView, JobView, JobManage, ImportData}},
		{"sec_admin", "安全管理员", []string{RoleView, AccountManage, RoleManage, GrantManage, PersonReveal, SessionManage, TokenManage, AppApprove, PermissionApprove, InterfaceApprove, InterfaceLog, NotifyApprove, SecurityView, SecurityHandle, SecurityRule, CryptoView, CryptoManage}},
		{"audit_admin", "审计管理员", []string{AuditView, SecurityView, CryptoView, InterfaceLog, NotifyLog, ExportData}},
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
