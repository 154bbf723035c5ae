package workflow

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/workflow/bpmn"
)

type defIn struct {
	Kind string `path:"kind" enum:"process,form"`
	Key  string `path:"key" maxLength:"60"`
}

func (s *Service) registerDefs(api huma.API) {
	httpx.Register(api, httpx.SignedIn, route("flow-services", http.MethodGet, "/api/flow/services", "自动环节可用的功能"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]ServiceName], error) {
			if _, err := either(ctx); err != nil {
				return nil, err
			}
			return httpx.Out(s.Services(), nil)
		})
	httpx.Register(api, httpx.SignedIn, route("flow-defs", http.MethodGet, "/api/flow/defs/{kind}", "流程或表单的定义"),
		func(ctx context.Context, in *struct {
			Kind string `path:"kind" enum:"process,form"`
		}) (*httpx.Body[[]Definition], error) {
			return httpx.Out(s.Definitions(ctx, in.Kind))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-draft", http.MethodGet, "/api/flow/defs/{kind}/{key}", "草稿"),
		func(ctx context.Context, in *defIn) (*httpx.Body[Draft], error) {
			return httpx.Out(s.GetDraft(ctx, in.Kind, in.Key))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-draft-save", http.MethodPut, "/api/flow/defs/{kind}/{key}", "保存草稿"),
		func(ctx context.Context, in *struct {
			defIn
			Body struct {
				Name     string `json:"name" maxLength:"60"`
				Category string `json:"category,omitempty" maxLength:"20"`
				Body     string `json:"body"`
				Options  string `json:"options,omitempty"`
				Rev      int64  `json:"rev"`
			}
		}) (*httpx.Body[Draft], error) {
			b := in.Body
			return httpx.Out(s.SaveDraft(ctx, Draft{Kind: in.Kind, Key: in.Key, Name: b.Name, Category: b.Category, Body: b.Body, Options: b.Options, Rev: b.Rev}))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-check", http.MethodPost, "/api/flow/check/{kind}", "检查流程或表单"),
		func(ctx context.Context, in *struct {
			Kind string `path:"kind" enum:"process,form"`
			Body struct {
				Body string `json:"body"`
			}
		}) (*httpx.Body[[]Fault], error) {
			return httpx.Out(s.Check(ctx, in.Kind, in.Body.Body))
		})
	httpx.Register(api, designPerm, route("flow-try", http.MethodPost, "/api/flow/try", "试运行"),
		func(ctx context.Context, in *struct {
			Body struct {
				Body       string            `json:"body"`
				Starter    string            `json:"starter,omitempty" maxLength:"40"`
				RegionCode string            `json:"regionCode,omitempty" maxLength:"12"`
				Vars       map[string]any    `json:"vars,omitempty"`
				Outcomes   map[string]string `json:"outcomes,omitempty"`
				Late       []string          `json:"late,omitempty"`
			}
		}) (*httpx.Body[TrialResult], error) {
			b := in.Body
			return httpx.Out(s.Try(ctx, Trial{Body: b.Body, Starter: b.Starter, RegionCode: b.RegionCode, Vars: b.Vars, Outcomes: b.Outcomes, Late: b.Late}))
		})
}

func (s *Service) registerVersions(api huma.API) {
	httpx.Register(api, httpx.SignedIn, route("flow-publish", http.MethodPost, "/api/flow/defs/{kind}/{key}/publish", "发布新版本"),
		func(ctx context.Context, in *struct {
			defIn
			Body struct {
				Rev  int64  `json:"rev"`
				Note string `json:"note" maxLength:"200"`
			}
		}) (*httpx.Body[Version], error) {
			return httpx.Out(s.Publish(ctx, in.Kind, in.Key, in.Body.Rev, in.Body.Note))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-versions", http.MethodGet, "/api/flow/defs/{kind}/{key}/versions", "版本"),
		func(ctx context.Context, in *defIn) (*httpx.Body[[]Version], error) {
			return httpx.Out(s.Versions(ctx, in.Kind, in.Key))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-version", http.MethodGet, "/api/flow/defs/{kind}/{key}/versions/{version}", "一个版本"),
		func(ctx context.Context, in *struct {
			defIn
			Version int `path:"version" minimum:"1"`
		}) (*httpx.Body[Version], error) {
			return httpx.Out(s.Version(ctx, in.Kind, in.Key, in.Version))
		})
	httpx.Register(api, httpx.SignedIn, route("flow-diff", http.MethodGet, "/api/flow/processes/{key}/diff", "比较两个版本"),
		func(ctx context.Context, in *struct {
			Key  string `path:"key" maxLength:"60"`
			From int    `query:"from" minimum:"0" doc:"0 is the draft"`
			To   int    `query:"to" minimum:"0"`
		}) (*httpx.Body[[]bpmn.Change], error) {
			return httpx.Out(s.Diff(ctx, in.Key, in.From, in.To))
		})
	type migrateIn struct {
		Key  string `path:"key" maxLength:"60"`
		Body struct {
			From    int               `json:"from" minimum:"1"`
			To      int               `json:"to" minimum:"1"`
			Mapping map[string]string `json:"mapping,omitempty"`
			Reason  string            `json:"reason,omitempty" maxLength:"200"`
		}
	}
	plan := func(in *migrateIn) Migration {
		return Migration{Process: in.Key, From: in.Body.From, To: in.Body.To, Mapping: in.Body.Mapping, Reason: in.Body.Reason}
	}
	httpx.Register(api, designPerm, route("flow-migrate-preview", http.MethodPost, "/api/flow/processes/{key}/migrate/preview", "迁移预览"),
		func(ctx context.Context, in *migrateIn) (*httpx.Body[MigrationPreview], error) {
			return httpx.Out(s.PreviewMigration(ctx, plan(in)))
		})
	type migrated struct {
		Count int `json:"count"`
	}
	httpx.Register(api, designPerm, route("flow-migrate", http.MethodPost, "/api/flow/processes/{key}/migrate", "迁移在办的流程"),
		func(ctx context.Context, in *migrateIn) (*httpx.Body[migrated], error) {
			n, err := s.Migrate(ctx, plan(in))
			return httpx.Out(migrated{n}, err)
		})
}
