package app

import (
	"bufio"
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/stream"
)

// Times of a stream.
const (
	heartbeat  = 15 * time.Second
	countsWait = 300 * time.Millisecond // several changes give one answer
)

func (a *App) registerStream() {
	httpx.Raw(a.fiber, a.api, httpx.SignedIn, http.MethodGet, "/api/stream", a.serveStream)
}

// serveStream sends notices until the browser leaves, the session ends, or
// the center stops.
func (a *App) serveStream(c *fiber.Ctx) error {
	who, err := access.From(c.UserContext())
	if err != nil {
		return err
	}
	client := a.stream.Join(stream.Viewer{ActorID: who.ID, Holders: a.todoHolders(c.UserContext()), May: func(region, perm string) bool {
		return who.Allows(perm, region)
	}})
	if client == nil {
		return errs.New(errs.Unavailable, "中心正在停止")
	}
	token := c.Cookies(httpx.CookieName)
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer a.stream.Leave(client)
		// The request's own context ends with the handler.
		ctx, cancel := context.WithCancel(access.With(a.run, who))
		defer cancel()
		a.pump(ctx, w, client, token)
	})
	return nil
}

func (a *App) pump(ctx context.Context, w *bufio.Writer, client *stream.Client, token string) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	due := time.NewTimer(0) // counts at once
	defer due.Stop()
	waiting := true
	for {
		var frame []byte
		select {
		case f, ok := <-client.C:
			if !ok {
				return
			}
			frame = f
		case <-client.Counts:
			if !waiting {
				waiting = true
				due.Reset(countsWait)
			}
			continue
		case <-due.C:
			waiting = false
			frame = a.countsFrame(ctx)
		case <-beat.C:
			if ok, err := a.access.Alive(ctx, token); err == nil && !ok {
				return // logged out, expired or disabled
			}
			frame = []byte(": beat\n\n")
		case <-ctx.Done():
			return
		}
		if _, err := w.Write(frame); err != nil {
			return
		}
		if err := w.Flush(); err != nil {
			return
		}
	}
}

func (a *App) countsFrame(ctx context.Context) []byte {
	n, err := a.counts(ctx)
	if err == nil {
		var f []byte
		if f, err = stream.Frame("counts", n); err == nil {
			return f
		}
	}
	a.log.Warn("counts not sent", "err", err)
	return []byte(": no counts\n\n")
}
