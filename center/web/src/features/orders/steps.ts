// The seven steps of an order, told from its timeline.
import type { OrderDetail, OrderState, TimelineItem } from '../../shared/types'
import { hm, moment, span } from '../../shared/lib/format'
import type { Step } from '../../shared/ui/Steps.vue'

const rank: Record<OrderState, number> = { returned: 1, dispatched: 1, accepted: 4, onSite: 4, handled: 5, filing: 6, closed: 7 }

function last(t: TimelineItem[], acts: string[]): TimelineItem | undefined {
  return [...t].reverse().find((x) => acts.includes(x.act))
}

/** Which of the steps are done, which one is due, and the facts under each. */
export function orderSteps(o: OrderDetail, nowMs: number): Step[] {
  const t = o.timeline ?? []
  const made = t.find((x) => ['created', 'confirmed', 'dispatched'].includes(x.act)) ?? t[0]
  const squad = o.squadOrgId && o.state !== 'returned' ? (last(t, ['assign', 'reassign']) ?? made) : undefined
  const officer = o.officerId ? last(t, ['assign', 'reassign']) : undefined
  const accept = last(t, ['accept'])
  const handle = last(t, ['handle'])
  const review = last(t, ['reviewed', 'review', 'filing', 'settled'])
  let at = rank[o.state]
  if (o.state === 'dispatched') at = !o.squadOrgId ? 1 : !o.officerId ? 2 : 3
  const done: (TimelineItem | undefined)[] = [made, squad, officer, accept, handle, review, review]
  const filing = o.state === 'filing' || o.result === 'filed'
  const names = ['预警确认', '区局派发', '中队派员', '队员签收', '到场处置', '复核', filing ? '立案' : '反馈市局']
  const wait = ['', '待区局派发', `待${o.squadName ?? '中队'}派员`, `待${o.officerName ?? '队员'}签收`, o.state === 'accepted' ? '待到场' : '处置中', '待复核', filing ? '待立案' : '自动']
  return names.map((name, i) => {
    if (i < at) {
      const x = done[i]
      const before = i > 0 ? done[i - 1] : undefined
      const took = x && before && i > 1 ? `　用时 ${span(Date.parse(x.at) - Date.parse(before.at))}` : ''
      const who = i === 0 || i === 2 ? (x?.actor?.name ?? '') : ''
      return { name, note: x ? [hm(x.at), who].filter(Boolean).join(' ') + (i > 1 ? took : '') : '', state: 'done' as const }
    }
    if (i === at && i === 6) return { name, note: wait[i]!, state: 'now' as const }
    if (i === at) return { name, note: `${wait[i]}　限 ${moment(o.dueAt, nowMs)}`, state: 'now' as const }
    return { name, note: i === 6 && !filing ? '自动' : '', state: 'todo' as const }
  })
}
