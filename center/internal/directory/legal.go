package directory

import (
	"time"

	"jiexun/center/internal/platform/clock"
)

// Legal is what article 41 of the penalty law asks of a camera before what it
// sees may be evidence: a legal and a technical review, a device whose
// verification is valid, a sign on the spot, and a published place.
type Legal struct {
	// Status is the reviewers' conclusion: approved, pending or expired.
	Status string
	// ReviewedAt is the day of the legal review, TechnicalAt of the technical
	// one.
	ReviewedAt  *clock.Stamp
	TechnicalAt *clock.Stamp
	// VerifiedTo is until when the verification of the device is valid.
	VerifiedTo *clock.Stamp
	SignOnSite bool
	// PublishedAt is since when the place is published, PublishedWhere how.
	PublishedAt    *clock.Stamp
	PublishedWhere string
	ValidTo        *clock.Stamp
	Note           string
}

// Uses of what a camera sees.
const (
	UseEvidence = "evidence"
	UseClue     = "clue"
)

func day(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format(time.DateOnly) }

// At tells whether a recognition at a moment may be evidence or only a clue,
// and why, in a sentence for people.
func (l Legal) At(at time.Time) (use, reason string) {
	const law = "，仅作线索（行政处罚法第四十一条）"
	now := clock.At(at)
	yet := func(s *clock.Stamp) bool { return s == nil || *s > now }
	switch {
	case l.Status == "expired":
		return UseClue, "点位的法制和技术审核已失效" + law
	case l.Status != "approved":
		return UseClue, "点位尚未通过法制和技术审核" + law
	case yet(l.ReviewedAt):
		return UseClue, "点位没有登记法制审核日期" + law
	case yet(l.TechnicalAt):
		return UseClue, "点位没有登记技术审核日期" + law
	case l.VerifiedTo == nil:
		return UseClue, "设备没有登记检测有效期" + law
	case *l.VerifiedTo <= now:
		return UseClue, "设备检测有效期已于 " + day(*l.VerifiedTo) + " 届满" + law
	case !l.SignOnSite:
		return UseClue, "点位现场尚未设置明显标志" + law
	case yet(l.PublishedAt):
		return UseClue, "点位设置地点尚未向社会公布" + law
	case l.ValidTo != nil && *l.ValidTo <= now:
		return UseClue, "点位审核有效期已于 " + day(*l.ValidTo) + " 届满" + law
	}
	until := *l.VerifiedTo
	if l.ValidTo != nil {
		until = min(until, *l.ValidTo)
	}
	return UseEvidence, "点位已审核、已公示（" + day(*l.PublishedAt) + "），有效至 " + day(until)
}

// next is the moment after now at which the answer of At may change by
// itself; nil when it never does.
func (l Legal) next(now clock.Stamp) *clock.Stamp {
	var out *clock.Stamp
	for _, s := range []*clock.Stamp{l.ReviewedAt, l.TechnicalAt, l.VerifiedTo, l.PublishedAt, l.ValidTo} {
		if s != nil && *s > now && (out == nil || *s < *out) {
			v := *s
			out = &v
		}
	}
	return out
}

// goodLegal is the rule of At as SQL over dir_cameras c; it takes the moment
// in milliseconds legalMoments times.
const (
	goodLegal = "(c.legal_status = 'approved' AND c.legal_reviewed_at <= ? AND c.technical_reviewed_at <= ? AND c.verified_to_at > ?" +
		" AND c.sign_on_site AND c.legal_published_at <= ? AND (c.legal_valid_to_at IS NULL OR c.legal_valid_to_at > ?))"
	legalMoments = 5
)

// Shown is the legal status as it is at a moment: an approval runs out by
// itself.
func (l Legal) Shown(now time.Time) string {
	if l.Status == "approved" && (l.ValidTo != nil && *l.ValidTo <= clock.At(now) || l.VerifiedTo != nil && *l.VerifiedTo <= clock.At(now)) {
		return "expired"
	}
	return l.Status
}
