package access

import "slices"

// AnyPermission stands in Role.Pass for every permission there is.
const AnyPermission = "*"

// Permission codes.
const (
	AlertView     = "alert.view"
	AlertDecide   = "alert.decide"
	AlertRule     = "alert.rule"
	OrderView     = "order.view"
	OrderDispatch = "order.dispatch"
	OrderAssign   = "order.assign"
	OrderHandle   = "order.handle"
	OrderReview   = "order.review"
	OrderUrge     = "order.urge"
	OrderRule     = "order.rule"
	CameraView    = "camera.view"
	CameraEdit    = "camera.edit"
	CameraZone    = "camera.zone"
	LiveView      = "live.view"
	LivePlayback  = "live.playback"
	LiveDownload  = "live.download"
	LiveSnapshot  = "live.snapshot"
	LivePTZ       = "live.ptz"
	CameraGrant   = "camera.grant"
	PatrolView    = "patrol.view"
	PatrolPlan    = "patrol.plan"
	PatrolAssign  = "patrol.assign"
	PatrolHandle  = "patrol.handle"
	ShopView      = "shop.view"
	ShopEdit      = "shop.edit"
	ShopConfirm   = "shop.confirm"
	ShopReveal    = "shop.reveal"
	ShopRule      = "shop.rule"
	BoxView       = "box.view"
	BoxEdit       = "box.edit"
	AuditView     = "audit.view"
	AccountManage = "account.manage"
	RoleView      = "role.view"
	MapView       = "map.view"
	MapManage     = "map.manage"

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
	AppView           = "app.view"
	InterfaceView     = "interface.view"
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

	NoticeView      = "notice.view"
	NoticeIssue     = "notice.issue"
	NoticeConfirm   = "notice.confirm"
	NoticeObjection = "notice.objection"
	NoticeTemplate  = "notice.template"
	CauseView       = "cause.view"
	CauseEdit       = "cause.edit"
	GuideEdit       = "guide.edit"
)

// Permission names a code for people.
type Permission struct {
	Code string `json:"code"`
	Name string `json:"name"`
}

// permName gives the Chinese name of a permission, or the code.
func permName(code string) string {
	for _, p := range Permissions() {
		if p.Code == code {
			return p.Name
		}
	}
	if code == AnyPermission {
		return "全部权限"
	}
	return code
}

// knownPerm tells whether a permission of the code exists.
func knownPerm(code string) bool {
	return slices.ContainsFunc(Permissions(), func(p Permission) bool { return p.Code == code })
}

// Permissions lists every permission in the order of the matrix.
func Permissions() []Permission {
	return []Permission{
		{AlertView, "查看预警"}, {AlertDecide, "研判预警"}, {AlertRule, "维护预警规则"},
		{OrderView, "查看工单"}, {OrderDispatch, "派发工单"}, {OrderAssign, "分派工单"}, {OrderHandle, "处置工单"}, {OrderReview, "复核工单"}, {OrderUrge, "催办工单"}, {OrderRule, "维护工单规则"},
		{CameraView, "查看点位"}, {CameraEdit, "维护点位"}, {CameraZone, "绘制电子围栏"}, {LiveView, "查看实时视频"}, {LivePlayback, "回放录像"}, {LiveDownload, "下载录像"}, {LiveSnapshot, "抓图留存"}, {LivePTZ, "云台控制"}, {CameraGrant, "授予视频权限"},
		{PatrolView, "查看排摸巡检"}, {PatrolPlan, "维护排摸巡检计划"}, {PatrolAssign, "分派巡检任务"}, {PatrolHandle, "补录巡检任务"},
		{ShopView, "查看商铺"}, {ShopEdit, "维护商铺"}, {ShopConfirm, "确认排摸结果"}, {ShopReveal, "查看商铺联系方式"}, {ShopRule, "维护排摸比对规则"}, {BoxView, "查看边缘盒"}, {BoxEdit, "维护边缘盒"},
		{MapView, "查看一张图"}, {MapManage, "维护地图服务"}, {RoleView, "查看角色权限"}, {AccountManage, "管理账号"}, {AuditView, "查看审计"},
		{OrgManage, "维护机构人员"}, {RoleManage, "维护角色"}, {GrantManage, "授予权限"}, {PersonReveal, "查看敏感信息"}, {SessionManage, "管理登录会话"}, {TokenManage, "管理接口令牌"},
		{CalendarManage, "维护工作日历"}, {DeadlineManage, "维护期限规则"}, {WorkflowDesign, "设计流程"}, {WorkflowMonitor, "监控流程"}, {FormDesign, "设计表单"},
		{NotifyManage, "维护消息模板"}, {NotifyApprove, "审批消息模板"}, {NotifyLog, "查看发送台账"},
		{AppView, "查看接入登记"}, {InterfaceView, "查看接口接入"}, {AppManage, "维护应用与功能"}, {AppApprove, "审批应用接入"}, {PermissionApprove, "审批功能权限"},
		{InterfaceApply, "申请接口"}, {InterfaceApprove, "审批接口"}, {InterfaceLog, "查看接口日志"}, {SyncManage, "维护人员同步"}, {DataSourceManage, "维护数据源"},
		{UsageView, "查看运行分析"}, {SecurityView, "查看安全预警"}, {SecurityHandle, "处置安全预警"}, {SecurityRule, "维护安全规则"},
		{CryptoView, "查看密码应用"}, {CryptoManage, "管理密钥"}, {JobView, "查看后台任务"}, {JobManage, "管理后台任务"},
		{ExportData, "导出数据"}, {ImportData, "导入数据"},
		{NoticeView, "查看告知"}, {NoticeIssue, "制发告知"}, {NoticeConfirm, "确认整改"}, {NoticeObjection, "处理异议"}, {NoticeTemplate, "维护告知模板"},
		{CauseView, "查看案由库"}, {CauseEdit, "维护案由库"}, {GuideEdit, "编写合规指引"},
	}
}

// Role is a set of permissions. The built-in ones are kept in step with
// Builtin at each start; the others belong to the installation.
type Role struct {
	Code        string   `json:"code"`
	Name        string   `json:"name"`
	Permissions []string `json:"permissions"`
	// Pass are permissions that a holder may grant to others without having
	// the use of them; AnyPermission is all.
	Pass    []string `json:"pass"`
	Note    string   `json:"note"`
	Builtin bool     `json:"builtin"`
	State   string   `json:"state" enum:"active,disabled"`
	Rev     int      `json:"rev"`
}

// Roles lists the built-in roles. The three administrators (system, security,
// audit) share no permission with which one could do another's work.
func Roles() []Role {
	role := func(code, name, note string, perms ...string) Role {
		return Role{Code: code, Name: name, Note: note, Permissions: perms, Pass: []string{}, Builtin: true, State: StateActive, Rev: 1}
	}
	list := []Role{
		role("bureau_operator", "市局研判员", "市级预警研判", AlertView, AlertDecide, AlertRule, OrderView, CameraView, LiveView, LivePlayback, LiveDownload, LiveSnapshot, LivePTZ, CameraGrant, ShopView, ShopConfirm, ShopRule, BoxView, MapView, UsageView, ExportData, NoticeView, CauseView, GuideEdit, PatrolView, PatrolPlan, PatrolAssign),
		role("district_dispatcher", "区局派单员", "区级研判、派单与复核", AlertView, AlertDecide, AlertRule, OrderView, OrderDispatch, OrderAssign, OrderReview, OrderUrge, CameraView, LiveView, LivePlayback, LiveDownload, LiveSnapshot, LivePTZ, CameraGrant, ShopView, ShopEdit, ShopConfirm, ShopReveal, ShopRule, BoxView, MapView, ExportData, ImportData, NoticeView, NoticeIssue, NoticeConfirm, NoticeObjection, CauseView, PatrolView, PatrolPlan, PatrolAssign, PatrolHandle),
		role("squad_leader", "中队长", "中队分派与复核", AlertView, OrderView, OrderAssign, OrderReview, OrderUrge, ExportData, CameraView, LiveView, LivePlayback, LiveSnapshot, ShopView, ShopConfirm, ShopReveal, MapView, NoticeView, NoticeIssue, NoticeConfirm, CauseView, PatrolView, PatrolAssign, PatrolHandle),
		role("officer", "队员", "现场处置", OrderView, OrderHandle, CameraView, ShopView, MapView, NoticeView, NoticeConfirm, CauseView, PatrolView, PatrolHandle),
		role("legal_reviewer", "法制审核员", "法制审核", AlertView, OrderView, CameraView, ShopView, MapView, NoticeView, NoticeTemplate, CauseView, CauseEdit, GuideEdit),
		role("it", "区局运维", "点位、围栏与边缘盒维护", CameraView, CameraEdit, CameraZone, LiveView, LivePlayback, LiveSnapshot, LivePTZ, ShopView, ShopEdit, ShopConfirm, ShopRule, BoxView, BoxEdit, MapView, ExportData, ImportData, PatrolView),
		role("district_admin", "区局管理员", "在本区范围内授予业务角色、管理账号", RoleView, AccountManage, GrantManage, SessionManage),
		role("sys_admin", "系统管理员", "机构、流程、接口与数据接入", RoleView, BoxView, OrgManage, CalendarManage, DeadlineManage, OrderRule, WorkflowDesign, WorkflowMonitor, FormDesign, NotifyManage, NotifyLog, AppView, InterfaceView, AppManage, InterfaceApply, SyncManage, DataSourceManage, UsageView, JobView, JobManage, ImportData, MapView, MapManage),
		role("sec_admin", "安全管理员", "账号、角色、授权与安全策略", RoleView, AccountManage, RoleManage, GrantManage, PersonReveal, SessionManage, TokenManage, AppView, InterfaceView, AppApprove, PermissionApprove, InterfaceApprove, InterfaceLog, NotifyApprove, SecurityView, SecurityHandle, SecurityRule, CryptoView, CryptoManage),
		role("audit_admin", "审计管理员", "查看与核验审计", AuditView, AppView, InterfaceView, SecurityView, CryptoView, InterfaceLog, NotifyLog, ExportData),
	}
	for i := range list {
		switch list[i].Code {
		case "sec_admin":
			list[i].Pass = []string{AnyPermission}
		case "district_admin":
			list[i].Pass = []string{
				AlertView, AlertDecide, AlertRule, OrderView, OrderDispatch, OrderAssign, OrderHandle, OrderReview, OrderUrge, CameraView, CameraEdit, CameraZone,
				LiveView, LivePlayback, LiveDownload, LiveSnapshot, LivePTZ, CameraGrant, ShopView, ShopEdit, ShopConfirm, ShopReveal, ShopRule, BoxView, BoxEdit, PatrolView, PatrolPlan, PatrolAssign, PatrolHandle, MapView, ExportData, ImportData,
				NoticeView, NoticeIssue, NoticeConfirm, NoticeObjection, NoticeTemplate, CauseView, CauseEdit, GuideEdit,
			}
		}
	}
	return list
}

// RoleByCode finds a built-in role.
func RoleByCode(code string) (Role, bool) {
	list := Roles()
	i := slices.IndexFunc(list, func(r Role) bool { return r.Code == code })
	if i < 0 {
		return Role{}, false
	}
	return list[i], true
}

// duty is a group of permissions of the same kind of administration.
type duty struct {
	name  string
	perms []string
}

// duties are the three administrations of the base rules: nobody has
// permissions of two of them.
func duties() []duty {
	return []duty{
		{"系统管理", []string{OrgManage, CalendarManage, DeadlineManage, OrderRule, WorkflowDesign, FormDesign, NotifyManage, AppManage, InterfaceApply, SyncManage, DataSourceManage, JobManage, MapManage}},
		{"安全管理", []string{AccountManage, RoleManage, GrantManage, PersonReveal, SessionManage, TokenManage, AppApprove, PermissionApprove, InterfaceApprove, NotifyApprove, SecurityHandle, SecurityRule, CryptoManage}},
		{"审计管理", []string{AuditView}},
	}
}
