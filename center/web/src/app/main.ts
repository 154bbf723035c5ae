import '@fontsource-variable/inter'
import 'element-plus/theme-chalk/dark/css-vars.css'
import '../shared/tokens.css'
import '../shared/base.css'
import '../shared/element.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { configureApi } from '../shared/lib/api'
import { syncClock } from '../shared/lib/clock'
import { useSession } from '../shared/lib/session'
import App from './App.vue'
import { makeRouter } from './router'

const app = createApp(App)
app.use(createPinia())
const session = useSession()
const router = makeRouter()
configureApi({
  csrf: () => session.csrf,
  onServerTime: (ms) => syncClock(ms, 1000),
  onUnauthenticated: () => {
    if (!session.person || session.expired) return
    session.expired = true
    session.forget()
    const to = router.currentRoute.value.fullPath
    void router.push({ name: 'login', query: { to, expired: '1' } })
  },
})
app.use(router)
app.mount('#app')
