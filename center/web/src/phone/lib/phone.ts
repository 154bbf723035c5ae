// The phone's state: orders seen last, acts that wait, and the one drain that
// sends them.
import { defineStore } from 'pinia'
import { markRaw } from 'vue'
import { api, ApiError, messageOf, newKey } from '../../shared/lib/api'
import { now } from '../../shared/lib/clock'
import { distanceM } from '../../shared/lib/geometry'
import { useSession } from '../../shared/lib/session'
import type { List, Order, OrderDetail } from '../../shared/types'
import { quietPlace, type Place } from './geo'
import { drain, reached, type Job, type PhoneAct } from './queue'
import { PhoneStore } from './store'

// Revisions that the center gave to the answers of own acts.
const revs = new Map<string, number>()
let draining: Promise<void> | undefined
let timer: ReturnType<typeof setInterval> | undefined

export const usePhone = defineStore('phone', {
  state: () => ({
    store: null as PhoneStore | null,
    orders: [] as Order[],
    asOf: '',
    loading: false,
    loaded: false,
    fault: '',
    jobs: [] as Job[],
    online: navigator.onLine,
    place: undefined as Place | undefined,
    sessionLost: false,
  }),
  getters: {
    waiting: (s) => s.jobs.filter((j) => j.state === 'waiting'),
    stuck: (s) => s.jobs.filter((j) => j.state !== 'waiting'),
  },
  actions: {
    async start(): Promise<void> {
      const session = useSession()
      if (!session.person) return
      this.store = markRaw(new PhoneStore(session.person.id))
      const kept = await this.store.list().catch(() => undefined)
      if (kept && !this.loaded) {
        this.orders = kept.items
        this.asOf = kept.asOf
        this.loaded = true
      }
      await this.refreshJobs()
      window.addEventListener('online', () => {
        this.online = true
        void this.flush(true)
        void this.load()
      })
      window.addEventListener('offline', () => (this.online = false))
      clearInterval(timer)
      timer = setInterval(() => void this.flush(), 5000)
      void this.load()
      void this.flush(true)
      void quietPlace().then((p) => (this.place = p))
    },
    async refreshJobs(): Promise<void> {
      if (this.store) this.jobs = await this.store.jobs().catch(() => [])
    },
    async load(): Promise<void> {
      this.loading = true
      try {
        // What is worked on, soonest due first, and what was handed in last:
        // years of closed orders never push the open ones out.
        const [r, done] = await Promise.all([
          api.get<List<Order>>('/orders', { tab: 'mine', phase: 'open', size: 200, sort: 'dueAt' }),
          api.get<List<Order>>('/orders', { tab: 'mine', phase: 'done', size: 50, sort: '-createdAt' }),
        ])
        this.orders = [...(r.items ?? []), ...(done.items ?? [])]
        this.asOf = r.asOf
        this.loaded = true
        this.fault = ''
        this.online = true
        await this.store?.putList(this.orders, r.asOf).catch(() => undefined)
      } catch (e) {
        this.fault = messageOf(e)
        if (e instanceof ApiError && e.code === 'network') this.online = navigator.onLine
      } finally {
        this.loading = false
      }
    },
    view(o: Order): { state: Order['state']; unsent: boolean } {
      return reached(o.state, o.id, this.jobs)
    },
    distance(o: { lng: number; lat: number }): number | undefined {
      return this.place ? distanceM(this.place, o) : undefined
    },
    async add(o: Order, act: PhoneAct, label: string, body: Record<string, unknown>, photos: string[] = []): Promise<void> {
      if (!this.store) return
      const t = now()
      // A page that was loaded beside an act may show the state before it.
      const rev = Math.max(o.rev, revs.get(o.id) ?? 0)
      const j: Job = { id: `${t}-${newKey()}`, orderId: o.id, label, act, body, photos, rev, key: newKey(), state: 'waiting', attempts: 0, madeAt: t, nextAt: 0 }
      await this.store.putJob(j)
      await this.refreshJobs()
      await this.flush(true)
    },
    /** Sends waiting acts; silent unless one needs the person. */
    async flush(force = false): Promise<void> {
      const store = this.store
      if (!store || !this.jobs.some((j) => j.state === 'waiting')) return
      if (draining) return draining
      draining = (async () => {
        const r = await drain(
          store,
          {
            upload: async (file: Blob) => (await api.post<{ sm3: string }>('/blobs', undefined, { raw: file, timeoutMs: 60000 })).sm3,
            send: async (j, rev, shots) => {
              const body = shots.length ? { ...j.body, rev, photos: shots.map((x) => x.sm3), shots } : { ...j.body, rev }
              const o = await api.post<OrderDetail>(`/orders/${j.orderId}/${j.act}`, body, { idempotencyKey: j.key, timeoutMs: 15000 })
              revs.set(o.id, Math.max(o.rev, revs.get(o.id) ?? 0))
              await store.putOrder(o).catch(() => undefined)
              const i = this.orders.findIndex((x) => x.id === o.id)
              if (i >= 0) this.orders.splice(i, 1, o)
              return { rev: o.rev }
            },
          },
          now,
          force,
        )
        if (r.stopped !== 'network' && r.sent.length) this.online = true
        for (const j of r.sent) if (j.act === 'handle') await store.dropDraft(j.orderId)
        await this.refreshJobs()
        if (r.sent.length || r.conflicts.length) await this.load()
      })().finally(() => (draining = undefined))
      return draining
    },
    async dropJob(j: Job, withLater = true): Promise<void> {
      const store = this.store
      if (!store) return
      for (const k of this.jobs) if (k.id === j.id || (withLater && k.orderId === j.orderId && k.madeAt > j.madeAt)) await store.dropJob(k.id)
      await this.refreshJobs()
    },
    async retryJob(j: Job, rev: number): Promise<void> {
      await this.store?.putJob({ ...j, rev, state: 'waiting', key: newKey(), attempts: 0, nextAt: 0, error: undefined })
      await this.refreshJobs()
      await this.flush(true)
    },
  },
})
