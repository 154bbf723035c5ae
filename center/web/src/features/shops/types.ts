export interface Alias { name: string; kind: 'alias' | 'former'; until?: number }
export interface Permit { kind: string; no?: string; from?: number; to?: number; sm3?: string }

export interface ShopFull {
  id: string
  no: string
  name: string
  signName: string
  aliases: Alias[]
  address: string
  regionCode: string
  streetName: string
  road: string
  houseNo: number
  side: 'odd' | 'even' | ''
  lng: number
  lat: number
  doorLine: [number, number][]
  doorM: number
  business: string
  operator: string
  creditCode: string
  contact: string
  cameraId?: string
  zoneId?: string
  signReferenceSm3?: string
  permits: Permit[]
  pledgeYmd: number
  pledgeSm3?: string
  smart: boolean
  state: 'open' | 'closed'
  source: string
  seenAt?: string
  deletedAt?: string
  deletedBy?: string
  deletedWhy?: string
  openAlerts: number
  openOrders: number
  rev: number
}

export interface Scored { id: string; total: number; text: { score: number; registered: string; read: string; cut?: string; swaps?: { read: string; registered: string; why: string }[] }; position: number; distanceM: number; zone: boolean }

export type Verdict = 'same' | 'new' | 'suspected' | 'renamed' | 'moved' | 'unreadable' | 'covered'
export type SightState = 'auto' | 'waiting' | 'later' | 'confirmed' | 'created' | 'renamed' | 'moved' | 'false'

export interface Sighting {
  id: string
  taskId: string
  cameraId: string
  zoneId: string
  regionCode: string
  road: string
  houseNo: number
  address: string
  at: string
  looks: number
  text: string
  lines: string[]
  confidence: number
  glyphPx: number
  box: { x: number; y: number; w: number; h: number }
  crop: string
  frame: string
  verdict: Verdict
  shopId: string
  shopName: string
  business: string
  similarity: number
  distanceM: number
  why: string
  candidates: Scored[]
  state: SightState
  decidedAt?: string
  decidedBy: string
  opId: string
  rev: number
}

export interface Change { rev: number; at: string; by: string; act: string; reason: string; opId: string; fields: { name: string; label: string; before: string; after: string }[] }
export interface ShopAct { id: string; kind: string; at: string; by: string; summary: string; undoneAt?: string; undoneBy?: string }

export interface Thresholds { sameText: number; suspectText: number; minConfidence: number; sureConfidence: number; minGlyphPx: number; moveM: number; cameraM: number; searchM: number; margin: number; renameM: number; coverM: number }
export interface RulesVersion { version: number; rules: Thresholds; note: string; at: string; by: string }
export interface Trial { looked: number; changed: number; before: number; after: number; moves: { from: Verdict; to: Verdict; n: number }[] }

export const verdictName: Record<Verdict, string> = { same: '已有', new: '新增', suspected: '疑似', renamed: '名称变更', moved: '位置偏移', unreadable: '无法识别', covered: '遮挡' }
export const sightStateName: Record<SightState, string> = { auto: '自动一致', waiting: '待确认', later: '稍后', confirmed: '已确认', created: '已新增', renamed: '已改名', moved: '已改位置', false: '误报' }

/** The act that Enter does about a sighting, in words, and its name. */
export function primary(s: Sighting): { act: string; label: string } {
  switch (s.verdict) {
    case 'renamed': return { act: 'rename', label: '确认改名并更新档案' }
    case 'moved': return { act: 'move', label: '确认搬迁并更新位置' }
    case 'suspected': return { act: 'same', label: '确认是这家商铺' }
    case 'same': return { act: 'same', label: '确认一致' }
    case 'new': return { act: 'create', label: '登记为新商铺' }
    default: return { act: 'later', label: '稍后再看' }
  }
}

/** 20261124 as 2026-11-24, nothing for 0. */
export function dayText(ymd: number): string {
  const s = String(ymd)
  return ymd ? `${s.slice(0, 4)}-${s.slice(4, 6)}-${s.slice(6)}` : ''
}
