// The region tree: city, districts, streets. Loaded once.
import { defineStore } from 'pinia'
import type { Region } from '../types'
import { api } from './api'

let pending: Promise<void> | undefined

export const useRegions = defineStore('regions', {
  state: () => ({ rows: [] as Region[] }),
  getters: {
    byCode: (s) => new Map(s.rows.map((r) => [r.code, r])),
    districts: (s) => s.rows.filter((r) => r.level === 'district'),
  },
  actions: {
    async load(): Promise<void> {
      if (this.rows.length) return
      pending ??= api
        .get<Region[] | { items: Region[] }>('/regions')
        .then((r) => {
          this.rows = Array.isArray(r) ? r : r.items
        })
        .finally(() => (pending = undefined))
      await pending
    },
    name(code: string | undefined): string {
      if (!code) return ''
      return this.byCode.get(code)?.name ?? (code.startsWith('31') && code.length <= 6 && code.length < 6 ? '上海市' : code)
    },
    streets(district: string): Region[] {
      return this.rows.filter((r) => r.level === 'street' && r.parent === district)
    },
  },
})
