// The rules of a form as the designer writes them, read into what a person
// sees: blocks of fields, and the conditions under which they are shown. The
// center checks the same conditions again.

export interface Option {
  label: string
  value: string | number | boolean
}

export type FieldType = 'text' | 'textarea' | 'number' | 'radio' | 'select' | 'multi' | 'switch' | 'date' | 'datetime' | 'time' | 'files' | 'photos' | 'signature' | 'table'

export interface FormField {
  name: string
  title: string
  type: FieldType
  required: boolean
  placeholder: string
  maxLength: number
  min?: number
  max?: number
  limit: number
  options: Option[]
  columns: FormField[]
  info: string
}

export interface Condition {
  field: string
  op: string
  value: unknown
}

export interface FormModel {
  fields: FormField[]
  /** Conditions by the field that they show. */
  shows: Record<string, Condition[]>
}

export type Values = Record<string, unknown>
export type Rights = Record<string, string>

interface RawRule {
  type?: string
  field?: string
  title?: string | { title?: string }
  info?: string
  props?: Record<string, unknown>
  options?: { label: unknown; value: unknown }[]
  validate?: { required?: boolean }[]
  $required?: boolean | string
  control?: { value?: unknown; condition?: string; rule?: string[] }[]
  children?: (RawRule | string)[]
}

const layouts = new Set(['row', 'fcRow', 'col', 'el-row', 'el-col', 'elCard', 'el-card', 'div', 'span', 'fcTitle', 'elDivider', 'el-divider', 'elAlert', 'el-alert', 'html', 'text', 'space', 'jxNote'])

function typeOf(r: RawRule): FieldType | undefined {
  const kind = String(r.props?.type ?? '')
  switch (r.type) {
    case 'input':
    case 'textarea':
    case 'fcEditor':
      return r.type !== 'input' || kind === 'textarea' ? 'textarea' : 'text'
    case 'inputNumber':
    case 'slider':
    case 'rate':
      return 'number'
    case 'radio':
      return 'radio'
    case 'select':
    case 'cascader':
      return r.props?.multiple && r.type === 'select' ? 'multi' : 'select'
    case 'checkbox':
      return 'multi'
    case 'switch':
      return 'switch'
    case 'datePicker':
    case 'calendar':
      return kind.startsWith('datetime') ? 'datetime' : 'date'
    case 'timePicker':
      return 'time'
    case 'jxFiles':
    case 'upload':
      return 'files'
    case 'jxPhotos':
      return 'photos'
    case 'jxSignature':
    case 'signaturePad':
      return 'signature'
    case 'tableForm':
    case 'group':
    case 'jxTable':
      return 'table'
  }
  return undefined
}

const num = (x: unknown): number | undefined => (typeof x === 'number' ? x : undefined)

function fieldOf(r: RawRule): FormField | undefined {
  const type = typeOf(r)
  if (!type || !r.field) return undefined
  const title = typeof r.title === 'object' ? r.title?.title : r.title
  const f: FormField = {
    name: r.field,
    title: title || r.field,
    type,
    required: !!r.$required || !!r.validate?.some((v) => v.required),
    placeholder: String(r.props?.placeholder ?? ''),
    maxLength: num(r.props?.maxlength) ?? 4000,
    min: num(r.props?.min),
    max: num(r.props?.max),
    limit: num(type === 'table' ? r.props?.max : r.props?.limit) ?? (type === 'table' ? 200 : 20),
    options: (r.options ?? []).map((o) => ({ label: String(o.label ?? o.value), value: o.value as Option['value'] })),
    columns: [],
    info: r.info ?? '',
  }
  if (type === 'table') {
    const columns = (r.props?.columns ?? []) as { label?: string; required?: boolean; rule?: RawRule[] }[]
    for (const c of columns)
      for (const x of readRules(c.rule ?? []).fields) f.columns.push({ ...x, title: x.title === x.name && c.label ? c.label : x.title, required: x.required || !!c.required })
    f.columns.push(...readRules((r.props?.rule ?? []) as RawRule[]).fields)
  }
  return f
}

/** Reads rules; what is not known is left out, as the center refuses it at publishing. */
export function readRules(rules: (RawRule | string)[]): FormModel {
  const out: FormModel = { fields: [], shows: {} }
  for (const r of rules) {
    if (typeof r === 'string') continue
    if (layouts.has(r.type ?? '')) {
      const inner = readRules(r.children ?? [])
      out.fields.push(...inner.fields)
      for (const [k, v] of Object.entries(inner.shows)) (out.shows[k] ??= []).push(...v)
      continue
    }
    const f = fieldOf(r)
    if (f) out.fields.push(f)
    for (const c of r.control ?? []) for (const target of c.rule ?? []) (out.shows[target] ??= []).push({ field: r.field ?? '', op: c.condition || '==', value: c.value })
  }
  return out
}

/** Reads the text that the center sends. */
export function parseRules(text: string): FormModel {
  try {
    const rules = JSON.parse(text) as unknown
    return readRules(Array.isArray(rules) ? (rules as RawRule[]) : [])
  } catch {
    return { fields: [], shows: {} }
  }
}

export function isEmpty(v: unknown): boolean {
  if (v === undefined || v === null) return true
  if (typeof v === 'string') return v.trim() === ''
  if (Array.isArray(v)) return v.length === 0
  return typeof v === 'object' && Object.keys(v).length === 0
}

export function holds(c: Condition, values: Values): boolean {
  const v = values[c.field]
  const has = v !== undefined
  const list = Array.isArray(c.value) ? (c.value as unknown[]) : []
  const n = (ok: (a: number, b: number) => boolean) => typeof v === 'number' && typeof c.value === 'number' && ok(v, c.value)
  switch (c.op) {
    case '==':
      return has && v === c.value
    case '!=':
      return !has || v !== c.value
    case 'in':
      return has && list.includes(v)
    case 'notIn':
      return !has || !list.includes(v)
    case '>':
      return n((a, b) => a > b)
    case '>=':
      return n((a, b) => a >= b)
    case '<':
      return n((a, b) => a < b)
    case '<=':
      return n((a, b) => a <= b)
    case 'empty':
      return !has || v === null || v === ''
  }
  return has && v !== null && v !== ''
}

/** Which fields are shown; a field that depends on a hidden one sees it as absent. */
export function visible(m: FormModel, values: Values): Set<string> {
  const shown = new Set(m.fields.map((f) => f.name))
  for (let i = 0; i <= m.fields.length; i++) {
    const seen: Values = {}
    for (const [k, v] of Object.entries(values)) if (shown.has(k)) seen[k] = v
    let changed = false
    for (const f of m.fields) {
      const conditions = m.shows[f.name]
      const show = !conditions?.length || conditions.some((c) => holds(c, seen))
      if (show !== shown.has(f.name)) {
        changed = true
        if (show) shown.add(f.name)
        else shown.delete(f.name)
      }
    }
    if (!changed) break
  }
  return shown
}

/** What keeps the values from being handed in, by field. */
export function faultsOf(m: FormModel, values: Values, rights: Rights): Record<string, string> {
  const out: Record<string, string> = {}
  const shown = visible(m, values)
  for (const f of m.fields) {
    if (!shown.has(f.name) || rights[f.name] !== 'write') continue
    const v = values[f.name]
    if (isEmpty(v)) {
      if (f.required) out[f.name] = (f.type === 'photos' ? '请至少拍一张' : f.type === 'signature' ? '请' : ['radio', 'select', 'multi', 'date', 'datetime', 'time'].includes(f.type) ? '请选择' : f.type === 'files' ? '请上传' : '请填写') + f.title
      continue
    }
    if (f.type === 'number' && typeof v === 'number') {
      if (f.min !== undefined && v < f.min) out[f.name] = `${f.title}不能小于 ${f.min}`
      if (f.max !== undefined && v > f.max) out[f.name] = `${f.title}不能大于 ${f.max}`
    }
    if (f.type === 'table')
      (v as Values[]).forEach((row, i) => {
        for (const c of f.columns) if (c.required && isEmpty(row[c.name]) && !out[f.name]) out[f.name] = `第 ${i + 1} 行没有填写“${c.title}”`
      })
  }
  return out
}

/** The values that may be sent from a node: shown, writable, not empty. */
export function toSend(m: FormModel, values: Values, rights: Rights): Values {
  const shown = visible(m, values)
  const out: Values = {}
  for (const f of m.fields) {
    if (rights[f.name] !== 'write') continue
    const v = values[f.name]
    out[f.name] = shown.has(f.name) && !isEmpty(v) ? v : null
  }
  return out
}

/** A value as text. */
export function textOf(f: FormField, v: unknown): string {
  if (isEmpty(v)) return '—'
  const label = (x: unknown) => f.options.find((o) => o.value === x)?.label ?? String(x)
  switch (f.type) {
    case 'switch':
      return v === true ? '是' : '否'
    case 'radio':
    case 'select':
      return label(v)
    case 'multi':
      return (v as unknown[]).map(label).join('、')
  }
  return typeof v === 'object' ? JSON.stringify(v) : String(v)
}
