// Light or dark (夜间指挥), and the size of everything.
import { ref } from 'vue'

export const dark = ref(document.documentElement.classList.contains('dark'))

export function setDark(on: boolean): void {
  dark.value = on
  document.documentElement.classList.toggle('dark', on)
  localStorage.setItem('jx.theme', on ? 'dark' : 'light')
}

/** Close rows show more at once; easy ones are easier to hit. */
export const dense = ref(localStorage.getItem('jx.dense') === '1')

export function setDense(on: boolean): void {
  dense.value = on
  localStorage.setItem('jx.dense', on ? '1' : '0')
  document.documentElement.classList.toggle('dense', on)
}

export const scale = ref(localStorage.getItem('jx.scale') ?? '1')

export function setScale(s: string): void {
  scale.value = s
  localStorage.setItem('jx.scale', s)
  document.documentElement.style.setProperty('--ui-scale', s)
}
