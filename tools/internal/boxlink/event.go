package boxlink

import (
	"encoding/hex"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"jiexun/api/edgev1"
)

// Maker makes events as a box makes them: an opened stacking or frontage
// event with its zone, scores, marks, models and three evidence pictures,
// about 2.5 kB of JSON. It is not safe for concurrent use.
type Maker struct {
	r       *rand.Rand
	cameras []string
	zone    string
}

// NewMaker makes events of the cameras in turn; equal seeds make equal ones,
// but for ids and times.
func NewMaker(seed uint64, cameras []string) *Maker {
	return &Maker{r: rand.New(rand.NewPCG(seed, 7)), cameras: cameras, zone: ulid.Make().String()}
}

// Event makes one opened event. No evidence file stands behind its digests.
func (m *Maker) Event(now time.Time) edgev1.Event {
	n := m.r.IntN(len(m.cameras))
	since := now.Add(-9 * time.Second)
	x, y := .2+m.r.Float64()/2, .3+m.r.Float64()/2
	e := edgev1.Event{
		ID: ulid.Make().String(), Rev: 1, Camera: m.cameras[n], Kind: edgev1.Stacking, Phase: edgev1.Opened,
		Zone: m.zone, ZoneName: "人行道一段", ZoneHours: "07:00-22:00",
		ZonePolygon: []edgev1.Point{{X: .05, Y: .55}, {X: .42, Y: .5}, {X: .95, Y: .58}, {X: .97, Y: .93}, {X: .5, Y: .97}, {X: .03, Y: .9}},
		Since:       edgev1.At(since), ConfirmedAt: edgev1.At(now), ClockOffsetMS: 12, Score: .6 + m.r.Float64()*.39,
		Area: .004 + m.r.Float64()*.01, Box: edgev1.Box{X: x, Y: y, W: .08, H: .11},
		Rule:   edgev1.Rule{OpenScore: .55, CloseScore: .35, DwellS: 8, EndDelayS: 6, K: 6, N: 8, MinArea: .001, ConfigVersion: 3},
		Detail: "静止物停留 9 秒，面积约 0.6 平方米，非人非车",
		Models: []edgev1.ModelRef{
			{Name: "detector", Version: "1.0.0", Digest: m.digest()},
			{Name: "verifier", Version: "1.0.0", Digest: m.digest()},
		},
	}
	if n%2 == 1 {
		e.Kind, e.ZoneName, e.Detail = edgev1.Frontage, "门前区域", "经营物品越出门线 0.8 米，停留 9 秒"
	}
	for i := range 10 {
		e.Scores = append(e.Scores, edgev1.ScorePoint{At: edgev1.At(since.Add(time.Duration(i) * time.Second)), Score: .5 + m.r.Float64()*.5})
	}
	e.Marks = []edgev1.Mark{
		{Role: "subject", Label: "堆物", Score: e.Score, Box: e.Box},
		{Role: "excluded", Label: "person", Score: .91, Box: edgev1.Box{X: .1, Y: .4, W: .05, H: .2}},
		{Role: "excluded", Label: "car", Score: .88, Box: edgev1.Box{X: .6, Y: .2, W: .2, H: .15}},
	}
	for i, role := range []string{"frame", "first", "reference"} {
		e.Evidence = append(e.Evidence, edgev1.EvidenceRef{
			Role: role, SM3: m.digest(), Size: 180_000 + m.r.Int64N(90_000), MediaType: "image/jpeg", Width: 1920, Height: 1080,
			TakenAt: edgev1.At(now.Add(-time.Duration(i) * 9 * time.Second)),
		})
	}
	return e
}

func (m *Maker) digest() string {
	var b [32]byte
	for i := range b {
		b[i] = byte(m.r.Uint32())
	}
	return hex.EncodeToString(b[:])
}

// Numbering numbers the messages of one box, as its outbox would.
type Numbering struct {
	Edge, Epoch string
	seq         int64
}

// NewNumbering begins a new epoch.
func NewNumbering(edge string) *Numbering {
	return &Numbering{Edge: edge, Epoch: ulid.Make().String()}
}

// Last is the number of the last message.
func (n *Numbering) Last() int64 { return n.seq }

// Batch numbers events and puts them into one batch.
func (n *Numbering) Batch(now time.Time, events ...edgev1.Event) edgev1.Batch {
	b := edgev1.Batch{V: edgev1.ProtocolVersion, Edge: n.Edge, Epoch: n.Epoch, SentAt: edgev1.At(now)}
	for i := range events {
		n.seq++
		b.Items = append(b.Items, edgev1.Envelope{Seq: n.seq, ID: ulid.Make().String(), MadeAt: edgev1.At(now), Event: &events[i]})
	}
	return b
}

// Status makes a status of a healthy box with its cameras on line.
func (n *Numbering) Status(id *Identity, now, started time.Time, cameras []string, depth int64) edgev1.Status {
	s := edgev1.Status{
		V: edgev1.ProtocolVersion, Edge: n.Edge, Instance: id.Instance, Epoch: n.Epoch, At: edgev1.At(now), Version: "simulated",
		UptimeS: int64(now.Sub(started).Seconds()), OutboxDepth: depth, LastSeq: n.seq, DiskFreeMB: 90_000, MemoryMB: 800,
		CPUPercent: 37, Load: 1.5, Cameras: []edgev1.CameraStatus{},
	}
	for _, c := range cameras {
		s.Cameras = append(s.Cameras, edgev1.CameraStatus{
			Camera: c, State: edgev1.Online, Since: edgev1.At(started), Diagnosis: edgev1.Healthy,
			PacketAgeMS: 40, KeyframeAgeMS: 600, InferAgeMS: 700, UploadAgeMS: -1, Codec: "H264", Width: 1920, Height: 1080,
			FPS: 25, GOPS: 1, KbitS: 3900, Looks: int64(now.Sub(started).Seconds()), IntervalMS: 1000,
		})
	}
	return s
}
