import { describe, expect, it } from 'vitest'
import { pageHelp } from '../src/app/help'
import { nav } from '../src/app/nav'
import { routes } from '../src/app/routes'
import { opName } from '../src/features/security/words'
import { inWords } from '../src/features/integration/fields'

describe('every page', () => {
  it('has a help entry of its own or of the page it belongs to', () => {
    const without = routes.filter((r) => r.name !== 'login' && r.name !== 'missing' && !pageHelp[r.name as string] && !pageHelp[r.meta?.nav as string])
    expect(without.map((r) => r.path)).toEqual([])
  })
  it('of the menu exists, once', () => {
    const names = nav.flatMap((g) => g.items.map((i) => i.name))
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((n) => !routes.some((r) => r.name === n))).toEqual([])
  })
  it('of the menu asks what its route asks', () => {
    for (const i of nav.flatMap((g) => g.items)) expect([i.name, i.perm]).toEqual([i.name, routes.find((r) => r.name === i.name)?.meta?.perm ?? []])
  })
})

describe('words', () => {
  it('name operations that are not put together from verb and noun', () => {
    expect(opName('messages-unread')).toBe('未读消息数')
    expect(opName('usage-by')).toBe('运行分析')
  })
  it('name a field by its last part, and leave an unknown one as it is', () => {
    expect(inWords('items[].receivedAt')).toBe('收到时间')
    expect(inWords('zzz', 'own text')).toBe('own text')
  })
})
