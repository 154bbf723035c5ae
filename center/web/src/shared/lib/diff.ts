// The difference between two recorded states, line by line.
export interface DiffLine {
  sign: '-' | '+'
  text: string
}

function flat(v: unknown, prefix = '', out: Record<string, string> = {}): Record<string, string> {
  if (v !== null && typeof v === 'object') {
    for (const [k, x] of Object.entries(v as Record<string, unknown>)) flat(x, prefix ? `${prefix}.${k}` : k, out)
  } else if (v !== undefined) out[prefix || '值'] = typeof v === 'string' ? v : JSON.stringify(v)
  return out
}

function read(v: unknown): unknown {
  if (typeof v !== 'string') return v
  if (!v) return undefined
  try {
    return JSON.parse(v)
  } catch {
    return v
  }
}

export function diff(before: unknown, after: unknown): DiffLine[] {
  const a = flat(read(before) ?? {})
  const b = flat(read(after) ?? {})
  const out: DiffLine[] = []
  for (const k of [...new Set([...Object.keys(a), ...Object.keys(b)])]) {
    if (a[k] === b[k]) continue
    if (a[k] !== undefined) out.push({ sign: '-', text: `${k}　${a[k]}` })
    if (b[k] !== undefined) out.push({ sign: '+', text: `${k}　${b[k]}` })
  }
  return out
}
