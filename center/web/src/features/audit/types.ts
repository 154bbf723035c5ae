// What /api/audit answers.
export interface AuditItem {
  id: string
  seq: number
  at: string
  actorName: string
  act: string
  object: string
  objectId: string
  regionCode: string
  summary: string
  ip: string
  requestId: string
  before: string
  after: string
  reason: string
}

export interface AuditCheck {
  at: string
  rows: number
  tookMs: number
  faultSeq: number
  fault: string
  by: string
}

export interface AuditChain {
  seq: number
  coded: boolean
  inDatabase: number
  keepDays: number
  checks: AuditCheck[]
  archives: { file: string; sm3: string; from: number; to: number; firstAt: string; lastAt: string; createdAt: string }[]
}
