import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve, dirname } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../src')
function walk(d: string): string[] {
  return readdirSync(d).flatMap((f) => (statSync(join(d, f)).isDirectory() ? walk(join(d, f)) : /\.(ts|vue)$/.test(f) ? [join(d, f)] : []))
}
const part = (file: string) => {
  const p = relative(src, file).split('/')
  return p[0] === 'features' ? `features/${p[1]}` : p[0]!
}

describe('who may import whom', () => {
  const files = walk(src)
  it('features import shared and their own folder; shared imports only shared', () => {
    const bad: string[] = []
    for (const f of files) {
      const text = readFileSync(f, 'utf8')
      for (const m of text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)) {
        const to = m[1]!
        if (!to.startsWith('.') && !to.startsWith('@/')) continue
        const target = part(to.startsWith('@/') ? join(src, to.slice(2)) : resolve(dirname(f), to))
        const own = part(f)
        const ok = target === own || target === 'shared' || own === 'main.ts' || (own === 'app' && target !== 'phone')
        if (!ok) bad.push(`${relative(src, f)} imports ${to}`)
      }
    }
    expect(bad).toEqual([])
  })
  it('no file is longer than 800 lines', () => {
    expect(files.filter((f) => readFileSync(f, 'utf8').split('\n').length > 800)).toEqual([])
  })
  it('colours come from tokens: no default Element blue anywhere', () => {
    expect(files.filter((f) => /#409eff/i.test(readFileSync(f, 'utf8')))).toEqual([])
  })
})
