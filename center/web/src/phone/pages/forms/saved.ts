// Half-filled forms stay on the phone at once, and on the center when it can
// be reached.
import { onBeforeUnmount, ref } from 'vue'
import { api, ApiError } from '../../../shared/lib/api'
import type { Values } from '../../../shared/form/rules'

export interface Kept {
  values: Values
  savedAt: string
  rev: number
}

export function useKept(target: string) {
  const key = 'jx.form.' + target
  const state = ref('')
  const conflict = ref('')
  let rev = 0
  let timer = 0
  let waiting: Values | undefined
  async function send() {
    if (!waiting) return
    const values = waiting
    waiting = undefined
    try {
      const s = await api.put<Kept>(`/flow/saves/${encodeURIComponent(target)}`, { device: '手机', rev, values })
      rev = s.rev
      state.value = '已暂存到中心'
    } catch (e) {
      if (e instanceof ApiError && e.code === 'conflict') conflict.value = e.message
      else state.value = '已存在本机，有网络后再上传'
    }
  }
  function changed(values: Values) {
    localStorage.setItem(key, JSON.stringify({ at: Date.now(), values }))
    waiting = values
    clearTimeout(timer)
    timer = window.setTimeout(send, 1200)
  }
  /** The newer one of what the phone and what the center kept. */
  function begin(saved: Kept | undefined, otherwise: Values): Values {
    rev = saved?.rev ?? 0
    try {
      const own = JSON.parse(localStorage.getItem(key) ?? 'null') as { at: number; values: Values } | null
      if (own && own.at > Date.parse(saved?.savedAt ?? '1970-01-01')) return { ...otherwise, ...own.values }
    } catch {
      localStorage.removeItem(key)
    }
    return { ...otherwise, ...saved?.values }
  }
  function done() {
    clearTimeout(timer)
    waiting = undefined
    localStorage.removeItem(key)
  }
  onBeforeUnmount(() => {
    clearTimeout(timer)
    void send()
  })
  return { state, conflict, changed, begin, done }
}
