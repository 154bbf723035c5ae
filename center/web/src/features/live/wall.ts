// The wall's arrangement, kept in the address: ?layout=4&c=id1,id2,,id4

export interface Wall {
  layout: number
  cells: string[]
}

export function readWall(q: Record<string, unknown>): Wall {
  const n = Number(q.layout)
  const layout = [1, 4, 9, 16].includes(n) ? n : 4
  const text = typeof q.c === 'string' ? q.c : ''
  const cells = text
    .split(',')
    .map((x) => (/^[\w-]{1,40}$/.test(x) ? x : ''))
    .slice(0, layout)
  return { layout, cells }
}

export function writeWall(layout: number, cells: string[]): Record<string, string> {
  const trimmed = [...cells]
  while (trimmed.length && !trimmed[trimmed.length - 1]) trimmed.pop()
  const out: Record<string, string> = { layout: String(layout) }
  if (trimmed.length) out.c = trimmed.join(',')
  return out
}

/**
 * Puts a camera on the wall: where it already stands, else into the wished
 * cell when exact or empty, else into the first empty cell, else over the
 * selected one.
 */
export function place(layout: number, cells: string[], id: string, selected: number, exact = false): { cells: string[]; at: number } {
  const all = Array.from({ length: layout }, (_, i) => cells[i] ?? '')
  const there = all.indexOf(id)
  if (exact) {
    if (there >= 0) all[there] = all[selected] ?? ''
    all[selected] = id
    return { cells: all, at: selected }
  }
  if (there >= 0) return { cells: all, at: there }
  const empty = all[selected] ? all.indexOf('') : selected
  const at = empty >= 0 ? empty : selected
  all[at] = id
  return { cells: all, at }
}

export function removeAt(cells: string[], i: number): string[] {
  return cells.map((c, k) => (k === i ? '' : c))
}

/** A saved layout or rotation of the center. */
export interface SavedWall {
  id: string
  kind: 'wall' | 'tour'
  name: string
  layout: number
  cameras: string[]
  intervalS: number
  shared: boolean
  mine: boolean
  ownerName: string
  rev: number
}

/** The cells of the n-th turn of a rotation; it begins anew after the last. */
export function turn(cameras: string[], layout: number, n: number): string[] {
  const list = cameras.filter(Boolean)
  if (list.length <= layout) return list
  const turns = Math.ceil(list.length / layout)
  const at = (((n % turns) + turns) % turns) * layout
  return list.slice(at, at + layout)
}
