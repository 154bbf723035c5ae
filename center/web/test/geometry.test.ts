import { describe, expect, it } from 'vitest'
import { area, centroid, crossing, distanceM, inside, overlap, polygonFault, segmentsCross, snap } from '@/shared/lib/geometry'
import { cluster, spread } from '@/features/onemap/marks'

const P = (...n: number[]) => Array.from({ length: n.length / 2 }, (_, i) => ({ x: n[2 * i]!, y: n[2 * i + 1]! }))
const square = P(0.1, 0.1, 0.5, 0.1, 0.5, 0.5, 0.1, 0.5)

describe('polygons', () => {
  it('measures area either way round and finds the middle', () => {
    expect(area(square)).toBeCloseTo(0.16)
    expect(area([...square].reverse())).toBeCloseTo(0.16)
    expect(centroid(square).x).toBeCloseTo(0.3)
  })
  it('finds the edges that cross', () => {
    expect(crossing(square)).toBeUndefined()
    expect(crossing(P(0.1, 0.1, 0.5, 0.5, 0.5, 0.1, 0.1, 0.5))).toEqual([0, 2])
    // A concave but simple shape does not cross.
    expect(crossing(P(0, 0, 1, 0, 1, 1, 0.5, 0.3, 0, 1))).toBeUndefined()
  })
  it('counts touching and collinear overlap as crossing', () => {
    expect(segmentsCross(P(0, 0)[0]!, P(1, 0)[0]!, P(0.5, 0)[0]!, P(2, 0)[0]!)).toBe(true)
    expect(segmentsCross(P(0, 0)[0]!, P(1, 0)[0]!, P(0, 1)[0]!, P(1, 1)[0]!)).toBe(false)
  })
  it('says what is wrong, naming edges and the fix', () => {
    expect(polygonFault(square)).toBe('')
    expect(polygonFault(P(0.1, 0.1, 0.5, 0.5))).toContain('至少要 3 个顶点')
    expect(polygonFault(P(0.1, 0.1, 0.5, 0.5, 0.5, 0.1, 0.1, 0.5))).toBe('边 1–2 与边 3–4 相交，请把顶点移开，使边不交叉')
    expect(polygonFault(P(0.1, 0.1, 1.2, 0.1, 0.5, 0.5))).toContain('画面之外')
    expect(polygonFault(P(0.1, 0.1, 0.1, 0.1, 0.5, 0.5))).toContain('重合')
    expect(polygonFault(P(0.1, 0.1, 0.101, 0.1, 0.1, 0.101))).toContain('太小')
  })
  it('knows overlap, also of one inside the other', () => {
    expect(overlap(square, P(0.4, 0.4, 0.9, 0.4, 0.9, 0.9))).toBe(true)
    expect(overlap(square, P(0.2, 0.2, 0.3, 0.2, 0.3, 0.3))).toBe(true)
    expect(overlap(square, P(0.6, 0.6, 0.9, 0.6, 0.9, 0.9))).toBe(false)
    expect(inside({ x: 0.3, y: 0.3 }, square)).toBe(true)
    expect(inside({ x: 0.6, y: 0.3 }, square)).toBe(false)
  })
  it('snaps to vertices within reach and to the frame', () => {
    expect(snap({ x: 0.102, y: 0.1 }, square, 8, 1000, 500)).toEqual({ x: 0.1, y: 0.1 })
    expect(snap({ x: 0.2, y: 0.2 }, square, 8, 1000, 500)).toEqual({ x: 0.2, y: 0.2 })
    expect(snap({ x: 0.003, y: 0.3 }, [], 8, 1000, 500)).toEqual({ x: 0, y: 0.3 })
  })
  it('measures metres on the ground', () => {
    expect(distanceM({ lng: 121.4875, lat: 31.2365 }, { lng: 121.4875, lat: 31.2365 })).toBe(0)
    expect(distanceM({ lng: 121.48, lat: 31.23 }, { lng: 121.49, lat: 31.23 })).toBeCloseTo(950.9, 0)
  })
})

describe('marks on the map', () => {
  it('groups near ones and keeps every item', () => {
    const pts = [0, 1, 2, 200].map((x, i) => ({ x, y: 0, item: i }))
    const c = cluster(pts, 90)
    expect(c.map((s) => s.items.length)).toEqual([3, 1])
    expect(c.flatMap((s) => s.items).sort()).toEqual([0, 1, 2, 3])
  })
  it('spreads those on one spot so that each can be pressed', () => {
    const s = spread([0, 1, 2].map((i) => ({ x: 50, y: 50, item: i })), 28)
    for (let i = 0; i < 3; i++) for (let j = i + 1; j < 3; j++) expect(Math.hypot(s[i]!.x - s[j]!.x, s[i]!.y - s[j]!.y)).toBeGreaterThan(24)
  })
})
