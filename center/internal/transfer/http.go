package transfer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/sheet"
)

// Path names an export or import in an address.
type Path struct {
	ID string `path:"id" maxLength:"64"`
}

// Register adds the routes of exports and imports.
func (s *Service) Register(app *fiber.App, api huma.API) {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"transfer"}}
	}
	httpx.Register(api, httpx.SignedIn, op("list-transfer-kinds", http.MethodGet, "/api/transfer/kinds", "What the person may export and import"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[Kinds], error) { return httpx.Out(s.Kinds(ctx)) })
	httpx.Register(api, access.ExportData, op("list-exports", http.MethodGet, "/api/exports", "The person's own exports"),
		func(ctx context.Context, in *httpx.Paging) (*httpx.Body[httpx.List[Exported]], error) {
			list, n, err := s.Exports(ctx, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, *in, s.db.Now()), err)
		})
	httpx.Register(api, access.ExportData, op("ask-export", http.MethodPost, "/api/exports", "Export a list as a job"),
		func(ctx context.Context, in *struct{ Body ExportInput }) (*httpx.Body[Exported], error) {
			return httpx.Out(s.AskExport(ctx, in.Body))
		})
	httpx.Register(api, access.ExportData, op("cancel-export", http.MethodPost, "/api/exports/{id}/cancel", "End an export"),
		func(ctx context.Context, in *Path) (*struct{}, error) { return nil, s.CancelExport(ctx, in.ID) })
	httpx.Raw(app, api, access.ExportData, http.MethodGet, "/api/exports/:id/file", s.sendExport)

	httpx.Register(api, access.ImportData, op("list-imports", http.MethodGet, "/api/imports", "The person's own imports"),
		func(ctx context.Context, in *httpx.Paging) (*httpx.Body[httpx.List[Imported]], error) {
			list, n, err := s.Imports(ctx, in.Limit(), in.Offset())
			return httpx.Out(httpx.NewList(list, n, *in, s.db.Now()), err)
		})
	httpx.Raw(app, api, access.ImportData, http.MethodPost, "/api/imports", s.takeImport)
	httpx.Register(api, access.ImportData, op("confirm-import", http.MethodPost, "/api/imports/{id}/confirm", "Load a checked import"),
		func(ctx context.Context, in *Path) (*httpx.Body[Imported], error) {
			return httpx.Out(s.Confirm(ctx, in.ID))
		})
	httpx.Register(api, access.ImportData, op("get-import-problems", http.MethodGet, "/api/imports/{id}/problems", "Every problem of an import as xlsx"),
		func(ctx context.Context, in *Path) (*sheet.File, error) {
			var b bytes.Buffer
			if err := s.Problems(ctx, in.ID, &b); err != nil {
				return nil, err
			}
			return sheet.Attachment("导入问题.xlsx", b.Bytes()), nil
		})
	httpx.Register(api, access.ImportData, op("get-import-template", http.MethodGet, "/api/imports/templates/{kind}", "An empty file with the columns of a kind"),
		func(ctx context.Context, in *struct {
			Kind string `path:"kind" maxLength:"40"`
		},
		) (*sheet.File, error) {
			var b bytes.Buffer
			if err := s.Template(ctx, in.Kind, &b); err != nil {
				return nil, err
			}
			return sheet.Attachment("导入模板.xlsx", b.Bytes()), nil
		})
}

func (s *Service) sendExport(c *fiber.Ctx) error {
	f, e, err := s.Download(c.UserContext(), c.Params("id"))
	if err != nil {
		return err
	}
	kind := "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	if e.Format == "csv" {
		kind = "text/csv; charset=utf-8"
	}
	c.Set(fiber.HeaderContentType, kind)
	c.Set(fiber.HeaderCacheControl, "no-store")
	name := fmt.Sprintf("%s-%s.%s", e.Title, e.CreatedAt.Time().Format("20060102"), e.Format)
	c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape(name))
	return c.SendStream(f, int(e.Size)) // fasthttp closes the file
}

// takeImport reads the file of a form.
func (s *Service) takeImport(c *fiber.Ctx) error {
	fh, err := c.FormFile("file")
	if err != nil {
		return errs.Invalidf("file", "请选择要导入的文件")
	}
	f, err := fh.Open()
	if err != nil {
		return errs.Wrap(errs.Invalid, "文件读不出来", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, MaxUpload+1))
	if err != nil {
		return errs.Wrap(errs.Invalid, "文件读不出来", err)
	}
	out, err := s.Upload(c.UserContext(), c.FormValue("kind"), fh.Filename, b)
	if err != nil {
		return err
	}
	return c.JSON(out)
}
