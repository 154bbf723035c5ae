// The one way to the center: JSON in and out, CSRF header on writes, a time
// limit, and errors as sentences that a person can act on.

export interface FieldError {
  name: string
  message: string
}

export type ErrorCode =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'notFound'
  | 'conflict'
  | 'tooMany'
  | 'tooLarge'
  | 'unavailable'
  | 'internal'
  | 'network'
  | 'timeout'
  | 'aborted'

export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly status = 0,
    readonly fields: FieldError[] = [],
    readonly id = '',
  ) {
    super(message)
    this.name = 'ApiError'
  }

  /** True when the same call may succeed later without a change. */
  get retryable(): boolean {
    return ['network', 'timeout', 'unavailable', 'internal', 'tooMany'].includes(this.code)
  }

  field(name: string): string {
    return this.fields.find((f) => f.name === name)?.message ?? ''
  }
}

const byStatus: Record<number, ErrorCode> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'notFound',
  409: 'conflict',
  413: 'tooLarge',
  422: 'invalid',
  429: 'tooMany',
  503: 'unavailable',
}

/** Reads the center's error body; falls back to plain words by status. */
export function toApiError(status: number, body: unknown): ApiError {
  const b = (body ?? {}) as { code?: string; message?: string; fields?: FieldError[]; id?: string }
  const code = (byStatus[status] ?? 'internal') as ErrorCode
  const plain: Partial<Record<ErrorCode, string>> = {
    unauthenticated: '登录已失效，请重新登录',
    forbidden: '没有这项权限',
    notFound: '没有找到，可能已被删除或不在你的数据范围内',
    conflict: '这条记录刚被别人改过，请刷新后再操作',
    tooMany: '操作太频繁，请稍后再试',
    tooLarge: '内容超过上限，请缩小后再传',
    unavailable: '中心暂时无法处理，已保留你填的内容，请稍后再试',
    invalid: '有内容需要修改',
  }
  const message = b.message || plain[code] || '中心处理出错，已保留你填的内容'
  return new ApiError((b.code as ErrorCode) || code, message, status, b.fields ?? [], b.id ?? '')
}

export type Query = Record<string, string | number | boolean | undefined | null>

/** Builds a query text without empty values, in a stable order. */
export function toQuery(q?: Query): string {
  if (!q) return ''
  const p = new URLSearchParams()
  for (const [k, v] of Object.entries(q)) {
    if (v === undefined || v === null || v === '' || v === false) continue
    p.set(k, String(v))
  }
  const s = p.toString()
  return s ? '?' + s : ''
}

interface Options {
  query?: Query
  body?: unknown
  raw?: Blob
  idempotencyKey?: string
  timeoutMs?: number
  signal?: AbortSignal
}

interface Hooks {
  csrf: () => string
  onUnauthenticated: () => void
  onServerTime: (ms: number) => void
}

const hooks: Hooks = { csrf: () => '', onUnauthenticated: () => {}, onServerTime: () => {} }

/** Wires the client to the session; called once by each of the two apps. */
export function configureApi(h: Partial<Hooks>): void {
  Object.assign(hooks, h)
}

/** How long a page may ask by itself before it no longer counts as use. */
const quietMs = 60_000
let lastInput = Date.now()

/** Notes that a person did something; pages that only poll keep nobody signed in. */
export function noteInput(at = Date.now()): void {
  lastInput = Math.max(lastInput, at)
}

async function parse(res: Response): Promise<unknown> {
  const text = await res.text()
  if (!text) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export async function request<T>(method: string, path: string, o: Options = {}): Promise<T> {
  const limit = o.timeoutMs ?? 8000
  const ctl = new AbortController()
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    ctl.abort()
  }, limit)
  o.signal?.addEventListener('abort', () => ctl.abort(), { once: true })
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method === 'GET' && Date.now() - lastInput > quietMs) headers['X-Background'] = '1'
  if (method !== 'GET') {
    const t = hooks.csrf()
    if (t) headers['X-CSRF-Token'] = t
  }
  if (o.idempotencyKey) headers['Idempotency-Key'] = o.idempotencyKey
  let body: BodyInit | undefined
  if (o.raw) {
    body = o.raw
    headers['Content-Type'] = o.raw.type || 'application/octet-stream'
  } else if (o.body !== undefined) {
    body = JSON.stringify(o.body)
    headers['Content-Type'] = 'application/json'
  }
  try {
    const res = await fetch('/api' + path + toQuery(o.query), {
      method,
      headers,
      body,
      signal: ctl.signal,
      credentials: 'same-origin',
    })
    const data = await parse(res)
    if (!res.ok) {
      const err = toApiError(res.status, data)
      if (err.status === 401 && !(method === 'POST' && (path === '/session' || path.startsWith('/signin/open/')))) hooks.onUnauthenticated()
      throw err
    }
    const date = res.headers.get('Date')
    if (date) hooks.onServerTime(Date.parse(date))
    return data as T
  } catch (e) {
    if (e instanceof ApiError) throw e
    if (timedOut) {
      throw new ApiError('timeout', `中心 ${Math.round(limit / 1000)} 秒没有应答，已保留你填的内容`)
    }
    if (o.signal?.aborted) throw new ApiError('aborted', '已取消')
    throw new ApiError('network', '连不上中心，请检查网络；已保留你填的内容')
  } finally {
    clearTimeout(timer)
  }
}

export const api = {
  get: <T>(path: string, query?: Query, signal?: AbortSignal) => request<T>('GET', path, { query, signal }),
  post: <T>(path: string, body?: unknown, o: Omit<Options, 'body'> = {}) =>
    request<T>('POST', path, { ...o, body: body ?? {} }),
  put: <T>(path: string, body: unknown, o: Omit<Options, 'body'> = {}) => request<T>('PUT', path, { ...o, body }),
  del: <T>(path: string, query?: Query) => request<T>('DELETE', path, { query }),
}

const thumbWidths = [160, 320, 640]

/**
 * Address of a stored picture. w asks for a thumbnail at least that wide; the
 * center makes three widths, beyond them the picture itself is taken.
 */
export function blobUrl(sm3: string | undefined, w?: number): string {
  const t = w ? thumbWidths.find((x) => x >= w) : undefined
  return sm3 ? `/api/blobs/${sm3}${t ? '?w=' + t : ''}` : ''
}

/** A fresh key for a write that may be sent twice. */
export function newKey(): string {
  const c = globalThis.crypto as Crypto | undefined
  if (c?.randomUUID) return c.randomUUID()
  const b = new Uint8Array(16)
  c?.getRandomValues(b)
  return Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')
}

/** The message of anything thrown. */
export function messageOf(e: unknown): string {
  return e instanceof Error ? e.message : String(e)
}
