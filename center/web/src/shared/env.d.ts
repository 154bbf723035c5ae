declare module 'element-plus/es/locale/lang/zh-cn'
declare module 'element-plus/es/components/*/style/css'
declare module '@fontsource-variable/inter'
declare module 'vant/es/*/style'
