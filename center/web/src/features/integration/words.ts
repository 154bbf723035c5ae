// Words and small tools that the pages of integration share.
import { ref } from 'vue'
import { ApiError, messageOf } from '../../shared/lib/api'

export const kinds = [
  { value: 'user', label: '用户接口', text: '按更新时间增量读取人员和机构' },
  { value: 'identity', label: '身份接口', text: '核验一次性票据、查询令牌' },
  { value: 'authorisation', label: '授权接口', text: '查询某人是否有某项权限、在哪个范围' },
  { value: 'business', label: '业务接口', text: '读取数据范围内的预警和工单' },
  { value: 'todo', label: '待办接口', text: '推送、办结、撤回待办' },
  { value: 'application', label: '应用接口', text: '读取已登记的应用和功能' },
  { value: 'log', label: '日志接口', text: '读取本应用的调用日志和审计记录' },
]
export const kindName = (k: string) => (k === 'self' ? '接口申请' : kinds.find((x) => x.value === k)?.label ?? k)
export const codeName: Record<string, string> = {
  ok: '成功', sign_invalid: '签名不正确', time_expired: '时间超窗', nonce_replayed: '随机串重放', ip_denied: '来源不在白名单', quota_exceeded: '超出配额',
  rate_limited: '超出频率', app_revoked: '已吊销或停用', interface_not_granted: '未申请该类接口', idempotency_mismatch: '幂等键不符', idempotency_busy: '正在处理',
  invalid: '参数有误', unauthenticated: '未通过身份核验', notFound: '没有找到', forbidden: '无权限', conflict: '冲突', internal: '中心出错',
}
export const topics = [
  { value: 'alert.confirmed', label: '预警已确认' }, { value: 'order.closed', label: '工单已办结' }, { value: 'order.overdue', label: '工单已超期' },
  { value: 'todo.created', label: '待办已产生' }, { value: 'todo.closed', label: '待办已办结' },
]
export const topicName = (t: string) => topics.find((x) => x.value === t)?.label ?? t
export const orgLevels = [{ value: '', label: '任意机构级' }, { value: 'bureau', label: '市局' }, { value: 'district', label: '区局' }, { value: 'squad', label: '中队' }, { value: 'unit', label: '直属单位' }]
export const scopes = [{ value: 'own', label: '本机构区域' }, { value: 'grant', label: '授权范围' }, { value: 'city', label: '全市' }]
export const everyName = (m: number) => (!m ? '只手动' : m % 1440 === 0 ? `每 ${m / 1440} 天` : m % 60 === 0 ? `每 ${m / 60} 小时` : `每 ${m} 分钟`)

/** One act at a time, with the center's own words when it fails. */
export function useAct() {
  const busy = ref(false)
  const fault = ref('')
  const faults = ref<Record<string, string>>({})
  async function act(f: () => Promise<unknown>): Promise<boolean> {
    busy.value = true
    fault.value = ''
    faults.value = {}
    try {
      await f()
      return true
    } catch (e) {
      const err = e instanceof ApiError ? e : new ApiError('internal', messageOf(e))
      faults.value = Object.fromEntries(err.fields.map((x) => [x.name, x.message]))
      fault.value = err.message
      return false
    } finally {
      busy.value = false
    }
  }
  return { busy, fault, faults, act }
}
