package live

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
)

func op(method, path, id, summary string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"live"}}
}

// CutBody is a stretch of a recording.
type CutBody struct {
	From  clock.Stamp `json:"from"`
	Until clock.Stamp `json:"until"`
}

type pieceInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body CutBody
}

type downloadInput struct {
	Body struct {
		CutBody
		CameraID string `json:"cameraId" minLength:"1" maxLength:"64"`
		Reason   string `json:"reason" maxLength:"800"`
	}
}

type cameraBody struct {
	Body struct {
		CameraID string `json:"cameraId" minLength:"1" maxLength:"64"`
	}
}

// registerFilm adds what plays and takes away recordings.
func (s *Service) registerFilm(app *fiber.App, api huma.API) {
	httpx.Register(api, access.CameraView, op(http.MethodPost, "/api/live/playbacks", "open-playback", "Watch the recordings of a camera"),
		func(ctx context.Context, in *cameraBody) (*httpx.Body[LiveSession], error) {
			return httpx.Out(s.OpenPlayback(ctx, in.Body.CameraID))
		})
	httpx.Register(api, access.CameraView, op(http.MethodGet, "/api/live/playbacks/{id}/day", "get-film-day", "What is recorded on a day"),
		func(ctx context.Context, in *struct {
			sessionID
			Day string `query:"day" required:"true" maxLength:"10" doc:"YYYY-MM-DD in Shanghai"`
		},
		) (*httpx.Body[FilmDay], error) {
			return httpx.Out(s.Day(ctx, in.ID, in.Day))
		})
	httpx.Register(api, access.CameraView, op(http.MethodPost, "/api/live/playbacks/{id}/pieces", "get-film-piece", "A stretch of the recording to play, at most two minutes"),
		func(ctx context.Context, in *pieceInput) (*httpx.Body[FilmCut], error) {
			return httpx.Out(s.Piece(ctx, in.ID, in.Body.From, in.Body.Until))
		})
	httpx.Register(api, access.CameraView, op(http.MethodPost, "/api/live/downloads", "make-download", "A stretch of the recording to take away, at most 15 minutes"),
		func(ctx context.Context, in *downloadInput) (*httpx.Body[FilmCut], error) {
			return httpx.Out(s.Download(ctx, in.Body.CameraID, in.Body.From, in.Body.Until, in.Body.Reason))
		})
	httpx.Raw(app, api, access.CameraView, http.MethodGet, "/api/live/downloads/:sm3", s.getDownload)
}

// getDownload sends a cut as a file.
func (s *Service) getDownload(c *fiber.Ctx) error {
	ctx := c.UserContext()
	r, ok, err := cutBySM3(ctx, s.o.DB.Read(), c.Params("sm3"))
	if err != nil {
		return err
	}
	if !ok {
		return errs.NotFound("录像")
	}
	cam, err := s.o.Rights.Need(ctx, r.CameraID, ActDownload)
	if err != nil {
		return err
	}
	who, err := access.From(ctx)
	if err != nil {
		return err
	}
	f, ref, err := s.o.Files.Open(ctx, r.SM3)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, ref.MediaType)
	c.Set(fiber.HeaderContentDisposition, "attachment; filename*=UTF-8''"+url.PathEscape(filmFile(cam, r, who)))
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	return c.SendStream(f, int(ref.Size))
}

type watchInput struct {
	httpx.Paging
	Person string `query:"person" maxLength:"40"`
	Camera string `query:"camera" maxLength:"64"`
	Kind   string `query:"kind" enum:"live,playback,snapshot,download"`
	Region string `query:"region" pattern:"^[0-9]{2,9}$"`
	From   string `query:"from" format:"date-time"`
	To     string `query:"to" format:"date-time"`
	Open   bool   `query:"open" doc:"Those who watch now"`
}

func (in watchInput) filter() (WatchFilter, error) {
	f := WatchFilter{Person: in.Person, Camera: in.Camera, Kind: in.Kind, Region: region.Prefix(in.Region), Open: in.Open}
	for _, x := range []struct {
		name, text string
		to         **clock.Stamp
	}{{"from", in.From, &f.From}, {"to", in.To, &f.To}} {
		if x.text == "" {
			continue
		}
		var at clock.Stamp
		if err := at.UnmarshalText([]byte(x.text)); err != nil {
			return f, errs.Invalidf(x.name, "%s", err.Error())
		}
		*x.to = &at
	}
	return f, nil
}

// registerWalls adds layouts, who watched what, and what runs on a camera.
func (s *Service) registerWalls(api huma.API) {
	httpx.Register(api, access.CameraView, op(http.MethodGet, "/api/live/walls", "list-walls", "Saved layouts and rotations"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[[]Wall], error) { return httpx.Out(s.Walls(ctx)) })
	httpx.Register(api, access.CameraView, op(http.MethodPost, "/api/live/walls", "save-wall", "Save a layout or rotation; with an id it replaces one"),
		func(ctx context.Context, in *struct{ Body WallBody }) (*httpx.Body[Wall], error) {
			b := in.Body
			return httpx.Out(s.SaveWall(ctx, Wall{ID: b.ID, Kind: b.Kind, Name: b.Name, Layout: b.Layout, Cameras: b.Cameras, IntervalS: b.IntervalS, Shared: b.Shared, Rev: b.Rev}))
		})
	o := op(http.MethodDelete, "/api/live/walls/{id}", "delete-wall", "Delete a layout")
	o.DefaultStatus = http.StatusNoContent
	httpx.Register(api, access.CameraView, o, func(ctx context.Context, in *sessionID) (*struct{}, error) { return nil, s.DeleteWall(ctx, in.ID) })
	httpx.Register(api, access.CameraView, op(http.MethodGet, "/api/live/watches", "list-watches", "Who watched what, when and for how long; counts stop at 10,000"),
		func(ctx context.Context, in *watchInput) (*httpx.Body[httpx.List[watchRow]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			return httpx.Out(s.Watches(ctx, f, in.Paging))
		})
	httpx.Register(api, access.CameraView, op(http.MethodPost, "/api/live/snapshots", "live-snapshot", "Take a picture of now; the original stays without a watermark"),
		func(ctx context.Context, in *cameraBody) (*httpx.Body[Snap], error) {
			return httpx.Out(s.NoteSnap(ctx, in.Body.CameraID, func(ctx context.Context) (Snap, error) { return s.o.Snap(ctx, in.Body.CameraID) }))
		})
	httpx.Register(api, access.CameraView, op(http.MethodGet, "/api/recognition/cameras/{id}/running", "inspect-camera", "What recognition runs on a camera now"),
		func(ctx context.Context, in *sessionID) (*httpx.Body[edgev1.Running], error) {
			return httpx.Out(s.Inspect(ctx, in.ID))
		})
	s.registerRecognition(api)
}

// WallBody is a layout as it is written.
type WallBody struct {
	ID        string   `json:"id,omitempty" maxLength:"64"`
	Kind      string   `json:"kind" maxLength:"10"`
	Name      string   `json:"name" maxLength:"200"`
	Layout    int      `json:"layout"`
	Cameras   []string `json:"cameras" maxItems:"400"`
	IntervalS int      `json:"intervalS,omitempty"`
	Shared    bool     `json:"shared,omitempty"`
	Rev       int64    `json:"rev,omitempty"`
}
