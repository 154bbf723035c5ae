// How a to-do's deadline reads at a moment. The browser counts from the
// server's time; the colour changes without a reload.
import { dayOf, span } from '../lib/format'
import type { TodoDue, TodoItem } from './types'

export interface Due {
  state: TodoDue
  text: string
}

export function todoDue(t: Pick<TodoItem, 'state' | 'dueAt' | 'nearAt' | 'dueNote' | 'closedAt'>, nowMs: number): Due {
  if (t.state !== 'open') {
    if (!t.dueAt || !t.closedAt) return { state: 'done', text: '已结束' }
    const left = Date.parse(t.dueAt) - Date.parse(t.closedAt)
    return { state: 'done', text: (left >= 0 ? '提前 ' : '超期 ') + span(Math.abs(left)) + '办结' }
  }
  if (!t.dueAt) return t.dueNote ? { state: 'paused', text: '不计时' } : { state: 'none', text: '无期限' }
  const left = Date.parse(t.dueAt) - nowMs
  if (left <= 0) return { state: 'over', text: '超期 ' + span(-left) }
  const near = t.nearAt !== undefined && Date.parse(t.nearAt) <= nowMs
  return { state: near ? 'near' : 'normal', text: '剩 ' + span(left, left < 300000) }
}

export type Part = 'over' | 'today' | 'soon' | 'later' | 'paused'
export const partName: Record<Part, string> = { over: '已超期', today: '今天到期', soon: '3 天内', later: '之后', paused: '已暂停计时' }

/** The group of a list in which an open to-do stands. */
export function partOf(t: Pick<TodoItem, 'dueAt' | 'dueNote'>, nowMs: number): Part {
  if (!t.dueAt) return t.dueNote ? 'paused' : 'later'
  const at = Date.parse(t.dueAt)
  if (at <= nowMs) return 'over'
  const midnight = Date.parse(dayOf(nowMs) + 'T00:00:00+08:00') + 86400000
  if (at < midnight) return 'today'
  return at < midnight + 3 * 86400000 ? 'soon' : 'later'
}

/** Rows in the order of the list, each group with its rows. */
export function grouped<T extends Pick<TodoItem, 'dueAt' | 'dueNote'>>(rows: T[], nowMs: number): { part: Part; rows: T[] }[] {
  const out: { part: Part; rows: T[] }[] = []
  for (const r of rows) {
    const part = partOf(r, nowMs)
    const g = out.find((x) => x.part === part)
    if (g) g.rows.push(r)
    else out.push({ part, rows: [r] })
  }
  return out
}
