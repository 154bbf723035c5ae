// The state of the review queue: which alert is open, its details, what was
// decided last, and what is fetched ahead.
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue'
import type { Alert, AlertCounts, AlertDetail, AlertKind, RejectReason } from '../../shared/types'
import { api, ApiError, blobUrl, messageOf } from '../../shared/lib/api'
import { now } from '../../shared/lib/clock'
import { onStream } from '../../shared/lib/stream'
import { toast } from '../../shared/lib/toast'
import type { Queue } from './useQueue'

export const undoMs = 10000

interface Decided {
  alert: Alert
  words: string
  until: number
}
interface ActAnswer {
  alert?: Alert
  orderId?: string
  orderNo?: string
  merged?: boolean
}

export function useReview(list: Queue, selected: () => string, select: (id: string) => void) {
  const cache = new Map<string, AlertDetail>()
  const detail = shallowRef<AlertDetail>()
  const detailError = shallowRef<ApiError>()
  const counts = ref<AlertCounts>()
  const busy = ref(false)
  const fault = ref('')
  const last = ref<Decided>()
  const fresh = ref(new Set<string>())
  let seen = new Set<string>()

  const index = computed(() => list.items.value.findIndex((a) => a.id === selected()))
  const current = computed<Alert | undefined>(() => (detail.value?.id === selected() ? detail.value : list.items.value[index.value]))

  async function fetchDetail(id: string, force = false): Promise<AlertDetail> {
    const known = cache.get(id)
    if (known && !force) return known
    const d = await api.get<AlertDetail>(`/alerts/${id}`)
    cache.set(id, d)
    while (cache.size > 24) cache.delete(cache.keys().next().value as string)
    return d
  }
  async function open(id: string, force = false): Promise<void> {
    detailError.value = undefined
    const known = cache.get(id)
    detail.value = known
    if (!id) return
    try {
      const d = await fetchDetail(id, force || !known)
      if (selected() === id) detail.value = d
    } catch (e) {
      if (selected() === id) detailError.value = e instanceof ApiError ? e : new ApiError('internal', messageOf(e))
    }
    void ahead()
  }
  // The next three: details and pictures, so that J shows them at once.
  async function ahead(): Promise<void> {
    for (const a of list.items.value.slice(index.value + 1, index.value + 4)) {
      try {
        const d = await fetchDetail(a.id)
        const pic = d.event.evidence?.find((r) => r.role === 'frame') ?? d.event.evidence?.[0]
        if (pic) new Image().src = blobUrl(pic.sm3)
      } catch {
        return
      }
    }
  }

  watch(selected, (id) => void open(id), { immediate: true })
  watch(list.items, (items) => {
    const ids = new Set(items.map((a) => a.id))
    if (seen.size) {
      const added = items.filter((a) => !seen.has(a.id)).map((a) => a.id)
      fresh.value = new Set(added)
      if (added.length) setTimeout(() => (fresh.value = new Set()), 2000)
    }
    seen = ids
    if (!selected() && items[0]) select(items[0].id)
    for (const a of items) {
      const c = cache.get(a.id)
      if (c && c.rev !== a.rev) {
        cache.delete(a.id)
        if (a.id === selected()) void open(a.id, true)
      }
    }
  })

  async function loadCounts(): Promise<void> {
    try {
      counts.value = await api.get<AlertCounts>('/alerts/counts')
    } catch {
      // The last known counts stay.
    }
  }
  void loadCounts()
  let debounce: ReturnType<typeof setTimeout> | undefined
  const off = onStream('alert', () => {
    clearTimeout(debounce)
    debounce = setTimeout(() => {
      void list.reload(true)
      void loadCounts()
    }, 400)
  })
  const offCounts = onStream('counts', () => void loadCounts())
  onScopeDispose(() => {
    off()
    offCounts()
    clearTimeout(debounce)
  })

  function step(d: 1 | -1): void {
    const items = list.items.value
    const i = index.value < 0 ? 0 : index.value + d
    const next = items[Math.max(0, Math.min(items.length - 1, i))]
    if (next) select(next.id)
    if (i > items.length - 20) void list.more()
  }
  /** Takes a decided alert out of the queue and opens the one after it. */
  function leave(id: string): void {
    const items = list.items.value
    const i = items.findIndex((a) => a.id === id)
    cache.delete(id)
    if (i < 0) return
    const rest = items.filter((a) => a.id !== id)
    list.items.value = rest
    list.total.value = Math.max(0, list.total.value - 1)
    const next = rest[Math.min(i, rest.length - 1)]
    select(next?.id ?? '')
    void loadCounts()
    if (!rest.length) void list.reload(true)
    else if (rest.length < 20) void list.more()
  }

  async function act(path: string, body: Record<string, unknown>, words: (r: ActAnswer) => string, keeps = false): Promise<boolean> {
    const a = current.value
    if (!a || busy.value) return false
    busy.value = true
    fault.value = ''
    try {
      const r = await api.post<ActAnswer & Alert>(`/alerts/${a.id}/${path}`, { rev: a.rev, ...body })
      const after = r.alert ?? (r.id ? r : a)
      const text = words(r)
      last.value = { alert: after, words: text, until: now() + undoMs }
      toast('ok', text, { action: '撤销', key: 'U', run: () => void undo(), ms: undoMs })
      if (keeps) {
        cache.delete(a.id)
        await open(a.id, true)
        await list.reload(true)
      } else leave(a.id)
      return true
    } catch (e) {
      const err = e instanceof ApiError ? e : new ApiError('internal', messageOf(e))
      if (err.code === 'conflict' || err.code === 'notFound') {
        toast('warn', err.message)
        leave(a.id)
        void list.reload(true)
        return true
      }
      fault.value = err.fields[0]?.message ?? err.message
      return false
    } finally {
      busy.value = false
    }
  }

  async function undo(): Promise<void> {
    const d = last.value
    if (!d) return
    if (now() > d.until) {
      toast('info', '已过 10 秒，不能撤销；可在「我已处理」里查看')
      return
    }
    last.value = undefined
    try {
      await api.post(`/alerts/${d.alert.id}/undo`, { rev: d.alert.rev })
      cache.delete(d.alert.id)
      toast('info', `已撤销：${d.words}`)
      await list.reload(true)
      void loadCounts()
      select(d.alert.id)
    } catch (e) {
      toast('warn', messageOf(e))
    }
  }

  const confirm = (b: { shopId?: string; merge: boolean; squadOrgId?: string; limitHours?: number }) =>
    act('confirm', b, (r) => (r.merged ? `已确认并合并到 ${r.orderNo}` : `已确认，生成工单 ${r.orderNo ?? ''}`))
  const reject = (reason: RejectReason, note: string, name: string) => act('reject', { reason, note }, () => `已驳回：${name}`)
  const later = () => act('later', {}, () => '已移到「稍后处理」')
  const registry = () => act('update', {}, () => '已更新登记库，这条变更办结')
  const reclassify = (kind: AlertKind, shopId: string | undefined, note: string, name: string) =>
    act('reclassify', { kind, shopId, note }, () => `已改判为${name}`, true)

  return { detail, detailError, counts, busy, fault, last, fresh, index, current, step, confirm, reject, later, registry, reclassify, undo, reopen: () => open(selected(), true) }
}
