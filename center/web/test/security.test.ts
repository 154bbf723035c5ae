import { describe, expect, it } from 'vitest'
import { dayBefore, daysOf, opName } from '../src/features/security/words'

describe('words of usage', () => {
  it('opens the days of a point', () => {
    expect(daysOf('20261125')).toEqual({ from: '2026-11-25', to: '2026-11-25' })
    expect(daysOf('202802')).toEqual({ from: '2028-02-01', to: '2028-02-29' })
  })
  it('counts days by Shanghai', () => {
    expect(dayBefore(Date.parse('2026-11-24T16:30:00Z'), 0)).toBe('2026-11-25')
    expect(dayBefore(Date.parse('2026-11-24T16:30:00Z'), 25)).toBe('2026-10-31')
  })
  it('names operations that it knows and leaves the others', () => {
    expect(opName('list-alerts')).toBe('查询预警')
    expect(opName('get-api-audit-export')).toBe('查看审计导出')
    expect(opName('list-zzz')).toBe('')
  })
})
