package live

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
)

// Kinds of saved views.
const (
	KindWall = "wall" // cameras in their cells
	KindTour = "tour" // a list of cameras shown in turn
)

const (
	mostWalls = 100 // of one person
	mostTour  = 200 // cameras of a rotation
)

// Wall is a saved arrangement of the video wall, or a rotation.
type Wall struct {
	ID        string      `json:"id"`
	Kind      string      `json:"kind" enum:"wall,tour"`
	Name      string      `json:"name"`
	Layout    int         `json:"layout"`
	Cameras   []string    `json:"cameras"`
	IntervalS int         `json:"intervalS"`
	Shared    bool        `json:"shared" doc:"Others of the organisation see it"`
	Mine      bool        `json:"mine"`
	OwnerName string      `json:"ownerName"`
	UpdatedAt clock.Stamp `json:"updatedAt"`
	Rev       int64       `json:"rev"`
}

func (w *Wall) check() error {
	var f errs.Fields
	w.Name = strings.TrimSpace(w.Name)
	f.Check(w.Kind == KindWall || w.Kind == KindTour, "kind", "应为 wall 或 tour")
	f.Check(w.Name != "" && utf8.RuneCountInString(w.Name) <= 30, "name", "请填写名称，不超过 30 个字")
	f.Check(slices.Contains([]int{1, 4, 9, 16}, w.Layout), "layout", "布局应为 1、4、9 或 16 格")
	most := w.Layout
	if w.Kind == KindTour {
		most = mostTour
		f.Check(w.IntervalS >= 5 && w.IntervalS <= 3600, "intervalS", "轮巡间隔应为 5 到 3600 秒，现在是 %d", w.IntervalS)
	}
	f.Check(len(w.Cameras) <= most, "cameras", "点位最多 %d 个，现在是 %d 个", most, len(w.Cameras))
	n := 0
	for i, c := range w.Cameras {
		f.Check(len(c) <= 64, fmt.Sprintf("cameras[%d]", i), "点位编号太长")
		if c != "" {
			n++
		}
	}
	f.Check(n > 0, "cameras", "请先放上至少一个点位")
	return f.Err()
}

// Walls lists the actor's layouts and those that colleagues share.
func (s *Service) Walls(ctx context.Context) ([]Wall, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return nil, err
	}
	rows, err := walls(ctx, s.o.DB.Read(), who)
	out := []Wall{}
	for _, r := range rows {
		out = append(out, r.wall(who))
	}
	return out, err
}

// SaveWall stores a layout: a new one when it has no id.
func (s *Service) SaveWall(ctx context.Context, w Wall) (Wall, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return Wall{}, err
	}
	if err := w.check(); err != nil {
		return Wall{}, err
	}
	cameras, err := json.Marshal(w.Cameras)
	if err != nil {
		return Wall{}, fmt.Errorf("write layout: %w", err)
	}
	old := w.Rev
	if w.ID == "" {
		w.ID, old = ids.New(), 0
	} else if old < 1 {
		return Wall{}, errs.Invalidf("rev", "缺少版本号，请刷新后再保存")
	}
	r := wallRow{
		ID: w.ID, OwnerID: who.ID, OwnerName: who.Name, OrgID: who.OrgID, Kind: w.Kind, Name: w.Name, Layout: w.Layout,
		Cameras: string(cameras), IntervalS: w.IntervalS, UpdatedAt: clock.At(s.o.Clock.Now()), Rev: old + 1,
	}
	if w.Shared {
		r.Shared = 1
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if n, err := wallsOf(ctx, tx, who.ID); err != nil || n >= mostWalls && old == 0 {
			if err == nil {
				err = errs.New(errs.TooMany, "每人最多保存 %d 个布局，请先删除不用的", mostWalls)
			}
			return err
		}
		return saveWall(ctx, tx, r, old)
	})
	return r.wall(who), err
}

// DeleteWall removes a layout of the actor.
func (s *Service) DeleteWall(ctx context.Context, id string) error {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return err
	}
	return s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return dropWall(ctx, tx, id, who.ID) })
}

// Snap is a picture that a person took of a camera.
type Snap struct {
	SM3    string      `json:"sm3"`
	Width  int         `json:"width"`
	Height int         `json:"height"`
	At     clock.Stamp `json:"at"`
	Name   string      `json:"name"`
}

// NoteSnap keeps that a person took a picture: take makes it, once the right
// to do so is sure.
func (s *Service) NoteSnap(ctx context.Context, cameraID string, take func(context.Context) (Snap, error)) (Snap, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return Snap{}, err
	}
	cam, err := s.o.Rights.Need(ctx, cameraID, ActSnapshot)
	if err != nil {
		return Snap{}, err
	}
	snap, err := take(ctx)
	if err != nil {
		return Snap{}, err
	}
	now := s.o.Clock.Now()
	w := watchOf(&session{id: ids.New(), kind: ActSnapshot, actor: who, camera: cam, started: now})
	w.EndedAt, w.FilmFrom, w.FilmUntil = clock.Ptr(now), &snap.At, &snap.At
	snap.Name = strings.TrimSuffix(filmFile(cam, cutRow{FromAt: snap.At, UntilAt: snap.At}, who), ".mp4") + ".jpg"
	return snap, s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := saveWatch(ctx, tx, w); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "live.snapshot", Object: "camera", ObjectID: cam.ID, RegionCode: cam.RegionCode,
			Summary: who.Name + " 抓图 " + cam.Name, After: map[string]any{"sm3": snap.SM3, "at": snap.At}})
	})
}

// Watches lists who watched what within the actor's scope.
func (s *Service) Watches(ctx context.Context, f WatchFilter, p httpx.Paging) (httpx.List[watchRow], error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return httpx.List[watchRow]{}, err
	}
	if !who.Has(access.AuditView) && !who.Has(access.CameraEdit) && !who.Has(access.AlertDecide) {
		f.Person = who.ID // others see what they watched themselves
	}
	rows, n, err := watches(ctx, s.o.DB.Read(), who, f, p)
	return httpx.NewList(rows, n, p, s.o.DB.Now()), err
}

// Inspect tells what runs on a camera, as its box says now.
func (s *Service) Inspect(ctx context.Context, cameraID string) (edgev1.Running, error) {
	if _, err := access.Need(ctx, access.CameraView); err != nil {
		return edgev1.Running{}, err
	}
	cam, err := s.o.Rights.Need(ctx, cameraID, "")
	if err != nil {
		return edgev1.Running{}, err
	}
	r, err := s.ask(ctx, cam, edgev1.Command{Kind: edgev1.CmdInspect, TTLS: 8})
	if err != nil {
		return edgev1.Running{}, err
	}
	if r.Running == nil {
		return edgev1.Running{}, errs.New(errs.Unavailable, "边缘盒版本较旧，不能报告运行情况，请升级")
	}
	return *r.Running, nil
}
