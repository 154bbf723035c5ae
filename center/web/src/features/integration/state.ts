// The state of a client in a word.
import type { InterfaceClient } from './types'

export function clientState(c: InterfaceClient): { word: string; tone: string } {
  if (c.state === 'active' && c.expired) return { word: '已到期', tone: 'danger' }
  return {
    pending: { word: '待审批', tone: 'warn' },
    approved: { word: '待领取密钥', tone: 'pri' },
    active: { word: '使用中', tone: 'ok' },
    rejected: { word: '未批准', tone: '' },
    revoked: { word: '已吊销', tone: 'danger' },
  }[c.state]
}
