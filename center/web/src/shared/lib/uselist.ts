// A list page's data: the address decides, the center answers, old rows stay
// while new ones come.
import { computed, onScopeDispose, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import type { List } from '../types'
import { api, ApiError, type Query } from './api'
import { useScope } from './scope'
import { readList, setCount, writeList, type ListSpec, type ListState } from './urlstate'

export interface UseList<T> {
  state: ComputedRef<ListState>
  items: ShallowRef<T[]>
  total: Ref<number>
  asOf: Ref<string>
  loading: Ref<boolean>
  slow: Ref<boolean>
  error: ShallowRef<ApiError | null>
  loaded: Ref<boolean>
  filtered: ComputedRef<number>
  query: ComputedRef<Query>
  reload: (quiet?: boolean) => Promise<void>
  setFilter: (name: string, value: string) => void
  setFilters: (values: Record<string, string>) => void
  setSearch: (q: string) => void
  setSort: (s: string) => void
  setPage: (p: number) => void
  setSize: (n: number) => void
  clear: () => void
}

// The address holds days of Shanghai; the center wants moments, the end
// exclusive.
function bounds(f: Record<string, string>): Record<string, string> {
  const out = { ...f }
  const day = /^\d{4}-\d{2}-\d{2}$/
  if (f.from && day.test(f.from)) out.from = `${f.from}T00:00:00+08:00`
  if (f.to && day.test(f.to)) out.to = new Date(Date.parse(`${f.to}T00:00:00+08:00`) + 86400000).toISOString()
  return out
}

export function useList<T>(path: string, spec: ListSpec, extra: () => Query = () => ({})): UseList<T> {
  const route = useRoute()
  const router = useRouter()
  const home = route.path
  const state = computed(() => readList(route.query, spec))
  const items = shallowRef<T[]>([])
  const total = ref(0)
  const asOf = ref('')
  const loading = ref(false)
  const slow = ref(false)
  const loaded = ref(false)
  const error = shallowRef<ApiError | null>(null)
  let ctl: AbortController | undefined

  const query = computed<Query>(() => ({
    ...extra(),
    ...bounds(state.value.filters),
    q: state.value.q,
    sort: state.value.sort,
    page: state.value.page,
    size: state.value.size,
  }))

  async function reload(quiet = false): Promise<void> {
    ctl?.abort()
    const mine = (ctl = new AbortController())
    if (!quiet) loading.value = true
    const timer = setTimeout(() => (slow.value = !loaded.value || !quiet), 300)
    try {
      const r = await api.get<List<T>>(path, query.value, mine.signal)
      if (mine !== ctl) return
      items.value = r.items ?? []
      total.value = r.total
      asOf.value = r.asOf
      error.value = null
      loaded.value = true
      const last = Math.max(1, Math.ceil(r.total / state.value.size))
      if (!items.value.length && state.value.page > last) write({ ...state.value, page: last })
    } catch (e) {
      if (mine !== ctl || (e instanceof ApiError && e.code === 'aborted')) return
      error.value = e instanceof ApiError ? e : new ApiError('internal', String(e))
    } finally {
      clearTimeout(timer)
      if (mine === ctl) {
        loading.value = false
        slow.value = false
      }
    }
  }

  function write(s: ListState): void {
    const keep: Record<string, string> = {}
    const own = new Set([...spec.filters, 'q', 'sort', 'page', 'size'])
    for (const [k, v] of Object.entries(route.query)) if (!own.has(k) && typeof v === 'string') keep[k] = v
    void router.replace({ path: route.path, query: { ...keep, ...writeList(s, spec) } })
  }

  const setFilters = (values: Record<string, string>) =>
    write({ ...state.value, page: 1, filters: { ...state.value.filters, ...values } })

  const scope = useScope()
  if (spec.filters.includes('region') && scope.region && !route.query.region) setFilters({ region: scope.region })

  watch(query, (a, b) => {
    if (route.path === home && JSON.stringify(a) !== JSON.stringify(b)) void reload()
  })
  void reload()
  onScopeDispose(() => ctl?.abort())

  return {
    state,
    items,
    total,
    asOf,
    loading,
    slow,
    error,
    loaded,
    filtered: computed(() => setCount(state.value, spec)),
    query,
    reload,
    setFilters,
    setFilter: (name, value) => setFilters({ [name]: value }),
    setSearch: (q) => write({ ...state.value, page: 1, q }),
    setSort: (sort) => write({ ...state.value, page: 1, sort }),
    setPage: (page) => write({ ...state.value, page }),
    setSize: (size) => write({ ...state.value, page: 1, size }),
    clear: () => write({ ...state.value, page: 1, q: '', filters: { ...(spec.defaults ?? {}) } }),
  }
}
