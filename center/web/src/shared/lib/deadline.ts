// Clocks of records, as the center gives them.

export type ClockState = 'normal' | 'near' | 'over' | 'paused' | 'done' | 'off'
export type Unit = 'day' | 'workday' | 'hour' | 'workhour'

export interface Extension {
  id: string
  amount: number
  reason: string
  state: 'asked' | 'approved' | 'refused'
  byId: string
  byName: string
  askedAt: string
  decidedName: string
  decidedAt?: string | null
  opinion: string
}
export interface DeadlineClock {
  id: string
  record: string
  recordId: string
  name: string
  title: string
  path: string
  label: string
  ruleCode: string
  ruleName: string
  unit: Unit
  amount: number
  source: string
  verified: boolean
  startedAt: string
  dueAt?: string | null
  extra: number
  note: string
  remaining: { state: ClockState; left: number; text: string }
  pauses: { from: string; to?: string | null; reason: string; note: string; byName: string }[]
  extensions: Extension[]
  canPause: string[]
  canExtend: number
}

export const unitName: Record<Unit, string> = { day: '天', workday: '个工作日', hour: '小时', workhour: '个工作小时' }
export const clockStateName: Record<ClockState, string> = { normal: '正常', near: '临期', over: '超期', paused: '已暂停', done: '已结束', off: '规则停用' }
export const extensionStateName: Record<Extension['state'], string> = { asked: '待批', approved: '已批准', refused: '未批准' }
