package event

import (
	"math"
	"slices"
	"time"

	"jiexun/api/edgev1"
	"jiexun/edge-agent/internal/analytic"
)

const (
	maxLooks  = 64 // looks remembered for k of n
	maxScores = 32 // points of the confidence line
)

// stage is where a followed thing stands.
type stage string

const (
	candidate stage = "candidate"
	active    stage = "active"
	// spent things had their event ended by age and still stand.
	spent stage = "spent"
)

// sight is what one look says about a followed thing.
type sight string

const (
	standing sight = "standing"
	missing  sight = "missing"
	hidden   sight = "hidden"
)

// track follows one key. Everything in it survives a restart.
type track struct {
	Kind  edgev1.Kind `json:"kind"`
	Zone  string      `json:"zone"`
	Key   string      `json:"key"`
	Stage stage       `json:"stage"`
	ID    string      `json:"id,omitempty"`
	Rev   int         `json:"rev,omitempty"`

	Since     edgev1.Time `json:"since"`
	Confirmed edgev1.Time `json:"confirmed"`
	GoneAt    edgev1.Time `json:"goneAt"`
	Sent      edgev1.Time `json:"sent"`

	// Seconds of judged time: seen standing, seen missing, and since the
	// last look at which the thing was allowed to stand there.
	DwellS     float64 `json:"dwellS"`
	MissS      float64 `json:"missS"`
	ForbiddenS float64 `json:"forbiddenS"`
	// WasAllowed tells that ForbiddenS counts from the end of a permit.
	WasAllowed bool `json:"wasAllowed,omitempty"`
	// Last is what the last look saw: the time between two looks counts as
	// dwell only when both saw it, and as missing only when both missed it.
	Last  sight  `json:"last"`
	Votes []bool `json:"votes,omitempty"`

	Score  float64             `json:"score"`
	Scores []edgev1.ScorePoint `json:"scores,omitempty"`
	Area   float64             `json:"area"`
	Box    edgev1.Box          `json:"box"`
	Others []edgev1.Mark       `json:"others,omitempty"`
	Sign   *edgev1.SignReading `json:"sign,omitempty"`
	Models []edgev1.ModelRef   `json:"models,omitempty"`

	SentBox     edgev1.Box         `json:"sentBox"`
	SentScore   float64            `json:"sentScore"`
	SentVerdict edgev1.SignVerdict `json:"sentVerdict,omitempty"`
	SentText    string             `json:"sentText,omitempty"`
	SentDetail  string             `json:"sentDetail,omitempty"`

	ZoneName  string               `json:"zoneName,omitempty"`
	ZoneHours string               `json:"zoneHours,omitempty"`
	Polygon   []edgev1.Point       `json:"polygon,omitempty"`
	Rule      edgev1.Rule          `json:"rule"`
	Evidence  []edgev1.EvidenceRef `json:"evidence,omitempty"`
	Detail    string               `json:"detail,omitempty"`
	// Blocked is the last reason why it may stand there.
	Blocked string `json:"blocked,omitempty"`
	// Before is the event that ended at this spot.
	Before string `json:"before,omitempty"`
}

// vote remembers whether a look was good enough to open.
func (t *track) vote(good bool, n int) {
	t.Votes = append(t.Votes, good)
	if len(t.Votes) > n {
		t.Votes = slices.Delete(t.Votes, 0, len(t.Votes)-n)
	}
}

func (t *track) good() (k int) {
	for _, v := range t.Votes {
		if v {
			k++
		}
	}
	return k
}

// see takes over what a look at the standing thing says.
func (t *track) see(at time.Time, o *analytic.Observation, dt float64) {
	if t.Last == standing {
		t.DwellS += dt
		t.ForbiddenS += dt
	}
	t.DwellS = math.Max(t.DwellS, math.Min(o.Dwell.Seconds(), 366*86400))
	t.Last, t.MissS, t.GoneAt = standing, 0, edgev1.Time{}
	t.Score, t.Area, t.Box = unit(o.Score), unit(o.Area), clean(o.Box)
	t.Others = slices.Clone(o.Excluded[:min(len(o.Excluded), edgev1.MaxMarks-1)])
	if o.Sign != nil {
		s := *o.Sign
		t.Sign = &s
	}
	if len(o.Models) > 0 {
		t.Models = slices.Clone(o.Models)
	}
	if since := edgev1.At(o.Since); !o.Since.IsZero() && since.Before(t.Since.Time) && t.Stage == candidate {
		t.Since = since
	}
	t.Scores = append(t.Scores, edgev1.ScorePoint{At: edgev1.At(at), Score: t.Score})
	if len(t.Scores) > maxScores {
		t.Scores = slices.Delete(t.Scores, 0, len(t.Scores)-maxScores)
	}
}

// miss takes a look at which the thing was not at its place.
func (t *track) miss(at time.Time, dt float64) {
	if t.GoneAt.IsZero() {
		t.GoneAt = edgev1.At(at)
	} else if t.Last == missing {
		t.MissS += dt
	}
	t.Last = missing
}

// hold takes a look at which the thing could not be seen: nothing advances.
func (t *track) hold() { t.Last = hidden }

// material tells whether the center should hear of a change at once.
func (t *track) material(moveIoU float64) bool {
	if iou(t.Box, t.SentBox) < moveIoU && (t.Box.W > 0 || t.SentBox.W > 0) {
		return true
	}
	if t.Sign != nil && (t.Sign.Verdict != t.SentVerdict || t.Sign.Text != t.SentText) {
		return true
	}
	return t.Detail != t.SentDetail || math.Abs(t.Score-t.SentScore) >= 0.25
}

// message makes the next message about the event; the revision grows.
func (t *track) message(camera string, ph edgev1.Phase, at time.Time) edgev1.Event {
	t.Rev++
	t.Sent, t.SentBox, t.SentScore, t.SentDetail = edgev1.At(at), t.Box, t.Score, t.Detail
	label := string(t.Kind)
	if t.Sign != nil {
		t.SentVerdict, t.SentText = t.Sign.Verdict, t.Sign.Text
		label = string(t.Sign.Verdict)
	}
	e := edgev1.Event{
		ID: t.ID, Rev: t.Rev, Camera: camera, Kind: t.Kind, Phase: ph,
		Zone: t.Zone, ZoneName: t.ZoneName, ZoneHours: t.ZoneHours, ZonePolygon: slices.Clone(t.Polygon),
		Since: t.Since, ConfirmedAt: t.Confirmed, Score: t.Score, Scores: slices.Clone(t.Scores),
		Area: t.Area, Box: t.Box, Rule: t.Rule, Models: slices.Clone(t.Models),
		Detail: t.Detail, Evidence: slices.Clone(t.Evidence),
	}
	if t.Sign != nil {
		s := *t.Sign
		e.Sign = &s
	}
	if t.Box.W > 0 && t.Box.H > 0 {
		e.Marks = append(e.Marks, edgev1.Mark{Role: "subject", Label: label, Score: t.Score, Box: t.Box})
	}
	e.Marks = append(e.Marks, t.Others...)
	return e
}
