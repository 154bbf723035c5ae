// Types of notices, as center/internal/notify answers them.
export type ChannelCode = 'inapp' | 'sms' | 'ssb' | 'mail' | 'webhook'

export interface Channel {
  code: ChannelCode
  name: string
  mode: 'off' | 'fake' | 'real'
  address: string
  appId: string
  secret?: string
  hasSecret?: boolean
  sender: string
  perHour: number
  quietFrom: number
  quietTo: number
  tries: number
  retryMinutes: number
  expireHours: number
  down?: boolean
  retryAt?: string
  lastOkAt?: string
  lastError?: string
  lastErrorAt?: string
  rev: number
}

export interface Template {
  id: string
  code: string
  channel: ChannelCode
  version: number
  name: string
  title: string
  body: string
  state: 'pending' | 'approved' | 'rejected' | 'retired'
  writtenName: string
  writtenBy: string
  writtenAt: string
  decidedName?: string
  decidedAt?: string
  note?: string
  rev: number
}

export interface Rule {
  id?: string
  name: string
  change: string
  kind?: string
  minPriority: number
  audience: string[]
  channels: ChannelCode[]
  template: string
  urgent: boolean
  dedupeMinutes: number
  enabled: boolean
  rev: number
}

export interface Send {
  id: string
  ruleName: string
  channel: ChannelCode
  channelName: string
  op: string
  personName: string
  address: string
  itemId?: string
  change: string
  changeName: string
  title: string
  body: string
  path?: string
  state: string
  stateName: string
  reason?: string
  attempts: number
  nextAt?: string
  msgId?: string
  createdAt: string
  sentAt?: string
  receiptAt?: string
  readAt?: string
  urgent: boolean
}

export interface Prefs {
  off: string[]
  quietFrom: number
  quietTo: number
  mail: string
}

export const channelName: Record<ChannelCode, string> = { inapp: '站内消息', sms: '短信', ssb: '随申办政务云', mail: '邮件', webhook: 'Webhook' }
export const changeName: Record<string, string> = { created: '新待办', near: '即将到期', overdue: '已超期', due: '期限调整', closed: '已办结', claimed: '被认领', reassigned: '转办', cancelled: '已撤销' }
export const audienceName: Record<string, string> = { assignee: '办理人', group: '候选组', starter: '发起人', cc: '抄送人', leader: '上级' }
export const modeName: Record<Channel['mode'], string> = { off: '未接通', fake: '模拟', real: '真实' }

/** 22:00 from minutes of the day. */
export function clockOf(m: number): string {
  return `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`
}
/** Minutes of the day from 22:00. */
export function minutesOf(t: string): number {
  const [h = '0', m = '0'] = t.split(':')
  return Number(h) * 60 + Number(m)
}
