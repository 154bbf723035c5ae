// What the journeys share: a browser, people who log in, and counted steps.
import { mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'

export const base = process.env.BASE_URL ?? 'http://127.0.0.1:8080'
export const out = process.env.OUT ?? 'test-results'
const password = process.env.PASSWORD ?? 'Jiexun@2026'
mkdirSync(out, { recursive: true })

let passed = 0
let failed = 0
/** Errors that pages threw and 5xx answers that they got. */
export const errors = []

export async function step(name, f) {
  const t = Date.now()
  try {
    const r = await f()
    passed++
    console.log(`ok    ${name} (${((Date.now() - t) / 1000).toFixed(1)} s)`)
    return r
  } catch (e) {
    failed++
    console.log(`FAIL  ${name}: ${e.message.split('\n').slice(0, 4).join(' | ')}`)
    throw e
  }
}

export function must(ok, what) {
  if (!ok) throw new Error(what)
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
})

/** Opens a browser for a person and logs in. */
export async function person(account, o = {}) {
  const context = await browser.newContext({ viewport: { width: 1920, height: 1080 }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', ...o })
  context.setDefaultTimeout(20000)
  const page = await context.newPage()
  page.on('pageerror', (e) => errors.push(`${account}: ${e.message}`))
  page.on('response', (r) => r.status() >= 500 && errors.push(`${account}: ${r.status()} ${r.url()}`))
  const phone = !!o.isMobile
  await page.goto(base + (phone ? '/m/' : '/'))
  await page.fill('#account', account)
  await page.fill('#password', password)
  await page.getByRole('button', { name: phone ? '登录' : '登录街巡', exact: true }).click()
  await page.waitForURL((u) => !u.pathname.endsWith('/login'))
  return { context, page, shot: (name) => page.screenshot({ path: `${out}/${name}.png` }), get: async (path) => (await page.request.get(`${base}/api${path}`)).json() }
}

export const stop = () => browser.close()

/** Prints the count and ends the process: 1 when something failed or a page threw. */
export function done() {
  for (const e of errors) console.log(`ERROR ${e}`)
  console.log(`${passed} passed, ${failed + (errors.length ? 1 : 0)} failed`)
  process.exit(failed || errors.length ? 1 : 0)
}
