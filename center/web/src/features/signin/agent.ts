/** A browser's identification in words that people know. */
export function agentName(ua: string): string {
  const os = /HarmonyOS/.test(ua) ? '鸿蒙' : /Android/.test(ua) ? '安卓' : /iPhone|iPad/.test(ua) ? 'iOS' : /Windows/.test(ua) ? 'Windows' : /Mac OS/.test(ua) ? 'macOS' : /Linux/.test(ua) ? 'Linux' : ''
  const app = /MicroMessenger/.test(ua) ? '微信' : /Edg\//.test(ua) ? 'Edge' : /Firefox\//.test(ua) ? 'Firefox' : /Chrome\//.test(ua) ? 'Chrome' : /Safari\//.test(ua) ? 'Safari' : ''
  return [app || (ua ? ua.split(/[ /]/)[0] : '未知程序'), os].filter(Boolean).join(' · ')
}
