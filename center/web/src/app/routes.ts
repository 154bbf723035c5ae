// Every page of the console on one screen. perm: any one of these opens it.
import type { RouteRecordRaw } from 'vue-router'

export const routes: RouteRecordRaw[] = [
  { path: '/login', name: 'login', component: () => import('../features/access/LoginPage.vue'), meta: { bare: true, open: true, title: '登录' } },
  { path: '/password', name: 'password', component: () => import('../features/access/PasswordPage.vue'), meta: { bare: true, title: '修改密码' } },
  { path: '/', name: 'home', component: () => import('./HomePage.vue'), meta: { title: '街巡' } },
  { path: '/alerts', name: 'alerts', component: () => import('../features/alerts/ReviewPage.vue'), meta: { perm: ['alert.view'], title: '预警研判', mini: true } },
  { path: '/orders', name: 'orders', component: () => import('../features/orders/OrderList.vue'), meta: { perm: ['order.view'], title: '非现工单' } },
  { path: '/orders/:id', name: 'order', component: () => import('../features/orders/OrderPage.vue'), meta: { perm: ['order.view'], title: '工单详情', nav: 'orders' } },
  { path: '/shops', name: 'shops', component: () => import('../features/shops/ShopList.vue'), meta: { perm: ['shop.view'], title: '商铺档案' } },
  { path: '/shops/new', name: 'shopNew', component: () => import('../features/shops/ShopForm.vue'), meta: { perm: ['shop.edit'], title: '新建商铺', nav: 'shops' } },
  { path: '/shops/:id', name: 'shop', component: () => import('../features/shops/ShopPage.vue'), meta: { perm: ['shop.view'], title: '商铺档案', nav: 'shops' } },
  { path: '/shops/:id/edit', name: 'shopEdit', component: () => import('../features/shops/ShopForm.vue'), meta: { perm: ['shop.edit'], title: '修改商铺', nav: 'shops' } },
  { path: '/wall', name: 'wall', component: () => import('../features/live/WallPage.vue'), meta: { perm: ['live.view'], title: '视频墙', mini: true } },
  { path: '/cameras', name: 'cameras', component: () => import('../features/directory/CameraList.vue'), meta: { perm: ['camera.view'], title: '点位与围栏' } },
  { path: '/cameras/new', name: 'cameraNew', component: () => import('../features/directory/CameraForm.vue'), meta: { perm: ['camera.edit'], title: '新建点位', nav: 'cameras' } },
  { path: '/cameras/:id', name: 'camera', component: () => import('../features/directory/CameraPage.vue'), meta: { perm: ['camera.view'], title: '点位', nav: 'cameras' } },
  { path: '/cameras/:id/zones', name: 'zones', component: () => import('../features/directory/ZonePage.vue'), meta: { perm: ['camera.view'], title: '电子围栏', nav: 'cameras' } },
  { path: '/cameras/:id/edit', name: 'cameraEdit', component: () => import('../features/directory/CameraForm.vue'), meta: { perm: ['camera.edit'], title: '修改点位', nav: 'cameras' } },
  { path: '/map', name: 'map', component: () => import('../features/onemap/MapPage.vue'), meta: { perm: ['map.view'], title: '一张图', mini: true } },
  { path: '/boxes', name: 'boxes', component: () => import('../features/fleet/BoxList.vue'), meta: { perm: ['box.view'], title: '边缘盒' } },
  { path: '/boxes/:id', name: 'box', component: () => import('../features/fleet/BoxPage.vue'), meta: { perm: ['box.view'], title: '边缘盒', nav: 'boxes' } },
  { path: '/accounts', name: 'accounts', component: () => import('../features/access/AccountList.vue'), meta: { perm: ['account.manage'], title: '账号' } },
  { path: '/roles', name: 'roles', component: () => import('../features/access/RoleMatrix.vue'), meta: { perm: ['role.view'], title: '角色权限' } },
  { path: '/audit', name: 'audit', component: () => import('../features/audit/AuditList.vue'), meta: { perm: ['audit.view'], title: '审计' } },
  { path: '/:rest(.*)*', name: 'missing', component: () => import('./MissingPage.vue'), meta: { title: '没有这个页面' } },
]
