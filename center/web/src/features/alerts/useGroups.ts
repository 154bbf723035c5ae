// The state of reviewing groups: which one is open, its alerts, which of them
// are chosen, and what can be taken back.
import { computed, ref, shallowRef, watch } from 'vue'
import type { Alert, List, RejectReason } from '../../shared/types'
import { api, ApiError, blobUrl, messageOf, newKey } from '../../shared/lib/api'
import { now } from '../../shared/lib/clock'
import { toast } from '../../shared/lib/toast'
import type { UseList } from '../../shared/lib/uselist'
import type { AlertGroup, Batch, BatchResult } from './types'
import { undoMs } from './useReview'

type Act = 'confirm' | 'reject' | 'later' | 'update'

export function useGroups(list: UseList<AlertGroup>, tab: () => string, selected: () => string, select: (key: string) => void) {
  const items = shallowRef<Alert[]>([])
  const total = ref(0)
  const error = shallowRef<ApiError>()
  const chosen = ref(new Set<string>())
  const busy = ref(false)
  const fault = ref('')
  const report = shallowRef<BatchResult[]>([])
  const last = shallowRef<{ items: { id: string; rev: number }[]; words: string; until: number }>()
  const cache = new Map<string, List<Alert>>()
  const group = computed(() => list.items.value.find((g) => g.key === selected()))

  async function fetchItems(key: string): Promise<List<Alert>> {
    const r = await api.get<List<Alert>>('/alerts', { group: key, tab: tab(), sort: 'look', size: 200 })
    cache.set(key, r)
    while (cache.size > 8) cache.delete(cache.keys().next().value as string)
    return r
  }
  async function open(key: string): Promise<void> {
    error.value = undefined
    fault.value = ''
    items.value = []
    total.value = 0
    chosen.value = new Set()
    if (!key) return
    try {
      const r = cache.get(key) ?? (await fetchItems(key))
      cache.delete(key)
      if (selected() !== key) return
      items.value = r.items
      total.value = r.total
      chosen.value = new Set(r.items.map((a) => a.id))
      void ahead()
    } catch (e) {
      if (selected() === key) error.value = e instanceof ApiError ? e : new ApiError('internal', messageOf(e))
    }
  }
  // The next group's alerts and first pictures, so that J shows them at once.
  async function ahead(): Promise<void> {
    const i = list.items.value.findIndex((g) => g.key === selected())
    const next = list.items.value[i + 1]
    if (!next || cache.has(next.key)) return
    const r = await fetchItems(next.key).catch(() => undefined)
    for (const a of r?.items.slice(0, 12) ?? []) if (a.thumb) new Image().src = blobUrl(a.thumb, 320)
  }
  watch(selected, (k) => void open(k), { immediate: true })
  watch(list.items, (l) => {
    if (!l.some((g) => g.key === selected())) select(l[0]?.key ?? '')
  })

  function step(d: 1 | -1): void {
    const l = list.items.value
    const i = l.findIndex((g) => g.key === selected())
    const next = l[Math.max(0, Math.min(l.length - 1, i < 0 ? 0 : i + d))]
    if (next) select(next.key)
  }
  function toggle(id: string): void {
    const s = new Set(chosen.value)
    if (!s.delete(id)) s.add(id)
    chosen.value = s
  }
  const looks = computed(() => [...new Set(items.value.map((a) => a.look ?? 0))])
  function only(i: number): void {
    const look = looks.value[i]
    if (look !== undefined) chosen.value = new Set(items.value.filter((a) => (a.look ?? 0) === look).map((a) => a.id))
  }
  function all(): void {
    chosen.value = chosen.value.size === items.value.length ? new Set() : new Set(items.value.map((a) => a.id))
  }

  async function act(what: Act, o: { reason?: RejectReason; note?: string } = {}): Promise<boolean> {
    const picked = items.value.filter((a) => chosen.value.has(a.id))
    if (!picked.length || busy.value) return false
    busy.value = true
    fault.value = ''
    const words = { confirm: '确认', reject: '驳回', later: '移到稍后', update: '更新登记库' }[what]
    try {
      const r = await api.post<Batch>('/alerts/batch', { act: what, items: picked.map((a) => ({ id: a.id, rev: a.rev })), ...o }, { idempotencyKey: newKey(), timeoutMs: 60000 })
      const done = r.results.filter((x) => x.ok && x.alert).map((x) => ({ id: x.id, rev: x.alert!.rev }))
      report.value = r.results.filter((x) => !x.ok)
      const text = `已${words} ${r.done} 条${r.orders ? `，共 ${r.orders} 张工单` : ''}${r.failed ? `；${r.failed} 条没有处理` : ''}`
      if (done.length && what !== 'update') {
        last.value = { items: done, words: text, until: now() + undoMs }
        toast(r.failed ? 'warn' : 'ok', text, { action: '撤销整组', key: 'U', run: () => void undo(), ms: undoMs })
      } else toast(r.failed ? 'warn' : 'ok', text)
      await after(new Set(r.results.map((x) => x.id)))
      return true
    } catch (e) {
      fault.value = e instanceof ApiError ? (e.fields[0]?.message ?? e.message) : messageOf(e)
      return false
    } finally {
      busy.value = false
    }
  }
  /** Takes what was decided out of the page and goes on. */
  async function after(ids: Set<string>): Promise<void> {
    const key = selected()
    cache.delete(key)
    const rest = items.value.filter((a) => !ids.has(a.id))
    const left = Math.max(rest.length, total.value - ids.size)
    if (left > 0) {
      const r = await fetchItems(key).catch(() => undefined)
      cache.delete(key)
      if (r?.items.length) {
        items.value = r.items
        total.value = r.total
        chosen.value = new Set(r.items.map((a) => a.id))
        await list.reload(true)
        return
      }
    }
    const i = list.items.value.findIndex((g) => g.key === key)
    const next = list.items.value[i + 1] ?? list.items.value[i - 1]
    select(next?.key ?? '')
    await list.reload(true)
  }
  async function undo(): Promise<void> {
    const l = last.value
    if (!l) return
    if (now() > l.until) {
      toast('info', '已过 10 秒，不能撤销')
      return
    }
    last.value = undefined
    try {
      const r = await api.post<Batch>('/alerts/batch', { act: 'undo', items: l.items }, { timeoutMs: 60000 })
      report.value = r.results.filter((x) => !x.ok)
      toast(r.failed ? 'warn' : 'info', `已撤回 ${r.done} 条${r.failed ? `，${r.failed} 条不能撤回：${report.value[0]?.message ?? ''}` : ''}`)
      const key = selected()
      cache.clear()
      await list.reload(true)
      await open(key || selected())
    } catch (e) {
      toast('warn', messageOf(e))
    }
  }
  return { items, total, error, chosen, busy, fault, report, last, group, looks, step, toggle, only, all, act, undo, reopen: () => open(selected()) }
}
