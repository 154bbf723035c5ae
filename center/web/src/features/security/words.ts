import { ops } from './ops'
import type { SecurityAlert, Severity } from './types'

export const severityName: Record<Severity, string> = { low: '低', medium: '中', high: '高', critical: '严重' }
export const severityPill: Record<Severity, string> = { low: '', medium: 'warn', high: 'danger', critical: 'danger' }
export const alertState: Record<SecurityAlert['state'], string> = { open: '待处置', assigned: '处置中', closed: '已关闭' }
export const actWord: Record<string, string> = { assign: '指派', note: '说明', lock: '锁定账号', kick: '结束登录', block: '封禁地址', close: '关闭' }
export const appName: Record<string, string> = { web: '网页与手机', token: '接口令牌', open: '开放接口' }

/** 20261125 as 2026-11-25. */
export function dayText(key: string): string {
  return key.length === 8 ? `${key.slice(0, 4)}-${key.slice(4, 6)}-${key.slice(6)}` : key.length === 6 ? `${key.slice(0, 4)}-${key.slice(4)}` : key
}

/** The first and last day of a point, for the list behind it. */
export function daysOf(key: string): { from: string; to: string } {
  if (key.length === 6) {
    const last = new Date(Date.UTC(Number(key.slice(0, 4)), Number(key.slice(4)), 0)).getUTCDate()
    return { from: `${dayText(key)}-01`, to: `${dayText(key)}-${String(last).padStart(2, '0')}` }
  }
  return { from: dayText(key), to: dayText(key) }
}

/** The day n days before a moment, in Shanghai. */
export function dayBefore(nowMs: number, n: number): string {
  return new Date(nowMs + 8 * 3600_000 - n * 86400_000).toISOString().slice(0, 10)
}

const verbs: Record<string, string> = {
  list: '查询', get: '查看', count: '统计', create: '新建', update: '修改', change: '修改', save: '保存', set: '设置', delete: '删除', drop: '删除', export: '导出', import: '导入', confirm: '确认', reject: '驳回',
  later: '稍后处理', reclassify: '改判', undo: '撤销', open: '打开', close: '关闭', end: '结束', renew: '续期', accept: '签收', arrive: '到场', assign: '分派', handle: '处置', reassign: '改派', return: '退回', review: '复核',
  revoke: '吊销', reset: '重置', unlock: '解锁', enrol: '登记', reconcile: '核对', probe: '探测', take: '取得', restore: '恢复', check: '检查', bind: '绑定', unbind: '解绑', put: '更新', add: '新增', ask: '申请', answer: '答复', apply: '申请', decide: '审批',
  transfer: '换岗', leave: '离岗', explain: '说明', reveal: '查看', verify: '校验', run: '运行', retry: '重试', cancel: '取消', switch: '开关', publish: '发布', preview: '预览', simulate: '试算', start: '开始', rotate: '更换', withdraw: '撤回', replay: '重发', test: '测试', make: '授予', post: '提交',
}
const nouns: Record<string, string> = {
  alert: '预警', alerts: '预警', samples: '样本', order: '工单', orders: '工单', shop: '商铺', shops: '商铺', camera: '点位', cameras: '点位', zones: '围栏', snapshot: '抓图', box: '边缘盒', boxes: '边缘盒', map: '一张图', live: '实时视频', session: '登录', sessions: '登录会话',
  password: '密码', account: '账号', accounts: '账号', state: '状态', person: '人员', persons: '人员', people: '人员', org: '机构', orgs: '机构', role: '角色', roles: '角色', grant: '授权', grants: '授权', audit: '审计', calendar: '日历', deadline: '期限', deadlines: '期限', rule: '规则', rules: '规则',
  job: '后台任务', jobs: '后台任务', token: '令牌', tokens: '令牌', calls: '调用记录', regions: '区域', exports: '导出任务', imports: '导入任务', interface: '接口', messages: '消息', todos: '待办', flow: '流程', signin: '登录', usage: '运行分析', security: '安全', crypto: '密码应用', notify: '通知', blobs: '图片',
  health: '健康', history: '历史', tree: '树', changes: '变更', logs: '日志', absences: '代理', absence: '代理', moves: '调动', policies: '策略', policy: '策略', certs: '证书', cert: '证书', anchors: '签发机构', blocks: '封禁', board: '看板', webhooks: '订阅', feeds: '数据源', functions: '功能',
}
/** An operation in words, as far as its parts are known; the code stays beside it. */
export function opName(op: string): string {
  if (ops[op]) return ops[op]
  const parts = op.replace(/^(get|post)-api-/, '$1-').split('-')
  const verb = verbs[parts[0]!]
  const rest = (verb ? parts.slice(1) : parts).map((x) => nouns[x] ?? verbs[x])
  return rest.length && rest.every(Boolean) ? (verb ?? '') + rest.join('') : ''
}
