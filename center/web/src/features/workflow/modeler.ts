// bpmn-js with our palette: only what the center runs can be drawn.
import 'bpmn-js/dist/assets/diagram-js.css'
import 'bpmn-js/dist/assets/bpmn-js.css'
import 'bpmn-js/dist/assets/bpmn-font/css/bpmn-embedded.css'
import Modeler from 'bpmn-js/lib/Modeler'
import { jiexunModdle } from './jiexun'

/* The services of bpmn-js that are used here, as far as they are used. */
export interface Bo {
  $type: string
  id: string
  name?: string
  get: (n: string) => unknown
  [k: string]: unknown
}
export interface El {
  id: string
  type: string
  businessObject: Bo
  x: number
  y: number
  width: number
  height: number
  parent?: El
  labelTarget?: El
  outgoing?: El[]
  source?: El
}
/** A part of the drawing: what the canvas shows. */
interface ViewBox {
  x: number
  y: number
  width: number
  height: number
  scale?: number
}
export interface Services {
  modeling: {
    updateProperties: (e: El, p: Record<string, unknown>) => void
    updateModdleProperties: (e: El, m: unknown, p: Record<string, unknown>) => void
    createShape: (s: unknown, at: { x: number; y: number }, host: El, o?: { attach?: boolean }) => El
    removeElements: (l: El[]) => void
  }
  moddle: { create: (t: string, p: Record<string, unknown>) => unknown }
  canvas: { zoom: (z: string | number, c?: string) => number; addMarker: (id: string, c: string) => void; removeMarker: (id: string, c: string) => void; viewbox: (b?: ViewBox) => ViewBox; getRootElement: () => El }
  elementRegistry: { get: (id: string) => El | undefined; getAll: () => El[] }
  selection: { select: (e: El) => void }
  elementFactory: { createShape: (a: Record<string, unknown>) => unknown }
  eventBus: { on: (e: string | string[], f: (x: { newSelection?: El[]; element?: El }) => void) => void }
  commandStack: { undo: () => void; redo: () => void; canUndo: () => boolean; canRedo: () => boolean }
}

type Start = (event: Event, shape: unknown) => void
interface Deps {
  create: { start: Start }
  elementFactory: { createShape: (a: Record<string, unknown>) => unknown }
  hand: { activateHand: (e: Event) => void }
  lasso: { activateSelection: (e: Event) => void }
  connectTool: { toggle: (e: Event) => void }
}

const kinds = [
  ['bpmn:StartEvent', 'bpmn-icon-start-event-none', '开始'],
  ['bpmn:UserTask', 'bpmn-icon-user-task', '人工环节'],
  ['bpmn:ServiceTask', 'bpmn-icon-service-task', '自动环节'],
  ['bpmn:ExclusiveGateway', 'bpmn-icon-gateway-xor', '排他网关'],
  ['bpmn:ParallelGateway', 'bpmn-icon-gateway-parallel', '并行网关'],
  ['bpmn:EndEvent', 'bpmn-icon-end-event-none', '结束'],
] as const

function palette(this: { getPaletteEntries?: () => unknown }, p: { registerProvider: (x: unknown) => void }, create: Deps['create'], elementFactory: Deps['elementFactory'], hand: Deps['hand'], lasso: Deps['lasso'], connectTool: Deps['connectTool']) {
  this.getPaletteEntries = () => {
    const out: Record<string, unknown> = {
      hand: { group: 'tools', className: 'bpmn-icon-hand-tool', title: '移动画布', action: { click: (e: Event) => hand.activateHand(e) } },
      lasso: { group: 'tools', className: 'bpmn-icon-lasso-tool', title: '框选', action: { click: (e: Event) => lasso.activateSelection(e) } },
      connect: { group: 'tools', className: 'bpmn-icon-connection-multi', title: '连线', action: { click: (e: Event) => connectTool.toggle(e) } },
      sep: { group: 'tools', separator: true },
    }
    for (const [type, className, title] of kinds) {
      const begin = (e: Event) => create.start(e, elementFactory.createShape({ type }))
      out[type] = { group: 'nodes', className, title, action: { dragstart: begin, click: begin } }
    }
    return out
  }
  p.registerProvider(this)
}
palette.$inject = ['palette', 'create', 'elementFactory', 'handTool', 'lassoTool', 'globalConnect']

function pad(
  this: { getContextPadEntries?: (e: El) => unknown }, contextPad: { registerProvider: (x: unknown) => void }, autoPlace: { append: (s: El, t: unknown) => void } | null,
  connect: { start: (e: Event, s: El) => void }, elementFactory: Deps['elementFactory'], modeling: Services['modeling'],
) {
  this.getContextPadEntries = (el: El) => {
    const out: Record<string, unknown> = {}
    const flowNode = !el.labelTarget && !['bpmn:EndEvent', 'bpmn:SequenceFlow', 'bpmn:Process'].includes(el.type)
    if (flowNode) {
      for (const [type, className, title] of kinds.slice(1)) out['append-' + type] = { group: 'model', className, title: '接上' + title, action: { click: () => autoPlace?.append(el, elementFactory.createShape({ type })) } }
      out.connect = { group: 'connect', className: 'bpmn-icon-connection-multi', title: '连线', action: { click: (e: Event) => connect.start(e, el), dragstart: (e: Event) => connect.start(e, el) } }
    }
    out.delete = { group: 'edit', className: 'bpmn-icon-trash', title: '删除', action: { click: () => modeling.removeElements([el]) } }
    return out
  }
  contextPad.registerProvider(this)
}
pad.$inject = ['contextPad', 'autoPlace', 'connect', 'elementFactory', 'modeling']

export function makeModeler(container: HTMLElement) {
  const m = new Modeler({
    container,
    additionalModules: [{ __init__: ['paletteProvider', 'contextPadProvider'], paletteProvider: ['type', palette], contextPadProvider: ['type', pad] }],
    moddleExtensions: { jx: jiexunModdle },
  } as never)
  return m as unknown as {
    importXML: (x: string) => Promise<unknown>
    saveXML: (o: { format: boolean }) => Promise<{ xml?: string }>
    get: <K extends keyof Services>(n: K) => Services[K]
    destroy: () => void
  }
}
