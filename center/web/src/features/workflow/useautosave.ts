// Half-filled forms are kept on the center, some moments after each change.
import { onBeforeUnmount, ref } from 'vue'
import { api, ApiError } from '../../shared/lib/api'
import type { Saved } from './types'

export function useAutosave(target: () => string, device = '电脑') {
  const rev = ref(0)
  const savedAt = ref('')
  const conflict = ref('')
  let timer = 0
  let waiting: Record<string, unknown> | undefined
  async function send(force = false) {
    if (!waiting) return
    const values = waiting
    waiting = undefined
    try {
      const s = await api.put<Saved>(`/flow/saves/${encodeURIComponent(target())}`, { device, rev: rev.value, values })
      rev.value = s.rev
      savedAt.value = s.savedAt
      conflict.value = ''
    } catch (e) {
      if (e instanceof ApiError && e.code === 'conflict' && !force) conflict.value = e.message
      else waiting ??= values
    }
  }
  function changed(values: Record<string, unknown>) {
    waiting = values
    clearTimeout(timer)
    timer = window.setTimeout(() => void send(), 1500)
  }
  function begin(s?: Saved) {
    rev.value = s?.rev ?? 0
    savedAt.value = s?.savedAt ?? ''
  }
  async function discard() {
    clearTimeout(timer)
    waiting = undefined
    await api.del(`/flow/saves/${encodeURIComponent(target())}`)
    rev.value = 0
    savedAt.value = ''
    conflict.value = ''
  }
  function stop() {
    clearTimeout(timer)
    waiting = undefined
  }
  onBeforeUnmount(() => {
    clearTimeout(timer)
    void send()
  })
  return { rev, savedAt, conflict, changed, begin, discard, stop, flush: send }
}
