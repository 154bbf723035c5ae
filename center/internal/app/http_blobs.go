package app

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// maxPicture bounds what people upload.
const maxPicture = 15 << 20

func (a *App) registerBlobs() {
	httpx.Raw(a.fiber, a.api, httpx.SignedIn, http.MethodPost, "/api/blobs", a.postBlob)
	httpx.Raw(a.fiber, a.api, httpx.SignedIn, http.MethodGet, "/api/blobs/:sm3", a.getBlob)
}

func (a *App) postBlob(c *fiber.Ctx) error {
	ctx := c.UserContext()
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	data := c.Body()
	if len(data) > maxPicture {
		return errs.New(errs.TooLarge, "图片超过 %d MB 的上限", maxPicture>>20)
	}
	mt, err := blob.CheckPicture(data)
	if err != nil {
		return err
	}
	if want := c.Get("X-SM3"); want != "" && want != blob.Digest(data) {
		return errs.Invalidf("X-SM3", "内容的摘要与声明的不符，请重新上传")
	}
	ref, err := a.blobs.PutBytes(ctx, data, mt)
	if err != nil {
		return err
	}
	if err := noteUpload(ctx, a.db, ref.SM3, who.ID); err != nil {
		return err
	}
	return c.JSON(ref)
}

// maySee tells whether a record that the actor may see refers to the file.
func (a *App) maySee(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil {
		return false, err
	}
	if ok, err := a.seesBlob(ctx, sm3); ok || err != nil {
		return ok, err
	}
	return uploadedBy(ctx, a.db, sm3, who.ID)
}

func (a *App) getBlob(c *fiber.Ctx) error {
	ctx, sm3 := c.UserContext(), c.Params("sm3")
	if !blob.ValidDigest(sm3) {
		return errs.Invalidf("sm3", "摘要应为 64 位小写十六进制")
	}
	ok, err := a.maySee(ctx, sm3)
	if err != nil {
		return err
	}
	if !ok {
		return errs.NotFound("图片")
	}
	// The content of a digest never changes.
	c.Set(fiber.HeaderCacheControl, "private, max-age=86400, immutable")
	tag := `"` + sm3 + "-" + c.Query("w") + `"`
	c.Set(fiber.HeaderETag, tag)
	if c.Get(fiber.HeaderIfNoneMatch) == tag {
		return c.SendStatus(http.StatusNotModified)
	}
	if w := c.Query("w"); w != "" {
		n, err := strconv.Atoi(w)
		if err != nil || !slices.Contains(blob.ThumbWidths(), n) {
			return errs.Invalidf("w", "缩略图宽度应为 160、320 或 640")
		}
		b, err := a.blobs.Thumb(ctx, sm3, n)
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "image/jpeg")
		return c.Send(b)
	}
	f, ref, err := a.blobs.Open(ctx, sm3)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, ref.MediaType)
	return c.SendStream(io.NopCloser(f), int(ref.Size))
}
