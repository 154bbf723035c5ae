import { describe, expect, it } from 'vitest'
import { ApiError } from '@/shared/lib/api'
import { bearing, compass } from '@/phone/lib/geo'
import { fit, marks } from '@/phone/lib/photo'
import { backoffMs, drain, reached, type Job, type Photo, type QueuePort, type QueueStore, type Shot } from '@/phone/lib/queue'

class Memory implements QueueStore {
  j = new Map<string, Job>()
  p = new Map<string, Photo>()
  jobs = async () => [...this.j.values()].map((x) => ({ ...x }))
  putJob = async (x: Job) => void this.j.set(x.id, { ...x })
  dropJob = async (id: string) => void this.j.delete(id)
  photo = async (id: string) => this.p.get(id)
  putPhoto = async (x: Photo) => void this.p.set(x.id, x)
  dropPhoto = async (id: string) => void this.p.delete(id)
}
const job = (id: string, o: Partial<Job> = {}): Job => ({ id, orderId: 'o1', label: id, act: 'accept', body: {}, photos: [], rev: 1, key: 'k-' + id, state: 'waiting', attempts: 0, madeAt: Number(id.replace(/\D/g, '')), nextAt: 0, ...o })

/** A center that keeps revisions and answers a repeated key like the first. */
class Center implements QueuePort {
  rev: Record<string, number> = { o1: 1, o2: 1 }
  seen = new Map<string, { rev: number }>()
  log: string[] = []
  uploads = 0
  fail: (j: Job) => Error | undefined = () => undefined
  loseAnswer = false
  upload = async () => `sm3-${++this.uploads}`
  send = async (j: Job, rev: number, shots: Shot[]) => {
    const e = this.fail(j)
    if (e) throw e
    const again = this.seen.get(j.key)
    if (again) return again
    if (rev !== this.rev[j.orderId]) throw new ApiError('conflict', '别人刚改过', 409)
    const r = { rev: (this.rev[j.orderId] = rev + 1) }
    this.seen.set(j.key, r)
    this.log.push(`${j.orderId}:${j.act}:${shots.map((x) => (x.original ? x.original + '>' : '') + x.sm3).join('+')}`)
    if (this.loseAnswer) {
      this.loseAnswer = false
      throw new ApiError('network', '断了')
    }
    return r
  }
}
const now = () => 1000

describe('the retry queue', () => {
  it('sends acts of one order in order, each on the revision after the last', async () => {
    const s = new Memory()
    const c = new Center()
    await s.putPhoto({ id: 'p1', orderId: 'o1', blob: new Blob(['x']), takenAt: 1 })
    for (const j of [job('3', { act: 'handle', photos: ['p1'] }), job('1'), job('2', { act: 'arrive' })]) await s.putJob(j)
    const r = await drain(s, c, now)
    expect(c.log).toEqual(['o1:accept:', 'o1:arrive:', 'o1:handle:sm3-1'])
    expect(r.sent).toHaveLength(3)
    expect(s.j.size).toBe(0)
    expect(s.p.size).toBe(0)
  })
  it('keeps everything without a network and stops trying', async () => {
    const s = new Memory()
    const c = new Center()
    c.fail = () => new ApiError('network', '没有网络')
    await s.putJob(job('1'))
    await s.putJob(job('2', { orderId: 'o2' }))
    const r = await drain(s, c, now)
    expect(r.stopped).toBe('network')
    expect([...s.j.values()].map((x) => x.state)).toEqual(['waiting', 'waiting'])
    expect(s.j.get('1')!.nextAt).toBe(1000 + backoffMs(1))
    // Before its time it is left alone, when forced it goes.
    c.fail = () => undefined
    expect((await drain(s, c, now)).sent.map((j) => j.id)).toEqual(['2'])
    expect((await drain(s, c, now, true)).sent.map((j) => j.id)).toEqual(['1'])
  })
  it('does nothing twice when the answer is lost', async () => {
    const s = new Memory()
    const c = new Center()
    c.loseAnswer = true
    await s.putJob(job('1'))
    await s.putJob(job('2', { act: 'arrive' }))
    await drain(s, c, now)
    await drain(s, c, now, true)
    expect(c.log).toEqual(['o1:accept:', 'o1:arrive:'])
    expect(s.j.size).toBe(0)
  })
  it('does not upload a photo again after a cut between upload and act', async () => {
    const s = new Memory()
    const c = new Center()
    await s.putPhoto({ id: 'p1', orderId: 'o1', blob: new Blob(['x']), takenAt: 1 })
    await s.putJob(job('1', { act: 'handle', photos: ['p1'] }))
    c.fail = () => new ApiError('timeout', '超时')
    await drain(s, c, now)
    c.fail = () => undefined
    await drain(s, c, now, true)
    expect(c.uploads).toBe(1)
    expect(c.log).toEqual(['o1:handle:sm3-1'])
  })
  it('the untouched original goes up before its copy, each once', async () => {
    const s = new Memory()
    const c = new Center()
    await s.putPhoto({ id: 'p1', orderId: 'o1', blob: new Blob(['copy']), original: new Blob(['file']), takenAt: 1, lng: 121.4, lat: 31.2, accuracyM: 9 })
    await s.putJob(job('1', { act: 'handle', photos: ['p1'] }))
    c.fail = () => new ApiError('network', '断了')
    await drain(s, c, now)
    c.fail = () => undefined
    await drain(s, c, now, true)
    expect(c.uploads).toBe(2)
    expect(c.log).toEqual(['o1:handle:sm3-1>sm3-2'])
  })
  it('a conflict holds its order only, and loses nothing', async () => {
    const s = new Memory()
    const c = new Center()
    c.rev.o1 = 5
    await s.putJob(job('1'))
    await s.putJob(job('2', { act: 'arrive' }))
    await s.putJob(job('3', { orderId: 'o2' }))
    const r = await drain(s, c, now)
    expect(r.conflicts.map((j) => j.id)).toEqual(['1'])
    expect(r.sent.map((j) => j.id)).toEqual(['3'])
    expect(s.j.get('1')!.state).toBe('conflict')
    expect(s.j.get('2')!.state).toBe('waiting')
    // It stays so until a person decides.
    expect((await drain(s, c, now, true)).sent).toHaveLength(0)
  })
  it('a refusal keeps the field’s sentence; a lost session stops quietly', async () => {
    const s = new Memory()
    const c = new Center()
    await s.putJob(job('1'))
    c.fail = () => new ApiError('invalid', '有 1 处需要修改', 422, [{ name: 'photos', message: '至少要 1 张现场照片' }])
    expect((await drain(s, c, now)).refused[0]!.error).toBe('至少要 1 张现场照片')
    await s.putJob(job('1'))
    c.fail = () => new ApiError('unauthenticated', '请登录', 401)
    expect((await drain(s, c, now)).stopped).toBe('session')
    expect(s.j.get('1')!.state).toBe('waiting')
  })
  it('shows the state reached, counting what is not sent yet', () => {
    expect(reached('dispatched', 'o1', [])).toEqual({ state: 'dispatched', unsent: false })
    expect(reached('dispatched', 'o1', [job('2', { act: 'arrive' }), job('1')])).toEqual({ state: 'onSite', unsent: true })
    expect(reached('dispatched', 'o1', [job('1', { state: 'conflict' })])).toEqual({ state: 'dispatched', unsent: false })
  })
})

describe('photos', () => {
  it('fit 1600 px without growing', () => {
    expect(fit(4000, 3000)).toEqual({ w: 1600, h: 1200 })
    expect(fit(3000, 4000)).toEqual({ w: 1200, h: 1600 })
    expect(fit(800, 600)).toEqual({ w: 800, h: 600 })
    expect(fit(10000, 1)).toEqual({ w: 1600, h: 1 })
  })
})

describe('what the phone says of a picture and of the way', () => {
  it('the watermark says when, who, which order and where', () => {
    expect(marks({ at: '2026-11-24 14:30:56', no: 'GD1', who: '队员', place: { lng: 121.4905, lat: 31.2397, accuracyM: 8 } })).toEqual(['2026-11-24 14:30:56　队员', 'GD1　121.49050, 31.23970 ±8 米'])
    expect(marks({ at: 'x', no: 'GD1', who: '队员' })[1]).toContain('没有定位')
  })
  it('bearings are degrees from north with their words', () => {
    const o = { lng: 121.49, lat: 31.23 }
    expect(Math.round(bearing(o, { lng: 121.49, lat: 31.24 }))).toBe(0)
    expect(compass(bearing(o, { lng: 121.5, lat: 31.23 }))).toBe('正东')
    expect(compass(bearing(o, { lng: 121.48, lat: 31.2214 }))).toBe('西南')
    expect(compass(359)).toBe('正北')
  })
})
