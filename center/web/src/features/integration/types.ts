// What the center answers about registrations, interfaces and data from outside.
export interface Rule { role?: string; orgLevel?: string; scope: string }
export interface Registration {
  id: string; kind: 'app' | 'function' | 'permission'; appId?: string; appName?: string; code: string; name: string; description: string
  internal: boolean; ownerOrgId: string; ownerName: string; version: string; menu: string; route: string; operations: string[]; rules: Rule[]
  state: 'pending' | 'active' | 'rejected'; enabled: boolean; note?: string; appliedBy: string; appliedName: string; appliedAt: string
  decidedName?: string; decidedAt?: string; intact: boolean; rev: number
}
export interface LoggedChange { id: string; act: string; summary: string; before?: string; after?: string; reason?: string; byName: string; at: string }
export interface InterfaceKey { id: string; hint: string; createdAt: string; endsAt?: string; usedAt?: string }
export interface InterfaceClient {
  id: string; appId: string; appName: string; appKey?: string; purpose: string; kinds: string[]; quotaDay: number; rateSecond: number; ips: string[]
  prefixes: string[]; fromAt: string; toAt: string; state: 'pending' | 'approved' | 'active' | 'rejected' | 'revoked'; expired: boolean; note?: string
  appliedBy: string; appliedName: string; appliedAt: string; decidedName?: string; decidedAt?: string; lastCallAt?: string; callsToday: number; keys: InterfaceKey[]; rev: number
}
export interface IssuedKey { appKey: string; secret: string; oldEndsAt?: string }
export interface InterfaceCall {
  id: string; at: string; clientId: string; appName: string; kind: string; kindName: string; operation: string; method: string; path: string
  status: number; code: string; ms: number; bytes: number; ip: string; requestId: string
}
export interface Hook {
  id: string; clientId: string; appName: string; name: string; url: string; topics: string[]; state: 'on' | 'off' | 'disabled'; failures: number
  note?: string; waiting: number; dead: number; secret?: string; createdAt: string; rev: number
}
export interface Delivery {
  id: string; hookId: string; hookName: string; eventId: string; topic: string; payload: string; state: 'waiting' | 'done' | 'dead'; attempts: number
  status: number; error?: string; ms: number; nextAt?: string; createdAt: string; doneAt?: string
}
export interface StaffAct { act: string; kind: string; id: string; name: string; detail: string }
export interface StaffRun {
  id: string; preview: boolean; state: 'running' | 'done' | 'failed' | 'refused'; seen: number; added: number; changed: number; moved: number; disabled: number
  same: number; conflicts: number; failed: number; note?: string; detail: StaffAct[]; byName: string; startedAt: string; endedAt?: string
}
export interface StaffSource {
  id: string; name: string; url: string; hasToken: boolean; pageSize: number; limitPercent: number; everyMinutes: number; enabled: boolean; previewed: boolean
  nextAt?: string; openConflicts: number; last?: StaffRun; rev: number
}
export interface StaffConflict {
  id: string; kind: 'account' | 'cert' | 'org' | 'local'; kindName: string; theirs: Record<string, string | number | boolean>; ours?: Record<string, string | number | boolean>
  state: 'open' | 'decided'; decision?: string; reason?: string; byName?: string; createdAt: string
}
export interface FeedMap { from: string; to: string; do?: string; default?: string }
export interface FeedRule { field: string; rule: string; arg?: string; level: 'warn' | 'reject' }
export interface FeedRun {
  id: string; state: 'running' | 'done' | 'failed'; kind: 'full' | 'again'; sourceCount: number; loaded: number; rejected: number; skipped: number; warned: number
  balanced: boolean; note?: string; byName: string; startedAt: string; endedAt?: string
}
export interface Feed {
  id: string; name: string; kind: 'database' | 'http' | 'file'; target: 'shops' | 'cameras' | 'records'; place: string; query?: string; mapping: FeedMap[]; rules: FeedRule[]
  keyField: string; rowCap: number; everyMinutes: number; workdaysOnly: boolean; enabled: boolean; nextAt?: string; openRows: number; last?: FeedRun; rev: number
}
export interface FeedRow { id: string; runId: string; rowNo: number; rowKey: string; raw: string; reasons: { field: string; message: string; level: string }[]; level: string; state: string; at: string }
