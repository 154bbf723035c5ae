package open

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

type idInput struct {
	ID string `path:"id" maxLength:"40"`
}

type rotateBody struct {
	OverlapHours int `json:"overlapHours" minimum:"0" maximum:"168"`
}

func (b rotateBody) overlap() time.Duration { return time.Duration(b.OverlapHours) * time.Hour }

type decideInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Approve bool   `json:"approve"`
		Reason  string `json:"reason,omitempty" maxLength:"400"`
		Rev     int64  `json:"rev"`
	}
}

type reasonInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Reason string `json:"reason" maxLength:"400"`
	}
}

type callsInput struct {
	Client    string `query:"client" maxLength:"40"`
	Kind      string `query:"kind" maxLength:"20"`
	Operation string `query:"operation" maxLength:"60"`
	Result    string `query:"result" enum:",ok,refused,failed"`
	Code      string `query:"code" maxLength:"40"`
	IP        string `query:"ip" maxLength:"45"`
	From      string `query:"from" format:"date-time"`
	To        string `query:"to" format:"date-time"`
	httpx.Paging
}

func (in *callsInput) filter() CallFilter {
	return CallFilter{ClientID: in.Client, Kind: in.Kind, Operation: in.Operation, Result: in.Result, Code: in.Code, IP: in.IP, From: moment(in.From), To: moment(in.To), Q: in.Q}
}

// Register adds the routes of the console.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"integration"}}
	}
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/interfaces", "list-interface-clients", "Applications for interfaces"),
		func(ctx context.Context, in *struct {
			State string `query:"state" enum:",pending,approved,active,rejected,revoked"`
			Kind  string `query:"kind" maxLength:"20"`
			App   string `query:"app" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[InterfaceClient]], error) {
			return httpx.Out(s.List(ctx, Filter{State: in.State, Kind: in.Kind, AppID: in.App}, in.Paging))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/interfaces/{id}", "get-interface-client", "One application for interfaces"),
		func(ctx context.Context, in *idInput) (*httpx.Body[InterfaceClient], error) {
			return httpx.Out(s.Get(ctx, in.ID))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/interfaces/{id}/changes", "list-interface-changes", "Change log"),
		func(ctx context.Context, in *idInput) (*httpx.Body[[]trail.LoggedChange], error) {
			return httpx.Out(s.Changes(ctx, in.ID))
		})
	httpx.Register(api, access.InterfaceApply, op(http.MethodPost, "/api/interfaces", "apply-interface", "Apply for interfaces"),
		func(ctx context.Context, in *struct{ Body InterfaceForm }) (*httpx.Body[InterfaceClient], error) {
			return httpx.Out(s.Apply(ctx, in.Body))
		})
	httpx.Register(api, access.InterfaceApprove, op(http.MethodPost, "/api/interfaces/{id}/decision", "decide-interface", "Approve or reject"),
		func(ctx context.Context, in *decideInput) (*httpx.Body[InterfaceClient], error) {
			return httpx.Out(s.Decide(ctx, in.ID, in.Body.Approve, in.Body.Reason, in.Body.Rev))
		})
	httpx.Register(api, access.InterfaceApply, op(http.MethodPost, "/api/interfaces/{id}/key", "take-interface-key", "Take the key, once"),
		func(ctx context.Context, in *idInput) (*httpx.Body[IssuedKey], error) {
			return httpx.Out(s.TakeKey(ctx, in.ID))
		})
	httpx.Register(api, access.InterfaceApply, op(http.MethodPost, "/api/interfaces/{id}/rotation", "rotate-interface-key", "Change the key"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body rotateBody
		},
		) (*httpx.Body[IssuedKey], error) {
			return httpx.Out(s.Rotate(ctx, in.ID, in.Body.overlap()))
		})
	httpx.Register(api, access.InterfaceApprove, op(http.MethodPost, "/api/interfaces/{id}/revocation", "revoke-interface", "Revoke at once"),
		func(ctx context.Context, in *reasonInput) (*httpx.Body[InterfaceClient], error) {
			return httpx.Out(s.Revoke(ctx, in.ID, in.Body.Reason, access.InterfaceApprove))
		})
	httpx.Register(api, access.InterfaceApply, op(http.MethodPost, "/api/interfaces/{id}/withdrawal", "withdraw-interface", "Give the interfaces up"),
		func(ctx context.Context, in *reasonInput) (*httpx.Body[InterfaceClient], error) {
			return httpx.Out(s.Revoke(ctx, in.ID, in.Body.Reason, access.InterfaceApply))
		})
	httpx.Register(api, access.InterfaceLog, op(http.MethodGet, "/api/interface-calls", "list-interface-calls", "Call log"),
		func(ctx context.Context, in *callsInput) (*httpx.Body[httpx.List[InterfaceCall]], error) {
			return httpx.Out(s.Calls(ctx, in.filter(), in.Paging))
		})
	httpx.Register(api, access.InterfaceLog, op(http.MethodGet, "/api/interface-calls/export", "export-interface-calls", "Call log as a sheet"),
		func(ctx context.Context, in *callsInput) (*sheet.File, error) { return s.ExportCalls(ctx, in.filter()) })
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/interface-docs", "get-interface-docs", "The open interfaces as OpenAPI"),
		func(_ context.Context, _ *struct{}) (*httpx.Body[OpenDocument], error) {
			return httpx.Out(document(api))
		})
	httpx.Register(api, httpx.SignedIn, op(http.MethodPost, "/api/registry/{id}/ticket", "open-application", "A one-time ticket into an outside application"),
		func(ctx context.Context, in *idInput) (*httpx.Body[AppTicket], error) {
			return httpx.Out(s.NewTicket(ctx, in.ID))
		})
}

// OpenDocument is an OpenAPI document.
type OpenDocument map[string]any

// document cuts the open interfaces out of the whole description, with the
// schemas that they use.
func document(api huma.API) (OpenDocument, error) {
	raw, err := json.Marshal(api.OpenAPI())
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	paths := map[string]any{}
	whole, _ := all["paths"].(map[string]any)
	for p, item := range whole {
		if strings.HasPrefix(p, Prefix) {
			paths[p] = item
		}
	}
	components, _ := all["components"].(map[string]any)
	schemas, _ := components["schemas"].(map[string]any)
	used := map[string]any{}
	collect(paths, schemas, used)
	return OpenDocument{"openapi": all["openapi"], "info": all["info"], "paths": paths, "components": map[string]any{"schemas": used}}, nil
}

// collect follows references from a part of the document.
func collect(v any, schemas, used map[string]any) {
	switch x := v.(type) {
	case map[string]any:
		if ref, ok := x["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, "#/components/schemas/")
			if s, ok := schemas[name]; ok && used[name] == nil {
				used[name] = s
				collect(s, schemas, used)
			}
		}
		for _, e := range x {
			collect(e, schemas, used)
		}
	case []any:
		for _, e := range x {
			collect(e, schemas, used)
		}
	}
}
