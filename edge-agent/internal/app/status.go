package app

import (
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/source"
)

// noVerdictWords are the analytics' reasons in the words of the people who
// read the status.
var noVerdictWords = map[string]string{
	"learning the empty scene":        "正在学习空场景，几秒后开始识别",
	"picture saturated":               "画面过曝，暂停识别",
	"picture black":                   "画面全黑，暂停识别",
	"picture frozen":                  "画面不动，暂停识别",
	"no picture":                      "没有可用的画面",
	string(edgev1.Frozen):             "画面不动，暂停识别",
	string(edgev1.Black):              "画面全黑，暂停识别",
	string(edgev1.Dark):               "画面过暗，暂停识别",
	string(edgev1.Bright):             "画面过曝，暂停识别",
	string(edgev1.Covered):            "画面被遮挡，暂停识别",
	string(edgev1.Blurred):            "画面模糊，暂停识别",
	string(edgev1.Moved):              "视角移动，暂停识别",
	string(edgev1.Corrupt):            "画面花屏，暂停识别",
	"view moved":                      "视角移动，正在重新学习场景",
	"too much of the picture changed": "画面变化过大，暂停识别",
}

// unfitLooks is how many looks in a row without a verdict make a state of
// their own; one may be a passing flaw.
const unfitLooks = 2

// status computes a camera's state from ages and counts.
func (c *camera) status(now, uploaded time.Time) edgev1.CameraStatus {
	st := c.analysed().src.Stats()
	p := c.d.pool.Camera(c.cfg.ID)
	c.mu.Lock()
	seen := c.seen
	c.mu.Unlock()
	out := edgev1.CameraStatus{
		Camera: c.cfg.ID, State: st.State, Since: edgev1.At(st.Since), Diagnosis: edgev1.Healthy, Detail: st.Detail,
		PacketAgeMS: age(now, st.LastPacket), KeyframeAgeMS: age(now, st.LastKey), InferAgeMS: age(now, seen.lastLook),
		UploadAgeMS: age(now, uploaded), Codec: string(st.Codec), Width: st.Width, Height: st.Height,
		FPS: st.FPS, GOPS: st.GOPSeconds, KbitS: st.KbitS, Attempts: st.Attempts,
		Looks: p.Looks, Skipped: p.Skipped + int64(st.DroppedKeys), Errors: seen.errors + int64(st.Damaged+st.DecodeErrors),
		IntervalMS: c.interval().Milliseconds(), Pushing: c.main.src.Stats().Pushing > 0,
		Record: c.recordStatus(),
	}
	if p.Every > c.interval() {
		out.IntervalMS = p.Every.Milliseconds()
	}
	if !st.NextTry.IsZero() {
		out.NextTryMS = max(1, st.NextTry.Sub(now).Milliseconds())
	}
	c.explain(&out, st, seen)
	return out
}

// explain adds what the pictures say to what the stream says.
func (c *camera) explain(out *edgev1.CameraStatus, st source.Stats, seen seen) {
	if c.sub != nil && out.Detail == "" {
		if m := c.main.src.Stats(); m.State != edgev1.Online {
			out.Detail = "主码流：" + orElse(m.Detail, "没有画面") + "；抓图和店招识读暂停"
		}
	}
	if st.State != edgev1.Online {
		return
	}
	switch {
	case seen.judged && seen.report.Diagnosis != edgev1.Healthy:
		out.State, out.Diagnosis, out.Since = edgev1.NoVerdict, seen.report.Diagnosis, edgev1.At(seen.report.Since)
		out.Detail = seen.report.Detail
	case seen.unfit >= unfitLooks:
		// Not yet a diagnosis with its hysteresis, but for now nobody judges.
		out.State, out.Diagnosis, out.Since = edgev1.NoVerdict, edgev1.Diagnosis(seen.report.Reason), edgev1.At(seen.unfitSince)
		out.Detail = orElse(noVerdictWords[seen.report.Reason], seen.report.Reason)
	case out.Detail != "":
	case seen.lastError != "":
		out.Detail = "识别出错：" + seen.lastError
	case seen.noVerdict != "":
		out.Detail = orElse(noVerdictWords[seen.noVerdict], seen.noVerdict)
	case len(st.Warnings) > 0:
		out.Detail = st.Warnings[0]
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func age(now, t time.Time) int64 {
	if t.IsZero() {
		return -1
	}
	return max(0, now.Sub(t).Milliseconds())
}

// statuses lists the cameras in the order of the configuration.
func (m *manager) statuses(now, uploaded time.Time) ([]edgev1.CameraStatus, int64) {
	m.mu.Lock()
	order, version := m.order, m.version
	broken := make(map[string]string, len(m.broken))
	for k, v := range m.broken {
		broken[k] = v
	}
	m.mu.Unlock()
	running := m.running()
	out := make([]edgev1.CameraStatus, 0, len(order))
	for _, id := range order {
		if c := running[id]; c != nil {
			out = append(out, c.status(now, uploaded))
			continue
		}
		s := edgev1.CameraStatus{Camera: id, State: edgev1.Disabled, Since: edgev1.At(now), Diagnosis: edgev1.Healthy,
			PacketAgeMS: -1, KeyframeAgeMS: -1, InferAgeMS: -1, UploadAgeMS: -1}
		if why, ok := broken[id]; ok {
			s.State, s.Detail = edgev1.Refused, "点位没有启动："+why
		}
		out = append(out, s)
	}
	return out, version
}
