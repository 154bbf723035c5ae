// What the interface of access answers.
export interface OrgNode {
  id: string
  name: string
  kind: 'bureau' | 'district' | 'squad' | 'unit'
  regionCode: string
  parentId: string
  scopeCode?: string
  state: 'active' | 'disabled'
  mergedInto?: string
  rev: number
  people: number
  editable: boolean
}

export interface Member {
  id: string
  name: string
  account: string
  certNo: string
  orgId: string
  orgName: string
  roles: string[]
  phone: string
  state: 'active' | 'disabled' | 'left'
  idNo: string
  posts: string
  certFrom: number
  certTo: number
  certState: 'none' | 'valid' | 'expiring' | 'expired'
  leftAt?: string
  rev: number
}

export interface Role {
  code: string
  name: string
  permissions: string[]
  pass: string[]
  note: string
  builtin: boolean
  state: 'active' | 'disabled' | 'tampered'
  rev: number
}

export interface Matrix {
  roles: Role[]
  permissions: { code: string; name: string }[]
}

export interface Grant {
  id: string
  personId: string
  personName: string
  account: string
  personOrg: string
  role: string
  roleName: string
  kind: 'region' | 'org' | 'named' | 'own'
  prefixes: string[]
  scopeName: string
  from: string
  to?: string
  reason: string
  grantedBy: string
  revokedAt?: string
  revokedBy?: string
  revokeReason?: string
  state: 'active' | 'future' | 'ended' | 'revoked' | 'tampered'
}

export interface Grantable {
  role: string
  name: string
  note: string
  prefixes: string[]
}

export interface NamedScope {
  code: string
  name: string
  prefixes: string[]
  note: string
  state: string
  rev: number
}

export interface Fault {
  table: string
  rowId: string
  what: string
  seenAt: string
}

export interface Substitute {
  id: string
  absentId: string
  absentName: string
  substituteId: string
  substituteName: string
  perms: string[]
  from: string
  to: string
  reason: string
  state: 'asked' | 'active' | 'declined' | 'ended'
  absentAgreedAt?: string
  substituteAgreedAt?: string
  endedAt?: string
  rev: number
  acts: string[]
}

export interface Because {
  grantId: string
  role: string
  roleName: string
  scopeName: string
  own: boolean
  from: string
  to?: string
  grantedBy: string
  via?: string
}

export interface Holding {
  perm: string
  name: string
  where: string
  because: Because[]
  use: boolean
  pass: boolean
}

export interface Insight {
  person: { id: string; name: string; account: string; orgName: string; active: boolean }
  holdings: Holding[]
  samples: { perm: string; name: string; count: number }[]
  grants: Grant[]
}

export interface MatrixRow {
  id: string
  name: string
  account: string
  orgName: string
  roles: string[]
  where: Record<string, string[]>
}

export interface Imported {
  rows: number
  added: number
  updated: number
  same: number
  faults: { line: number; account: string; column: string; message: string }[]
  loaded: boolean
}

export interface Move {
  kind: 'left' | 'transferred'
  fromOrg: string
  toOrg?: string
  handTo?: string
  reason: string
  byName: string
  at: string
}
