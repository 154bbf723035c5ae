// A day at the console without a mouse: log in, jump by Ctrl K, judge an
// alert, take it back, open an order, read the help, change the theme, log
// out. Every step is keys only.
//
//   BASE_URL=http://127.0.0.1:8080 OUT=/tmp/shots node e2e/keyboard.mjs
import { mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'

const base = process.env.BASE_URL ?? 'http://127.0.0.1:8080'
const out = process.env.OUT ?? 'test-results'
const password = process.env.PASSWORD ?? 'Jiexun@2026'
const wait = Number(process.env.WAIT_S ?? 180) * 1000
mkdirSync(out, { recursive: true })

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
})
const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' })
context.setDefaultTimeout(15000)
const page = await context.newPage()
// A mouse event anywhere is a fault of this script.
await page.addInitScript(() => ['mousedown', 'touchstart'].forEach((t) => addEventListener(t, () => (window.touched = true), true)))
let n = 0
let failed = 0
async function step(name, f) {
  try {
    await f()
    n++
    console.log(`ok    ${name}`)
    await page.screenshot({ path: `${out}/key-${String(n).padStart(2, '0')}.png` })
  } catch (e) {
    failed++
    console.log(`FAIL  ${name}: ${e.message.split('\n').slice(0, 3).join(' | ')}`)
    throw e
  }
}
const key = (k) => page.keyboard.press(k)
const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute('aria-label') || document.activeElement?.id || '')
/** Tab until the focused thing says the text. */
async function tabTo(text, most = 60) {
  for (let i = 0; i < most; i++) {
    if ((await focused()).includes(text)) return
    await key('Tab')
  }
  throw new Error(`Tab does not reach ${text}`)
}
async function jump(text) {
  await key('Control+k')
  await page.getByRole('combobox', { name: '搜索' }).waitFor()
  await page.keyboard.type(text)
  await page.locator('.pal .hit[aria-selected=true]').filter({ hasText: text }).waitFor()
  await key('Enter')
}

try {
  await step('log in', async () => {
    await page.goto(base)
    await page.locator('#account').waitFor()
    await tabTo('account', 20)
    await page.keyboard.type('caozuo')
    await key('Tab')
    await page.keyboard.type(password)
    await key('Enter')
    await page.waitForURL((u) => !u.pathname.endsWith('/login'))
  })
  await step('the skip link is the first thing that Tab reaches', async () => {
    await page.locator('.shell').waitFor()
    await page.evaluate(() => document.activeElement?.blur())
    await key('Tab')
    if ((await focused()) !== '跳到内容') throw new Error(`Tab reached ${await focused()}`)
    await key('Enter')
    if ((await page.evaluate(() => document.activeElement?.id)) !== 'main') throw new Error('the link does not lead into the content')
  })
  await step('Ctrl K goes to the alerts', async () => {
    await jump('预警研判')
    await page.waitForURL(/\/alerts/)
  })
  await step('judge an alert and take it back', async () => {
    await page.locator('.queue .qi').first().waitFor({ timeout: wait })
    await key('j')
    await key('k')
    await page.locator('.ev img').first().waitFor()
    await key('x')
    await page.getByRole('radiogroup', { name: '驳回理由' }).waitFor()
    await key('1')
    const answer = page.waitForResponse((r) => r.url().endsWith('/reject'))
    await key('Enter')
    if (!(await answer).ok()) throw new Error(`reject answered ${(await answer).status()}`)
    await page.screenshot({ path: `${out}/key-rejected.png` })
    const back = page.waitForResponse((r) => r.url().endsWith('/undo'))
    await key('u')
    if (!(await back).ok()) throw new Error(`undo answered ${(await back).status()}`)
  })
  await step('G W goes to the orders', async () => {
    await key('g')
    await key('w')
    await page.waitForURL(/\/orders/)
    await page.locator('table.tb').waitFor()
  })
  await step('? tells what this page is for', async () => {
    await key('?')
    await page.getByRole('dialog', { name: '键盘与帮助' }).waitFor()
    await key('Escape')
  })
  await step('the dark theme', async () => {
    await jump('换成夜间指挥主题')
    await page.waitForFunction(() => document.documentElement.classList.contains('dark'))
    await jump('换成日间主题')
  })
  await step('log out', async () => {
    await jump('退出登录')
    await page.waitForURL(/\/login/)
  })
  if (await page.evaluate(() => window.touched)) throw new Error('a mouse was used')
} catch (e) {
  failed ||= 1
  console.log(e.message.split('\n')[0])
  await page.screenshot({ path: `${out}/key-failed.png` }).catch(() => undefined)
} finally {
  await browser.close()
}
console.log(`${n} steps by keyboard, ${failed} failed`)
process.exit(failed ? 1 : 0)
