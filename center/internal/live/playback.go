package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

const (
	cutTTL      = 40               // seconds that a box may take for a cut
	mostPlayed  = 2 * time.Minute  // of one piece of a playback
	settled     = 30 * time.Second // a span that ended so long ago does not change
	cutKeep     = 2 * time.Hour
	watchLostMS = 150_000
)

// FilmSpan is a recorded stretch of time.
type FilmSpan struct {
	From clock.Stamp `json:"from"`
	To   clock.Stamp `json:"to"`
}

// FilmDay is what is recorded of a camera on a day, and what was recognised.
type FilmDay struct {
	Day   string        `json:"day"`
	From  clock.Stamp   `json:"from"`
	To    clock.Stamp   `json:"to"`
	Spans []FilmSpan    `json:"spans"`
	Marks []OutcomeMark `json:"marks"`
	// MayDownload tells whether the person may take a video away.
	MayDownload bool   `json:"mayDownload"`
	WhyNot      string `json:"whyNot,omitempty"`
}

// FilmCut is a piece of a recording, as a file of the center.
type FilmCut struct {
	SM3    string      `json:"sm3"`
	From   clock.Stamp `json:"from"`
	Until  clock.Stamp `json:"until"`
	Size   int64       `json:"size"`
	Width  int         `json:"width"`
	Height int         `json:"height"`
	Codec  string      `json:"codec"`
	FPS    float64     `json:"fps"`
	// Name is what a download is called; Complete is false when it grew too
	// large and ends before what was asked for.
	Name     string `json:"name,omitempty"`
	Complete bool   `json:"complete"`
}

func (r cutRow) view(asked clock.Stamp) FilmCut {
	return FilmCut{
		SM3: r.SM3, From: r.FromAt, Until: r.UntilAt, Size: r.Size, Width: r.Width, Height: r.Height, Codec: r.Codec, FPS: r.FPS,
		Complete: asked-r.UntilAt < 15_000,
	}
}

// OpenPlayback begins to watch a camera's recordings.
func (s *Service) OpenPlayback(ctx context.Context, cameraID string) (LiveSession, error) {
	x, err := s.begin(ctx, cameraID, ActPlayback, func(context.Context, Camera) error { return nil })
	if err != nil {
		return LiveSession{}, err
	}
	return s.view(x), nil
}

// playing finds a playback session of the actor that has not run out.
func (s *Service) playing(ctx context.Context, id string) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, err := s.own(ctx, id)
	if err != nil {
		return nil, err
	}
	if x.kind != ActPlayback || x.expires.Before(s.o.Clock.Now()) {
		return nil, errs.NotFound("回放会话")
	}
	return x, nil
}

// Day tells what is recorded on a day in Shanghai, such as 2026-11-24.
func (s *Service) Day(ctx context.Context, sessionID, day string) (FilmDay, error) {
	x, err := s.playing(ctx, sessionID)
	if err != nil {
		return FilmDay{}, err
	}
	start, err := time.ParseInLocation(time.DateOnly, day, clock.Shanghai())
	if err != nil {
		return FilmDay{}, errs.Invalidf("day", "日期应写作 2026-11-24 的样式")
	}
	r, err := s.ask(ctx, x.camera, edgev1.Command{Kind: edgev1.CmdRecords, TTLS: 10, From: edgev1.At(start), Until: edgev1.At(start.Add(24 * time.Hour))})
	if err != nil {
		return FilmDay{}, err
	}
	out := FilmDay{Day: day, From: clock.At(start), To: clock.At(start.Add(24 * time.Hour)), Spans: []FilmSpan{}, Marks: []OutcomeMark{}}
	for _, p := range r.Spans {
		out.Spans = append(out.Spans, FilmSpan{clock.At(p.From.Time), clock.At(p.To.Time)})
	}
	if out.MayDownload, out.WhyNot, err = s.o.Rights.May(ctx, x.camera.ID, ActDownload); err != nil {
		return FilmDay{}, err
	}
	who, err := access.Need(ctx, access.AlertView)
	if errs.Is(err, errs.ForbiddenCode) {
		return out, nil
	}
	if err != nil {
		return FilmDay{}, err
	}
	out.Marks, err = marksOf(ctx, s.o.DB.Read(), who, x.camera.ID, out.From, out.To)
	return out, err
}

// ask sends a command about a camera to its box.
func (s *Service) ask(ctx context.Context, cam Camera, c edgev1.Command) (edgev1.Result, error) {
	if cam.BoxID == "" {
		return edgev1.Result{}, errs.New(errs.Unavailable, "该点位没有接入边缘盒")
	}
	c.Camera = cam.ID
	r, err := s.o.Commands.Send(ctx, cam.BoxID, c)
	if err != nil {
		return r, err
	}
	if !r.OK {
		return r, errs.New(errs.Unavailable, "边缘盒没有完成：%s", orElse(r.Message, "没有说明原因"))
	}
	return r, nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func checkSpan(from, until clock.Stamp, most time.Duration) error {
	var f errs.Fields
	f.Check(until > from, "until", "结束时间应晚于开始时间")
	f.Check(until.Time().Sub(from.Time()) <= most, "until", "时段最长 %d 分钟，请分几次", int(most/time.Minute))
	return f.Err()
}

// Piece gives a stretch of the recording to play. Stretches that lie side by
// side neither overlap nor leave a gap.
func (s *Service) Piece(ctx context.Context, sessionID string, from, until clock.Stamp) (FilmCut, error) {
	if err := checkSpan(from, until, mostPlayed); err != nil {
		return FilmCut{}, err
	}
	x, err := s.playing(ctx, sessionID)
	if err != nil {
		return FilmCut{}, err
	}
	r, err := s.cut(ctx, x.camera, from, until, false)
	if err != nil {
		return FilmCut{}, err
	}
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return filmWatch(ctx, tx, x.id, r.FromAt, r.UntilAt) })
	return r.view(until), err
}

// cut brings a stretch of a recording from the box, or finds it at hand.
func (s *Service) cut(ctx context.Context, cam Camera, from, until clock.Stamp, lead bool) (cutRow, error) {
	id := fmt.Sprintf("%s-%d-%d-%t", cam.ID, from, until, lead)
	old, ok, err := cutByID(ctx, s.o.DB.Read(), id)
	if err != nil {
		return cutRow{}, err
	}
	if ok && s.o.Files.Has(ctx, old.SM3) && old.UsedAt > clock.At(until.Time().Add(settled)) {
		return old, nil
	}
	v, err, _ := s.cutting.Do(id, func() (any, error) {
		ctx := context.WithoutCancel(ctx)
		r, err := s.ask(ctx, cam, edgev1.Command{Kind: edgev1.CmdCut, TTLS: cutTTL, From: edgev1.At(from.Time()), Until: edgev1.At(until.Time()), Lead: lead})
		if err != nil {
			return cutRow{}, err
		}
		if r.Cut == nil || !s.o.Files.Has(ctx, r.Cut.File.SM3) {
			return cutRow{}, errs.New(errs.Unavailable, "边缘盒没有把录像传到中心，请重试")
		}
		f := r.Cut.File
		row := cutRow{
			ID: id, SM3: f.SM3, CameraID: cam.ID, RegionCode: cam.RegionCode, FromAt: clock.At(f.TakenAt.Time), UntilAt: clock.At(r.Cut.Until.Time),
			Size: f.Size, Width: f.Width, Height: f.Height, Codec: r.Cut.Codec, FPS: r.Cut.FPS, UsedAt: clock.At(s.o.Clock.Now()),
		}
		return row, s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return saveCut(ctx, tx, row) })
	})
	if err != nil {
		return cutRow{}, err
	}
	return v.(cutRow), nil //nolint:forcetypeassert // cut returns nothing else
}

// Download makes a video that the person may take away. Its name says who
// took it, and why is kept.
func (s *Service) Download(ctx context.Context, cameraID string, from, until clock.Stamp, reason string) (FilmCut, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return FilmCut{}, err
	}
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < 2 || n > 200 {
		return FilmCut{}, errs.Invalidf("reason", "请写明下载用途（2 到 200 个字），会记入审计")
	}
	if err := checkSpan(from, until, edgev1.MaxCut); err != nil {
		return FilmCut{}, err
	}
	cam, err := s.o.Rights.Need(ctx, cameraID, ActDownload)
	if err != nil {
		return FilmCut{}, err
	}
	r, err := s.cut(ctx, cam, from, until, true)
	if err != nil {
		return FilmCut{}, err
	}
	out := r.view(until)
	out.Name = filmFile(cam, r, who)
	now := s.o.Clock.Now()
	x := &session{id: ids.New(), kind: ActDownload, actor: who, camera: cam, started: now}
	w := watchOf(x)
	w.EndedAt, w.Note, w.FilmFrom, w.FilmUntil, w.Seconds = clock.Ptr(now), reason, &r.FromAt, &r.UntilAt, int((r.UntilAt-r.FromAt)/1000)
	return out, s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := saveWatch(ctx, tx, w); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "live.download", Object: "camera", ObjectID: cam.ID, RegionCode: cam.RegionCode, Reason: reason,
			Summary: who.Name + " 下载 " + cam.Name + " 的录像 " + out.Name, After: map[string]any{"sm3": r.SM3, "from": r.FromAt, "until": r.UntilAt, "bytes": r.Size},
		})
	})
}

// filmFile names a download by camera, time and who took it.
func filmFile(cam Camera, r cutRow, who access.Actor) string {
	at := func(t clock.Stamp, f string) string { return t.Time().In(clock.Shanghai()).Format(f) }
	name := fmt.Sprintf("%s_%s-%s_%s_%s.mp4", cam.Name, at(r.FromAt, "20060102-150405"), at(r.UntilAt, "150405"), who.Name, who.Account)
	return strings.Map(func(c rune) rune {
		if c < ' ' || strings.ContainsRune(`/\:*?"<>|`, c) {
			return '-'
		}
		return c
	}, name)
}

// SeesBlob tells whether the actor may play a file: a cut of a camera whose
// recordings the actor may watch.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	r, ok, err := cutBySM3(ctx, s.o.DB.Read(), sm3)
	if err != nil || !ok {
		return false, err
	}
	may, _, err := s.o.Rights.May(ctx, r.CameraID, ActPlayback)
	return may, err
}

// Tidy ends watches that nobody ended and forgets old cuts.
func (s *Service) Tidy(ctx context.Context) error {
	now := clock.At(s.o.Clock.Now())
	rows, err := oldCuts(ctx, s.o.DB.Read(), now-clock.Stamp(cutKeep/time.Millisecond))
	if err != nil {
		return err
	}
	var faults []error
	for _, r := range rows {
		kept, err := s.o.Keeps(ctx, r.SM3)
		if err == nil && !kept {
			err = s.o.Files.Remove(ctx, r.SM3)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("forget cut %s: %w", r.ID, err))
			continue
		}
		faults = append(faults, s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return dropCut(ctx, tx, r.ID) }))
	}
	faults = append(faults, s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return endLost(ctx, tx, now-watchLostMS) }))
	return errors.Join(faults...)
}
