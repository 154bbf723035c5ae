package app

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
)

type auditIn struct {
	httpx.Paging
	Actor  string      `query:"actor" maxLength:"64"`
	Act    string      `query:"act" maxLength:"64"`
	Object string      `query:"object" maxLength:"64"`
	From   clock.Stamp `query:"from"`
	To     clock.Stamp `query:"to"`
}

// registerAudit adds the list of audit records: for the audit administrator,
// cut to the region as all lists are.
func (a *App) registerAudit() {
	httpx.Register(a.api, access.AuditView, huma.Operation{OperationID: "list-audit", Method: http.MethodGet, Path: "/api/audit", Summary: "Audit records", Tags: []string{"audit"}},
		func(ctx context.Context, in *auditIn) (*httpx.Body[httpx.List[audit.Item]], error) {
			who, err := access.Need(ctx, access.AuditView)
			if err != nil {
				return nil, err
			}
			f := audit.Filter{Actor: in.Actor, Act: in.Act, Object: in.Object, From: in.From, To: in.To, Q: in.Q, Prefixes: who.Scope.Prefixes}
			list, n, err := audit.List(ctx, a.db, f, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, in.Paging, a.db.Now()), err)
		})
}
