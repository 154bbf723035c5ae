package notices

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"jiexun/center/internal/platform/errs"
)

// codeLetters have no letters that look alike.
const (
	codeLetters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	codeLen     = 12
)

// newCode makes a check code: 60 bits that nobody guesses.
func newCode() string {
	b := make([]byte, codeLen)
	_, _ = rand.Read(b) // never fails since Go 1.24
	for i := range b {
		b[i] = codeLetters[b[i]%32]
	}
	return string(b)
}

// ShownCode writes a code in groups of four.
func ShownCode(code string) string {
	if len(code) != codeLen {
		return code
	}
	return code[:4] + "-" + code[4:8] + "-" + code[8:]
}

// ParseCode reads a code as people type it; "" when it is none.
func ParseCode(s string) string {
	if len(s) > 40 {
		return ""
	}
	s = strings.ToUpper(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, s))
	if len(s) != codeLen || strings.Trim(s, codeLetters) != "" {
		return ""
	}
	return s
}

// What the codes are for; each purpose has its own.
const (
	forLink    = "notice.link"
	forSession = "notice.session"
	forTail    = "notice.tail"
	forPaper   = "notice.paper"
)

// macLen is how much of the code a link carries: 96 bits.
const macLen = 24

// seal makes a text that only we can make and that ends at a moment.
func (s *Service) seal(purpose, subject string, until time.Time) string {
	end := strconv.FormatInt(until.Unix(), 36)
	return subject + "." + end + "." + cut(s.keys.Blind(purpose, subject+"|"+end))
}

// cut shortens a code; one that could not be made stays empty and opens
// nothing.
func cut(mac string) string {
	if len(mac) < macLen {
		return ""
	}
	return mac[:macLen]
}

// unseal reads it; false when it is not ours or has ended.
func (s *Service) unseal(purpose, token string, now time.Time) (subject string, ok bool) {
	if len(token) > 120 {
		return "", false
	}
	p := strings.Split(token, ".")
	if len(p) != 3 {
		return "", false
	}
	end, err := strconv.ParseInt(p[1], 36, 64)
	if err != nil || strconv.FormatInt(end, 36) != p[1] {
		return "", false
	}
	good := false
	for _, want := range s.keys.Blinds(purpose, p[0]+"|"+p[1]) {
		good = len(want) >= macLen && subtle.ConstantTimeCompare([]byte(cut(want)), []byte(p[2])) == 1 || good
	}
	return p[0], good && now.Unix() < end
}

// tail gives the last four of a number, "" when it has none.
func tail(number string) string {
	d := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, strings.ToUpper(number))
	if len(d) < 4 {
		return ""
	}
	return d[len(d)-4:]
}

// newPaper makes the four digits that are printed on the notice that somebody
// brings: who holds the paper opens the page without a registered number.
func newPaper() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails since Go 1.24
	n := binary.BigEndian.Uint32(b) % 10_000
	t := strconv.FormatUint(uint64(n), 10)
	return strings.Repeat("0", 4-len(t)) + t
}

// tailsOf gives the digests of what opens the page of a notice.
func (s *Service) tailsOf(id, paper string, c Contact) []string {
	out := []string{s.keys.Blind(forTail, id+"|"+paper)}
	for _, x := range []string{tail(c.Phone), tail(c.CreditCode)} {
		if x != "" {
			out = append(out, s.keys.Blind(forTail, id+"|"+x))
		}
	}
	return out
}

// opens tells whether a tail is one of the notice's.
func (s *Service) opens(n Notice, typed string) bool {
	typed = strings.ToUpper(strings.TrimSpace(typed))
	good := 0
	for _, is := range s.keys.Blinds(forTail, n.ID+"|"+typed) {
		for _, want := range n.tails {
			if len(is) > 0 {
				good |= subtle.ConstantTimeCompare([]byte(is), []byte(want))
			}
		}
	}
	return good == 1 && len(typed) == 4
}

// noMatch is the one answer to everything that does not open a page, so that
// nobody learns which codes exist.
func noMatch() error {
	return errs.New(errs.ForbiddenCode, "查询码或后四位不对，请核对后再试")
}
