// The recordings of a camera: what the center says about a day, and the
// arithmetic of the timeline.

export interface FilmSpan {
  from: string
  to: string
}

export interface FilmMark {
  id: string
  no: string
  kind: 'stacking' | 'frontage' | 'sign' | 'picture'
  state: string
  since: string
  endedAt?: string
}

export interface FilmDay {
  day: string
  from: string
  to: string
  spans: FilmSpan[]
  marks: FilmMark[]
  mayDownload: boolean
  whyNot?: string
}

export interface FilmCut {
  sm3: string
  from: string
  until: string
  size: number
  width: number
  height: number
  codec: string
  fps: number
  name?: string
  complete: boolean
}

export interface Stretch {
  from: number
  to: number
}

/** How long one piece of a playback is. Pieces lie side by side from midnight. */
export const pieceMs = 30_000

/** The piece that holds a moment. */
export function pieceAt(t: number): Stretch {
  const from = Math.floor(t / pieceMs) * pieceMs
  return { from, to: from + pieceMs }
}

/** The recorded moment nearest to t: itself, else the next one, else the end of the last span. */
export function snapTo(spans: Stretch[], t: number): number | undefined {
  for (const s of spans) {
    if (t < s.from) return s.from
    if (t < s.to) return t
  }
  const last = spans[spans.length - 1]
  return last ? Math.max(last.from, last.to - 1000) : undefined
}

/** The mark after or before a moment, with a second of grace. */
export function nextMark(marks: number[], t: number, back: boolean): number | undefined {
  const sorted = [...marks].sort((a, b) => a - b)
  return back ? sorted.reverse().find((m) => m < t - 1500) : sorted.find((m) => m > t + 1000)
}

export const speeds = [0.5, 1, 2, 4, 8]
