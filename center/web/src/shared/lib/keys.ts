// Single-key commands: never while typing, composing, or with a modifier.
import { onBeforeUnmount, onMounted } from 'vue'

export type KeyMap = Record<string, (e: KeyboardEvent) => void>

interface Target {
  tagName?: string
  isContentEditable?: boolean
  type?: string
  closest?: (s: string) => unknown
}

const textTypes = new Set(['text', 'search', 'password', 'number', 'email', 'tel', 'url', 'date', 'time', 'datetime-local'])

/** True when the key belongs to a field and not to a command. */
export function isTyping(t: Target | null): boolean {
  if (!t) return false
  if (t.isContentEditable) return true
  const tag = (t.tagName ?? '').toUpperCase()
  if (tag === 'TEXTAREA' || tag === 'SELECT') return true
  return tag === 'INPUT' && textTypes.has((t.type ?? 'text').toLowerCase())
}

export interface KeyLike {
  key: string
  isComposing?: boolean
  keyCode?: number
  ctrlKey?: boolean
  metaKey?: boolean
  altKey?: boolean
  shiftKey?: boolean
  repeat?: boolean
  target?: unknown
}

/** The name of a command key, or '' when the event is not a command. */
export function commandOf(e: KeyLike): string {
  if (e.isComposing || e.keyCode === 229) return ''
  if (e.ctrlKey || e.metaKey || e.altKey) return ''
  const t = e.target as Target | null
  if (isTyping(t)) return e.key === 'Escape' ? 'Escape' : ''
  const tag = (t?.tagName ?? '').toUpperCase()
  if ((e.key === 'Enter' || e.key === ' ') && (tag === 'BUTTON' || tag === 'A' || tag === 'SUMMARY')) return ''
  if (e.key === ' ') return 'Space'
  return e.key.length === 1 ? e.key.toUpperCase() : e.key
}

const setting = 'jx.keys'

export function keysEnabled(): boolean {
  try {
    return localStorage.getItem(setting) !== 'off'
  } catch {
    return true
  }
}

export function setKeysEnabled(on: boolean): void {
  localStorage.setItem(setting, on ? 'on' : 'off')
}

/** Binds commands for as long as the component lives. */
export function useKeys(map: KeyMap | (() => KeyMap), active: () => boolean = () => true): void {
  const handle = (e: KeyboardEvent) => {
    const k = commandOf(e)
    if (!k || !active() || e.defaultPrevented) return
    if (k.length === 1 && k !== '?' && !keysEnabled()) return
    if (document.querySelector('dialog[open]') && k !== 'Escape') return
    const m = typeof map === 'function' ? map() : map
    const act = m[k]
    if (!act) return
    if (e.repeat && !['J', 'K', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'].includes(k)) return
    e.preventDefault()
    act(e)
  }
  onMounted(() => window.addEventListener('keydown', handle))
  onBeforeUnmount(() => window.removeEventListener('keydown', handle))
}
