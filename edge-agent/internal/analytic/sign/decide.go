package sign

import "jiexun/api/edgev1"

// likeness is how a crop compares with the reference picture.
type likeness string

const (
	noReference likeness = "noReference"
	differs     likeness = "differs"
	similar     likeness = "similar"
	identical   likeness = "identical"
)

// wording is how the text read compares with the registered name.
type wording string

const (
	noText wording = "noText" // nothing there that looks like text
	weak   wording = "weak"   // text that cannot be read surely, or no name to compare with
	own    wording = "own"    // the registered name
	nearly wording = "near"   // the name with a small difference
	unlike wording = "unlike" // more than a misreading, less than another name
	other  wording = "other"  // another name
)

// facts is all that a verdict hangs on.
type facts struct {
	light light
	like  likeness
	words wording
	// sure tells that the text was read with high confidence, large enough
	// and not from too far aside.
	sure bool
	// replaced tells that a sign which was read exactly before now reads
	// with a character exchanged, each character being beyond doubt.
	replaced bool
	// tiny tells that the zone itself is lower than a readable character.
	tiny bool
	// blends tells that the place looks like the wall around it.
	blends bool
}

// decide is the decision table of README.md, from top to bottom.
func decide(f facts) edgev1.SignVerdict {
	switch {
	case f.light != lit:
		return edgev1.SignUnreadable
	case f.words == own, f.like == identical:
		return edgev1.SignSame
	case f.words == other && f.sure, f.words == nearly && f.sure && f.replaced && f.like == similar:
		return edgev1.SignChanged
	case f.like == similar:
		return edgev1.SignSame
	case f.tiny:
		return edgev1.SignUnreadable
	case f.like == noReference && f.words == nearly && f.sure:
		return edgev1.SignSame
	case f.like == differs && (f.words == nearly || f.words == unlike) && f.sure:
		return edgev1.SignChanged
	case f.like == differs && f.words == noText && f.blends:
		return edgev1.SignGone
	case f.like == differs && f.words == noText:
		return edgev1.SignCovered
	}
	return edgev1.SignUnreadable
}
