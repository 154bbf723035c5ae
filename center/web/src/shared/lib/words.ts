// One word per thing: the codes of the center in the users' words.
import type { AlertKind, AlertState, BoxState, CameraState, OrderResult, OrderState, RejectReason, ZoneKind } from '../types'

export const kindName: Record<AlertKind, string> = {
  stacking: '占道堆物',
  frontage: '跨门经营',
  sign: '店招变更',
  picture: '画面异常',
}

export const alertStateName: Record<AlertState, string> = {
  pending: '待研判',
  later: '稍后处理',
  confirmed: '已确认',
  rejected: '已驳回',
  selfResolved: '自行消失',
  merged: '已合并',
  recorded: '仅记录',
  updated: '已更新库',
  withdrawn: '已撤回',
}

/** What was found about a sign. */
export const findingName: Record<string, string> = {
  new: '新增店招',
  renamed: '店招变更',
  moved: '位置移动',
  unreported: '未上报',
  vanished: '店招消失',
  covered: '店招遮挡',
  unreadable: '识别失败',
}

/** How a recognition found its shop. */
export const bindName: Record<string, string> = { zone: '围栏绑定', nearest: '就近绑定', person: '人工指定' }

export const orderStateName: Record<OrderState, string> = {
  dispatched: '待签收',
  accepted: '已签收',
  onSite: '处置中',
  handled: '待复核',
  filing: '待立案',
  closed: '已办结',
  returned: '已退回',
}

export const resultName: Record<OrderResult, string> = {
  corrected: '已改正',
  warned: '警告教育',
  filed: '立案',
  falseAlarm: '误报',
  notFound: '找不到现场',
}

export const rejectReasons: { code: RejectReason; name: string; hint: string }[] = [
  { code: 'lighting', name: '光线或阴影', hint: '影子、反光、灯光变化' },
  { code: 'person', name: '人员停留', hint: '行人、顾客，不是物品' },
  { code: 'vehicle', name: '车辆或非机动车', hint: '停车、装卸，不归本类' },
  { code: 'permitted', name: '许可范围内', hint: '有外摆许可或疏导点' },
  { code: 'wrongZone', name: '围栏画错', hint: '私人场地、围栏越界' },
  { code: 'other', name: '其他原因', hint: '请写明' },
]

export const rejectName = Object.fromEntries(rejectReasons.map((r) => [r.code, r.name])) as Record<RejectReason, string>

export const cameraStateName: Record<CameraState, string> = {
  online: '在线',
  connecting: '连接中',
  reconnecting: '重连中',
  noVerdict: '画面异常',
  offline: '离线',
  refused: '接入被拒',
  disabled: '停用',
  unknown: '未上报',
}

export const diagnosisName: Record<string, string> = {
  healthy: '画面正常',
  black: '黑屏',
  frozen: '画面静止',
  covered: '镜头被遮挡',
  blurred: '镜头虚焦',
  dark: '画面过暗',
  bright: '画面过亮',
  moved: '镜头移位',
  corrupt: '码流损坏',
}

export const zoneKindName: Record<ZoneKind, string> = {
  pavement: '占道堆物',
  frontage: '跨门经营',
  sign: '店招',
  permit: '外摆许可',
  exclude: '排除区',
}

export const boxStateName: Record<BoxState, string> = {
  online: '在线',
  offline: '离线',
  never: '未入网',
  duplicate: '证书重复',
  revoked: '已吊销',
}

export const signVerdictName: Record<string, string> = {
  same: '一致',
  changed: '名称变更',
  covered: '被遮挡',
  gone: '已拆除',
  unreadable: '无法辨认',
}

/** The steps of an order in the words of its timeline. */
export const actName: Record<string, string> = {
  created: '生成工单',
  create: '生成工单',
  confirm: '确认预警',
  confirmed: '确认预警',
  merge: '合并预警',
  merged: '合并预警',
  dispatched: '派发',
  assign: '派单',
  assigned: '派单',
  assignSquad: '派给中队',
  assignOfficer: '派给队员',
  accept: '签收',
  accepted: '签收',
  arrive: '到场',
  arrived: '到场',
  onSite: '到场',
  handle: '提交处置结果',
  handled: '提交处置结果',
  review: '复核',
  reviewed: '复核通过',
  reviewPass: '复核通过',
  reviewFail: '复核退回补充',
  rejected: '复核退回补充',
  close: '办结',
  closed: '办结',
  return: '退回',
  returned: '退回',
  reassign: '改派',
  reassigned: '改派',
  fedBack: '反馈市局',
  urge: '催办',
  recheck: '请点位复拍',
  rechecked: '点位复拍',
  settled: '按复查结果办结',
  detected: '识别',
}

export const roleName: Record<string, string> = {
  bureau_operator: '市局研判员',
  district_dispatcher: '区局派单员',
  squad_leader: '中队长',
  officer: '队员',
  legal_reviewer: '法制审核员',
  it: '区局运维',
  sys_admin: '系统管理员',
  sec_admin: '安全管理员',
  audit_admin: '审计管理员',
}

/** Names of roles that come as codes or as code and name. */
export function roleNames(roles: (string | { code: string; name: string })[] | null | undefined): string {
  return (roles ?? []).map((r) => (typeof r === 'string' ? (roleName[r] ?? r) : r.name)).join('、')
}
