// Time as the center sees it: the browser's clock plus the offset measured
// from the center's answers, so that deadlines count right on a wrong clock.
import { onScopeDispose, ref, type Ref } from 'vue'

let offset = 0
let best = Infinity

/** Takes a server time; the sharper source (smaller error) wins. */
export function syncClock(serverMs: number, errorMs: number): void {
  if (!Number.isFinite(serverMs) || errorMs > best) return
  best = errorMs
  offset = serverMs - Date.now()
  if (Math.abs(offset) < 1000 && errorMs >= 1000) offset = 0
}

/** Milliseconds now by the center's clock. */
export function now(): number {
  return Date.now() + offset
}

/** A reactive now that ticks while its component lives. */
export function useNow(stepMs = 1000): Ref<number> {
  const r = ref(now())
  const t = setInterval(() => (r.value = now()), stepMs)
  onScopeDispose(() => clearInterval(t))
  return r
}
