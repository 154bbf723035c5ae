// Which functions are switched off: their entries disappear from the menu.
import { defineStore } from 'pinia'
import { api } from '../../shared/lib/api'

export const useFunctions = defineStore('functions', {
  state: () => ({ permissions: [] as string[], menus: [] as string[] }),
  actions: {
    async load(): Promise<void> {
      const r = await api.get<{ permissions: string[]; menus: string[] }>('/functions')
      this.permissions = r.permissions
      this.menus = r.menus
    },
    /** An entry shows when one of the permissions that open it is not off. */
    shows(item: { name: string; perm: string[] }, can: (perm: string) => boolean): boolean {
      if (this.menus.includes(item.name)) return false
      return item.perm.length === 0 || item.perm.some((p) => can(p) && !this.permissions.includes(p))
    },
  },
})
