// Photos are made smaller on the phone: at most 1600 px on the long side.
export const maxSide = 1600

/** The size that a picture gets; never larger than it is. */
export function fit(w: number, h: number, max = maxSide): { w: number; h: number } {
  const k = Math.min(1, max / Math.max(w, h, 1))
  return { w: Math.max(1, Math.round(w * k)), h: Math.max(1, Math.round(h * k)) }
}

export async function shrink(file: Blob): Promise<Blob> {
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
  const out = await new Promise<Blob | null>((ok) => c.toBlob(ok, 'image/jpeg', 0.85))
  if (!out) throw new Error('照片压缩失败，手机空间可能不足，请清理后再拍')
  return out
}
