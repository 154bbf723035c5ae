package onemap

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

func (s *Service) registerAddresses(app *fiber.App, api huma.API) {
	httpx.Register(api, access.MapView, op("geocode", http.MethodGet, "/api/geocode", "What an address means: services outside first, the own index last", "addresses"),
		func(ctx context.Context, in *struct {
			Address string `query:"address" required:"true" maxLength:"400"`
			By      string `query:"by" enum:",customer,amap,baidu,tianditu,local"`
		},
		) (*httpx.Body[GeoAnswer], error) {
			return httpx.Out(s.Geocode(ctx, in.Address, in.By))
		})
	httpx.Register(api, access.MapView, op("reverse-geocode", http.MethodGet, "/api/geocode/reverse", "What stands at a place", "addresses"),
		func(ctx context.Context, in *struct {
			System coord.System `query:"system" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000" default:"wgs84"`
			X      float64      `query:"x" required:"true"`
			Y      float64      `query:"y" required:"true"`
			By     string       `query:"by" enum:",customer,amap,baidu,tianditu,local"`
		},
		) (*httpx.Body[GeoAnswer], error) {
			return httpx.Out(s.Reverse(ctx, in.System, in.X, in.Y, in.By))
		})
	httpx.Register(api, access.MapView, op("fuse-address", http.MethodGet, "/api/addresses/fuse", "Standard address, Shanghai 2000, score and candidates of a free text", "addresses"),
		func(ctx context.Context, in *struct {
			Text  string `query:"text" required:"true" maxLength:"400"`
			Limit int    `query:"limit" minimum:"1" maximum:"20" default:"6"`
		},
		) (*httpx.Body[Fused], error) {
			return httpx.Out(s.Fuse(ctx, in.Text, in.Limit))
		})
	httpx.Register(api, access.MapView, op("fuse-addresses", http.MethodPost, "/api/addresses/fuse", "The same for up to 1000 texts", "addresses"),
		func(ctx context.Context, in *struct {
			Body struct {
				Texts []string `json:"texts" minItems:"1" maxItems:"1000"`
				Limit int      `json:"limit,omitempty" minimum:"1" maximum:"20"`
			}
		},
		) (*httpx.Body[[]Fused], error) {
			return httpx.Out(s.FuseAll(ctx, in.Body.Texts, max(in.Body.Limit, 1)))
		})
	httpx.Register(api, access.MapView, op("get-address-facts", http.MethodGet, "/api/addresses/facts", "How many addresses the index holds, by source", "addresses"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[AddressFacts], error) {
			return httpx.Out(s.AddressFacts(ctx))
		})
	httpx.Raw(app, api, access.MapView, http.MethodPost, "/api/addresses/batch", s.serveBatch)
}

// serveBatch reads a sheet of addresses (form field file) and answers the same
// sheet with what they mean.
func (s *Service) serveBatch(c *fiber.Ctx) error {
	h, err := c.FormFile("file")
	if err != nil {
		return errs.Invalidf("file", "请选择 xlsx 或 csv 文件")
	}
	if h.Size > 8<<20 {
		return errs.Invalidf("file", "文件不能超过 8 MB，现在是 %.1f MB", float64(h.Size)/(1<<20))
	}
	body, err := readUpload(h)
	if err != nil {
		return err
	}
	out, err := s.Batch(c.UserContext(), bytes.NewReader(body), h.Filename)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape("地址匹配结果.xlsx"))
	return c.Send(out)
}

func readUpload(h *multipart.FileHeader) ([]byte, error) {
	f, err := h.Open()
	if err != nil {
		return nil, errs.Invalidf("file", "文件没有传完，请重新上传")
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, errs.Invalidf("file", "文件没有传完，请重新上传")
	}
	return b, nil
}
