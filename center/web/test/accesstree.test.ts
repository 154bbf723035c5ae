import { describe, expect, it } from 'vitest'
import { dayNumber, dayText, groupOf, treeRows } from '../src/features/access/tree'
import type { OrgNode } from '../src/features/access/types'

const org = (id: string, kind: OrgNode['kind'], code: string, parentId: string, state: OrgNode['state'] = 'active'): OrgNode => ({ id, name: id, kind, regionCode: code, parentId, state, rev: 1, people: 0, editable: true })
const all = [org('市局', 'bureau', '310000', ''), org('徐汇', 'district', '310104', '市局'), org('黄浦', 'district', '310101', '市局'), org('外滩', 'squad', '310101013', '黄浦'), org('机场', 'unit', '310000Z02', '市局'), org('旧队', 'squad', '310101099', '黄浦', 'disabled')]

describe('organisation tree', () => {
  it('shows what is open, units before districts, districts by code', () => {
    expect(treeRows(all, new Set(['市局']), '', false).map((r) => r.node.id)).toEqual(['市局', '机场', '黄浦', '徐汇'])
    expect(treeRows(all, new Set(['市局', '黄浦']), '', false).map((r) => [r.node.id, r.depth])).toContainEqual(['外滩', 2])
  })
  it('opens the way to what a search finds and nothing else', () => {
    expect(treeRows(all, new Set(), '外滩', false).map((r) => r.node.id)).toEqual(['市局', '黄浦', '外滩'])
  })
  it('hides what has ended unless asked', () => {
    expect(treeRows(all, new Set(['市局', '黄浦']), '', false).some((r) => r.node.id === '旧队')).toBe(false)
    expect(treeRows(all, new Set(['市局', '黄浦']), '', true).some((r) => r.node.id === '旧队')).toBe(true)
  })
  it('turns days into numbers and back', () => {
    expect(dayText(dayNumber('2026-12-31'))).toBe('2026-12-31')
    expect([dayText(0), dayNumber('')]).toEqual(['', 0])
    expect(groupOf('grant.manage')).toBe('机构与授权')
  })
})
