// What a list shows lives in its address: search, filters, sort and page.

export interface ListState {
  page: number
  size: number
  sort: string
  q: string
  filters: Record<string, string>
}

export interface ListSpec {
  /** Names of the filters that the page knows. */
  filters: string[]
  sort?: string
  size?: number
  /** Values that a filter has when the address says nothing. */
  defaults?: Record<string, string>
}

type RawQuery = Record<string, unknown>

function one(v: unknown): string {
  if (Array.isArray(v)) return one(v[0])
  return typeof v === 'string' ? v : ''
}

function whole(v: unknown, fallback: number, min: number, max: number): number {
  const n = Number.parseInt(one(v), 10)
  return Number.isFinite(n) && n >= min && n <= max ? n : fallback
}

/** Reads a list's state from an address; odd values fall back silently. */
export function readList(q: RawQuery, spec: ListSpec): ListState {
  const filters: Record<string, string> = {}
  for (const f of spec.filters) {
    const v = one(q[f]) || spec.defaults?.[f] || ''
    if (v) filters[f] = v.slice(0, 200)
  }
  const sort = one(q.sort)
  return {
    page: whole(q.page, 1, 1, 1_000_000),
    size: whole(q.size, spec.size ?? 20, 1, 200),
    sort: /^-?[A-Za-z][A-Za-z0-9]*$/.test(sort) ? sort : (spec.sort ?? ''),
    q: one(q.q).slice(0, 100),
    filters,
  }
}

/** Writes a state back; defaults are left out so that addresses stay short. */
export function writeList(s: ListState, spec: ListSpec): Record<string, string> {
  const out: Record<string, string> = {}
  for (const f of spec.filters) {
    const v = s.filters[f] ?? ''
    if (v && v !== spec.defaults?.[f]) out[f] = v
  }
  if (s.q) out.q = s.q
  if (s.sort && s.sort !== (spec.sort ?? '')) out.sort = s.sort
  if (s.page > 1) out.page = String(s.page)
  if (s.size !== (spec.size ?? 20)) out.size = String(s.size)
  return out
}

/** How many filters (and the search) are set beyond the defaults. */
export function setCount(s: ListState, spec: ListSpec): number {
  let n = s.q ? 1 : 0
  for (const f of spec.filters) if (s.filters[f] && s.filters[f] !== spec.defaults?.[f]) n++
  return n
}
