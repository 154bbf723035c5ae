// One page serves the console and the officer's phone; each brings only its
// own code.
const path = location.pathname
if (path === '/m' || path.startsWith('/m/')) {
  void import('./phone/main')
} else {
  void import('./app/main')
}
