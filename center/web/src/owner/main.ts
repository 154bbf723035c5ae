// The pages of shops: a notice, whether a notice is real, and guidance. No
// account; what opens a notice is its link or code and the last four of a
// number.
import '../shared/tokens.css'
import '../shared/base.css'
import '../shared/phone.css'
import { createApp } from 'vue'
import { createRouter, createWebHistory } from 'vue-router'
import App from './App.vue'

const router = createRouter({
  history: createWebHistory('/o/'),
  scrollBehavior: () => ({ top: 0 }),
  routes: [
    { path: '/', name: 'door', component: () => import('./DoorPage.vue'), meta: { title: '查看通知' } },
    { path: '/n/:token', name: 'link', component: () => import('./DoorPage.vue'), meta: { title: '查看通知' } },
    { path: '/notice', name: 'notice', component: () => import('./NoticePage.vue'), meta: { title: '整改通知' } },
    { path: '/check', name: 'check', component: () => import('./CheckPage.vue'), meta: { title: '核对真伪' } },
    { path: '/guide', name: 'guides', component: () => import('./GuideList.vue'), meta: { title: '合规指引' } },
    { path: '/guide/:id', name: 'guide', component: () => import('./GuidePage.vue'), meta: { title: '合规指引' } },
    { path: '/:rest(.*)*', redirect: '/' },
  ],
})
document.documentElement.classList.add('phone')
createApp(App).use(router).mount('#app')
