package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode"

	"golang.org/x/crypto/argon2"

	"jiexun/center/internal/platform/errs"
)

// HashParams are the costs of argon2id. They are stored with each hash, so
// that raising them does not lock anybody out.
type HashParams struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultHash is one of the equal settings that OWASP names: about 30 ms and
// 12 MiB for each log-in, so that fifty people at once wait under a second on
// two cores.
func DefaultHash() HashParams { return HashParams{MemoryKiB: 12 << 10, Passes: 3, Lanes: 1} }

// hasher bounds how many hashes are computed at once, because each takes tens
// of MiB.
type hasher struct {
	p    HashParams
	slot chan struct{}
}

func newHasher(p HashParams) *hasher {
	return &hasher{p: p, slot: make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))}
}

func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.slot <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hasher) leave() { <-h.slot }

// Hash gives the stored form of a password.
func (h *hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	key := argon2.IDKey([]byte(password), salt, h.p.Passes, h.p.MemoryKiB, h.p.Lanes, 32)
	e := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", h.p.MemoryKiB, h.p.Passes, h.p.Lanes, e.EncodeToString(salt), e.EncodeToString(key)), nil
}

var errHashForm = errors.New("stored password hash has an unknown form")

// Matches compares a password with a stored form in constant time.
func (h *hasher) Matches(ctx context.Context, stored, password string) (bool, error) {
	var m, t uint32
	var p uint8
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != "v=19" {
		return false, errHashForm
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil || p == 0 || t == 0 || m > 1<<20 {
		return false, errHashForm
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) == 0 {
		return false, errHashForm
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, t, m, p, uint32(len(key))) //nolint:gosec // a decoded part of a short text
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}

// CheckPassword refuses weak passwords by the default rules, naming what is
// missing.
func CheckPassword(field, account, password string) error {
	return checkPassword(field, account, password, defaultMinLength, defaultMinClasses)
}

// CheckPassword refuses weak passwords by the rules that hold now.
func (s *Service) CheckPassword(field, account, password string) error {
	p := s.policy()
	return checkPassword(field, account, password, p.MinLength, p.MinClasses)
}

// Password rules that hold until a policy says otherwise.
const (
	defaultMinLength  = 10
	defaultMinClasses = 3
)

func checkPassword(field, account, password string, minLength, minClasses int) error {
	var f errs.Fields
	kinds := map[string]bool{}
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			kinds["upper"] = true
		case unicode.IsLower(r):
			kinds["lower"] = true
		case unicode.IsDigit(r):
			kinds["digit"] = true
		default:
			kinds["sign"] = true
		}
	}
	n := len([]rune(password))
	switch {
	case n < minLength:
		f.Add(field, "密码至少 %d 位", minLength)
	case n > 128:
		f.Add(field, "密码最多 128 位")
	case len(kinds) < minClasses:
		f.Add(field, "密码应含大写字母、小写字母、数字、符号中的至少%s种", [...]string{"零", "一", "两", "三", "四"}[min(max(minClasses, 0), 4)])
	case account != "" && strings.Contains(strings.ToLower(password), strings.ToLower(account)):
		f.Add(field, "密码不能包含账号")
	}
	return f.Err()
}

// randomText makes n random bytes as text for tokens.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.RawURLEncoding.EncodeToString(b)
}

// temporaryPassword makes a readable first password that CheckPassword takes.
func temporaryPassword() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789"
	b := make([]byte, 12)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return "Jx" + string(b[:4]) + "-" + string(b[4:8]) + "-" + string(b[8:]) + "7"
}
