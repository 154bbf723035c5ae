// The deadline badge: which state, which words.
import type { DueState, OrderState } from '../types'
import { dayOf, span } from './format'

export interface Due {
  state: DueState
  text: string
}

export interface DueInput {
  state: OrderState
  dueAt: string
  createdAt?: string
  /** When the order was closed or handed in, which stops the clock. */
  doneAt?: string
  pausedReason?: string
  /** From when on it is near, as its rule says. */
  nearAt?: string
}

/** Near is what the rule says; without one means due today or at most a fifth of the limit left. */
export function due(o: DueInput, nowMs: number): Due {
  const at = Date.parse(o.dueAt)
  if (!Number.isFinite(at)) return { state: 'normal', text: '未设期限' }
  if (o.pausedReason) return { state: 'paused', text: `已暂停计时 ${o.pausedReason}` }
  if (o.state === 'closed') {
    const done = o.doneAt ? Date.parse(o.doneAt) : NaN
    if (!Number.isFinite(done)) return { state: 'done', text: '已办结' }
    return done <= at
      ? { state: 'done', text: `提前 ${span(at - done)}办结` }
      : { state: 'done', text: `超期 ${span(done - at)}办结` }
  }
  // The clock of the work ended when the result was handed in.
  if ((o.state === 'handled' || o.state === 'filing') && o.doneAt) {
    const done = Date.parse(o.doneAt)
    return { state: 'done', text: done <= at ? `提前 ${span(at - done)}反馈` : `超期 ${span(done - at)}反馈` }
  }
  const left = at - nowMs
  if (left < 0) return { state: 'over', text: `超期 ${span(-left)}` }
  const from = o.createdAt ? Date.parse(o.createdAt) : NaN
  const limit = Number.isFinite(from) ? at - from : 0
  const near = o.nearAt ? nowMs >= Date.parse(o.nearAt) : dayOf(at) === dayOf(nowMs) || (limit > 0 && left <= limit * 0.2)
  return { state: near ? 'near' : 'normal', text: `剩 ${span(left, left < 5 * 60000)}` }
}
