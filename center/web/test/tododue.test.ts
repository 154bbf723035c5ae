import { describe, expect, it } from 'vitest'
import { grouped, partOf, todoDue } from '../src/shared/todo/due'

const now = Date.parse('2026-11-24T06:30:00.000Z') // 14:30 in Shanghai
const at = (h: number) => new Date(now + h * 3600000).toISOString()

describe('deadline of a to-do', () => {
  it('says how long is left, and turns by itself', () => {
    expect(todoDue({ state: 'open', dueAt: at(5), nearAt: at(1) }, now)).toEqual({ state: 'normal', text: '剩 5 时' })
    expect(todoDue({ state: 'open', dueAt: at(5), nearAt: at(1) }, now + 3600000)).toEqual({ state: 'near', text: '剩 4 时' })
    expect(todoDue({ state: 'open', dueAt: at(-52) }, now)).toEqual({ state: 'over', text: '超期 2 天 4 时' })
    expect(todoDue({ state: 'open', dueNote: '鉴定' }, now).state).toBe('paused')
    expect(todoDue({ state: 'done', dueAt: at(3), closedAt: at(0) }, now).text).toBe('提前 3 时办结')
  })
  it('groups as the center counts', () => {
    expect(partOf({ dueAt: at(0) }, now)).toBe('over')
    expect(partOf({ dueAt: at(9.4) }, now)).toBe('today')
    expect(partOf({ dueAt: at(9.5) }, now)).toBe('soon')
    expect(partOf({ dueAt: at(9.5 + 72) }, now)).toBe('later')
    expect(partOf({}, now)).toBe('later')
    const g = grouped([{ dueAt: at(-1) }, { dueAt: at(1) }, { dueAt: at(2) }, { dueNote: '听证' }], now)
    expect(g.map((x) => [x.part, x.rows.length])).toEqual([['over', 1], ['today', 2], ['paused', 1]])
  })
})
