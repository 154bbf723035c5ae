// The organisation tree as rows: what is open, what a search finds.
import type { OrgNode } from './types'

export interface TreeRow {
  node: OrgNode
  depth: number
  children: number
}

const rank: Record<string, number> = { bureau: 0, unit: 1, district: 2, squad: 3 }

/** Rows to show. A search opens the way to what it finds. */
export function treeRows(all: OrgNode[], open: ReadonlySet<string>, find: string, ended: boolean): TreeRow[] {
  const nodes = ended ? all : all.filter((o) => o.state === 'active')
  const ids = new Set(nodes.map((o) => o.id))
  const below = new Map<string, OrgNode[]>()
  for (const o of nodes) {
    const p = ids.has(o.parentId) ? o.parentId : ''
    below.set(p, [...(below.get(p) ?? []), o])
  }
  for (const list of below.values()) list.sort((a, b) => rank[a.kind]! - rank[b.kind]! || a.regionCode.localeCompare(b.regionCode))
  const text = find.trim()
  const hits = new Set<string>()
  const mark = (o: OrgNode): boolean => {
    let hit = o.name.includes(text) || o.regionCode.startsWith(text)
    for (const c of below.get(o.id) ?? []) hit = mark(c) || hit
    if (hit) hits.add(o.id)
    return hit
  }
  if (text) for (const o of below.get('') ?? []) mark(o)
  const out: TreeRow[] = []
  const walk = (id: string, depth: number) => {
    for (const o of below.get(id) ?? []) {
      if (text && !hits.has(o.id)) continue
      const kids = below.get(o.id)?.length ?? 0
      out.push({ node: o, depth, children: kids })
      if (kids && (text || open.has(o.id))) walk(o.id, depth + 1)
    }
  }
  walk('', 0)
  return out
}

/** 20261231 → 2026-12-31, 0 → '' */
export const dayText = (ymd: number) => (ymd ? `${String(ymd).slice(0, 4)}-${String(ymd).slice(4, 6)}-${String(ymd).slice(6, 8)}` : '')
/** 2026-12-31 → 20261231, '' → 0 */
export const dayNumber = (text: string) => (text ? Number(text.replaceAll('-', '')) : 0)
/** The first moment of a day in Shanghai. */
export const dayStart = (text: string) => `${text}T00:00:00.000+08:00`
/** The first moment after a day in Shanghai. */
export const dayEnd = (text: string) => new Date(Date.parse(dayStart(text)) + 86400000).toISOString()

const groups: Record<string, string> = {
  alert: '预警', order: '工单', camera: '点位', live: '视频', shop: '商铺', box: '边缘盒', map: '地图', org: '机构与授权', role: '机构与授权', grant: '机构与授权', person: '机构与授权', account: '机构与授权',
  session: '机构与授权', token: '机构与授权', calendar: '期限', deadline: '期限', workflow: '流程表单', form: '流程表单', notify: '消息', app: '接入', permission: '接入', interface: '接入', sync: '接入', datasource: '接入',
  usage: '运行与安全', security: '运行与安全', crypto: '运行与安全', audit: '运行与安全', job: '任务与数据', export: '任务与数据', import: '任务与数据',
}
/** The heading under which a permission is shown. */
export const groupOf = (code: string) => groups[code.split('.')[0]!] ?? '其他'
