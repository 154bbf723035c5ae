// The roles and permissions of the installation, read once for names.
import { computed, shallowRef } from 'vue'
import { api } from '../../shared/lib/api'
import { useSession } from '../../shared/lib/session'
import { roleName } from '../../shared/lib/words'
import type { Matrix } from './types'

export function useRoles() {
  const m = shallowRef<Matrix>()
  const session = useSession()
  async function load() {
    if (session.can('role.view')) m.value = await api.get<Matrix>('/roles')
  }
  void load().catch(() => undefined)
  const name = (code: string) => m.value?.roles.find((r) => r.code === code)?.name ?? (roleName as Record<string, string>)[code] ?? code
  const permName = (code: string) => m.value?.permissions.find((p) => p.code === code)?.name ?? code
  const options = computed(() => (m.value ? m.value.roles.map((r) => ({ value: r.code, label: r.name })) : Object.entries(roleName).map(([value, label]) => ({ value, label }))))
  return { m, load, name, permName, options }
}
