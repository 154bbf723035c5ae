// A picture from the camera is kept twice: the untouched file, with the time
// and place that it says itself, and a smaller copy with a watermark, at most
// 1600 px on the long side, which is what people look at.
export const maxSide = 1600

/** Files above this are not taken: the center refuses them too. */
export const maxOriginal = 15 * 1024 * 1024

/** The size that a picture gets; never larger than it is. */
export function fit(w: number, h: number, max = maxSide): { w: number; h: number } {
  const k = Math.min(1, max / Math.max(w, h, 1))
  return { w: Math.max(1, Math.round(w * k)), h: Math.max(1, Math.round(h * k)) }
}

/** The lines of the watermark. */
export function marks(o: { at: string; no: string; who: string; place?: { lng: number; lat: number; accuracyM: number } }): string[] {
  const where = o.place ? `${o.place.lng.toFixed(5)}, ${o.place.lat.toFixed(5)} ±${o.place.accuracyM} 米` : '没有定位'
  return [`${o.at}　${o.who}`, `${o.no}　${where}`]
}

function draw(c: HTMLCanvasElement, lines: string[]): void {
  const g = c.getContext('2d')
  if (!g) return
  const size = Math.max(14, Math.round(Math.min(c.width, c.height) / 32))
  const pad = Math.round(size * 0.6)
  g.font = `600 ${size}px sans-serif`
  const high = lines.length * Math.round(size * 1.4) + pad
  g.fillStyle = 'rgba(8, 14, 18, 0.62)'
  g.fillRect(0, c.height - high, c.width, high)
  g.fillStyle = '#fff'
  g.textBaseline = 'top'
  lines.forEach((t, i) => g.fillText(t, pad, c.height - high + pad / 2 + i * Math.round(size * 1.4), c.width - 2 * pad))
}

/** Makes the copy with the watermark. */
export async function copyOf(file: Blob, lines: string[]): Promise<Blob> {
  if (file.size > maxOriginal) throw new Error('这张照片超过 15 MB，请在相机里选小一些的尺寸再拍')
  let bmp: ImageBitmap
  try {
    bmp = await createImageBitmap(file, { imageOrientation: 'from-image' })
  } catch {
    throw new Error('这个文件不是能打开的图片，请重新拍一张')
  }
  const s = fit(bmp.width, bmp.height)
  const c = document.createElement('canvas')
  c.width = s.w
  c.height = s.h
  c.getContext('2d')?.drawImage(bmp, 0, 0, s.w, s.h)
  bmp.close()
  draw(c, lines)
  const out = await new Promise<Blob | null>((ok) => c.toBlob(ok, 'image/jpeg', 0.85))
  if (!out) throw new Error('照片处理失败，手机空间可能不足，请清理后再拍')
  return out
}
