// Reads the part of an OpenAPI document that the page shows.
export interface Schema {
  type?: string | string[]; format?: string; description?: string; enum?: unknown[]; items?: Schema; properties?: Record<string, Schema>; required?: string[]
  $ref?: string; minimum?: number; maximum?: number; maxLength?: number; default?: unknown
}
export interface Param { name: string; in: string; required?: boolean; description?: string; schema?: Schema }
interface RawOp { operationId: string; summary?: string; parameters?: Param[]; requestBody?: { content?: Record<string, { schema?: Schema }> }; responses?: Record<string, { content?: Record<string, { schema?: Schema }> }>; 'x-interface'?: string }
export interface Doc { paths: Record<string, Record<string, RawOp>>; components: { schemas: Record<string, Schema> } }
export interface Op { id: string; method: string; path: string; summary: string; kind: string; params: Param[]; body?: Schema; answer?: Schema }
export interface FieldLine { name: string; type: string; required: boolean; text: string }

export function operations(d: Doc): Op[] {
  const out: Op[] = []
  for (const [path, item] of Object.entries(d.paths))
    for (const [method, o] of Object.entries(item))
      if (o?.operationId)
        out.push({ id: o.operationId, method: method.toUpperCase(), path, summary: o.summary ?? '', kind: o['x-interface'] ?? '', params: o.parameters ?? [], body: o.requestBody?.content?.['application/json']?.schema, answer: o.responses?.['200']?.content?.['application/json']?.schema })
  return out.sort((a, b) => a.path.localeCompare(b.path) || a.method.localeCompare(b.method))
}

export function resolve(d: Doc, s?: Schema): Schema | undefined {
  if (!s?.$ref) return s
  return d.components.schemas[s.$ref.replace('#/components/schemas/', '')]
}

const typeName = (d: Doc, s: Schema): string => {
  const r = resolve(d, s) ?? {}
  const t = Array.isArray(r.type) ? r.type.filter((x) => x !== 'null').join('|') : r.type ?? 'object'
  if (t === 'array') return `${typeName(d, r.items ?? {})}[]`
  return r.enum ? r.enum.filter((x) => x !== '').join(' | ') : r.format ?? t
}

/** The fields of a schema, objects inside it with dots, two levels deep. */
export function lines(d: Doc, s?: Schema, prefix = '', depth = 0): FieldLine[] {
  const r = resolve(d, s)
  if (!r) return []
  if (r.type === 'array') return lines(d, r.items, prefix ? `${prefix}[]` : '[]', depth)
  const out: FieldLine[] = []
  for (const [name, p] of Object.entries(r.properties ?? {})) {
    const full = prefix ? `${prefix}.${name}` : name
    out.push({ name: full, type: typeName(d, p), required: r.required?.includes(name) ?? false, text: p.description ?? resolve(d, p)?.description ?? '' })
    const inner = resolve(d, p)
    if (depth < 2 && inner && (inner.properties || inner.type === 'array')) out.push(...lines(d, inner.type === 'array' ? inner.items : inner, inner.type === 'array' ? `${full}[]` : full, depth + 1))
  }
  return out
}

/** A body to begin with: required fields by their kind. */
export function example(d: Doc, s?: Schema): unknown {
  const r = resolve(d, s)
  if (!r) return undefined
  if (r.enum?.length) return r.enum.find((x) => x !== '') ?? ''
  const t = Array.isArray(r.type) ? r.type[0] : r.type
  if (t === 'array') return []
  if (t === 'integer' || t === 'number') return r.minimum ?? 0
  if (t === 'boolean') return false
  if (t === 'string') return ''
  const out: Record<string, unknown> = {}
  for (const [k, p] of Object.entries(r.properties ?? {})) if (r.required?.includes(k)) out[k] = example(d, p)
  return out
}
