// A small WHEP client: one recv-only peer connection against MediaMTX.
// https://datatracker.ietf.org/doc/draft-ietf-wish-whep/

export class WhepError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

/** Waits until ICE gathering is complete or the time is up. */
function gathered(pc: RTCPeerConnection, ms: number): Promise<void> {
  if (pc.iceGatheringState === 'complete') return Promise.resolve()
  return new Promise((ok) => {
    const t = setTimeout(ok, ms)
    pc.addEventListener('icegatheringstatechange', () => {
      if (pc.iceGatheringState === 'complete') {
        clearTimeout(t)
        ok()
      }
    })
  })
}

/** The address of the session, taken relative to the answer's own address. */
export function sessionUrl(location: string | null, base: string): string {
  if (!location) return ''
  const u = new URL(location, base)
  const ticket = new URL(base).searchParams.get('ticket')
  if (ticket && !u.searchParams.has('ticket')) u.searchParams.set('ticket', ticket)
  return u.toString()
}

export class WhepClient {
  private pc?: RTCPeerConnection
  private resource = ''
  private closed = false

  constructor(
    private readonly url: string,
    private readonly on: { stream: (s: MediaStream) => void; lost: (why: string) => void },
  ) {}

  async start(timeoutMs = 8000): Promise<void> {
    const pc = (this.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' }))
    pc.addTransceiver('video', { direction: 'recvonly' })
    pc.ontrack = (e) => this.on.stream(e.streams[0] ?? new MediaStream([e.track]))
    pc.onconnectionstatechange = () => {
      if (!this.closed && (pc.connectionState === 'failed' || pc.connectionState === 'disconnected')) this.on.lost('连接中断')
    }
    await pc.setLocalDescription(await pc.createOffer())
    // The server has host candidates of its own and learns ours from the first
    // packets, so a short wait is enough.
    await gathered(pc, 120)
    const res = await fetch(this.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/sdp' },
      body: pc.localDescription?.sdp ?? '',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (!res.ok) throw new WhepError(res.status, `播放服务应答 ${res.status}`)
    this.resource = sessionUrl(res.headers.get('Location'), this.url)
    const answer = await res.text()
    if (this.closed) return this.release()
    await pc.setRemoteDescription({ type: 'answer', sdp: answer })
  }

  /** Bits received so far and the size, for the figures of a tile. */
  async stats(): Promise<{ bytes: number; fps: number } | undefined> {
    let out: { bytes: number; fps: number } | undefined
    const report = await this.pc?.getStats()
    report?.forEach((s: { type: string; kind?: string; bytesReceived?: number; framesPerSecond?: number }) => {
      if (s.type === 'inbound-rtp' && s.kind === 'video') out = { bytes: s.bytesReceived ?? 0, fps: s.framesPerSecond ?? 0 }
    })
    return out
  }

  close(): void {
    this.closed = true
    this.pc?.close()
    this.release()
  }
  private release(): void {
    if (!this.resource) return
    void fetch(this.resource, { method: 'DELETE', keepalive: true }).catch(() => undefined)
    this.resource = ''
  }
}
