import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError, configureApi, request, toApiError, toQuery } from '@/shared/lib/api'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
  configureApi({ csrf: () => '', onUnauthenticated: () => {}, onServerTime: () => {} })
})
const answer = (status: number, body: unknown) => vi.fn(async () => new Response(body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body), { status }))

describe('errors', () => {
  it('takes the center’s words, fields and id', () => {
    const e = toApiError(422, { code: 'invalid', message: '有 1 处需要修改', fields: [{ name: 'name', message: '请填写名称' }], id: '01J' })
    expect(e.code).toBe('invalid')
    expect(e.field('name')).toBe('请填写名称')
    expect(e.id).toBe('01J')
    expect(e.retryable).toBe(false)
  })
  it('has plain words when the body is not the center’s', () => {
    expect(toApiError(503, undefined).message).toContain('稍后再试')
    expect(toApiError(502, '<html>').code).toBe('internal')
    expect(toApiError(409, {}).code).toBe('conflict')
    expect(toApiError(503, {}).retryable).toBe(true)
  })
  it('maps network failure and time-out, and keeps what was typed', async () => {
    vi.stubGlobal('fetch', vi.fn(async () => Promise.reject(new TypeError('Failed to fetch'))))
    await expect(request('GET', '/x')).rejects.toMatchObject({ code: 'network' })
    vi.stubGlobal('fetch', vi.fn((_u: string, o: RequestInit) => new Promise((_ok, no) => o.signal!.addEventListener('abort', () => no(new DOMException('aborted', 'AbortError'))))))
    const p = request('GET', '/x', { timeoutMs: 20 })
    await expect(p).rejects.toMatchObject({ code: 'timeout' })
    await expect(p).rejects.toThrow('已保留你填的内容')
  })
})

describe('requests', () => {
  it('sends the CSRF token and the key on writes only', async () => {
    configureApi({ csrf: () => 'tok' })
    const f = answer(200, { ok: 1 })
    vi.stubGlobal('fetch', f)
    await request('GET', '/a')
    await request('POST', '/a', { body: { x: 1 }, idempotencyKey: 'k' })
    const call = (i: number) => (f.mock.calls as unknown as [string, RequestInit][])[i]![1].headers as Record<string, string>
    expect(call(0)['X-CSRF-Token']).toBeUndefined()
    expect(call(1)).toMatchObject({ 'X-CSRF-Token': 'tok', 'Idempotency-Key': 'k', 'Content-Type': 'application/json' })
  })
  it('reports a lost session, but not a refused log-in', async () => {
    const lost = vi.fn()
    configureApi({ onUnauthenticated: lost })
    vi.stubGlobal('fetch', answer(401, { code: 'unauthenticated', message: '账号或密码不对' }))
    await expect(request('POST', '/session', { body: {} })).rejects.toBeInstanceOf(ApiError)
    expect(lost).not.toHaveBeenCalled()
    await expect(request('GET', '/orders')).rejects.toBeInstanceOf(ApiError)
    expect(lost).toHaveBeenCalledOnce()
  })
  it('accepts an empty answer and builds short queries', async () => {
    vi.stubGlobal('fetch', answer(200, undefined))
    expect(await request('DELETE', '/x')).toBeUndefined()
    expect(toQuery({ a: 1, b: '', c: undefined, d: 'x y', e: false })).toBe('?a=1&d=x+y')
    expect(toQuery({})).toBe('')
  })
})
