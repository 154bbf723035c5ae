import { describe, expect, it } from 'vitest'
import { lastMonths, totals } from '../src/features/alerts/precision'
import { merge } from '../src/features/alerts/useQueue'
import { reviewAct } from '../src/features/alerts/keymap'
import type { Alert } from '../src/shared/types'

const a = (id: string, rev = 1) => ({ id, rev }) as Alert

describe('queue', () => {
  it('puts what arrived before what was loaded and drops what was decided', () => {
    const old = ['5', '4', '3', '2', '1'].map((x) => a(x))
    const page = [a('6'), a('5', 2), a('3')] // 4 was decided by somebody
    expect(merge(old, page).map((x) => x.id + '.' + x.rev)).toEqual(['6.1', '5.2', '3.1', '2.1', '1.1'])
  })
  it('keeps the rest when nothing of the page was known', () => {
    expect(merge([a('2'), a('1')], [a('9'), a('8')]).map((x) => x.id)).toEqual(['9', '8', '2', '1'])
    expect(merge([a('2')], [])).toEqual([a('2')])
  })
  it('plays with space and updates the registry with P', () => {
    expect(reviewAct('Space', 'decide')).toEqual({ do: 'clip' })
    expect(reviewAct('P', 'decide')).toEqual({ do: 'registry' })
    expect(reviewAct('P', 'reject')).toBeUndefined()
  })
})

describe('precision', () => {
  it('says what a threshold keeps and loses', () => {
    const list = [{ bucket: 10, right: 1, wrong: 9 }, { bucket: 14, right: 6, wrong: 4 }, { bucket: 19, right: 20, wrong: 0 }]
    expect(totals(list, 14)).toEqual({ all: 40, kept: 30, right: 26, lost: 1 })
    expect(totals(list, 0).lost).toBe(0)
  })
  it('counts months over the year by Shanghai time', () => {
    expect(lastMonths(3, Date.parse('2026-01-31T16:00:00Z'))).toEqual([202512, 202602])
  })
})
