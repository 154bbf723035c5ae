// What the center says of its work in the background.
import type { List } from '../../shared/types'

export type JobState = 'waiting' | 'running' | 'retrying' | 'done' | 'failed' | 'cancelled'

export interface Job {
  id: string
  kind: string
  kindTitle: string
  title: string
  queue: string
  state: JobState
  attempt: number
  maxAttempts: number
  byName: string
  done: number
  total: number
  note: string
  cancelling: boolean
  createdAt: string
  scheduledAt: string
  startedAt?: string | null
  endedAt?: string | null
  lastError: string
}
export interface JobList extends List<Job> {
  summary: { waiting: number; running: number; retrying: number; failed: number; timersFailed: number; timersLate: number }
  kinds: { kind: string; title: string }[]
}
export interface JobDetail extends Job {
  lines: { at: string; attempt: number; line: string }[]
}
export interface Timer {
  id: string
  kind: string
  kindTitle: string
  key: string
  state: 'pending' | 'done' | 'failed' | 'cancelled'
  dueAt: string
  nextAt: string
  tries: number
  lastError: string
  endedAt?: string | null
}
export interface Periodic {
  name: string
  title: string
  intervalMs: number
  lastRunAt?: string | null
  nextRunAt?: string | null
  lastMs: number
  lastError: string
  runs: number
  failures: number
  asked: boolean
}
export interface Exported {
  id: string
  kind: string
  title: string
  format: string
  filter: Record<string, string>
  reason: string
  state: 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'expired'
  done: number
  total: number
  rows: number
  size: number
  error: string
  createdAt: string
  endedAt?: string | null
  expiresAt?: string | null
  downloads: number
}
export interface Imported {
  id: string
  kind: string
  title: string
  fileName: string
  state: 'checking' | 'checked' | 'loading' | 'done' | 'failed' | 'dropped'
  rows: number
  bad: number
  loaded: number
  problems: { row: number; column: string; message: string }[]
  error: string
  createdAt: string
}
export interface Kinds {
  exports: { kind: string; title: string }[]
  imports: { kind: string; title: string; columns?: { title: string; needed: boolean; hint: string }[] }[]
}

export const jobStateName: Record<JobState, string> = { waiting: '等待', running: '运行中', retrying: '待重试', done: '已完成', failed: '失败', cancelled: '已取消' }
export const jobTone: Record<JobState, string> = { waiting: 'line', running: 'pri', retrying: 'warn', done: 'ok', failed: 'danger', cancelled: '' }
export const timerStateName: Record<Timer['state'], string> = { pending: '待触发', done: '已触发', failed: '失败', cancelled: '已取消' }
export const timerTone: Record<Timer['state'], string> = { pending: 'line', done: 'ok', failed: 'danger', cancelled: '' }

/** How far a job is, 0 to 100; undefined when nobody knows. */
export function share(done: number, total: number): number | undefined {
  return total > 0 ? Math.min(100, Math.floor((done * 100) / total)) : undefined
}

/** 每 20 秒 · 每 5 分钟 · 每 1 小时. */
export function every(ms: number): string {
  const s = Math.round(ms / 1000)
  if (s % 3600 === 0) return `每 ${s / 3600} 小时`
  if (s % 60 === 0) return `每 ${s / 60} 分钟`
  return `每 ${s} 秒`
}

/** 900 B · 12 KB · 3.4 MB. */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  if (n < 1048576) return `${Math.round(n / 1024)} KB`
  return `${(n / 1048576).toFixed(1)} MB`
}
