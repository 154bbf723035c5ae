// Calls of the shops' pages. The session lives in this tab alone.
import { toApiError, toQuery, type Query } from '../shared/lib/api'

export interface OwnerArticle { role: string; law: string; article: string; text: string; digest: boolean }
export interface OwnerCause { code: string; name: string; penalty: string; verified: boolean; articles: OwnerArticle[] }
export interface OwnerAnswer { id: string; kind: 'corrected' | 'objection'; text: string; photos: string[]; late: boolean; state: 'pending' | 'accepted' | 'refused'; madeAt: string; reason?: string }
export interface OwnerNotice {
  no: string; code: string; kind: 'rectify' | 'compliance'; kindName: string; organ: string; shopName: string; address: string; state: string; label: string
  demand: string; facts: string; seenAt?: string; picture?: string; clip?: string; box?: { x: number; y: number; w: number; h: number }; device: string
  title: string; body: string; checklist: string; causes: OwnerCause[]; dueAt?: string; paused: boolean; handler: string; phone: string
  answers: OwnerAnswer[]; steps: { at: string; text: string }[]; canCorrect: boolean; canObject: boolean; whyNot?: string; objectBy: string; photoLimit: number; now: string; endReason?: string
}
export interface Guide { id: string; itemId: string; version: number; kind: string; title: string; summary: string; body: string; trades: string[]; causes: string[]; source: string; effectiveFrom: string; effectiveTo?: string; reads: number; useful: number; useless: number }

const key = 'jx.owner'
export const session = {
  get: () => sessionStorage.getItem(key) ?? '',
  set: (s: string) => sessionStorage.setItem(key, s),
  clear: () => sessionStorage.removeItem(key),
}

/** What this browser calls itself, so that a reader counts once a day. */
function reader(): string {
  try {
    let r = localStorage.getItem('jx.reader')
    if (!r) {
      r = Array.from(crypto.getRandomValues(new Uint8Array(16)), (x) => x.toString(16).padStart(2, '0')).join('')
      localStorage.setItem('jx.reader', r)
    }
    return r
  } catch {
    return ''
  }
}

async function send(method: string, path: string, o: { query?: Query; body?: unknown; raw?: Blob } = {}): Promise<Response> {
  const headers: Record<string, string> = { 'X-Owner': session.get(), 'X-Reader': reader() }
  if (o.body !== undefined) headers['Content-Type'] = 'application/json'
  if (o.raw) headers['Content-Type'] = o.raw.type || 'application/octet-stream'
  let res: Response
  try {
    res = await fetch('/api/owner' + path + toQuery(o.query), { method, headers, body: o.raw ?? (o.body === undefined ? undefined : JSON.stringify(o.body)), credentials: 'omit' })
  } catch {
    throw new Error('网络不通，您填的内容还在，请稍后再试')
  }
  if (!res.ok) throw toApiError(res.status, await res.json().catch(() => undefined))
  return res
}

export async function call<T>(method: string, path: string, o: { query?: Query; body?: unknown; raw?: Blob } = {}): Promise<T> {
  const res = await send(method, path, o)
  const text = await res.text()
  return (text ? JSON.parse(text) : undefined) as T
}

/** Address of a picture of the notice, for this page only. */
export async function picture(sm3: string): Promise<string> {
  return URL.createObjectURL(await (await send('GET', '/pictures/' + sm3)).blob())
}

/** Makes a photo small enough for a slow network; the original stays when it cannot be read. */
export async function shrink(f: File): Promise<Blob> {
  if (f.size < 1_500_000) return f
  try {
    const b = await createImageBitmap(f)
    const k = Math.min(1, 2000 / Math.max(b.width, b.height))
    const c = document.createElement('canvas')
    c.width = Math.round(b.width * k)
    c.height = Math.round(b.height * k)
    c.getContext('2d')?.drawImage(b, 0, 0, c.width, c.height)
    return await new Promise((ok) => c.toBlob((x) => ok(x ?? f), 'image/jpeg', 0.85))
  } catch {
    return f
  }
}

const two = (n: number) => String(n).padStart(2, '0')
/** A moment as people say it, in Shanghai. */
export function say(at: string | undefined, now: number): string {
  if (!at) return ''
  const d = new Date(Date.parse(at) + 8 * 3600_000)
  const t = new Date(now + 8 * 3600_000)
  const hm = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`
  const days = Math.floor(d.getTime() / 86400_000) - Math.floor(t.getTime() / 86400_000)
  if (days === 0) return '今天 ' + hm
  if (days === 1) return '明天 ' + hm
  if (days === -1) return '昨天 ' + hm
  return `${d.getUTCMonth() + 1} 月 ${d.getUTCDate()} 日 ${hm}`
}
export function left(ms: number): string {
  const m = Math.floor(Math.abs(ms) / 60_000)
  if (m < 60) return `${Math.max(1, m)} 分`
  if (m < 48 * 60) return `${Math.floor(m / 60)} 小时 ${m % 60} 分`
  return `${Math.floor(m / 1440)} 天`
}
