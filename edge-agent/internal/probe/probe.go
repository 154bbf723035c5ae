// Package probe looks at a stream's address for a few seconds and says what
// is there and what will trouble the analysis.
package probe

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/media"
	"jiexun/edge-agent/internal/source"
	"jiexun/edge-agent/internal/source/rtsp"
)

// Options describe one look.
type Options struct {
	URL, Username, Password string
	// Transport is "tcp" (also when empty) or "udp".
	Transport string
	// Interval is the time between two analyses that the camera is meant
	// for, one second when zero.
	Interval time.Duration
	// Least and Most bound the look, 3 s and 12 s when zero: it ends early
	// when three key pictures and the camera's clock were seen.
	Least, Most time.Duration
	Now         func() time.Time
}

// Probe looks at a stream with the default bounds.
func Probe(ctx context.Context, address, user, password, transport string, interval time.Duration) edgev1.ProbeReport {
	return Run(ctx, Options{URL: address, Username: user, Password: password, Transport: transport, Interval: interval})
}

// Run looks at a stream. It always gives a report; OK is false when no
// picture could be had, and Message says why and what to do.
func Run(ctx context.Context, o Options) edgev1.ProbeReport {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Least <= 0 {
		o.Least = 3 * time.Second
	}
	if o.Most <= 0 {
		o.Most = 12 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	var first firstKey
	began := o.Now()
	src := rtsp.New(rtsp.Options{
		URL: o.URL, Username: o.Username, Password: o.Password, Transport: o.Transport, Interval: o.Interval,
		Ladder: source.Ladder{Min: time.Hour, Max: time.Hour, LongLived: time.Hour, Refused: time.Hour}, // one try
		Sink:   source.Sink{Key: first.take}, Now: o.Now,
	})
	run, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); src.Run(run) }()
	st := watch(ctx, src, o, began)
	stop()
	<-done
	return report(o, st, first.get(), began, o.Now())
}

// firstKey keeps the first key picture.
type firstKey struct {
	mu sync.Mutex
	u  *source.AccessUnit
}

func (f *firstKey) take(u *source.AccessUnit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.u == nil {
		f.u = u
	}
}

func (f *firstKey) get() *source.AccessUnit {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.u
}

// watch waits until enough was seen, the stream failed or time is up.
func watch(ctx context.Context, src *rtsp.Source, o Options, began time.Time) source.Stats {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		st := src.Stats()
		age := o.Now().Sub(began)
		if !st.NextTry.IsZero() || age >= o.Most || st.Keys >= 3 && st.HasClock && age >= o.Least {
			return st
		}
		select {
		case <-ctx.Done():
			return st
		case <-tick.C:
		}
	}
}

// report puts the findings together.
func report(o Options, st source.Stats, first *source.AccessUnit, began, now time.Time) edgev1.ProbeReport {
	r := edgev1.ProbeReport{
		URL: masked(o.URL), Codec: string(st.Codec), Profile: st.Profile, Width: st.Width, Height: st.Height,
		FPS: round(st.FPS, 100), GOPS: round(st.GOPSeconds, 1000), KbitS: round(st.KbitS, 1), Audio: st.Audio,
	}
	if !st.SessionStart.IsZero() {
		r.ConnectMS = max(1, st.SessionStart.Sub(began).Milliseconds())
	}
	if st.HasClock {
		ms := st.ClockOffset.Milliseconds()
		r.ClockSkewMS = &ms
	}
	if first == nil {
		if r.Message = st.Fault; r.Message == "" {
			r.Message = st.Detail
		}
		if r.Message == "" {
			r.Message = fmt.Sprintf("%.0f 秒内没有收到完整的关键帧：请检查网络，并在摄像机上把 I 帧间隔设为 1 秒、关闭智能编码（H.264+/H.265+）", now.Sub(began).Seconds())
		}
		return r
	}
	r.FirstKeyMS = max(1, first.Received.Sub(began).Milliseconds())
	if err := decodes(first); err != nil {
		r.Message = "收到了视频，但画面无法解码：请在摄像机上改用 H.264 High 或 H.265 Main 编码"
		return r
	}
	r.OK = true
	r.Warnings = warnings(st, first, now)
	if st.Keys < 2 {
		r.GOPS = round(now.Sub(first.Received).Seconds(), 10)
	}
	return r
}

// decodes proves that the box can show the picture.
func decodes(u *source.AccessUnit) error {
	d := media.NewDecoder(media.NewFramePool())
	defer d.Close()
	f, err := d.Key(u)
	if err != nil {
		return fmt.Errorf("decode the first picture: %w", err)
	}
	f.Release()
	return nil
}

// warnings are sentences about what will trouble the analysis.
func warnings(st source.Stats, first *source.AccessUnit, now time.Time) []string {
	out := append([]string(nil), st.Warnings...)
	if seen := now.Sub(first.Received); st.Keys < 2 && seen > time.Second {
		out = append(out, fmt.Sprintf("%.0f 秒内只有一个关键帧，可能开启了智能编码（H.264+/H.265+）：请在摄像机上关闭它，并把 I 帧间隔设为 1 秒", seen.Seconds()))
	}
	if st.BFrames || first.Params.Reorder {
		out = append(out, "码流含有 B 帧，会增加实时画面的延迟：请在摄像机上关闭 B 帧")
	}
	if !st.HasClock {
		out = append(out, "没有收到 RTCP 时间报告，无法核对摄像机时钟：请为摄像机设置 NTP 校时，取证时间将以本机接收时间为准")
	}
	if st.Width < 640 {
		out = append(out, fmt.Sprintf("画面只有 %d×%d 像素，小物体和店招可能看不清：建议 640×360 以上，读店招建议 1920×1080", st.Width, st.Height))
	}
	if st.DecodeErrors > 0 {
		out = append(out, fmt.Sprintf("有 %d 个数据包无法解析：请检查网络，或更新摄像机固件", st.DecodeErrors))
	}
	return out
}

// masked hides the password of an address.
func masked(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(地址无效)"
	}
	return u.Redacted()
}

func round(v, unit float64) float64 { return float64(int64(v*unit+0.5)) / unit }
