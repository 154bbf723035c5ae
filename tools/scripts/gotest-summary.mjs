// Reads `go test -json` output and prints what a person wants: one line per
// package, the whole output of what failed, and the counts.
import { readFileSync } from 'node:fs'

const out = new Map()
let passed = 0, failed = 0, skipped = 0
const failures = [], skips = []
for (const line of readFileSync(process.argv[2], 'utf8').split('\n')) {
  if (!line) continue
  let e
  try { e = JSON.parse(line) } catch { console.log(line); continue }
  const key = `${e.Package}\t${e.Test ?? ''}`
  if (e.Action === 'output' || e.Action === 'build-output') {
    const k = e.Action === 'build-output' ? `${e.ImportPath?.split(' ')[0]}\t` : key
    out.set(k, (out.get(k) ?? '') + e.Output)
    continue
  }
  if (!e.Test) {
    if (e.Action === 'fail') failures.push(key)
    if (['pass', 'fail'].includes(e.Action)) console.log(`${e.Action === 'pass' ? 'ok  ' : 'FAIL'} ${e.Package} ${e.Elapsed.toFixed(1)} s`)
    continue
  }
  if (e.Action === 'pass') passed++
  if (e.Action === 'fail') { failed++; failures.push(key) }
  if (e.Action === 'skip') { skipped++; skips.push(e.Test) }
}
for (const k of failures) console.log(`--- FAIL ${k.replace('\t', ' ')}\n${out.get(k) ?? ''}`)
if (skips.length) console.log(`skipped: ${skips.join(', ')}`)
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
