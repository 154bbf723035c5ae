// The sidebar: only pages that exist, in the order of the day's work.
import { Activity, FilePlus2, FormInput, Route, Workflow, Blocks, BookOpen, DatabaseZap, KeySquare, ListTree, Plug, UsersRound, Webhook, AlarmClock, ArrowDownUp, BadgeCheck, CalendarDays, CalendarSearch, ListChecks, Scale, BellRing, ChartColumn, ClipboardList, Cpu, Grid2x2, House, Inbox, KeyRound, LogIn, MapPinned, MessageSquareText, MonitorSmartphone, RadioTower, ScanEye, ScanSearch, ScrollText, Send, ShieldAlert, ShieldCheck, Store, UserCog, UserRoundCheck, UserRoundKey, Network, Video, TableProperties, SlidersHorizontal } from 'lucide-vue-next'
import type { Component } from 'vue'

export interface NavItem {
  name: string
  label: string
  icon: Component
  perm: string[]
  key?: string
}

export const nav: { group: string; items: NavItem[] }[] = [
  {
    group: '首页待办',
    items: [
      { name: 'home', label: '首页', icon: House, perm: [], key: 'H' },
      { name: 'todos', label: '待办中心', icon: Inbox, perm: [], key: 'T' },
      { name: 'flowStarts', label: '发起流程', icon: FilePlus2, perm: [] },
      { name: 'flows', label: '我的流程', icon: Route, perm: [] },
      { name: 'absences', label: '代理与交接', icon: UserRoundCheck, perm: [] },
    ],
  },
  {
    group: '非现监管',
    items: [
      { name: 'alerts', label: '预警研判', icon: ScanEye, perm: ['alert.view'], key: 'A' },
      { name: 'alertResults', label: '巡检记录', icon: TableProperties, perm: ['alert.view'] },
      { name: 'orders', label: '非现工单', icon: ClipboardList, perm: ['order.view'], key: 'W' },
      { name: 'notices', label: '告知与反馈', icon: MessageSquareText, perm: ['notice.view'] },
      { name: 'patrol', label: '排摸巡检', icon: CalendarSearch, perm: ['patrol.view'] },
      { name: 'shopSurvey', label: '排摸确认', icon: ScanSearch, perm: ['shop.confirm'] },
      { name: 'shopLedger', label: '排摸台账', icon: BookOpen, perm: ['shop.view'] },
      { name: 'shops', label: '商铺档案', icon: Store, perm: ['shop.view'], key: 'S' },
      { name: 'causes', label: '案由库', icon: Scale, perm: ['cause.view'] },
      { name: 'deadlines', label: '期限监控', icon: AlarmClock, perm: ['order.view'] },
    ],
  },
  {
    group: '视频与地图',
    items: [
      { name: 'wall', label: '视频墙', icon: Grid2x2, perm: ['live.view'], key: 'V' },
      { name: 'cameras', label: '点位与围栏', icon: Video, perm: ['camera.view'], key: 'P' },
      { name: 'videoGrants', label: '视频授权', icon: KeyRound, perm: ['camera.view'] },
      { name: 'watches', label: '观看记录', icon: ListChecks, perm: ['camera.view'] },
      { name: 'map', label: '一张图', icon: MapPinned, perm: ['map.view'], key: 'M' },
    ],
  },
  {
    group: '常用工具',
    items: [
      { name: 'calendar', label: '工作日历', icon: CalendarDays, perm: [] },
      { name: 'transfer', label: '导入导出', icon: ArrowDownUp, perm: ['export.data', 'import.data'] },
      { name: 'signatures', label: '验签', icon: BadgeCheck, perm: [] },
    ],
  },
  {
    group: '流程与期限',
    items: [
      { name: 'flowMonitor', label: '流程监控', icon: Activity, perm: ['workflow.monitor'] },
      { name: 'flowProcesses', label: '流程设计', icon: Workflow, perm: ['workflow.design'] },
      { name: 'forms', label: '表单设计', icon: FormInput, perm: ['form.design'] },
      { name: 'alertRules', label: '预警规则', icon: SlidersHorizontal, perm: ['alert.rule'] },
      { name: 'orderRules', label: '工单规则', icon: ClipboardList, perm: ['order.rule'] },
      { name: 'deadlineRules', label: '期限规则', icon: Scale, perm: ['deadline.manage'] },
    ],
  },
  {
    group: '接口与数据',
    items: [
      { name: 'registry', label: '应用与功能', icon: Blocks, perm: ['app.view'] },
      { name: 'permissionCodes', label: '权限注册', icon: KeySquare, perm: ['app.view'] },
      { name: 'interfaces', label: '接口管理', icon: Plug, perm: ['interface.view'] },
      { name: 'interfaceDocs', label: '接口文档', icon: BookOpen, perm: ['interface.view'] },
      { name: 'interfaceCalls', label: '接口调用日志', icon: ListTree, perm: ['interface.log'] },
      { name: 'webhooks', label: '事件订阅', icon: Webhook, perm: ['interface.view'] },
      { name: 'staffSync', label: '人员同步', icon: UsersRound, perm: ['sync.manage'] },
      { name: 'feeds', label: '数据接入', icon: DatabaseZap, perm: ['datasource.manage'] },
    ],
  },
  {
    group: '消息',
    items: [
      { name: 'notifyChannels', label: '消息通道', icon: RadioTower, perm: ['notify.manage'] },
      { name: 'notifyTemplates', label: '消息模板', icon: MessageSquareText, perm: ['notify.manage', 'notify.approve'] },
      { name: 'notifyRules', label: '发送规则', icon: BellRing, perm: ['notify.manage'] },
      { name: 'notifySends', label: '发送台账', icon: Send, perm: ['notify.log'] },
    ],
  },
  {
    group: '组织与权限',
    items: [
      { name: 'people', label: '机构与人员', icon: Network, perm: ['org.manage'] },
      { name: 'accounts', label: '账号', icon: UserCog, perm: ['account.manage'] },
      { name: 'roles', label: '角色权限', icon: ShieldCheck, perm: ['role.view'] },
      { name: 'grants', label: '授权', icon: UserRoundKey, perm: ['role.view'] },
      { name: 'insight', label: '权限透视', icon: ScanSearch, perm: ['role.view'] },
    ],
  },
  {
    group: '安全与密码',
    items: [
      { name: 'security', label: '安全预警', icon: ShieldAlert, perm: ['security.view'] },
      { name: 'sessions', label: '登录会话', icon: MonitorSmartphone, perm: ['session.manage'] },
      { name: 'signinRules', label: '登录与口令', icon: LogIn, perm: ['security.view'] },
      { name: 'audit', label: '审计', icon: ScrollText, perm: ['audit.view'] },
      { name: 'crypto', label: '密码应用', icon: KeyRound, perm: ['crypto.view'] },
    ],
  },
  {
    group: '运行维护',
    items: [
      { name: 'boxes', label: '边缘盒', icon: Cpu, perm: ['box.view'], key: 'B' },
      { name: 'jobs', label: '后台任务', icon: ListChecks, perm: ['job.view'] },
      { name: 'usage', label: '运行分析', icon: ChartColumn, perm: ['usage.view'] },
    ],
  },
]
