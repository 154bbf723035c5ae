// Opens every page of the console and the phone that each demonstration
// account may open, in light and dark, with its tabs and the dialog of its main
// button, and lets axe look for what people with a screen reader, a keyboard or
// weak eyes cannot use. A page of one record is opened by the first link that
// leads to one. Serious and critical findings fail.
//
//   BASE_URL=http://127.0.0.1:8080 OUT=/tmp/a11y [ONLY=^/flow] node e2e/a11y.mjs [account …]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const base = process.env.BASE_URL ?? 'http://127.0.0.1:8080'
const out = process.env.OUT ?? 'test-results'
const password = process.env.PASSWORD ?? 'Jiexun@2026'
const themes = (process.env.THEMES ?? 'light,dark').split(',')
mkdirSync(out, { recursive: true })

// Pages by the permission that opens them, from the console's own list.
const source = readFileSync(new URL('../src/app/routes.ts', import.meta.url), 'utf8')
const pages = source
  .split('\n')
  .map((line) => ({ path: /path: '([^']+)'/.exec(line)?.[1], perms: [...(/perm: \[([^\]]*)\]/.exec(line)?.[1] ?? '').matchAll(/'([^']+)'/g)].map((m) => m[1]), open: /open: true/.test(line) }))
  .filter((p) => p.path && !p.path.includes('*'))
const one = pages.filter((p) => p.path.includes(':')).map((p) => ({ ...p, match: new RegExp('^' + p.path.replace(/:\w+/g, '[^/?#]+') + '$') }))
const plain = pages.filter((p) => !p.path.includes(':'))
// Drawing tools made elsewhere, with markup of their own.
const foreign = [['.djs-container'], ['.bjs-container'], ['._fc-designer']]
const only = new RegExp(process.env.ONLY ?? '')
const phonePages = ['/m/', '/m/?tab=take', '/m/me', '/m/todos']

const accounts = process.argv.length > 2 ? process.argv.slice(2) : ['caozuo', 'paidan', 'zhongdui', 'fazhi', 'yunwei', 'xitong', 'anquan', 'shenji']
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
})

const findings = new Map() // rule + page → finding
const errors = []
let looked = 0
const seen = new Set()

async function settle(page) {
  await page.waitForLoadState('domcontentloaded')
  await page.waitForTimeout(350)
  // A page has come when it has a heading or says why it has none.
  const come = () => !document.querySelector('.skel, [aria-busy="true"]') && (!document.querySelector('#main') || document.querySelector('#main :is(h1, .sb)'))
  await page.waitForFunction(come, null, { timeout: 10000 }).catch(() => {})
  await page.waitForTimeout(250)
}

async function look(page, name, theme) {
  await page.evaluate(axe)
  const r = await page.evaluate((foreign) => window.axe.run({ include: document, exclude: foreign }, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations'] }), foreign)
  looked++
  for (const v of r.violations) {
    if (v.impact !== 'serious' && v.impact !== 'critical') continue
    findings.set(`${v.id} ${name} ${theme}`, { rule: v.id, impact: v.impact, page: name, theme, help: v.help, count: v.nodes.length, nodes: v.nodes.slice(0, 4).map((n) => ({ target: n.target.join(' '), html: n.html.slice(0, 160), why: (n.any[0] ?? n.all[0] ?? n.none[0])?.message })) })
  }
}

async function visit(account, phone) {
  const context = await browser.newContext(phone ? { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, locale: 'zh-CN', reducedMotion: 'reduce' } : { viewport: { width: 1440, height: 900 }, locale: 'zh-CN', reducedMotion: 'reduce' })
  context.setDefaultTimeout(15000)
  const page = await context.newPage()
  page.on('pageerror', (e) => errors.push(`${account} ${page.url()}: ${e.message}`))
  page.on('response', (r) => r.status() >= 500 && errors.push(`${account}: ${r.status()} ${r.url()}`))
  await page.goto(base + (phone ? '/m/' : '/'))
  if (!seen.has(`login${phone}`)) {
    seen.add(`login${phone}`)
    await settle(page)
    await look(page, phone ? '/m/login' : '/login', 'light')
  }
  await page.fill('#account', account)
  await page.fill('#password', password)
  await page.getByRole('button', { name: phone ? '登录' : '登录街巡', exact: true }).click()
  await page.waitForURL((u) => !u.pathname.endsWith('/login'))
  const mine = (await (await page.request.get(`${base}/api/session`)).json()).person.permissions
  const may = (p) => !p.open && (p.perms.length === 0 || p.perms.some((x) => mine.includes(x)))
  const list = (phone ? phonePages : plain.filter(may).map((p) => p.path)).map((path) => ({ path, name: path }))
  for (const { path, name } of list) {
    if (seen.has(name) || !only.test(name)) continue
    seen.add(name)
    for (const theme of phone ? ['light'] : themes) {
      await page.addInitScript((t) => localStorage.setItem('jx.theme', t), theme)
      await page.goto(base + path)
      await page.evaluate((t) => document.documentElement.classList.toggle('dark', t === 'dark'), theme)
      await settle(page)
      await look(page, name, theme)
      if (theme !== 'light') continue
      const shot = (more = '') => page.screenshot({ path: `${out}/${account}${name.replaceAll(/[/?=:]/g, '_')}${more}.png` })
      await shot()
      if (phone) continue
      for (const href of await page.evaluate(() => [...document.querySelectorAll('#main a[href]')].map((a) => a.getAttribute('href').split(/[?#]/)[0]))) {
        const p = one.find((x) => x.match.test(href) && !plain.some((y) => y.path === href))
        if (p && may(p) && !seen.has(p.path) && !list.some((x) => x.name === p.path)) list.push({ path: href, name: p.path })
      }
      await parts(page, name, shot)
    }
  }
  await context.close()
}

/** The tabs of a page and the dialog that its main button opens. */
async function parts(page, name, shot) {
  const tabs = page.locator('#main [role=tab]:visible')
  for (let i = 1; i < Math.min(await tabs.count(), 5); i++) {
    const label = (await tabs.nth(i).textContent()).trim()
    await tabs.nth(i).click()
    await settle(page)
    await look(page, `${name} ${label}`, 'light')
    await shot(`-tab${i}`)
  }
  const main = page.locator('#main header.ph button.btn.p:visible:enabled').first()
  if (!(await main.count()) || /自检|发布|立即/.test(await main.textContent())) return
  await main.click()
  const dialog = page.locator('dialog[open]').first()
  if (!(await dialog.waitFor({ timeout: 1500 }).then(() => true, () => false))) return
  await settle(page)
  await look(page, `${name} dialog`, 'light')
  await shot('-dialog')
}

try {
  for (const a of accounts) await visit(a, false)
  await visit('duiyuan', true)
} finally {
  await browser.close()
}
const list = [...findings.values()].sort((a, b) => a.rule.localeCompare(b.rule))
writeFileSync(`${out}/a11y.json`, JSON.stringify(list, null, 2))
for (const f of list) console.log(`${f.impact}  ${f.rule}  ${f.page} (${f.theme})  ${f.count}x  ${f.nodes[0].target}  ${f.nodes[0].why ?? f.help}`)
for (const e of errors) console.log(`error  ${e}`)
console.log(`${looked} looks at ${seen.size} pages, ${list.length} serious findings, ${errors.length} page errors`)
process.exit(list.length || errors.length ? 1 : 0)
