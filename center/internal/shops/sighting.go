package shops

import (
	"fmt"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/shops/match"
)

// TopicSign is what surveys say about each sign that they read.
const TopicSign = "patrol.sign_seen"

// SignSeen is the payload of TopicSign.
type SignSeen struct {
	ObservationID string      `json:"observationId"`
	TaskID        string      `json:"taskId"`
	CameraID      string      `json:"cameraId"`
	ZoneID        string      `json:"zoneId"`
	ShopID        string      `json:"shopId"`
	RegionCode    string      `json:"regionCode"`
	Lng           float64     `json:"lng"`
	Lat           float64     `json:"lat"`
	At            clock.Stamp `json:"at"`
	Text          string      `json:"text"`
	Lines         []string    `json:"lines"`
	Confidence    float64     `json:"confidence"`
	Verdict       string      `json:"verdict"`
	GlyphPx       float64     `json:"glyphPx"`
	Box           edgev1.Box  `json:"box"`
	Crop          string      `json:"crop"`
	Frame         string      `json:"frame"`
	ByHand        bool        `json:"byHand"`
}

// TopicFinding is published when a survey finds the street and the registry
// apart, once a day for each point and kind.
const TopicFinding = "shops.finding"

// Finding is the payload of TopicFinding.
type Finding struct {
	ID         string      `json:"id"`
	Kind       string      `json:"kind"`
	CameraID   string      `json:"cameraId"`
	ZoneID     string      `json:"zoneId"`
	ShopID     string      `json:"shopId"`
	RegionCode string      `json:"regionCode"`
	Lng        float64     `json:"lng"`
	Lat        float64     `json:"lat"`
	At         clock.Stamp `json:"at"`
	YMD        int         `json:"ymd"`
	Text       string      `json:"text"`
	Registered string      `json:"registered"`
	Similarity float64     `json:"similarity"`
	DistanceM  float64     `json:"distanceM"`
	Pictures   []Pic       `json:"pictures"`
}

// Pic is a picture of a finding.
type Pic struct {
	Role    string      `json:"role"`
	SM3     string      `json:"sm3"`
	TakenAt clock.Stamp `json:"takenAt"`
}

// TopicRegistry is what a person decided about the alert of a finding.
const TopicRegistry = "alerts.registry"

// Registry is the payload of TopicRegistry.
type Registry struct {
	AlertID    string      `json:"alertId"`
	AlertNo    string      `json:"alertNo"`
	FindingIDs []string    `json:"findingIds"`
	FindingID  string      `json:"findingId"`
	Act        string      `json:"act"` // update | false | confirm | reopen
	ShopID     string      `json:"shopId"`
	Name       string      `json:"name"`
	By         string      `json:"by"`
	ByName     string      `json:"byName"`
	At         clock.Stamp `json:"at"`
}

// States of a sighting.
const (
	SightAuto      = "auto"      // the shop's own name: no person needed
	SightWaiting   = "waiting"   // a person says
	SightLater     = "later"     // put off
	SightConfirmed = "confirmed" // a person says that it is the shop
	SightCreated   = "created"   // a shop was made of it
	SightRenamed   = "renamed"   // the shop has this name now
	SightMoved     = "moved"     // the shop is here now
	SightFalse     = "false"     // no sign of a shop, or misread
)

// verdictCovered is what the box says of a sign that something hangs before,
// or of a plate that is gone.
const verdictCovered match.Verdict = "covered"

// words for people.
func verdictWord(v string) string {
	return map[string]string{"same": "已有", "new": "新增", "suspected": "疑似", "renamed": "名称变更", "moved": "位置偏移", "unreadable": "无法识别", "covered": "遮挡"}[v]
}

func stateWord(s string) string {
	return map[string]string{
		SightAuto: "自动一致", SightWaiting: "待确认", SightLater: "稍后", SightConfirmed: "已确认", SightCreated: "已新增", SightRenamed: "已改名", SightMoved: "已改位置", SightFalse: "误报",
	}[s]
}

// spot tells which sign of a task a reading belongs to: a zone's, or the
// text at a camera.
func (e SignSeen) spot(folded string) string {
	if e.ZoneID != "" {
		return fmt.Sprintf("%s/%s/%s", e.TaskID, e.CameraID, e.ZoneID)
	}
	if folded == "" {
		return fmt.Sprintf("%s/%s/@%.1f,%.1f", e.TaskID, e.CameraID, e.Box.X*10, e.Box.Y*10)
	}
	return fmt.Sprintf("%s/%s/=%s", e.TaskID, e.CameraID, folded)
}

// waits tells whether a person has to say something about a verdict.
func waits(v match.Verdict) bool { return v != match.Same }

// findingKind is what a verdict means for the registry, "" for nothing.
func findingKind(v match.Verdict, zoned bool) string {
	switch v {
	case match.New, match.Renamed, match.Moved:
		return string(v)
	case match.Unreadable:
		if zoned {
			return "unreadable"
		}
	case verdictCovered:
		return "covered"
	}
	return ""
}
