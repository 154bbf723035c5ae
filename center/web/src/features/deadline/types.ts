import type { DeadlineClock, Unit } from '../../shared/lib/deadline'
import type { List } from '../../shared/types'

export interface Level {
  id: string
  offset: number
  when?: string
  action: 'notify' | 'reassign' | 'raise' | 'red'
  to?: string
  label: string
}
export interface RuleInput {
  code: string
  name: string
  unit: Unit
  amount: number
  sameDay: boolean
  office: boolean
  roll: boolean
  near: number
  pauseEvents: string[]
  extCount: number
  extAmount: number
  levels: Level[]
  effectiveFrom: string
  source: string
  verified: boolean
}
export interface Rule extends RuleInput {
  id: string
  version: number
  effectiveTo?: string | null
  enabled: boolean
  madeBy: string
  madeAt: string
}
export interface Preview {
  open: number
  looked: number
  moved: number
  newOver: number
  noMore: number
  changes: { title: string; record: string; path: string; from?: string | null; to?: string | null }[]
}
export interface Simulation {
  dueAt?: string | null
  nearAt?: string | null
  fires: { at: string; label: string }[]
  notes: string[]
}
export interface Year {
  year: number
  entered: boolean
  source: string
  verified: boolean
  days: { ymd: number; kind: 'off' | 'on'; name: string }[]
  hours: { from: number; to: number }[]
  workdays: number
  missing: number[]
}
export interface Monitor extends List<DeadlineClock> {
  counts: Partial<Record<string, number>>
  records: { code: string; name: string }[]
  rules: { code: string; name: string }[]
}

export const actionName: Record<Level['action'], string> = { notify: '通知', reassign: '改派', raise: '提高优先级', red: '待办标红' }

/** One day of the year view. */
export interface Cell {
  ymd: number
  day: number
  kind: 'work' | 'weekend' | 'off' | 'on'
  name: string
}

/** The days of a month, with what each is; blanks before the first (Monday first). */
export function month(year: number, m: number, days: Year['days']): { blanks: number; cells: Cell[] } {
  const by = new Map(days.map((d) => [d.ymd, d]))
  const first = new Date(Date.UTC(year, m - 1, 1)).getUTCDay()
  const count = new Date(Date.UTC(year, m, 0)).getUTCDate()
  const cells: Cell[] = []
  for (let d = 1; d <= count; d++) {
    const ymd = year * 10000 + m * 100 + d
    const w = (first + d - 1) % 7
    const x = by.get(ymd)
    cells.push({ ymd, day: d, kind: x ? x.kind : w === 0 || w === 6 ? 'weekend' : 'work', name: x?.name ?? '' })
  }
  return { blanks: (first + 6) % 7, cells }
}

/** 540 → 09:00 and back; undefined for a text that is no time. */
export const clockOf = (minutes: number) => `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
export function minutesOf(text: string): number | undefined {
  const m = /^(\d{1,2}):(\d{2})$/.exec(text.trim())
  if (!m) return undefined
  const n = Number(m[1]) * 60 + Number(m[2])
  return Number(m[2]) < 60 && n <= 1440 ? n : undefined
}

/** 到期前 2 个工作日 · 到期时 · 超期 3 天. */
export function offsetText(n: number, unit: string): string {
  return n === 0 ? '到期时' : n < 0 ? `到期前 ${-n} ${unit}` : `超期 ${n} ${unit}`
}
