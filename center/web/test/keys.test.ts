import { describe, expect, it } from 'vitest'
import { commandOf } from '@/shared/lib/keys'
import { reviewAct, reviewKeys } from '@/features/alerts/keymap'

describe('command keys', () => {
  it('ignores fields, input methods and modifiers', () => {
    expect(commandOf({ key: 'j' })).toBe('J')
    expect(commandOf({ key: ' ' })).toBe('Space')
    expect(commandOf({ key: 'j', isComposing: true })).toBe('')
    expect(commandOf({ key: 'Process', keyCode: 229 })).toBe('')
    expect(commandOf({ key: 'j', ctrlKey: true })).toBe('')
    expect(commandOf({ key: 'j', target: { tagName: 'TEXTAREA' } })).toBe('')
    expect(commandOf({ key: 'j', target: { tagName: 'INPUT', type: 'search' } })).toBe('')
    expect(commandOf({ key: 'j', target: { tagName: 'INPUT', type: 'checkbox' } })).toBe('J')
    expect(commandOf({ key: 'Escape', target: { tagName: 'INPUT' } })).toBe('Escape')
  })
  it('leaves Enter to a focused button', () => {
    expect(commandOf({ key: 'Enter', target: { tagName: 'BUTTON' } })).toBe('')
    expect(commandOf({ key: 'Enter', target: { tagName: 'DIV' } })).toBe('Enter')
  })
})

describe('review keys', () => {
  it('decides', () => {
    expect(reviewAct('Enter', 'decide')).toEqual({ do: 'confirm' })
    expect(reviewAct('X', 'decide')).toEqual({ do: 'reject' })
    expect(reviewAct('3', 'decide')).toEqual({ do: 'choose', index: 2 })
    expect(reviewAct('J', 'decide')).toEqual({ do: 'next' })
  })
  it('gives digits to the reasons while rejecting, and Enter submits', () => {
    expect(reviewAct('6', 'reject')).toEqual({ do: 'reason', index: 5 })
    expect(reviewAct('7', 'reject')).toBeUndefined()
    expect(reviewAct('Enter', 'reject')).toEqual({ do: 'submit' })
    expect(reviewAct('Escape', 'reject')).toEqual({ do: 'cancel' })
    // Moving on or confirming must not happen by accident in this mode.
    expect(reviewAct('J', 'reject')).toBeUndefined()
    expect(reviewAct('S', 'reject')).toBeUndefined()
  })
  it('undoes and looks in every mode', () => {
    for (const m of ['decide', 'reject', 'reclassify'] as const) {
      expect(reviewAct('U', m)).toEqual({ do: 'undo' })
      expect(reviewAct('Z', m)).toEqual({ do: 'zoom' })
    }
  })
  it('listens to every key that means something', () => {
    for (const k of ['J', 'K', 'Enter', 'X', 'E', 'S', 'U', 'B', 'D', 'Z', '1', '9']) expect(reviewKeys).toContain(k)
  })
})
