// The main job in a real browser: an operator confirms an alert by keyboard,
// the dispatcher sends it to a squad, the leader to an officer, the officer
// handles it on a phone with a photo, the leader reviews, the order closes.
//
//   BASE_URL=http://127.0.0.1:8080 OUT=/tmp/shots node e2e/journey.mjs
import { mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'

const base = process.env.BASE_URL ?? 'http://127.0.0.1:8080'
const out = process.env.OUT ?? 'test-results'
const password = process.env.PASSWORD ?? 'Jiexun@2026'
const wait = Number(process.env.WAIT_S ?? 240) * 1000
mkdirSync(out, { recursive: true })

let passed = 0
let failed = 0
const errors = []
async function step(name, f) {
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
function must(ok, what) {
  if (!ok) throw new Error(what)
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage'],
})

async function person(account, o = {}) {
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

// Alerts come and go with the scene: the newest that can still be decided is
// taken, and a change by the scene meanwhile is no failure.
async function confirmOne(op) {
  const until = Date.now() + wait
  for (;;) {
    must(Date.now() < until, `no alert could be confirmed within ${wait / 1000} s`)
    await op.page.goto(`${base}/alerts`)
    const row = op.page.locator('.queue .qi').filter({ hasText: /占道堆物|跨门经营|店招变更/ }).first()
    try {
      await row.waitFor({ timeout: 10000 })
      await row.click()
      const primary = op.page.locator('.decide .ft .btn.p')
      await primary.filter({ hasText: /确认并/ }).waitFor({ timeout: 6000 })
      await op.page.locator('.ev img').first().waitFor({ timeout: 6000 })
      const fresh = op.page.getByRole('button', { name: '改为新建' })
      if (await fresh.count()) await fresh.click()
      const no = (await op.page.locator('.decide .t12.i3').first().textContent()).trim()
      await op.page.evaluate(() => document.activeElement?.blur())
      await op.shot('01-review')
      const answer = op.page.waitForResponse((r) => r.url().endsWith('/confirm'), { timeout: 10000 })
      await op.page.keyboard.press('Enter')
      const r = await answer
      if (r.status() === 409) continue
      must(r.ok(), `confirm answered ${r.status()}: ${await r.text()}`)
      return { ...(await r.json()), alertNo: no }
    } catch (e) {
      if (!/Timeout/.test(e.message)) throw e
    }
  }
}

async function openOrder(who, no) {
  await who.page.goto(`${base}/orders?tab=all&q=${encodeURIComponent(no)}`)
  await who.page.locator('table.tb tbody a').first().click()
  await who.page.waitForURL(/\/orders\/[^?]+$/)
  await who.page.locator('.steps').waitFor()
}

try {
  const op = await step('operator logs in', () => person('caozuo'))
  await step('review queue shows the keys', async () => {
    await op.page.goto(`${base}/alerts`)
    await op.page.locator('.statbar').waitFor()
    await op.page.keyboard.press('?')
    await op.page.getByRole('dialog', { name: '键盘与帮助' }).waitFor()
    await op.page.keyboard.press('Escape')
  })
  const made = await step('operator confirms an alert with Enter', () => confirmOne(op))
  const no = made.orderNo
  must(no, 'the confirmation named no order')
  console.log(`      ${made.alertNo} → ${no}`)
  await op.page.locator('.one', { hasText: no }).waitFor()
  await op.shot('02-confirmed')

  const dispatcher = await person('paidan')
  await step('dispatcher sends it to the squad', async () => {
    await openOrder(dispatcher, no)
    await dispatcher.shot('03-dispatch')
    await dispatcher.page.getByRole('button', { name: /派发工单/ }).click()
    const dialog = dispatcher.page.getByRole('dialog', { name: '派发工单' })
    await dialog.getByText('外滩街道中队', { exact: true }).click()
    await dialog.getByRole('button', { name: /派给外滩/ }).click()
    await dispatcher.page.getByText('已派给 外滩街道中队').waitFor()
  })

  const leader = await person('zhongdui')
  const duty = (await leader.get('/persons?role=officer&size=200')).items.find((p) => p.account === 'duiyuan')
  must(duty, 'the officer duiyuan is not listed')
  await step('leader gives it to the officer by keyboard', async () => {
    await openOrder(leader, no)
    await leader.page.keyboard.press('Enter')
    const dialog = leader.page.getByRole('dialog', { name: '派给队员' })
    await dialog.getByText(duty.name, { exact: true }).click()
    await leader.shot('04-assign')
    await dialog.getByRole('button', { name: `派给${duty.name}` }).click()
    await leader.page.getByText(`已派给 ${duty.name}`).waitFor()
  })

  const order = await leader.get(`/orders/${made.orderId}`)
  const officer = await step('officer logs in on a phone', () =>
    person('duiyuan', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, permissions: ['geolocation'], geolocation: { longitude: order.lng + 0.00005, latitude: order.lat, accuracy: 8 } }),
  )
  const url = `${base}/m/order/${made.orderId}`
  await step('officer accepts', async () => {
    await officer.page.goto(`${base}/m/?tab=take`)
    await officer.page.locator('article').first().waitFor()
    await officer.shot('05-phone-list')
    await officer.page.goto(url)
    await officer.page.getByRole('button', { name: '签收工单' }).click()
    await officer.page.getByRole('button', { name: '到场签到' }).waitFor()
  })
  await step('officer arrives, with place', async () => {
    await officer.page.getByRole('button', { name: '到场签到' }).click()
    await officer.page.getByText('已到场').waitFor()
  })
  await step('officer takes a photo; the draft survives a reload', async () => {
    // The scene without the thing stands in for what the officer photographs.
    const { event } = await op.get(`/alerts/${made.alert.id}`)
    const empty = event.evidence.find((e) => e.role === 'reference') ?? event.evidence[0]
    must(empty, 'the alert has no picture')
    const photo = await (await op.page.request.get(`${base}/api/blobs/${empty.sm3}`)).body()
    await officer.page.setInputFiles('[data-test=photo]', { name: 'site.jpg', mimeType: empty.mediaType, buffer: photo })
    await officer.page.getByText('已拍 1 张').waitFor()
    await officer.page.getByRole('radio', { name: '已改正' }).click()
    await officer.page.fill('#note-text', '物品已搬回店内，通道已清空。')
    await officer.page.getByText('草稿已存在本机').first().waitFor()
    await officer.page.waitForTimeout(600)
    await officer.page.reload()
    await officer.page.getByText('已拍 1 张').waitFor()
    must((await officer.page.inputValue('#note-text')).includes('搬回店内'), 'the note is gone after the reload')
    await officer.shot('06-phone-handling')
  })
  await step('officer submits without a network; it goes up by itself', async () => {
    await officer.context.setOffline(true)
    await officer.page.getByRole('button', { name: '提交处置结果' }).click()
    await officer.page.getByText('1 条还没上传').waitFor()
    await officer.shot('07-phone-offline')
    must((await leader.get(`/orders/${made.orderId}`)).state === 'onSite', 'the order moved on while the phone was offline')
    await officer.context.setOffline(false)
    const until = Date.now() + 30000
    while ((await leader.get(`/orders/${made.orderId}`)).state !== 'handled') {
      must(Date.now() < until, 'the result did not go up within 30 s after the network came back')
      await officer.page.waitForTimeout(500)
    }
    await officer.page.goto(`${base}/m/?tab=done`)
    await officer.page.locator('article', { hasText: '待复核' }).first().waitFor()
    await officer.shot('08-phone-done')
  })
  await step('leader reviews with Enter; the order closes', async () => {
    await openOrder(leader, no)
    await leader.page.locator('.cmp').waitFor()
    await leader.page.evaluate(() => document.activeElement?.blur())
    await leader.shot('09-review-order')
    await leader.page.keyboard.press('Enter')
    await leader.page.getByText('复核通过，已办结并反馈市局').waitFor()
    must((await leader.get(`/orders/${made.orderId}`)).state === 'closed', 'the order is not closed')
    await leader.page.locator('.pill', { hasText: '已办结' }).first().waitFor()
    await leader.shot('10-closed')
  })
  await step('timeline tells every step with name and time', async () => {
    const text = await leader.page.locator('.right .tl').innerText()
    const o = await leader.get(`/orders/${made.orderId}`)
    must(o.timeline.length >= 6, `only ${o.timeline.length} steps are recorded`)
    for (const t of o.timeline) {
      if (t.actor?.name) must(text.includes(t.actor.name), `the timeline lacks ${t.actor.name}`)
      const at = new Date(t.at).toLocaleTimeString('en-GB', { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit' })
      must(text.includes(at), `the timeline lacks ${at}`)
    }
    for (const w of ['签收', '到场', '处置结果', '复核']) must(text.includes(w), `the timeline lacks ${w}`)
    must(text.includes(duty.name), 'the timeline lacks the officer')
    must(o.after?.length === 1, 'the photo is not with the order')
  })
  await step('a phone viewport of the officer shows the closed order', async () => {
    await officer.page.goto(url)
    await officer.page.getByText('已办结').first().waitFor()
    await officer.shot('11-phone-closed')
  })
  await step('no page threw and the center answered no 5xx', async () => must(errors.length === 0, errors.join('; ')))
} catch {
  // Counted where it happened; the steps after it cannot run.
} finally {
  await browser.close()
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
