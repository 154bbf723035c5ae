package still

import (
	"slices"
	"time"

	"jiexun/edge-agent/internal/analytic"
)

const (
	settled  = 3               // looks after which a candidate's outline stands
	apart    = 7 * time.Second // what came this much later is another thing
	partial  = 4               // a later part counts from this share of the thing on
	ownShare = 10              // a blob belongs to a candidate that it shares this part with
)

// place gives a group of still pixels to the candidate that it overlaps most,
// or starts a new one. What is not the candidate's, because it came clearly
// later or is another candidate's, is placed by itself.
func (e *Engine) place(b *shape, at time.Time, depth int) {
	owner := e.ownerOf(b)
	if owner == nil {
		e.birth(b, at)
		return
	}
	if owner.looks >= settled && depth < 4 {
		if mine, rest, ok := e.partOf(owner, b); ok {
			e.reshape(owner, mine)
			owner.looks++
			e.place(&rest, at, depth+1)
			return
		}
	}
	if owner.verdict == undecided && owner.looks < settled && b.area > owner.shape.area {
		// The first look was a fragment; the whole knows better since when.
		if was := e.stood(b); at.Add(-was).After(owner.since) {
			owner.since, owner.seen = at.Add(-was), was
		}
	}
	owner.looks++
	e.reshape(owner, *b)
}

// ownerOf is the open candidate that shares most with the group; settled ones
// come before those that were seen only once or twice.
func (e *Engine) ownerOf(b *shape) *track {
	var owner *track
	most, stands := 0, false
	for _, t := range e.tracks {
		if !t.open() || t.state == analytic.Gone {
			continue
		}
		n := t.shape.overlap(b)
		if n == 0 || n*ownShare < min(b.area, t.shape.area) {
			continue
		}
		if s := t.looks >= settled; s && !stands || s == stands && n > most {
			most, owner, stands = n, t, s
		}
	}
	return owner
}

// open tells whether it is still to be decided what stands there.
func (t *track) open() bool { return !t.orphan && t.verdict != accepted }

// partOf divides a group between a settled candidate and what stands beside
// it: the pixels of candidates of another age, and those that have been still
// for a much shorter time than the candidate's own.
func (e *Engine) partOf(owner *track, b *shape) (mine, rest shape, ok bool) {
	age := e.ageIn(owner, b)
	young := age - int(apart/(10*time.Millisecond))
	var others []*track
	var ages []int
	for _, t := range e.tracks {
		if t != owner && t.open() && t.state != analytic.Gone && distance(t.since.Sub(owner.since), 0) > apart && t.shape.near(b, 0) {
			others, ages = append(others, t), append(ages, e.ageIn(t, b))
		}
	}
	if young <= 0 && len(others) == 0 {
		return mine, rest, false
	}
	mine, rest = b.blank(), b.blank()
	known := 0
	b.each(e.w, e.h, func(i, k int) {
		x, y, old := i%e.w, i/e.w, int(e.acc[i])
		if owner.shape.has(x, y) {
			mine.m[k] = 1
			return
		}
		framed := owner.shape.frames(x, y, joinPx)
		for j, t := range others {
			has := t.shape.has(x, y)
			if has || t.shape.frames(x, y, joinPx) && (!framed || abs(old-ages[j]) < abs(old-age)) {
				rest.m[k] = 1
				if has {
					known++
				}
				return
			}
		}
		if old < young && !framed {
			rest.m[k] = 1
		} else {
			mine.m[k] = 1
		}
	})
	mine.count()
	rest.count()
	if rest.area < leastPixels || known*2 < rest.area && rest.area*partial < owner.shape.area || mine.area < leastPixels {
		return mine, rest, false
	}
	mine, rest = mine.tight(), rest.tight()
	return mine, rest, rest.w >= 3 && rest.h >= 3
}

// ageIn is the mean stillness of the pixels that both have.
func (e *Engine) ageIn(t *track, b *shape) int {
	age, n := 0, 0
	b.each(e.w, e.h, func(i, _ int) {
		if t.shape.has(i%e.w, i/e.w) {
			age, n = age+int(e.acc[i]), n+1
		}
	})
	return age / max(n, 1)
}

// swallow drops the candidates that turned out to be parts of a confirmed
// thing.
func (e *Engine) swallow(t *track) {
	e.tracks = slices.DeleteFunc(e.tracks, func(o *track) bool {
		return o != t && o.open() && 2*t.shape.overlap(&o.shape) > o.shape.area
	})
}

// frames tells whether the pixel lies in the shape's box grown by r: there
// late pixels are the thing's own, at its border or uncovered later.
func (s *shape) frames(x, y, r int) bool {
	return x >= s.x-r && y >= s.y-r && x < s.x+s.w+r && y < s.y+s.h+r
}

// blank is an empty shape in the same box.
func (s *shape) blank() shape {
	return shape{x: s.x, y: s.y, w: s.w, h: s.h, m: make([]byte, len(s.m))}
}
