import { describe, expect, it } from 'vitest'
import { readList, setCount, writeList } from '@/shared/lib/urlstate'
import { place, readWall, removeAt, writeWall } from '@/features/live/wall'

const spec = { filters: ['tab', 'kind', 'region'], sort: '-createdAt', size: 20, defaults: { tab: 'todo' } }

describe('list state in the address', () => {
  it('round-trips and leaves defaults out', () => {
    const s = readList({ kind: 'sign', q: '张', page: '3', sort: 'dueAt', size: '50' }, spec)
    expect(s).toEqual({ page: 3, size: 50, sort: 'dueAt', q: '张', filters: { tab: 'todo', kind: 'sign' } })
    expect(writeList(s, spec)).toEqual({ kind: 'sign', q: '张', page: '3', sort: 'dueAt', size: '50' })
    expect(writeList(readList({}, spec), spec)).toEqual({})
  })
  it('falls back on nonsense instead of breaking', () => {
    const s = readList({ page: '-4', size: '9999', sort: 'x; drop', q: ['a', 'b'], region: '3'.repeat(500) }, spec)
    expect(s.page).toBe(1)
    expect(s.size).toBe(20)
    expect(s.sort).toBe('-createdAt')
    expect(s.q).toBe('a')
    expect(s.filters.region).toHaveLength(200)
  })
  it('counts set filters', () => {
    expect(setCount(readList({ kind: 'sign', q: 'x', tab: 'todo' }, spec), spec)).toBe(2)
    expect(setCount(readList({ tab: 'all' }, spec), spec)).toBe(1)
  })
})

describe('wall in the address', () => {
  it('keeps gaps and drops rubbish', () => {
    expect(readWall({ layout: '9', c: 'a,,b,<x>' })).toEqual({ layout: 9, cells: ['a', '', 'b', ''] })
    expect(readWall({ layout: '7' })).toEqual({ layout: 4, cells: [''] })
    expect(writeWall(4, ['a', '', 'b', ''])).toEqual({ layout: '4', c: 'a,,b' })
    expect(writeWall(1, [])).toEqual({ layout: '1' })
  })
  it('places a camera once', () => {
    expect(place(4, ['a', 'b'], 'c', 0)).toEqual({ cells: ['a', 'b', 'c', ''], at: 2 })
    expect(place(4, ['a', 'b'], 'b', 0)).toEqual({ cells: ['a', 'b', '', ''], at: 1 })
    expect(place(1, ['a'], 'b', 0)).toEqual({ cells: ['b'], at: 0 })
    expect(place(4, ['a', 'b'], 'b', 0, true)).toEqual({ cells: ['b', 'a', '', ''], at: 0 })
    expect(removeAt(['a', 'b'], 0)).toEqual(['', 'b'])
  })
})
