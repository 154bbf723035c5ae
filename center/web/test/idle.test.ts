import { describe, expect, it } from 'vitest'
import { idleState } from '../src/features/signin/idle'

describe('idleState', () => {
  const t = Date.parse('2026-11-25T02:00:00Z')
  it('warns two minutes before and ends at the limit', () => {
    expect(idleState(t + 1_679_000, t, 1800, '').warn).toBe(false)
    expect(idleState(t + 1_681_000, t, 1800, '')).toMatchObject({ warn: true, over: false, why: 'idle', leftMs: 119_000 })
    expect(idleState(t + 1_800_000, t, 1800, '')).toMatchObject({ over: true, leftMs: 0 })
  })
  it('names the absolute end when it comes first', () => {
    expect(idleState(t, t, 1800, '2026-11-25T02:01:00Z')).toMatchObject({ warn: true, why: 'absolute', leftMs: 60_000 })
  })
  it('says nothing when the center named no limit', () => {
    expect(idleState(t + 1e9, t, 0, '')).toMatchObject({ warn: false, over: false })
  })
})
