import { describe, expect, it } from 'vitest'
import { due } from '@/shared/lib/due'
import { age, metres, moment, num, offsetText, span } from '@/shared/lib/format'

const at = (s: string) => Date.parse(s)
const now = at('2026-11-24T14:32:00+08:00')
const iso = (ms: number) => new Date(ms).toISOString()
const H = 3600_000

describe('span', () => {
  it('uses days from 48 h, 天+时 from 24 h, 时+分 below, 分 below one hour', () => {
    expect(span(72 * H)).toBe('3 天')
    expect(span(52 * H)).toBe('2 天 4 时')
    expect(span(26 * H)).toBe('1 天 2 时')
    expect(span(H + 46 * 60_000)).toBe('1 时 46 分')
    expect(span(2 * H)).toBe('2 时')
    expect(span(58 * 60_000)).toBe('58 分')
    expect(span(30_000)).toBe('不到 1 分')
    expect(span(224_000, true)).toBe('3 分 44 秒')
  })
})

describe('due', () => {
  const o = { state: 'onSite' as const, createdAt: iso(now - 2 * H) }
  it('says how long over', () => {
    expect(due({ ...o, dueAt: iso(now - 2 * H - 12 * 60_000) }, now)).toEqual({ state: 'over', text: '超期 2 时 12 分' })
  })
  it('is near when due today, and seconds count in the last five minutes', () => {
    expect(due({ ...o, dueAt: iso(now + H + 46 * 60_000) }, now)).toEqual({ state: 'near', text: '剩 1 时 46 分' })
    expect(due({ ...o, dueAt: iso(now + 100_000) }, now).text).toBe('剩 1 分 40 秒')
  })
  it('is near with a fifth of the limit left, else normal', () => {
    const long = { state: 'accepted' as const, createdAt: iso(now - 90 * H) }
    expect(due({ ...long, dueAt: iso(now + 10 * H) }, now).state).toBe('near')
    expect(due({ ...long, dueAt: iso(now + 120 * H) }, now)).toEqual({ state: 'normal', text: '剩 5 天' })
  })
  it('stops when closed and says how early', () => {
    expect(due({ state: 'closed', dueAt: iso(now), doneAt: iso(now - 3 * H) }, now)).toEqual({ state: 'done', text: '提前 3 时办结' })
    expect(due({ state: 'closed', dueAt: iso(now - 3 * H), doneAt: iso(now) }, now).text).toBe('超期 3 时办结')
  })
  it('names the reason of a pause and survives a missing date', () => {
    expect(due({ ...o, dueAt: iso(now), pausedReason: '鉴定' }, now)).toEqual({ state: 'paused', text: '已暂停计时 鉴定' })
    expect(due({ ...o, dueAt: '' }, now).text).toBe('未设期限')
  })
})

describe('words for moments and numbers', () => {
  it('speaks of today, tomorrow, this year', () => {
    expect(moment('2026-11-24T08:18:00Z', now)).toBe('今日 16:18')
    expect(moment('2026-11-25T01:00:00Z', now)).toBe('明天 09:00')
    expect(moment('2026-11-22T02:00:00Z', now)).toBe('11-22 10:00')
    expect(moment('2025-11-22T02:00:00Z', now)).toBe('2025-11-22 10:00')
    expect(moment('0001-01-01T00:00:00Z', now)).toBe('—')
    expect(moment(undefined, now)).toBe('—')
  })
  it('groups, and shortens from ten thousand', () => {
    expect(num(1297)).toBe('1,297')
    expect(num(123456)).toBe('12.3 万')
    expect(num(-5)).toBe('−5')
    expect(num(undefined)).toBe('—')
    expect(metres(320.4)).toBe('320 m')
    expect(metres(1400)).toBe('1.4 km')
    expect(offsetText(420)).toBe('+0.4 秒')
    expect(offsetText(-4700)).toBe('−4.7 秒')
    expect(age(-1)).toBe('从未')
    expect(age(430)).toBe('0.4 秒前')
  })
})
