package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
	"jiexun/center/seed/base"
	"jiexun/center/web"
)

func (a *App) registerRegions() {
	type out struct {
		CacheControl string `header:"Cache-Control"`
		Body         []region.Region
	}
	httpx.Register(a.api, httpx.SignedIn, huma.Operation{OperationID: "list-regions", Method: http.MethodGet, Path: "/api/regions", Summary: "The tree of regions", Tags: []string{"regions"}},
		func(context.Context, *struct{}) (*out, error) {
			return &out{CacheControl: "private, max-age=3600", Body: a.regions.All()}, nil
		})
	shapes := base.Districts()
	httpx.Raw(a.fiber, a.api, httpx.SignedIn, http.MethodGet, "/api/regions/districts.geojson", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "private, max-age=86400")
		c.Set(fiber.HeaderContentType, "application/geo+json")
		return c.Send(shapes)
	})
}

// registerWeb serves the built pages; addresses that are no file are the
// console's own, so they get its first page.
func (a *App) registerWeb() {
	dist, err := web.Dist()
	if err != nil {
		a.log.Error("pages are not readable", "err", err)
		return
	}
	a.fiber.Get("/*", pages(dist))
}

// pages serves the files of a build. What is under assets/ has the digest of
// its content in its name and is kept for good; the first page and the phone's
// worker name those files, so that browsers ask for them anew each time.
func pages(dist fs.FS) fiber.Handler {
	return func(c *fiber.Ctx) error {
		p := c.Path()
		if strings.HasPrefix(p, "/api/") || strings.HasPrefix(p, "/internal/") {
			return fiber.ErrNotFound
		}
		name := strings.TrimPrefix(path.Clean(p), "/")
		b, err := fs.ReadFile(dist, name)
		if err != nil || name == "" || name == "." {
			if path.Ext(name) != "" && strings.HasPrefix(name, "assets/") {
				return fiber.ErrNotFound
			}
			name = "index.html"
			if b, err = fs.ReadFile(dist, name); errors.Is(err, fs.ErrNotExist) {
				return c.Status(http.StatusServiceUnavailable).SendString("网页尚未构建，请先运行 make web\n")
			}
		}
		if err != nil {
			return fmt.Errorf("read page %s: %w", name, err)
		}
		if strings.HasPrefix(name, "assets/") {
			c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
		} else {
			c.Set(fiber.HeaderCacheControl, "no-cache")
		}
		t := mime.TypeByExtension(path.Ext(name))
		if t == "" {
			t = "application/octet-stream"
		}
		c.Set(fiber.HeaderContentType, t)
		return c.Send(b)
	}
}
