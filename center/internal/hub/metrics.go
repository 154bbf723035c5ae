package hub

import "github.com/prometheus/client_golang/prometheus"

// metrics count what happens on the line, each refusal under its own reason.
type metrics struct {
	refused   *prometheus.CounterVec
	committed prometheus.Counter
	repeated  prometheus.Counter
	rejected  *prometheus.CounterVec
	groups    prometheus.Histogram
	retries   prometheus.Counter
	connected prometheus.Gauge
	evidence  prometheus.Counter
	missing   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		refused:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jiexun_hub_refused_total", Help: "Connections, messages and uploads that were refused."}, []string{"reason"}),
		committed: prometheus.NewCounter(prometheus.CounterOpts{Name: "jiexun_hub_messages_committed_total", Help: "Messages of boxes that were committed."}),
		repeated:  prometheus.NewCounter(prometheus.CounterOpts{Name: "jiexun_hub_messages_repeated_total", Help: "Messages that were committed before."}),
		rejected:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jiexun_hub_messages_rejected_total", Help: "Messages that will never be taken."}, []string{"field"}),
		groups:    prometheus.NewHistogram(prometheus.HistogramOpts{Name: "jiexun_hub_group_batches", Help: "Batches of one commit.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64}}),
		retries:   prometheus.NewCounter(prometheus.CounterOpts{Name: "jiexun_hub_commit_retries_total", Help: "Commits that failed and were tried again."}),
		connected: prometheus.NewGauge(prometheus.GaugeOpts{Name: "jiexun_hub_boxes_connected", Help: "Boxes that are connected now."}),
		evidence:  prometheus.NewCounter(prometheus.CounterOpts{Name: "jiexun_hub_evidence_bytes_total", Help: "Bytes of evidence received."}),
		missing:   prometheus.NewCounter(prometheus.CounterOpts{Name: "jiexun_hub_messages_missing_total", Help: "Messages found missing by the daily reconciliation."}),
	}
	if reg != nil {
		reg.MustRegister(m.refused, m.committed, m.repeated, m.rejected, m.groups, m.retries, m.connected, m.evidence, m.missing)
	}
	return m
}

func (m *metrics) refuse(reason string) { m.refused.WithLabelValues(reason).Inc() }
