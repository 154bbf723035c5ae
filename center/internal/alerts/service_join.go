package alerts

import (
	"context"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// batch is the work on the messages of one box in one transaction.
type batch struct {
	s     *Service
	edge  string
	rules Rules
	// old are the stored alerts of the box by event id, joined the events that
	// belong to a record of another event.
	old    map[string]Alert
	joined map[string]bool
	// now are the alerts under work by event id, byID the same by their own,
	// latest by kind and spot what the next recognition may join.
	now, byID, latest map[string]*taken
	order             []*taken
	// joins are the rows that note which event went into which record, and
	// seen the pictures that came with them.
	joins []joinRow
	seen  []blobRow
}

func (s *Service) begin(ctx context.Context, tx db.Tx, edge string, cameras, ids []string) (*batch, error) {
	b := &batch{s: s, edge: edge, now: map[string]*taken{}, byID: map[string]*taken{}, latest: map[string]*taken{}}
	var err error
	if b.old, err = known(ctx, tx, edge, ids); err != nil {
		return nil, err
	}
	if b.joined, err = joinedEvents(ctx, tx, edge, ids); err != nil {
		return nil, err
	}
	b.rules, err = rulesFor(ctx, tx, cameras, clock.At(tx.Now()))
	return b, err
}

// spotKey is what recognitions have in common that may be one record.
func spotKey(kind, camera, zone string) string { return kind + "|" + camera + "|" + zone }

// preload finds what the new events of the batch may join.
func (b *batch) preload(ctx context.Context, tx db.Tx, list []edgev1.Received) error {
	keys := []string{}
	for _, e := range list {
		_, known := b.old[e.ID]
		if !known && !b.joined[e.ID] && b.rules.For(string(e.Kind), e.Camera, clock.At(tx.Now())).MergeMinutes > 0 {
			keys = append(keys, spotKey(string(e.Kind), e.Camera, e.Zone))
		}
	}
	found, err := latestOf(ctx, tx, keys)
	if err != nil {
		return err
	}
	for key, a := range found {
		t, err := b.load(ctx, tx, a)
		if err != nil {
			return err
		}
		b.latest[key] = t
	}
	return nil
}

// load takes a stored alert into the work.
func (b *batch) load(ctx context.Context, tx db.Tx, a Alert) (*taken, error) {
	if t := b.byID[a.ID]; t != nil {
		return t, nil
	}
	t := &taken{alert: a, rule: b.rules.For(a.SeenKind, a.CameraID, clock.At(tx.Now()))}
	var err error
	if t.event, err = eventOf(ctx, tx, a.ID); err != nil {
		return nil, err
	}
	b.byID[a.ID] = t
	b.order = append(b.order, t)
	if a.EdgeID == b.edge {
		b.now[a.EventID] = t
	}
	return t, nil
}

// of gives the alert that an event belongs to, making it if need be; nil when
// the event only counts as seen again.
func (b *batch) of(ctx context.Context, tx db.Tx, e edgev1.Event, spot Spot) (*taken, error) {
	if t := b.now[e.ID]; t != nil {
		return t, nil
	}
	if a, ok := b.old[e.ID]; ok {
		return b.load(ctx, tx, a)
	}
	rule := b.rules.For(string(e.Kind), e.Camera, clock.At(tx.Now()))
	key := spotKey(string(e.Kind), e.Camera, e.Zone)
	if prev := b.latest[key]; prev != nil && rule.MergeMinutes > 0 && prev.near(e.ConfirmedAt.Time, rule) {
		switch {
		case prev.alert.Undecided() || prev.alert.State == Recorded:
			if prev.alert.Phase == string(edgev1.Ended) {
				return b.again(prev, e), nil
			}
			// It still stands there: this is a second thing beside it.
		case prev.alert.Outcome() == OutcomeRight || prev.alert.State == Confirmed || prev.alert.State == Merged:
			b.count(prev, e)
			return nil, nil
		}
	}
	t := &taken{alert: b.s.fresh(tx, b.edge, spot, e, rule), rule: rule, isNew: true}
	b.now[e.ID], b.byID[t.alert.ID] = t, t
	b.order = append(b.order, t)
	if rule.MergeMinutes > 0 {
		b.latest[key] = t
	}
	return t, nil
}

// near tells whether something at a moment still belongs to the record.
func (t *taken) near(at time.Time, r Rule) bool {
	d := at.Sub(t.alert.ConfirmedAt.Time())
	return d >= 0 && d < time.Duration(r.MergeMinutes)*time.Minute
}

// again lets a record that had ended go on with a new event.
func (b *batch) again(t *taken, e edgev1.Event) *taken {
	a := &t.alert
	b.join(a.EdgeID, a.EventID, a.ID)
	delete(b.now, a.EventID)
	a.EdgeID, a.EventID, a.EventRev = b.edge, e.ID, 0
	a.Phase, a.EndedAt = "", nil
	a.SeenCount++
	if a.State == SelfResolved {
		a.State, t.changed = Pending, true
	}
	if !t.isNew {
		a.Rev++
	}
	t.dirty = true
	b.now[e.ID] = t
	return t
}

// count notes that what was decided was seen again.
func (b *batch) count(t *taken, e edgev1.Event) {
	b.join(b.edge, e.ID, t.alert.ID)
	b.seen = append(b.seen, blobsOf(t.alert.ID, e)...)
	t.alert.SeenCount++
	t.dirty = true
}

func (b *batch) join(edge, event, alert string) {
	if edge == b.edge {
		b.joined[event] = true
	}
	b.joins = append(b.joins, joinRow{EdgeID: edge, EventID: event, AlertID: alert})
}

// finish writes what was joined, and what the next recognitions may join.
func (b *batch) finish(ctx context.Context, tx db.Tx) error {
	rows := []latestRow{}
	for key, t := range b.latest {
		if t.isNew {
			rows = append(rows, latestRow{SpotKey: key, AlertID: t.alert.ID})
		}
	}
	if err := setLatest(ctx, tx, rows); err != nil {
		return err
	}
	if err := addJoins(ctx, tx, b.joins); err != nil {
		return err
	}
	return addBlobs(ctx, tx, b.seen)
}
