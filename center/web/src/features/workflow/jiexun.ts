// The product's own attributes in BPMN, as bpmn-js reads and writes them, and
// the small languages that they are written in.

const text = (names: string[]) => names.map((name) => ({ name, isAttr: true, type: 'String' }))

/** The extension of the BPMN metamodel. */
export const jiexunModdle = {
  name: 'Jiexun',
  uri: 'urn:jiexun:bpmn:1',
  prefix: 'jx',
  xml: { tagAlias: 'lowerCase' },
  associations: [],
  types: [
    { name: 'ProcessProps', extends: ['bpmn:Process'], properties: text(['category', 'variables', 'startable']) },
    { name: 'UserProps', extends: ['bpmn:UserTask'], properties: text(['candidates', 'cc', 'sign', 'ratio', 'form', 'formVersion', 'rights', 'deadline', 'due', 'return', 'reject', 'outcomes']) },
    { name: 'StartProps', extends: ['bpmn:StartEvent'], properties: text(['form', 'rights']) },
    { name: 'ServiceProps', extends: ['bpmn:ServiceTask'], properties: text(['service']) },
    { name: 'TimerProps', extends: ['bpmn:BoundaryEvent'], properties: text(['rule']) },
    { name: 'EndProps', extends: ['bpmn:EndEvent'], properties: text(['outcome']) },
  ],
}

export interface Candidate {
  kind: 'role' | 'person' | 'starter' | 'expr'
  value: string
  where: string
}

export const whereName: Record<string, string> = { starter: '发起人所在机构', squad: '事发地中队', district: '事发地区局', bureau: '市局' }

export function readCandidates(s: string | undefined): Candidate[] {
  return (s ?? '')
    .split(';')
    .map((x) => x.trim())
    .filter(Boolean)
    .map((x): Candidate => {
      const i = x.indexOf(':')
      const kind = i < 0 ? x : x.slice(0, i)
      const rest = i < 0 ? '' : x.slice(i + 1).trim()
      if (kind === 'role') {
        const at = rest.indexOf('@')
        return { kind: 'role', value: at < 0 ? rest : rest.slice(0, at), where: at < 0 ? 'starter' : rest.slice(at + 1) }
      }
      return { kind: kind === 'starter' ? 'starter' : kind === 'person' ? 'person' : 'expr', value: rest, where: '' }
    })
}

export function writeCandidates(list: Candidate[]): string {
  return list
    .filter((c) => c.kind === 'starter' || c.value.trim())
    .map((c) => (c.kind === 'starter' ? 'starter' : c.kind === 'role' ? `role:${c.value}@${c.where || 'starter'}` : `${c.kind}:${c.value.trim()}`))
    .join('; ')
}

export function readPairs(s: string | undefined, sep: '=' | ':'): [string, string][] {
  return (s ?? '')
    .split(';')
    .map((x) => x.trim())
    .filter(Boolean)
    .map((x) => {
      const i = x.indexOf(sep)
      return i < 0 ? [x, sep === ':' ? x : ''] : [x.slice(0, i).trim(), x.slice(i + 1).trim()]
    })
}

export const writePairs = (list: [string, string][], sep: '=' | ':') => list.filter(([k, v]) => k.trim() && v).map(([k, v]) => `${k.trim()}${sep}${v}`).join('; ')

export interface Variable {
  name: string
  type: string
  label: string
}

export function readVariables(s: string | undefined): Variable[] {
  return (s ?? '')
    .split(';')
    .map((x) => x.trim())
    .filter(Boolean)
    .map((x) => {
      const [name = '', type = 'string', ...label] = x.split(':').map((y) => y.trim())
      return { name, type, label: label.join(':') || name }
    })
}

export const writeVariables = (list: Variable[]) => list.filter((v) => v.name.trim()).map((v) => `${v.name.trim()}:${v.type}:${v.label.trim() || v.name.trim()}`).join('; ')

/** Days and hours of a duration that the designer writes, as P1DT4H. */
export function readDuration(s: string | undefined): { days: number; hours: number; minutes: number } {
  const m = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(s ?? '')
  return { days: Number(m?.[1] ?? 0), hours: Number(m?.[2] ?? 0), minutes: Number(m?.[3] ?? 0) }
}

export function writeDuration(d: { days: number; hours: number; minutes: number }): string {
  const time = (d.hours ? `${d.hours}H` : '') + (d.minutes ? `${d.minutes}M` : '')
  return d.days || time ? `P${d.days ? d.days + 'D' : ''}${time ? 'T' + time : ''}` : ''
}

/** A process to begin with. */
export function blankProcess(key: string, name: string): string {
  const id = key.replace(/[^A-Za-z0-9_]/g, '_')
  const esc = (s: string) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/"/g, '&quot;')
  return `<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" xmlns:di="http://www.omg.org/spec/DD/20100524/DI" xmlns:jx="urn:jiexun:bpmn:1" id="definitions" targetNamespace="urn:jiexun:processes">
  <bpmn:process id="${id}" name="${esc(name)}" isExecutable="true">
    <bpmn:startEvent id="start" name="提交"><bpmn:outgoing>f1</bpmn:outgoing></bpmn:startEvent>
    <bpmn:userTask id="review" name="审批" jx:candidates="role:squad_leader@squad" jx:return="starter" jx:reject="true"><bpmn:incoming>f1</bpmn:incoming><bpmn:outgoing>f2</bpmn:outgoing></bpmn:userTask>
    <bpmn:endEvent id="end" name="办结"><bpmn:incoming>f2</bpmn:incoming></bpmn:endEvent>
    <bpmn:sequenceFlow id="f1" sourceRef="start" targetRef="review" />
    <bpmn:sequenceFlow id="f2" sourceRef="review" targetRef="end" />
  </bpmn:process>
  <bpmndi:BPMNDiagram id="diagram"><bpmndi:BPMNPlane id="plane" bpmnElement="${id}">
    <bpmndi:BPMNShape id="start_di" bpmnElement="start"><dc:Bounds x="160" y="142" width="36" height="36" /></bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="review_di" bpmnElement="review"><dc:Bounds x="260" y="122" width="120" height="76" /></bpmndi:BPMNShape>
    <bpmndi:BPMNShape id="end_di" bpmnElement="end"><dc:Bounds x="440" y="142" width="36" height="36" /></bpmndi:BPMNShape>
    <bpmndi:BPMNEdge id="f1_di" bpmnElement="f1"><di:waypoint x="196" y="160" /><di:waypoint x="260" y="160" /></bpmndi:BPMNEdge>
    <bpmndi:BPMNEdge id="f2_di" bpmnElement="f2"><di:waypoint x="380" y="160" /><di:waypoint x="440" y="160" /></bpmndi:BPMNEdge>
  </bpmndi:BPMNPlane></bpmndi:BPMNDiagram>
</bpmn:definitions>`
}
