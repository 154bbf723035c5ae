package app

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"jiexun/edge-agent/internal/localweb"
)

// lowDiskMB is the free space below which the page warns.
const lowDiskMB = 2048

// view is what the local page shows.
func (b *Box) view(ctx context.Context) localweb.View {
	v := localweb.View{Status: b.status(ctx), Center: b.id.MQTT, Connected: b.link.Connected(), Offset: b.link.ClockOffset()}
	if v.Status.DiskFreeMB < lowDiskMB {
		v.Notes = append(v.Notes, fmt.Sprintf("磁盘只剩 %d MB。证据图片可能存不下，请清理磁盘或更换更大的盘。", v.Status.DiskFreeMB))
	}
	if n := b.d.storeErrors.Load(); n > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("有 %d 次事件未能立即写入本机磁盘，已自动重试。请检查磁盘。", n))
	}
	if b.nets.verifier == nil {
		v.Notes = append(v.Notes, "没有安装校验网络，误报会增多。请运行 make setup 后重启。")
	}
	if v.Status.DroppedTotal > 0 {
		v.Notes = append(v.Notes, fmt.Sprintf("待发箱曾经装满，丢弃了 %d 条最旧的消息，中心会看到缺口说明。", v.Status.DroppedTotal))
	}
	if list, err := b.out.RejectedList(ctx, 20); err == nil {
		for _, r := range list {
			v.Rejected = append(v.Rejected, localweb.Rejected{Seq: r.Envelope.Seq, Field: r.Field, Reason: r.Reason})
		}
	}
	return v
}

// collector gives the box's figures to Prometheus; they are read when asked.
type collector struct {
	b   *Box
	ctx context.Context
}

// Describe sends nothing: the set of series follows the cameras.
func (c *collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.b.status(c.ctx)
	send := func(t prometheus.ValueType, name, help string, v float64, labels ...string) {
		var names []string
		if len(labels) > 0 {
			names = []string{"camera"}
		}
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("jiexun_edge_"+name, help, names, nil), t, v, labels...)
	}
	g, n := prometheus.GaugeValue, prometheus.CounterValue
	k := c.b.link.Counters()
	send(g, "outbox_depth", "Messages that wait for the center.", float64(s.OutboxDepth))
	send(g, "outbox_age_seconds", "Age of the oldest waiting message.", float64(s.OutboxAgeMS)/1000)
	send(n, "outbox_dropped_total", "Messages dropped because the outbox was full.", float64(s.DroppedTotal))
	send(n, "outbox_last_seq", "Number of the newest message.", float64(s.LastSeq))
	send(g, "evidence_depth", "Evidence files that wait for the center.", float64(s.EvidenceDepth))
	send(g, "disk_free_megabytes", "Space left for the data folder.", float64(s.DiskFreeMB))
	send(g, "load_ratio", "Share of the workers' time in use.", s.Load)
	send(n, "store_errors_total", "Failed writes of events, retried.", float64(c.b.d.storeErrors.Load()))
	send(n, "link_connects_total", "Connections to the broker.", float64(k.Connects.Load()))
	send(n, "link_connect_errors_total", "Failed connections to the broker.", float64(k.ConnectErrors.Load()))
	send(n, "link_resends_total", "Times that rows were sent again without an answer.", float64(k.Resends.Load()))
	send(n, "link_acked_total", "Messages that the center committed.", float64(k.Acked.Load()))
	send(n, "link_rejected_total", "Messages that the center refused.", float64(k.RejectedRows.Load()))
	send(n, "link_bad_messages_total", "Unreadable messages from the center.", float64(k.BadMessages.Load()))
	send(n, "uploads_total", "Evidence files brought to the center.", float64(k.Uploads.Load()))
	send(n, "upload_errors_total", "Failed evidence uploads.", float64(k.UploadErrors.Load()))
	for _, cam := range s.Cameras {
		up := 0.0
		if cam.State == "online" {
			up = 1
		}
		send(g, "camera_online", "Whether the camera is online and judged.", up, cam.Camera)
		send(g, "camera_packet_age_seconds", "Age of the last packet, -1 for never.", seconds(cam.PacketAgeMS), cam.Camera)
		send(g, "camera_keyframe_age_seconds", "Age of the last keyframe, -1 for never.", seconds(cam.KeyframeAgeMS), cam.Camera)
		send(g, "camera_inference_age_seconds", "Age of the last judged picture, -1 for never.", seconds(cam.InferAgeMS), cam.Camera)
		send(n, "camera_looks_total", "Judged pictures.", float64(cam.Looks), cam.Camera)
		send(n, "camera_skipped_total", "Pictures that were due and left out.", float64(cam.Skipped), cam.Camera)
		send(n, "camera_errors_total", "Pictures that could not be judged.", float64(cam.Errors), cam.Camera)
	}
	for _, m := range c.b.nets.rt.Metrics() {
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("jiexun_edge_model_seconds_total", "Time inside the network.", []string{"model"}, nil), n, m.RunTime.Seconds(), m.Model)
		ch <- prometheus.MustNewConstMetric(prometheus.NewDesc("jiexun_edge_model_items_total", "Pictures given to the network.", []string{"model"}, nil), n, float64(m.Items), m.Model)
	}
}

func seconds(ms int64) float64 {
	if ms < 0 {
		return -1
	}
	return float64(ms) / 1000
}
