// Arithmetic of the precision page: what a threshold would keep and lose.
import type { Bucket } from './types'

export interface Total {
  all: number
  kept: number
  right: number
  lost: number
}

/** Sums what lies at or above a bucket (scores in twentieths), and the right ones below it. */
export function totals(list: Pick<Bucket, 'bucket' | 'right' | 'wrong'>[], from: number): Total {
  const t: Total = { all: 0, kept: 0, right: 0, lost: 0 }
  for (const b of list) {
    t.all += b.right + b.wrong
    if (b.bucket >= from) {
      t.kept += b.right + b.wrong
      t.right += b.right
    } else t.lost += b.right
  }
  return t
}

/** The months of the last n, as 202611, by Shanghai time. */
export function lastMonths(n: number, at = Date.now()): [number, number] {
  const d = new Date(at + 8 * 3600000)
  const to = d.getUTCFullYear() * 12 + d.getUTCMonth()
  const ym = (m: number) => Math.floor(m / 12) * 100 + (m % 12) + 1
  return [ym(to - n + 1), ym(to)]
}
