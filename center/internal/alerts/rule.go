package alerts

import (
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// AnyKind as a rule's kind is every kind that has no rule of its own.
const AnyKind = "*"

// Rule says when a recognition becomes an alert and what it belongs to. A
// version never changes; the record keeps the id of the one that it was made
// under.
type Rule struct {
	ID, Kind   string
	CameraID   string // empty: every camera
	CameraName string
	RegionCode string
	Version    int
	// AutoScore is the confidence from which a recognition is an alert, 0..1;
	// below it, it is kept as a record only.
	AutoScore float64
	// MergeMinutes is how long after a record the same kind of thing at the
	// same spot joins it; 0 makes each recognition a record.
	MergeMinutes int
	// NearestM is how far from the camera, in metres, the shop of a zone
	// without one is looked for; 0 leaves it to be claimed.
	NearestM                 float64
	FromAt                   clock.Stamp
	ToAt                     *clock.Stamp // exclusive
	Reason, MadeBy, MadeName string
	MadeAt                   clock.Stamp
}

// inForce tells whether the rule counts at a moment.
func (r Rule) inForce(at clock.Stamp) bool { return r.FromAt <= at && (r.ToAt == nil || at < *r.ToAt) }

// Rules are versions of rules.
type Rules []Rule

// For gives the rule for a recognition: the newest version in force of the
// camera's for the kind, else the camera's for every kind, else the kind's,
// else the one for every kind.
func (list Rules) For(kind, camera string, at clock.Stamp) Rule {
	best, rank := Rule{AutoScore: 0, NearestM: nearestM}, -1
	for _, r := range list {
		n := 0
		switch {
		case r.CameraID == camera && camera != "":
			n = 2
		case r.CameraID != "":
			continue
		}
		switch r.Kind {
		case kind:
			n++
		case AnyKind:
		default:
			continue
		}
		if r.inForce(at) && (n > rank || n == rank && r.Version > best.Version) {
			best, rank = r, n
		}
	}
	return best
}

// RuleInput is a new version of a rule.
type RuleInput struct {
	Kind         string
	CameraID     string
	AutoScore    float64
	MergeMinutes int
	NearestM     float64
	// FromAt is when it begins to count; nil is at once.
	FromAt *clock.Stamp
	Reason string
}

// check refuses what no rule can be.
func (in *RuleInput) check(now clock.Stamp) error {
	var f errs.Fields
	f.Check(in.Kind == AnyKind || validKind(in.Kind) || in.Kind == "picture", "kind", "类型应为占道堆物、跨门经营、店招变更、画面异常或全部类型")
	f.Check(in.AutoScore >= 0 && in.AutoScore <= 1, "autoScore", "自动预警阈值应在 0 到 1 之间")
	f.Check(in.MergeMinutes >= 0 && in.MergeMinutes <= 7*24*60, "mergeMinutes", "合并时间应在 0 到 10080 分钟之间，0 表示一次识别一条记录")
	f.Check(in.NearestM >= 0 && in.NearestM <= 200, "nearestM", "就近绑定距离应在 0 到 200 米之间，0 表示只按围栏绑定")
	f.Check(in.FromAt == nil || *in.FromAt >= now-60_000, "effectiveFrom", "生效时间不能早于现在")
	in.Reason = noteText(&f, "reason", in.Reason, true)
	return f.Err()
}

// bucketOf is the score in twentieths, 0..19, by which precision is counted.
func bucketOf(score float64) int {
	for b := 19; b > 0; b-- {
		if score >= BucketFloor(b) {
			return b
		}
	}
	return 0
}

// BucketFloor is the lowest score of a bucket.
func BucketFloor(b int) float64 { return float64(b) / 20 }
