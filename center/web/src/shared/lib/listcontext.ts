// The list from which a record was opened, so that a detail page can say
// 第 3 / 18 条 and move by J and K.
export interface ListContext {
  ids: string[]
  /** Position of ids[0] in the whole list, from 0. */
  first: number
  total: number
  back: string
}

const key = (name: string) => 'jx.ctx.' + name

export function saveContext(name: string, c: ListContext): void {
  try {
    sessionStorage.setItem(key(name), JSON.stringify(c))
  } catch {
    // Without storage the detail page simply shows no position.
  }
}

export function readContext(name: string): ListContext | undefined {
  try {
    const c = JSON.parse(sessionStorage.getItem(key(name)) ?? 'null') as ListContext | null
    return c && Array.isArray(c.ids) ? c : undefined
  } catch {
    return undefined
  }
}
