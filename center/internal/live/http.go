package live

import (
	"context"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
)

type sessionID struct {
	ID string `path:"id" maxLength:"64"`
}

// Register adds the routes of live.
func (s *Service) Register(app *fiber.App, api huma.API) {
	httpx.Register(api, access.CameraView, huma.Operation{OperationID: "open-live", Method: http.MethodPost, Path: "/api/live/sessions", Summary: "Watch a camera", Tags: []string{"live"}, Errors: []int{401, 403, 404, 422, 429, 503}},
		func(ctx context.Context, in *struct {
			Body struct {
				CameraID string `json:"cameraId" minLength:"1" maxLength:"64"`
			}
		},
		) (*httpx.Body[LiveSession], error) {
			return httpx.Out(s.Open(ctx, in.Body.CameraID))
		})
	httpx.Register(api, access.CameraView, huma.Operation{OperationID: "renew-live", Method: http.MethodPost, Path: "/api/live/sessions/{id}/renew", Summary: "Prolong a session", Tags: []string{"live"}},
		func(ctx context.Context, in *sessionID) (*httpx.Body[LiveSession], error) {
			return httpx.Out(s.Renew(ctx, in.ID))
		})
	httpx.Register(api, access.CameraView, huma.Operation{OperationID: "end-live", Method: http.MethodDelete, Path: "/api/live/sessions/{id}", Summary: "Stop watching", Tags: []string{"live"}, DefaultStatus: 204},
		func(ctx context.Context, in *sessionID) (*struct{}, error) { return nil, s.End(ctx, in.ID) })
	s.registerFilm(app, api)
	s.registerWalls(api)
	app.Post("/internal/media/auth", s.auth)
}

// auth answers the media server, which runs on this machine.
func (s *Service) auth(c *fiber.Ctx) error {
	if ip := net.ParseIP(c.Context().RemoteIP().String()); ip == nil || !ip.IsLoopback() {
		return c.SendStatus(http.StatusForbidden)
	}
	var r AuthRequest
	if err := c.BodyParser(&r); err != nil {
		return c.SendStatus(http.StatusBadRequest)
	}
	if s.Allow(r) {
		return c.SendStatus(http.StatusOK)
	}
	// 401 makes players send what credentials they have.
	return c.SendStatus(http.StatusUnauthorized)
}
