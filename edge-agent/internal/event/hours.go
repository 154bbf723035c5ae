package event

import (
	"fmt"
	"strings"
	"time"
)

// span is a part of the day in minutes; to may be smaller than from, which
// means over midnight. Equal ends are the whole day.
type span struct{ from, to int }

// Hours are parts of the day in Asia/Shanghai (UTC+8 all year, so no zone
// data is needed). The zero value means always.
type Hours struct{ spans []span }

const (
	maxSpans  = 16
	shanghaiS = 8 * 3600
)

// ParseHours reads "07:00-22:00", several joined by a comma; a span may go
// over midnight ("22:00-02:00"), and 24:00 is allowed as an end.
func ParseHours(s string) (Hours, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return Hours{}, nil
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '，' || r == '、' })
	if len(parts) == 0 || len(parts) > maxSpans {
		return Hours{}, fmt.Errorf("hours must hold 1 to %d spans like 07:00-22:00, got %.60q", maxSpans, s)
	}
	var h Hours
	for _, p := range parts {
		a, b, ok := strings.Cut(strings.TrimSpace(p), "-")
		from, err1 := minute(a)
		to, err2 := minute(b)
		if !ok || err1 != nil || err2 != nil || from == 24*60 {
			return Hours{}, fmt.Errorf("hours must look like 07:00-22:00, got %.60q", p)
		}
		h.spans = append(h.spans, span{from, to})
	}
	return h, nil
}

func minute(s string) (int, error) {
	s = strings.TrimSpace(s)
	if len(s) != 5 || s[2] != ':' {
		return 0, fmt.Errorf("time must be HH:MM")
	}
	for _, i := range []int{0, 1, 3, 4} {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("time must be HH:MM")
		}
	}
	h, m := int(s[0]-'0')*10+int(s[1]-'0'), int(s[3]-'0')*10+int(s[4]-'0')
	if m > 59 || h > 24 || (h == 24 && m > 0) {
		return 0, fmt.Errorf("time must be 00:00 to 24:00")
	}
	return h*60 + m, nil
}

// Contains tells whether t lies within the hours; the end of a span is
// outside of it.
func (h Hours) Contains(t time.Time) bool {
	if len(h.spans) == 0 {
		return true
	}
	l := t.In(time.FixedZone("Asia/Shanghai", shanghaiS))
	m := l.Hour()*60 + l.Minute()
	for _, s := range h.spans {
		switch {
		case s.from == s.to:
			return true
		case s.from < s.to && m >= s.from && m < s.to:
			return true
		case s.from > s.to && (m >= s.from || m < s.to):
			return true
		}
	}
	return false
}
