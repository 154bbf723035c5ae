// Screenshots of pages for looking at: node dev/shot.mjs OUT account path[@WxH][!dark] …
import { chromium } from 'playwright-core'
const [, , out, account, ...paths] = process.argv
const base = process.env.BASE_URL ?? 'http://127.0.0.1:5173'
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
for (const [i, spec] of paths.entries()) {
  const m = /^(.*?)(?:@(\d+)x(\d+))?(!dark)?$/.exec(spec)
  const width = Number(m[2] ?? 1920)
  const phone = /^\/m(\/|$)/.test(m[1])
  const ctx = await browser.newContext({ viewport: { width, height: Number(m[3] ?? 1080) }, locale: 'zh-CN', timezoneId: 'Asia/Shanghai', deviceScaleFactor: phone ? 2 : 1, hasTouch: phone, isMobile: phone })
  const page = await ctx.newPage()
  page.on('console', (c) => ['error', 'warning'].includes(c.type()) && console.log(`[${spec}]`, c.text().slice(0, 300)))
  page.on('pageerror', (e) => console.log(`[${spec}] pageerror`, e.message, (e.stack ?? '').split('\n')[1]))
  if (account !== '-') {
    const r = await page.request.post(base + '/api/session', { data: { account, password: process.env.PASSWORD ?? 'Jiexun@2026' } })
    if (!r.ok()) console.log('login', r.status(), await r.text())
  }
  if (m[4]) await page.addInitScript(() => localStorage.setItem('jx.theme', 'dark'))
  await page.goto(base + m[1])
  await page.waitForTimeout(Number(process.env.WAIT ?? 1500))
  if (process.env.DO) await new Function('page', `return (async()=>{${process.env.DO}})()`)(page)
  const file = `${out}/${String(i).padStart(2, '0')}${m[1].replace(/[^\w]+/g, '_')}_${width}${m[4] ? '_dark' : ''}.png`
  await page.screenshot({ path: file })
  console.log(file)
  await ctx.close()
}
await browser.close()
