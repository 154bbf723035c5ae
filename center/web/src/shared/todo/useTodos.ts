// What the to-do page, the home page and the strip share: counts that follow
// the stream, and where a to-do opens.
import { onBeforeUnmount, ref, type Ref } from 'vue'
import type { LocationQueryRaw, RouteLocationRaw } from 'vue-router'
import { api } from '../lib/api'
import { onStream } from '../lib/stream'
import type { TodoCounts, TodoItem } from './types'

/** Counts of a tab that are read again within a second of each change. */
export function useTodoCounts(tab: () => string, changed: () => void = () => {}): { counts: Ref<TodoCounts | undefined>; load: () => Promise<void> } {
  const counts = ref<TodoCounts>()
  async function load() {
    try {
      counts.value = await api.get<TodoCounts>('/todos/counts', { tab: tab() })
    } catch {
      // The last known numbers stay, with their time.
    }
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const off = onStream('todo', () => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      void load()
      changed()
    }, 300)
  })
  onBeforeUnmount(() => {
    off()
    clearTimeout(timer)
  })
  void load()
  return { counts, load }
}

/** The source's page, told from which to-do it was opened. */
export function whereOf(t: TodoItem, filter: LocationQueryRaw = {}): RouteLocationRaw | undefined {
  if (!t.path) return undefined
  const [path, query = ''] = t.path.split('?')
  const q: LocationQueryRaw = Object.fromEntries(new URLSearchParams(query))
  const list = new URLSearchParams(Object.entries(filter).filter(([, v]) => typeof v === 'string') as [string, string][]).toString()
  return { path, query: { ...q, todo: t.id, ...(list ? { from: list } : {}) } }
}

export const verbs: Record<string, string> = { dispatch: '派发', assign: '派员', handle: '办理', review: '复核', approve: '审批', down: '查看', failed: '查看' }
export const verbOf = (t: TodoItem) => (t.state === 'open' ? verbs[t.key] ?? '办理' : '查看')
