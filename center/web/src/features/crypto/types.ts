// What /api/crypto and /api/signatures answer.
export interface Tried {
  module: number
  name: string
  ok: boolean
  fault: string
  caught: string
}

export interface CryptoModule {
  no: number
  name: string
  needs: string
  done: string
  hardware: string
  tried: Tried[]
}

export type Kind = 'seal' | 'blind' | 'mac' | 'sign'

export interface KeyInfo {
  id: string
  purpose: string
  kind: Kind
  version: number
  state: 'active' | 'retired'
  master: string
  check: string
  createdAt: string
  retiredAt?: string
}

export interface Use {
  purpose: string
  kinds: Kind[]
  module: number
  what: string
  where: string
  places: string[]
}

export interface CryptoReport {
  at: string
  provider: { name: string; certified: boolean; note: string }
  algorithms: { name: string; standard: string; use: string; library: string }[]
  modules: CryptoModule[]
  triedAt?: string
  keys: KeyInfo[]
  uses: Use[]
  pending: Record<string, number>
  release: { state: 'unsigned' | 'ok' | 'bad'; version: string; files: number; fault: string; at?: string }
  audit: { seq: number; coded: boolean; inDatabase: number }
  check?: { at: string; rows: number; faultSeq: number; fault: string }
}

export interface RotateRun {
  key: KeyInfo
  jobId: string
}

export interface RunItem {
  id: string
  state: string
  done?: number
  total?: number
  note?: string
}

export interface SignatureCheck {
  state: 'ok' | 'tampered' | 'missing' | 'unknown'
  what: string
  name: string
  object: string
  objectId: string
  sm3: string
  foundSm3: string
  signerName: string
  at: string
  keyId: string
  alg: string
  subject: string
  issuer: string
  notAfter: string
  message: string
  value: string
  cert: string
}

export interface SignatureReport {
  sm3: string
  checks: SignatureCheck[]
}
