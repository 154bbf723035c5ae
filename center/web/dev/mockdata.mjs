// Invented records for developing pages without a center. Never shipped.
import { createHash } from 'node:crypto'

export const now = () => Date.now()
export const iso = (ms) => new Date(ms).toISOString()
let seq = 0
export const id = () => `01MOCK${String(++seq).padStart(20, '0')}`
export const digest = (text) => createHash('sha256').update(text).digest('hex')

export const regions = [{ code: '310000', name: '上海市', level: 'city', parent: '' }]
const districts = { 310101: '黄浦区', 310104: '徐汇区', 310105: '长宁区', 310106: '静安区', 310107: '普陀区', 310109: '虹口区', 310110: '杨浦区', 310112: '闵行区', 310113: '宝山区', 310114: '嘉定区', 310115: '浦东新区', 310116: '金山区', 310117: '松江区', 310118: '青浦区', 310120: '奉贤区', 310151: '崇明区' }
const streets = { 310101013: '外滩街道', 310101002: '南京东路街道', 310101015: '半淞园路街道', 310101017: '小东门街道', 310101018: '豫园街道', 310101019: '老西门街道' }
for (const [code, name] of Object.entries(districts)) regions.push({ code, name, level: 'district', parent: '310000' })
for (const [code, name] of Object.entries(streets)) regions.push({ code, name, level: 'street', parent: code.slice(0, 6) })

export const geojson = {
  type: 'FeatureCollection',
  features: [
    ['310101', '黄浦区', [[121.462, 31.19], [121.5, 31.19], [121.512, 31.215], [121.495, 31.245], [121.472, 31.245], [121.46, 31.225]]],
    ['310106', '静安区', [[121.425, 31.215], [121.46, 31.225], [121.472, 31.245], [121.46, 31.3], [121.43, 31.28]]],
    ['310115', '浦东新区', [[121.5, 31.19], [121.7, 31.1], [121.75, 31.3], [121.6, 31.36], [121.495, 31.245], [121.512, 31.215]]],
    ['310104', '徐汇区', [[121.425, 31.215], [121.46, 31.225], [121.462, 31.19], [121.46, 31.13], [121.42, 31.15]]],
    ['310109', '虹口区', [[121.472, 31.245], [121.495, 31.245], [121.51, 31.27], [121.48, 31.3], [121.46, 31.3]]],
  ].map(([code, name, ring]) => ({ type: 'Feature', properties: { code, name }, geometry: { type: 'Polygon', coordinates: [[...ring, ring[0]]] } })),
}

export const orgs = [
  { id: 'org-b', name: '市局执法总队', kind: 'bureau', regionCode: '310000', parentId: '' },
  { id: 'org-d', name: '黄浦区局', kind: 'district', regionCode: '310101', parentId: 'org-b' },
  { id: 'org-s', name: '外滩街道中队', kind: 'squad', regionCode: '310101013', parentId: 'org-d' },
  { id: 'org-s2', name: '豫园街道中队', kind: 'squad', regionCode: '310101018', parentId: 'org-d' },
]
const all = 'alert.view alert.decide order.view order.dispatch order.assign order.handle order.review camera.view camera.edit camera.zone live.view shop.view shop.edit box.view box.edit audit.view account.manage role.view map.view'.split(' ')
export const roles = [
  ['bureau_operator', '市局研判员', 'alert.view alert.decide order.view camera.view live.view shop.view box.view map.view'],
  ['district_dispatcher', '区局派单员', 'alert.view order.view order.dispatch order.review camera.view live.view shop.view shop.edit map.view'],
  ['squad_leader', '中队长', 'alert.view order.view order.assign order.review camera.view live.view shop.view map.view'],
  ['officer', '队员', 'order.view order.handle'],
  ['legal_reviewer', '法制审核员', 'alert.view order.view shop.view'],
  ['it', '区局运维', 'camera.view camera.edit camera.zone live.view box.view box.edit map.view'],
  ['sys_admin', '系统管理员', 'role.view box.view box.edit'],
  ['sec_admin', '安全管理员', 'account.manage role.view'],
  ['audit_admin', '审计管理员', 'audit.view'],
  ['dev', '开发', all.join(' ')],
].map(([code, name, p]) => ({ code, name, permissions: p.split(' ') }))
const person = (account, name, role, org, scope, certNo) => ({
  id: 'p-' + account, account, name, certNo, orgId: org.id, orgName: org.name, orgLevel: org.kind, regionCode: org.regionCode,
  roles: roles.filter((r) => r.code === role).map(({ code, name: n }) => ({ code, name: n })), permissions: roles.find((r) => r.code === role).permissions, scope,
})
export const persons = [
  person('caozuo', '演示研判员', 'bureau_operator', orgs[0], ['31']),
  person('paidan', '演示派单员', 'district_dispatcher', orgs[1], ['310101']),
  person('zhongdui', '演示中队长', 'squad_leader', orgs[2], ['310101013']),
  person('duiyuan', '演示队员', 'officer', orgs[2], ['310101013'], '沪01-0447'),
  person('fazhi', '演示法制员', 'legal_reviewer', orgs[1], ['310101']),
  person('yunwei', '演示运维', 'it', orgs[1], ['310101']),
  person('xitong', '演示系统管理员', 'sys_admin', orgs[0], ['31']),
  person('anquan', '演示安全管理员', 'sec_admin', orgs[0], ['31']),
  person('shenji', '演示审计管理员', 'audit_admin', orgs[0], ['31']),
  person('dev', '开发者', 'dev', orgs[1], ['31']),
]

export const boxes = ['黄浦一号盒', '黄浦二号盒', '豫园机房盒'].map((name, i) => ({
  id: 'box-' + (i + 1), name, regionCode: '310101', state: ['online', 'offline', 'never'][i], since: iso(now() - (i ? 8040e3 : 40 * 864e5)), asOf: iso(now() - (i ? 8040e3 : 3000)), version: i === 2 ? '' : '0.1.0',
  cameras: { total: [4, 2, 0][i], online: [3, 0, 0][i] }, outboxDepth: [0, 1204, 0][i], outboxAgeMs: [0, 8040e3, 0][i], diskFreeMb: 48213, memoryMb: 412, cpuPercent: 58, clockOffsetMs: 420, gaps: i === 1 ? 1 : 0, configVersion: 12, desiredVersion: i === 1 ? 13 : 12,
}))

const places = [['外滩-001', '四川中路近福州路东侧人行道', 121.4875, 31.2365, 'online'], ['外滩-002', '延安东路河南中路东北角', 121.4832, 31.2298, 'online'], ['外滩-003', '福州路 431 号对面', 121.4795, 31.2341, 'online'], ['外滩-004', '中山东一路近南京东路', 121.4903, 31.2405, 'noVerdict'], ['外滩-005', '北京东路近江西中路', 121.4858, 31.2418, 'reconnecting'], ['外滩-006', '圆明园路 133 弄口', 121.4899, 31.2432, 'offline'], ['外滩-007', '虎丘路近北京东路（名字特别长用来看截断是否有完整标题的点位）', 121.4881, 31.2427, 'refused']]
export const cameras = places.map(([_code, name, lng, lat, state], i) => ({
  id: 'cam-' + (i + 1), code: '31010101300' + (i + 1), name, address: name, regionCode: '310101013', regionName: '黄浦区', streetName: '外滩街道', lng, lat, boxId: i < 5 ? 'box-1' : 'box-2', boxName: i < 5 ? '黄浦一号盒' : '黄浦二号盒',
  url: 'rtsp://***:***@127.0.0.1:8654/cam' + (i + 1), subUrl: '', username: 'viewer', transport: 'tcp', intervalMs: 1000, tags: ['临街商铺'], legalReview: { status: i === 2 ? 'pending' : 'approved', publishedAt: '2026-03-31', validTo: '2027-03-31', note: i === 2 ? '设置地点还没有公示' : '' }, evidenceUse: i === 2 ? 'clue' : 'evidence',
  state, stateSince: iso(now() - (i + 1) * 1234e3), diagnosis: state === 'noVerdict' ? 'blurred' : 'healthy', detail: { noVerdict: '镜头虚焦，识别已暂停，请现场清洁或对焦', reconnecting: '连接断开，正在重连', offline: '边缘盒到摄像机无应答，请检查供电与网络', refused: '密码不对，请在点位里改正账号密码' }[state] ?? '', asOf: iso(now() - 2000), openAlerts: i === 0 ? 2 : i < 4 ? 1 : 0, rev: 3,
  status: { camera: 'cam-' + (i + 1), state, since: iso(now() - 1234e3), diagnosis: 'healthy', packetAgeMs: 40, keyframeAgeMs: 430, inferAgeMs: 820, uploadAgeMs: 12000, codec: 'H264', width: 768, height: 576, fps: 10, gopS: 1, kbitS: 2100, attempts: state === 'reconnecting' ? 3 : 0, nextTryMs: 10000, looks: 48213, skipped: 12, errors: 0, intervalMs: 1000 },
}))
export const zones = { 'cam-1': [
  { id: 'z1', name: '东侧人行道', kind: 'pavement', polygon: [{ x: 0.41, y: 0.02 }, { x: 0.66, y: 0.02 }, { x: 0.65, y: 0.98 }, { x: 0.06, y: 0.98 }, { x: 0.23, y: 0.44 }], hours: '07:00-22:00', dwellS: 180, endDelayS: 30, minArea: 0.002, openScore: 0.6, closeScore: 0.4 },
  { id: 'z2', name: '店前门窗线外侧', kind: 'frontage', polygon: [{ x: 0.32, y: 0 }, { x: 0.4, y: 0 }, { x: 0.15, y: 0.52 }, { x: 0, y: 0.74 }, { x: 0, y: 0.56 }], hours: '07:00-22:00', dwellS: 120, endDelayS: 30, minArea: 0.004, openScore: 0.6, closeScore: 0.4 },
  { id: 'z3', name: '电箱', kind: 'exclude', polygon: [{ x: 0.7, y: 0.6 }, { x: 1, y: 0.6 }, { x: 1, y: 1 }, { x: 0.68, y: 1 }] },
] }

export const shops = [['鑫源烟酒商行', '四川中路 218 号', 0], ['新光照相器材', '四川中路 214 号', 0], ['依佳人网咖', '福州路 431 号', 2], ['永和豆浆', '延安东路 885 号', 1]].map(([name, address, c], i) => ({
  id: 'shop-' + (i + 1), name, signName: name, address, regionCode: '310101013', streetName: '外滩街道', lng: cameras[c].lng + 0.0003, lat: cameras[c].lat, business: ['烟酒零售', '照相器材', '上网服务', '餐饮'][i], contact: '138 **** 2206', cameraId: cameras[c].id, openAlerts: i ? 0 : 2, openOrders: i ? 0 : 1, rev: 1,
}))

const kinds = ['stacking', 'frontage', 'sign', 'stacking', 'picture', 'stacking', 'frontage', 'stacking', 'stacking', 'sign']
export const alerts = kinds.map((kind, i) => {
  const c = cameras[i % 4]
  const shop = kind === 'picture' || i === 3 ? undefined : shops[i % 4]
  const since = now() - (i + 2) * 95e3
  const frame = digest('frame' + i)
  return {
    id: id(), no: `YJ20261124-${String(871 - i).padStart(5, '0')}`, kind, state: 'pending', phase: i === 7 ? 'ended' : 'opened', cameraId: c.id, cameraName: c.name, address: shop?.address ?? c.address, regionCode: '310101013', streetName: '外滩街道', zoneName: kind === 'sign' ? '店招' : '东侧人行道', shopId: shop?.id, shopName: shop?.name,
    score: [0.91, 0.84, 0.88, 0.73, 0.95, 0.68, 0.71, 0.66, 0.62, 0.79][i], since: iso(since), confirmedAt: iso(since + 60e3), receivedAt: iso(since + 61e3), endedAt: i === 7 ? iso(since + 300e3) : undefined, evidenceUse: c.evidenceUse, evidenceReason: c.evidenceUse === 'clue' ? '点位还没有公示，识别结果仅作线索' : '', thumb: frame,
    text: { stacking: '人行道上有静置物品，面积约为画面的 1.2%，超过 180 秒静置阈值后确认。', frontage: '店前门窗线外侧有摆放，持续 2 分 10 秒。', sign: '识别到店招文字与登记名称不一致。', picture: '镜头虚焦，识别已暂停。' }[kind], signText: kind === 'sign' ? '老街坊面馆' : undefined, rev: 1,
    event: {
      id: id(), rev: 1, camera: c.id, kind, phase: 'opened', zone: 'z1', zoneName: '东侧人行道', zoneHours: '07:00-22:00', zonePolygon: zones['cam-1'][0].polygon, since: iso(since), confirmedAt: iso(since + 60e3), clockOffsetMs: 420, score: 0.91, area: 0.012, box: { x: 0.62, y: 0.75, w: 0.083, h: 0.117 },
      scores: [0.02, 0.31, 0.44, 0.63, 0.72, 0.81, 0.86, 0.9, 0.91, 0.91, 0.9, 0.91].map((score, k) => ({ at: iso(since + k * 20e3), score })),
      marks: kind === 'picture' ? [] : [{ role: 'subject', label: { stacking: '占道堆物', frontage: '跨门经营', sign: '店招' }[kind], score: 0.91, box: { x: 0.62, y: 0.75, w: 0.083, h: 0.117 } }, { role: 'excluded', label: '行人', box: { x: 0.333, y: 0.567, w: 0.108, h: 0.42 } }],
      rule: { openScore: 0.6, closeScore: 0.4, dwellS: 180, endDelayS: 30, k: 4, n: 5, minArea: 0.002, configVersion: 12 }, models: [{ name: 'ssd-mobilenet', version: '1.0', digest: digest('m') }],
      sign: kind === 'sign' ? { verdict: 'changed', registered: '依佳人网咖', text: '老街坊面馆', confidence: 0.93, nameDistance: 0.88, similarity: 0.12, glyphPx: 34, votes: 5, looks: 5 } : undefined,
      evidence: [['reference', 'ref'], ['first', 'first' + i], ['frame', 'frame' + i]].map(([role, k], n) => ({ role, sm3: digest(k), size: 90000, mediaType: 'image/jpeg', width: 720, height: 480, takenAt: iso(since + n * 40e3 - 40e3) })),
    },
  }
})
