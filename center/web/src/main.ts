// One page serves the console, the officer's phone and the shops' pages; each
// brings only its own code.
const path = location.pathname
if (path === '/m' || path.startsWith('/m/')) {
  void import('./phone/main')
} else if (path === '/o' || path.startsWith('/o/')) {
  void import('./owner/main')
} else {
  void import('./app/main')
}
