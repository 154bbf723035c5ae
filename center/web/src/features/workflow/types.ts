// What the center tells of processes, tasks and forms.

export type ActName = 'claim' | 'complete' | 'return' | 'reject' | 'transfer' | 'delegate' | 'addBefore' | 'addAfter' | 'removeSign' | 'cc' | 'release' | 'urge' | 'withdraw' | 'terminate'

export interface Startable {
  key: string
  name: string
  category: string
  version: number
  note: string
}
export interface Saved {
  values: Record<string, unknown>
  device: string
  savedAt: string
  rev: number
}
export interface FormView {
  key: string
  name: string
  version: number
  rules: string
  options: string
  rights: Record<string, string>
  values: Record<string, unknown>
  saved?: Saved
}
export interface StartForm extends Startable {
  form?: FormView
  steps: { node: string; name: string }[]
}
export interface FlowTask {
  id: string
  instanceId: string
  node: string
  nodeName: string
  kind: 'normal' | 'before' | 'after' | 'resubmit'
  round: number
  state: 'unclaimed' | 'held' | 'delegated' | 'waiting' | 'queued' | 'done' | 'cancelled'
  assignee: string
  assigneeName: string
  ownerName: string
  actedName: string
  behalfName: string
  outcome: string
  createdAt: string
  dueAt?: string
  endedAt?: string
  parent?: string
  rev: number
}
export interface HistoryLine {
  id: string
  at: string
  act: string
  label: string
  node: string
  nodeName: string
  actorName: string
  actorOrg: string
  behalfName: string
  toNames: string
  outcome: string
  outcomeName: string
  reason: string
  files: string[]
}
export interface FlowItem {
  id: string
  no: string
  process: string
  processName: string
  version: number
  title: string
  regionCode: string
  starterName: string
  state: 'running' | 'finished' | 'rejected' | 'withdrawn' | 'terminated'
  outcome: string
  outcomeName: string
  atNodes: string
  dueAt?: string
  createdAt: string
  endedAt?: string
}
export interface FlowDetail extends FlowItem {
  tasks: FlowTask[]
  history: HistoryLine[]
  allowed: ActName[]
  reasons: Record<string, string>
  xml: string
  done: string[]
  now: string[]
  taken: string[]
  cc: string[]
  forms: FormView[]
}
export interface TaskDetail {
  task: FlowTask
  instance: FlowDetail
  form?: FormView
  allowed: ActName[]
  reasons: Record<string, string>
  outcomes: { code: string; label: string }[]
  targets: { node: string; name: string }[]
  added: FlowTask[]
  sign: string
}
export interface Definition {
  kind: string
  key: string
  name: string
  category: string
  version: number
  publishedAt?: string
  publishedBy: string
  updatedAt: string
  updatedBy: string
  changed: boolean
  running: number
  rev: number
}
export interface Draft {
  kind: string
  key: string
  name: string
  category: string
  body: string
  options: string
  rev: number
}
export interface Fault {
  id: string
  message: string
}
export interface Version {
  version: number
  name: string
  note: string
  digest: string
  publishedName: string
  publishedAt: string
  body: string
}
export interface Change {
  id: string
  name: string
  change: 'added' | 'removed' | 'changed'
  field?: string
  before?: string
  after?: string
}
export interface TrialResult {
  steps: { node: string; name: string; who: string[]; sign: string; outcome: string; at: string; dueAt?: string; timers: { node: string; name: string; at: string }[]; note: string }[]
  taken: string[]
  state: string
  outcome: string
  note: string
}
export interface MigrationPreview {
  instances: number
  steps: { node: string; name: string; count: number; to: string; toName: string; problem?: string }[]
  choices: { node: string; name: string }[]
  changes: Change[]
  ok: boolean
}

export const flowStateName: Record<string, string> = { running: '办理中', finished: '已办结', rejected: '已驳回', withdrawn: '已撤回', terminated: '已终止' }
export const taskStateName: Record<string, string> = { unclaimed: '待签收', held: '办理中', delegated: '已委派', waiting: '等待加签', queued: '未轮到', done: '已完成', cancelled: '已取消' }
export const actLabel: Record<ActName, string> = { claim: '签收', complete: '办理', return: '退回', reject: '驳回', transfer: '转办', delegate: '委派', addBefore: '前加签', addAfter: '后加签', removeSign: '减签', cc: '抄送', release: '取消签收', urge: '催办', withdraw: '撤回', terminate: '终止' }
export const signName: Record<string, string> = { any: '或签', all: '会签（全部同意）', ratio: '会签（按比例）', sequential: '依次办理' }
