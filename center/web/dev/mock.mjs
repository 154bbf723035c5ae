// A development server that answers like the center, from invented records
// in memory: `node dev/mock.mjs` (PORT, MOCK_PICTURES name port and a folder
// of jpg files). It is for building pages and is never shipped.
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import * as d from './mockdata.mjs'

const port = Number(process.env.PORT ?? 8080)
const pictures = process.env.MOCK_PICTURES ? readdirSync(process.env.MOCK_PICTURES).filter((f) => f.endsWith('.jpg')).sort() : []
const blobs = new Map()
const sessions = new Map()
const streams = new Set()
const orders = []
const audit = []
const done = new Map()
let orderNo = 311

const json = (res, status, body, extra = {}) => {
  res.writeHead(status, { 'Content-Type': 'application/json', ...extra })
  res.end(body === undefined ? '' : JSON.stringify(body))
}
const fail = (status, code, message, fields) => Object.assign(new Error(message), { status, body: { code, message, fields, id: d.id() } })
const list = (rows, q) => {
  const page = Number(q.get('page') ?? 1)
  const size = Number(q.get('size') ?? 20)
  const sort = q.get('sort')
  let r = rows
  const text = q.get('q')
  if (text) r = r.filter((x) => JSON.stringify(x).includes(text))
  const region = q.get('region')
  if (region) r = r.filter((x) => x.regionCode?.startsWith(region))
  for (const k of ['kind', 'state', 'box', 'camera', 'shop', 'evidence', 'squad', 'due', 'actor', 'act']) {
    const v = q.get(k)
    const field = { box: 'boxId', camera: 'cameraId', shop: 'shopId', evidence: 'evidenceUse', squad: 'squadOrgId', due: 'dueState', actor: 'actorName' }[k] ?? k
    if (v) r = r.filter((x) => String(x[field]) === v)
  }
  if (q.get('minScore')) r = r.filter((x) => x.score >= Number(q.get('minScore')))
  if (sort) {
    const k = sort.replace('-', '')
    r = [...r].sort((a, b) => (a[k] > b[k] ? 1 : a[k] < b[k] ? -1 : 0) * (sort[0] === '-' ? -1 : 1))
  }
  return { items: r.slice((page - 1) * size, page * size), total: r.length, page, size, asOf: d.iso(d.now()) }
}
const bare = ({ event: _e, ...a }) => a
const push = (name, data) => streams.forEach((s) => s.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`))
const counts = () => push('counts', { alertsPending: d.alerts.filter((a) => a.state === 'pending').length, ordersTodo: orders.filter((o) => o.state !== 'closed').length, overdue: 0 })

function orderView(o) {
  const left = Date.parse(o.dueAt) - d.now()
  o.remainingS = Math.floor(left / 1000)
  o.dueState = o.state === 'closed' ? 'done' : left < 0 ? 'over' : left < 3600e3 ? 'near' : 'normal'
  const { timeline: _t, alertIds: _a, ...item } = o
  return item
}
function allowed(o, who) {
  const p = who.permissions
  const out = []
  if ((o.state === 'dispatched' || o.state === 'returned') && p.includes('order.dispatch')) out.push('assign', 'reassign')
  if (o.state === 'dispatched' && p.includes('order.assign')) out.push('assign', 'return')
  if (p.includes('order.handle') && o.officerId === who.id) {
    if (o.state === 'dispatched') out.push('accept', 'return')
    if (o.state === 'accepted') out.push('arrive', 'return')
    if (o.state === 'onSite') out.push('handle')
  }
  if (o.state === 'handled' && p.includes('order.review')) out.push('review')
  return out
}
const detail = (o, who) => ({
  ...orderView(o), alerts: d.alerts.filter((a) => o.alertIds.includes(a.id)).map(bare), timeline: o.timeline, allowed: allowed(o, who), before: { sm3: o.thumb }, after: o.handling?.photos ?? [], handling: o.handling,
  rule: { name: '占道堆物处置时限', version: '1', source: '演示规则', verified: false, limitHours: 4 },
})
function mark(o, who, act, text, extra = {}) {
  o.timeline.push({ id: d.id(), at: d.iso(d.now()), act, actor: { id: who.id, name: who.name, orgName: who.orgName }, text, photos: [], ...extra })
  o.rev++
  push('order', { id: o.id, state: o.state })
}
function act(o, name, b, who) {
  if (b.rev !== o.rev) throw fail(409, 'conflict', '这张工单刚被别人处理过，已为你刷新')
  if (!allowed(o, who).includes(name)) throw fail(403, 'forbidden', '现在不能这样操作')
  if (name === 'assign' || name === 'reassign') {
    const org = d.orgs.find((x) => x.id === b.squadOrgId)
    const per = d.persons.find((x) => x.id === b.officerId)
    if (org) Object.assign(o, { squadOrgId: org.id, squadName: org.name })
    if (per) Object.assign(o, { officerId: per.id, officerName: per.name })
    o.state = 'dispatched'
    mark(o, who, name, `派给 ${org?.name ?? per?.name}${b.note ? '：' + b.note : ''}`)
  } else if (name === 'accept') (o.state = 'accepted'), mark(o, who, name, '手机端')
  else if (name === 'arrive') (o.state = 'onSite'), mark(o, who, name, '', { place: { lng: b.lng, lat: b.lat, accuracyM: b.accuracyM, distanceM: 6 } })
  else if (name === 'handle') {
    if (!b.photos?.length && !['falseAlarm', 'notFound'].includes(b.result)) throw fail(422, 'invalid', '有 1 处需要修改', [{ name: 'photos', message: '至少要 1 张现场照片' }])
    o.state = 'handled'
    o.result = b.result
    o.handling = { result: b.result, note: b.note, photos: b.photos }
    mark(o, who, name, b.note, { photos: b.photos })
  } else if (name === 'review') {
    o.state = b.pass ? 'closed' : 'onSite'
    mark(o, who, b.pass ? 'reviewed' : 'reviewFail', b.note)
    if (b.pass) mark(o, who, 'closed', '结果已反馈市局')
  } else if (name === 'return') (o.state = 'returned'), mark(o, who, name, b.reason)
  return detail(o, who)
}
function confirm(a, b, who) {
  const open = orders.find((o) => o.shopId && o.shopId === (b.shopId ?? a.shopId) && o.kind === a.kind && o.state !== 'closed')
  let o = b.merge !== false ? open : undefined
  if (o) {
    o.alertIds.push(a.id)
    o.alertCount++
    mark(o, who, 'merged', a.no)
  } else {
    const cam = d.cameras.find((c) => c.id === a.cameraId)
    const t = d.now()
    o = { id: d.id(), no: `GD20261124-${String(++orderNo).padStart(4, '0')}`, kind: b.kind ?? a.kind, state: 'dispatched', shopId: b.shopId ?? a.shopId, shopName: d.shops.find((s) => s.id === (b.shopId ?? a.shopId))?.name, address: a.address, lng: cam.lng, lat: cam.lat, regionCode: a.regionCode, streetName: a.streetName, cameraName: a.cameraName, createdAt: d.iso(t), dueAt: d.iso(t + 4 * 3600e3), thumb: a.thumb, alertCount: 1, alertIds: [a.id], evidenceUse: a.evidenceUse, rev: 1, timeline: [] }
    o.timeline.push({ id: d.id(), at: a.confirmedAt, act: 'detected', actor: { id: 'box-1', name: '边缘盒 黄浦一号盒' }, text: a.text })
    orders.unshift(o)
    mark(o, who, 'confirmed', a.no)
  }
  Object.assign(a, { state: o.alertCount > 1 ? 'merged' : 'confirmed', orderId: o.id, decidedBy: who.name, decidedAt: d.iso(d.now()), rev: a.rev + 1 })
  return { alert: bare(a), orderId: o.id, orderNo: o.no, merged: o.alertCount > 1 }
}
const alertDetail = (a) => ({
  ...a, box: { id: 'box-1', name: '黄浦一号盒' }, candidates: d.shops.filter((s) => s.cameraId === a.cameraId).map((s, i) => ({ shopId: s.id, name: s.name, reason: i ? '距离最近' : '围栏绑定', distanceM: 6 + i * 8, recent90: i ? 0 : 3 })),
  merge: (() => { const o = orders.find((x) => x.shopId && x.shopId === a.shopId && x.kind === a.kind && x.state !== 'closed'); return o && { orderId: o.id, no: o.no, state: o.state } })(),
  suggestion: { squadOrgId: 'org-s', squadName: '外滩街道中队', reason: '按点位地址推荐', limitHours: 4, dueAt: d.iso(d.now() + 4 * 3600e3) }, cause: '擅自占用道路堆放物品',
  chain: { digest: { ok: true, sm3: a.event.evidence[2].sm3 }, received: { ok: true, at: a.receivedAt }, legal: { ok: a.evidenceUse === 'evidence', text: a.evidenceUse === 'evidence' ? '有效至 2027-03-31' : '点位还没有公示' }, picture: { ok: true, text: '无遮挡、未移位' } },
  history: [{ at: a.confirmedAt, actor: '黄浦一号盒', act: 'opened', text: '识别到' }], recent: [1, 2, 3].map((n) => ({ id: 'r' + n, day: `2026-11-2${n}`, state: n === 2 ? 'rejected' : 'confirmed', thumb: d.digest('frame' + n) })),
})
function picture(res, sm3) {
  const own = blobs.get(sm3)
  res.setHeader('Cache-Control', 'private, max-age=86400')
  if (own) return res.writeHead(200, { 'Content-Type': own.type }).end(own.bytes)
  if (pictures.length) return res.writeHead(200, { 'Content-Type': 'image/jpeg' }).end(readFileSync(`${process.env.MOCK_PICTURES}/${pictures[parseInt(sm3.slice(0, 6), 16) % pictures.length]}`))
  res.writeHead(200, { 'Content-Type': 'image/svg+xml' }).end(`<svg xmlns="http://www.w3.org/2000/svg" width="720" height="480"><rect width="720" height="480" fill="#${sm3.slice(0, 2)}8088"/><text x="30" y="60" font-size="32" fill="#fff">${sm3.slice(0, 8)}</text></svg>`)
}

async function handle(req, res) {
  const u = new URL(req.url, 'http://x')
  const chunks = []
  for await (const c of req) chunks.push(c)
  const raw = Buffer.concat(chunks)
  const p = u.pathname.replace(/^\/api/, '').split('/').filter(Boolean)
  const sid = /jx_session=([^;]+)/.exec(req.headers.cookie ?? '')?.[1]
  const body = (req.headers['content-type'] ?? '').includes('json') && raw.length ? JSON.parse(raw) : {}
  const view = (s) => ({ person: s.who, csrf: s.csrf, serverTime: d.iso(d.now()), mustChangePassword: false })
  if (p[0] === 'session' && req.method === 'POST' && !p[1]) {
    const who = d.persons.find((x) => x.account === body.account)
    if (!who || body.password !== 'Jiexun@2026') throw fail(401, 'unauthenticated', '账号或密码不对，再错 4 次将锁定 30 分钟')
    const id = randomUUID()
    sessions.set(id, { who, csrf: randomUUID() })
    return json(res, 200, view(sessions.get(id)), { 'Set-Cookie': `jx_session=${id}; HttpOnly; SameSite=Lax; Path=/` })
  }
  const s = sessions.get(sid)
  if (!s) throw fail(401, 'unauthenticated', '请先登录')
  if (req.method !== 'GET' && req.headers['x-csrf-token'] !== s.csrf) throw fail(403, 'forbidden', '页面已过期，请刷新')
  const key = req.headers['idempotency-key']
  if (key && done.has(key)) return json(res, 200, done.get(key))
  const out = route(req, res, u, p, body, raw, s, view)
  if (out === res) return undefined
  if (key) done.set(key, out)
  return json(res, 200, out)
}

function route(req, res, u, p, b, raw, s, view) {
  const who = s.who
  const q = u.searchParams
  const m = req.method
  const [a, x, y] = p
  const find = (rows, what) => rows.find((r) => r.id === x) ?? (() => { throw fail(404, 'notFound', `没有找到这个${what}`) })()
  if (a === 'session') return m === 'DELETE' ? (sessions.clear(), {}) : view(s)
  if (a === 'regions') return x ? d.geojson : d.regions
  if (a === 'orgs') return d.orgs
  if (a === 'persons') return list(d.persons.filter((z) => (!q.get('org') || z.orgId === q.get('org')) && (!q.get('role') || z.roles[0].code === q.get('role'))), new URLSearchParams())
  if (a === 'stream') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    streams.add(res)
    req.on('close', () => streams.delete(res))
    counts()
    return res
  }
  if (a === 'blobs') {
    if (m === 'POST') {
      const sm3 = createHash('sha256').update(raw).digest('hex')
      blobs.set(sm3, { bytes: raw, type: req.headers['content-type'] })
      return { sm3, size: raw.length, mediaType: req.headers['content-type'] }
    }
    picture(res, x)
    return res
  }
  if (a === 'alerts') return alertRoute(m, x, y, q, b, who, find)
  if (a === 'orders') {
    if (x === 'counts') return Object.fromEntries(['dispatched', 'accepted', 'onSite', 'handled', 'returned'].map((k) => [k, orders.filter((o) => o.state === k).length]).concat([['closedToday', orders.filter((o) => o.state === 'closed').length], ['overdue', 0], ['near', 0]]))
    if (!x) {
      const tab = q.get('tab')
      const mine = orders.filter((o) => (who.roles[0].code === 'officer' ? o.officerId === who.id : true) && (tab === 'closed' ? o.state === 'closed' : tab === 'todo' || tab === 'mine' ? o.state !== 'closed' : true))
      return list(mine.map(orderView), q)
    }
    const o = find(orders, '工单')
    return m === 'GET' ? detail(o, who) : act(o, y, b, who)
  }
  if (a === 'cameras') return cameraRoute(m, x, y, q, b, find)
  if (a === 'shops') {
    if (!x) return m === 'POST' ? (d.shops.push({ ...b, id: d.id(), openAlerts: 0, openOrders: 0, rev: 1 }), d.shops.at(-1)) : list(d.shops, q)
    const z = find(d.shops, '商铺')
    return m === 'PUT' ? Object.assign(z, b, { rev: z.rev + 1 }) : z
  }
  if (a === 'boxes') {
    if (!x) return m === 'POST' ? (d.boxes.push({ ...d.boxes[2], ...b, id: d.id() }), d.boxes.at(-1)) : list(d.boxes, q)
    const z = find(d.boxes, '边缘盒')
    if (y === 'enrolment') return { token: `https://127.0.0.1:8443#${randomUUID()}#${d.digest('ca')}`, expiresAt: d.iso(d.now() + 3600e3) }
    if (y === 'reconcile') return { boxMade: 1842, stored: 1842, missing: [], gaps: [] }
    if (y === 'revoke') return Object.assign(z, { state: 'revoked' })
    return { ...z, history: [] }
  }
  if (a === 'live') return x === 'sessions' && !y ? { id: d.id(), whepUrl: 'http://127.0.0.1:8889/none/whep?ticket=x', hlsUrl: 'http://127.0.0.1:8888/none/index.m3u8?ticket=x', expiresAt: d.iso(d.now() + 60e3), renewAfterS: 30 } : {}
  if (a === 'map') return { cameras: d.cameras.map(({ id, name, lng, lat, state, openAlerts }) => ({ id, name, lng, lat, state, openAlerts })), alerts: d.alerts.filter((z) => z.state === 'pending').map((z, i) => ({ id: z.id, no: z.no, kind: z.kind, lng: d.cameras[i % 4].lng + (i % 3) * 0.002 - 0.002, lat: d.cameras[i % 4].lat - i * 0.0012, since: z.since, score: z.score, state: z.state })), orders: orders.map((o) => ({ id: o.id, no: o.no, kind: o.kind, lng: o.lng, lat: o.lat - 0.004, dueState: orderView(o).dueState, state: o.state })), asOf: d.iso(d.now()) }
  if (a === 'audit') return list(audit.length ? audit : [{ id: 'au1', at: d.iso(d.now() - 60e3), actorName: '演示运维', act: 'camera.update', object: 'camera', objectId: 'cam-1', summary: '修改点位 外滩-001', ip: '127.0.0.1', requestId: d.id(), before: { name: '旧名', intervalMs: 2000 }, after: { name: '四川中路近福州路', intervalMs: 1000 }, reason: '' }, { id: 'au2', at: d.iso(d.now() - 160e3), actorName: '演示研判员', act: 'live.start', object: 'camera', objectId: 'cam-2', summary: '观看实时视频', ip: '127.0.0.1', requestId: d.id() }], q)
  if (a === 'roles') return { items: d.roles.filter((r) => r.code !== 'dev') }
  if (a === 'accounts') return x ? {} : list(d.persons.map((z, i) => ({ id: z.id, account: z.account, name: z.name, orgName: z.orgName, roles: z.roles, locked: i === 3, lockedUntil: i === 3 ? d.iso(d.now() + 900e3) : undefined, lastLoginAt: d.iso(d.now() - i * 3600e3) })), q)
  throw fail(404, 'notFound', '没有这个接口')
}

function alertRoute(m, x, y, q, b, who, find) {
  if (x === 'counts') return { pending: d.alerts.filter((z) => z.state === 'pending').length, later: d.alerts.filter((z) => z.state === 'later').length, mine: d.alerts.filter((z) => z.decidedBy === who.name).length, today: 164, confirmRate: 0.78, medianSeconds: 19 }
  if (!x) {
    const tab = q.get('tab') ?? 'pending'
    return list(d.alerts.filter((z) => (tab === 'all' ? true : tab === 'mine' ? z.decidedBy === who.name : z.state === tab)).map(bare), q)
  }
  const z = find(d.alerts, '预警')
  if (m === 'GET') return alertDetail(z)
  if (b.rev !== z.rev) throw fail(409, 'conflict', `${z.decidedBy ?? '别人'} 刚处理了这条预警，已为你刷新`)
  const set = (state) => Object.assign(z, { state, decidedBy: who.name, decidedAt: d.iso(d.now()), rev: z.rev + 1 })
  let out = z
  if (y === 'confirm') out = confirm(z, b, who)
  else if (y === 'reject') out = { alert: bare(set('rejected')) }
  else if (y === 'later') out = { alert: bare(set('later')) }
  else if (y === 'reclassify') out = { alert: bare(Object.assign(z, { kind: b.kind, rev: z.rev + 1 })) }
  else if (y === 'undo') {
    const i = orders.findIndex((o) => o.id === z.orderId)
    if (i >= 0 && orders[i].alertCount === 1) orders.splice(i, 1)
    out = { alert: bare(Object.assign(z, { state: 'pending', orderId: undefined, decidedBy: undefined, decidedAt: undefined, rev: z.rev + 1 })) }
  }
  counts()
  return out
}
function cameraRoute(m, x, y, q, b, find) {
  if (x === 'stats') return [...new Set(d.cameras.map((c) => c.state))].map((k) => ({ key: k, name: k, count: d.cameras.filter((c) => c.state === k).length }))
  if (x === 'probe') return b.url?.includes('bad') ? { url: b.url, ok: false, message: '密码不对，请改正账号密码' } : { url: b.url, ok: true, codec: 'H264', profile: 'Main', width: 1920, height: 1080, fps: 25, gopS: 60, kbitS: 2100, connectMs: 42, firstKeyMs: 610, warnings: ['关键帧间隔 60 秒，比识别间隔 1 秒长，请在摄像机里改为 25 帧'] }
  if (!x) return m === 'POST' ? (d.cameras.push({ ...d.cameras[0], ...b, id: d.id(), state: 'unknown', status: null, rev: 1 }), d.cameras.at(-1)) : list(d.cameras, q)
  const c = find(d.cameras, '点位')
  if (y === 'zones') {
    if (m === 'PUT') (d.zones[x] = b.zones), c.rev++
    return { rev: c.rev, zones: d.zones[x] ?? [], configVersion: 12 + c.rev, appliedVersion: 12 + c.rev, appliedAt: d.iso(d.now() - 5000) }
  }
  if (y === 'snapshot') return { sm3: d.digest('ref'), width: 720, height: 480, takenAt: d.iso(d.now() - 600e3) }
  if (y === 'health') {
    const day0 = Math.floor((d.now() + 288e5) / 864e5) * 864e5 - 288e5
    const cut = [0, 0.3, 0.33, 0.6, 0.64, 1].map((f) => day0 + f * (d.now() - day0))
    return { segments: ['online', 'offline', 'online', 'noVerdict', 'online'].map((state, i) => ({ state, diagnosis: state === 'noVerdict' ? 'blurred' : 'healthy', from: d.iso(cut[i]), to: d.iso(cut[i + 1]), detail: '' })), uptimePercent: 93.1, alerts: 7, confirmed: 5, rejected: 1 }
  }
  if (m === 'PUT') return Object.assign(c, b, { rev: c.rev + 1 })
  return c
}

const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', mjs: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' }
function page(req, res) {
  const path = new URL(req.url, 'http://x').pathname
  const root = new URL('../dist', import.meta.url).pathname
  let file = root + path
  if (path.includes('..') || !/\.\w+$/.test(path)) file = root + '/index.html'
  try {
    const b = readFileSync(file)
    res.writeHead(200, { 'Content-Type': types[file.split('.').pop()] ?? 'application/octet-stream' }).end(b)
  } catch {
    res.writeHead(404).end()
  }
}

createServer((req, res) => {
  if (!req.url.startsWith('/api/')) return page(req, res)
  handle(req, res).catch((e) => json(res, e.status ?? 500, e.body ?? { code: 'internal', message: String(e.stack), id: '' }))
}).listen(port, '127.0.0.1', () => console.log('mock center on http://127.0.0.1:' + port))
