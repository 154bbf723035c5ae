package patrol

import (
	"context"
	"errors"
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// SendDue tells the boxes that are connected to this center what they have to
// do, and gives the number of boxes told. Each center does it for its own
// boxes. A box takes a task once, so telling it twice does no harm.
func (s *Service) SendDue(ctx context.Context) (int, error) {
	ctx = caller.System(ctx, "下发排摸巡检任务")
	boxes := s.boxes.Connected()
	if len(boxes) == 0 {
		return 0, nil
	}
	told := 0
	for range 20 {
		legs, err := dueLegs(ctx, s.db.Read(), boxes, s.now(), 100)
		if err != nil || len(legs) == 0 {
			return told, err
		}
		for _, l := range legs {
			ok, err := s.sendLeg(ctx, l)
			if err != nil {
				return told, err
			}
			if ok {
				told++
			}
		}
	}
	return told, nil
}

// sendLeg claims a leg, so that nobody else sends it at the same time, tells
// the box, and notes the answer.
func (s *Service) sendLeg(ctx context.Context, l legRow) (bool, error) {
	claimed := l
	claimed.Tries++
	claimed.NextAt = clock.At(s.db.Now().Add(retryAfter))
	mine := false
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) (err error) {
		mine, err = moveLeg(ctx, tx, l, claimed)
		return err
	})
	if err != nil || !mine {
		return false, err
	}
	next := claimed
	next.At = s.now()
	cmd, err := s.commandFor(ctx, l)
	if err != nil {
		return false, err
	}
	res, err := s.boxes.Send(ctx, l.BoxID, cmd)
	switch {
	case errs.Is(err, errs.Unavailable):
		next.Detail = words(err)
	case err != nil:
		return false, fmt.Errorf("tell box %s of task %s: %w", l.BoxID, l.TaskID, err)
	case l.State == LegStopping:
		next.State, next.Detail = LegStopped, res.Message
	case res.OK:
		next.State, next.Detail = LegTaken, res.Message
	default:
		next.State, next.Detail = LegRefused, orElse(res.Message, "边缘盒没有说明原因")
	}
	if next.State == LegWaiting && s.now() > next.UntilAt {
		next.State = LegMissed
	}
	return next.State == LegTaken, s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		_, err := moveLeg(ctx, tx, claimed, next)
		return err
	})
}

func (s *Service) commandFor(ctx context.Context, l legRow) (edgev1.Command, error) {
	if l.State == LegStopping {
		return edgev1.Command{Kind: edgev1.CmdTaskStop, TaskID: l.TaskID, TTLS: sendTTL}, nil
	}
	t, err := getTask(ctx, s.db.Read(), access.Actor{Scope: access.SystemScope()}, l.TaskID)
	if err != nil {
		return edgev1.Command{}, err
	}
	cams := split(l.Cameras)
	spots, err := spotsOfTask(ctx, s.db.Read(), t.ID, cams)
	if err != nil {
		return edgev1.Command{}, err
	}
	return edgev1.Command{Kind: edgev1.CmdTask, TTLS: sendTTL, Task: boxTask(t, cams, spots)}, nil
}

// mostZones bounds how many zones a command names.
const mostZones = 1000

// boxTask is a task as a box gets it. It names zones only where each place is
// a zone, so that a box whose zones changed since does not look elsewhere.
func boxTask(t Task, cameras []string, spots []Spot) *edgev1.Task {
	out := &edgev1.Task{
		V: edgev1.ProtocolVersion, ID: t.ID, Kind: edgev1.TaskKind(t.Kind), Cameras: cameras, From: edgev1.At(t.FromAt.Time()), Until: edgev1.At(t.UntilAt.Time()), Looks: t.Looks,
	}
	if t.Kind == Inspection {
		for _, k := range t.Kinds {
			out.Kinds = append(out.Kinds, edgev1.Kind(k))
		}
	}
	for _, s := range spots {
		if s.ZoneID == "" || len(spots) > mostZones {
			out.Zones = nil
			break
		}
		out.Zones = append(out.Zones, s.ZoneID)
	}
	return out
}

// TakeLoad notes how busy a box says it is.
func (s *Service) TakeLoad(ctx context.Context, tx db.Tx, box string, load float64, cameras int) error {
	return noteLoad(ctx, tx, box, load, cameras)
}

// words is what an error says to people.
func words(err error) string {
	var e *errs.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return err.Error()
}
