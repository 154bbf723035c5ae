import { describe, expect, it } from 'vitest'
import { ageDays, bytesOf, keyLines, verdict } from '../src/features/crypto/words'
import type { KeyInfo } from '../src/features/crypto/types'

const key = (o: Partial<KeyInfo>): KeyInfo => ({ id: 'k', purpose: 'totp', kind: 'seal', version: 1, state: 'active', master: 'file:0', check: '000000', createdAt: '2026-11-01T00:00:00.000Z', ...o })

describe('cryptography', () => {
  it('judges a module by all its checks', () => {
    const t = { module: 1, name: '', ok: true, fault: '', caught: '' }
    expect(verdict({ tried: [] })).toBe('none')
    expect(verdict({ tried: [t] })).toBe('ok')
    expect(verdict({ tried: [t, { ...t, ok: false }] })).toBe('bad')
  })
  it('shows a key in use once, with its older versions', () => {
    const lines = keyLines([key({}), key({ id: 'o', state: 'retired' }), key({ id: 'b', kind: 'blind' })], [{ purpose: 'totp', kinds: ['seal'], module: 1, what: '动态口令种子', where: '', places: [] }])
    expect(lines.map((l) => [l.id, l.what, l.old])).toEqual([['k', '动态口令种子', 1], ['b', '动态口令种子', 0]])
  })
  it('counts whole days', () => {
    expect(ageDays('2026-11-01T00:00:00.000Z', Date.parse('2026-11-03T23:00:00Z'))).toBe(2)
    expect(ageDays('2026-11-05T00:00:00.000Z', Date.parse('2026-11-03T00:00:00Z'))).toBe(0)
  })
  it('reads base64 as bytes', () => {
    expect([...bytesOf('AP8B')]).toEqual([0, 255, 1])
  })
})
