import { describe, expect, it } from 'vitest'
import { readCandidates, readDuration, readPairs, readVariables, writeCandidates, writeDuration, writePairs, writeVariables } from '../src/features/workflow/jiexun'

describe('attributes of processes', () => {
  it('candidates survive reading and writing', () => {
    const s = 'role:officer@squad; role:head@org:org-310101; person:P1; starter; expr:leader'
    expect(readCandidates(s).map((c) => [c.kind, c.value, c.where])).toEqual([['role', 'officer', 'squad'], ['role', 'head', 'org:org-310101'], ['person', 'P1', ''], ['starter', '', ''], ['expr', 'leader', '']])
    expect(writeCandidates(readCandidates(s))).toBe(s)
    expect(writeCandidates([{ kind: 'person', value: ' ', where: '' }])).toBe('')
  })
  it('pairs and variables too', () => {
    expect(writePairs(readPairs('a=read; *=write', '='), '=')).toBe('a=read; *=write')
    expect(readPairs('approve', ':')).toEqual([['approve', 'approve']])
    const v = 'amount:number:金额; urgent:bool:urgent'
    expect(writeVariables(readVariables(v))).toBe(v)
  })
  it('durations', () => {
    for (const s of ['P1D', 'PT4H', 'P2DT30M', '']) expect(writeDuration(readDuration(s))).toBe(s)
  })
})
