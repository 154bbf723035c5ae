// Files of forms: made smaller when they are pictures, uploaded at once.
import { request } from '../lib/api'

export interface FileValue {
  sm3: string
  name?: string
  size?: number
  at?: string
  lng?: number
  lat?: number
}

const maxSide = 1600

async function shrink(file: Blob): Promise<Blob> {
  if (!file.type.startsWith('image/')) return file
  const bmp = await createImageBitmap(file, { imageOrientation: 'from-image' })
  const k = Math.min(1, maxSide / Math.max(bmp.width, bmp.height))
  const c = document.createElement('canvas')
  c.width = Math.max(1, Math.round(bmp.width * k))
  c.height = Math.max(1, Math.round(bmp.height * k))
  c.getContext('2d')?.drawImage(bmp, 0, 0, c.width, c.height)
  bmp.close()
  return (await new Promise<Blob | null>((ok) => c.toBlob(ok, 'image/jpeg', 0.85))) ?? file
}

/** Uploads one file and gives how a form keeps it. */
export async function uploadFile(file: File | Blob, name: string): Promise<FileValue> {
  let body: Blob
  try {
    body = await shrink(file)
  } catch {
    throw new Error('这个文件不是能打开的图片，请重新选择')
  }
  const r = await request<{ sm3: string }>('POST', '/blobs', { raw: body, timeoutMs: 60000 })
  return { sm3: r.sm3, name, size: body.size, at: new Date().toISOString() }
}
