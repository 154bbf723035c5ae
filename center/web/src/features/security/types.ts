// What the center says about its use and its security.
export interface UsageSum {
  calls: number
  ok: number
  failed: number
  refused: number
  meanMs: number
  p95Ms: number
  rate: number
}
export interface UsagePoint extends UsageSum {
  key: string
  people: number
}
export interface UsageTotal extends UsageSum {
  people: number
  lost: number
  since?: string
}
export interface Call {
  id: string
  at: string
  op: string
  method: string
  path: string
  app: string
  personId: string
  personName: string
  regionCode: string
  ip: string
  status: number
  ms: number
  bytes: number
  requestId: string
}
export interface ActivePerson {
  personId: string
  personName: string
  regionCode: string
  calls: number
  days: number
  lastAt: string
}
export type Severity = 'low' | 'medium' | 'high' | 'critical'
export interface SecurityAlert {
  id: string
  rule: string
  ruleTitle: string
  ruleVersion: number
  severity: Severity
  title: string
  personId: string
  ip: string
  regionCode: string
  state: 'open' | 'assigned' | 'closed'
  hits: number
  firstAt: string
  lastAt: string
  assigneeId: string
  assigneeName: string
  outcome: string
  reason: string
  closedAt?: string
  rev: number
}
export interface AlertDetail extends SecurityAlert {
  evidence: { at: string; what: string; link: string }[]
  acts: { act: string; byName: string; note: string; at: string }[]
}
export interface Params {
  threshold: number
  windowMinutes: number
  fromHour?: number
  toHour?: number
  roles?: string[]
}
export interface Rule {
  code: string
  version: number
  title: string
  about: string
  params: Params
  severity: Severity
  on: boolean
  source: string
  verified: boolean
  reason: string
  byName: string
  at: string
}
export interface Board {
  open: Record<Severity, number>
  rules: { key: string; name: string; n: number }[]
  days: { key: string; name: string; n: number }[]
  closed: number
  false: number
  blocked: number
}
export interface Blocked {
  ip: string
  reason: string
  alertId: string
  byName: string
  createdAt: string
  untilAt: string
}
