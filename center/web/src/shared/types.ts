// The shapes that the center answers with (prefix /api, JSON camelCase).
// Times are RFC 3339 texts in UTC, picture coordinates are 0..1 of the frame,
// digests are SM3 in lower-case hex.

export interface List<T> {
  items: T[]
  total: number
  page: number
  size: number
  asOf: string
}

export interface Role {
  code: string
  name: string
}

export interface Person {
  id: string
  account: string
  name: string
  certNo?: string
  orgId: string
  orgName: string
  orgLevel: string
  regionCode: string
  roles: Role[]
  permissions: string[]
  scope: string[]
}

export interface Session {
  person: Person
  csrf: string
  serverTime: string
  mustChangePassword: boolean
}

export interface Region {
  code: string
  name: string
  level: 'city' | 'district' | 'street'
  parent: string
}

export interface Org {
  id: string
  name: string
  kind: 'bureau' | 'district' | 'squad' | 'unit'
  regionCode: string
  parentId?: string
}

export interface PersonRow {
  id: string
  name: string
  account: string
  certNo?: string
  orgId: string
  orgName: string
  roles: Role[] | string[]
  phone?: string
}

export interface Point {
  x: number
  y: number
}

export interface Box {
  x: number
  y: number
  w: number
  h: number
}

export type CameraState =
  | 'online'
  | 'connecting'
  | 'reconnecting'
  | 'noVerdict'
  | 'offline'
  | 'refused'
  | 'disabled'
  | 'unknown'

export interface CameraStatus {
  camera: string
  state: CameraState
  since: string
  diagnosis: string
  detail?: string
  packetAgeMs: number
  keyframeAgeMs: number
  inferAgeMs: number
  uploadAgeMs: number
  codec?: string
  width?: number
  height?: number
  fps?: number
  gopS?: number
  kbitS?: number
  attempts: number
  nextTryMs?: number
  looks: number
  skipped: number
  errors: number
  intervalMs: number
  pushing?: boolean
}

export interface LegalReview {
  status: 'approved' | 'pending' | 'expired'
  reviewedAt?: string
  technicalAt?: string
  verifiedTo?: string
  signOnSite?: boolean
  publishedAt?: string
  publishedWhere?: string
  validTo?: string
  note?: string
}

export type EvidenceUse = 'evidence' | 'clue'

export interface Camera {
  id: string
  code: string
  name: string
  address: string
  regionCode: string
  regionName?: string
  streetName?: string
  lng: number
  lat: number
  boxId?: string
  boxName?: string
  url: string
  subUrl?: string
  username?: string
  transport?: string
  intervalMs?: number
  tags: string[] | null
  legalReview: LegalReview
  evidenceUse: EvidenceUse
  state: CameraState
  stateSince?: string
  diagnosis?: string
  detail?: string
  asOf?: string
  status?: CameraStatus | null
  openAlerts: number
  squadOrgId?: string
  gbCode?: string
  road?: string
  ownerPlatform?: string
  recordHours?: number
  recordQuotaMb?: number
  deleted?: boolean
  hasPassword?: boolean
  evidenceReason?: string
  snapshot?: Snapshot
  rev: number
}

export type ZoneKind = 'pavement' | 'frontage' | 'sign' | 'permit' | 'exclude'

export interface Zone {
  id: string
  name: string
  kind: ZoneKind
  polygon: Point[]
  hours?: string
  dwellS?: number
  endDelayS?: number
  minArea?: number
  openScore?: number
  closeScore?: number
  shop?: string
  shopName?: string
  signName?: string
  signReferenceSm3?: string
  scaleM2?: number
}

export interface ZoneSet {
  rev: number
  zones: Zone[] | null
  configVersion: number
  appliedVersion: number
  appliedAt?: string
}

export interface Snapshot {
  sm3: string
  width: number
  height: number
  takenAt: string
}

export interface HealthSegment {
  state: CameraState
  diagnosis?: string
  from: string
  to: string
  detail?: string
}

export interface CameraHealth {
  segments: HealthSegment[] | null
  uptimePercent?: number
  alerts: number
  confirmed: number
  rejected: number
}

export interface ProbeReport {
  url: string
  ok: boolean
  message?: string
  codec?: string
  profile?: string
  width?: number
  height?: number
  fps?: number
  gopS?: number
  kbitS?: number
  audio?: boolean
  clockSkewMs?: number
  connectMs?: number
  firstKeyMs?: number
  warnings?: string[]
}

export interface Stat {
  key: string
  name: string
  count: number
}

export interface Shop {
  id: string
  name: string
  signName?: string
  address: string
  regionCode: string
  streetName?: string
  lng: number
  lat: number
  business?: string
  contact?: string
  cameraId?: string
  zoneId?: string
  signReferenceSm3?: string
  openAlerts: number
  openOrders: number
  rev: number
}

export type AlertKind = 'stacking' | 'frontage' | 'sign' | 'picture'
export type AlertState = 'pending' | 'later' | 'confirmed' | 'rejected' | 'selfResolved' | 'merged' | 'recorded' | 'updated' | 'withdrawn'
export type RejectReason = 'lighting' | 'person' | 'vehicle' | 'permitted' | 'wrongZone' | 'other'

export interface Alert {
  id: string
  no: string
  kind: AlertKind
  state: AlertState
  phase: 'opened' | 'updated' | 'ended'
  cameraId: string
  cameraName: string
  address: string
  regionCode: string
  streetName?: string
  zoneName?: string
  shopId?: string
  shopName?: string
  bindRule?: 'zone' | 'nearest' | 'person'
  bindReason?: string
  seenKind?: AlertKind
  finding?: string
  registered?: string
  seenCount?: number
  look?: number
  survey?: boolean
  score: number
  since: string
  confirmedAt: string
  endedAt?: string
  receivedAt: string
  evidenceUse: EvidenceUse
  evidenceReason?: string
  thumb?: string
  text: string
  signText?: string
  decidedBy?: string
  decidedName?: string
  decidedAt?: string
  orderId?: string
  orderNo?: string
  orderState?: OrderState
  rev: number
}

export interface Mark {
  role: 'subject' | 'excluded'
  label: string
  score?: number
  box: Box
}

export interface EvidenceRef {
  role: 'frame' | 'reference' | 'first' | string
  sm3: string
  size: number
  mediaType: string
  width: number
  height: number
  takenAt: string
}

export interface SignReading {
  verdict: 'same' | 'changed' | 'covered' | 'gone' | 'unreadable'
  registered: string
  text: string
  confidence: number
  nameDistance: number
  similarity: number
  glyphPx: number
  votes: number
  looks: number
  lines?: string[]
}

export interface EdgeEvent {
  id: string
  rev: number
  camera: string
  kind: AlertKind
  phase: string
  zone: string
  zoneName: string
  zoneHours?: string
  zonePolygon?: Point[]
  since: string
  confirmedAt: string
  endedAt?: string
  clockOffsetMs: number
  score: number
  scores?: { at: string; score: number }[]
  area: number
  box: Box
  marks?: Mark[]
  rule: {
    openScore: number
    closeScore: number
    dwellS: number
    endDelayS: number
    k: number
    n: number
    minArea: number
    configVersion: number
  }
  models?: { name: string; version: string; digest: string }[]
  sign?: SignReading
  detail?: string
  evidence?: EvidenceRef[]
}

export interface Candidate {
  shopId: string
  name: string
  reason: string
  distanceM?: number
  recent90: number
}

export interface Fact {
  ok: boolean
  text?: string
  at?: string
  sm3?: string
}

export interface AlertDetail extends Alert {
  event: EdgeEvent
  box?: { id: string; name: string }
  candidates: Candidate[] | null
  merge?: { orderId: string; no: string; state: OrderState }
  suggestion?: {
    squadOrgId?: string
    squadName?: string
    reason?: string
    limitHours: number
    dueAt?: string
  }
  cause?: string
  chain?: { digest?: Fact; received?: Fact; legal?: Fact; picture?: Fact }
  history?: { at: string; actor: string; act: string; text: string; was?: string; became?: string }[] | null
  rule?: { id: string; kind: string; cameraName?: string; version: number; autoScore: number; mergeMinutes: number; nearestM: number }
  recent?: { id: string; day: string; state: AlertState; thumb?: string }[] | null
}

export interface AlertCounts {
  pending: number
  later: number
  mine: number
  today: number
  unclaimed?: number
  changes?: number
  confirmRate?: number
  medianSeconds?: number
}

export type OrderState = 'dispatched' | 'accepted' | 'onSite' | 'handled' | 'filing' | 'closed' | 'returned'
export type DueState = 'over' | 'near' | 'normal' | 'done' | 'paused'
export type OrderAct = 'assign' | 'accept' | 'arrive' | 'handle' | 'review' | 'return' | 'reassign' | 'urge' | 'recheck' | 'settle'
export type OrderResult = 'corrected' | 'warned' | 'filed' | 'falseAlarm' | 'notFound'

export interface Order {
  id: string
  no: string
  kind: AlertKind
  state: OrderState
  shopId?: string
  shopName?: string
  address: string
  lng: number
  lat: number
  regionCode: string
  streetName?: string
  cameraId?: string
  cameraName?: string
  handledAt?: string
  closedAt?: string
  suggestedSquadOrgId?: string
  suggestedSquadName?: string
  suggestReason?: string
  squadOrgId?: string
  squadName?: string
  officerId?: string
  officerName?: string
  createdAt: string
  dueAt: string
  remainingS: number
  dueState: DueState
  nearAt?: string
  thumb?: string
  result?: OrderResult
  alertCount: number
  evidenceUse: EvidenceUse
  urged?: number
  urgedAt?: string
  rev: number
}

/** A picture of a result: what the phone said, and what the file itself says. */
export interface OrderPhoto {
  sm3: string
  original?: string
  takenAt?: string
  lng?: number
  lat?: number
  accuracyM?: number
  exifAt?: string
  exifLng?: number
  exifLat?: number
  device?: string
  distanceM?: number
  doubts: string[]
}

/** What a camera found when it looked again. */
export interface OrderProposal {
  id: string
  source: string
  clean: boolean
  foundAt: string
  text: string
  pictures: string[]
  state: 'open' | 'taken' | 'dismissed' | 'void'
  decidedName?: string
  decidedAt?: string
}

export interface TimelineItem {
  id: string
  at: string
  act: string
  label?: string
  actor?: { id: string; name: string; orgName?: string }
  behalf?: string
  text?: string
  photos?: string[] | null
  place?: { lng: number; lat: number; accuracyM: number; distanceM?: number }
}

export interface OrderDetail extends Order {
  alerts: Alert[] | null
  timeline: TimelineItem[] | null
  allowed: OrderAct[] | null
  before?: { sm3: string; takenAt?: string }
  after?: string[] | null
  handling?: { result: OrderResult; note?: string; photos?: string[] | null; at?: string }
  behalf?: string
  photos?: OrderPhoto[] | null
  proposals?: OrderProposal[] | null
  rule?: { name: string; code?: string; version: string | number; source?: string; verified?: boolean; limit?: string; limitHours: number; mergeHours?: number; mergeVersion?: number; warnDistanceM?: number; urgeMinutes?: number }
}

export interface OrderCounts {
  dispatched: number
  accepted: number
  onSite: number
  handled: number
  returned: number
  filing?: number
  urged?: number
  closed?: number
  closedToday: number
  todo?: number
  overdue: number
  near: number
}

export interface LiveSession {
  id: string
  whepUrl: string
  hlsUrl: string
  expiresAt: string
  renewAfterS: number
}

export type BoxState = 'online' | 'offline' | 'never' | 'duplicate' | 'revoked'

export interface EdgeBox {
  id: string
  name: string
  regionCode: string
  state: BoxState
  since?: string
  asOf?: string
  version?: string
  regionName?: string
  hostname?: string
  enrolledAt?: string
  revokeReason?: string
  rev?: number
  cameras: { total: number; online: number }
  outboxDepth: number
  outboxAgeMs: number
  diskFreeMb: number
  memoryMb: number
  cpuPercent: number
  clockOffsetMs: number
  gaps: number
  configVersion: number
  desiredVersion: number
}

export interface BoxDetail extends EdgeBox {
  history?: { at: string; state: BoxState; reason?: string }[] | null
  status?: { uptimeS?: number; lastSeq?: number; evidenceDepth?: number; droppedTotal?: number; load?: number; cameras?: CameraStatus[] | null } | null
}

export interface Reconcile {
  boxMade: number
  stored: number
  day?: string
  missing: { from: number; to: number }[] | null
  gaps: { from: number; to: number }[] | null
}

export interface MapData {
  cameras: { id: string; name: string; lng: number; lat: number; state: CameraState; openAlerts: number; regionCode?: string }[] | null
  alerts:
    | { id: string; no: string; kind: AlertKind; lng: number; lat: number; since: string; score: number; state: AlertState; regionCode?: string }[]
    | null
  orders:
    | { id: string; no: string; kind: AlertKind; lng: number; lat: number; dueState: DueState; dueAt?: string; state: OrderState; regionCode?: string }[]
    | null
  asOf: string
  cut?: boolean
}

export interface AuditRow {
  id: string
  at: string
  actorName: string
  act: string
  object: string
  objectId: string
  summary: string
  ip?: string
  requestId?: string
  before?: unknown
  after?: unknown
  reason?: string
}

export interface AccountRow {
  id: string
  account: string
  name: string
  orgName: string
  roles: Role[] | string[]
  state?: string
  lockedUntil?: string
  failures?: number
  mustChangePassword?: boolean
  rev?: number
}

export interface RoleRow {
  code: string
  name: string
  permissions: string[]
}

export interface RoleMatrix {
  roles: RoleRow[]
  permissions: Role[]
}
