// The zone editor's model: zones with undo, colours by kind, checks in words.
import type { Point, Zone, ZoneKind } from '../../shared/types'
import { area, overlap, polygonFault } from '../../shared/lib/geometry'
import { zoneKindName } from '../../shared/lib/words'

export const zoneColour: Record<ZoneKind, { line: string; dash?: string; fill: string; tag: string; ink: string }> = {
  pavement: { line: '#FFB23E', fill: 'rgba(255,178,62,.14)', tag: '#FFB23E', ink: '#1D1300' },
  frontage: { line: '#5AD3E0', dash: '7 4', fill: 'rgba(90,211,224,.16)', tag: '#0d3b41', ink: '#8CE7F0' },
  sign: { line: '#E4B5FF', dash: '10 3', fill: 'rgba(228,181,255,.14)', tag: '#3b2350', ink: '#EBCBFF' },
  permit: { line: '#9BE38B', dash: '2 3', fill: 'rgba(155,227,139,.18)', tag: '#20402a', ink: '#B5F0A8' },
  exclude: { line: '#FFFFFF', dash: '5 4', fill: 'url(#hatch)', tag: 'rgba(8,14,18,.82)', ink: '#FFFFFF' },
}

export interface EditZone extends Zone {
  /** Stable while editing; new zones have no id yet. */
  key: string
}

/** A history of whole states; small enough for zones. */
export class History<T> {
  private past: string[] = []
  private future: string[] = []
  constructor(private now: T) {}
  get value(): T {
    return this.now
  }
  get canUndo(): boolean {
    return this.past.length > 0
  }
  get canRedo(): boolean {
    return this.future.length > 0
  }
  /** Records the state before a change; same states are not doubled. */
  set(next: T): void {
    const a = JSON.stringify(this.now)
    if (a === JSON.stringify(next)) return
    this.past.push(a)
    if (this.past.length > 200) this.past.shift()
    this.future = []
    this.now = next
  }
  undo(): T {
    const p = this.past.pop()
    if (p === undefined) return this.now
    this.future.push(JSON.stringify(this.now))
    return (this.now = JSON.parse(p) as T)
  }
  redo(): T {
    const f = this.future.pop()
    if (f === undefined) return this.now
    this.past.push(JSON.stringify(this.now))
    return (this.now = JSON.parse(f) as T)
  }
}

export interface Span {
  from: string
  to: string
}

/** "07:00-11:00,17:00-22:00" as spans; '' is all day. */
export function parseHours(s: string | undefined): Span[] {
  if (!s) return []
  return s.split(',').flatMap((x) => {
    const m = /^\s*(\d{2}:\d{2})-(\d{2}:\d{2})\s*$/.exec(x)
    return m ? [{ from: m[1]!, to: m[2]! }] : []
  })
}

/** 7:5, 0730 or 19：30 as 07:05, 07:30, 19:30; anything else keeps the old. */
export function tidyTime(text: string, old: string): string {
  const m = /^\s*(\d{1,2})[:：.]?(\d{2})?\s*$/.exec(text)
  if (!m) return old
  const h = Number(m[1])
  const mi = Number(m[2] ?? 0)
  if (h > 24 || mi > 59 || (h === 24 && mi > 0)) return old
  return `${String(h).padStart(2, '0')}:${String(mi).padStart(2, '0')}`
}

export function formatHours(s: Span[]): string {
  return s.map((x) => `${x.from}-${x.to}`).join(',')
}

/** Which of the 48 half hours of a day are inside. */
export function halfHours(s: Span[]): boolean[] {
  const out = Array.from({ length: 48 }, () => s.length === 0)
  const half = (t: string) => Number(t.slice(0, 2)) * 2 + (Number(t.slice(3)) >= 30 ? 1 : 0)
  for (const x of s) {
    const a = half(x.from)
    const b = half(x.to)
    for (let i = 0; i < 48; i++) if (a < b ? i >= a && i < b : i >= a || i < b) out[i] = true
  }
  return out
}

export function insertAt(p: Point[], i: number, at: Point): Point[] {
  return [...p.slice(0, i), at, ...p.slice(i)]
}

/** Faults by field of one zone, in words. */
export function zoneFaults(z: EditZone): Record<string, string> {
  const out: Record<string, string> = {}
  if (!z.name.trim()) out.name = '请填写名称'
  const poly = polygonFault(z.polygon)
  if (poly) out.polygon = poly
  const judged = z.kind === 'pavement' || z.kind === 'frontage'
  if (judged && z.dwellS && !(z.dwellS >= 1 && z.dwellS <= 86400)) out.dwellS = `静置时间应为 1 到 86400 秒，现在是 ${z.dwellS}`
  if (judged && !((z.endDelayS ?? 0) >= 0 && (z.endDelayS ?? 0) <= 86400)) out.endDelayS = '消失确认应为 0 到 86400 秒'
  if (judged && !((z.minArea ?? 0) >= 0 && (z.minArea ?? 0) <= 1)) out.minArea = '最小面积应为画面的 0 到 100%'
  if (judged && !((z.openScore ?? 0) >= 0 && (z.openScore ?? 0) <= 1)) out.openScore = '开启阈值应为 0 到 1'
  if (judged && z.openScore && (z.closeScore ?? 0) > z.openScore) out.closeScore = `关闭阈值要不大于开启阈值 ${z.openScore}，请改小`
  if (z.kind === 'sign' && !z.shop) out.shop = '店招围栏要绑定一个商铺，才有登记名称可比'
  for (const s of parseHours(z.hours)) if (s.from === s.to) out.hours = '时段的开始和结束相同，请改一个'
  return out
}

/** What a person should know about how zones meet, in words. */
export function zoneNotes(zones: EditZone[], at: EditZone): string[] {
  const out: string[] = []
  if (polygonFault(at.polygon)) return out
  for (const z of zones) {
    if (z.key === at.key || polygonFault(z.polygon) || !overlap(z.polygon, at.polygon)) continue
    const a = `「${at.name || '未命名'}」`
    const b = `「${z.name || '未命名'}」`
    if (z.kind === 'exclude' && at.kind !== 'exclude') out.push(`${a}与排除区${b}重叠，重叠处不识别。`)
    else if (at.kind === 'exclude' && z.kind !== 'exclude') out.push(`排除区${a}盖住了${b}的一部分，那里不识别。`)
    else if (z.kind === 'permit' && (at.kind === 'pavement' || at.kind === 'frontage')) out.push(`${a}与外摆许可${b}重叠，许可时段内重叠处不报。`)
    else if (z.kind === at.kind) out.push(`${a}与${b}同为${zoneKindName[z.kind]}且重叠，同一物品可能报两次，建议错开。`)
  }
  if (area(at.polygon) > 0.6 && at.kind !== 'exclude') out.push('这个围栏超过画面的六成，误报会增多，建议只圈要管的地面。')
  return out
}
