import { describe, expect, it } from 'vitest'
import { nextMark, pieceAt, pieceMs, snapTo } from '../src/features/live/film'
import { readWall, turn, writeWall } from '../src/features/live/wall'

describe('the timeline of recordings', () => {
  const spans = [{ from: 1000, to: 5000 }, { from: 60_000, to: 90_000 }]
  it('goes to what is recorded', () => {
    expect([0, 1000, 4999, 5000, 59_999, 70_000].map((t) => snapTo(spans, t))).toEqual([1000, 1000, 4999, 60_000, 60_000, 70_000])
    expect(snapTo(spans, 95_000)).toBe(89_000)
    expect(snapTo([], 5)).toBeUndefined()
  })
  it('is cut into pieces that lie side by side', () => {
    const t = Date.parse('2026-11-24T06:30:56.789Z')
    const p = pieceAt(t)
    expect(p.from <= t && t < p.to && p.to - p.from === pieceMs).toBe(true)
    expect(pieceAt(p.to).from).toBe(p.to)
    expect(pieceAt(p.to - 1)).toEqual(p)
  })
  it('jumps from mark to mark', () => {
    const marks = [50_000, 10_000, 30_000]
    expect(nextMark(marks, 10_000, false)).toBe(30_000)
    expect(nextMark(marks, 30_500, true)).toBe(10_000)
    expect(nextMark(marks, 60_000, false)).toBeUndefined()
  })
})

describe('the wall', () => {
  it('has sixteen cells and keeps them in the address', () => {
    const cells = Array.from({ length: 16 }, (_, i) => (i % 3 ? `c${i}` : ''))
    const w = readWall(writeWall(16, cells))
    expect(w.layout).toBe(16)
    expect(w.cells.slice(0, 16)).toEqual(cells.slice(0, w.cells.length))
  })
  it('turns a group so that each camera is shown once a round', () => {
    const list = Array.from({ length: 10 }, (_, i) => `c${i}`)
    const round = [0, 1, 2].flatMap((n) => turn(list, 4, n))
    expect(round).toEqual(list)
    expect(turn(list, 4, 3)).toEqual(list.slice(0, 4))
    expect(turn(['a', '', 'b'], 4, 7)).toEqual(['a', 'b'])
  })
})
