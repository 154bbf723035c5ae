declare module 'element-plus/es/locale/lang/zh-cn'
declare module 'element-plus/es/components/*/style/css'
declare module '@fontsource-variable/inter'
declare module 'vant/es/*/style'
declare module 'vant/es/*/index.mjs' {
  export const Tabbar: import('vue').Component
  export const TabbarItem: import('vue').Component
  export const PullRefresh: import('vue').Component
  export const ActionSheet: import('vue').Component
  export const Popup: import('vue').Component
  export const Switch: import('vue').Component
  export const showToast: (typeof import('vant'))['showToast']
  export const showConfirmDialog: (typeof import('vant'))['showConfirmDialog']
  export const showImagePreview: (typeof import('vant'))['showImagePreview']
}
