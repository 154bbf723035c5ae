// Who is logged in, and what that person may do.
import { defineStore } from 'pinia'
import type { Person, Session } from '../types'
import { api, ApiError } from './api'
import { syncClock } from './clock'

/** What the rules still ask for after the password was right. */
export interface NextStep {
  kind: 'totp' | 'enrol'
  ticket: string
  expiresAt: string
}
/** A session, or what is missing for one. */
export interface OpenAnswer extends Session {
  method?: string
  idleSeconds?: number
  expiresAt?: string
  next?: NextStep
  path?: string
  bind?: string
  recoveryCodes?: string[]
}

export const useSession = defineStore('session', {
  state: () => ({
    person: null as Person | null,
    csrf: '',
    mustChangePassword: false,
    checked: false,
    expired: false,
    idleSeconds: 0,
    expiresAt: '',
  }),
  getters: {
    roleNames: (s) => (s.person?.roles ?? []).map((r) => r.name).join('、'),
  },
  actions: {
    can(perm: string): boolean {
      return this.person?.permissions.includes(perm) ?? false
    },
    canAny(perms: string[]): boolean {
      return perms.length === 0 || perms.some((p) => this.can(p))
    },
    hasRole(code: string): boolean {
      return this.person?.roles.some((r) => r.code === code) ?? false
    },
    take(s: OpenAnswer, rttMs: number): void {
      this.idleSeconds = s.idleSeconds ?? 0
      this.expiresAt = s.expiresAt ?? ''
      this.person = s.person
      this.csrf = s.csrf
      this.mustChangePassword = s.mustChangePassword
      this.checked = true
      this.expired = false
      syncClock(Date.parse(s.serverTime) + rttMs / 2, rttMs / 2 + 1)
    },
    /** Asks the center once; 401 means nobody. Other errors are passed on. */
    async load(): Promise<void> {
      const t = performance.now()
      try {
        this.take(await api.get<OpenAnswer>('/session'), performance.now() - t)
      } catch (e) {
        if (e instanceof ApiError && e.code === 'unauthenticated') {
          this.checked = true
          this.person = null
          return
        }
        throw e
      }
    },
    /** Signs in with the password; a further step comes back, if there is one. */
    async login(account: string, password: string): Promise<NextStep | undefined> {
      return (await this.open('/session', { account, password })).next
    },
    /** Asks one of the ways in; a session that it opened is taken at once. */
    async open(path: string, body: object): Promise<OpenAnswer> {
      const t = performance.now()
      const a = await api.post<OpenAnswer>(path, body)
      if (a.person.id) this.take(a, performance.now() - t)
      return a
    },
    async logout(): Promise<void> {
      try {
        await api.del('/session')
      } finally {
        this.forget()
      }
    },
    async changePassword(old: string, fresh: string): Promise<void> {
      await api.post('/session/password', { old, new: fresh })
      this.forget()
    },
    forget(): void {
      this.person = null
      this.csrf = ''
      this.mustChangePassword = false
    },
  },
})
