// Words for times, numbers and sizes, all in one place.
const zone = 'Asia/Shanghai'
const parts = new Intl.DateTimeFormat('en-CA', {
  timeZone: zone,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

export interface Wall {
  y: string
  mo: string
  d: string
  h: string
  mi: string
  s: string
}

/** Wall clock in Shanghai of a moment. */
export function wall(t: string | number | Date): Wall {
  const m: Record<string, string> = {}
  for (const p of parts.formatToParts(new Date(t))) m[p.type] = p.value
  return { y: m.year!, mo: m.month!, d: m.day!, h: m.hour!, mi: m.minute!, s: m.second! }
}

export function dayOf(t: string | number | Date): string {
  const w = wall(t)
  return `${w.y}-${w.mo}-${w.d}`
}

function bad(t: string | number | Date | undefined | null): boolean {
  if (t === undefined || t === null || t === '') return true
  const n = new Date(t).getTime()
  return !Number.isFinite(n) || n <= 0
}

/** 今日 16:18 · 明天 09:00 · 11-22 10:00 · 2025-11-22 10:00 */
export function moment(t: string | number | undefined | null, nowMs: number): string {
  if (bad(t)) return '—'
  const w = wall(t!)
  const hm = `${w.h}:${w.mi}`
  const day = `${w.y}-${w.mo}-${w.d}`
  if (day === dayOf(nowMs)) return '今日 ' + hm
  if (day === dayOf(nowMs + 86400000)) return '明天 ' + hm
  if (day === dayOf(nowMs - 86400000)) return '昨日 ' + hm
  if (w.y === wall(nowMs).y) return `${w.mo}-${w.d} ${hm}`
  return `${day} ${hm}`
}

/** 2026-11-24 14:30:56, for evidence. */
export function full(t: string | number | undefined | null): string {
  if (bad(t)) return '—'
  const w = wall(t!)
  return `${w.y}-${w.mo}-${w.d} ${w.h}:${w.mi}:${w.s}`
}

/** 14:30:56 */
export function clockText(t: string | number | undefined | null): string {
  if (bad(t)) return '—'
  const w = wall(t!)
  return `${w.h}:${w.mi}:${w.s}`
}

/** 14:30 */
export function hm(t: string | number | undefined | null): string {
  if (bad(t)) return '—'
  const w = wall(t!)
  return `${w.h}:${w.mi}`
}

/**
 * A length of time: days from 48 h, 天+时 from 24 h, 时+分 below, 分 below one
 * hour, seconds only when asked for.
 */
export function span(ms: number, seconds = false): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const m = Math.floor(s / 60)
  const h = Math.floor(m / 60)
  const d = Math.floor(h / 24)
  if (h >= 48) return h % 24 && d < 10 ? `${d} 天 ${h % 24} 时` : `${d} 天`
  if (h >= 24) return h % 24 ? `${d} 天 ${h % 24} 时` : `${d} 天`
  if (h >= 1) return m % 60 ? `${h} 时 ${m % 60} 分` : `${h} 时`
  if (m >= 1) return seconds && s % 60 ? `${m} 分 ${String(s % 60).padStart(2, '0')} 秒` : `${m} 分`
  return seconds ? `${s} 秒` : '不到 1 分'
}

/** An age such as 0.4 秒前; −1 means never. */
export function age(ms: number | undefined): string {
  if (ms === undefined || ms < 0) return '从未'
  if (ms < 10000) return `${(ms / 1000).toFixed(1)} 秒前`
  return `${span(ms, ms < 3600000)}前`
}

const grouping = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })

/** 1,297 · 12.3 万 · 1.23 亿 */
export function num(n: number | undefined | null): string {
  if (n === undefined || n === null || !Number.isFinite(n)) return '—'
  const a = Math.abs(n)
  const sign = n < 0 ? '−' : ''
  if (a >= 1e8) return `${sign}${(a / 1e8).toFixed(2)} 亿`
  if (a >= 1e4) return `${sign}${(a / 1e4).toFixed(1)} 万`
  return sign + grouping.format(a)
}

export function percent(ratio: number | undefined | null): string {
  if (ratio === undefined || ratio === null || !Number.isFinite(ratio)) return '—'
  return (ratio * 100).toFixed(1) + '%'
}

/** 320 m · 1.4 km */
export function metres(m: number | undefined | null): string {
  if (m === undefined || m === null || !Number.isFinite(m)) return '—'
  return m < 1000 ? `${Math.round(m)} m` : `${(m / 1000).toFixed(1)} km`
}

/** 6.3 GB from megabytes. */
export function megabytes(mb: number | undefined): string {
  if (mb === undefined || mb < 0) return '—'
  return mb >= 1024 ? `${(mb / 1024).toFixed(1)} GB` : `${Math.round(mb)} MB`
}

/** +0.4 秒 from milliseconds. */
export function offsetText(ms: number | undefined): string {
  if (ms === undefined) return '—'
  const s = ms / 1000
  if (Math.abs(s) < 0.05) return '0.0 秒'
  return `${s > 0 ? '+' : '−'}${Math.abs(s).toFixed(1)} 秒`
}

/** 7c1e94a0…b2f3 */
export function shortDigest(d: string | undefined): string {
  return d && d.length > 14 ? `${d.slice(0, 8)}…${d.slice(-4)}` : (d ?? '—')
}
