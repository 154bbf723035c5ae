// Grouping of marks on the screen: above a limit, neighbours become a count.
import type { AlertKind } from '../../shared/types'

export interface Mark {
  id: string
  no: string
  type: 'alert' | 'order'
  kind: AlertKind
  lng: number
  lat: number
  /** Since when (alert) or until when (order). */
  at: string
  tone: 'wait' | 'open' | 'over'
  word: string
  region: string
}

export interface Spot<T> {
  x: number
  y: number
  items: T[]
}

/** Groups points of the screen by cells of the given size in pixels. */
export function cluster<T>(points: { x: number; y: number; item: T }[], cell: number): Spot<T>[] {
  const m = new Map<string, Spot<T>>()
  for (const p of points) {
    const k = `${Math.floor(p.x / cell)}:${Math.floor(p.y / cell)}`
    const s = m.get(k)
    if (s) {
      s.x = (s.x * s.items.length + p.x) / (s.items.length + 1)
      s.y = (s.y * s.items.length + p.y) / (s.items.length + 1)
      s.items.push(p.item)
    } else m.set(k, { x: p.x, y: p.y, items: [p.item] })
  }
  return [...m.values()]
}

/** Spreads marks that stand on the same pixel into a small ring. */
export function spread<T>(points: { x: number; y: number; item: T }[], gap: number): { x: number; y: number; item: T }[] {
  const groups = new Map<string, { x: number; y: number; item: T }[]>()
  for (const p of points) {
    const k = `${Math.round(p.x / 4)}:${Math.round(p.y / 4)}`
    groups.set(k, [...(groups.get(k) ?? []), p])
  }
  return [...groups.values()].flatMap((g) => {
    if (g.length === 1) return g
    const r = (gap * g.length) / (2 * Math.PI) + gap / 3
    return g.map((p, i) => ({ ...p, x: p.x + r * Math.cos((2 * Math.PI * i) / g.length - Math.PI / 2), y: p.y + r * Math.sin((2 * Math.PI * i) / g.length - Math.PI / 2) }))
  })
}
