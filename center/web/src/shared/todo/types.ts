// The to-do centre's own types, as center/internal/todo answers them.
export type TodoTab = 'todo' | 'group' | 'started' | 'cc' | 'done'
export type TodoDue = 'over' | 'near' | 'normal' | 'paused' | 'none' | 'done'

export interface TodoItem {
  id: string
  source: string
  sourceName: string
  sourceId: string
  key: string
  kind: string
  kindLabel: string
  title: string
  summary: string
  path: string
  phonePath: string
  regionCode: string
  assignee?: string
  assigneeName?: string
  groupName?: string
  starterName?: string
  priority: number
  dueAt?: string
  nearAt?: string
  dueState: TodoDue
  dueNote?: string
  remainingS: number
  step: number
  steps: number
  stepName: string
  state: 'open' | 'done' | 'cancelled'
  outcome?: string
  closedName?: string
  createdAt: string
  closedAt?: string
  unread: boolean
  acts: { code: string; label: string }[]
  onBehalf?: string
  rev: number
}

export interface TodoDetail extends TodoItem {
  cc: { id: string; name: string }[]
}

export interface TodoCounts {
  todo: number
  overdue: number
  group: number
  groupOverdue: number
  started: number
  cc: number
  ccUnread: number
  parts: { over: number; today: number; soon: number; later: number; paused: number; hours: number }
  sources: { source: string; name: string; total: number; overdue: number }[]
  weekDone: number
  weekLate: number
  asOf: string
}

export interface SavedFilter {
  id: string
  name: string
  query: string
  shared: boolean
  default: boolean
  mine: boolean
  owner: string
}

export interface BatchResult {
  id: string
  ok: boolean
  message: string
}
