import { createRouter, createWebHistory, type Router } from 'vue-router'
import { useSession } from '../shared/lib/session'
import { routes } from './routes'

export function makeRouter(): Router {
  const router = createRouter({
    history: createWebHistory('/'),
    routes,
    scrollBehavior: () => ({ top: 0 }),
  })
  router.beforeEach(async (to) => {
    const session = useSession()
    if (!session.checked) {
      try {
        await session.load()
      } catch {
        // The center cannot be reached; the log-in page says so on use.
      }
    }
    if (to.meta.open) return true
    if (!session.person) return { name: 'login', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
    if (session.mustChangePassword && to.name !== 'password') return { name: 'password' }
    return true
  })
  router.afterEach((to) => {
    document.title = `${(to.meta.title as string | undefined) ?? '街巡'} · 街巡`
  })
  router.onError((e, to) => {
    // A page's code is gone after an update of the center: load afresh once.
    if (/dynamically imported module|Importing a module script/.test(String(e)) && !sessionStorage.getItem('jx.reloaded')) {
      sessionStorage.setItem('jx.reloaded', '1')
      location.assign(to.fullPath)
    }
  })
  return router
}
