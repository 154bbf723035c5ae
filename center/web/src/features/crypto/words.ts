// The words and sums of the page of cryptography.
import type { CryptoModule, KeyInfo, Kind, Use } from './types'

export const kindName: Record<Kind, string> = { seal: '加密 SM4', blind: '盲索引 HMAC-SM3', mac: '校验码 HMAC-SM3', sign: '签名 SM2' }

export type Verdict = 'ok' | 'bad' | 'none'

/** What the last live checks said of a module. */
export function verdict(m: Pick<CryptoModule, 'tried'>): Verdict {
  if (!m.tried.length) return 'none'
  return m.tried.every((t) => t.ok) ? 'ok' : 'bad'
}

/** Whole days that a key has been there. */
export function ageDays(createdAt: string, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - Date.parse(createdAt)) / 86_400_000))
}

export interface KeyLine extends KeyInfo {
  what: string
  old: number
}

/** One line for each key in use, with how many older versions still read. */
export function keyLines(keys: KeyInfo[], uses: Use[]): KeyLine[] {
  return keys
    .filter((k) => k.state === 'active')
    .map((k) => ({
      ...k,
      what: uses.find((u) => u.purpose === k.purpose)?.what ?? k.purpose,
      old: keys.filter((o) => o.state === 'retired' && o.purpose === k.purpose && o.kind === k.kind).length,
    }))
}

/** The text of the file that OpenSSL needs, from base64. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const s = atob(base64)
  const out = new Uint8Array(s.length)
  for (let i = 0; i < s.length; i++) out[i] = s.charCodeAt(i)
  return out
}
