// Acts that wait for the network. Each has its own idempotency key, so that a
// repeated send is answered like the first; acts on one order keep their
// order, and a conflict stops that order only.
import { ApiError } from '../../shared/lib/api'
import type { OrderState } from '../../shared/types'

export type PhoneAct = 'accept' | 'arrive' | 'handle' | 'return'

export interface Job {
  id: string
  orderId: string
  /** Words for the list of unsent acts. */
  label: string
  act: PhoneAct
  body: Record<string, unknown>
  /** Local photo ids, uploaded before the act is sent. */
  photos: string[]
  rev: number
  key: string
  state: 'waiting' | 'conflict' | 'refused'
  attempts: number
  error?: string
  madeAt: number
  nextAt: number
}

export interface Photo {
  id: string
  orderId: string
  /** The copy that is shown, with the watermark. */
  blob: Blob
  /** The untouched file, with what it says of itself. */
  original?: Blob
  takenAt: number
  /** Where the phone was when it was taken. */
  lng?: number
  lat?: number
  accuracyM?: number
  /** Set once the center holds the picture, and its original. */
  sm3?: string
  originalSm3?: string
}

/** A picture as the center knows it. */
export interface Shot {
  sm3: string
  original?: string
  takenAt: string
  lng?: number
  lat?: number
  accuracyM?: number
}

export interface QueueStore {
  jobs(): Promise<Job[]>
  putJob(j: Job): Promise<void>
  dropJob(id: string): Promise<void>
  photo(id: string): Promise<Photo | undefined>
  putPhoto(p: Photo): Promise<void>
  dropPhoto(id: string): Promise<void>
}

export interface QueuePort {
  upload(file: Blob): Promise<string>
  send(j: Job, rev: number, shots: Shot[]): Promise<{ rev: number }>
}

export interface DrainResult {
  sent: Job[]
  conflicts: Job[]
  refused: Job[]
  /** Why it stopped early, '' when nothing is left to try. */
  stopped: '' | 'network' | 'session'
}

/** Seconds before the next try, growing to five minutes. */
export function backoffMs(attempts: number): number {
  return Math.min(300_000, 2000 * 2 ** Math.max(0, attempts - 1))
}

/** Sends what can be sent now. Only one drain may run at a time. */
export async function drain(store: QueueStore, port: QueuePort, now: () => number, force = false): Promise<DrainResult> {
  const out: DrainResult = { sent: [], conflicts: [], refused: [], stopped: '' }
  const revs = new Map<string, number>()
  const held = new Set<string>()
  const jobs = (await store.jobs()).sort((a, b) => a.madeAt - b.madeAt || a.id.localeCompare(b.id))
  for (const j of jobs) {
    if (held.has(j.orderId)) continue
    if (j.state !== 'waiting' || (!force && j.nextAt > now())) {
      held.add(j.orderId)
      continue
    }
    try {
      const photos = await uploadAll(store, port, j)
      const r = await port.send(j, revs.get(j.orderId) ?? j.rev, photos)
      revs.set(j.orderId, r.rev)
      await store.dropJob(j.id)
      for (const p of j.photos) await store.dropPhoto(p)
      await follow(store, jobs, j, r.rev)
      out.sent.push(j)
    } catch (e) {
      held.add(j.orderId)
      const err = e instanceof ApiError ? e : new ApiError('internal', String(e))
      if (err.code === 'unauthenticated') {
        out.stopped = 'session'
        return out
      }
      if (err.retryable) {
        await store.putJob({ ...j, attempts: j.attempts + 1, nextAt: now() + backoffMs(j.attempts + 1), error: err.message })
        if (err.code === 'network' || err.code === 'timeout') {
          out.stopped = 'network'
          return out
        }
        continue
      }
      const state = err.code === 'conflict' ? 'conflict' : 'refused'
      const next: Job = { ...j, state, error: err.fields[0]?.message ?? err.message }
      await store.putJob(next)
      ;(state === 'conflict' ? out.conflicts : out.refused).push(next)
    }
  }
  return out
}

// The revision after an act is kept with the waiting acts that follow it, so
// that it survives a restart.
async function follow(store: QueueStore, jobs: Job[], done: Job, rev: number): Promise<void> {
  for (const k of jobs) {
    if (k.orderId === done.orderId && k.madeAt >= done.madeAt && k.id !== done.id && k.state === 'waiting') {
      k.rev = rev
      await store.putJob(k)
    }
  }
}

// The original goes first, so that a copy never stands without it.
async function uploadAll(store: QueueStore, port: QueuePort, j: Job): Promise<Shot[]> {
  const out: Shot[] = []
  for (const id of j.photos) {
    const p = await store.photo(id)
    if (!p) throw new ApiError('invalid', '有一张照片在本机找不到了，请重新拍')
    if (p.original && !p.originalSm3) {
      p.originalSm3 = await port.upload(p.original)
      await store.putPhoto(p)
    }
    if (!p.sm3) {
      p.sm3 = await port.upload(p.blob)
      await store.putPhoto(p)
    }
    out.push({ sm3: p.sm3, original: p.originalSm3, takenAt: new Date(p.takenAt).toISOString(), lng: p.lng, lat: p.lat, accuracyM: p.accuracyM })
  }
  return out
}

const after: Record<PhoneAct, OrderState> = { accept: 'accepted', arrive: 'onSite', handle: 'handled', return: 'returned' }

/** The state that the officer has reached, counting acts not yet sent. */
export function reached(state: OrderState, orderId: string, jobs: Job[]): { state: OrderState; unsent: boolean } {
  let s = state
  let unsent = false
  for (const j of [...jobs].sort((a, b) => a.madeAt - b.madeAt)) {
    if (j.orderId !== orderId || j.state !== 'waiting') continue
    s = after[j.act]
    unsent = true
  }
  return { state: s, unsent }
}
