// The part of the actor's area that the person is looking at now; list pages
// take it as their first region filter, which is then visible and removable.
import { defineStore } from 'pinia'

export const useScope = defineStore('scope', {
  state: () => ({ region: read() }),
  actions: {
    set(code: string) {
      this.region = code
      try {
        sessionStorage.setItem('jx.scope', code)
      } catch {
        // Kept for this page only.
      }
    },
  },
})

function read(): string {
  try {
    return sessionStorage.getItem('jx.scope') ?? ''
  } catch {
    return ''
  }
}
