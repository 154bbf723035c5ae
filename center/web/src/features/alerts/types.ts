import type { Alert, AlertKind } from '../../shared/types'

export interface AlertGroup {
  key: string
  kind: AlertKind
  shopId?: string
  shopName?: string
  cameraId: string
  cameraName: string
  zoneName: string
  address: string
  streetName: string
  count: number
  looks: number
  clues: number
  minScore: number
  maxScore: number
  oldest: string
  newest: string
  thumbs: string[]
}

export interface BatchResult {
  id: string
  ok: boolean
  alert?: Alert
  code?: string
  message?: string
}

export interface Batch {
  done: number
  failed: number
  orders: number
  results: BatchResult[]
}

export interface AlertRule {
  id: string
  kind: AlertKind | '*'
  cameraId?: string
  cameraName?: string
  version: number
  autoScore: number
  mergeMinutes: number
  nearestM: number
  from: string
  to?: string
  inForce: boolean
  reason: string
  madeName: string
  madeAt: string
}

export interface Bucket {
  kind: AlertKind
  bucket: number
  right: number
  wrong: number
}

export interface CameraPrecision {
  cameraId: string
  cameraName: string
  kind: AlertKind
  right: number
  wrong: number
}
