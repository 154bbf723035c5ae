// Types of notices to shops, as center/internal/notices answers them.
export interface Notice {
  id: string; no: string; code: string; kind: 'rectify' | 'compliance'; eventKind: string; state: NoticeState; orderId?: string; orderNo?: string
  shopId: string; shopName: string; address: string; streetName: string; squadName: string; officerName?: string; way: string; answerKind?: string; recheck?: string
  dueAt?: string; paused: boolean; overdue: boolean; createdAt: string; sentAt?: string; deliveredAt?: string; readAt?: string; answeredAt?: string; endedAt?: string; endReason?: string; issuedName: string; rev: number
}
export type NoticeState = 'made' | 'sent' | 'delivered' | 'read' | 'answered' | 'confirmed' | 'rejected' | 'withdrawn'
export interface NoticeDetail extends Notice {
  doc: { organ: string; title: string; body: string; message: string; facts: string; demand: string; picture?: string; cameraName: string; device: string; evidenceUse: string; causes: { code: string; version: number; name: string; verified: boolean }[] }
  steps: { id: string; at: string; act: string; actor: string; text: string; photos: string[] }[]
  sends: { id: string; name: string; what: string; state: string; label: string; reason: string; madeAt: string; movedAt: string }[]
  answers: { id: string; kind: string; text: string; photos: string[]; late: boolean; state: string; madeAt: string; reason?: string }[]
  allowed: string[]; paper?: string; replacedBy?: string; objectBy: string
}
export interface NoticeCounts { open: number; unreached: number; visits: number; answers: number; objections: number; overdue: number }
export interface ChannelState { code: string; name: string; mode: 'off' | 'fake' | 'real'; down: boolean }
export const stateName: Record<NoticeState, string> = { made: '待送达', sent: '已推送', delivered: '已送达', read: '已读', answered: '已反馈', confirmed: '已确认改正', rejected: '需继续整改', withdrawn: '已撤回' }
export const statePill: Record<NoticeState, string> = { made: 'line', sent: 'pri', delivered: 'pri', read: 'pri', answered: 'warn', confirmed: 'ok', rejected: 'warn', withdrawn: '' }
export const kindName: Record<string, string> = { rectify: '责令整改通知', compliance: '合规告知书' }
export const wayName: Record<string, string> = { ssbc: '随申办', sms: '短信', visit: '上门送达' }
