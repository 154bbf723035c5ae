package alerts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

// AlertRule is a version of a rule.
type AlertRule struct {
	ID           string       `json:"id"`
	Kind         string       `json:"kind" doc:"A kind, or * for all"`
	CameraID     string       `json:"cameraId,omitempty" doc:"Absent: every camera"`
	CameraName   string       `json:"cameraName,omitempty"`
	Version      int          `json:"version"`
	AutoScore    float64      `json:"autoScore" doc:"From this confidence on it is an alert"`
	MergeMinutes int          `json:"mergeMinutes" doc:"0: each recognition is a record"`
	NearestM     float64      `json:"nearestM" doc:"Metres; 0: only the shop of the zone"`
	From         clock.Stamp  `json:"from"`
	To           *clock.Stamp `json:"to,omitempty" doc:"Exclusive"`
	InForce      bool         `json:"inForce"`
	Reason       string       `json:"reason"`
	MadeName     string       `json:"madeName"`
	MadeAt       clock.Stamp  `json:"madeAt"`
}

func ruleView(r Rule) AlertRule {
	return AlertRule{
		ID: r.ID, Kind: r.Kind, CameraID: r.CameraID, CameraName: r.CameraName, Version: r.Version, AutoScore: r.AutoScore, MergeMinutes: r.MergeMinutes,
		NearestM: r.NearestM, From: r.FromAt, To: r.ToAt, Reason: r.Reason, MadeName: r.MadeName, MadeAt: r.MadeAt,
	}
}

type ruleBody struct {
	Kind         string       `json:"kind" enum:"*,stacking,frontage,sign,picture"`
	CameraID     string       `json:"cameraId,omitempty" maxLength:"40"`
	AutoScore    float64      `json:"autoScore"`
	MergeMinutes int          `json:"mergeMinutes"`
	NearestM     float64      `json:"nearestM"`
	From         *clock.Stamp `json:"from,omitempty" doc:"Absent: at once"`
	Reason       string       `json:"reason" maxLength:"2000"`
}

type precisionInput struct {
	From   int    `query:"from" doc:"As 202611"`
	To     int    `query:"to"`
	Kind   string `query:"kind" enum:"stacking,frontage,sign,picture"`
	Region string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	Camera string `query:"camera" maxLength:"40"`
}

func (s *Service) registerRules(api huma.API, op func(method, path, id, summary string) huma.Operation) {
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts/rules", "list-alert-rules", "Thresholds, merging and binding, every version"),
		func(ctx context.Context, in *struct {
			Kind   string `query:"kind" enum:"*,stacking,frontage,sign,picture"`
			Camera string `query:"camera" maxLength:"40"`
		},
		) (*httpx.Body[[]AlertRule], error) {
			list, err := s.Rules(ctx, in.Kind, in.Camera)
			if err != nil {
				return nil, err
			}
			now := clock.At(s.db.Now())
			out := make([]AlertRule, len(list))
			for i, r := range list {
				out[i] = ruleView(r)
				out[i].InForce = r.inForce(now)
			}
			return httpx.Out(out, nil)
		})
	httpx.Register(api, "alert.rule", op(http.MethodPost, "/api/alerts/rules", "publish-alert-rule", "A new version of a rule"),
		func(ctx context.Context, in *struct{ Body ruleBody }) (*httpx.Body[AlertRule], error) {
			b := in.Body
			r, err := s.PublishRule(ctx, RuleInput{b.Kind, b.CameraID, b.AutoScore, b.MergeMinutes, b.NearestM, b.From, b.Reason})
			return httpx.Out(ruleView(r), err)
		})
	httpx.Register(api, "alert.rule", op(http.MethodPost, "/api/alerts/rules/end", "end-alert-rule", "Take a rule out of force"),
		func(ctx context.Context, in *struct {
			Body struct {
				Kind     string `json:"kind" enum:"*,stacking,frontage,sign,picture"`
				CameraID string `json:"cameraId,omitempty" maxLength:"40"`
				Reason   string `json:"reason" maxLength:"2000"`
			}
		},
		) (*httpx.Body[struct{}], error) {
			return httpx.Out(struct{}{}, s.EndRule(ctx, in.Body.Kind, in.Body.CameraID, in.Body.Reason))
		})
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts/precision", "alert-precision", "How right the recognitions were, by kind and score"),
		func(ctx context.Context, in *precisionInput) (*httpx.Body[PrecisionView], error) {
			f := PrecisionFilter(*in)
			f.Region = region.Prefix(f.Region)
			return httpx.Out(s.PrecisionOf(ctx, f))
		})
}
