import type { SecurityAlert, Severity } from './types'

export const severityName: Record<Severity, string> = { low: '低', medium: '中', high: '高', critical: '严重' }
export const severityPill: Record<Severity, string> = { low: '', medium: 'warn', high: 'danger', critical: 'danger' }
export const alertState: Record<SecurityAlert['state'], string> = { open: '待处置', assigned: '处置中', closed: '已关闭' }
export const actWord: Record<string, string> = { assign: '指派', note: '说明', lock: '锁定账号', kick: '结束登录', block: '封禁地址', close: '关闭' }
export const appName: Record<string, string> = { web: '网页与手机', token: '接口令牌', open: '开放接口' }

/** 20261125 as 2026-11-25. */
export function dayText(key: string): string {
  return key.length === 8 ? `${key.slice(0, 4)}-${key.slice(4, 6)}-${key.slice(6)}` : key.length === 6 ? `${key.slice(0, 4)}-${key.slice(4)}` : key
}

/** The first and last day of a point, for the list behind it. */
export function daysOf(key: string): { from: string; to: string } {
  if (key.length === 6) {
    const last = new Date(Date.UTC(Number(key.slice(0, 4)), Number(key.slice(4)), 0)).getUTCDate()
    return { from: `${dayText(key)}-01`, to: `${dayText(key)}-${String(last).padStart(2, '0')}` }
  }
  return { from: dayText(key), to: dayText(key) }
}

/** The day n days before a moment, in Shanghai. */
export function dayBefore(nowMs: number, n: number): string {
  return new Date(nowMs + 8 * 3600_000 - n * 86400_000).toISOString().slice(0, 10)
}
