package edgev1

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Validate says what is wrong with the status.
func (s *Status) Validate() error {
	var c check
	c.version(s.V)
	c.name("edge", s.Edge)
	c.name("instance", s.Instance)
	if s.Epoch != "" || !s.Gone {
		c.ulid("epoch", s.Epoch)
	}
	c.time("at", s.At)
	c.text("version", s.Version)
	for _, f := range []struct {
		name string
		v    int64
	}{
		{"uptimeS", s.UptimeS}, {"configVersion", s.ConfigVersion}, {"outboxDepth", s.OutboxDepth},
		{"evidenceDepth", s.EvidenceDepth}, {"droppedTotal", s.DroppedTotal}, {"lastSeq", s.LastSeq},
		{"diskFreeMb", s.DiskFreeMB}, {"memoryMb", s.MemoryMB},
	} {
		c.count(f.name, f.v)
	}
	c.age("outboxAgeMs", s.OutboxAgeMS)
	c.atLeast("cpuPercent", s.CPUPercent)
	c.atLeast("load", s.Load)
	c.ok(len(s.Cameras) <= MaxCameras, "cameras", "一台盒子最多 %d 路，现在是 %d", MaxCameras, len(s.Cameras))
	seen := map[string]bool{}
	for i := range s.Cameras {
		f := fmt.Sprintf("cameras[%d].", i)
		s.Cameras[i].into(&c, f)
		c.ok(!seen[s.Cameras[i].Camera], f+"camera", "点位 %s 出现了两次", s.Cameras[i].Camera)
		seen[s.Cameras[i].Camera] = true
	}
	return c.result()
}

func (s *CameraStatus) into(c *check, f string) {
	c.name(f+"camera", s.Camera)
	states := []CameraState{Online, Connecting, Reconnecting, NoVerdict, Offline, Refused, Disabled}
	c.ok(slices.Contains(states, s.State), f+"state", "未知的状态 %.40q", s.State)
	faults := []Diagnosis{"", Healthy, Black, Frozen, Covered, Blurred, Dark, Bright, Moved, Corrupt}
	c.ok(slices.Contains(faults, s.Diagnosis), f+"diagnosis", "未知的诊断 %.40q", s.Diagnosis)
	c.time(f+"since", s.Since)
	c.text(f+"detail", s.Detail)
	c.text(f+"codec", s.Codec)
	c.age(f+"packetAgeMs", s.PacketAgeMS)
	c.age(f+"keyframeAgeMs", s.KeyframeAgeMS)
	c.age(f+"inferAgeMs", s.InferAgeMS)
	c.age(f+"uploadAgeMs", s.UploadAgeMS)
	c.ok(s.Width >= 0 && s.Width <= 1<<15 && s.Height >= 0 && s.Height <= 1<<15, f+"width", "尺寸 %dx%d 不对", s.Width, s.Height)
	c.atLeast(f+"fps", s.FPS)
	c.atLeast(f+"gopS", s.GOPS)
	c.atLeast(f+"kbitS", s.KbitS)
	c.count(f+"looks", s.Looks)
	c.count(f+"skipped", s.Skipped)
	c.count(f+"errors", s.Errors)
	c.count(f+"intervalMs", s.IntervalMS)
	if s.Record != nil {
		s.Record.into(c, f+"record.")
	}
}

// Validate says what is wrong with the result.
func (r *Result) Validate() error {
	var c check
	c.version(r.V)
	c.name("edge", r.Edge)
	c.ulid("command", r.Command)
	c.time("at", r.At)
	c.text("message", r.Message)
	if r.Snapshot != nil {
		r.Snapshot.into(&c, "snapshot.")
	}
	if p := r.Probe; p != nil {
		c.ok(len(p.URL) <= 1024, "probe.url", "地址太长")
		c.text("probe.message", p.Message)
		c.text("probe.codec", p.Codec)
		c.text("probe.profile", p.Profile)
		c.ok(len(p.Warnings) <= 32, "probe.warnings", "最多 32 条")
		for i, w := range p.Warnings {
			c.text(fmt.Sprintf("probe.warnings[%d]", i), w)
		}
	}
	r.video(&c)
	return c.result()
}

// Validate says what is wrong with the command.
func (m *Command) Validate() error {
	var c check
	c.version(m.V)
	c.ulid("id", m.ID)
	c.ok(slices.Contains([]CommandKind{CmdSnapshot, CmdProbe, CmdPushStart, CmdPushStop, CmdTask, CmdTaskStop, CmdRecords, CmdCut, CmdInspect}, m.Kind), "kind", "未知的命令 %.40q", m.Kind)
	c.ok(m.TTLS > 0 && m.TTLS <= 3600, "ttlS", "应为 1 到 3600 秒，现在是 %d", m.TTLS)
	c.time("sentAt", m.SentAt)
	switch m.Kind {
	case CmdProbe:
		c.url("url", m.URL)
	case CmdTask:
		c.ok(m.Task != nil, "task", "缺少任务内容")
		if m.Task != nil {
			m.Task.into(&c, "task.")
		}
	case CmdTaskStop:
		c.ulid("taskId", m.TaskID)
	default:
		c.name("camera", m.Camera)
	}
	if m.Kind == CmdPushStart {
		c.url("pushUrl", m.PushURL)
	}
	m.video(&c)
	return c.result()
}

// Validate says what is wrong with the configuration.
func (g *Config) Validate() error {
	var c check
	c.version(g.V)
	c.name("edge", g.Edge)
	c.count("version", g.Version)
	c.ok(len(g.Cameras) <= MaxCameras, "cameras", "一台盒子最多 %d 路，现在是 %d", MaxCameras, len(g.Cameras))
	seen := map[string]bool{}
	for i := range g.Cameras {
		f := fmt.Sprintf("cameras[%d].", i)
		g.Cameras[i].into(&c, f)
		c.ok(!seen[g.Cameras[i].ID], f+"id", "点位 %s 出现了两次", g.Cameras[i].ID)
		seen[g.Cameras[i].ID] = true
	}
	return c.result()
}

func (m *Camera) into(c *check, f string) {
	c.name(f+"id", m.ID)
	c.text(f+"name", m.Name)
	c.url(f+"url", m.URL)
	if m.SubURL != "" {
		c.url(f+"subUrl", m.SubURL)
	}
	c.text(f+"username", m.Username)
	c.text(f+"password", m.Password)
	c.ok(slices.Contains([]string{"", "tcp", "udp"}, m.Transport), f+"transport", "应为 tcp 或 udp")
	c.ok(m.IntervalMS >= 0 && m.IntervalMS <= 3_600_000, f+"intervalMs", "应为 0 到 3600000 毫秒，现在是 %d", m.IntervalMS)
	c.ok(len(m.Zones) <= MaxZones, f+"zones", "一个点位最多 %d 个围栏，现在是 %d", MaxZones, len(m.Zones))
	if m.ReferenceSM3 != "" {
		c.digest(f+"referenceSm3", m.ReferenceSM3)
	}
	if m.Record != nil {
		m.Record.into(c, f+"record.")
	}
	seen := map[string]bool{}
	for i := range m.Zones {
		zf := fmt.Sprintf("%szones[%d].", f, i)
		m.Zones[i].into(c, zf)
		c.ok(!seen[m.Zones[i].ID], zf+"id", "围栏 %s 出现了两次", m.Zones[i].ID)
		seen[m.Zones[i].ID] = true
	}
}

// Validate says what is wrong with the zone.
func (z *Zone) Validate() error {
	var c check
	z.into(&c, "")
	return c.result()
}

func (z *Zone) into(c *check, f string) {
	c.name(f+"id", z.ID)
	c.text(f+"name", z.Name)
	kinds := []ZoneKind{ZonePavement, ZoneFrontage, ZoneSign, ZonePermit, ZoneExclude}
	c.ok(slices.Contains(kinds, z.Kind), f+"kind", "未知的围栏类型 %.40q", z.Kind)
	fault := CheckPolygon(z.Polygon)
	c.ok(fault == "", f+"polygon", "%s", fault)
	c.ok(ValidHours(z.Hours), f+"hours", "时段应写作 07:00-22:00，多个用逗号分开，现在是 %.60q", z.Hours)
	c.ok(z.DwellS >= 0 && z.DwellS <= 86400, f+"dwellS", "应为 0 到 86400 秒，现在是 %g", z.DwellS)
	c.ok(z.EndDelayS >= 0 && z.EndDelayS <= 86400, f+"endDelayS", "应为 0 到 86400 秒，现在是 %g", z.EndDelayS)
	c.unit(f+"minArea", z.MinArea)
	c.unit(f+"openScore", z.OpenScore)
	c.unit(f+"closeScore", z.CloseScore)
	c.ok(z.OpenScore == 0 || z.CloseScore <= z.OpenScore, f+"closeScore", "应不大于开启阈值 %g，现在是 %g", z.OpenScore, z.CloseScore)
	c.text(f+"shop", z.Shop)
	c.text(f+"signName", z.SignName)
	if z.SignReferenceSM3 != "" {
		c.digest(f+"signReferenceSm3", z.SignReferenceSM3)
	}
	c.atLeast(f+"scaleM2", z.ScaleM2)
}

// ValidHours tells whether s is empty or a list such as "07:00-22:00". A span
// may pass midnight: "22:00-06:00".
func ValidHours(s string) bool {
	if s == "" {
		return true
	}
	span := regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`)
	parts := strings.Split(s, ",")
	for _, p := range parts {
		p = strings.TrimSpace(p)
		if !span.MatchString(p) || p[:5] == p[6:] {
			return false
		}
	}
	return len(parts) <= 16
}

// url allows the schemes that a box can open.
func (c *check) url(field, s string) {
	u, err := url.Parse(s)
	ok := err == nil && len(s) <= 1024 && u.Host != "" && slices.Contains([]string{"rtsp", "rtsps", "rtmp", "srt", "http", "https"}, u.Scheme)
	if err == nil && u.Scheme == "file" {
		ok = len(s) <= 1024
	}
	c.ok(ok, field, "视频地址应以 rtsp:// 开头，例如 rtsp://10.1.2.3:554/stream1")
}

// Validate says what is wrong with the acknowledgement.
func (a *Ack) Validate() error {
	var c check
	c.version(a.V)
	c.name("edge", a.Edge)
	c.ulid("epoch", a.Epoch)
	for i, r := range a.Accepted {
		c.ok(r.From >= 1 && r.To >= r.From, fmt.Sprintf("accepted[%d]", i), "范围 %d 到 %d 不对", r.From, r.To)
	}
	for i, w := range a.Want {
		c.digest(fmt.Sprintf("want[%d]", i), w)
	}
	return c.result()
}

// Validate says what is wrong with the enrolment request. The certificate
// request itself is checked by the center.
func (r *EnrolRequest) Validate() error {
	var c check
	c.ok(r.Token != "" && len(r.Token) <= 128, "token", "缺少一次性令牌")
	c.name("instance", r.Instance)
	c.ok(len(r.CSR) > 0 && len(r.CSR) <= 8192, "csr", "应为 PEM 格式的证书请求")
	c.text("version", r.Version)
	c.text("hostname", r.Hostname)
	return c.result()
}

// SeqRanges packs sequence numbers into ranges; the list need not be sorted.
func SeqRanges(seqs []int64) []SeqRange {
	list := slices.Clone(seqs)
	slices.Sort(list)
	out := []SeqRange{}
	for _, s := range list {
		if n := len(out); n > 0 && s <= out[n-1].To+1 {
			out[n-1].To = s
			continue
		}
		out = append(out, SeqRange{From: s, To: s})
	}
	return out
}
