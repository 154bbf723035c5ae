package main

import (
	"math"
	"sort"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/scene"
)

// found is one event that the agent reported, in seconds of the clip.
type found struct {
	ID        string             `json:"id"`
	Kind      edgev1.Kind        `json:"kind"`
	Verdict   edgev1.SignVerdict `json:"verdict,omitempty"`
	Zone      string             `json:"zone"`
	Since     float64            `json:"since"`
	Confirmed float64            `json:"confirmed"`
	// Ended is the clip's end for an event that was still open.
	Ended float64    `json:"ended"`
	Box   edgev1.Box `json:"box"`
	Score float64    `json:"score"`
}

// pair is a truth with the report that answers it.
type pair struct {
	Truth   scene.Event `json:"truth"`
	Found   found       `json:"found"`
	Latency float64     `json:"latencyS"`
	// VerdictOK tells, for signs, whether the verdict is the right one.
	VerdictOK bool `json:"verdictOk"`
}

// miss is a truth without a report.
type miss struct {
	Truth scene.Event `json:"truth"`
	Frame string      `json:"frame,omitempty"`
}

// falseAlarm is a report without a truth; Duplicate tells that it repeats a
// report which was counted.
type falseAlarm struct {
	Found     found  `json:"found"`
	Duplicate bool   `json:"duplicate"`
	Near      string `json:"near,omitempty"`
	Frame     string `json:"frame,omitempty"`
}

// outcome is the comparison of one clip.
type outcome struct {
	Hits   []pair       `json:"hits"`
	Misses []miss       `json:"misses"`
	False  []falseAlarm `json:"false"`
}

// slack is how far, in seconds, a report may lie beside the truth: an ended
// thing is reported until its end delay is over.
const slack = 2.0

// compare matches reports with the truth. Every truth is answered by at most
// one report, the earliest that fits.
func compare(truth scene.Truth, reports []found) outcome {
	var out outcome
	reports = append([]found(nil), reports...)
	sort.SliceStable(reports, func(i, j int) bool { return reports[i].Confirmed < reports[j].Confirmed })
	answered := make([]bool, len(truth.Events))
	for _, r := range reports {
		best, dup := -1, false
		for i, e := range truth.Events {
			if !fits(e, r) {
				continue
			}
			if answered[i] {
				dup = true
				continue
			}
			if best < 0 || iou(e.Box, r.Box) > iou(truth.Events[best].Box, r.Box) {
				best = i
			}
		}
		if best < 0 {
			out.False = append(out.False, falseAlarm{Found: r, Duplicate: dup, Near: nearest(truth, r)})
			continue
		}
		e := truth.Events[best]
		answered[best] = true
		out.Hits = append(out.Hits, pair{Truth: e, Found: r, Latency: math.Round((r.Confirmed-e.From)*100) / 100,
			VerdictOK: e.Verdict == r.Verdict})
	}
	for i, e := range truth.Events {
		if !answered[i] {
			out.Misses = append(out.Misses, miss{Truth: e})
		}
	}
	return out
}

func fits(e scene.Event, r found) bool {
	if e.Kind != r.Kind || r.Confirmed > e.To+slack || r.Ended < e.From-slack || r.Confirmed < e.From-slack {
		return false
	}
	if e.Kind == edgev1.Sign && e.Zone == r.Zone {
		return true
	}
	return iou(e.Box, r.Box) > 0.1 || holdsMiddle(e.Box, r.Box) || holdsMiddle(r.Box, e.Box)
}

func iou(a, b edgev1.Box) float64 {
	w := math.Min(a.X+a.W, b.X+b.W) - math.Max(a.X, b.X)
	h := math.Min(a.Y+a.H, b.Y+b.H) - math.Max(a.Y, b.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (a.W*a.H + b.W*b.H - w*h)
}

func holdsMiddle(a, b edgev1.Box) bool {
	x, y := b.X+b.W/2, b.Y+b.H/2
	return x >= a.X && x <= a.X+a.W && y >= a.Y && y <= a.Y+a.H
}

// nearest names the distractor that probably caused a false report.
func nearest(t scene.Truth, r found) string {
	best, name := 0.02, ""
	for _, d := range t.Distractors {
		if r.Confirmed < d.From || r.Since > d.To {
			continue
		}
		v := iou(d.Box, r.Box)
		if holdsMiddle(d.Box, r.Box) && d.Box.W*d.Box.H < .9 {
			v += .5
		}
		if v > best {
			best, name = v, d.Kind
		}
	}
	return name
}

// score counts what was right and wrong.
type score struct {
	Truth     int     `json:"truth"`
	Hits      int     `json:"hits"`
	False     int     `json:"false"`
	Missed    int     `json:"missed"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
	// Latencies are seconds from the thing standing to its confirmation.
	LatencyP50 float64 `json:"latencyP50S"`
	LatencyMax float64 `json:"latencyMaxS"`
	// VerdictsRight counts signs whose verdict was the right one.
	VerdictsRight int `json:"verdictsRight,omitempty"`

	latencies []float64
}

// total adds up all clips, per kind and under "all".
func total(outs []outcome) map[string]*score {
	sum := map[string]*score{"all": {}}
	at := func(k edgev1.Kind) []*score {
		if sum[string(k)] == nil {
			sum[string(k)] = &score{}
		}
		return []*score{sum[string(k)], sum["all"]}
	}
	for _, o := range outs {
		for _, h := range o.Hits {
			for _, s := range at(h.Truth.Kind) {
				s.Hits++
				s.latencies = append(s.latencies, h.Latency)
				if h.Truth.Kind == edgev1.Sign && h.VerdictOK {
					s.VerdictsRight++
				}
			}
		}
		for _, m := range o.Misses {
			for _, s := range at(m.Truth.Kind) {
				s.Missed++
			}
		}
		for _, f := range o.False {
			for _, s := range at(f.Found.Kind) {
				s.False++
			}
		}
	}
	for _, s := range sum {
		s.finish()
	}
	return sum
}

// finish works out the rates; with nothing to find or nothing reported the
// rate is 1, as nothing was done wrong.
func (s *score) finish() {
	rate := func(n int) float64 {
		if n == 0 {
			return 1
		}
		return math.Round(float64(s.Hits)/float64(n)*1000) / 1000
	}
	s.Truth = s.Hits + s.Missed
	s.Precision, s.Recall = rate(s.Hits+s.False), rate(s.Truth)
	sort.Float64s(s.latencies)
	if n := len(s.latencies); n > 0 {
		s.LatencyP50, s.LatencyMax = s.latencies[n/2], s.latencies[n-1]
	}
}
