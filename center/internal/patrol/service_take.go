package patrol

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
)

// TakeObservations stores what a box saw for its tasks, in the ingest's
// transaction. It is idempotent by the observations' ids. What belongs to no
// task of the box is refused by name; what comes for a task that was taken
// back is dropped in silence.
func (s *Service) TakeObservations(ctx context.Context, tx db.Tx, edge string, list []edgev1.Observation) (map[int]error, error) {
	bad := map[int]error{}
	ids := make([]string, len(list))
	byTask := map[string][]int{}
	for i := range list {
		ids[i] = list[i].ID
		byTask[list[i].Task] = append(byTask[list[i].Task], i)
	}
	known, err := knownObservations(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range slices.Sorted(maps.Keys(byTask)) {
		if err := s.takeTask(ctx, tx, edge, id, byTask[id], list, known, bad); err != nil {
			return nil, err
		}
	}
	return bad, nil
}

// takeTask takes the observations of one task.
func (s *Service) takeTask(ctx context.Context, tx db.Tx, edge, id string, places []int, list []edgev1.Observation, known map[string]bool, bad map[int]error) error {
	t, err := lockTask(ctx, tx, system(), id)
	if errs.Is(err, errs.NotFoundCode) {
		for _, i := range places {
			bad[i] = errs.Invalidf("observation.task", "没有任务 %s", id)
		}
		return nil
	}
	if err != nil {
		return err
	}
	legs, err := legsOf(ctx, tx, id)
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, l := range legs {
		if l.BoxID == edge {
			for _, c := range split(l.Cameras) {
				own[c] = true
			}
		}
	}
	in := intake{s: s, tx: tx, edge: edge, t: t}
	cameras := []string{}
	for _, i := range places {
		o := &list[i]
		switch {
		case !own[o.Camera]:
			bad[i] = errs.Invalidf("observation.camera", "任务 %s 没有让这台边缘盒查看点位 %s", t.No, o.Camera)
		case !known[o.ID] && t.State != Cancelled:
			known[o.ID] = true // also within the list
			in.list = append(in.list, o)
			if !slices.Contains(cameras, o.Camera) {
				cameras = append(cameras, o.Camera)
			}
		}
	}
	if len(in.list) == 0 {
		return nil
	}
	return in.take(ctx, cameras)
}

// intake is the taking of one task's observations.
type intake struct {
	s    *Service
	tx   db.Tx
	edge string
	t    Task
	list []*edgev1.Observation

	spots   map[string]*Spot
	changed map[string]bool
	covers  map[string]coverRow
}

func spotKey(camera, zone string) string { return camera + "/" + zone }

func (in *intake) take(ctx context.Context, cameras []string) error {
	spots, err := spotsOfTask(ctx, in.tx, in.t.ID, cameras)
	if err != nil {
		return err
	}
	in.spots, in.changed, in.covers = map[string]*Spot{}, map[string]bool{}, map[string]coverRow{}
	for i := range spots {
		in.spots[spotKey(spots[i].CameraID, spots[i].ZoneID)] = &spots[i]
	}
	rows := make([]observationRow, 0, len(in.list))
	for _, o := range in.list {
		row, err := in.row(o)
		if err != nil {
			return err
		}
		if row.Kind == string(edgev1.SignFound) {
			if err := in.s.publishSign(ctx, in.tx, row, o.Box, o.Sign.Lines); err != nil {
				return err
			}
		}
		for _, sp := range in.about(o) {
			in.apply(o, &row, sp)
		}
		if err := in.s.seenForRecheck(ctx, in.tx, in.t, o); err != nil {
			return err
		}
		rows = append(rows, row)
	}
	if err := insertObservations(ctx, in.tx, rows); err != nil {
		return err
	}
	if err := in.save(ctx); err != nil {
		return err
	}
	in.t.Observations += len(rows)
	told, err := countSpots(ctx, in.tx, &in.t)
	if err != nil {
		return err
	}
	return in.s.settleTask(ctx, in.tx, in.t, told || in.t.ended(in.tx.Now()), "")
}

// spot gives the place that an observation is about; a zone that the task
// does not know is part of the whole view, if that is asked for.
func (in *intake) spot(o *edgev1.Observation) *Spot {
	if s := in.spots[spotKey(o.Camera, o.Zone)]; s != nil {
		return s
	}
	if o.Kind == edgev1.SignFound {
		return in.spots[spotKey(o.Camera, "")]
	}
	return nil
}

// about gives the places that an observation says something of: what makes a
// camera blind is true for every place before it.
func (in *intake) about(o *edgev1.Observation) []*Spot {
	if o.Kind == edgev1.Unseen && o.Zone == "" {
		out := []*Spot{}
		for _, k := range slices.Sorted(maps.Keys(in.spots)) {
			if in.spots[k].CameraID == o.Camera {
				out = append(out, in.spots[k])
			}
		}
		return out
	}
	if s := in.spot(o); s != nil {
		return []*Spot{s}
	}
	return nil
}

// base gives any place before the camera, for where it is.
func (in *intake) base(camera string) *Spot {
	for _, k := range slices.Sorted(maps.Keys(in.spots)) {
		if in.spots[k].CameraID == camera {
			return in.spots[k]
		}
	}
	return nil
}

func (in *intake) row(o *edgev1.Observation) (observationRow, error) {
	at := o.At.Time
	if off := o.ClockOffsetMS; off != 0 {
		at = at.Add(-millis(off))
	}
	r := observationRow{
		ID: o.ID, TaskID: o.Task, CameraID: o.Camera, ZoneID: o.Zone, Look: o.Look, Kind: string(o.Kind), At: clock.At(at), Ymd: clock.YMD(at),
		RegionCode: in.t.RegionCode, ShopID: o.Shop, Opens: len(o.Open), Events: strings.Join(o.Open, ","), Reason: string(o.Reason), Detail: o.Detail, Source: in.edge,
	}
	sp := in.spot(o)
	if sp == nil {
		sp = in.base(o.Camera)
	} else if r.ShopID == "" {
		r.ShopID = sp.ShopID
	}
	if sp != nil {
		r.RegionCode, r.Lng, r.Lat = sp.RegionCode, sp.Lng, sp.Lat
	}
	box, err := json.Marshal(o.Box)
	if err != nil {
		return r, fmt.Errorf("write the place of a sign: %w", err)
	}
	r.Box = string(box)
	if o.Sign != nil {
		b, err := json.Marshal(o.Sign)
		if err != nil {
			return r, fmt.Errorf("write a reading: %w", err)
		}
		r.Sign, r.Verdict, r.Text, r.Confidence, r.GlyphPx = string(b), string(o.Sign.Verdict), o.Sign.Text, o.Sign.Confidence, o.Sign.GlyphPx
	}
	for _, e := range o.Evidence {
		switch e.Role {
		case "crop":
			r.Crop = e.SM3
		case "frame":
			r.Frame = e.SM3
		}
	}
	return r, nil
}

// apply brings an observation into its place and into what is known of the
// coverage.
func (in *intake) apply(o *edgev1.Observation, r *observationRow, sp *Spot) {
	in.changed[spotKey(sp.CameraID, sp.ZoneID)] = true
	later := sp.LookedAt == nil || r.At >= *sp.LookedAt
	if later {
		at := r.At
		sp.LookedAt = &at
	}
	if r.Frame != "" && later {
		sp.Frame = r.Frame
	}
	seen, reason, detail := true, "", ""
	switch o.Kind {
	case edgev1.SignFound:
		sp.Signs++
		if o.Zone == "" || o.Zone != sp.ZoneID { // found in the whole view: no look of its own
			return
		}
		if later {
			sp.Text, sp.Crop = r.Text, r.Crop
		}
		if o.Sign.Verdict == edgev1.SignUnreadable {
			seen, reason = false, ReasonUnreadable
		}
	case edgev1.Seen:
		if later {
			sp.Opens = r.Opens
		}
	case edgev1.Unseen:
		seen, reason, detail = false, string(o.Reason), o.Detail
	}
	c := coverOf(in.t, *sp)
	if old, ok := in.covers[spotKey(sp.CameraID, sp.ZoneID)]; ok {
		c = old
	}
	if seen {
		sp.SeenLooks = min(sp.SeenLooks+1, in.t.Looks)
		c.SeenAt = max(c.SeenAt, r.At)
	} else {
		sp.UnseenLooks = min(sp.UnseenLooks+1, in.t.Looks)
		sp.Reason, sp.Detail = reason, detail
		c.UnseenAt, c.Reason, c.Detail = max(c.UnseenAt, r.At), reason, detail
	}
	in.covers[spotKey(sp.CameraID, sp.ZoneID)] = c
	sp.State = sp.settle(in.t.Looks, in.t.NeedPct, in.t.ended(in.tx.Now()))
}

func (in *intake) save(ctx context.Context) error {
	list := []Spot{}
	for _, k := range slices.Sorted(maps.Keys(in.changed)) {
		list = append(list, *in.spots[k])
	}
	if err := saveSpots(ctx, in.tx, list); err != nil {
		return err
	}
	covers := []coverRow{}
	for _, k := range slices.Sorted(maps.Keys(in.covers)) {
		covers = append(covers, in.covers[k])
	}
	return cover(ctx, in.tx, covers)
}

// publishSign tells that a sign was read.
func (s *Service) publishSign(ctx context.Context, tx db.Tx, r observationRow, box edgev1.Box, lines []string) error {
	if lines == nil {
		lines = []string{}
	}
	return events.Publish(ctx, tx, TopicSign, SignSeen{
		ObservationID: r.ID, TaskID: r.TaskID, CameraID: r.CameraID, ZoneID: r.ZoneID, ShopID: r.ShopID, RegionCode: r.RegionCode, Lng: r.Lng, Lat: r.Lat,
		At: r.At, YMD: r.Ymd, Text: r.Text, Lines: lines, Confidence: r.Confidence, Verdict: r.Verdict, GlyphPx: r.GlyphPx, Box: box,
		Crop: r.Crop, Frame: r.Frame, ByHand: r.ByHand == 1,
	})
}
