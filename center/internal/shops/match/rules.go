package match

import "fmt"

// Thresholds are the thresholds. They are kept in versions; a sighting remembers
// which version judged it.
type Thresholds struct {
	// SameText is the likeness of names from which a sign is the shop's,
	// SuspectText the one from which it may be.
	SameText    float64 `json:"sameText"`
	SuspectText float64 `json:"suspectText"`
	// MinConfidence of the reading and MinGlyphPx, the height of a character
	// in pixels, below which a sign counts as unreadable; from
	// SureConfidence on another name in a shop's own zone is a new name.
	MinConfidence  float64 `json:"minConfidence"`
	SureConfidence float64 `json:"sureConfidence"`
	MinGlyphPx     float64 `json:"minGlyphPx"`
	// MoveM is how far, in metres, a shop may be from where it is registered
	// or reported before it counts as moved.
	MoveM float64 `json:"moveM"`
	// CameraM is how far from its camera a sign may hang: where no zone says
	// more, the camera's place is all that is known of the sign's.
	CameraM float64 `json:"cameraM"`
	// SearchM is how far around a sign shops are looked for.
	SearchM float64 `json:"searchM"`
	// Margin is by how much the best shop must lead the next one.
	Margin float64 `json:"margin"`
	// RenameM is how near a reported point and an unlike sign must be to be
	// the same place, CoverM how near a seen sign must be for a reported
	// point that was not found to count as gone and not as not looked at.
	RenameM float64 `json:"renameM"`
	CoverM  float64 `json:"coverM"`
}

// DefaultThresholds is what an installation begins with. The thresholds of text
// and confidence were set on composed signs of other seeds than those that
// the quality is told of; 30 m is the customer's.
func DefaultThresholds() Thresholds {
	return Thresholds{
		SameText: 0.80, SuspectText: 0.60, MinConfidence: 0.60, SureConfidence: 0.85, MinGlyphPx: 10,
		MoveM: 30, CameraM: 40, SearchM: 150, Margin: 0.06, RenameM: 15, CoverM: 60,
	}
}

// Validate names the first threshold that cannot work, with its limits.
func (r Thresholds) Validate() (field, message string) {
	for _, f := range []struct {
		name, what string
		v, lo, hi  float64
	}{
		{"sameText", "名称一致阈值", r.SameText, 0.5, 1},
		{"suspectText", "名称疑似阈值", r.SuspectText, 0.2, r.SameText},
		{"minConfidence", "最低识读置信度", r.MinConfidence, 0.1, 0.99},
		{"sureConfidence", "改名所需置信度", r.SureConfidence, r.MinConfidence, 1},
		{"minGlyphPx", "最小字高（像素）", r.MinGlyphPx, 6, 100},
		{"moveM", "位置偏移阈值（米）", r.MoveM, 5, 500},
		{"cameraM", "点位到店招的距离（米）", r.CameraM, 0, 200},
		{"searchM", "查找范围（米）", r.SearchM, max(r.MoveM, r.CameraM), 1000},
		{"margin", "与次优候选的差", r.Margin, 0, 0.5},
		{"renameM", "改名的位置范围（米）", r.RenameM, 1, r.MoveM},
		{"coverM", "排摸覆盖范围（米）", r.CoverM, 5, 500},
	} {
		if !(f.v >= f.lo && f.v <= f.hi) {
			return f.name, fmt.Sprintf("%s应在 %g 到 %g 之间，收到 %g", f.what, f.lo, f.hi, f.v)
		}
	}
	return "", ""
}
