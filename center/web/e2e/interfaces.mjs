// An outside application from registration to revoked interfaces, in a real
// browser, by two people: the system administrator applies, the security
// administrator approves; then every refusal is seen with its own code.
//
//   BASE_URL=http://127.0.0.1:8080 OUT=/tmp/shots SYS=sysadmin SEC=anquan node e2e/interfaces.mjs
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { person, done, must, step, stop, base } from './lib.mjs'

const sysAccount = process.env.SYS ?? 'xitong'
const secAccount = process.env.SEC ?? 'anquan'
const code = `e2e.parking${Date.now() % 100000}`
const name = `停车管理平台 ${code.slice(-5)}`

// Signs by Node's own SM3, so that the browser's is checked against another.
async function call(app, key, method, path, o = {}) {
  const body = o.body ? JSON.stringify(o.body) : ''
  const [p, q = ''] = path.split('?')
  const time = String(Date.now() + (o.shift ?? 0))
  const nonce = o.nonce ?? randomBytes(12).toString('hex')
  const text = [method, p, q, time, nonce, createHash('sm3').update(body).digest('hex')].join('\n')
  const headers = { 'X-Jx-App': app, 'X-Jx-Time': time, 'X-Jx-Nonce': nonce, 'X-Jx-Sign': createHmac('sm3', key + (o.wrong ?? '')).update(text).digest('hex') }
  if (body) headers['Content-Type'] = 'application/json'
  const r = await fetch(base + path, { method, headers, body: body || undefined })
  const j = await r.json().catch(() => ({}))
  return { status: r.status, code: j.code ?? '', nonce, body: j }
}

async function pick(page, text) {
  return page.locator('table.tb tbody tr', { hasText: text }).first()
}

async function newInterface(sys, sec, o) {
  await sys.page.goto(`${base}/integration/interfaces`)
  await sys.page.getByRole('button', { name: '申请接口' }).click()
  const d = sys.page.getByRole('dialog', { name: '申请接口' })
  await d.locator('#i-app option', { hasText: code }).waitFor({ state: 'attached' })
  await d.locator('#i-app').selectOption({ label: `${name}（${code}）` })
  await d.locator('#i-why').fill(o.why)
  for (const k of o.kinds) await d.locator('.kind', { hasText: k }).locator('input').check()
  await d.locator('#i-quota').fill(String(o.quota ?? 10000))
  await d.locator('#i-rate').fill(String(o.rate ?? 50))
  await d.locator('#i-ips').fill(o.ips ?? '127.0.0.1\n::1')
  if (o.shot) await sys.shot(o.shot)
  await d.getByRole('button', { name: '提交接口申请' }).click()
  await sys.page.waitForURL(/\/integration\/interfaces\/.+/)
  const url = sys.page.url()
  await sec.page.goto(url)
  await sec.page.getByRole('button', { name: '批准申请' }).click()
  if (o.approveShot) await sec.shot(o.approveShot)
  await sec.page.getByRole('dialog').getByRole('button', { name: '批准申请' }).click()
  await sec.page.locator('.pill', { hasText: '待领取密钥' }).first().waitFor()
  await sys.page.goto(url)
  await sys.page.getByRole('button', { name: '领取密钥' }).click()
  await sys.page.getByRole('dialog').getByRole('button', { name: '领取密钥' }).click()
  const app = (await sys.page.locator('[data-test=app-key]').innerText()).trim()
  const key = (await sys.page.locator('[data-test=secret]').innerText()).trim()
  if (o.keyShot) await sys.shot(o.keyShot)
  await sys.page.getByRole('button', { name: '已保存，关闭' }).click()
  return { url, app, key }
}

try {
  const sys = await step('the system administrator logs in', () => person(sysAccount))
  const sec = await step('the security administrator logs in', () => person(secAccount))
  await step('an outside application is registered', async () => {
    await sys.page.goto(`${base}/integration/registry`)
    await sys.page.getByRole('button', { name: '登记应用' }).click()
    const d = sys.page.getByRole('dialog', { name: '登记应用' })
    await d.locator('#r-name').fill(name)
    await d.locator('#r-code').fill(code)
    await d.locator('#r-route').fill('https://parking.example/in')
    await sys.shot('i01-register')
    await d.getByRole('button', { name: '提交登记申请' }).click()
    await sys.page.getByText('等待另一位审批').waitFor()
  })
  await step('another person approves it', async () => {
    await sec.page.goto(`${base}/integration/registry?internal=false&q=${code}`)
    const row = await pick(sec.page, code)
    await row.getByRole('button', { name: '批准' }).click()
    await sec.shot('i02-approve')
    await sec.page.getByRole('dialog').getByRole('button', { name: '批准登记' }).click()
    await sec.page.getByText('已批准', { exact: false }).first().waitFor()
  })
  const one = await step('interfaces are applied for, approved, and the key is taken once', () =>
    newInterface(sys, sec, { why: '停车平台读取本市预警和工单，推送复核待办', kinds: ['用户接口', '授权接口', '业务接口', '待办接口', '日志接口'], shot: 'i03-apply', approveShot: 'i04-approve-interface', keyShot: 'i05-key' }))
  await step('the key is never shown again', async () => {
    await sys.page.reload()
    must(!(await sys.page.content()).includes(one.key), 'the page still shows the key')
  })
  await step('a signed call is answered', async () => {
    const r = await call(one.app, one.key, 'GET', '/api/open/v1/alerts?size=2')
    must(r.status === 200 && Array.isArray(r.body.items), `answered ${r.status} ${r.code}`)
  })
  await step('the documents try it with the same key', async () => {
    await sys.page.goto(`${base}/integration/docs?op=open-self`)
    await sys.page.locator('#d-app').fill(one.app)
    await sys.page.locator('#d-key').fill(one.key)
    await sys.page.getByRole('button', { name: '发送请求' }).click()
    await sys.page.locator('[data-test=try-status]', { hasText: '200' }).waitFor()
    must((await sys.page.locator('[data-test=try-answer]').innerText()).includes('停车管理平台'), 'the answer names no application')
    await sys.shot('i06-docs')
  })
  const seen = {}
  const expect = async (want, r) => {
    seen[want] = r.code
    must(r.code === want, `${want}: answered ${r.status} ${r.code}`)
  }
  await step('replay, wrong signature and expired time each have their code', async () => {
    const first = await call(one.app, one.key, 'GET', '/api/open/v1/self')
    must(first.status === 200, `answered ${first.status}`)
    await expect('nonce_replayed', await call(one.app, one.key, 'GET', '/api/open/v1/self', { nonce: first.nonce }))
    await expect('sign_invalid', await call(one.app, one.key, 'GET', '/api/open/v1/self', { wrong: 'x' }))
    await expect('time_expired', await call(one.app, one.key, 'GET', '/api/open/v1/self', { shift: -6 * 60000 }))
    await expect('interface_not_granted', await call(one.app, one.key, 'GET', '/api/open/v1/applications'))
  })
  await step('over quota, over rate and a foreign address each have their code', async () => {
    const small = await newInterface(sys, sec, { why: '配额只有两次的接口', kinds: ['业务接口'], quota: 2 })
    for (let i = 0; i < 2; i++) must((await call(small.app, small.key, 'GET', '/api/open/v1/alerts')).status === 200, 'inside the quota')
    await expect('quota_exceeded', await call(small.app, small.key, 'GET', '/api/open/v1/alerts'))
    const slow = await newInterface(sys, sec, { why: '每秒只有一次的接口', kinds: ['业务接口'], rate: 1 })
    const burst = await Promise.all(Array.from({ length: 6 }, () => call(slow.app, slow.key, 'GET', '/api/open/v1/alerts')))
    await expect('rate_limited', burst.find((r) => r.code === 'rate_limited') ?? burst[0])
    const far = await newInterface(sys, sec, { why: '只许另一台机器调用', kinds: ['业务接口'], ips: '203.0.113.9' })
    await expect('ip_denied', await call(far.app, far.key, 'GET', '/api/open/v1/alerts'))
  })
  await step('the security administrator revokes; the next call is refused', async () => {
    await sec.page.goto(one.url)
    await sec.page.getByRole('button', { name: '吊销接口' }).click()
    const d = sec.page.getByRole('dialog', { name: '吊销接口' })
    await d.locator('#ifc-why').fill('合作结束')
    await sec.shot('i07-revoke')
    await d.getByRole('button', { name: '吊销接口' }).click()
    await sec.page.locator('.pill', { hasText: '已吊销' }).first().waitFor()
    await expect('app_revoked', await call(one.app, one.key, 'GET', '/api/open/v1/self'))
    await sec.shot('i08-revoked')
  })
  await step('the call log shows every code', async () => {
    await sec.page.waitForTimeout(800)
    for (const c of Object.keys(seen)) {
      await sec.page.goto(`${base}/integration/calls?code=${c}`)
      await sec.page.locator('table.tb tbody tr', { hasText: c }).first().waitFor()
    }
    await sec.page.goto(`${base}/integration/calls`)
    await sec.page.locator('table.tb tbody tr').first().waitFor()
    await sec.shot('i09-calls')
  })
  await step('a function that is switched off loses its entry and answers 403', async () => {
    await sys.page.goto(`${base}/integration/registry?kind=function&q=sync.manage`)
    const entry = sys.page.locator('nav.side').getByText('人员同步')
    await entry.waitFor()
    await (await pick(sys.page, 'sync.manage')).getByRole('button', { name: '停用' }).click()
    await sys.page.locator('#reg-why').fill('演练停用')
    await sys.page.getByRole('dialog').getByRole('button', { name: '停用功能' }).click()
    await entry.waitFor({ state: 'detached' })
    await sys.shot('i10-switched-off')
    const r = await sys.page.request.get(`${base}/api/staff-sources`)
    must(r.status() === 403 && (await r.text()).includes('功能已停用'), `the interface answers ${r.status()}`)
    await (await pick(sys.page, 'sync.manage')).getByRole('button', { name: '启用' }).click()
    await sys.page.getByRole('dialog').getByRole('button', { name: '启用' }).click()
    await entry.waitFor()
    must((await sys.page.request.get(`${base}/api/staff-sources`)).status() === 200, 'the function does not come back')
  })
  for (const [path, shot] of [['/integration/permissions', 'i11-permissions'], ['/integration/webhooks', 'i12-webhooks'], ['/integration/staff', 'i13-staff'], ['/integration/feeds', 'i14-feeds']])
    await step(`${path} opens`, async () => {
      await sys.page.goto(base + path)
      await sys.page.locator('h1').waitFor()
      await sys.page.waitForTimeout(600)
      await sys.shot(shot)
    })
} catch {
  // Counted where it happened; the steps after it cannot run.
} finally {
  await stop()
}
done()
