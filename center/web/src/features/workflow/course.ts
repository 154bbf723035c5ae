// The course of an instance as the timeline shows it.
import { Bell, Check, CirclePlus, CircleX, Copy, CornerUpLeft, Flag, GitBranch, Hand, Send, Timer, Undo2, UserPlus } from 'lucide-vue-next'
import type { Component } from 'vue'
import { moment } from '../../shared/lib/format'
import type { Entry } from '../../shared/ui/Timeline.vue'
import type { FlowDetail } from './types'

const icons: Record<string, Component> = { start: Flag, claim: Hand, release: Undo2, complete: Check, return: CornerUpLeft, reject: CircleX, transfer: Send, delegate: UserPlus, addBefore: CirclePlus, addAfter: CirclePlus, removeSign: CircleX, cc: Copy, urge: Bell, withdraw: Undo2, terminate: CircleX, timer: Timer, migrate: GitBranch, handover: Send }

export function course(d: FlowDetail, nowMs: number): Entry[] {
  const list = [...d.history].reverse().map((h, i): Entry => {
    const who = h.behalfName && h.actorName !== h.behalfName ? `${h.actorName}（代 ${h.behalfName}）` : h.actorName
    const what = h.act === 'return' && h.outcomeName ? `退回到${h.outcomeName}` : h.act === 'complete' && h.outcomeName ? h.outcomeName : h.label
    return {
      key: h.id, title: [who, what, h.toNames ? `→ ${h.toNames}` : ''].filter(Boolean).join(' '), time: moment(h.at, nowMs).replace('今日 ', ''),
      text: [h.nodeName, h.actorOrg, h.reason].filter(Boolean).join('　'), icon: icons[h.act] ?? Flag, tone: i === 0 && d.state !== 'running' ? 'on' : '', photos: h.files,
    }
  })
  if (d.state === 'running' && d.atNodes) list.unshift({ key: 'wait', title: `等待 ${d.atNodes}`, time: '', icon: Timer, tone: 'wait', text: waiting(d) })
  return list
}

/** Who the instance waits for. */
export function waiting(d: FlowDetail): string {
  return d.tasks.filter((t) => ['unclaimed', 'held', 'delegated'].includes(t.state)).map((t) => (t.assigneeName ? `${t.nodeName}：${t.assigneeName}` : `${t.nodeName}：待签收`)).join('　')
}
