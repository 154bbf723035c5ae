// A queue of any length: the first page comes with the list, further ones as
// the person gets near them; what arrives meanwhile is put in its place without
// losing the place.
import { ref } from 'vue'
import type { Alert, List } from '../../shared/types'
import { api } from '../../shared/lib/api'
import { useList, type UseList } from '../../shared/lib/uselist'
import type { ListSpec } from '../../shared/lib/urlstate'

export interface Queue extends UseList<Alert> {
  /** Loads the next page; nothing when all is there. */
  more: () => Promise<void>
}

const step = 100

export function useQueue(spec: ListSpec): Queue {
  const list = useList<Alert>('/alerts', { ...spec, size: step })
  const loadingMore = ref(false)

  async function more(): Promise<void> {
    const have = list.items.value.length
    if (loadingMore.value || !have || have >= list.total.value) return
    loadingMore.value = true
    const asked = JSON.stringify(list.query.value)
    try {
      const r = await api.get<List<Alert>>('/alerts', { ...list.query.value, page: Math.floor(have / step) + 1, size: step })
      if (asked !== JSON.stringify(list.query.value)) return
      const known = new Set(list.items.value.map((a) => a.id))
      list.items.value = [...list.items.value, ...r.items.filter((a) => !known.has(a.id))]
      list.total.value = Math.max(r.total, list.items.value.length)
    } catch {
      // The next scroll asks again.
    } finally {
      loadingMore.value = false
    }
  }

  async function reload(quiet = false): Promise<void> {
    if (!quiet || list.items.value.length <= step) return list.reload(quiet)
    const asked = JSON.stringify(list.query.value)
    const r = await api.get<List<Alert>>('/alerts', { ...list.query.value, page: 1, size: step }).catch(() => undefined)
    if (!r || asked !== JSON.stringify(list.query.value)) return
    list.items.value = merge(list.items.value, r.items)
    list.total.value = r.total
    list.asOf.value = r.asOf
  }

  return { ...list, reload, more }
}

/** Puts a fresh first page before the rest of what was loaded. */
export function merge(old: Alert[], page: Alert[]): Alert[] {
  const fresh = new Set(page.map((a) => a.id))
  const last = page.at(-1)
  const at = last ? old.findIndex((a) => a.id === last.id) : -1
  return [...page, ...old.slice(at + 1).filter((a) => !fresh.has(a.id))]
}
