// Runs before the first paint, so that neither theme nor size flickers.
(function () {
  try {
    var t = localStorage.getItem('jx.theme')
    var dark = t === 'dark' || (t !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
    var phone = location.pathname === '/m' || location.pathname.indexOf('/m/') === 0 || location.pathname === '/o' || location.pathname.indexOf('/o/') === 0
    if (dark && !phone) document.documentElement.classList.add('dark')
    if (phone && localStorage.getItem('jx.big') === '1') document.documentElement.classList.add('big')
    if (phone) document.documentElement.classList.add('phone')
    if (!phone && localStorage.getItem('jx.dense') === '1') document.documentElement.classList.add('dense')
    var z = localStorage.getItem('jx.scale')
    if (!phone && (z === '1.1' || z === '1.25')) document.documentElement.style.setProperty('--ui-scale', z)
  } catch (e) {
    // Storage may be closed; the light theme stays.
  }
})()
