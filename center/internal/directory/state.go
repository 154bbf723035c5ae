package directory

import (
	"fmt"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
)

// Unknown is the state of a camera that no box has reported yet.
const Unknown = "unknown"

// StaleAfter is how old the last report may be before the camera counts as
// offline: three of the box's intervals of ten seconds.
const StaleAfter = 30 * time.Second

// Health is the state of a camera as the center knows it.
type Health struct {
	CameraID  string
	State     string // an edgev1.CameraState, or Unknown
	Since     clock.Stamp
	Diagnosis string
	Detail    string
	// AsOf is when the box last reported the camera; nil when never.
	AsOf *clock.Stamp
	// Status is the last report as JSON; empty when there is none.
	Status string
}

// Segment is a stretch of time in one state.
type Segment struct {
	State     string
	Diagnosis string
	Detail    string
	From      clock.Stamp
	To        *clock.Stamp
}

// StateLabel is the word that people see.
func StateLabel(s string) string {
	switch edgev1.CameraState(s) {
	case edgev1.Online:
		return "在线"
	case edgev1.Connecting:
		return "连接中"
	case edgev1.Reconnecting:
		return "重连中"
	case edgev1.NoVerdict:
		return "画面异常"
	case edgev1.Offline:
		return "离线"
	case edgev1.Refused:
		return "需人工处理"
	case edgev1.Disabled:
		return "已停用"
	}
	return "未上报"
}

// DiagnosisLabel says what is wrong with a picture.
func DiagnosisLabel(d string) string {
	switch edgev1.Diagnosis(d) {
	case edgev1.Black:
		return "黑屏"
	case edgev1.Frozen:
		return "画面冻结"
	case edgev1.Covered:
		return "镜头被遮挡"
	case edgev1.Blurred:
		return "画面模糊"
	case edgev1.Dark:
		return "画面过暗"
	case edgev1.Bright:
		return "画面过曝"
	case edgev1.Moved:
		return "视角移位"
	case edgev1.Corrupt:
		return "码流花屏"
	}
	return "画面正常"
}

// Report turns what a box said about a camera into the center's knowledge.
// The box's "since" is believed, except that nothing begins after it was
// received or before the state that it follows.
func Report(old Health, s edgev1.CameraStatus, received clock.Stamp, raw string) (next Health, changed bool) {
	next = Health{
		CameraID: old.CameraID, State: string(s.State), Since: min(clock.At(s.Since.Time), received),
		Diagnosis: string(s.Diagnosis), Detail: s.Detail, AsOf: &received, Status: raw,
	}
	if next.State == old.State && next.Diagnosis == old.Diagnosis {
		next.Since = old.Since
		return next, false
	}
	next.Since = max(next.Since, old.Since)
	return next, true
}

// Lost turns a camera whose box is not heard into an offline one: what it
// really does is unknown, but no picture can be had.
func Lost(old Health, at clock.Stamp, why string) (next Health, changed bool) {
	if old.State == string(edgev1.Offline) || old.State == Unknown || old.State == string(edgev1.Disabled) {
		return old, false
	}
	next = old
	next.State, next.Since, next.Diagnosis = string(edgev1.Offline), max(at, old.Since), ""
	next.Detail = why
	return next, true
}

// staleText says why a silent camera counts as offline.
func staleText(h Health) string {
	if h.AsOf == nil {
		return "没有收到边缘盒的状态"
	}
	return fmt.Sprintf("超过 %d 秒没有收到边缘盒的状态，最后一次 %s", int(StaleAfter.Seconds()), h.AsOf.Time().In(clock.Shanghai()).Format(time.TimeOnly))
}

// hasPicture tells whether in a state a person could see something.
func hasPicture(state string) bool {
	return state == string(edgev1.Online) || state == string(edgev1.NoVerdict)
}

// Uptime is the share of a stretch of time in which a picture was there, 0 to
// 100. Time before the first segment does not count; false when nothing does.
func Uptime(list []Segment, from, to clock.Stamp) (percent float64, ok bool) {
	var up, all int64
	for _, s := range list {
		a, b := max(s.From, from), to
		if s.To != nil {
			b = min(*s.To, to)
		}
		if b <= a || s.State == Unknown || s.State == string(edgev1.Disabled) {
			continue
		}
		all += int64(b - a)
		if hasPicture(s.State) {
			up += int64(b - a)
		}
	}
	if all == 0 {
		return 0, false
	}
	return float64(up) / float64(all) * 100, true
}
