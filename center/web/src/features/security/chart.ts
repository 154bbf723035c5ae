// Only the parts of ECharts that these pages draw with.
import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, TooltipComponent } from 'echarts/components'
import { use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import VChart from 'vue-echarts'

use([BarChart, LineChart, GridComponent, LegendComponent, TooltipComponent, SVGRenderer])

export { VChart }

/** A colour of the design's tokens, as it is now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/** Axes, grid and fonts of every chart here. */
export function frame(dark: boolean) {
  void dark // read again when the theme changes
  const font = token('--font').replaceAll('"', '')
  const ink = token('--ink3')
  const line = token('--grid')
  return {
    animation: false,
    textStyle: { fontFamily: font, color: ink },
    grid: { left: 44, right: 16, top: 30, bottom: 24 },
    tooltip: { trigger: 'axis' as const, backgroundColor: token('--surface'), borderColor: token('--line'), textStyle: { color: token('--ink1'), fontSize: 12 } },
    legend: { top: 0, right: 0, itemWidth: 12, itemHeight: 8, textStyle: { color: ink, fontSize: 12 } },
    axis: { axisLine: { lineStyle: { color: line } }, axisTick: { show: false }, axisLabel: { color: ink, fontSize: 11 }, splitLine: { lineStyle: { color: line } } },
  }
}
