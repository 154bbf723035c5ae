import '@fontsource-variable/inter'
import '../shared/tokens.css'
import '../shared/base.css'
import 'vant/es/toast/style'
import 'vant/es/dialog/style'
import 'vant/es/image-preview/style'
import '../shared/phone.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { createRouter, createWebHistory } from 'vue-router'
import { configureApi } from '../shared/lib/api'
import { syncClock } from '../shared/lib/clock'
import { useSession } from '../shared/lib/session'
import App from './App.vue'
import { usePhone } from './lib/phone'

const app = createApp(App)
app.use(createPinia())
const session = useSession()
const phone = usePhone()
const router = createRouter({
  history: createWebHistory('/m/'),
  routes: [
    { path: '/', name: 'orders', component: () => import('./pages/OrdersPage.vue') },
    { path: '/login', name: 'login', component: () => import('./pages/LoginPage.vue'), meta: { open: true } },
    { path: '/t/:ticket', name: 'link', component: () => import('./pages/LinkPage.vue'), meta: { open: true, deep: true } },
    { path: '/ssb', name: 'ssb', component: () => import('./pages/LinkPage.vue'), meta: { open: true, deep: true } },
    { path: '/order/:id', name: 'order', component: () => import('./pages/OrderPage.vue'), meta: { deep: true } },
    { path: '/notice/:id', name: 'notice', component: () => import('./pages/NoticePage.vue'), meta: { deep: true } },
    { path: '/task/:id', name: 'task', component: () => import('./pages/forms/TaskPage.vue'), meta: { deep: true } },
    { path: '/forms', name: 'formStarts', component: () => import('./pages/forms/StartsPage.vue'), meta: { deep: true } },
    { path: '/forms/:key', name: 'formStart', component: () => import('./pages/forms/StartPage.vue'), meta: { deep: true } },
    { path: '/todos', name: 'todos', component: () => import('./pages/TodosPage.vue') },
    { path: '/unsent', name: 'unsent', component: () => import('./pages/UnsentPage.vue') },
    { path: '/conflict/:id', name: 'conflict', component: () => import('./pages/ConflictPage.vue'), meta: { deep: true } },
    { path: '/me', name: 'me', component: () => import('./pages/MePage.vue') },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})
configureApi({
  csrf: () => session.csrf,
  onServerTime: (ms) => syncClock(ms, 1000),
  onUnauthenticated: () => (phone.sessionLost = true),
})

// Without the network the person who was here last goes on working; the
// center checks the session again at the first send.
const lastKey = 'jx.phone.last'
router.beforeEach(async (to) => {
  if (!session.checked) {
    try {
      await session.load()
      if (session.person) localStorage.setItem(lastKey, JSON.stringify({ person: session.person, csrf: session.csrf }))
      else localStorage.removeItem(lastKey)
    } catch {
      const kept = JSON.parse(localStorage.getItem(lastKey) ?? 'null') as { person: typeof session.person; csrf: string } | null
      if (kept) {
        session.person = kept.person
        session.csrf = kept.csrf
        session.checked = true
      }
    }
  }
  if (to.meta.open) return true
  if (!session.person) return { name: 'login', query: { to: to.fullPath } }
  if (session.mustChangePassword) {
    location.assign('/password')
    return false
  }
  if (!phone.store) await phone.start()
  return true
})
app.use(router)
app.mount('#app')

// The worker is told which files this page already has, so that the very
// next opening works without a network; all phone pages are fetched for it.
if ('serviceWorker' in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker
    .register('/sw.js', { scope: '/m' })
    .then(async () => {
      const ready = await navigator.serviceWorker.ready
      await Promise.allSettled([import('./pages/OrdersPage.vue'), import('./pages/TodosPage.vue'), import('./pages/OrderPage.vue'), import('./pages/UnsentPage.vue'), import('./pages/ConflictPage.vue'), import('./pages/MePage.vue'), import('./pages/LoginPage.vue')])
      const assets = performance
        .getEntriesByType('resource')
        .map((e) => new URL(e.name))
        .filter((u) => u.origin === location.origin && !u.pathname.startsWith('/api/'))
        .map((u) => u.pathname)
      ready.active?.postMessage({ assets: [...new Set(['/m/', ...assets])] })
    })
    .catch(() => undefined)
}
