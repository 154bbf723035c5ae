import { describe, expect, it } from 'vitest'
import { clockOf, minutesOf, month, offsetText } from '@/features/deadline/types'
import { bytes, every, share } from '@/features/jobs/types'

describe('the year view', () => {
  it('puts the first of a month under its weekday', () => {
    const oct = month(2026, 10, [{ ymd: 20261001, kind: 'off', name: '国庆节' }, { ymd: 20261010, kind: 'on', name: '调休' }])
    expect(oct.blanks).toBe(3) // a Thursday, weeks begin on Monday
    expect(oct.cells).toHaveLength(31)
    expect(oct.cells[0]).toEqual({ ymd: 20261001, day: 1, kind: 'off', name: '国庆节' })
    expect(oct.cells[2]?.kind).toBe('weekend')
    expect(oct.cells[8]?.kind).toBe('work')
    expect(oct.cells[9]?.kind).toBe('on')
    expect(month(2026, 2, []).blanks).toBe(6) // a Sunday
    expect(month(2028, 2, []).cells).toHaveLength(29)
    expect(month(2026, 6, []).blanks).toBe(0)
  })
  it('reads hours as they are written', () => {
    expect(clockOf(540)).toBe('09:00')
    expect(minutesOf(' 13:30 ')).toBe(810)
    expect(minutesOf('24:00')).toBe(1440)
    for (const bad of ['', '9', '9:60', '25:00', 'x']) expect(minutesOf(bad)).toBeUndefined()
  })
  it('says when a level comes', () => {
    expect([-2, 0, 3].map((n) => offsetText(n, '天'))).toEqual(['到期前 2 天', '到期时', '超期 3 天'])
  })
})

describe('jobs', () => {
  it('says how far and how often', () => {
    expect([share(0, 0), share(1, 3), share(5, 3)]).toEqual([undefined, 33, 100])
    expect([5000, 60000, 90000, 21600000].map(every)).toEqual(['每 5 秒', '每 1 分钟', '每 90 秒', '每 6 小时'])
    expect([512, 2048, 3500000].map(bytes)).toEqual(['512 B', '2 KB', '3.3 MB'])
  })
})
