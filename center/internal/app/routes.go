package app

import (
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

// routes registers every route of the center. Each service has its own list
// in its http.go; what belongs to none is here and in this package's http
// files.
func (a *App) routes() {
	a.fiber, a.api = httpx.New(httpx.Options{
		Log: a.log, Clock: a.clock, Registry: a.reg, Identify: a.access.Identify, Authorize: access.Authorize,
		Proxied: a.o.Proxied, Secure: a.o.Secure, Tracer: a.tracer, Gate: a.gate, Answered: a.security.Take,
	})
	a.access.Register(a.api, a.o.Secure)       // /api/session, /api/orgs, /api/persons, /api/roles, /api/accounts
	a.routeSignin()                            // /api/signin
	a.registerRegions()                        // /api/regions
	a.registerBlobs()                          // /api/blobs
	a.registerAudit()                          // /api/audit
	a.registerCrypto()                         // /api/crypto, /api/signatures
	a.fleet.Register(a.api, reconciler{a.hub}) // /api/boxes
	a.live.Register(a.fiber, a.api)            // /api/live, /internal/media/auth
	a.routeDomains()                           // /api/cameras, /api/shops, /api/alerts, /api/orders, /api/map
	a.routeNotices()                           // /api/causes, /api/notices, /api/guides, /api/owner
	a.routePatrol()                            // /api/patrol
	a.routeTodo()                              // /api/todos, /api/todo-filters
	a.routeIntegration()                       // /api/registry, /api/interfaces, /api/webhooks, /api/open/v1
	a.registerJobs()                           // /api/jobs, /api/deadline
	a.routeSecurity()                          // /api/usage, /api/security
	a.routeWorkflow()                          // /api/flow
	a.routeNotify()                            // /api/notify, /api/messages
	a.registerStream()                         // /api/stream
	a.registerOps()                            // /healthz, /readyz, /metrics
	a.registerWeb()                            // everything else is the console and the phone
}
