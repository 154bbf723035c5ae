// What the pages of surveys and inspections read from the center.
import type { List } from '../../shared/types'

export type PlanKind = 'survey' | 'inspection'
export type PlanState = 'draft' | 'enabled' | 'paused' | 'ended'
export type TaskState = 'pending' | 'running' | 'supplement' | 'done' | 'overdue' | 'cancelled'
export type SpotState = 'waiting' | 'seen' | 'unseen' | 'manual' | 'waived'

export interface Schedule {
  repeat: 'daily' | 'weekly' | 'monthly' | 'quarterly' | 'yearly' | 'dates'
  every: number
  weekdays: number[]
  monthDays: number[]
  months: number[]
  dates: string[]
  pick: number
  workdays: boolean
  holiday: 'skip' | 'run' | 'next'
  windows: { from: string; to: string }[]
  everyMin: number
  randomMin: number
}
export interface PlanScope {
  regions: string[]
  roads: string[]
  tags: string[]
  cameras: string[]
  shops: string[]
  risks: string[]
}
export interface Content {
  name: string
  kind: PlanKind
  kinds: string[]
  scope: PlanScope
  schedule: Schedule
  orgMode: 'org' | 'squad'
  orgId: string
  from: string
  to: string
  needPct: number
  note: string
}
export interface Rate {
  key: string
  name: string
  tasks: number
  done: number
  late: number
  overdue: number
  spots: number
  seen: number
  manual: number
  waived: number
}
export interface Plan {
  id: string
  content: Content
  words: string
  state: PlanState
  regionCode: string
  regionName: string
  orgName: string
  version: number
  cameras: number
  nextAt: string | null
  nextRandom: boolean
  rate?: Rate
  updatedBy: string
  updatedAt: string
  rev: number
}
export interface PlanList extends List<Plan> {
  counts: Partial<Record<PlanState, number>>
  risks: { code: string; name: string }[]
}
export interface Preview {
  words: string
  cameras: number
  spots: number
  offline: number
  clueOnly: number
  noZone: number
  noBox: number
  units: { orgId: string; name: string; cameras: number }[]
  runs: { ymd: number; from: string; until: string; random: boolean; minutes: number; looks: number; boxes: { boxId: string; name: string; total: number; base: number; added: number; others: number; known: boolean }[] }[]
  warnings: { code: string; text: string }[]
}
export interface CalendarRun {
  planId: string
  name: string
  kind: PlanKind
  ymd: number
  from: string
  until: string
  random: boolean
  looks: number
  tasks: number
  state?: TaskState
  spots: number
  seen: number
}
export interface Task {
  id: string
  no: string
  planId: string
  planName: string
  version: number
  source: 'plan' | 'manual' | 'recheck'
  sourceId?: string
  kind: PlanKind
  state: TaskState
  orgId: string
  orgName: string
  fromAt: string
  untilAt: string
  dueAt: string | null
  looks: number
  needPct: number
  cameras: number
  spots: number
  seen: number
  manual: number
  waived: number
  unseen: number
  signs: number
  opens: number
  late: boolean
  note: string
  closedAt: string | null
  rev: number
}
export interface TaskDetail extends Task {
  legs: { boxId: string; boxName: string; state: string; cameras: number; detail: string; at: string }[]
  reasons: { reason: string; text: string; count: number }[]
  steps: { at: string; act: string; by: string; text: string }[]
  mayAssign: boolean
  mayHandle: boolean
  mayCancel: boolean
}
export interface TaskCounts {
  pending: number
  running: number
  supplement: number
  overdue: number
  doneToday: number
}
export interface Spot {
  cameraId: string
  cameraName: string
  zoneId: string
  zoneName: string
  address: string
  shopId: string
  shopName: string
  state: SpotState
  seenLooks: number
  unseenLooks: number
  reason: string
  reasonText: string
  detail: string
  signs: number
  opens: number
  text: string
  crop: string
  frame: string
  lookedAt: string | null
  byName: string
  note: string
  pictures: string[]
}
export interface Cover {
  cameraId: string
  cameraName: string
  zoneId: string
  zoneName: string
  kind: PlanKind
  address: string
  shopName: string
  seenAt: string | null
  askedAt: string
  reason: string
  reasonText: string
  detail: string
  taskId: string
}
export interface CoverList extends List<Cover> {
  counts: { never: number; stale: number; seen: number }
}

export const kindName: Record<PlanKind, string> = { survey: '排摸', inspection: '巡检' }
export const planStateName: Record<PlanState, string> = { draft: '草稿', enabled: '已启用', paused: '已暂停', ended: '已结束' }
export const taskStateName: Record<TaskState, string> = { pending: '待派', running: '执行中', supplement: '待补录', overdue: '逾期', done: '已完成', cancelled: '已撤销' }
export const taskPill: Record<TaskState, string> = { pending: 'line', running: 'pri', supplement: 'warn', overdue: 'danger', done: 'ok', cancelled: '' }
export const sourceName: Record<Task['source'], string> = { plan: '计划', manual: '人工发起', recheck: '整改复查' }
export const spotStateName: Record<SpotState, string> = { waiting: '待查看', seen: '已看到', unseen: '未看到', manual: '人工补录', waived: '无法查看' }
export const spotPill: Record<SpotState, string> = { waiting: 'line', seen: 'ok', unseen: 'danger', manual: 'pri', waived: 'warn' }
export const legName: Record<string, string> = { waiting: '等待下发', taken: '已接收', refused: '拒绝执行', missed: '时段内未连上', stopping: '正在停止', stopped: '已停止' }

/** Share of the places that were seen or completed, with one decimal. */
export function rateText(r: { spots: number; seen: number; manual: number } | undefined): string {
  if (!r || !r.spots) return '—'
  return ((100 * (r.seen + r.manual)) / r.spots).toFixed(1).replace(/\.0$/, '') + '%'
}

/** A plan as a form begins it. */
export function emptyContent(kind: PlanKind, today: string): Content {
  return {
    name: '', kind, kinds: kind === 'inspection' ? ['stacking', 'frontage'] : [], scope: { regions: [], roads: [], tags: [], cameras: [], shops: [], risks: [] },
    schedule: { repeat: 'daily', every: 1, weekdays: [1], monthDays: [1], months: [1], dates: [], pick: 0, workdays: true, holiday: 'skip', windows: [{ from: '14:00', to: '16:00' }], everyMin: kind === 'inspection' ? 30 : 0, randomMin: 0 },
    orgMode: 'squad', orgId: '', from: today, to: '', needPct: 50, note: '',
  }
}

/** Days of a week, Monday first, as 2026-11-23, from any day of it. */
export function weekOf(day: string): string[] {
  const t = Date.parse(day + 'T00:00:00Z')
  const monday = t - ((new Date(t).getUTCDay() + 6) % 7) * 86400000
  return Array.from({ length: 7 }, (_, i) => new Date(monday + i * 86400000).toISOString().slice(0, 10))
}
