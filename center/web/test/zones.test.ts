import { describe, expect, it } from 'vitest'
import { cameraFaults } from '@/features/directory/cameraform'
import { formatHours, halfHours, History, parseHours, tidyTime, zoneFaults, zoneNotes, type EditZone } from '@/features/directory/zones'
import { diff } from '@/shared/lib/diff'
import { ladder } from '@/features/live/player'
import { sessionUrl } from '@/features/live/whep'

const sq = (x: number, y: number, s = 0.3) => [{ x, y }, { x: x + s, y }, { x: x + s, y: y + s }, { x, y: y + s }]
const zone = (o: Partial<EditZone> = {}): EditZone => ({ key: 'a', id: '', name: '人行道', kind: 'pavement', polygon: sq(0.1, 0.1), dwellS: 180, endDelayS: 30, minArea: 0.002, openScore: 0.6, closeScore: 0.4, ...o })

describe('zones', () => {
  it('names the field, the limit and the fix', () => {
    expect(zoneFaults(zone())).toEqual({})
    expect(zoneFaults(zone({ dwellS: -5 })).dwellS).toBe('静置时间应为 1 到 86400 秒，现在是 -5')
    expect(zoneFaults(zone({ closeScore: 0.9 })).closeScore).toContain('开启阈值 0.6')
    expect(zoneFaults(zone({ kind: 'sign' })).shop).toContain('绑定一个商铺')
    expect(zoneFaults(zone({ kind: 'exclude', dwellS: 0 }))).toEqual({})
  })
  it('tells of overlaps in words', () => {
    const a = zone()
    const x = zone({ key: 'b', name: '电箱', kind: 'exclude', polygon: sq(0.3, 0.3) })
    expect(zoneNotes([a, x], a)[0]).toContain('重叠处不识别')
    expect(zoneNotes([a, zone({ key: 'c', polygon: sq(0.6, 0.6) })], a)).toEqual([])
  })
  it('undoes and redoes, and a new change ends the redo', () => {
    const h = new History<number[]>([1])
    h.set([1, 2])
    h.set([1, 2])
    h.set([1, 2, 3])
    expect(h.undo()).toEqual([1, 2])
    expect(h.undo()).toEqual([1])
    expect(h.canUndo).toBe(false)
    expect(h.redo()).toEqual([1, 2])
    h.set([9])
    expect(h.canRedo).toBe(false)
  })
  it('reads and writes hours, also past midnight', () => {
    expect(formatHours(parseHours('07:00-11:00, 17:00-22:00'))).toBe('07:00-11:00,17:00-22:00')
    expect(parseHours('nonsense')).toEqual([])
    expect(halfHours(parseHours('22:00-06:00')).filter(Boolean)).toHaveLength(16)
    expect(halfHours([]).every(Boolean)).toBe(true)
    expect(tidyTime('7:05', 'x')).toBe('07:05')
    expect(tidyTime('0730', 'x')).toBe('07:30')
    expect(tidyTime('25:00', 'x')).toBe('x')
  })
})

describe('camera form', () => {
  const ok = { name: 'a', code: 'b', regionCode: '310101013', address: 'c', lng: '121.4', lat: '31.2', boxId: 'x', url: 'rtsp://h/1', subUrl: '', interval: '1', publishedAt: '', validTo: '' }
  it('takes good input and refuses bad with words', () => {
    expect(cameraFaults(ok)).toEqual({})
    expect(cameraFaults({ ...ok, url: 'http://h/1' }).url).toContain('rtsp://')
    expect(cameraFaults({ ...ok, url: 'rtsp://u:p@h/1' }).url).toContain('账号密码')
    expect(cameraFaults({ ...ok, url: 'rtsp://***:***@h/1' })).toEqual({})
    expect(cameraFaults({ ...ok, lng: '' }).lng).toBeTruthy()
    expect(cameraFaults({ ...ok, publishedAt: '2026-05-01', validTo: '2026-04-01' }).validTo).toContain('早于')
  })
})

describe('small things', () => {
  it('shows changed fields only', () => {
    expect(diff('{"a":1,"b":{"c":2}}', '{"a":1,"b":{"c":3},"d":"x"}')).toEqual([{ sign: '-', text: 'b.c　2' }, { sign: '+', text: 'b.c　3' }, { sign: '+', text: 'd　x' }])
    expect(diff('', '')).toEqual([])
  })
  it('waits longer after each failed try', () => {
    const w = [0, 1, 2, 3, 4, 9].map((n) => ladder(n, 0.5))
    expect(w).toEqual([...w].sort((a, b) => a - b))
    expect(w[5]).toBe(15000)
  })
  it('keeps the ticket on the address that ends a WHEP session', () => {
    expect(sessionUrl('/cam/whep/abc', 'http://h:8889/cam/whep?ticket=t')).toBe('http://h:8889/cam/whep/abc?ticket=t')
    expect(sessionUrl(null, 'http://h/x')).toBe('')
  })
})
