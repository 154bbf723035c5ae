// A picture of now. The original stays in the center without a mark; the copy
// that the person takes away bears who took it and when.
import { api, blobUrl } from '../../shared/lib/api'

interface Snap {
  sm3: string
  width: number
  height: number
  at: string
  name: string
}

export async function takeSnapshot(cameraId: string, mark: string): Promise<string> {
  const snap = await api.post<Snap>('/live/snapshots', { cameraId }, { timeoutMs: 25_000 })
  const img = new Image()
  img.src = blobUrl(snap.sm3)
  await img.decode()
  const c = document.createElement('canvas')
  c.width = img.naturalWidth
  c.height = img.naturalHeight
  const g = c.getContext('2d')
  if (!g) throw new Error('浏览器不能处理图片')
  g.drawImage(img, 0, 0)
  const size = Math.max(14, Math.round(c.height / 40))
  g.font = `${size}px sans-serif`
  g.translate(c.width / 2, c.height / 2)
  g.rotate(-0.25)
  g.fillStyle = 'rgba(255,255,255,.28)'
  const wide = g.measureText(mark).width + size * 4
  for (let y = -c.height; y < c.height; y += size * 7) for (let x = -c.width; x < c.width; x += wide) g.fillText(mark, x, y)
  const blob = await new Promise<Blob | null>((ok) => c.toBlob(ok, 'image/jpeg', 0.92))
  if (!blob) throw new Error('浏览器不能处理图片')
  const a = document.createElement('a')
  a.href = URL.createObjectURL(blob)
  a.download = snap.name
  a.click()
  setTimeout(() => URL.revokeObjectURL(a.href), 10_000)
  return snap.name
}
