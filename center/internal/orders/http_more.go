package orders

import (
	"context"

	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

// OrderPlan is one order of a batch as it would go.
type OrderPlan struct {
	OrderItem
	To      *DispatchChoice `json:"to,omitempty" doc:"To whom it ought to go; absent when a person has to choose"`
	Officer bool            `json:"officer" doc:"Goes to an officer, not to a squad"`
	Fault   string          `json:"fault,omitempty" doc:"Why it cannot be handed on"`
}

type planInput struct {
	Body struct {
		IDs []string `json:"ids" maxItems:"200"`
	}
}

type batchInput struct {
	Key  string `header:"Idempotency-Key" maxLength:"40" doc:"Needed: a repeated press is answered like the first"`
	Body struct {
		Items []DispatchRow `json:"items" maxItems:"200"`
		Note  string        `json:"note,omitempty" maxLength:"500"`
	}
}

type areasInput struct {
	RawBody []byte `contentType:"application/geo+json"`
}

type savedInput struct {
	Body struct {
		Name  string            `json:"name" maxLength:"40"`
		Query map[string]string `json:"query" maxProperties:"20"`
	}
}

func (s *Service) registerMore(api huma.API, op func(method, path, id, summary string) huma.Operation) {
	httpx.Register(api, access.OrderView, op(http.MethodPost, "/api/orders/dispatch/preview", "preview-dispatch", "Where each of several orders ought to go"),
		func(ctx context.Context, in *planInput) (*httpx.Body[[]OrderPlan], error) {
			list, err := s.PlanBatch(ctx, in.Body.IDs)
			out := make([]OrderPlan, len(list))
			for i, r := range list {
				out[i] = OrderPlan{itemOf(r.Order, s.db.Now()), r.To, r.Officer, r.Fault}
			}
			return httpx.Out(out, err)
		})
	httpx.Register(api, access.OrderView, op(http.MethodPost, "/api/orders/dispatch", "dispatch-orders", "Hand several orders on, each with its own result"),
		func(ctx context.Context, in *batchInput) (*httpx.Body[[]DispatchDone], error) {
			return httpx.Out(s.Batch(ctx, in.Body.Items, in.Body.Note, in.Key))
		})
	httpx.Register(api, access.OrderRule, op(http.MethodGet, "/api/orders/rules", "list-order-rules", "Versions of the rules of merging, arrival and urging"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]HandlingRule], error) {
			return httpx.Out(s.Rules(ctx))
		})
	httpx.Register(api, access.OrderRule, op(http.MethodPost, "/api/orders/rules", "publish-order-rule", "Put a new version of a rule in force"),
		func(ctx context.Context, in *struct{ Body HandlingRuleInput }) (*httpx.Body[HandlingRule], error) {
			return httpx.Out(s.Publish(ctx, in.Body))
		})
	httpx.Register(api, access.OrderRule, op(http.MethodGet, "/api/orders/areas", "list-order-areas", "What squads are responsible for"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]SquadArea], error) {
			return httpx.Out(s.Areas(ctx))
		})
	httpx.Register(api, access.OrderRule, op(http.MethodPost, "/api/orders/areas", "import-order-areas", "Take areas from a GeoJSON file, in place of those of the same squads"),
		func(ctx context.Context, in *areasInput) (*httpx.Body[[]SquadArea], error) {
			return httpx.Out(s.ImportAreas(ctx, in.RawBody))
		})
	httpx.Register(api, access.OrderRule, op(http.MethodDelete, "/api/orders/areas/{id}", "drop-order-area", "Take one area out"),
		func(ctx context.Context, in *idInput) (*struct{}, error) { return nil, s.DropArea(ctx, in.ID) })
	httpx.Register(api, access.OrderView, op(http.MethodGet, "/api/orders/filters", "list-order-filters", "The actor's saved filters"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]SavedFilter], error) {
			return httpx.Out(s.SavedFilters(ctx))
		})
	httpx.Register(api, access.OrderView, op(http.MethodPost, "/api/orders/filters", "save-order-filter", "Keep a filter under a name"),
		func(ctx context.Context, in *savedInput) (*httpx.Body[[]SavedFilter], error) {
			return httpx.Out(s.SaveFilter(ctx, SavedFilter{Name: in.Body.Name, Query: in.Body.Query}))
		})
	httpx.Register(api, access.OrderView, op(http.MethodDelete, "/api/orders/filters/{id}", "drop-order-filter", "Forget a saved filter"),
		func(ctx context.Context, in *idInput) (*struct{}, error) { return nil, s.DropFilter(ctx, in.ID) })
}
