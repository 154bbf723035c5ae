// The form designer, an application of its own inside the page: it wants
// Element Plus registered as a whole, which no other page needs.
import FcDesigner from '@form-create/designer'
import ElementPlus from 'element-plus'
import zhCn from 'element-plus/es/locale/lang/zh-cn.mjs'
import 'element-plus/dist/index.css'
import { createApp, defineComponent, h, nextTick, shallowRef, type App } from 'vue'

export interface FormDesigner {
  set: (rules: string, options: string) => void
  rules: () => string
  options: () => string
  destroy: () => void
}

interface Inner {
  setRule: (r: unknown) => void
  getRule: () => unknown
  setOption: (o: unknown) => void
  getOption: () => unknown
  addMenu: (m: unknown) => void
  addComponent: (c: unknown) => void
}

// What the center does not check cannot be dragged in.
const hidden = ['password', 'colorPicker', 'color', 'transfer', 'elTransfer', 'tree', 'elTree', 'elTreeSelect', 'treeSelect', 'cascader', 'upload', 'signaturePad', 'fcEditor', 'slider', 'rate', 'timeRange', 'timePickerRange', 'dateRange', 'dataTable', 'elButton', 'elImage', 'elTag', 'elCollapse', 'elTabs', 'fcTable', 'subForm', 'group', 'html', 'aImage']

let serial = 0
const fieldName = () => 'f' + Date.now().toString(36) + (serial++).toString(36)

const box = (text: string) =>
  defineComponent({ name: 'JxBox', render: () => h('div', { style: 'border:1px dashed #87939c;border-radius:6px;padding:10px 12px;color:#43505b;font-size:13px' }, text) })

const own = [
  { name: 'jxPhotos', label: '拍照', icon: 'icon-image', text: '拍照或选照片', limit: 9 },
  { name: 'jxFiles', label: '附件', icon: 'icon-upload', text: '上传附件', limit: 20 },
  { name: 'jxSignature', label: '手写签名', icon: 'icon-edit', text: '手写签名', limit: 0 },
]

export async function makeDesigner(el: HTMLElement): Promise<FormDesigner> {
  const inner = shallowRef<Inner>()
  const app: App = createApp(
    defineComponent({
      setup: () => () =>
        h(FcDesigner as never, {
          ref: (x: unknown) => (inner.value = x as Inner),
          height: '100%',
          config: { showAi: false, showSaveBtn: false, showLanguage: false, showJsonPreview: false, showStyleForm: false, showEventForm: false, showCustomProps: false, showInputData: false, fieldReadonly: false, hiddenItem: hidden },
        }),
    }),
  )
  const d = FcDesigner as unknown as { formCreate: { component: (n: string, c: unknown) => void }; component: (n: string, c: unknown) => void }
  for (const o of own) d.component(o.name, box(o.text))
  app.use(ElementPlus, { locale: zhCn })
  app.use(FcDesigner as never)
  app.use(d.formCreate as never)
  app.mount(el)
  await nextTick()
  const x = inner.value
  if (!x) throw new Error('表单设计器没有打开，请刷新重试')
  for (const o of own)
    x.addComponent({
      menu: 'main', name: o.name, label: o.label, icon: o.icon, input: true, validate: [], languageKey: [],
      rule: () => ({ type: o.name, field: fieldName(), title: o.label, info: '', $required: false, props: o.limit ? { limit: o.limit } : {} }),
      props: () => (o.limit ? [{ type: 'inputNumber', field: 'limit', title: '最多个数', props: { min: 1, max: 50 } }] : []),
    })
  const text = (v: unknown) => (typeof v === 'string' ? v : JSON.stringify(v))
  return {
    set: (rules, options) => {
      x.setRule(JSON.parse(rules))
      try {
        x.setOption(JSON.parse(options))
      } catch {
        // Options are only how the designer shows the form.
      }
    },
    rules: () => text(x.getRule()),
    options: () => text(x.getOption()),
    destroy: () => app.unmount(),
  }
}
