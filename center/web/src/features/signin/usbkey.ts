// The local program that talks to a USB key: it answers on this machine only
// and signs the center's challenge; the key itself never leaves it.
export interface KeyStatus {
  connected: boolean
  subject: string
  notAfter: string
  pin: boolean
}

async function ask<T>(base: string, path: string, body?: object): Promise<T> {
  const ctl = new AbortController()
  const timer = setTimeout(() => ctl.abort(), body ? 30_000 : 2_500)
  try {
    const res = await fetch(base + path, {
      method: body ? 'POST' : 'GET',
      headers: body ? { 'Content-Type': 'application/json' } : undefined,
      body: body ? JSON.stringify(body) : undefined,
      signal: ctl.signal,
    })
    const data = (await res.json()) as T & { message?: string }
    if (!res.ok) throw new Error(data.message ?? '证书程序拒绝了请求')
    return data
  } catch (e) {
    if (e instanceof TypeError || (e as Error).name === 'AbortError') throw new Error('没有检测到数字证书：请插入 USB Key，并确认本机的证书程序已经启动')
    throw e
  } finally {
    clearTimeout(timer)
  }
}

export const keyStatus = (base: string) => ask<KeyStatus>(base, '/status')
export const keySign = (base: string, text: string, pin: string) => ask<{ signature: string; certificate: string }>(base, '/sign', { text, pin })
