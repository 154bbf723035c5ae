// What the parameters and fields of the open interfaces mean, for the page of
// the interface's description, whose own texts are in English.
const whole: Record<string, string> = {
  'allowed': '是否允许', 'prefixes': '在哪些区划有效', 'rights': '权限', 'overlapHours': '旧密钥并用几小时', 'secret': '签名用的密钥，只给一次', 'appKey': '填入 X-Jx-App', 'hint': '密钥后四位',
}
const last: Record<string, string> = {
  page: '页码，从 1 起', size: '每页条数', sort: '排序字段，前面加 - 为从大到小', q: '关键字', from: '起始时间（含）', to: '截止时间（不含）', cursor: '上次应答的 next，或一个时间；不填为全部', app: '应用编码',
  outcome: '结果代码', message: '给人看的说明', name: '名称', asOf: '数据时间', items: '记录', total: '总数', more: '还有后续', next: '下次的 cursor',
  token: '令牌', ticket: '一次性票据', address: '地址', cameraName: '点位', decidedAt: '研判时间', evidenceUse: '证据资格：evidence 可作证据，clue 仅作线索', id: '编号', kind: '类别', lat: '纬度', lng: '经度', no: '业务编号', orderNo: '工单编号', receivedAt: '收到时间', regionCode: '区划代码', shopName: '商铺', state: '状态',
  code: '代码', enabled: '是否启用', internal: '是否本平台', route: '入口', version: '版本', act: '操作', at: '时间', ip: '来源地址', object: '对象类别', objectId: '对象编号', summary: '摘要', appCode: '应用编码', menu: '菜单',
  account: '账号', active: '是否在职', expiresAt: '到期时间', orgId: '机构编号', orgName: '机构', personId: '人员编号', roles: '角色', scopes: '数据范围', appName: '应用', bytes: '字节', clientId: '接口应用编号', kindName: '类别名称', method: '请求方法', ms: '毫秒', operation: '操作', path: '路径', requestId: '请求号', status: '应答状态',
  createdAt: '建立时间', endsAt: '失效时间', hint: '密钥后四位', usedAt: '最近使用', oldEndsAt: '旧密钥失效时间', closedAt: '办结时间', dueAt: '到期时间', result: '结果', squadName: '中队', parentId: '上级编号', certNo: '执法证号', updatedAt: '更新时间', permission: '权限代码', prefixes: '区划前缀',
  callsToday: '今日调用', ips: '来源白名单', keys: '密钥', kinds: '接口类别', quotaDay: '每日配额', rateSecond: '每秒上限', serverTime: '中心时间', toAt: '有效期止', fromAt: '有效期起', assigneeId: '办理人的人员编号', externalId: '对方的编号，同一编号只有一条', priority: '优先级', title: '标题', url: '在对方系统打开的地址', reason: '原因', fields: '填错的字段', text: '说明',
}

/** A parameter or field in Chinese; the interface's own text when there is none. */
export function inWords(name: string, text = ''): string {
  if (whole[name]) return whole[name]
  const n = name.split('.').at(-1)!.replaceAll('[]', '')
  return last[n] ?? text
}
