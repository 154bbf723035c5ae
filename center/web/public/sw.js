// Keeps the phone pages openable without a network: pages network first,
// hashed assets cache first. Answers of the API are never kept here.
const name = 'jiexun-phone-1'
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (e) => {
  e.waitUntil(
    caches
      .keys()
      .then((all) => Promise.all(all.filter((k) => k.startsWith('jiexun-phone-') && k !== name).map((k) => caches.delete(k))))
      .then(() => self.clients.claim()),
  )
})
self.addEventListener('message', (e) => {
  // The page names the assets it has loaded before this worker took over.
  if (e.data && Array.isArray(e.data.assets)) {
    e.waitUntil(caches.open(name).then((c) => Promise.all(e.data.assets.map((u) => c.add(u).catch(() => undefined)))))
  }
})
async function keep(request, response, key) {
  if (response.ok && response.type === 'basic') await (await caches.open(name)).put(key ?? request, response.clone())
  return response
}
self.addEventListener('fetch', (e) => {
  const u = new URL(e.request.url)
  if (e.request.method !== 'GET' || u.origin !== location.origin || u.pathname.startsWith('/api/')) return
  if (e.request.mode === 'navigate') {
    if (u.pathname !== '/m' && !u.pathname.startsWith('/m/')) return
    e.respondWith(
      fetch(e.request)
        .then((r) => keep(e.request, r, '/m/'))
        .catch(async () => (await caches.match('/m/')) ?? new Response('没有网络，请联网后打开一次', { status: 503, headers: { 'Content-Type': 'text/plain; charset=utf-8' } })),
    )
    return
  }
  if (u.pathname.startsWith('/assets/') || u.pathname === '/theme.js' || u.pathname === '/favicon.svg') {
    e.respondWith(caches.match(e.request).then((hit) => hit ?? fetch(e.request).then((r) => keep(e.request, r))))
  }
})
