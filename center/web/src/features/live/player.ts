// One live picture: asks the center for a play address, plays it over WebRTC,
// falls back to HLS, renews the ticket, notices silence and tries again.
import { reactive } from 'vue'
import type Hls from 'hls.js'
import type { LiveSession } from '../../shared/types'
import { api, ApiError, messageOf } from '../../shared/lib/api'
import { WhepClient, WhepError } from './whep'

export type TilePhase = 'idle' | 'asking' | 'connecting' | 'playing' | 'stalled' | 'waiting' | 'forbidden' | 'failed'

export interface TileState {
  phase: TilePhase
  via: '' | 'WebRTC' | 'HLS'
  reason: string
  tries: number
  /** performance.now() of the last shown frame. */
  lastFrame: number
  nextTry: number
  /** Milliseconds from the click to the first picture. */
  firstMs: number
  width: number
  height: number
  fps: number
  mbits: number
}

/** Waits between tries: 1, 2, 4, 8, 15 seconds, with a little chance in it. */
export function ladder(tries: number, chance = Math.random()): number {
  const steps = [1000, 2000, 4000, 8000, 15000]
  return Math.round(steps[Math.min(tries, steps.length - 1)]! * (0.85 + chance * 0.3))
}

const stallMs = 3000
const giveUpMs = 10000

export class LivePlayer {
  readonly state = reactive<TileState>({ phase: 'idle', via: '', reason: '', tries: 0, lastFrame: 0, nextTry: 0, firstMs: 0, width: 0, height: 0, fps: 0, mbits: 0 })
  private session?: LiveSession
  private whep?: WhepClient
  private hls?: Hls
  private renew?: ReturnType<typeof setInterval>
  private retry?: ReturnType<typeof setTimeout>
  private watch?: ReturnType<typeof setInterval>
  private startedAt = 0
  private ended = false
  private bytes = 0

  constructor(
    readonly cameraId: string,
    private readonly video: HTMLVideoElement,
  ) {}

  async start(): Promise<void> {
    const s = this.state
    this.startedAt = performance.now()
    performance.mark(`live:start:${this.cameraId}`)
    s.phase = 'asking'
    s.reason = ''
    s.firstMs = 0
    try {
      const session = await api.post<LiveSession>('/live/sessions', { cameraId: this.cameraId }, { timeoutMs: 15000 })
      if (this.ended) {
        void api.del(`/live/sessions/${session.id}`).catch(() => undefined)
        return
      }
      this.session = session
    } catch (e) {
      if (this.ended) return
      const err = e instanceof ApiError ? e : undefined
      s.reason = messageOf(e)
      if (err?.code === 'forbidden' || err?.code === 'notFound') s.phase = 'forbidden'
      else this.later(messageOf(e))
      return
    }
    this.renew = setInterval(() => void this.renewTicket(), Math.max(5, this.session.renewAfterS || 30) * 1000)
    this.watch = setInterval(() => void this.look(), 1000)
    this.frames()
    s.phase = 'connecting'
    try {
      await this.playWhep(this.session.whepUrl)
      s.via = 'WebRTC'
    } catch (e) {
      if (this.ended) return
      this.whep?.close()
      this.whep = undefined
      if (e instanceof WhepError && (e.status === 401 || e.status === 403)) this.later('播放地址已失效')
      else await this.playHls(this.session.hlsUrl).catch((x) => this.later(messageOf(x)))
    }
  }

  // The box may need a moment to push: 404 is asked again for some seconds.
  private async playWhep(url: string): Promise<void> {
    if (typeof RTCPeerConnection === 'undefined') throw new Error('浏览器不支持 WebRTC')
    const until = performance.now() + 9000
    for (;;) {
      const c = new WhepClient(url, {
        stream: (m) => {
          this.video.srcObject = m
          void this.video.play().catch(() => undefined)
        },
        lost: (why) => this.later(why),
      })
      this.whep = c
      try {
        await c.start()
        return
      } catch (e) {
        c.close()
        if (this.ended || !(e instanceof WhepError && e.status === 404) || performance.now() > until) throw e
        await new Promise((r) => setTimeout(r, 120))
        if (this.ended) throw e
      }
    }
  }

  private async playHls(url: string): Promise<void> {
    const { default: HlsPlayer } = await import('hls.js')
    if (this.ended) return
    this.state.via = 'HLS'
    if (!HlsPlayer.isSupported()) {
      this.video.src = url
      await this.video.play()
      return
    }
    const ticket = new URL(url).searchParams.get('ticket') ?? ''
    const hls = (this.hls = new HlsPlayer({
      liveSyncDurationCount: 2,
      xhrSetup: (xhr, at) => {
        const u = new URL(at)
        if (ticket && !u.searchParams.has('ticket')) u.searchParams.set('ticket', ticket)
        xhr.open('GET', u.toString(), true)
      },
    }))
    hls.on(HlsPlayer.Events.ERROR, (_e, d) => {
      if (d.fatal) this.later('HLS 播放中断')
    })
    hls.loadSource(url)
    hls.attachMedia(this.video)
    void this.video.play().catch(() => undefined)
  }

  private frames(): void {
    const v = this.video
    const step = () => {
      if (this.ended) return
      const s = this.state
      s.lastFrame = performance.now()
      if (!s.firstMs) {
        s.firstMs = Math.round(s.lastFrame - this.startedAt)
        performance.mark(`live:first:${this.cameraId}`)
        performance.measure(`live:${this.cameraId}`, `live:start:${this.cameraId}`, `live:first:${this.cameraId}`)
      }
      s.phase = 'playing'
      s.tries = 0
      s.width = v.videoWidth
      s.height = v.videoHeight
      v.requestVideoFrameCallback(step)
    }
    if ('requestVideoFrameCallback' in v) v.requestVideoFrameCallback(step)
  }

  // Every second: is there still a new picture, and how fast.
  private async look(): Promise<void> {
    const s = this.state
    const st = await this.whep?.stats()
    if (st) {
      s.mbits = this.bytes ? ((st.bytes - this.bytes) * 8) / 1e6 : 0
      s.fps = Math.round(st.fps)
      this.bytes = st.bytes
    }
    const silent = performance.now() - (s.lastFrame || this.startedAt)
    if (s.phase === 'playing' && silent > stallMs) s.phase = 'stalled'
    if ((s.phase === 'stalled' || s.phase === 'connecting') && silent > giveUpMs) {
      if (s.phase === 'connecting' && s.via === 'WebRTC' && this.session) {
        this.whep?.close()
        this.whep = undefined
        this.startedAt = performance.now()
        await this.playHls(this.session.hlsUrl).catch((e) => this.later(messageOf(e)))
      } else this.later(`${Math.round(silent / 1000)} 秒没有新画面`)
    }
  }

  private async renewTicket(): Promise<void> {
    if (!this.session) return
    try {
      const r = await api.post<Partial<LiveSession>>(`/live/sessions/${this.session.id}/renew`)
      if (this.session) Object.assign(this.session, r)
    } catch (e) {
      if (e instanceof ApiError && (e.code === 'notFound' || e.code === 'forbidden')) this.later('播放会话已结束')
    }
  }

  private later(reason: string): void {
    if (this.ended || this.state.phase === 'waiting') return
    this.teardown()
    const s = this.state
    s.phase = 'waiting'
    s.reason = reason
    const wait = ladder(s.tries)
    s.tries++
    s.nextTry = performance.now() + wait
    this.retry = setTimeout(() => void this.start(), wait)
  }

  /** Tries at once, without waiting for the ladder. */
  now(): void {
    clearTimeout(this.retry)
    void this.start()
  }

  private teardown(): void {
    clearInterval(this.renew)
    clearInterval(this.watch)
    this.whep?.close()
    this.whep = undefined
    this.hls?.destroy()
    this.hls = undefined
    this.bytes = 0
    const id = this.session?.id
    this.session = undefined
    if (id) void api.del(`/live/sessions/${id}`).catch(() => undefined)
  }

  close(): void {
    this.ended = true
    clearTimeout(this.retry)
    this.teardown()
    this.video.srcObject = null
    this.video.removeAttribute('src')
  }
}
