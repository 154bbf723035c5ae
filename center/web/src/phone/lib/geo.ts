// Where the officer stands, and what to do when the phone will not say.
export interface Place {
  lng: number
  lat: number
  accuracyM: number
}

export type GeoFault = 'denied' | 'unavailable' | 'timeout' | 'insecure'

export const geoWords: Record<GeoFault, string> = {
  denied: '没有定位权限，不能到场签到。请在手机「设置 › 应用 › 浏览器 › 权限」里允许定位，再点重新定位。',
  unavailable: '暂时收不到定位信号，请到开阔处，打开 GPS 后再试。',
  timeout: '15 秒没有定到位，请到开阔处再试。',
  insecure: '当前地址不是加密连接，浏览器不允许定位。请用 https 地址打开。',
}

export class GeoError extends Error {
  constructor(readonly fault: GeoFault) {
    super(geoWords[fault])
  }
}

export function locate(timeoutMs = 15000): Promise<Place> {
  return new Promise((ok, no) => {
    if (!window.isSecureContext) return no(new GeoError('insecure'))
    if (!navigator.geolocation) return no(new GeoError('unavailable'))
    navigator.geolocation.getCurrentPosition(
      (p) => ok({ lng: p.coords.longitude, lat: p.coords.latitude, accuracyM: Math.round(p.coords.accuracy) }),
      (e) => no(new GeoError(e.code === 1 ? 'denied' : e.code === 3 ? 'timeout' : 'unavailable')),
      { enableHighAccuracy: true, timeout: timeoutMs, maximumAge: 10000 },
    )
  })
}

/** The place only when permission was given before; never asks. */
export async function quietPlace(): Promise<Place | undefined> {
  try {
    const s = await navigator.permissions?.query({ name: 'geolocation' })
    return s?.state === 'granted' ? await locate(8000) : undefined
  } catch {
    return undefined
  }
}

/** A geo link that map apps open. */
export function geoLink(lng: number, lat: number, name: string): string {
  const at = `${lat.toFixed(6)},${lng.toFixed(6)}`
  return `geo:${at}?q=${at}(${encodeURIComponent(name)})`
}

/** Pages of map providers that take WGS-84 and open their app or a web map. */
export function mapLinks(lng: number, lat: number, name: string): { name: string; url: string }[] {
  const n = encodeURIComponent(name)
  return [
    { name: '高德地图导航', url: `https://uri.amap.com/navigation?to=${lng.toFixed(6)},${lat.toFixed(6)},${n}&mode=ride&coordinate=wgs84&callnative=1` },
    { name: '百度地图导航', url: `https://api.map.baidu.com/marker?location=${lat.toFixed(6)},${lng.toFixed(6)}&title=${n}&content=${n}&coord_type=wgs84&output=html&src=jiexun` },
  ]
}

/** Degrees from north, clockwise, of the way from one place to another. */
export function bearing(from: { lng: number; lat: number }, to: { lng: number; lat: number }): number {
  const r = Math.PI / 180
  const d = (to.lng - from.lng) * r
  const y = Math.sin(d) * Math.cos(to.lat * r)
  const x = Math.cos(from.lat * r) * Math.sin(to.lat * r) - Math.sin(from.lat * r) * Math.cos(to.lat * r) * Math.cos(d)
  return (Math.atan2(y, x) / r + 360) % 360
}

/** The word for a bearing. */
export function compass(deg: number): string {
  return ['正北', '东北', '正东', '东南', '正南', '西南', '正西', '西北'][Math.round(deg / 45) % 8]!
}
