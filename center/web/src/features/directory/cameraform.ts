// What the camera form checks before it asks the center.
export const labels: Record<string, string> = {
  name: '名称',
  code: '编号',
  regionCode: '街镇',
  address: '地址',
  lng: '经度',
  lat: '纬度',
  boxId: '边缘盒',
  url: '主码流地址',
  subUrl: '子码流地址',
  username: '摄像机账号',
  password: '摄像机密码',
  transport: '传输方式',
  interval: '识别间隔',
  tags: '标签',
  legal: '设置审核',
  publishedAt: '公示日期',
  validTo: '审核有效至',
  gbCode: '国标编码',
  road: '路段',
  system: '坐标系',
  ownerPlatform: '归属平台',
  recordHours: '盒上录像保留',
  recordGb: '录像空间上限',
  reviewedAt: '法制审核日期',
  technicalAt: '技术审核日期',
  verifiedTo: '设备检测有效至',
  publishedWhere: '公布在哪里',
  legalNote: '备注',
  squadOrgId: '责任中队',
}

export interface CameraDraft {
  name: string
  code: string
  regionCode: string
  address: string
  lng: string
  lat: string
  boxId: string
  url: string
  subUrl: string
  interval: string
  system?: string
  gbCode?: string
  recordHours?: string
  recordGb?: string
  publishedAt: string
  validTo: string
}

function streamFault(url: string): string {
  let u: URL
  try {
    u = new URL(url)
  } catch {
    return '地址不完整，请写成 rtsp://主机:端口/路径'
  }
  if (u.protocol !== 'rtsp:' && u.protocol !== 'rtsps:') return `地址要以 rtsp:// 开头，现在是 ${u.protocol}//`
  if (u.username || u.password) {
    // The center shows stored credentials as asterisks; those may stay.
    if (decodeURIComponent(u.username + u.password).replaceAll('*', '') !== '') return '请不要把账号密码写进地址，填在下面两栏'
  }
  if (!u.hostname) return '地址缺少主机名或 IP'
  return ''
}

/** Faults by field name; empty when the center may be asked. */
export function cameraFaults(f: CameraDraft): Record<string, string> {
  const out: Record<string, string> = {}
  if (!f.name.trim()) out.name = '请填写名称'
  if (!f.code.trim()) out.code = '请填写编号'
  if (!f.regionCode) out.regionCode = '请选择街镇'
  if (!f.address.trim()) out.address = '请填写地址'
  const num = (s: string) => (s.trim() === '' ? NaN : Number(s))
  if (f.system === 'sh2000') {
    if (!(Math.abs(num(f.lng)) <= 120_000)) out.lng = '东坐标应是以米为单位的数，不超过 ±120000'
    if (!(Math.abs(num(f.lat)) <= 120_000)) out.lat = '北坐标应是以米为单位的数，不超过 ±120000'
  } else {
    if (!(num(f.lng) >= 119 && num(f.lng) <= 123)) out.lng = '经度应在 119 到 123 之间'
    if (!(num(f.lat) >= 30 && num(f.lat) <= 32)) out.lat = '纬度应在 30 到 32 之间'
  }
  if (f.gbCode && !/^\d{20}$/.test(f.gbCode.trim())) out.gbCode = '国标编码是 20 位数字'
  if (f.recordHours && !(num(f.recordHours) >= 0)) out.recordHours = '录像保留应是 0 或更多小时'
  if (f.recordGb && !(num(f.recordGb) >= 0)) out.recordGb = '录像空间应是 0 或更多 GB'
  if (!f.boxId) out.boxId = '请选择由哪台边缘盒接入'
  const url = f.url.trim() ? streamFault(f.url.trim()) : '请填写主码流地址'
  if (url) out.url = url
  const sub = f.subUrl.trim() ? streamFault(f.subUrl.trim()) : ''
  if (sub) out.subUrl = sub
  if (!(num(f.interval) >= 0.2 && num(f.interval) <= 60)) out.interval = '识别间隔应在 0.2 到 60 秒之间'
  if (f.publishedAt && f.validTo && f.validTo < f.publishedAt) out.validTo = '有效期早于公示日期，请改晚'
  return out
}
