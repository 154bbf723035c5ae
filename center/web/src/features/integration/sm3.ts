// SM3 and HMAC-SM3 for the try-it of the interface documents: the key that a
// person pastes stays in this page.
const rotl = (x: number, n: number) => ((x << (n & 31)) | (x >>> (32 - (n & 31)))) >>> 0
const p0 = (x: number) => (x ^ rotl(x, 9) ^ rotl(x, 17)) >>> 0
const p1 = (x: number) => (x ^ rotl(x, 15) ^ rotl(x, 23)) >>> 0

/** SM3 (GB/T 32905) of bytes. */
export function sm3(data: Uint8Array): Uint8Array {
  const v = new Uint32Array([0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e])
  const blocks = Math.ceil((data.length + 9) / 64)
  const padded = new Uint8Array(blocks * 64)
  padded.set(data)
  padded[data.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(data.length / 0x20000000))
  view.setUint32(padded.length - 4, (data.length << 3) >>> 0)
  const w = new Uint32Array(68)
  for (let b = 0; b < blocks; b++) {
    for (let j = 0; j < 16; j++) w[j] = view.getUint32(b * 64 + j * 4)
    for (let j = 16; j < 68; j++) w[j] = (p1((w[j - 16]! ^ w[j - 9]! ^ rotl(w[j - 3]!, 15)) >>> 0) ^ rotl(w[j - 13]!, 7) ^ w[j - 6]!) >>> 0
    compress(v, w)
  }
  const out = new Uint8Array(32)
  const o = new DataView(out.buffer)
  v.forEach((x, i) => o.setUint32(i * 4, x))
  return out
}

function compress(v: Uint32Array, w: Uint32Array) {
  let [a, b, c, d, e, f, g, h] = v as unknown as [number, number, number, number, number, number, number, number]
  for (let j = 0; j < 64; j++) {
    const t = rotl(j < 16 ? 0x79cc4519 : 0x7a879d8a, j)
    const ss1 = rotl((rotl(a, 12) + e + t) >>> 0, 7)
    const ss2 = (ss1 ^ rotl(a, 12)) >>> 0
    const ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c)
    const gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g)
    const tt1 = ((ff >>> 0) + d + ss2 + ((w[j]! ^ w[j + 4]!) >>> 0)) >>> 0
    const tt2 = ((gg >>> 0) + h + ss1 + w[j]!) >>> 0
    d = c
    c = rotl(b, 9)
    b = a
    a = tt1
    h = g
    g = rotl(f, 19)
    f = e
    e = p0(tt2)
  }
  ;[a, b, c, d, e, f, g, h].forEach((x, i) => (v[i] = (v[i]! ^ x) >>> 0))
}

export const hex = (b: Uint8Array) => Array.from(b, (x) => x.toString(16).padStart(2, '0')).join('')
export const utf8 = (s: string) => new TextEncoder().encode(s)
const join = (a: Uint8Array, b: Uint8Array) => {
  const out = new Uint8Array(a.length + b.length)
  out.set(a)
  out.set(b, a.length)
  return out
}

/** HMAC-SM3 in lower-case hex. */
export function hmacSM3(key: string, text: string): string {
  let k = utf8(key)
  if (k.length > 64) k = sm3(k) as Uint8Array<ArrayBuffer>
  const pad = (x: number) => Uint8Array.from({ length: 64 }, (_, i) => (k[i] ?? 0) ^ x)
  return hex(sm3(join(pad(0x5c), sm3(join(pad(0x36), utf8(text))))))
}

/** The four headers of a signed request. */
export function signed(app: string, key: string, method: string, path: string, query: string, body: string, nowMs: number): Record<string, string> {
  const nonce = hex(crypto.getRandomValues(new Uint8Array(12)))
  const text = [method, path, query, String(nowMs), nonce, hex(sm3(utf8(body)))].join('\n')
  return { 'X-Jx-App': app, 'X-Jx-Time': String(nowMs), 'X-Jx-Nonce': nonce, 'X-Jx-Sign': hmacSM3(key, text) }
}
