package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/diagnosis"
	"jiexun/edge-agent/internal/event"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/record"
	"jiexun/edge-agent/internal/source"
)

// smallWidth is the width in pixels at which pictures are compared.
const smallWidth = 384

// saveEvery is how often the learned scene is stored when nothing happens.
const saveEvery = time.Minute

// What is kept of the analysed stream, to show a thing's first look.
const (
	ringSpan  = 6 * time.Minute
	ringEvery = 2 * time.Second
	ringBytes = 4 << 20
)

// camera runs one camera: it takes the newest key unit at its interval,
// judges it, and commits what follows. All looks come from one goroutine.
type camera struct {
	cfg     edgev1.Camera
	version int64
	d       *deps
	log     *slog.Logger

	main, sub *stream // sub is nil when the main stream is analysed
	analysers []*analyser
	machine   *event.Machine
	checker   *diagnosis.Checker
	saved     time.Time
	ring      *media.Ring // key units of the analysed stream, thinned
	ringed    time.Time   // when the ring got its last; the source's alone

	clips   *media.Ring // every unit of the analysed stream, for clips
	wishes  map[string]wish
	writer  *record.Writer // nil when the camera is not recorded
	started time.Time

	cancel  context.CancelFunc
	looking sync.Mutex
	stopped bool

	mu   sync.Mutex
	seen seen
}

// seen is what the camera's status needs of the looks.
type seen struct {
	lastLook  time.Time
	errors    int64
	lastError string
	noVerdict string
	report    diagnosis.Report
	judged    bool
	// unfit looks came in a row since unfitSince.
	unfit      int
	unfitSince time.Time
	damaged    int // pictures that could not be decoded since the last look
}

// analyser is one analytic with its schedule.
type analyser struct {
	kind   edgev1.Kind
	a      analytic.Analytic
	state  string        // key in the outbox
	every  time.Duration // zero: each look
	onMain bool
	last   time.Time
	did    tally
}

// startCamera opens the streams and begins to look.
func startCamera(ctx context.Context, d *deps, cfg edgev1.Camera, version int64) (*camera, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &camera{
		cfg: cfg, version: version, d: d, cancel: cancel, log: d.log.With("camera", cfg.ID), started: d.now(),
		ring: media.NewRing(ringSpan, ringBytes), clips: media.NewRing(clipSpan, clipMost), wishes: map[string]wish{},
	}
	if err := c.prepare(ctx); err != nil {
		cancel()
		return nil, fmt.Errorf("camera %s: %w", cfg.ID, err)
	}
	d.pool.Set(cfg.ID, c.interval())
	o := streamOptions{camera: cfg.ID, url: cfg.URL, user: cfg.Username, password: cfg.Password, transport: cfg.Transport, interval: c.interval(), log: d.log, now: d.now}
	main, sub, err := c.recording()
	if err != nil {
		c.log.Error("camera not recorded", "error", err)
	}
	if cfg.SubURL == "" {
		o.key, o.each = c.offer, both(c.keep, main)
		c.main = openStream(ctx, o)
		return c, nil
	}
	o.each = main
	c.main = openStream(ctx, o)
	o.url, o.key, o.each = cfg.SubURL, c.offer, both(c.keep, sub)
	c.sub = openStream(ctx, o)
	return c, nil
}

// prepare makes the analytics and takes back what they knew.
func (c *camera) prepare(ctx context.Context) error {
	cfg, err := event.DefaultConfig()
	if err != nil {
		return err
	}
	c.machine, err = event.New(event.Options{
		Camera: c.cfg.ID, Config: cfg, Zones: c.cfg.Zones, ConfigVersion: c.version, NewID: c.d.newID,
	})
	if err != nil {
		return err
	}
	dc, err := diagnosis.DefaultConfig()
	if err != nil {
		return err
	}
	if c.checker, err = diagnosis.New(dc); err != nil {
		return err
	}
	if c.cfg.ReferenceSM3 != "" {
		p, err := c.d.reference(ctx, c.cfg.ReferenceSM3)
		if err == nil {
			err = c.checker.SetReference(p)
		}
		if err != nil {
			c.log.Warn("view reference not used; a slow turn of the camera will not be noticed", "error", err)
		}
	}
	if c.analysers, err = c.d.analysers(ctx, c.cfg); err != nil {
		return err
	}
	c.restore(ctx, c.stateKey("event"), c.machine.Restore)
	c.restore(ctx, c.stateKey("picture"), func(b []byte) error { return c.checker.Restore(b, c.d.now()) })
	if out, err := c.machine.Configure(c.d.now(), c.cfg.Zones, c.version); err == nil && len(out.Events) > 0 {
		if err := c.commit(ctx, out.Events, false); err != nil {
			return err
		}
	}
	for _, a := range c.analysers {
		if a.state != "" {
			c.restore(ctx, c.stateKey(a.state), a.a.Restore)
		}
	}
	return nil
}

func (c *camera) stateKey(what string) string { return "camera/" + c.cfg.ID + "/" + what }

// restore gives stored bytes to take; what cannot be taken is left out with
// a word in the log, because a camera that starts anew beats one that does
// not start.
func (c *camera) restore(ctx context.Context, key string, take func([]byte) error) {
	b, err := c.d.store.State(ctx, key)
	if err == nil && b != nil {
		err = take(b)
	}
	if err != nil {
		c.log.Warn("stored state not taken, starting anew", "state", key, "reason", err)
	}
}

// interval is the wished time between two looks.
func (c *camera) interval() time.Duration {
	if c.cfg.IntervalMS <= 0 {
		return time.Second
	}
	return time.Duration(c.cfg.IntervalMS) * time.Millisecond
}

// offer takes one key unit of the analysed stream; it never blocks.
func (c *camera) offer(u *source.AccessUnit) {
	if u.Received.Sub(c.ringed) >= ringEvery {
		c.ring.Add(u)
		c.ringed = u.Received
	}
	c.d.pool.Offer(c.cfg.ID, u)
}

func (c *camera) analysed() *stream {
	if c.sub != nil {
		return c.sub
	}
	return c.main
}

// guardedLook is the pool's handler: it keeps a fault in one camera's look
// from ending the process and counts what failed.
func (c *camera) guardedLook(ctx context.Context, l media.Look) {
	c.looking.Lock() // a camera is looked at by one worker at a time
	defer c.looking.Unlock()
	if c.stopped {
		return
	}
	var err error
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("fault in a look: %v", r)
			c.log.Error("fault in a look", "fault", r, "stack", string(debug.Stack()))
		}
		if err != nil && ctx.Err() == nil {
			c.failed(err)
		}
	}()
	err = c.look(ctx, l)
}

// failed notes a picture that could not be judged.
func (c *camera) failed(err error) {
	c.mu.Lock()
	if errors.Is(err, media.ErrDamaged) {
		c.seen.damaged++
	}
	c.seen.errors++
	c.seen.lastError = err.Error()
	c.mu.Unlock()
	c.log.Warn("look failed", "error", err)
}

// look judges one picture.
func (c *camera) look(ctx context.Context, l media.Look) error {
	at := l.Unit.Received.UTC()
	small, err := l.Scaler.Scale(&l.Frame.YUV, smallWidth, smallHeight(l.Frame.W, l.Frame.H))
	if err != nil {
		return err
	}
	defer small.Release()
	c.mu.Lock()
	damaged := c.seen.damaged
	c.seen.damaged = 0
	c.mu.Unlock()
	v := c.checker.Look(diagnosis.Sample{At: at, Small: &small.YUV, DecodeErrors: damaged})
	in := &analytic.Input{Camera: c.cfg.ID, At: at, Frame: &l.Frame.YUV, Small: &small.YUV}
	events, noVerdict, err := c.judge(ctx, in, v)
	if err != nil {
		return err
	}
	if err := c.conclude(ctx, in, c.clipEvents(in.At, events)); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen.lastLook, c.seen.report, c.seen.judged, c.seen.noVerdict = at, v, true, noVerdict
	c.seen.lastError = ""
	switch {
	case v.Fit:
		c.seen.unfit = 0
	case c.seen.unfit == 0:
		c.seen.unfitSince = at
		fallthrough
	default:
		c.seen.unfit++
	}
	return nil
}

func smallHeight(w, h int) int { return max(32, (smallWidth*h/w+1)&^1) }

// judge asks each analytic whose turn it is; a picture that is unfit gives no
// verdict to any of them.
func (c *camera) judge(ctx context.Context, in *analytic.Input, v diagnosis.Report) ([]edgev1.Event, string, error) {
	var events []edgev1.Event
	noVerdict := ""
	out := c.machine.Step(event.Look{At: in.At, Kind: edgev1.Picture, Result: v.Result(), Detail: v.Detail})
	events = append(events, out.Events...)
	for _, a := range c.analysers {
		if !a.last.IsZero() && a.every > 0 && in.At.Sub(a.last) < a.every {
			continue
		}
		r := analytic.Result{NoVerdict: v.Reason}
		began := time.Now()
		if v.Fit {
			var err error
			if r, err = c.observe(ctx, a, in); err != nil {
				return nil, "", fmt.Errorf("%s: %w", a.kind, err)
			}
		}
		a.last = in.At
		a.did.look(time.Since(began), r.NoVerdict)
		for _, o := range r.Observations {
			c.log.Debug("observation", "kind", o.Kind, "zone", o.Zone, "key", o.Key, "state", o.State, "score", o.Score, "dwell", o.Dwell, "area", o.Area)
		}
		if r.NoVerdict != "" {
			noVerdict = r.NoVerdict
		}
		out := c.machine.Step(event.Look{At: in.At, Kind: a.kind, Result: r})
		events = append(events, out.Events...)
		for _, s := range out.Suppressions {
			c.log.Info("event suppressed", "kind", s.Kind, "zone", s.Zone, "reason", s.Reason)
		}
	}
	return events, noVerdict, nil
}

// observe runs one analytic, on the main stream's picture when it asks for
// the detail and the main stream has a fresh one.
func (c *camera) observe(ctx context.Context, a *analyser, in *analytic.Input) (analytic.Result, error) {
	if !a.onMain || c.sub == nil {
		return a.a.Observe(ctx, in)
	}
	u := c.main.key.Load()
	if u == nil || c.d.now().Sub(u.Received) > 3*c.interval()+5*time.Second {
		return analytic.Result{NoVerdict: "主码流没有画面"}, nil
	}
	f, err := c.d.latest.Decode(u)
	if err != nil {
		return analytic.Result{NoVerdict: "主码流画面损坏"}, nil
	}
	defer f.Release()
	return a.a.Observe(ctx, &analytic.Input{Camera: in.Camera, At: in.At, Frame: &f.YUV, Small: in.Small})
}

// conclude stores new events with their evidence and the states they came
// from; between events the learned scene is stored now and then.
func (c *camera) conclude(ctx context.Context, in *analytic.Input, events []edgev1.Event) error {
	full := len(events) > 0
	for i := range events {
		if events[i].Phase != edgev1.Opened {
			continue
		}
		refs, err := c.evidence(ctx, in, &events[i])
		if err != nil {
			// The event counts more than its pictures: it goes out and
			// says what is missing.
			c.log.Error("evidence not stored", "event", events[i].ID, "error", err)
			events[i].Detail = joinSentences(events[i].Detail, "证据图片未能保存："+err.Error())
		}
		events[i].Evidence = refs
		c.machine.SetEvidence(events[i].ID, refs)
		c.wantClip(&events[i], in.At)
	}
	if !full && in.At.Sub(c.saved) < saveEvery {
		return nil
	}
	c.saved = in.At
	return c.commit(ctx, events, true)
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + "；" + b
}

// commit stores events and states in one transaction. It is retried until it
// succeeds or the camera ends: the machine has moved on already.
func (c *camera) commit(ctx context.Context, events []edgev1.Event, withScene bool) error {
	offset := c.d.clockOffset().Milliseconds()
	for i := range events {
		events[i].ClockOffsetMS = offset
	}
	ch := outbox.Change{Events: events, State: map[string][]byte{}}
	b, err := c.machine.Snapshot()
	if err != nil {
		return err
	}
	ch.State[c.stateKey("event")] = b
	if withScene {
		if ch.State[c.stateKey("picture")], err = c.checker.Snapshot(); err != nil {
			return err
		}
	}
	for _, a := range c.analysers {
		if !withScene || a.state == "" {
			continue
		}
		if b, err = a.a.Snapshot(); err != nil {
			return fmt.Errorf("%s: %w", a.kind, err)
		}
		ch.State[c.stateKey(a.state)] = b
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		_, err := c.d.store.Commit(ctx, ch)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		c.d.storeErrors.Add(1)
		c.log.Error("cannot store events; trying again", "events", len(events), "error", err)
		if !sleep(ctx, wait) {
			return err
		}
	}
	if len(events) > 0 {
		c.d.made(events)
	}
	return nil
}

// stop ends the camera and waits for it.
func (c *camera) stop() {
	c.d.pool.Remove(c.cfg.ID)
	c.cancel()
	c.main.close()
	if c.sub != nil {
		c.sub.close()
	}
	if c.writer != nil {
		c.writer.Close()
	}
	c.looking.Lock()
	c.stopped = true
	c.looking.Unlock()
}

// mainPicture decodes the newest picture of the main stream and lends it to
// do.
func (c *camera) mainPicture(do func(*picture.YUV, *source.AccessUnit) error) error {
	u := c.main.key.Load()
	if u == nil {
		return fmt.Errorf("点位还没有画面：%s", c.main.src.Stats().Detail)
	}
	f, err := c.d.latest.Decode(u)
	if err != nil {
		return fmt.Errorf("画面无法解码：%w", err)
	}
	defer f.Release()
	return do(&f.YUV, u)
}
