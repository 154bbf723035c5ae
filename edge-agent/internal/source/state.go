package source

import (
	"fmt"
	"time"

	"jiexun/api/edgev1"
)

// Facts are what a camera's state is computed from; the state is never
// stored as a wish.
type Facts struct {
	Now      time.Time
	Started  time.Time
	Interval time.Duration // between two analyses
	GOP      time.Duration // 0 unknown
	// Connected tells that a session plays; SessionStart and SessionKey
	// belong to it.
	Connected                bool
	SessionStart, SessionKey time.Time
	LastPacket, LastKey      time.Time
	Attempts                 int
	NextTry                  time.Time
	// Fault ended the last session, nil while connected.
	Fault *Fault
}

// Judge computes the state and a sentence for people, empty when all is
// well. A camera that stops is no longer online after two and a half
// intervals (at least two seconds) and offline after three.
func (f Facts) Judge() (edgev1.CameraState, string) {
	interval := max(f.Interval, time.Second)
	if !f.Connected && f.Fault != nil && f.Fault.NeedsPerson() {
		return edgev1.Refused, f.Fault.Message
	}
	fresh := max(interval*5/2, 2*time.Second)
	if f.Connected && !f.LastPacket.IsZero() && !f.LastPacket.Before(f.SessionStart) && f.Now.Sub(f.LastPacket) <= fresh {
		return f.judgePicture(interval)
	}
	since := f.LastPacket
	if since.IsZero() {
		since = f.Started
	}
	lost := f.Now.Sub(since)
	switch {
	case f.LastPacket.IsZero() && f.Attempts == 0 && lost <= 3*interval+10*time.Second:
		return edgev1.Connecting, ""
	case lost > 3*interval:
		return edgev1.Offline, f.lostText(lost)
	case f.LastKey.IsZero():
		return edgev1.Connecting, f.lostText(lost)
	}
	return edgev1.Reconnecting, f.lostText(lost)
}

// judgePicture decides while packets arrive.
func (f Facts) judgePicture(interval time.Duration) (edgev1.CameraState, string) {
	patience := 3 * max(interval, f.GOP)
	if f.SessionKey.IsZero() {
		if waited := f.Now.Sub(f.SessionStart); waited > patience {
			return edgev1.NoVerdict, fmt.Sprintf("有视频数据，但 %.0f 秒内没有完整的关键帧：请在摄像机上把 I 帧间隔设为 1 秒，并关闭智能编码（H.264+/H.265+）；若网络丢包，请改用 TCP", waited.Seconds())
		}
		if f.LastKey.IsZero() {
			return edgev1.Connecting, ""
		}
		return edgev1.Reconnecting, ""
	}
	if age := f.Now.Sub(f.SessionKey); age > patience {
		return edgev1.NoVerdict, fmt.Sprintf("有视频数据，但已 %.0f 秒没有完整的关键帧：请检查摄像机的 I 帧间隔与网络丢包", age.Seconds())
	}
	return edgev1.Online, ""
}

func (f Facts) lostText(lost time.Duration) string {
	why := "没有收到视频数据，请检查摄像机与网络"
	if f.Fault != nil {
		why = f.Fault.Message
	}
	if wait := f.NextTry.Sub(f.Now); !f.NextTry.IsZero() && wait > 0 {
		return fmt.Sprintf("已 %.0f 秒没有视频：%s（已试 %d 次，%.0f 秒后再试）", lost.Seconds(), why, f.Attempts, wait.Seconds())
	}
	return fmt.Sprintf("已 %.0f 秒没有视频：%s", lost.Seconds(), why)
}

// Warnings are sentences about a stream that works but will disappoint.
func Warnings(s Stats, irregular bool, interval time.Duration) []string {
	var out []string
	gop := time.Duration(s.GOPSeconds * float64(time.Second))
	switch {
	case gop > interval+interval/4 && (irregular || gop >= 8*time.Second):
		out = append(out, fmt.Sprintf("关键帧间隔 %.1f 秒且不固定，可能开启了智能编码（H.264+/H.265+）：请在摄像机上关闭它，并把 I 帧间隔设为 1 秒，否则只能每 %.1f 秒分析一次", s.GOPSeconds, s.GOPSeconds))
		if !irregular {
			out[0] = fmt.Sprintf("关键帧间隔长达 %.1f 秒，可能开启了智能编码（H.264+/H.265+）：请在摄像机上关闭它，并把 I 帧间隔设为 1 秒，否则只能每 %.1f 秒分析一次", s.GOPSeconds, s.GOPSeconds)
		}
	case gop > interval+interval/4:
		out = append(out, fmt.Sprintf("关键帧间隔 %.1f 秒，长于分析间隔 %.1f 秒，实际只能每 %.1f 秒分析一次：请在摄像机上把 I 帧间隔设为不大于 %.1f 秒，或改用子码流", s.GOPSeconds, interval.Seconds(), s.GOPSeconds, interval.Seconds()))
	}
	if s.HasClock && (s.ClockOffset > 2*time.Second || s.ClockOffset < -2*time.Second) {
		word := "快"
		if s.ClockOffset < 0 {
			word = "慢"
		}
		out = append(out, fmt.Sprintf("摄像机时钟比本机%s %.1f 秒：请为摄像机设置与本机相同的 NTP 校时服务器", word, s.ClockOffset.Abs().Seconds()))
	}
	if total := s.Packets + s.Lost; s.Lost > 0 && total > 200 && s.Lost*100 > total {
		out = append(out, fmt.Sprintf("丢包 %.1f%%：请检查网络，或把传输方式改为 TCP", float64(s.Lost)*100/float64(total)))
	}
	return out
}

// Tracker remembers since when a state holds. It is not safe for concurrent
// use.
type Tracker struct {
	state edgev1.CameraState
	since time.Time
}

// See takes the state at now and gives since when it holds.
func (t *Tracker) See(s edgev1.CameraState, now time.Time) time.Time {
	if s != t.state {
		t.state, t.since = s, now
	}
	return t.since
}
