// A notice to a shop: an order becomes a notice, the shop answers with a photo
// on its own page, the officer confirms on the phone.
import { readFileSync } from 'node:fs'
import { base, done, errors, must, out, person, step, stop } from './lib.mjs'

// A picture of our own: the page that the dispatcher saw.
const photo = () => readFileSync(`${out}/notice-02-issued.jpg`)

async function confirm(op) {
  const { csrf } = await op.get('/session')
  for (let i = 0; i < 90; i++) {
    const { items } = await op.get('/alerts?tab=pending&size=20')
    for (const a of items.filter((x) => ['stacking', 'frontage'].includes(x.kind) && x.shopId)) {
      const r = await op.page.request.post(`${base}/api/alerts/${a.id}/confirm`, { headers: { 'X-CSRF-Token': csrf, Origin: base }, data: { rev: a.rev, merge: false } })
      if (r.ok()) return (await r.json()).orderId
    }
    await op.page.waitForTimeout(1000)
  }
  throw new Error('no alert of a shop came within 90 seconds')
}

try {
  const op = await person('caozuo')
  const order = await step('operator confirms an alert of a shop', () => confirm(op))
  const leader = await person('paidan')
  const paper = await step('dispatcher issues the notice from the order', async () => {
    const p = leader.page
    await p.goto(`${base}/orders/${order}`)
    await p.getByRole('link', { name: '制发告知' }).click()
    await p.locator('article.pv').waitFor()
    await leader.shot('notice-01-preview')
    await p.getByRole('button', { name: '制发并送达' }).click()
    await p.getByText('查询码').first().waitFor()
    await p.screenshot({ path: `${out}/notice-02-issued.jpg`, type: 'jpeg' })
    const id = p.url().split('/').pop()
    return leader.get(`/notices/${id}`)
  })
  must(paper.code, 'the notice has no code')
  const shop = await leader.context.browser().newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, locale: 'zh-CN', timezoneId: 'Asia/Shanghai' })
  shop.setDefaultTimeout(15000)
  const o = await shop.newPage()
  o.on('pageerror', (e) => errors.push(`shop: ${e.message}`))
  await step('the shop opens its notice with the code and four digits', async () => {
    must(paper.paper, 'the notice gives no four digits')
    await o.goto(`${base}/o/`)
    await o.screenshot({ path: `${out}/notice-03-door.png` })
    await o.getByLabel('查询码').fill(paper.code)
    await o.getByLabel('后四位').fill(paper.paper === '0000' ? '1111' : '0000')
    await o.getByRole('button', { name: '查看通知' }).click()
    await o.getByRole('alert').waitFor()
    await o.getByLabel('后四位').fill(paper.paper)
    await o.getByRole('button', { name: '查看通知' }).click()
    await o.locator('h2.ttl').waitFor()
    await o.waitForTimeout(800)
    await o.screenshot({ path: `${out}/notice-04-owner.png`, fullPage: true })
  })
  await step('the shop sends a photo and says that it is put right', async () => {
    await o.getByRole('button', { name: /已改正/ }).first().click()
    await o.locator('input[type=file]').first().setInputFiles({ name: 'after.jpg', mimeType: 'image/jpeg', buffer: photo() })
    await o.locator('img[src^="blob:"]').first().waitFor()
    await o.getByRole('button', { name: /^提交/ }).click()
    await o.getByText('已收到您的整改反馈').waitFor()
    await o.screenshot({ path: `${out}/notice-05-answered.png`, fullPage: true })
  })
  await step('a person of the squad confirms it on the phone', async () => {
    const squad = await person('zhongdui', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true })
    const q = squad.page
    await q.goto(`${base}/m/notice/${paper.id}`)
    await q.getByText('商铺反馈已改正').first().waitFor()
    await squad.shot('notice-06-phone')
    await q.getByRole('button', { name: '确认已改正' }).click()
    await q.getByRole('button', { name: '确认已改正' }).click()
    await q.getByText('已确认改正').first().waitFor()
    must((await squad.get(`/notices/${paper.id}`)).state === 'confirmed', 'the notice is not confirmed')
  })
  await step('the shop sees that it is done', async () => {
    await o.reload()
    await o.getByText('已确认改正，谢谢配合').waitFor()
  })
  await step('no page threw', async () => must(!errors.length, errors.join(' | ')))
} catch {
  // the step has told
} finally {
  await stop()
}
done()
