import { describe, expect, it } from 'vitest'
import { faultsOf, parseRules, toSend, visible } from '../src/shared/form/rules'

const m = parseRules(
  JSON.stringify([
    { type: 'fcRow', children: [{ type: 'col', children: [{ type: 'input', field: 'no', title: '编号', $required: true }] }] },
    { type: 'radio', field: 'kind', title: '处理', validate: [{ required: true }], options: [{ label: '当场', value: 'now' }, { label: '限期', value: 'later' }], control: [{ value: 'later', rule: ['days', 'why'] }] },
    { type: 'inputNumber', field: 'days', title: '天数', $required: true, props: { min: 1, max: 30 } },
    { type: 'input', field: 'why', title: '理由', control: [{ condition: 'notEmpty', rule: ['more'] }] },
    { type: 'switch', field: 'more', title: '补充' },
    { type: 'tableForm', field: 'goods', title: '物品', props: { columns: [{ label: '名称', required: true, rule: [{ type: 'input', field: 'name' }] }] } },
    { type: 'iframe', field: 'bad' },
  ]),
)
const all = Object.fromEntries(m.fields.map((f) => [f.name, 'write']))

describe('form rules', () => {
  it('reads fields out of layouts and leaves unknown controls out', () => {
    expect(m.fields.map((f) => f.name)).toEqual(['no', 'kind', 'days', 'why', 'more', 'goods'])
    expect(m.fields[5]!.columns[0]).toMatchObject({ title: '名称', required: true })
  })
  it('shows by condition, and not by a hidden field', () => {
    expect(visible(m, { kind: 'later', why: '雨' }).has('more')).toBe(true)
    expect(visible(m, { kind: 'now', why: '雨' }).has('more')).toBe(false)
    expect(visible(m, {}).has('days')).toBe(false)
  })
  it('names what is missing only where it may be written', () => {
    expect(faultsOf(m, {}, all)).toEqual({ no: '请填写编号', kind: '请选择处理' })
    expect(faultsOf(m, { kind: 'later', days: 31 }, { ...all, no: 'read' })).toEqual({ days: '天数不能大于 30' })
    expect(faultsOf(m, { no: '1', kind: 'now', goods: [{}] }, all)).toEqual({ goods: '第 1 行没有填写“名称”' })
  })
  it('sends writable fields, and clears those that are hidden now', () => {
    expect(toSend(m, { no: 'A', kind: 'now', days: 3 }, { no: 'write', kind: 'write', days: 'write', more: 'read' })).toEqual({ no: 'A', kind: 'now', days: null })
  })
})
