package source

import "time"

// meterWindow is over how many seconds the bit rate is averaged, meterUnits
// over how many pictures the frame rate.
const (
	meterWindow = 5
	meterUnits  = 64
)

// Meter measures a stream as it passes. It is not safe for concurrent use.
type Meter struct {
	Packets, Bytes, Lost uint64
	Units, Keys, Damaged uint64
	LastPacket, LastKey  time.Time
	// SessionStart is when the session began, SessionKey its last key unit.
	SessionStart, SessionKey time.Time
	BFrames                  bool

	buckets  [meterWindow + 1]uint64
	bucketAt int64 // unix second of the newest bucket
	firstAt  int64

	pts     [meterUnits]time.Duration
	ptsN    int
	lastKey time.Duration // PTS of the session's last key unit
	hasKey  bool
	gop     time.Duration
	fps     float64         // of the session before
	gops    []time.Duration // the last few, for irregularity
}

// Begin starts a session: what is bound to its time line is forgotten.
func (m *Meter) Begin(now time.Time) {
	m.fps = m.FPS() // shown until the new session has its own
	m.SessionStart, m.SessionKey = now, time.Time{}
	m.ptsN, m.hasKey = 0, false
	m.buckets, m.firstAt, m.bucketAt = [meterWindow + 1]uint64{}, 0, 0
}

// Packet counts one packet of n bytes.
func (m *Meter) Packet(n int, now time.Time) {
	m.Packets++
	m.Bytes += uint64(n)
	m.LastPacket = now
	sec := now.Unix()
	if m.firstAt == 0 {
		m.firstAt, m.bucketAt = sec, sec
	}
	m.roll(sec)
	m.buckets[sec%int64(len(m.buckets))] += uint64(n)
}

// roll empties the buckets of seconds without packets.
func (m *Meter) roll(sec int64) {
	if sec-m.bucketAt > int64(len(m.buckets)) {
		m.buckets = [meterWindow + 1]uint64{}
		m.bucketAt = sec
		return
	}
	for m.bucketAt < sec {
		m.bucketAt++
		m.buckets[m.bucketAt%int64(len(m.buckets))] = 0
	}
}

// Unit counts one picture.
func (m *Meter) Unit(u *AccessUnit) {
	m.Units++
	if m.ptsN > 0 && u.PTS < m.pts[(m.ptsN-1)%meterUnits] {
		m.BFrames = true
	}
	m.pts[m.ptsN%meterUnits] = u.PTS
	m.ptsN++
	if !u.Key {
		return
	}
	if m.hasKey && u.PTS > m.lastKey {
		m.gop = u.PTS - m.lastKey
		m.gops = append(m.gops, m.gop)
		if len(m.gops) > 8 {
			m.gops = m.gops[1:]
		}
	}
	m.lastKey, m.hasKey = u.PTS, true
	if u.Damaged {
		m.Damaged++
		return
	}
	m.Keys++
	m.LastKey, m.SessionKey = u.Received, u.Received
}

// GOP is the time between the last two key units, 0 before it is known.
func (m *Meter) GOP() time.Duration { return m.gop }

// Irregular tells that the key units come at changing distances, as smart
// codings make them.
func (m *Meter) Irregular() bool {
	if len(m.gops) < 3 {
		return false
	}
	lo, hi := m.gops[0], m.gops[0]
	for _, g := range m.gops {
		lo, hi = min(lo, g), max(hi, g)
	}
	return hi > lo+lo/2
}

// FPS is the rate of pictures on the stream's own time line.
func (m *Meter) FPS() float64 {
	n := min(m.ptsN, meterUnits)
	if n < 3 {
		return m.fps
	}
	lo, hi := m.pts[0], m.pts[0]
	for _, p := range m.pts[:n] {
		lo, hi = min(lo, p), max(hi, p)
	}
	if hi <= lo {
		return m.fps
	}
	return float64(n-1) / (hi - lo).Seconds()
}

// KbitS is the bit rate over the last full seconds.
func (m *Meter) KbitS(now time.Time) float64 {
	sec := now.Unix()
	if m.firstAt == 0 || sec-m.bucketAt > meterWindow {
		return 0
	}
	m.roll(sec)
	var sum uint64
	for i, b := range m.buckets {
		if int64(i) != sec%int64(len(m.buckets)) {
			sum += b
		}
	}
	full := min(sec-m.firstAt, meterWindow)
	if full < 1 {
		return 0
	}
	return float64(sum) * 8 / 1000 / float64(full)
}
