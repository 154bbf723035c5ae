package edgev1

import (
	"fmt"
	"slices"
	"time"
)

// RoleClip is the role of a short video of an event: some seconds before it
// to some seconds after.
const RoleClip = "clip"

// Limits of recordings.
const (
	MaxCut        = 15 * time.Minute // of one cut
	MaxRecordList = 49 * time.Hour   // of one list of spans
	MaxSpans      = 2048             // in one answer
)

// Commands about recordings and about what runs on a camera.
const (
	CmdRecords CommandKind = "records" // tell what is recorded from From to Until
	CmdCut     CommandKind = "cut"     // cut a video from the recording and bring it up
	CmdInspect CommandKind = "inspect" // tell what runs on the camera now
)

// Record asks the box to record a camera on its own disk, in a ring.
type Record struct {
	// KeepHours is how long recordings are kept, QuotaMB the most that they
	// take, 0 for the box's own limit alone. The oldest go first.
	KeepHours int   `json:"keepHours"`
	QuotaMB   int64 `json:"quotaMb,omitempty"`
	// Sub records the sub-stream where there is one.
	Sub bool `json:"sub,omitempty"`
}

// RecordStatus is how the recording of a camera fares.
type RecordStatus struct {
	// Oldest and Newest bound what is kept; nil when nothing is.
	Oldest *Time `json:"oldest,omitempty"`
	Newest *Time `json:"newest,omitempty"`
	Bytes  int64 `json:"bytes"`
	// Lost counts groups of pictures that the disk did not take in time.
	Lost int64 `json:"lost"`
	// Fault is a sentence for people, empty when all is well.
	Fault string `json:"fault,omitempty"`
}

// Span is a recorded stretch of time.
type Span struct {
	From Time `json:"from"`
	To   Time `json:"to"`
}

// Cut is a video that was cut from a recording. File.TakenAt is its first
// picture.
type Cut struct {
	File  EvidenceRef `json:"file"`
	Until Time        `json:"until"`
	Codec string      `json:"codec"`
	FPS   float64     `json:"fps"`
}

// Run is one analytic as it runs on a camera.
type Run struct {
	Kind  Kind `json:"kind"`
	Zones int  `json:"zones"`
	// Since is when it was started with these zones, Last its last look.
	Since Time  `json:"since"`
	Last  *Time `json:"last,omitempty"`
	// Looks were judged; NoVerdicts were not fit to be judged, for Why last.
	Looks      int64  `json:"looks"`
	NoVerdicts int64  `json:"noVerdicts"`
	Why        string `json:"why,omitempty"`
	// Things is how many it follows now, Open how many of them are events.
	Things int `json:"things"`
	Open   int `json:"open"`
	// CostMS is the mean time of one look in milliseconds.
	CostMS float64 `json:"costMs"`
}

// Running is what runs on a camera.
type Running struct {
	Status        CameraStatus `json:"status"`
	ConfigVersion int64        `json:"configVersion"`
	Runs          []Run        `json:"runs"`
	// Load is the share of the box's workers that is used, 0..1.
	Load   float64    `json:"load"`
	Models []ModelRef `json:"models,omitempty"`
	// Rules are the numbers that hold where a zone has none of its own.
	Rules map[Kind]Rule `json:"rules,omitempty"`
}

func (r *Record) into(c *check, f string) {
	c.ok(r.KeepHours >= 1 && r.KeepHours <= 24*90, f+"keepHours", "录像保留时长应为 1 到 2160 小时，现在是 %d", r.KeepHours)
	c.ok(r.QuotaMB >= 0 && r.QuotaMB < 1<<30, f+"quotaMb", "录像配额应为不小于 0 的兆字节数，现在是 %d", r.QuotaMB)
}

func (r *RecordStatus) into(c *check, f string) {
	c.count(f+"bytes", r.Bytes)
	c.count(f+"lost", r.Lost)
	c.text(f+"fault", r.Fault)
}

func (m *Command) video(c *check) {
	if m.Kind != CmdRecords && m.Kind != CmdCut {
		return
	}
	c.time("from", m.From)
	c.time("until", m.Until)
	c.ok(m.Until.After(m.From.Time), "until", "结束时间应晚于开始时间")
	limit, words := MaxRecordList, "49 小时"
	if m.Kind == CmdCut {
		limit, words = MaxCut, "15 分钟"
	}
	c.ok(m.Until.Sub(m.From.Time) <= limit, "until", "时段最长 %s", words)
}

func (r *Result) video(c *check) {
	c.ok(len(r.Spans) <= MaxSpans, "spans", "最多 %d 段，现在是 %d", MaxSpans, len(r.Spans))
	for i, s := range r.Spans {
		c.ok(!s.To.Before(s.From.Time), fmt.Sprintf("spans[%d]", i), "结束早于开始")
	}
	if r.Cut != nil {
		r.Cut.File.into(c, "cut.file.")
		c.time("cut.until", r.Cut.Until)
		c.ok(r.Cut.Codec == "H264" || r.Cut.Codec == "H265", "cut.codec", "未知的编码 %.40q", r.Cut.Codec)
		c.atLeast("cut.fps", r.Cut.FPS)
	}
	if r.Running != nil {
		r.Running.into(c, "running.")
	}
}

func (n *Running) into(c *check, f string) {
	n.Status.into(c, f+"status.")
	c.count(f+"configVersion", n.ConfigVersion)
	c.ok(len(n.Runs) <= 16, f+"runs", "最多 16 个")
	for i, r := range n.Runs {
		rf := fmt.Sprintf("%sruns[%d].", f, i)
		c.ok(slices.Contains([]Kind{Stacking, Frontage, Sign, Picture}, r.Kind), rf+"kind", "未知的类型 %.40q", r.Kind)
		c.count(rf+"looks", r.Looks)
		c.count(rf+"noVerdicts", r.NoVerdicts)
		c.text(rf+"why", r.Why)
		c.atLeast(rf+"costMs", r.CostMS)
	}
	c.unit(f+"load", n.Load)
}
