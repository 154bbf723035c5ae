// Short messages at the foot of the page, with at most one act.
import { reactive } from 'vue'

export interface Toast {
  id: number
  kind: 'ok' | 'info' | 'warn' | 'danger'
  text: string
  action?: string
  key?: string
  until: number
  run?: () => void
}

let next = 1
export const toasts = reactive<Toast[]>([])

export function dropToast(id: number): void {
  const i = toasts.findIndex((t) => t.id === id)
  if (i >= 0) toasts.splice(i, 1)
}

export function toast(
  kind: Toast['kind'],
  text: string,
  o: { action?: string; key?: string; run?: () => void; ms?: number } = {},
): number {
  const ms = o.ms ?? (kind === 'danger' || kind === 'warn' ? 8000 : 4000)
  const t: Toast = { id: next++, kind, text, action: o.action, key: o.key, run: o.run, until: Date.now() + ms }
  toasts.push(t)
  while (toasts.length > 4) toasts.shift()
  setTimeout(() => dropToast(t.id), ms)
  return t.id
}
