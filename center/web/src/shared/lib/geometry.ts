// Polygon geometry for zones, in coordinates 0..1 of the frame.
import type { Point } from '../types'

function cross(o: Point, a: Point, b: Point): number {
  return (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x)
}

function onSegment(p: Point, a: Point, b: Point): boolean {
  return (
    Math.min(a.x, b.x) - 1e-12 <= p.x &&
    p.x <= Math.max(a.x, b.x) + 1e-12 &&
    Math.min(a.y, b.y) - 1e-12 <= p.y &&
    p.y <= Math.max(a.y, b.y) + 1e-12
  )
}

/** True when the closed segments ab and cd share a point. */
export function segmentsCross(a: Point, b: Point, c: Point, d: Point): boolean {
  const d1 = cross(c, d, a)
  const d2 = cross(c, d, b)
  const d3 = cross(a, b, c)
  const d4 = cross(a, b, d)
  if (((d1 > 0 && d2 < 0) || (d1 < 0 && d2 > 0)) && ((d3 > 0 && d4 < 0) || (d3 < 0 && d4 > 0))) return true
  if (d1 === 0 && onSegment(a, c, d)) return true
  if (d2 === 0 && onSegment(b, c, d)) return true
  if (d3 === 0 && onSegment(c, a, b)) return true
  return d4 === 0 && onSegment(d, a, b)
}

/** Area by the shoelace rule, as a share of the frame; never negative. */
export function area(p: Point[]): number {
  let s = 0
  for (let i = 0; i < p.length; i++) {
    const a = p[i]!
    const b = p[(i + 1) % p.length]!
    s += a.x * b.y - b.x * a.y
  }
  return Math.abs(s) / 2
}

/** The first pair of edges that cross, by index, or undefined. */
export function crossing(p: Point[]): [number, number] | undefined {
  const n = p.length
  if (n < 4) return undefined
  for (let i = 0; i < n; i++) {
    for (let j = i + 2; j < n; j++) {
      if (i === 0 && j === n - 1) continue
      if (segmentsCross(p[i]!, p[(i + 1) % n]!, p[j]!, p[(j + 1) % n]!)) return [i, j]
    }
  }
  return undefined
}

export function centroid(p: Point[]): Point {
  let x = 0
  let y = 0
  let s = 0
  for (let i = 0; i < p.length; i++) {
    const a = p[i]!
    const b = p[(i + 1) % p.length]!
    const k = a.x * b.y - b.x * a.y
    x += (a.x + b.x) * k
    y += (a.y + b.y) * k
    s += k
  }
  if (Math.abs(s) < 1e-9) {
    const n = p.length || 1
    return { x: p.reduce((t, q) => t + q.x, 0) / n, y: p.reduce((t, q) => t + q.y, 0) / n }
  }
  return { x: x / (3 * s), y: y / (3 * s) }
}

export function inside(p: Point, poly: Point[]): boolean {
  let r = false
  for (let i = 0, j = poly.length - 1; i < poly.length; j = i++) {
    const a = poly[i]!
    const b = poly[j]!
    if (a.y > p.y !== b.y > p.y && p.x < ((b.x - a.x) * (p.y - a.y)) / (b.y - a.y) + a.x) r = !r
  }
  return r
}

/** True when two polygons share area (an edge crosses or one holds the other). */
export function overlap(a: Point[], b: Point[]): boolean {
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      if (segmentsCross(a[i]!, a[(i + 1) % a.length]!, b[j]!, b[(j + 1) % b.length]!)) return true
    }
  }
  return inside(a[0]!, b) || inside(b[0]!, a)
}

export function clamp01(p: Point): Point {
  return { x: Math.min(1, Math.max(0, p.x)), y: Math.min(1, Math.max(0, p.y)) }
}

/** The nearest of the targets within reach, both in pixels of the shown picture. */
export function snap(p: Point, targets: Point[], reachPx: number, w: number, h: number): Point {
  let best = reachPx
  let out = p
  for (const t of targets) {
    const d = Math.hypot((t.x - p.x) * w, (t.y - p.y) * h)
    if (d < best) {
      best = d
      out = { ...t }
    }
  }
  const edge = reachPx * 0.6
  const snapped = { ...out }
  if (out === p) {
    if (p.x * w < edge) snapped.x = 0
    if ((1 - p.x) * w < edge) snapped.x = 1
    if (p.y * h < edge) snapped.y = 0
    if ((1 - p.y) * h < edge) snapped.y = 1
  }
  return snapped
}

/** What is wrong with a polygon, as a sentence, or '' when it is sound. */
export function polygonFault(p: Point[], minArea = 0.0004): string {
  if (p.length < 3) return `至少要 3 个顶点，现在是 ${p.length} 个`
  if (p.length > 64) return `顶点不能超过 64 个，现在是 ${p.length} 个`
  if (p.some((q) => q.x < 0 || q.x > 1 || q.y < 0 || q.y > 1)) return '有顶点在画面之外，请移回画面内'
  for (let i = 0; i < p.length; i++) {
    const a = p[i]!
    const b = p[(i + 1) % p.length]!
    if (Math.hypot(a.x - b.x, a.y - b.y) < 1e-6) return `第 ${i + 1} 个和第 ${((i + 1) % p.length) + 1} 个顶点重合，请删除一个`
  }
  const c = crossing(p)
  if (c) {
    const edge = (i: number) => `${i + 1}–${((i + 1) % p.length) + 1}`
    return `边 ${edge(c[0])} 与边 ${edge(c[1])} 相交，请把顶点移开，使边不交叉`
  }
  if (area(p) < minArea) return '围栏太小，几乎没有面积，请放大'
  return ''
}

/** Metres between two places on the earth. */
export function distanceM(a: { lng: number; lat: number }, b: { lng: number; lat: number }): number {
  const r = Math.PI / 180
  const dLat = (b.lat - a.lat) * r
  const dLng = (b.lng - a.lng) * r
  const s = Math.sin(dLat / 2) ** 2 + Math.cos(a.lat * r) * Math.cos(b.lat * r) * Math.sin(dLng / 2) ** 2
  return 2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(s)))
}
