// Which key does what in the review queue, as data, so that hints on buttons
// and the handler cannot disagree.
export type ReviewMode = 'decide' | 'reject' | 'reclassify'

export type ReviewAct =
  | { do: 'next' | 'prev' | 'confirm' | 'reject' | 'reclassify' | 'later' | 'undo' | 'marks' | 'base' | 'zoom' | 'frameNext' | 'framePrev' | 'submit' | 'cancel' | 'clip' | 'registry' }
  | { do: 'choose' | 'reason' | 'kind'; index: number }

/** Translates a command key under the current mode; undefined when unused. */
export function reviewAct(key: string, mode: ReviewMode): ReviewAct | undefined {
  const digit = /^[1-9]$/.test(key) ? Number(key) - 1 : -1
  if (mode === 'reject') {
    if (digit >= 0 && digit < 6) return { do: 'reason', index: digit }
    if (key === 'Enter') return { do: 'submit' }
    if (key === 'Escape' || key === 'X') return { do: 'cancel' }
  }
  if (mode === 'reclassify') {
    if (digit >= 0 && digit < 3) return { do: 'kind', index: digit }
    if (key === 'Enter') return { do: 'submit' }
    if (key === 'Escape' || key === 'E') return { do: 'cancel' }
  }
  switch (key) {
    case 'B':
      return { do: 'marks' }
    case 'D':
      return { do: 'base' }
    case 'Z':
      return { do: 'zoom' }
    case 'ArrowRight':
      return { do: 'frameNext' }
    case 'ArrowLeft':
      return { do: 'framePrev' }
    case 'U':
      return { do: 'undo' }
    case 'Space':
      return { do: 'clip' }
  }
  if (mode !== 'decide') return undefined
  if (digit >= 0) return { do: 'choose', index: digit }
  switch (key) {
    case 'J':
      return { do: 'next' }
    case 'K':
      return { do: 'prev' }
    case 'Enter':
      return { do: 'confirm' }
    case 'X':
      return { do: 'reject' }
    case 'E':
      return { do: 'reclassify' }
    case 'S':
      return { do: 'later' }
    case 'P':
      return { do: 'registry' }
  }
  return undefined
}

/** All keys that the page listens to. */
export const reviewKeys = ['J', 'K', 'Enter', 'X', 'E', 'S', 'U', 'P', 'B', 'D', 'Z', 'Space', 'ArrowLeft', 'ArrowRight', 'Escape', '1', '2', '3', '4', '5', '6', '7', '8', '9']
