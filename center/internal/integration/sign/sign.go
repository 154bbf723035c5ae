// Package sign holds the signature of the open interfaces and webhooks:
// HMAC-SM3 over a text that names the request. It is pure, so that it can be
// read beside docs/interfaces.md.
package sign

import (
	"crypto/hmac"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// The headers of a signed request.
const (
	HeaderApp   = "X-Jx-App"
	HeaderTime  = "X-Jx-Time"
	HeaderNonce = "X-Jx-Nonce"
	HeaderSign  = "X-Jx-Sign"
)

// Window is how far the clocks of both sides may differ.
const Window = 5 * time.Minute

// Code says in a word that programs can read why a request was refused.
type Code string

// The refusals, each with its own code.
const (
	Invalid     Code = "sign_invalid"
	Expired     Code = "time_expired"
	Replayed    Code = "nonce_replayed"
	IPDenied    Code = "ip_denied"
	OverQuota   Code = "quota_exceeded"
	RateLimited Code = "rate_limited"
	Revoked     Code = "app_revoked"
	NotGranted  Code = "interface_not_granted"
)

// Header is the four headers of a request, taken apart.
type Header struct {
	App, Nonce string
	At         time.Time
	// Millis is the time as it was sent; it is part of the signed text.
	Millis string
	MAC    []byte
}

// Parse takes the headers apart; ok is false when one is missing or has the
// wrong form. It never panics on outside input.
func Parse(app, millis, nonce, mac string) (h Header, ok bool) {
	if !word(app, 8, 40) || !word(nonce, 8, 64) || len(millis) < 10 || len(millis) > 15 || len(mac) != 2*sm3.Size {
		return Header{}, false
	}
	n, err := strconv.ParseInt(millis, 10, 64)
	if err != nil || n < 0 || millis[0] == '+' {
		return Header{}, false
	}
	sum, err := hex.DecodeString(mac)
	if err != nil {
		return Header{}, false
	}
	return Header{App: app, Nonce: nonce, Millis: millis, At: time.UnixMilli(n).UTC(), MAC: sum}, true
}

// word tells whether s is letters, digits, - and _ only.
func word(s string, least, most int) bool {
	if len(s) < least || len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Text is what is signed: six lines without a line end after the last. Query
// is the text after the question mark as it was sent, without it.
func Text(method, path, query, millis, nonce string, body []byte) string {
	return strings.Join([]string{method, path, query, millis, nonce, Digest(body)}, "\n")
}

// Digest is SM3 in lower-case hex.
func Digest(b []byte) string {
	h := sm3.Sum(b)
	return hex.EncodeToString(h[:])
}

// MAC is HMAC-SM3 of a text under a key.
func MAC(key, text string) []byte {
	m := hmac.New(func() hash.Hash { return sm3.New() }, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

// Hex is MAC in lower-case hex, as it is sent.
func Hex(key, text string) string { return hex.EncodeToString(MAC(key, text)) }

// Fits compares a header's code with the one of a key in constant time.
func (h Header) Fits(key, text string) bool { return hmac.Equal(h.MAC, MAC(key, text)) }

// Fresh tells whether the request's time is inside the window.
func (h Header) Fresh(now time.Time) bool {
	d := now.Sub(h.At)
	return d <= Window && d >= -Window
}
