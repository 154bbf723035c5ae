import { describe, expect, it } from 'vitest'
import { example, lines, operations, type Doc } from '../src/features/integration/openapi'
import { hex, hmacSM3, signed, sm3, utf8 } from '../src/features/integration/sm3'

describe('SM3', () => {
  it('gives the digests of GB/T 32905', () => {
    expect(hex(sm3(utf8('abc')))).toBe('66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0')
    expect(hex(sm3(utf8('abcd'.repeat(16))))).toBe('debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732')
    expect(hex(sm3(new Uint8Array()))).toBe('1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b')
  })
  it('pads at every length around a block', () => {
    const seen = new Set(Array.from({ length: 130 }, (_, n) => hex(sm3(new Uint8Array(n).fill(97)))))
    expect(seen.size).toBe(130)
  })
  it('agrees with the center on HMAC-SM3', () => {
    const text = ['POST', '/api/open/v1/todos', 'a=1&b=%E5%BE%85', '1795588200000', 'n0nce-0001', hex(sm3(utf8('{"x":1}')))].join('\n')
    expect(hmacSM3('key', text)).toBe('81e85b346d505197a7237acf68de292969c7ef5ca5ada7c11a4185407691f21f')
    expect(hmacSM3('k'.repeat(100), text)).toBe('870308ed0913234f6a1502a57bc813875518002fa030ac385d3708b9c74e0094')
  })
  it('signs with a fresh nonce each time', () => {
    const a = signed('jx1', 'k', 'GET', '/p', '', '', 1)
    expect(a['X-Jx-Nonce']).toMatch(/^[0-9a-f]{24}$/)
    expect(signed('jx1', 'k', 'GET', '/p', '', '', 1)['X-Jx-Nonce']).not.toBe(a['X-Jx-Nonce'])
  })
})

describe('the interface description', () => {
  const d: Doc = {
    paths: { '/a/{id}': { post: { operationId: 'x', summary: 'X', 'x-interface': 'todo', requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/T' } } } } } } },
    components: { schemas: { T: { type: 'object', required: ['title', 'n'], properties: { title: { type: 'string', description: 'what' }, n: { type: 'integer', minimum: 2 }, list: { type: 'array', items: { type: 'object', properties: { id: { type: 'string' } } } } } } } },
  }
  it('lists operations, fields and an example', () => {
    const [o] = operations(d)
    expect(o).toMatchObject({ id: 'x', method: 'POST', kind: 'todo' })
    expect(lines(d, o!.body).map((l) => l.name)).toEqual(['title', 'n', 'list', 'list[].id'])
    expect(example(d, o!.body)).toEqual({ title: '', n: 2 })
  })
})
