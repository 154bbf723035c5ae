package webhook

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

// Register adds the routes.
func (s *Service) Register(api huma.API) {
	op := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"integration"}}
	}
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/webhooks", "list-webhooks", "Subscriptions to events"),
		func(ctx context.Context, in *struct {
			State string `query:"state" enum:",on,off,disabled"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[Webhook]], error) {
			return httpx.Out(s.List(ctx, in.State, in.Paging))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/webhook-topics", "list-webhook-topics", "Events that can be subscribed to"),
		func(context.Context, *struct{}) (*httpx.Body[[]WebhookTopic], error) { return httpx.Out(Topics(), nil) })
	httpx.Register(api, access.InterfaceApply, op(http.MethodPost, "/api/webhooks", "create-webhook", "Subscribe"),
		func(ctx context.Context, in *struct{ Body WebhookWrite }) (*httpx.Body[Webhook], error) {
			return httpx.Out(s.Create(ctx, in.Body))
		})
	httpx.Register(api, access.InterfaceApply, op(http.MethodPut, "/api/webhooks/{id}", "change-webhook", "Change a subscription"),
		func(ctx context.Context, in *struct {
			ID   string `path:"id" maxLength:"40"`
			Body WebhookWrite
		},
		) (*httpx.Body[Webhook], error) {
			return httpx.Out(s.Change(ctx, in.ID, in.Body))
		})
	httpx.Register(api, ViewPerm, op(http.MethodGet, "/api/webhook-deliveries", "list-webhook-deliveries", "Delivery log"),
		func(ctx context.Context, in *struct {
			Hook  string `query:"hook" maxLength:"40"`
			State string `query:"state" enum:",waiting,done,dead"`
			Topic string `query:"topic" maxLength:"40"`
			httpx.Paging
		},
		) (*httpx.Body[httpx.List[WebhookDelivery]], error) {
			return httpx.Out(s.Deliveries(ctx, in.Hook, in.State, in.Topic, in.Paging))
		})
	o := op(http.MethodPost, "/api/webhook-deliveries/{id}/replay", "replay-webhook-delivery", "Send again")
	o.DefaultStatus = http.StatusNoContent
	httpx.Register(api, access.InterfaceApply, o,
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"40"`
		},
		) (*struct{}, error) {
			return nil, s.Replay(ctx, in.ID)
		})
}
