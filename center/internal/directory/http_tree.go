package directory

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// CameraNode is a node of the tree of regions.
type CameraNode struct {
	Key    string           `json:"key" doc:"A region code, or a road's name"`
	Name   string           `json:"name"`
	Level  string           `json:"level" enum:"district,street,road"`
	Total  int64            `json:"total"`
	States map[string]int64 `json:"states" doc:"Numbers by state"`
}

func (s *Service) registerTree(api huma.API, o op) {
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/tree", "camera-tree", "The children of a region with the numbers of their cameras"),
		func(ctx context.Context, in *struct {
			Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码" default:"310000"`
		},
		) (*httpx.Body[[]CameraNode], error) {
			list, err := s.Tree(ctx, region.Prefix(in.Region))
			out := make([]CameraNode, len(list))
			for i, n := range list {
				out[i] = CameraNode(n)
			}
			return httpx.Out(out, err)
		})
}
