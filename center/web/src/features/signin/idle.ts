// When a session ends, as the page sees it.
export const warnMs = 120_000

export interface IdleState {
  warn: boolean
  over: boolean
  leftMs: number
  why: 'idle' | 'absolute'
}

/** idleSeconds 0 means that the center said nothing about it. */
export function idleState(now: number, lastInput: number, idleSeconds: number, expiresAt: string): IdleState {
  const idleLeft = idleSeconds > 0 ? lastInput + idleSeconds * 1000 - now : Infinity
  const absoluteLeft = expiresAt ? Date.parse(expiresAt) - now : Infinity
  const leftMs = Math.min(idleLeft, absoluteLeft)
  return { warn: leftMs <= warnMs, over: leftMs <= 0, leftMs: Math.max(0, leftMs), why: idleLeft <= absoluteLeft ? 'idle' : 'absolute' }
}
