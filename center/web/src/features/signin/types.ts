// What the center says about ways of signing in.
export interface Ways {
  providers: { id: string; kind: 'oidc' | 'ssb'; name: string }[]
  usbKey: string
  minLength: number
}
export interface OpenSession {
  id: string
  personId: string
  personName: string
  account: string
  orgName: string
  ip: string
  agent: string
  method: string
  methodName: string
  since: string
  seenAt: string
  expiresAt: string
  current: boolean
}
export interface BoundCert {
  id: string
  personId: string
  personName: string
  serial: string
  subject: string
  issuer: string
  notAfter: string
  state: string
  createdAt: string
  lastAt?: string
}
export interface Token {
  id: string
  kind: 'personal' | 'service'
  name: string
  ownerId: string
  ownerName: string
  hint: string
  perms: string[]
  prefixes: string[]
  createdAt: string
  expiresAt: string
  lastAt?: string
  lastIp: string
  revokedAt?: string
  reason: string
}
export interface Mine {
  sessions: OpenSession[]
  totp: boolean
  totpRequired: boolean
  recoveryLeft: number
  certs: BoundCert[]
  links: { providerId: string; providerName: string; since: string }[]
  tokens: Token[]
  tokenDays: number
}
export interface Policy {
  minLength: number
  minClasses: number
  maxAgeDays: number
  history: number
  maxFailures: number
  lockMinutes: number
  idleMinutes: number
  absoluteHours: number
  perIp: number
  perAccount: number
  singleRoles: string[]
  totpRoles: string[]
  linkMinutes: number
  tokenDays: number
  usbKey: string
}
export interface PolicyVersion {
  version: number
  policy: Policy
  source: string
  verified: boolean
  reason: string
  byName: string
  at: string
}
export interface Provider {
  id: string
  kind: 'oidc' | 'ssb'
  name: string
  url: string
  clientId: string
  redirectUrl?: string
  scopes?: string
  claim?: string
  autoLink?: boolean
  hasSecret: boolean
  state: 'active' | 'off'
  rev: number
}
export interface Anchor {
  id: string
  name: string
  subject: string
  notBefore: string
  notAfter: string
  state: 'active' | 'off'
  crlNumber: string
  crlThisAt?: string
  crlNextAt?: string
  revoked: number
  rev: number
}
