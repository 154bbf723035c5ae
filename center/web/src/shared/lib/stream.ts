// Live counts and changes by server-sent events. The browser reconnects by
// itself after a cut; a refused stream is tried again with growing waits.
import { defineStore } from 'pinia'
import { now } from './clock'

export type StreamEvent = 'counts' | 'alert' | 'order' | 'camera' | 'box' | 'todo' | 'message' | 'functions' | 'security' | 'flow' | 'notice' | 'patrol'
type Handler = (data: Record<string, unknown>) => void

const names: StreamEvent[] = ['counts', 'alert', 'order', 'camera', 'box', 'todo', 'message', 'functions', 'security', 'flow', 'notice', 'patrol']
let source: EventSource | undefined
let timer: ReturnType<typeof setTimeout> | undefined
const handlers = new Map<StreamEvent, Set<Handler>>()

export const useStream = defineStore('stream', {
  state: () => ({
    connected: false,
    lostAt: 0,
    tries: 0,
    alertsPending: undefined as number | undefined,
    ordersTodo: undefined as number | undefined,
    overdue: undefined as number | undefined,
    todo: undefined as number | undefined,
    todoOverdue: undefined as number | undefined,
    todoGroup: undefined as number | undefined,
  }),
  actions: {
    start(): void {
      this.stop()
      const s = (source = new EventSource('/api/stream', { withCredentials: true }))
      s.onopen = () => {
        this.connected = true
        this.tries = 0
        this.lostAt = 0
      }
      s.onerror = () => {
        if (this.connected || !this.lostAt) this.lostAt = now()
        this.connected = false
        if (s.readyState === EventSource.CLOSED && s === source) {
          this.tries++
          const wait = Math.min(30000, 1000 * 2 ** Math.min(5, this.tries)) * (0.75 + Math.random() / 2)
          timer = setTimeout(() => this.start(), wait)
        }
      }
      for (const n of names) {
        s.addEventListener(n, (e) => this.receive(n, (e as MessageEvent).data as string))
      }
    },
    receive(name: StreamEvent, text: string): void {
      let data: Record<string, unknown>
      try {
        data = JSON.parse(text) as Record<string, unknown>
      } catch {
        return
      }
      if (name === 'counts') {
        const n = (k: string) => (typeof data[k] === 'number' ? (data[k] as number) : undefined)
        this.alertsPending = n('alertsPending') ?? this.alertsPending
        this.ordersTodo = n('ordersTodo') ?? this.ordersTodo
        this.overdue = n('overdue') ?? this.overdue
        this.todo = n('todo') ?? this.todo
        this.todoOverdue = n('todoOverdue') ?? this.todoOverdue
        this.todoGroup = n('todoGroup') ?? this.todoGroup
      }
      handlers.get(name)?.forEach((h) => h(data))
    },
    stop(): void {
      clearTimeout(timer)
      source?.close()
      source = undefined
      this.connected = false
    },
  },
})

/** Subscribes; the returned function ends the subscription. */
export function onStream(name: StreamEvent, h: Handler): () => void {
  const set = handlers.get(name) ?? new Set<Handler>()
  set.add(h)
  handlers.set(name, set)
  return () => set.delete(h)
}
