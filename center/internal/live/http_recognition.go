package live

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

type trialInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		ZoneID    string         `json:"zoneId,omitempty" maxLength:"64"`
		Days      int            `json:"days,omitempty"`
		OpenScore float64        `json:"openScore,omitempty"`
		DwellS    float64        `json:"dwellS,omitempty"`
		MinArea   float64        `json:"minArea,omitempty"`
		Polygon   []edgev1.Point `json:"polygon,omitempty" maxItems:"1000"`
	}
}

type reportInput struct {
	By     string `query:"by" enum:"kind,camera,region,day" default:"kind"`
	Region string `query:"region" pattern:"^[0-9]{2,9}$"`
	Kind   string `query:"kind" enum:"stacking,frontage,sign,picture"`
	Camera string `query:"camera" maxLength:"64"`
	From   int    `query:"from" doc:"Day such as 20261124; 29 days ago when absent"`
	To     int    `query:"to" doc:"Day such as 20261124; today when absent"`
}

func (s *Service) registerRecognition(api huma.API) {
	httpx.Register(api, access.AlertView, op(http.MethodGet, "/api/recognition/report", "recognition-report", "How well recognition does, by what people decided"),
		func(ctx context.Context, in *reportInput) (*httpx.Body[[]Quality], error) {
			return httpx.Out(s.Report(ctx, QualityFilter{By: in.By, Region: region.Prefix(in.Region), Kind: in.Kind, Camera: in.Camera, From: in.From, To: in.To}))
		})
	httpx.Register(api, access.AlertView, op(http.MethodPost, "/api/recognition/cameras/{id}/trial", "try-rule", "What another rule would have made of past recognitions"),
		func(ctx context.Context, in *trialInput) (*httpx.Body[TrialResult], error) {
			b := in.Body
			return httpx.Out(s.Try(ctx, in.ID, TrialRule{ZoneID: b.ZoneID, Days: b.Days, OpenScore: b.OpenScore, DwellS: b.DwellS, MinArea: b.MinArea, Polygon: b.Polygon}))
		})
}
