package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // reference pictures
	_ "image/png"  // reference pictures
	"log/slog"
	"sync/atomic"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
	"jiexun/edge-agent/internal/analytic/frontage"
	"jiexun/edge-agent/internal/analytic/sign"
	"jiexun/edge-agent/internal/analytic/stacking"
	"jiexun/edge-agent/internal/analytic/still"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/infer"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/outbox"
	"jiexun/edge-agent/internal/picture"
	"jiexun/edge-agent/internal/record"
)

// deps are the parts that all cameras share.
type deps struct {
	log   *slog.Logger
	now   func() time.Time
	newID func() string
	store store
	files *evidence.Store
	// records are the videos that are kept on the box's disk.
	records *record.Store
	pool    *media.Pool
	frames  *media.FramePool
	latest  *media.Latest
	nets    *networks

	// clockOffset is the box clock minus the center's.
	clockOffset func() time.Duration
	// made is told of events that were stored.
	made func([]edgev1.Event)
	// fetch gets a file that the configuration names by digest.
	fetch       func(context.Context, string) ([]byte, error)
	storeErrors atomic.Int64
}

// store keeps events and states; the outbox in a box, memory in watch.
type store interface {
	Commit(context.Context, outbox.Change) (int64, error)
	State(context.Context, string) ([]byte, error)
}

// networks are the loaded models as the analytics see them. The verifier is
// optional: without it the analytics judge by pixels and detector alone, and
// doctor says so.
type networks struct {
	rt          *infer.Runtime
	detector    analytic.Detector
	verifier    analytic.Verifier
	finder      analytic.TextFinder
	reader      analytic.TextReader
	thingModels []edgev1.ModelRef
	signModels  []edgev1.ModelRef
}

// Names of the models in the folder that the models command fills.
const (
	detectorModel = "ssd-oidv4"
	verifierModel = "verifier"
	finderModel   = "ppocr-v4-det"
	readerModel   = "ppocr-v4-rec"
)

// loadNetworks opens the runtime and the models.
func loadNetworks(o infer.Options) (*networks, error) {
	rt, err := infer.Open(o)
	if err != nil {
		return nil, err
	}
	n := &networks{rt: rt}
	if err := n.load(); err != nil {
		return nil, errors.Join(err, rt.Close())
	}
	return n, nil
}

func (n *networks) load() error {
	det, err := n.rt.Detector(detectorModel)
	if err != nil {
		return err
	}
	finder, err := n.rt.TextFinder(finderModel)
	if err != nil {
		return err
	}
	reader, err := n.rt.TextReader(readerModel)
	if err != nil {
		return err
	}
	n.detector, n.finder, n.reader = det, finder, reader
	n.thingModels = []edgev1.ModelRef{det.Ref()}
	n.signModels = []edgev1.ModelRef{finder.Ref(), reader.Ref()}
	ver, err := n.rt.Verifier(verifierModel)
	switch {
	case errors.Is(err, infer.ErrMissing):
	case err != nil:
		return err
	default:
		n.verifier = ver
		n.thingModels = append(n.thingModels, ver.Ref())
	}
	return nil
}

// analysers lists the analytics of one camera. A new analytic is named here.
func (d *deps) analysers(ctx context.Context, cam edgev1.Camera) ([]*analyser, error) {
	var out []*analyser
	things, err := d.things(ctx, cam)
	if err != nil {
		return nil, err
	}
	out = append(out, things...)
	signs, err := d.signs(ctx, cam)
	if err != nil {
		return nil, err
	}
	return append(out, signs...), nil
}

// things makes stacking and frontage over one engine, so that its cost is
// paid once.
func (d *deps) things(ctx context.Context, cam edgev1.Camera) ([]*analyser, error) {
	stack, front := stacking.Default(), frontage.Default()
	regions, err := stacking.Regions(cam.Zones, stack)
	if err != nil {
		return nil, err
	}
	strips, err := frontage.Regions(cam.Zones, front)
	if err != nil {
		return nil, err
	}
	if len(regions)+len(strips) == 0 {
		return nil, nil
	}
	engine, err := still.New(still.Options{
		Regions: append(regions, strips...), Detector: d.nets.detector, Verifier: d.nets.verifier,
		Models: d.nets.thingModels,
	})
	if err != nil {
		return nil, err
	}
	if cam.ReferenceSM3 != "" {
		p, err := d.reference(ctx, cam.ReferenceSM3)
		if err == nil {
			err = engine.SetReference(p)
		}
		if err != nil {
			d.log.Warn("reference picture not used; the empty scene is learned instead", "camera", cam.ID, "error", err)
		}
	}
	s, err := stacking.New(engine, cam.Zones, stack)
	if err != nil {
		return nil, err
	}
	f, err := frontage.New(engine, cam.Zones, front)
	if err != nil {
		return nil, err
	}
	// The engine's state is stored once, under stacking's name.
	return []*analyser{{kind: edgev1.Stacking, a: s, state: "still"}, {kind: edgev1.Frontage, a: f}}, nil
}

// signEvery is the time between two looks at signs: they change slowly and
// reading is dear.
const signEvery = 2 * time.Second

func (d *deps) signs(ctx context.Context, cam edgev1.Camera) ([]*analyser, error) {
	any := false
	for _, z := range cam.Zones {
		any = any || z.Kind == edgev1.ZoneSign
	}
	if !any {
		return nil, nil
	}
	cfg, err := sign.DefaultConfig()
	if err != nil {
		return nil, err
	}
	a, err := sign.New(sign.Options{
		Config: cfg, Zones: cam.Zones, Finder: d.nets.finder, Reader: d.nets.reader, Detector: d.nets.detector,
		Models: d.nets.signModels,
	})
	if err != nil {
		return nil, err
	}
	for _, z := range cam.Zones {
		if z.Kind != edgev1.ZoneSign || z.SignReferenceSM3 == "" {
			continue
		}
		p, err := d.reference(ctx, z.SignReferenceSM3)
		if err == nil {
			err = a.SetReference(z.ID, p, false)
		}
		if err != nil {
			d.log.Warn("sign reference not used; it is learned from a sure reading instead", "camera", cam.ID, "zone", z.ID, "error", err)
		}
	}
	return []*analyser{{kind: edgev1.Sign, a: a, state: "sign", every: signEvery, onMain: true}}, nil
}

func (d *deps) reference(ctx context.Context, digest string) (*picture.YUV, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	b, err := d.fetch(ctx, digest)
	if err != nil {
		return nil, err
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("read reference picture %s: %w", digest, err)
	}
	return picture.FromImage(m), nil
}
