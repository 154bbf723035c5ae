package edgev1

import (
	"fmt"
	"slices"
	"time"
)

// Limits of tasks.
const (
	MaxLooks = 288                 // looks at one camera in one task
	MaxTask  = 31 * 24 * time.Hour // between From and Until
	MaxOpen  = 64                  // open events named by one observation
)

// TaskKind is what a task looks for.
type TaskKind string

// The kinds of tasks.
const (
	Survey     TaskKind = "survey"     // 排摸: read every sign
	Inspection TaskKind = "inspection" // 巡检: look whether something stands where it must not
)

// Task asks a box to look at cameras within a window of time. A box takes
// each id once, keeps it over a restart, and tells what it saw by
// Observations; a second order with the same id changes nothing.
type Task struct {
	V       int      `json:"v"`
	ID      string   `json:"id"`
	Kind    TaskKind `json:"kind"`
	Cameras []string `json:"cameras"`
	// Zones, when there are any, limit what is told to these zones.
	Zones []string `json:"zones,omitempty"`
	// Kinds are what an inspection asks about: stacking and frontage, both
	// when empty. A survey reads signs and leaves it empty.
	Kinds []Kind `json:"kinds,omitempty"`
	From  Time   `json:"from"`
	Until Time   `json:"until"`
	// Looks is how often each camera is looked at, spread evenly over the
	// window.
	Looks int `json:"looks"`
}

// ObservationKind is what a look of a task gave.
type ObservationKind string

// The kinds of observations.
const (
	// SignFound: a sign was read, in the sign zone named by Zone or, where
	// Zone is empty, anywhere else in the frame.
	SignFound ObservationKind = "sign"
	// Seen: the place was looked at. With Zone it is one zone and Open names
	// the events that stand open in it; without Zone it is the whole frame.
	Seen ObservationKind = "seen"
	// Unseen: the place could not be looked at, for Reason.
	Unseen ObservationKind = "unseen"
)

// UnseenReason is why something was not looked at.
type UnseenReason string

// The reasons. Those of a picture that is unfit are the Diagnosis words:
// black, frozen, covered, blurred, dark, bright, moved, corrupt.
const (
	UnseenOffline  UnseenReason = "offline"  // no picture from the camera
	UnseenDisabled UnseenReason = "disabled" // the camera is switched off
	UnseenNoCamera UnseenReason = "noCamera" // the box does not have the camera
	UnseenNoZone   UnseenReason = "noZone"   // the camera has no zone for this
	UnseenMissed   UnseenReason = "missed"   // the box did not run at the time, or had no room
	UnseenFailed   UnseenReason = "failed"   // the recognition itself failed
)

// Observation is one thing that a look of a task gave.
type Observation struct {
	ID     string `json:"id"`
	Task   string `json:"task"`
	Camera string `json:"camera"`
	Zone   string `json:"zone,omitempty"`
	// Look counts from 1 to the task's Looks.
	Look int             `json:"look"`
	Kind ObservationKind `json:"kind"`
	At   Time            `json:"at"`
	// ClockOffsetMS is the box clock minus the center's, as last measured.
	ClockOffsetMS int64        `json:"clockOffsetMs"`
	Sign          *SignReading `json:"sign,omitempty"`
	// Box is where the sign is in the frame.
	Box Box `json:"box"`
	// Shop is the shop that the zone belongs to in the box's configuration.
	Shop string `json:"shop,omitempty"`
	// Open are the ids of the events that stand open in the zone.
	Open     []string      `json:"open,omitempty"`
	Reason   UnseenReason  `json:"reason,omitempty"`
	Detail   string        `json:"detail,omitempty"`
	Models   []ModelRef    `json:"models,omitempty"`
	Evidence []EvidenceRef `json:"evidence,omitempty"`
}

// Validate says what is wrong with the task.
func (t *Task) Validate() error {
	var c check
	t.into(&c, "")
	return c.result()
}

func (t *Task) into(c *check, f string) {
	c.version(t.V)
	c.ulid(f+"id", t.ID)
	c.ok(t.Kind == Survey || t.Kind == Inspection, f+"kind", "未知的任务类型 %.40q，应为 survey 或 inspection", t.Kind)
	c.ok(len(t.Cameras) >= 1, f+"cameras", "任务至少要有一个点位")
	c.ok(len(t.Cameras) <= MaxCameras, f+"cameras", "一个任务最多 %d 个点位，现在是 %d", MaxCameras, len(t.Cameras))
	seen := map[string]bool{}
	for i, id := range t.Cameras {
		field := fmt.Sprintf("%scameras[%d]", f, i)
		c.name(field, id)
		c.ok(!seen[id], field, "点位 %s 出现了两次", id)
		seen[id] = true
	}
	c.ok(len(t.Zones) <= MaxCameras*MaxZones/8, f+"zones", "围栏太多，最多 %d 个", MaxCameras*MaxZones/8)
	for i, z := range t.Zones {
		c.name(fmt.Sprintf("%szones[%d]", f, i), z)
	}
	c.ok(t.Kind != Survey || len(t.Kinds) == 0, f+"kinds", "排摸任务不带识别类型")
	for i, k := range t.Kinds {
		c.ok(k == Stacking || k == Frontage, fmt.Sprintf("%skinds[%d]", f, i), "巡检类型应为 stacking 或 frontage，现在是 %.40q", k)
	}
	c.ok(len(t.Kinds) <= 2, f+"kinds", "最多 2 个识别类型")
	c.time(f+"from", t.From)
	c.time(f+"until", t.Until)
	c.ok(t.Until.After(t.From.Time), f+"until", "结束时间应晚于开始时间")
	c.ok(t.Until.Sub(t.From.Time) <= MaxTask, f+"until", "任务时段最长 31 天")
	c.ok(t.Looks >= 1 && t.Looks <= MaxLooks, f+"looks", "查看次数应为 1 到 %d，现在是 %d", MaxLooks, t.Looks)
}

// Validate says what is wrong with the observation.
func (o *Observation) Validate() error {
	var c check
	o.into(&c, "")
	return c.result()
}

func (o *Observation) into(c *check, f string) {
	c.ulid(f+"id", o.ID)
	c.ulid(f+"task", o.Task)
	c.name(f+"camera", o.Camera)
	if o.Zone != "" {
		c.name(f+"zone", o.Zone)
	}
	c.ok(o.Look >= 1 && o.Look <= MaxLooks, f+"look", "第几次查看应为 1 到 %d，现在是 %d", MaxLooks, o.Look)
	c.ok(slices.Contains([]ObservationKind{SignFound, Seen, Unseen}, o.Kind), f+"kind", "未知的结果类型 %.40q", o.Kind)
	c.time(f+"at", o.At)
	c.ok(o.ClockOffsetMS > -1<<53 && o.ClockOffsetMS < 1<<53, f+"clockOffsetMs", "时钟偏差 %d 毫秒不可信", o.ClockOffsetMS)
	c.ok((o.Kind == SignFound) == (o.Sign != nil), f+"sign", "识别到店招时应带识读结果，其他情况不带")
	if o.Sign != nil {
		o.Sign.into(c, f+"sign.")
	}
	c.box(f+"box", o.Box)
	if o.Shop != "" {
		c.name(f+"shop", o.Shop)
	}
	c.ok(len(o.Open) <= MaxOpen, f+"open", "最多 %d 个，现在是 %d", MaxOpen, len(o.Open))
	c.ok(o.Kind == Seen || len(o.Open) == 0, f+"open", "只有看到的地方才能带未结束的事件")
	for i, id := range o.Open {
		c.ulid(fmt.Sprintf("%sopen[%d]", f, i), id)
	}
	c.ok((o.Kind == Unseen) == (o.Reason != ""), f+"reason", "没有看到时应说明原因，其他情况不带")
	if o.Reason != "" {
		c.name(f+"reason", string(o.Reason))
	}
	c.text(f+"detail", o.Detail)
	c.models(f, o.Models)
	c.evidence(f, o.Evidence)
}
