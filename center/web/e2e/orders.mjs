// The journey of orders beyond the straight one: several handed on at once,
// one urged, a far arrival with its reason, work without a network across a
// reload of the page, a case to be filed and sent back, a filter kept.
import { base, done, errors, must, person, step, stop } from './lib.mjs'

// Confirms the newest pending alert through the API, as the operator.
async function confirm(op) {
  const { csrf } = await op.get('/session')
  for (let i = 0; i < 60; i++) {
    const { items } = await op.get('/alerts?tab=pending&size=20')
    for (const a of items.filter((x) => ['stacking', 'frontage'].includes(x.kind))) {
      const r = await op.page.request.post(`${base}/api/alerts/${a.id}/confirm`, { headers: { 'X-CSRF-Token': csrf, Origin: base }, data: { rev: a.rev, merge: false } })
      if (r.ok()) return (await r.json()).orderId
    }
    await op.page.waitForTimeout(1000)
  }
  throw new Error('no alert came within a minute')
}

try {
  const op = await person('caozuo')
  const ids = await step('operator confirms two alerts', async () => [await confirm(op), await confirm(op)])
  const dispatcher = await person('paidan')
  await step('dispatcher hands both on in one press, each with its result', async () => {
    const p = dispatcher.page
    await p.goto(`${base}/orders?tab=todo`)
    await p.getByLabel('选中本页可派的工单').check()
    await p.getByRole('button', { name: '批量派发' }).click()
    const d = p.getByRole('dialog')
    await d.getByText('按点位地址推荐').first().waitFor()
    await dispatcher.shot('orders-01-batch')
    await d.getByRole('button', { name: /^派出 \d+ 张$/ }).click()
    await d.getByText('已派出').first().waitFor()
    await dispatcher.shot('orders-02-batch-done')
    await d.getByRole('button', { name: '完成' }).click()
    for (const id of ids) must((await dispatcher.get(`/orders/${id}`)).squadOrgId, 'an order was not handed on')
  })
  await step('dispatcher urges one; at once again is refused with the time', async () => {
    const p = dispatcher.page
    await p.goto(`${base}/orders/${ids[0]}`)
    for (const text of ['已催办', '后可以再催']) {
      await p.getByRole('button', { name: '催办' }).click()
      await p.getByRole('dialog').getByRole('textbox').fill('请尽快到场')
      await p.getByRole('dialog').getByRole('button', { name: '催办' }).click()
      await p.getByText(text).first().waitFor()
    }
    await dispatcher.shot('orders-03-urged')
  })
  await step('a filter is kept and found again', async () => {
    const p = dispatcher.page
    await p.goto(`${base}/orders?tab=all&urged=true`)
    await p.getByRole('button', { name: '我的筛选' }).click()
    await p.getByLabel('筛选名称').fill('已催办的')
    await p.getByRole('button', { name: '存下' }).click()
    await p.getByText('已存为「已催办的」').waitFor()
    await p.goto(`${base}/orders?tab=all`)
    await p.getByRole('button', { name: '我的筛选' }).click()
    await p.getByRole('button', { name: '已催办的', exact: true }).click()
    await p.waitForURL((u) => u.searchParams.get('urged') === 'true')
    await p.locator('tbody tr').first().waitFor()
    await dispatcher.shot('orders-04-filter')
  })

  const leader = await person('zhongdui')
  await step('leader hands both to an officer in one press', async () => {
    const p = leader.page
    await p.goto(`${base}/orders?tab=todo`)
    await p.getByLabel('选中本页可派的工单').check()
    await p.getByRole('button', { name: '批量派发' }).click()
    await p.getByRole('dialog').getByRole('button', { name: /^派出 \d+ 张$/ }).click()
    await p.getByRole('dialog').getByText('已派出').first().waitFor()
    await p.getByRole('dialog').getByRole('button', { name: '完成' }).click()
  })
  const o = await leader.get(`/orders/${ids[0]}`)
  must(o.officerName, 'the order has no officer')
  const officer = await person('duiyuan', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, permissions: ['geolocation'], geolocation: { longitude: o.lng + 0.004, latitude: o.lat, accuracy: 8 } })
  const p = officer.page
  await step('officer sees the urging, sorts by distance, finds the way', async () => {
    await p.goto(`${base}/m/?tab=take`)
    await p.getByText('催办').first().waitFor()
    await p.getByRole('button', { name: '改为最近的优先' }).click()
    await p.getByText('最近的优先').waitFor()
    await p.getByRole('button', { name: '导航' }).first().click()
    await p.getByText('高德地图导航').waitFor()
    await p.getByText(/^往.+\d/).waitFor()
    await officer.shot('orders-05-phone-way')
    await p.getByText('不导航了').click()
  })
  await step('far away the arrival asks why', async () => {
    await p.goto(`${base}/m/order/${ids[0]}`)
    await p.getByRole('button', { name: '签收工单' }).click()
    await p.getByRole('button', { name: '到场签到' }).click()
    await p.getByText(/离点位 .+超过/).waitFor()
    await officer.shot('orders-06-phone-far')
    await p.getByText('现场封闭，只能在附近').click()
    await p.getByRole('button', { name: '写明原因并签到' }).click()
    await p.getByText('已到场').waitFor()
  })
  await step('without a network: page opened anew, photo and result kept, sent once when it is back', async () => {
    await p.evaluate(() => navigator.serviceWorker.ready.then(() => new Promise((ok) => setTimeout(ok, 2500))))
    await officer.context.setOffline(true)
    await p.goto(`${base}/m/order/${ids[0]}`)
    const jpeg = await p.evaluate(async () => {
      const c = document.createElement('canvas')
      c.width = 2000
      c.height = 1500
      const g = c.getContext('2d')
      g.fillStyle = '#8aa'
      g.fillRect(0, 0, 2000, 1500)
      return [...new Uint8Array(await (await new Promise((ok) => c.toBlob(ok, 'image/jpeg'))).arrayBuffer())]
    })
    await p.setInputFiles('[data-test=photo]', { name: 'a.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(jpeg) })
    await p.getByText('已拍 1 张').waitFor()
    await p.getByRole('radio', { name: '立案' }).click()
    await p.fill('#note-text', '拒不改正，建议立案。')
    await p.waitForTimeout(700)
    await officer.shot('orders-07-phone-offline')
    await p.getByRole('button', { name: '提交处置结果' }).click()
    await p.getByText('1 条还没上传').waitFor()
    await p.goto(`${base}/m/unsent`)
    await p.getByText('照片 1 张').waitFor()
    await officer.shot('orders-08-phone-unsent')
    must((await leader.get(`/orders/${ids[0]}`)).state === 'onSite', 'the order moved on while the phone was offline')
    await officer.context.setOffline(false)
    const until = Date.now() + 30000
    let now
    while ((now = await leader.get(`/orders/${ids[0]}`)).state !== 'handled') {
      must(Date.now() < until, 'the result did not go up within 30 s')
      await p.waitForTimeout(500)
    }
    must(now.timeline.filter((t) => t.act === 'handle').length === 1, 'the result was handed in more than once')
    const photo = now.photos[0]
    must(photo.original && photo.original !== photo.sm3 && photo.takenAt && photo.distanceM > 300, `the photo lost what was known of it: ${JSON.stringify(photo)}`)
    const back = await officer.page.request.get(`${base}/api/blobs/${photo.original}`)
    must(Buffer.compare(await back.body(), Buffer.from(jpeg)) === 0, 'the original was changed')
  })
  await step('leader reviews: a case has to be filed, the order waits', async () => {
    const q = leader.page
    await q.goto(`${base}/orders/${ids[0]}`)
    await q.getByText('结果为立案').waitFor()
    await q.evaluate(() => document.activeElement?.blur())
    await leader.shot('orders-09-review')
    await q.getByRole('button', { name: /通过并移交立案/ }).click()
    await q.locator('.pill', { hasText: '待立案' }).first().waitFor()
    await leader.shot('orders-10-filing')
    must((await leader.get('/orders/counts?tab=all')).filing >= 1, 'the list does not count it')
    await q.fill('#opinion', '缺当事人信息')
    await q.getByRole('button', { name: '退回补充' }).click()
    await q.locator('.pill', { hasText: '处置中' }).first().waitFor()
  })
  await step('no page threw and the center answered no 5xx', async () => must(errors.length === 0, errors.join('; ')))
} catch {
  // Counted where it happened; the steps after it cannot run.
} finally {
  await stop()
  done()
}
