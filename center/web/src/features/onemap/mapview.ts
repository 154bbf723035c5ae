// MapLibre on district shapes only: no tiles, no glyphs, nothing from outside.
// Names and marks are plain elements placed over the canvas.
import 'maplibre-gl/dist/maplibre-gl.css'
import * as maplibregl from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import { createApp, h } from 'vue'
import KindIcon from '../../shared/ui/KindIcon.vue'
import type { CameraState } from '../../shared/types'
import { kindName } from '../../shared/lib/words'
import { cluster, spread, type Mark } from './marks'

interface Cam {
  id: string
  name: string
  lng: number
  lat: number
  state: CameraState
}
const limit = 40

export class MapView {
  private readonly map: maplibregl.Map
  private readonly layer: HTMLElement
  private bounds: maplibregl.LngLatBounds | undefined
  private labels: { el: HTMLElement; lng: number; lat: number }[] = []
  private marks: Mark[] = []
  private cams: Cam[] = []
  private state = { hover: '', picked: '' }
  private ready: Promise<void>

  constructor(
    el: HTMLElement,
    private readonly on: { pick: (id: string) => void; hover: (id: string) => void; moved: () => void },
  ) {
    maplibregl.setWorkerUrl(workerUrl)
    this.map = new maplibregl.Map({ container: el, style: { version: 8, sources: {}, layers: [{ id: 'bg', type: 'background', paint: { 'background-color': this.css('--canvas') } }] }, center: [121.47, 31.23], zoom: 11, minZoom: 8, maxZoom: 18, attributionControl: false, dragRotate: false, pitchWithRotate: false })
    this.map.touchZoomRotate.disableRotation()
    this.layer = document.createElement('div')
    this.layer.className = 'jx-marks'
    el.appendChild(this.layer)
    this.ready = new Promise((ok) => this.map.once('load', () => ok()))
    this.map.on('move', () => {
      this.paint()
      this.on.moved()
    })
  }
  private css(name: string): string {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  }

  async districts(shapes: GeoJSON.FeatureCollection, own: string[]): Promise<void> {
    await this.ready
    const mine = (code: string) => own.some((o) => code.startsWith(o) || (o.length < 6 && code.startsWith(o)))
    const whole = own.some((o) => o.length < 6)
    for (const f of shapes.features) f.properties = { ...f.properties, own: whole || mine(String(f.properties?.code)) }
    this.map.addSource('districts', { type: 'geojson', data: shapes })
    this.map.addLayer({ id: 'area', type: 'fill', source: 'districts', paint: { 'fill-color': this.css('--s2') } })
    this.map.addLayer({ id: 'own', type: 'fill', source: 'districts', filter: ['==', ['get', 'own'], true], paint: { 'fill-color': this.css('--surface') } })
    this.map.addLayer({ id: 'line', type: 'line', source: 'districts', paint: { 'line-color': this.css('--line2'), 'line-dasharray': [4, 3], 'line-width': 1 } })
    this.map.addLayer({ id: 'ownline', type: 'line', source: 'districts', filter: ['==', ['get', 'own'], !whole], paint: { 'line-color': this.css('--pri'), 'line-width': whole ? 0 : 2 } })
    const all = new maplibregl.LngLatBounds()
    const part = new maplibregl.LngLatBounds()
    for (const f of shapes.features) {
      const b = new maplibregl.LngLatBounds()
      walk(f.geometry, (x, y) => {
        b.extend([x, y])
        all.extend([x, y])
        if (!whole && f.properties?.own) part.extend([x, y])
      })
      const c = b.getCenter()
      const el = document.createElement('span')
      el.className = 'jx-name' + (!whole && f.properties?.own ? ' me' : '')
      el.textContent = String(f.properties?.name ?? '')
      this.layer.appendChild(el)
      const at = (f.properties?.center as [number, number] | undefined) ?? [c.lng, c.lat]
      this.labels.push({ el, lng: at[0], lat: at[1] })
    }
    this.labels.sort((a, b) => Number(b.el.classList.contains('me')) - Number(a.el.classList.contains('me')))
    this.bounds = part.isEmpty() ? all : part
    this.home(false)
  }
  home(animate = true): void {
    if (this.bounds && !this.bounds.isEmpty()) this.map.fitBounds(this.bounds, { padding: 60, animate })
  }
  /** Shows all the given places once, not closer than street level. */
  fit(places: { lng: number; lat: number }[]): void {
    const b = new maplibregl.LngLatBounds()
    for (const p of places) b.extend([p.lng, p.lat])
    if (!b.isEmpty()) this.map.fitBounds(b, { padding: 140, maxZoom: 13.4, animate: false })
  }
  zoom(d: number): void {
    this.map.zoomTo(this.map.getZoom() + d)
  }
  flyTo(lng: number, lat: number, zoom?: number): void {
    this.map.easeTo({ center: [lng, lat], zoom: Math.max(this.map.getZoom(), zoom ?? 13), duration: 300 })
  }
  project(lng: number, lat: number): { x: number; y: number } {
    const p = this.map.project([lng, lat])
    return { x: p.x, y: p.y }
  }
  theme(): void {
    const set = (layer: string, prop: string, v: string) => this.map.getLayer(layer) && this.map.setPaintProperty(layer, prop as 'fill-color', this.css(v))
    set('bg', 'background-color', '--canvas')
    set('area', 'fill-color', '--s2')
    set('own', 'fill-color', '--surface')
    set('line', 'line-color', '--line2')
    set('ownline', 'line-color', '--pri')
  }
  draw(marks: Mark[], cams: Cam[], state: { hover: string; picked: string }): void {
    this.marks = marks
    this.cams = cams
    this.state = state
    this.paint()
  }
  remove(): void {
    this.map.remove()
  }

  private elements = new Map<string, HTMLElement>()
  private place(key: string, cls: string, x: number, y: number, make: (el: HTMLElement) => void): void {
    let el = this.elements.get(key)
    if (!el) {
      el = document.createElement('button')
      make(el)
      this.layer.appendChild(el)
      this.elements.set(key, el)
    }
    el.className = cls
    el.style.transform = `translate(-50%,-50%) translate(${x.toFixed(1)}px,${y.toFixed(1)}px)`
    el.dataset.live = '1'
  }
  // Marks are re-used between paints; what is no longer shown is taken away.
  private paint(): void {
    const { clientWidth: w, clientHeight: h } = this.map.getContainer()
    const inView = (p: { x: number; y: number }) => p.x > -30 && p.y > -30 && p.x < w + 30 && p.y < h + 30
    this.elements.forEach((e) => delete e.dataset.live)
    const taken: { x: number; y: number; w: number }[] = []
    for (const l of this.labels) {
      const p = this.project(l.lng, l.lat)
      // Names that would lie on one another give way, the own district first.
      const width = (l.el.textContent?.length ?? 3) * 15
      const free = taken.every((t) => Math.abs(t.y - p.y) > 20 || Math.abs(t.x - p.x) > (t.w + width) / 2)
      l.el.style.visibility = free ? 'visible' : 'hidden'
      if (free) taken.push({ ...p, w: width })
      l.el.style.transform = `translate(-50%,-50%) translate(${p.x.toFixed(1)}px,${p.y.toFixed(1)}px)`
    }
    const cams = this.cams.map((c) => ({ ...this.project(c.lng, c.lat), item: c })).filter(inView)
    if (cams.length <= 400) {
      for (const c of cams) {
        const good = c.item.state === 'online'
        this.place('c' + c.item.id, `jx-cam${good ? '' : ' off'}${this.state.picked === c.item.id || this.state.hover === c.item.id ? ' on' : ''}`, c.x, c.y, (el) => this.wire(el, c.item.id, c.item.name))
      }
    }
    const shown = this.marks.map((m) => ({ ...this.project(m.lng, m.lat), item: m })).filter(inView)
    if (shown.length > limit) {
      for (const s of cluster(shown, 90)) {
        if (s.items.length === 1) this.one({ x: s.x, y: s.y, item: s.items[0]! })
        else {
          const key = 'g' + s.items.map((m) => m.id).sort()[0] + s.items.length
          this.place(key, 'jx-clu', s.x, s.y, (el) => {
            el.textContent = String(s.items.length)
            el.title = `${s.items.length} 条，点开放大`
            el.onclick = () => this.map.easeTo({ center: this.map.unproject([s.x, s.y]), zoom: this.map.getZoom() + 2, duration: 300 })
          })
        }
      }
    } else for (const s of spread(shown, 28)) this.one(s)
    this.elements.forEach((e, k) => {
      if (!e.dataset.live) {
        e.remove()
        this.elements.delete(k)
      }
    })
  }
  private one(s: { x: number; y: number; item: Mark }): void {
    const m = s.item
    const on = this.state.picked === m.id
    // A mark stands above its camera, which stays visible under it.
    const lift = on ? 26 : 20
    this.place('m' + m.id, `jx-al ${m.tone}${on ? ' sel' : ''}${this.state.hover === m.id ? ' on' : ''}`, s.x, s.y - lift, (el) => {
      this.wire(el, m.id, `${kindName[m.kind]} ${m.word}`)
      createApp({ render: () => h(KindIcon, { kind: m.kind, size: 14 }) }).mount(el)
    })
  }
  private wire(el: HTMLElement, id: string, title: string): void {
    el.title = title
    el.setAttribute('aria-label', title)
    el.onclick = (e) => {
      e.stopPropagation()
      this.on.pick(id)
    }
    el.onmouseenter = () => this.on.hover(id)
    el.onmouseleave = () => this.on.hover('')
  }
}

function walk(g: GeoJSON.Geometry | null, f: (x: number, y: number) => void): void {
  if (!g || g.type === 'GeometryCollection') return
  const go = (c: unknown): void => {
    if (Array.isArray(c) && typeof c[0] === 'number') f(c[0] as number, c[1] as number)
    else if (Array.isArray(c)) c.forEach(go)
  }
  go(g.coordinates)
}
