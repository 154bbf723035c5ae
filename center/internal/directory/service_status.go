package directory

import (
	"context"
	"encoding/json"
	"fmt"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
)

// move is a camera's way from one state to the next.
type move struct {
	camera  known
	next    Health
	changed bool
}

// TakeStatus takes a box's report into the states of its cameras, in the
// transaction of the event's consumer. What the box says of cameras that are
// not its own is ignored.
func (s *Service) TakeStatus(ctx context.Context, tx db.Tx, edge string, st edgev1.Status, received clock.Stamp) error {
	if st.Gone {
		return s.BoxOffline(ctx, tx, edge, received, "连接断开")
	}
	cams, err := statesOf(ctx, tx, edge)
	if err != nil {
		return err
	}
	byID := map[string]known{}
	for _, k := range cams {
		byID[k.ID] = k
	}
	list := []move{}
	for _, c := range st.Cameras {
		k, ok := byID[c.Camera]
		if !ok || k.Health.AsOf != nil && *k.Health.AsOf > received {
			continue
		}
		delete(byID, c.Camera)
		raw, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("store the status of camera %s: %w", c.Camera, err)
		}
		next, changed := Report(k.Health, c, received, string(raw))
		list = append(list, move{k, next, changed})
	}
	if err := noteApplied(ctx, tx, edge, st.ConfigVersion, received); err != nil {
		return err
	}
	if err := s.moveAll(ctx, tx, list); err != nil {
		return err
	}
	last, ok, err := latestConfig(ctx, tx, edge)
	if err != nil || !ok {
		return err
	}
	b, err := boxOf(ctx, tx, edge)
	if err != nil || max(b.Version, st.ConfigVersion) <= last.Version {
		return err
	}
	return s.rebuildAbove(ctx, tx, edge, st.ConfigVersion)
}

// BoxOffline marks the cameras of a box that went away.
func (s *Service) BoxOffline(ctx context.Context, tx db.Tx, edge string, since clock.Stamp, reason string) error {
	b, _, err := fleetBox(ctx, tx, edge)
	if err != nil {
		return err
	}
	why := "边缘盒“" + b.Name + "”离线（" + reasonOr(reason, "没有收到状态") + "），取不到画面"
	cams, err := statesOf(ctx, tx, edge)
	if err != nil {
		return err
	}
	list := []move{}
	for _, k := range cams {
		if next, changed := Lost(k.Health, since, why); changed {
			list = append(list, move{k, next, true})
		}
	}
	return s.moveAll(ctx, tx, list)
}

// Age marks the cameras that no box has reported for StaleAfter; a job calls
// it, so that a state never stays green by silence.
func (s *Service) Age(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		cams, err := staleStates(ctx, tx, clock.At(tx.Now().Add(-StaleAfter)))
		if err != nil {
			return err
		}
		list := []move{}
		for _, k := range cams {
			since := *k.Health.AsOf + clock.Stamp(StaleAfter.Milliseconds())
			if next, changed := Lost(k.Health, since, staleText(k.Health)); changed {
				list = append(list, move{k, next, true})
			}
		}
		return s.moveAll(ctx, tx, list)
	})
}

// moveAll stores the moves, their segments and one event for the screens.
func (s *Service) moveAll(ctx context.Context, tx db.Tx, list []move) error {
	next := []Health{}
	numbers := tally{}
	out := StateChanged{Items: []StateItem{}}
	for _, m := range list {
		next = append(next, m.next)
		if !m.changed {
			continue
		}
		if err := turn(ctx, tx, s.newID(), m.next); err != nil {
			return err
		}
		out.Items = append(out.Items, StateItem{
			ID: m.camera.ID, Name: m.camera.Name, State: m.next.State, Diagnosis: m.next.Diagnosis, RegionCode: m.camera.RegionCode, Since: m.next.Since,
		})
	}
	if err := saveStates(ctx, tx, next); err != nil {
		return err
	}
	tags, err := tagsOfChanged(ctx, tx, list)
	if err != nil {
		return err
	}
	for _, m := range list {
		if m.next.State == m.camera.Health.State {
			continue
		}
		c := Camera{ID: m.camera.ID, RegionCode: m.camera.RegionCode, Road: m.camera.Road, Tags: tags[m.camera.ID]}
		numbers.add(c, m.camera.Health.State, -1)
		numbers.add(c, m.next.State, 1)
	}
	if err := numbers.save(ctx, tx); err != nil {
		return err
	}
	if len(out.Items) == 0 {
		return nil
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicState, out)
}
