// Who is logged in, and what that person may do.
import { defineStore } from 'pinia'
import type { Person, Session } from '../types'
import { api, ApiError } from './api'
import { syncClock } from './clock'

export const useSession = defineStore('session', {
  state: () => ({
    person: null as Person | null,
    csrf: '',
    mustChangePassword: false,
    checked: false,
    expired: false,
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
    take(s: Session, rttMs: number): void {
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
        this.take(await api.get<Session>('/session'), performance.now() - t)
      } catch (e) {
        if (e instanceof ApiError && e.code === 'unauthenticated') {
          this.checked = true
          this.person = null
          return
        }
        throw e
      }
    },
    async login(account: string, password: string): Promise<void> {
      const t = performance.now()
      this.take(await api.post<Session>('/session', { account, password }), performance.now() - t)
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
